/** What waits to be admitted: mutations as they were pushed, in whole transactions, and how each was decided. */
import type { Counter, Mutation, Offset, Outcome, ResultDetail, VersionVector } from "@tidelock/core";
import type { DeviceState } from "./device.ts";
import type { Principal } from "./input.ts";

/** A mutation as it was pushed. */
export interface Pushed {
  readonly mutation: Mutation;
  readonly seen: VersionVector;
  /** What a plain HTTP client called it. */
  readonly name: string | null;
  /** Whether the server makes the id of this create. */
  readonly assign: boolean;
  /** Why it cannot be admitted, when that was clear on arrival. It is recorded like every refusal. */
  readonly refused: ResultDetail | null;
  /** The server itself decides a review whose time is up. */
  readonly isExpiry?: boolean;
}

/** A whole transaction on its way to be admitted. */
export interface Transaction {
  readonly device: DeviceState;
  readonly principal: Principal;
  readonly mutations: readonly Pushed[];
  /** Called for each mutation, in order, when its decision is on disk. */
  readonly answer: (decided: Decided) => void;
}

/** How a mutation was decided, on disk. */
export interface Decided {
  readonly counter: Counter;
  readonly name: string | null;
  readonly outcome: Outcome;
  readonly offset: Offset;
  readonly detail: ResultDetail | null;
}

/** The name that a mutation's receipt is found by: a plain client's, or the temporary id of a create. */
export function nameOf({ name, assign, mutation }: Pushed): string | null {
  return name ?? (assign ? mutation.entity : null);
}
