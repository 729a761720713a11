/** The shared language of Tidelock: pure, without dependencies. */
export * from "./base/assert.ts";
export * from "./base/hash.ts";
export * from "./base/json.ts";
export * from "./base/random.ts";
export * from "./base/utf8.ts";
export * from "./crdt/change.ts";
export * from "./errors.ts";
export * from "./filter/filter.ts";
export * from "./ids.ts";
export * from "./limits.ts";
export * from "./mutation/apply.ts";
export * from "./mutation/entity.ts";
export * from "./mutation/event-codec.ts";
export * from "./mutation/event.ts";
export * from "./mutation/mutation.ts";
export * from "./mutation/mutator.ts";
export * from "./mutation/references.ts";
export * from "./protocol/cbor.ts";
export * from "./protocol/codec.ts";
export * from "./protocol/messages.ts";
export * from "./protocol/parse.ts";
export type { Shape } from "./protocol/shape.ts";
export * from "./protocol/version.ts";
export * from "./resolve/decision.ts";
export * from "./resolve/field-state.ts";
export * from "./resolve/last-write.ts";
export { remember } from "./resolve/memory.ts";
export * from "./resolve/resolve.ts";
export * from "./resolve/rule.ts";
export * from "./resolve/rules.ts";
export { isPromise, RanOutOfTime, type TimeLimit, UNLIMITED } from "./resolve/run-rule.ts";
export * from "./schema/collection-schema.ts";
export * from "./schema/evolution.ts";
export * from "./schema/evolve.ts";
export * from "./schema/field.ts";
export {
  type CollectionMigration,
  lens,
  type LensDeclaration,
  type Migrations,
  migrations,
  type ValuesOf,
} from "./schema/migration.ts";
export * from "./schema/mutator-schema.ts";
export * from "./schema/schema.ts";
export * from "./schema/standard-schema.ts";
export * from "./schema/system.ts";
export * from "./time/hlc.ts";
export * from "./time/lamport.ts";
export * from "./version/checkpoint.ts";
export * from "./version/version-vector.ts";
