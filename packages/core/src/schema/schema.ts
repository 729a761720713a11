/**
 * Schemas: plain TypeScript, shared by client, server and CLI; types are inferred, nothing is generated.
 *
 *     export const schema = defineSchema({
 *       version: 1,
 *       collections: { tasks: collection({ title: field.string(), done: field.boolean().default(false) }) },
 *     });
 *     type Task = EntityOf<typeof schema, "tasks">; // { id: string; title: string; done: boolean }
 */
import { canonicalJson, type JsonValue } from "../base/json.ts";
import { fingerprint } from "../base/hash.ts";
import { isName } from "../ids.ts";
import { MAX_FIELDS } from "../limits.ts";
import { holdsReferences } from "../mutation/references.ts";
import { buildField, invalid, shapeOf, shapeOfStep } from "./build-field.ts";
import type { CollectionSchema, IdSource, OnDelete } from "./collection-schema.ts";
import { evolutionOf, type SchemaMigrations } from "./evolution.ts";
import { type Field, type Fields, isMerged, type Policy } from "./field.ts";
import type { DeclaredMigrations } from "./migration.ts";
import type { MutatorSchema } from "./mutator-schema.ts";
import { MARK, REVIEWS_SCHEMA, SYSTEM_PREFIX } from "./system.ts";

export type { AnyField, Fields } from "./field.ts";

export interface Collection<Shape extends Fields = Fields> {
  readonly fields: Shape;
  readonly ids: IdSource;
  readonly onDelete: OnDelete;
}
export type Collections = Readonly<Record<string, Collection>>;

/** Declares a collection. */
export function collection<const Shape extends Fields>(
  fields: Shape,
  options: { readonly ids?: IdSource; readonly onDelete?: OnDelete } = {},
): Collection<Shape> {
  return { fields, ids: options.ids ?? "client", onDelete: options.onDelete ?? "delete-wins" };
}

export interface Schema<Declared extends Collections = Collections> {
  readonly "version": number;
  /** A fingerprint of everything that matters on the wire. */
  readonly "hash": string;
  readonly "collections": ReadonlyMap<string, CollectionSchema>;
  readonly "mutators": ReadonlyMap<string, MutatorSchema>;
  /** What becomes of what older versions left; missing where nothing became of their fields. */
  readonly "migrations"?: SchemaMigrations;
  readonly "~declared"?: Declared;
}

/** The names that a client object already has; a collection cannot take them. */
const RESERVED = new Set([
  "status",
  "connection",
  "presence",
  "transaction",
  "close",
  "open",
  "opened",
  "subscribe",
  "outbox",
  "rejected",
  "goOnline",
  "goOffline",
  "device",
  "schema",
  "conflicts",
  "history",
  "mutate",
  "on",
  "then",
]);

/**
 * Declares a schema. Throws `TidelockError` with code `schema-invalid` and the reason when a name cannot be used, a
 * default does not fit its field, a reference points nowhere, or a migration does not lead to the fields that there are.
 */
export function defineSchema<const Declared extends Collections>(declaration: {
  readonly version: number;
  readonly collections: Declared;
  /** How older versions became this one: made by `migrations`. */
  readonly migrations?: DeclaredMigrations<keyof NoInfer<Declared>>;
}): Schema<Declared> {
  const { version } = declaration;
  if (!Number.isSafeInteger(version) || version < 1) {
    throw invalid(`version must be a whole number from 1, not ${String(version)}`);
  }
  const { migrations } = declaration;
  migrations?.check(version, Object.keys(declaration.collections));
  const collections = new Map<string, CollectionSchema>();
  for (const [name, declared] of Object.entries(declaration.collections)) {
    const built = buildCollection(name, declared);
    const evolution = migrations?.evolutionOf(name, built.fields, version);
    collections.set(name, evolution === undefined ? built : { ...built, evolution });
  }
  for (const { name, fields } of collections.values()) {
    for (const target of fields) {
      const to = target.collection ?? target.element?.collection ?? null;
      if (to !== null && !collections.has(to)) {
        throw invalid(`${name}.${target.name} refers to the collection ${to}, which is not declared`);
      }
    }
  }
  const hash = hashOf(version, collections);
  collections.set(REVIEWS_SCHEMA.name, REVIEWS_SCHEMA);
  return {
    version,
    hash,
    collections,
    mutators: new Map(),
    ...(migrations === undefined ? {} : { migrations: migrations.of(collections, version) }),
  };
}

