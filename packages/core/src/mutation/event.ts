/**
 * Domain events: admitted mutations with their offset in the tenant's log; immutable. An event carries the whole row
 * after it and the values that it replaced, so that a reader of the log can filter, undo and explain without asking for
 * anything else; `previous` links an entity's events into its history.
 */
import type { JsonValue } from "../base/json.ts";
import type { Counter, DeviceId, EntityId, Millis, Offset, UserId } from "../ids.ts";
import type { Decision } from "../resolve/decision.ts";
import type { Stamp } from "../time/hlc.ts";
import type { FieldValues } from "./mutation.ts";

export type EventKind = "created" | "updated" | "deleted";

export interface DomainEvent {
  readonly offset: Offset;
  readonly kind: EventKind;
  readonly collection: string;
  readonly entity: EntityId;
  readonly device: DeviceId;
  readonly counter: Counter;
  readonly user: UserId;
  readonly stamp: Stamp;
  /** The stamp that the device claimed, when it lay too far ahead and was replaced; else `null`. */
  readonly claimed: Stamp | null;
  /** When the server admitted it. */
  readonly time: Millis;
  /** What the author had seen: a floor offset; the device's own earlier mutations are implied. */
  readonly seen: Offset;
  /** How many events of the same transaction follow. */
  readonly remaining: number;
  /** Offset of the entity's event before this one; 0 for its first. */
  readonly previous: Offset;
  /** The columns whose value changed. A write that lost entirely changes none. */
  readonly changed: readonly string[];
  /** The values that `changed` had before, in the same order. */
  readonly was: readonly JsonValue[];
  /** The row after the event in column order; `null` for a delete. */
  readonly row: readonly JsonValue[] | null;
  /** One record per field where concurrent writes had to be settled. */
  readonly decisions: readonly Decision[];
  /** What the author wrote in fields whose writes are merged: the changes, of which `row` has only the effect. */
  readonly changes: FieldValues | null;
  /** The call of a mutator that this is the first event of: its name and its arguments. */
  readonly call: readonly [name: string, args: JsonValue] | null;
}

/** The name of an event on a bus: `tasks.created`; `tidelock.reviews.created` when a review opens. */
export function eventName(event: Pick<DomainEvent, "collection" | "kind">): string {
  return `${event.collection}.${event.kind}`;
}
