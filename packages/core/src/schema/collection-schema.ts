/** What the engines know of a collection, and how they read its rows. */
import type { JsonValue } from "../base/json.ts";
import { type Evolution, evolutionOf } from "./evolution.ts";
import type { FieldSchema } from "./field.ts";

/** Who makes the final id of an entity: the client (a UUIDv7, at once) or the server (the client holds a temporary one). */
export type IdSource = "client" | "server";

/**
 * What becomes of an entity that one device updates while another, without seeing that, deletes it. `delete-wins`: it is
 * gone. `update-wins`: it stays, or comes back. `review`: a person decides; it stays what it was first, there or gone.
 */
export type OnDelete = "delete-wins" | "update-wins" | "review";

/** What the engines know of a collection. */
export interface CollectionSchema {
  readonly name: string;
  readonly ids: IdSource;
  readonly onDelete: OnDelete;
  /** Belongs to the engine: applications read it and do not write it. */
  readonly isSystem: boolean;
  /** Whether its entities can come to review: then its rows have the column `MARK`. */
  readonly isReviewable: boolean;
  readonly fields: readonly FieldSchema[];
  /** Whether writes of some of them are changes that are merged. */
  readonly hasMerged: boolean;
  /** Those of them whose values can name other entities. */
  readonly references: readonly FieldSchema[];
  readonly byName: ReadonlyMap<string, FieldSchema>;
  /** How its fields came to be what they are; missing where they always were so. */
  readonly evolution?: Evolution;
}

/**
 * The values of a row that was stored before its collection had all of `columns`: what became of those that it has, and
 * for the rest the fields' defaults. `failed` hears of values that could not be made.
 */
export function completeRow(
  values: readonly JsonValue[],
  columns: readonly string[],
  schema: CollectionSchema,
  failed?: (problem: string) => void,
): readonly JsonValue[] {
  if (values.length >= columns.length) return values;
  const { legacy } = evolutionOf(schema);
  const known = schema.evolution === undefined ? null : valuesByName(values, columns, schema, failed);
  const missing = columns.slice(values.length).map((name) => {
    const field = schema.byName.get(name) ?? legacy.find((old) => old.name === name);
    const value = known?.get(name);
    return value === undefined ? (field?.default ?? null) : value;
  });
  return [...values, ...missing];
}

/** What a row says of every field that its collection has, or ever had and can be told. */
export function valuesByName(
  values: readonly JsonValue[],
  columns: readonly string[],
  schema: CollectionSchema,
  failed?: (problem: string) => void,
): Map<string, JsonValue> {
  const named = values.flatMap((value, index): Array<[string, JsonValue]> => {
    const name = columns[index];
    return name === undefined ? [] : [[name, value]];
  });
  return evolutionOf(schema).fillIn(new Map(named), failed);
}
