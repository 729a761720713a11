/**
 * Listeners: who wants to know, told once per turn. A source that may have changed is marked; `flush` then lets each marked
 * source tell its listeners. What a listener changes is told in the same flush, after the listeners before it; it never
 * runs inside another listener. A listener that throws is reported, and the others are still called.
 */
import type { Live, Unsubscribe } from "./client.ts";

/** Something with listeners. */
export interface Source {
  /** Brings itself up to date and calls its listeners if that changed anything. */
  notify(): void;
}

export class Notifier {
  readonly #reportError: (error: unknown) => void;
  #marked = new Set<Source>();
  #isFlushing = false;

  constructor(reportError: (error: unknown) => void) {
    this.#reportError = reportError;
  }

  mark(source: Source): void {
    this.#marked.add(source);
  }

  flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      while (this.#marked.size > 0) {
        const sources = this.#marked;
        this.#marked = new Set();
        for (const source of sources) source.notify();
      }
    } finally {
      this.#isFlushing = false;
    }
  }

  /** Calls listeners, each on its own. */
  call<Value>(listeners: Iterable<(value: Value) => void>, value: Value): void {
    for (const listener of Array.from(listeners)) {
      try {
        listener(value);
      } catch (error) {
        this.#reportError(error);
      }
    }
  }
}

/**
 * A value that is derived on demand. `derive` gets the last value and returns the same object when nothing has changed;
 * only another object is a change.
 */
export class Derived<Value> implements Live<Value>, Source {
  readonly #notifier: Notifier;
  readonly #derive: (last: Value | undefined) => Value;
  readonly #listeners = new Set<(value: Value) => void>();
  #value: Value | undefined;
  #told: Value | undefined;
  #isStale = true;

  constructor(notifier: Notifier, derive: (last: Value | undefined) => Value) {
    this.#notifier = notifier;
    this.#derive = derive;
  }

  get value(): Value {
    if (this.#isStale || this.#value === undefined) {
      this.#value = this.#derive(this.#value);
      this.#isStale = false;
    }
    return this.#value;
  }

  subscribe(listener: (value: Value) => void): Unsubscribe {
    const own = (value: Value): void => listener(value);
    if (this.#listeners.size === 0) this.#told = this.value;
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** What it is derived from may have changed. */
  invalidate(): void {
    this.#isStale = true;
    if (this.#listeners.size > 0) this.#notifier.mark(this);
  }

  notify(): void {
    const value = this.value;
    if (value === this.#told) return;
    this.#told = value;
    this.#notifier.call(this.#listeners, value);
  }
}

/** The last object when it has the same members as the next one. */
export function keepIfEqual<Value extends object>(last: Value | undefined, next: Value): Value {
  if (last === undefined) return next;
  const names = Object.keys(next) as Array<keyof Value>;
  return names.every((name) => Object.is(last[name], next[name])) ? last : next;
}

/** The last list when it has the same items as the next one. */
export function keepIfSame<Item>(last: readonly Item[] | undefined, next: readonly Item[]): readonly Item[] {
  if (last === undefined || last.length !== next.length) return next;
  return next.every((item, index) => item === last[index]) ? last : next;
}
