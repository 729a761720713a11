/**
 * The connection's life, as a union in which each state has only its own facts, and the rules for trying again: full
 * jitter (Brooker, "Exponential Backoff and Jitter", 2015), capped, and always re-armed.
 */
import type { Counter, Millis, Random, SessionId } from "@tidelock/core";

export type Link =
  /** The application does not want a connection. */
  | { readonly state: "offline" }
  /** Waiting to try again. */
  | { readonly state: "waiting"; readonly at: Millis }
  /** A token is being fetched. */
  | { readonly state: "getting-token" }
  /** Connecting, or connected and not yet welcomed. */
  | { readonly state: "connecting"; readonly connection: number }
  | {
      readonly state: "welcomed";
      readonly connection: number;
      readonly session: SessionId;
      /** Mutations up to this one have been sent on this connection, or decided before it. */
      sent: Counter;
      /** Mutations up to this one have been answered on this connection, or were decided before it. */
      answered: Counter;
      /** The last offset acknowledged on it. */
      acknowledged: number;
      readonly idleMs: Millis;
    }
  /** This version of the application may not connect. */
  | { readonly state: "upgrade-required" };

const BASE_MS = 500;
/** At most half of the 30 s in which an outbox must drain once the server is back (promise G09). */
const CAP_MS = 15_000;

/** How long to wait before attempt `failures` + 1, milliseconds. */
export function backoff(failures: number, random: Random): Millis {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures, 10));
  return Math.floor(random.next() * ceiling);
}
