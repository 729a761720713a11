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
import { TidelockError } from "../errors.ts";
import { isName } from "../ids.ts";
import { MAX_FIELDS } from "../limits.ts";
import { holdsReferences } from "../mutation/references.ts";
import { type Field, type FieldSchema, fieldProblem, isFieldName, isMerged, type Policy } from "./field.ts";
import type { CollectionSchema, IdSource, OnDelete } from "./collection-schema.ts";
import type { MutatorSchema } from "./mutator-schema.ts";
import { MARK, REVIEWS_SCHEMA, SYSTEM_PREFIX } from "./system.ts";

// oxlint-disable-next-line typescript/no-explicit-any -- any field, whatever its value
export type AnyField = Field<any, boolean, any>;
export type Fields = Readonly<Record<string, AnyField>>;

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

/** The values of a row that was stored before its collection had all of `columns`: the rest are the fields' defaults. */
export function completeRow(
  values: readonly JsonValue[],
  columns: readonly string[],
  schema: CollectionSchema,
): readonly JsonValue[] {
  if (values.length >= columns.length) return values;
  return [...values, ...columns.slice(values.length).map((name) => schema.byName.get(name)?.default ?? null)];
}

export interface Schema<Declared extends Collections = Collections> {
  readonly "version": number;
  /** A fingerprint of everything that matters on the wire. */
  readonly "hash": string;
  readonly "collections": ReadonlyMap<string, CollectionSchema>;
  readonly "mutators": ReadonlyMap<string, MutatorSchema>;
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
 * default does not fit its field, or a reference points nowhere.
 */
export function defineSchema<const Declared extends Collections>(declaration: {
  readonly version: number;
  readonly collections: Declared;
}): Schema<Declared> {
  if (!Number.isSafeInteger(declaration.version) || declaration.version < 1) {
    throw invalid(`version must be a whole number from 1, not ${String(declaration.version)}`);
  }
  const collections = new Map<string, CollectionSchema>();
  for (const [name, declared] of Object.entries(declaration.collections)) {
    collections.set(name, buildCollection(name, declared));
  }
  for (const { name, fields } of collections.values()) {
    for (const target of fields) {
      const to = target.collection ?? target.element?.collection ?? null;
      if (to !== null && !collections.has(to)) {
        throw invalid(`${name}.${target.name} refers to the collection ${to}, which is not declared`);
      }
    }
  }
  const hash = hashOf(declaration.version, collections);
  collections.set(REVIEWS_SCHEMA.name, REVIEWS_SCHEMA);
  return { version: declaration.version, hash, collections, mutators: new Map() };
}

/** The names of the columns that a collection's rows need. */
export function columnNames(schema: CollectionSchema): string[] {
  const names = schema.fields.map((field) => field.name);
  return schema.isReviewable ? [...names, MARK] : names;
}

function buildCollection(name: string, declared: Collection): CollectionSchema {
  if (!isName(name) || RESERVED.has(name) || name in Object.prototype || name.startsWith(SYSTEM_PREFIX)) {
    throw invalid(`a collection cannot be called ${JSON.stringify(name)}`);
  }
  const fields: FieldSchema[] = [];
  for (const [fieldName, declaredField] of Object.entries(declared.fields)) {
    if (!isFieldName(fieldName)) throw invalid(`${name} cannot have a field called ${JSON.stringify(fieldName)}`);
    const built: FieldSchema = { name: fieldName, ...declaredField.definition };
    const problem = built.default === undefined ? null : fieldProblem(built, built.default);
    if (problem !== null) throw invalid(`the default of ${name}.${fieldName} ${problem}`);
    for (const { name: property, type } of built.item) {
      if (!isFieldName(property))
        throw invalid(`items of ${name}.${fieldName} cannot have a ${JSON.stringify(property)}`);
      if (["set", "list", "counter"].includes(type)) throw invalid(`${name}.${fieldName} has a ${type} in its items`);
    }
    fields.push(built);
  }
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
  ]);
  return fingerprint(canonicalJson([version, shape]));
}

function shapeOf(part: FieldSchema): JsonValue {
  const { policy } = part;
  return [
    part.name,
    part.type,
    part.optional,
    policy.kind === "resolve" ? [policy.rule.name, policy.rule.version] : { ...policy },
    [...part.values],
    part.collection,
    part.default ?? null,
    part.element === null ? null : shapeOf(part.element),
    part.item.map(shapeOf),
  ];
}

function invalid(reason: string): TidelockError {
  return new TidelockError("schema-invalid", reason);
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
