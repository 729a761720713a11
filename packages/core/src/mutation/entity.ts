/**
 * An entity as the server knows it: its values, who wrote each of them last, and its version vector. Values stand in the
 * order of the collection's *columns*, a list that only grows, so that a stored row is readable under every later schema.
 */
import type { JsonValue } from "../base/json.ts";
import type { EntityId, Offset, UserId } from "../ids.ts";
import type { Stamp } from "../time/hlc.ts";
import type { Dot, EntityVector } from "../version/version-vector.ts";

/** The last write of a field. */
export interface FieldWrite extends Dot {
  readonly stamp: Stamp;
  readonly user: UserId;
}

/** What a deleted entity was, where its collection may want it back. */
export interface Buried {
  readonly values: readonly JsonValue[];
  readonly writes: readonly (FieldWrite | undefined)[];
  readonly memory: EntityState["memory"];
}

export interface EntityState {
  readonly collection: string;
  readonly id: EntityId;
  /** Offset of the event that made this state. */
  readonly at: Offset;
  /** `null` when deleted: a tombstone. A missing position means the field's default. */
  readonly values: readonly JsonValue[] | null;
  /** For each column its last write; a missing position means never written. For a tombstone: one entry, the delete. */
  readonly writes: readonly (FieldWrite | undefined)[];
  readonly vector: EntityVector;
  readonly createdBy: UserId;
  /** What the policies of fields remember beside the values, by field: see `FieldState`. */
  readonly memory: ReadonlyMap<string, JsonValue>;
  /** For a tombstone of a collection whose `onDelete` is not `delete-wins`. */
  readonly buried: Buried | null;
}

/** The names of a collection's columns, in the order in which rows hold their values. */
export type Columns = readonly string[];
