/**
 * Lamport clock (Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", 1978) for single-writer
 * flows such as cursors: a counter that grows along cause and effect; ties are broken by the writer's id.
 */
/**
 * How far ahead a time from elsewhere may lie and still be believed. Without a bound one hostile message could use up all
 * numbers; with it, that takes millions, and no honest peer is ever this far ahead.
 */
const MAX_LEAP = 2 ** 31;

export class LamportClock {
  #time = 0;

  get time(): number {
    return this.#time;
  }

  /** The time of a new local fact. */
  tick(): number {
    this.#time += 1;
    return this.#time;
  }

  /** Takes note of a fact made elsewhere, unless its time is implausibly far ahead. */
  observe(time: number): void {
    if (Number.isSafeInteger(time) && time > this.#time && time - this.#time <= MAX_LEAP) this.#time = time;
  }
}

export interface LamportStamp {
  readonly time: number;
  readonly writer: string;
}

/** Negative when `left` is before `right`; zero only for the same fact. */
export function compareLamport(left: LamportStamp, right: LamportStamp): number {
  if (left.time !== right.time) return left.time - right.time;
  return left.writer < right.writer ? -1 : left.writer > right.writer ? 1 : 0;
}
