/**
 * Which way to the server is tried next: the first transport, unless nothing is heard on it while another works.
 *
 * After the first has failed `MAX_FAILURES` times in a row the others get their turn, one attempt each, and then
 * the first again, so that a server that was merely down is found by whichever way works first. A way that worked is
 * used again until it fails; but for a new attempt the first is tried again once `RETRY_FIRST_MS` have passed, and later
 * when it fails again, up to `MAX_RETRY_FIRST_MS`: proxies and networks change.
 * It knows nothing of connections, timers or messages.
 */
import type { Millis } from "@tidelock/core";
import type { Transport } from "../transport/transport.ts";

const MAX_FAILURES = 2;
const RETRY_FIRST_MS = 5 * 60_000;
const MAX_RETRY_FIRST_MS = 60 * 60_000;

export class TransportChoice {
  readonly #transports: readonly Transport[];
  #current = 0;
  /** Failures of the current transport since it last worked or got its turn. */
  #failures = 0;
  /** When the first transport gets another turn while a later one is in use. */
  #retryFirstAt: Millis | null = null;
  #retryFirstMs: Millis = RETRY_FIRST_MS;

  constructor(transports: readonly Transport[]) {
    this.#transports = transports;
  }

  /** The transport for a new attempt. `undefined` only when there is none at all. */
  next(now: Millis): Transport | undefined {
    if (this.#current > 0 && now >= (this.#retryFirstAt ?? 0)) this.#turnTo(0, now);
    return this.#transports[this.#current];
  }

  /** The server has been heard on the current transport. */
  worked(): void {
    this.#failures = 0;
    if (this.#current > 0) return;
    this.#retryFirstAt = null;
    this.#retryFirstMs = RETRY_FIRST_MS;
  }

  /** The attempt ended before anything was heard. */
  failed(now: Millis): void {
    this.#failures += 1;
    const allowed = this.#current === 0 && this.#retryFirstAt === null ? MAX_FAILURES : 1;
    if (this.#failures >= allowed) this.#turnTo((this.#current + 1) % this.#transports.length, now);
  }

  #turnTo(index: number, now: Millis): void {
    if (index > 0 && this.#current === 0) {
      this.#retryFirstAt = now + this.#retryFirstMs;
      this.#retryFirstMs = Math.min(MAX_RETRY_FIRST_MS, 2 * this.#retryFirstMs);
    }
    this.#current = index;
    this.#failures = 0;
  }
}
