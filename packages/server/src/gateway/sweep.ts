/**
 * One timer for all connections of a server: hello deadlines, expired tokens, pings and silence, heartbeats. A timer per
 * socket would cost more memory than the rest of the socket's state.
 */
import type { ErrorCode, Millis, Ping, ServerLimits } from "@tidelock/core";

export interface Swept {
  sweep(now: Millis, ping: Ping): void;
  /** The server closes: whoever is no session yet, whom no tenant will send away, goes now. */
  dismiss(): void;
  /** Ends it without waiting for the peer. */
  cut(code: ErrorCode): void;
}

export class Sweep {
  readonly #now: () => Millis;
  readonly #swept = new Set<Swept>();
  readonly #timer: NodeJS.Timeout;
  #nonce = 0;
  #waitingForEmpty: Array<() => void> = [];

  constructor(limits: ServerLimits, now: () => Millis) {
    this.#now = now;
    // Fine enough for the shortest of the spans that it watches.
    const everyMs = Math.min(1000, Math.max(10, Math.min(limits.helloTimeoutMs, limits.idleMs) / 4));
    this.#timer = setInterval(() => this.run(), everyMs);
    this.#timer.unref();
  }

  add(swept: Swept): void {
    this.#swept.add(swept);
  }

  /** The connection's socket is gone. */
  remove(swept: Swept): void {
    this.#swept.delete(swept);
    if (this.#swept.size > 0) return;
    for (const wake of this.#waitingForEmpty) wake();
    this.#waitingForEmpty = [];
  }

  /** Resolves when no connection is left. */
  emptied(): Promise<void> {
    if (this.#swept.size === 0) return Promise.resolve();
    return new Promise((wake) => this.#waitingForEmpty.push(wake));
  }

  run(): void {
    const now = this.#now();
    this.#nonce += 1;
    const ping: Ping = { type: "ping", nonce: this.#nonce };
    for (const swept of this.#swept) swept.sweep(now, ping);
  }

  dismissAll(): void {
    for (const swept of this.#swept) swept.dismiss();
  }

  /** Ends whatever is still open. */
  cutAll(code: ErrorCode): void {
    for (const swept of this.#swept) swept.cut(code);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#swept.clear();
  }
}
