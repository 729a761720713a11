/**
 * Decision records: for each field where concurrent writes met, what stood against what, which rule decided, and why.
 * A value that lost is in the record, so it is never gone (promise G25).
 */
import type { JsonValue } from "../base/json.ts";
import type { Counter, DeviceId, Offset, UserId } from "../ids.ts";
import type { Stamp } from "../time/hlc.ts";

/**
 * What the field has after the decision: the value of one side (`current` was in the log first), a third one made of both,
 * or for now still the current one, until a person has decided.
 */
export type Winner = "current" | "incoming" | "merged" | "review";

/** One of the two writes of a conflict. `current` was in the log first. */
export type Side = "current" | "incoming";

/** One side of a conflict. Its dot is `(device, counter)`. */
export interface Contender {
  readonly device: DeviceId;
  readonly counter: Counter;
  /** Who wrote it; `null` where only the log knows: the event at `offset`. */
  readonly user: UserId | null;
  /** Where the log has it. */
  readonly offset: Offset;
  /** What its author had seen of the log, own writes aside; `null` where only the log knows. */
  readonly seen: Offset | null;
  readonly stamp: Stamp;
  /** What was written: a value; the values by field where a whole entity was at stake; a change where changes are merged. */
  readonly value: JsonValue;
}

export interface Decision {
  /** The field; `null` when the whole entity was at stake (an update against a delete). */
  readonly field: string | null;
  /** The policy, or `resolve/…` with the name of the rule. */
  readonly policy: string;
  readonly policyVersion: number;
  readonly winner: Winner;
  /** What the field has after the decision; `null` when the whole entity was at stake, or one element of a merged field. */
  readonly value: JsonValue;
  /** One sentence for a person who was not there. */
  readonly reason: string;
  /** What both started from; missing when nobody knows any more, or where it does not matter. */
  readonly base?: JsonValue | undefined;
  readonly current: Contender;
  readonly incoming: Contender;
}