/** The names of the columns that a collection's rows need: its fields, the mark of reviews, and what older fields need. */
export function columnNames(schema: CollectionSchema): string[] {
  const names = schema.fields.map((field) => field.name);
  const { legacy } = evolutionOf(schema);
  return [...names, ...(schema.isReviewable ? [MARK] : []), ...legacy.map((field) => field.name)];
}

function buildCollection(name: string, declared: Collection): CollectionSchema {
  if (!isName(name) || RESERVED.has(name) || name in Object.prototype || name.startsWith(SYSTEM_PREFIX)) {
    throw invalid(`a collection cannot be called ${JSON.stringify(name)}`);
  }
  const fields = Object.entries(declared.fields).map(([field, definition]) => buildField(name, field, definition));
  if (fields.length > MAX_FIELDS) throw invalid(`${name} has ${fields.length} fields; the most is ${MAX_FIELDS}`);
  return {
    name,
    ids: declared.ids,
    onDelete: declared.onDelete,
    isSystem: false,
    isReviewable: declared.onDelete === "review" || fields.some(({ policy }) => mayNeedReview(policy)),
    fields,
    hasMerged: fields.some(isMerged),
    references: fields.filter(holdsReferences),
    byName: new Map(fields.map((entry) => [entry.name, entry])),
  };
}

function mayNeedReview({ kind }: Policy): boolean {
  return kind === "review" || kind === "resolve";
}

function hashOf(version: number, collections: ReadonlyMap<string, CollectionSchema>): string {
  const shape: JsonValue = [...collections.values()].map((entry) => [
    entry.name,
    entry.ids,
    entry.onDelete,
    entry.fields.map(shapeOf),
    ...(entry.evolution === undefined ? [] : [entry.evolution.steps.map(shapeOfStep)]),
  ]);
  return fingerprint(canonicalJson([version, shape]));
}

type ValueOf<Declared> = Declared extends Field<infer Value, boolean, infer _> ? Value : never;
type ChangeOf<Declared> = Declared extends Field<JsonValue, boolean, infer Change> ? Change : never;
type GivenNames<Shape extends Fields> = {
  [Name in keyof Shape]: Shape[Name] extends Field<JsonValue, true, infer _> ? Name : never;
}[keyof Shape];
type DeclaredOf<Source> = Source extends Schema<infer Declared> ? Declared : never;

/** The names of a schema's collections. */
export type CollectionName<Source> = keyof DeclaredOf<Source> & string;
type ShapeOf<Source, Name extends CollectionName<Source>> = DeclaredOf<Source>[Name]["fields"];

/** An entity as an application reads it. */
export type EntityOf<Source, Name extends CollectionName<Source>> = Readonly<
  { id: string } & { [Key in keyof ShapeOf<Source, Name>]: ValueOf<ShapeOf<Source, Name>[Key]> }
>;
/** What a create takes: fields without default must be named; the id may be given where clients make ids. */
export type CreateOf<Source, Name extends CollectionName<Source>> = { readonly id?: string } & {
  readonly [Key in GivenNames<ShapeOf<Source, Name>>]: ValueOf<ShapeOf<Source, Name>[Key]>;
} & { readonly [Key in keyof ShapeOf<Source, Name>]?: ValueOf<ShapeOf<Source, Name>[Key]> };
/** What an update takes: the fields that change; for those that are merged by intent, how they change. */
export type UpdateOf<Source, Name extends CollectionName<Source>> = {
  readonly [Key in keyof ShapeOf<Source, Name>]?: ChangeOf<ShapeOf<Source, Name>[Key]>;
};
