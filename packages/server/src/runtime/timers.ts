/** The named timers of one hub: setting one again moves it, and after `clear` none fires. */
import type { Millis } from "@tidelock/core";

/** The longest span that Node's timers hold; a later one is set again when it fires. */
const MAX_SPAN_MS = 2 ** 31 - 1;

export class Timers<Name extends string> {
  readonly #timers = new Map<Name, NodeJS.Timeout>();
  readonly #now: () => Millis;
  readonly #fire: (name: Name) => void;

  constructor(now: () => Millis, fire: (name: Name) => void) {
    this.#now = now;
    this.#fire = fire;
  }

  set(name: Name, at: Millis): void {
    this.cancel(name);
    const spanMs = Math.min(MAX_SPAN_MS, Math.max(0, at - this.#now()));
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      if (at > this.#now() && spanMs === MAX_SPAN_MS) this.set(name, at);
      else this.#fire(name);
    }, spanMs);
    timer.unref();
    this.#timers.set(name, timer);
  }

  cancel(name: Name): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
