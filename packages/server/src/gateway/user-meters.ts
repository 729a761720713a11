/** Rate limits of users whose requests have no session: one meter for all requests of a user together. */
import type { Millis } from "@tidelock/core";
import { TokenBucket } from "./token-bucket.ts";

/** Users whose meter is remembered; forgetting one gives it a full bucket. */
const MAX_METERS = 10_000;

export class UserMeters {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #meters = new Map<string, TokenBucket>();

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** @returns 0 when taken; otherwise it is worth trying again after so many milliseconds */
  take(user: string, cost: number, now: Millis): Millis {
    const meter = this.#meters.get(user) ?? new TokenBucket(this.#perSecond, this.#burst, now);
    this.#meters.delete(user);
    this.#meters.set(user, meter);
    if (this.#meters.size > MAX_METERS) {
      const [oldest] = this.#meters.keys();
      if (oldest !== undefined) this.#meters.delete(oldest);
    }
    return meter.take(cost, now);
  }
}
