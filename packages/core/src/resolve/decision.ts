/**
 * Decision records: for each field where concurrent writes met, what stood against what, which rule decided, and why.
 * A value that lost is in the record, so it is never gone (promise G25).
 */
import type { JsonValue } from "../base/json.ts";
import type { Counter, DeviceId } from "../ids.ts";
import type { Stamp } from "../time/hlc.ts";

/** Which side's value the field has after the decision. `current` was in the log first. */
export type Side = "current" | "incoming";

export interface Contender {
  readonly device: DeviceId;
  readonly counter: Counter;
  readonly stamp: Stamp;
  readonly value: JsonValue;
}

export interface Decision {
  /** The field; `null` when the whole entity was at stake (an update against a delete). */
  readonly field: string | null;
  readonly policy: "lww" | "delete-wins";
  readonly policyVersion: number;
  readonly winner: Side;
  readonly reason: string;
  readonly current: Contender;
  readonly incoming: Contender;
}
