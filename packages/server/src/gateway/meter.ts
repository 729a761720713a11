/** What one session may send in a time: mutations, other messages, and attempts beyond that before it is closed. */
import type { ClientMessage, Millis, ServerLimits } from "@tidelock/core";
import { TokenBucket } from "./token-bucket.ts";

/** Refusals per second, and at once, that a session is granted before it is closed: a client that backs off stays. */
const REFUSALS_PER_SECOND = 2;
const REFUSAL_BURST = 60;

export class Meter {
  readonly #mutations: TokenBucket;
  readonly #messages: TokenBucket;
  #refusals: TokenBucket | null = null;

  constructor(limits: ServerLimits, now: Millis) {
    this.#mutations = new TokenBucket(limits.mutationsPerSecond, limits.mutationBurst, now);
    this.#messages = new TokenBucket(limits.messagesPerSecond, 2 * limits.messagesPerSecond, now);
  }

  /** 0 when the message may pass; otherwise milliseconds after which it may. */
  take(message: ClientMessage, now: Millis): Millis {
    // An empty push costs as much as one mutation.
    if (message.type === "push") return this.#mutations.take(Math.max(1, message.mutations.length), now);
    return this.#messages.take(1, now);
  }

  /** Notes a refusal; `true` when there have been too many. */
  refusedTooOften(now: Millis): boolean {
    this.#refusals ??= new TokenBucket(REFUSALS_PER_SECOND, REFUSAL_BURST, now);
    return this.#refusals.take(1, now) > 0;
  }
}
