/** What the engines know of a collection. */
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
}
