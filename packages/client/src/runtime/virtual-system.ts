/**
 * A system whose clock stands still until it is told to go on, for tests: timers fire in order of their time, randomness
 * comes from a seed, and what listeners throw is kept.
 */
import { type Millis, seededRandom } from "@tidelock/core";
import type { System } from "./system.ts";

interface Timer {
  readonly at: Millis;
  readonly run: () => void;
}

export class VirtualSystem implements System {
  readonly platform = "test";
  readonly errors: unknown[] = [];
  readonly #random: ReturnType<typeof seededRandom>;
  readonly #timers = new Set<Timer>();
  readonly #hints = new Set<() => void>();
  #now: Millis;

  constructor(seed: number, now: Millis = 1_700_000_000_000) {
    this.#random = seededRandom(seed);
    this.#now = now;
  }

  /** Timers that have not fired. */
  get timerCount(): number {
    return this.#timers.size;
  }

  now(): Millis {
    return this.#now;
  }

  setTimer(run: () => void, delayMs: Millis): () => void {
    const timer = { at: this.#now + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  randomBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random.below(256));
  }

  onNetworkHint(listener: () => void): () => void {
    this.#hints.add(listener);
    return () => void this.#hints.delete(listener);
  }

  reportError(error: unknown): void {
    this.errors.push(error);
  }

  /** The network may be back. */
  hint(): void {
    for (const listener of this.#hints) listener();
  }

  /** Lets time pass. What waits for promises gets its turn before each timer and at the end. */
  async advance(byMs: Millis): Promise<void> {
    const end = this.#now + byMs;
    for (;;) {
      await settle();
      const next = [...this.#timers].sort((left, right) => left.at - right.at).find(({ at }) => at <= end);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
    await settle();
  }
}

/** Lets everything run that waits only for promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
