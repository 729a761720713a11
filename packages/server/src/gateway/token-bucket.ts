/**
 * Rate limit of one session: `perSecond` on average, up to `burst` at once (Turner, "New Directions in Communications",
 * 1986, the leaky bucket as a meter). It is told the time.
 */
import type { Millis } from "@tidelock/core";

export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: Millis;

  constructor(perSecond: number, burst: number, now: Millis) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /**
   * Takes `cost` tokens. What costs more than a whole burst passes when the bucket is full, and puts it into debt.
   * @returns 0 when taken; otherwise nothing was, and it is worth trying again after so many milliseconds
   */
  take(cost: number, now: Millis): Millis {
    this.#tokens = Math.min(this.#burst, this.#tokens + (Math.max(0, now - this.#at) * this.#perSecond) / 1000);
    this.#at = now;
    const needed = Math.min(cost, this.#burst);
    if (this.#tokens >= needed) {
      this.#tokens -= cost;
      return 0;
    }
    return Math.max(1, Math.ceil(((needed - this.#tokens) * 1000) / this.#perSecond));
  }
}
