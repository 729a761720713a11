/**
 * Which version of the schema a tenant's rows have. It is noted with the columns, under a name that no collection can take:
 * a list that only grows like theirs, of `to:n` when rows begin to be brought to version n, and `rows:n` when all are there.
 */
import {
  type CollectionSchema,
  evolutionOf,
  introducedBy,
  type Schema,
  SYSTEM_PREFIX,
  TidelockError,
} from "@tidelock/core";
import type { Commit, TenantRecord } from "./records.ts";

const ROWS = `${SYSTEM_PREFIX}rows`;
const NOTE = /^(rows|to):([1-9][0-9]*)$/;

interface Note {
  readonly isDone: boolean;
  readonly version: number;
}

function notesOf({ columns }: TenantRecord): readonly Note[] {
  return (columns.get(ROWS) ?? []).flatMap((text) => {
    const match = NOTE.exec(text);
    return match === null ? [] : [{ isDone: match[1] === "rows", version: Number(match[2]) }];
  });
}

/** The version that all rows have; 0 when nobody has noted it: no schema with migrations has been here. */
export function rowsVersionOf(record: TenantRecord): number {
  return notesOf(record).findLast(({ isDone }) => isDone)?.version ?? 0;
}

/** The rows of a tenant are of an older version than the schema: they must be migrated before a hub is made of them. */
export class RowsBehind extends Error {
  override readonly name = "RowsBehind";
  readonly schema: Schema;

  constructor(schema: Schema) {
    super(`rows are not at schema version ${schema.version} yet`);
    this.schema = schema;
  }
}

/**
 * Throws `RowsBehind`, or `data-newer` when a newer schema has been here: an older one would write what it knows and leave
 * the rest behind.
 */
export function assertRowsCurrent(record: TenantRecord, schema: Schema): void {
  const { version } = schema;
  const newest = Math.max(0, ...notesOf(record).map((note) => note.version));
  if (newest > version) {
    throw new TidelockError("data-newer", `rows have schema version ${newest}; this server has version ${version}`);
  }
  if (collectionsBehind(record, schema).length > 0) throw new RowsBehind(schema);
}

/** The collections whose rows must be brought to this version; none when they are there. */
export function collectionsBehind(record: TenantRecord, schema: Schema): readonly CollectionSchema[] {
  const version = rowsVersionOf(record);
  if (record.columns.size === 0 || version === schema.version || (version === 0 && !hasSteps(schema))) return [];
  return [...schema.collections.values()].filter((collection) => {
    const columns = record.columns.get(collection.name);
    if (columns === undefined) return false;
    const isTouched = evolutionOf(collection).steps.some((step) => step.version > version);
    return isTouched || fieldWithoutValue(collection, columns) !== null;
  });
}

/** A field that stored rows can have no value for: it is new, has no default, and no migration says what it was. */
export function fieldWithoutValue(schema: CollectionSchema, columns: readonly string[]): string | null {
  const made = new Set(
    evolutionOf(schema)
      .steps.flatMap(introducedBy)
      .map(({ name }) => name),
  );
  const missing = schema.fields.find(
    ({ name, default: preset }) => preset === undefined && !columns.includes(name) && !made.has(name),
  );
  return missing?.name ?? null;
}

function hasSteps({ collections }: Schema): boolean {
  return [...collections.values()].some(({ evolution }) => evolution !== undefined);
}

/** The columns to store with the note that rows are at this version, or on their way; empty when that is noted already. */
export function rowsNote(record: TenantRecord, schema: Schema, state: "rows" | "to"): Commit["columns"] {
  const known = record.columns.get(ROWS) ?? [];
  const note = `${state}:${schema.version}`;
  if (known.at(-1) === note || (known.length === 0 && !hasSteps(schema))) return [];
  return [[ROWS, [...known, note]]];
}
