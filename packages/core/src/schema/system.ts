/**
 * What every tenant has besides its own collections: the review queue. A review is an entity like any other, so it is
 * synchronised, filtered, queried offline and kept in the log like any other; only the server creates one, in the same
 * transaction as the write that needs it.
 *
 * A collection whose fields can come to review has one more column, `MARK`: `null`, or an object from field name to the id
 * of the review that holds it (`*` for the whole entity). So everybody who sees the entity sees at once that it waits.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import {
  type Counter,
  type DeviceId,
  type EntityId,
  type Millis,
  type Offset,
  parseEntityId,
  type UserId,
} from "../ids.ts";
import type { Stamp } from "../time/hlc.ts";
import type { FieldSchema, FieldType } from "./field.ts";
import type { CollectionSchema } from "./collection-schema.ts";

/** Names with this prefix belong to the engine. */
export const SYSTEM_PREFIX = "tidelock.";
/** The collection of reviews. */
export const REVIEWS = "tidelock.reviews";
/** The column that marks an entity as waiting for reviews. */
export const MARK = "tidelock.review";
/** In a mark: the whole entity is at stake. */
export const WHOLE_ENTITY = "*";

/** A value that was written to a field and waits for a decision. */
export interface ReviewCandidate {
  /** Names it within the review: `device:counter`. */
  readonly id: string;
  readonly device: DeviceId;
  readonly counter: Counter;
  readonly user: UserId | null;
  /** Where the log has it. */
  readonly offset: Offset;
  /** What its author had seen of the log, own writes aside; `null` where only the log knows. */
  readonly seen: Offset | null;
  readonly stamp: Stamp;
  /** The value of the field; for a whole entity the fields written, or `null` for its deletion. */
  readonly value: JsonValue;
}

/** How a review ended. */
export interface ReviewOutcome {
  /**
   * `pick`: one of the candidates. `edit`: another value. `expired`: the time was up. `deleted`: the entity is gone.
   */
  readonly kind: "pick" | "edit" | "expired" | "deleted";
  /** The candidate that stands; `null` when none of them does. */
  readonly candidate: string | null;
  readonly value: JsonValue;
  readonly user: UserId;
  readonly device: DeviceId;
  readonly time: Millis;
}

/** A review as an application reads it. */
export interface Review {
  readonly id: string;
  readonly collection: string;
  readonly entity: string;
  /** The field; `null` when the whole entity is at stake. */
  readonly field: string | null;
  readonly status: "open" | "closed";
  /** The policy that wanted a person, or `resolve/…` with the name of the rule that did. */
  readonly policy: string;
  readonly policyVersion: number;
  /** Why a person is needed, as a sentence. */
  readonly reason: string;
  /** What the candidates started from, in a list of one; empty when nobody knows any more. */
  readonly base: readonly JsonValue[];
  /** The first is what the field has meanwhile. */
  readonly candidates: readonly ReviewCandidate[];
  readonly assignee: string | null;
  readonly note: string | null;
  /** When the time is up, milliseconds since 1970; `null`: never. */
  readonly due: Millis | null;
  readonly onExpiry: "keep" | "latest";
  readonly openedAt: Millis;
  readonly closedAt: Millis | null;
  readonly outcome: ReviewOutcome | null;
  /** The entity's values by field, as they are now; the last ones of a deleted entity. */
  readonly row: JsonObject;
}

function part(name: string, type: FieldType, more: Partial<FieldSchema> = {}): FieldSchema {
  return {
    name,
    type,
    optional: false,
    default: undefined,
    policy: { kind: "lww" },
    values: [],
    collection: null,
    validator: null,
    element: null,
    item: [],
    ...more,
  };
}

const OPTIONAL = { optional: true, default: null };

const FIELDS: readonly FieldSchema[] = [
  part("collection", "string"),
  part("entity", "string"),
  part("field", "string", OPTIONAL),
  part("status", "enum", { values: ["open", "closed"] }),
  part("policy", "string"),
  part("policyVersion", "integer"),
  part("reason", "string"),
  part("base", "json"),
  part("candidates", "json"),
  part("assignee", "string", OPTIONAL),
  part("note", "string", OPTIONAL),
  part("due", "timestamp", OPTIONAL),
  part("onExpiry", "enum", { values: ["keep", "latest"], default: "keep" }),
  part("openedAt", "timestamp"),
  part("closedAt", "timestamp", OPTIONAL),
  part("outcome", "json", OPTIONAL),
  part("row", "json"),
];

/** The fields of a review that people may change without deciding it. */
export const REVIEW_NOTES: ReadonlySet<string> = new Set(["assignee", "note", "due", "onExpiry"]);

export const REVIEWS_SCHEMA: CollectionSchema = {
  name: REVIEWS,
  ids: "client",
  onDelete: "delete-wins",
  isSystem: true,
  isReviewable: false,
  fields: FIELDS,
  hasMerged: false,
  references: [],
  byName: new Map(FIELDS.map((entry) => [entry.name, entry])),
};

/** The reviews that an entity waits for, by field, from its mark. */
export function marksOf(mark: JsonValue | undefined): ReadonlyMap<string, EntityId> {
  if (!isJsonObject(mark)) return NO_MARKS;
  const marks = new Map<string, EntityId>();
  for (const [field, text] of Object.entries(mark)) {
    const id = parseEntityId(text);
    if (id !== null) marks.set(field, id);
  }
  return marks;
}

const NO_MARKS: ReadonlyMap<string, EntityId> = new Map();
