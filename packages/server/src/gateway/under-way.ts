/** Requests under way: how many at once, in total and for one user, so that nobody who is slow keeps all others out. */
import { TidelockError } from "@tidelock/core";

export class UnderWay {
  readonly #max: number;
  readonly #maxPerUser: number;
  readonly #byUser = new Map<string, number>();
  #count = 0;

  constructor(max: number, maxPerUser: number) {
    this.#max = max;
    this.#maxPerUser = maxPerUser;
  }

  /** Does the work if there is room for it. Rejects with `overloaded` when there is none. */
  async with<Value>(user: string, work: () => Promise<Value>): Promise<Value> {
    const ofUser = this.#byUser.get(user) ?? 0;
    if (this.#count >= this.#max || ofUser >= this.#maxPerUser) throw new TidelockError("overloaded");
    this.#count += 1;
    this.#byUser.set(user, ofUser + 1);
    try {
      return await work();
    } finally {
      this.#count -= 1;
      const left = (this.#byUser.get(user) ?? 0) - 1;
      if (left > 0) this.#byUser.set(user, left);
      else this.#byUser.delete(user);
    }
  }
}
