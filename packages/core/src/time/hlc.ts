/**
 * Hybrid logical clock (Kulkarni, Demirbas et al., "Logical Physical Clocks", 2014): timestamps close to wall-clock
 * time that never go back and that grow along every path of cause and effect. It is told the time and never asks.
 *
 * A stamp is 16 lower-case hexadecimal digits: 12 of milliseconds since 1970 (48 bits), 4 of a counter. Text order is
 * time order. Equal stamps are told apart by device id (see `laterWrite`).
 */
import type { Millis } from "../ids.ts";

declare const brand: unique symbol;
export type Stamp = string & { readonly [brand]: "Stamp" };

const STAMP = /^[0-9a-f]{16}$/;
const MAX_MILLIS = 2 ** 48 - 1;
const MAX_TICKS = 0xffff;

export const ZERO_STAMP: Stamp = makeStamp(0, 0);

/** A stamp from its parts; both are clamped to their range. */
export function makeStamp(millis: Millis, ticks: number): Stamp {
  return (digits(millis, MAX_MILLIS, 12) + digits(ticks, MAX_TICKS, 4)) as Stamp;
}

function digits(value: number, max: number, length: number): string {
  const whole = Math.min(max, Math.max(0, Math.floor(value) || 0));
  return whole.toString(16).padStart(length, "0");
}

/** A stamp from outside, or `null`. */
export function parseStamp(text: unknown): Stamp | null {
  return typeof text === "string" && STAMP.test(text) ? (text as Stamp) : null;
}

/** Milliseconds since 1970 of a stamp. */
export function stampMillis(stamp: Stamp): Millis {
  return Number.parseInt(stamp.slice(0, 12), 16);
}

/** The smallest stamp greater than `stamp`; the last of all stamps is its own successor, so that time never goes back. */
export function nextStamp(stamp: Stamp): Stamp {
  const millis = stampMillis(stamp);
  const ticks = Number.parseInt(stamp.slice(12), 16);
  if (ticks < MAX_TICKS) return makeStamp(millis, ticks + 1);
  return millis < MAX_MILLIS ? makeStamp(millis + 1, 0) : stamp;
}

/** The later of two stamps. */
export function maxStamp(left: Stamp, right: Stamp): Stamp {
  return left >= right ? left : right;
}

/** One device's clock. */
export class HybridClock {
  #last: Stamp;

  constructor(last: Stamp = ZERO_STAMP) {
    this.#last = last;
  }

  /** The last stamp made or seen. */
  get last(): Stamp {
    return this.#last;
  }

  /** A stamp for something that happens now: later than every stamp made or seen before. */
  tick(now: Millis): Stamp {
    const wall = makeStamp(now, 0);
    this.#last = wall > this.#last ? wall : nextStamp(this.#last);
    return this.#last;
  }

  /**
   * Takes note of a stamp made elsewhere. One that lies more than `maxDriftMs` ahead of `now` is not believed, so that a
   * broken clock cannot drag this one along.
   */
  observe(stamp: Stamp, now: Millis, maxDriftMs: Millis): void {
    if (stamp > this.#last && stampMillis(stamp) <= now + maxDriftMs) this.#last = stamp;
  }
}
