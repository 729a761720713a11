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

/** Timers of the platform cannot wait longer than this; a longer wait is cut and started again by who set it. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** What browsers, workers and Node offer. */
export function platformSystem(): System {
  const isBrowser = typeof document !== "undefined";
  return {
    platform: isBrowser ? "browser" : "process" in globalThis ? "node" : "worker",
    now: () => Date.now(),
    setTimer(run, delayMs) {
      const timer = setTimeout(run, Math.min(MAX_TIMER_MS, Math.max(0, delayMs)));
      return () => clearTimeout(timer);
    },
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    onNetworkHint: (listener) => (typeof addEventListener === "function" ? listenToBrowser(listener) : () => {}),
    reportError(error) {
      if (typeof reportError === "function") reportError(error);
      // oxlint-disable-next-line no-console -- Node has no reportError, and an error must not vanish
      else console.error(error);
    },
  };
}

/** `online`, a window that gets the focus, a page that becomes visible (a laptop wakes up, a phone comes out of a pocket). */
function listenToBrowser(listener: () => void): () => void {
  const whenVisible = (): void => {
    if (document.visibilityState === "visible") listener();
  };
  addEventListener("online", listener);
  addEventListener("focus", listener);
  if (typeof document !== "undefined") document.addEventListener("visibilitychange", whenVisible);
  return () => {
    removeEventListener("online", listener);
    removeEventListener("focus", listener);
    if (typeof document !== "undefined") document.removeEventListener("visibilitychange", whenVisible);
  };
}
