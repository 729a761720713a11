/** Who had seen what, and which of two writes is later: all that conflicts are told by. Of the reference model. */
import type { Offset } from "@tidelock/core";

/** A write, as the log names it. */
export interface Dot {
  readonly device: string;
  readonly counter: number;
  readonly offset: Offset;
}

/** What an author had seen: everything up to an offset, mutations of devices up to a counter, and all of its own before. */
export interface Seer {
  readonly device: string;
  readonly counter: number;
  readonly floor: Offset;
  readonly dots: ReadonlyMap<string, number>;
}

export function hasSeen(seer: Seer, dot: Dot): boolean {
  if (dot.offset <= seer.floor) return true;
  if (dot.device === seer.device && dot.counter <= seer.counter) return true;
  return (seer.dots.get(dot.device) ?? 0) >= dot.counter;
}

export interface Stamped {
  readonly stamp: string;
  readonly device: string;
}

/** By stamp, then device. */
export function isLater(one: Stamped, other: Stamped): boolean {
  return one.stamp === other.stamp ? one.device > other.device : one.stamp > other.stamp;
}

export function nextStamp(stamp: string): string {
  return (BigInt(`0x${stamp}`) + 1n).toString(16).padStart(16, "0");
}

/** A write that had seen another is later than it, whatever the clocks say. */
export function stampAfter(stamp: string, seen: Iterable<Pick<Stamped, "stamp">>): string {
  let later = stamp;
  for (const { stamp: other } of seen) if (other >= later) later = nextStamp(other);
  return later;
}

export function millisOf(stamp: string): number {
  return Number.parseInt(stamp.slice(0, 12), 16);
}
