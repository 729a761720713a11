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
 * A value with listeners. What extends it says what the value is, and calls `changed` when it may be another one; only
 * another object is a change.
 */
export abstract class Watched<Value> implements Live<Value>, Source {
  protected readonly notifier: Notifier;
  readonly #listeners = new Set<(value: Value) => void>();
  #told: Value | undefined;

  constructor(notifier: Notifier) {
    this.notifier = notifier;
  }

  abstract get value(): Value;

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  subscribe(listener: (value: Value) => void): Unsubscribe {
    // Somebody may subscribe one function twice.
    const own = (value: Value): void => listener(value);
    if (!this.isWatched) this.#told = this.value;
    this.#listeners.add(own);
    this.gained();
    return () => {
      if (this.#listeners.delete(own) && !this.isWatched) this.lost();
    };
  }

  notify(): void {
    if (!this.isWatched) return;
    const { value } = this;
    if (value === this.#told) return;
    this.#told = value;
    this.notifier.call(this.#listeners, value);
  }

  /** The value may be another one. */
  protected changed(): void {
    if (this.isWatched) this.notifier.mark(this);
  }

  /** There is one more listener. */
  protected gained(): void {}

  /** The last listener has left. */
  protected lost(): void {}
}

/** A value that is derived on demand. `derive` gets the last one, and returns it again when nothing has changed. */
export class Derived<Value> extends Watched<Value> {
  readonly #derive: (last: Value | undefined) => Value;
  #value: Value | undefined;
  #isStale = true;

  constructor(notifier: Notifier, derive: (last: Value | undefined) => Value) {
    super(notifier);
    this.#derive = derive;
  }

  get value(): Value {
    if (this.#isStale || this.#value === undefined) {
      this.#value = this.#derive(this.#value);
      this.#isStale = false;
    }
    return this.#value;
  }

  /** What it is derived from may have changed: the next reading derives it anew. */
  expire(): void {
    this.#isStale = true;
  }

  /** The same, and listeners hear in the next flush. */
  invalidate(): void {
    this.expire();
    this.changed();
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
