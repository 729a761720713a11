/**
 * The system port: what the machine gives and the engine never asks for by itself. Clock, timers, randomness and the
 * network's hints enter the client only here, so that a test can replace all of them.
 */
import type { Millis } from "@tidelock/core";

export interface System {
  /** Milliseconds since 1970. */
  now(): Millis;
  /** Runs `run` once, `delayMs` from now. Returns how to cancel it. */
  setTimer(run: () => void, delayMs: Millis): () => void;
  /** Bytes that nobody can guess. */
  randomBytes(length: number): Uint8Array;
  /** Calls `listener` when the network may be back: online, visible or focused again. Returns how to stop. */
  onNetworkHint(listener: () => void): () => void;
  /** An error of somebody else's listener: shown to developers, otherwise without effect. */
  reportError(error: unknown): void;
  /** For people, in `hello`: `browser`, `node`. */
  readonly platform: string;
}
