/**
 * Virtual time: a queue of what will happen, in order of time and, at the same moment, in an order that the seed draws.
 * Time jumps from one event to the next, so idle hours cost nothing. Each process reads its own wall clock, which may be
 * years off and may jump; nothing but the queue knows the true time.
 */
import type { Millis, Random } from "@tidelock/core";

interface Scheduled {
  readonly at: Millis;
  readonly tie: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** A binary heap of events. */
export class EventQueue {
  readonly #random: Random;
  readonly #heap: Scheduled[] = [];
  #now: Millis = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The true time since the run began, milliseconds. */
  get now(): Millis {
    return this.#now;
  }

  /** Runs `run` at a time, not before now. Answers with the way to call it off. */
  at(time: Millis, run: () => void): () => void {
    const scheduled = { at: Math.max(this.#now, time), tie: this.#random.next(), run, cancelled: false };
    this.#push(scheduled);
    return () => {
      scheduled.cancelled = true;
    };
  }

  after(delay: Millis, run: () => void): () => void {
    return this.at(this.#now + Math.max(0, delay), run);
  }

  /** Lets the next event happen, if there is one up to `until`. Otherwise moves the time there and answers `false`. */
  step(until: Millis): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > until) {
        this.#now = Math.max(this.#now, until);
        return false;
      }
      this.#pop();
      if (first.cancelled) continue;
      this.#now = first.at;
      first.run();
      return true;
    }
  }

  #push(scheduled: Scheduled): void {
    const heap = this.#heap;
    let index = heap.push(scheduled) - 1;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(scheduled, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = scheduled;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      let below = heap[child];
      const right = heap[child + 1];
      if (below !== undefined && right !== undefined && isBefore(right, below)) {
        child += 1;
        below = right;
      }
      if (below === undefined || !isBefore(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(left: Scheduled, right: Scheduled): boolean {
  return left.at !== right.at ? left.at < right.at : left.tie < right.tie;
}

/** 2026-03-01T00:00:00Z: when every run begins. */
export const BEGINNING: Millis = 1_772_323_200_000;

/** What a process believes the time to be. */
export class WallClock {
  readonly #queue: EventQueue;
  #offset: Millis;

  constructor(queue: EventQueue, offset: Millis) {
    this.#queue = queue;
    this.#offset = offset;
  }

  get now(): Millis {
    return Math.max(0, Math.floor(BEGINNING + this.#queue.now + this.#offset));
  }

  /** Somebody sets the clock. */
  jump(by: Millis): void {
    this.#offset += by;
  }
}
