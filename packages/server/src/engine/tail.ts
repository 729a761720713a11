/**
 * The tail: the newest durable events, in memory, so that sessions that keep up, or fall behind for a moment, are served
 * without touching the disk. Bounded by count and by size; what it no longer holds is read from the log.
 */
import { assert, type DomainEvent, type Offset } from "@tidelock/core";

export interface TailLimits {
  readonly maxEvents: number;
  /** Bytes of event bodies, about. */
  readonly maxBytes: number;
}

export class Tail {
  readonly #limits: TailLimits;
  #events: DomainEvent[] = [];
  #sizes: number[] = [];
  #bytes = 0;
  #start: Offset;

  /** @param head the log's last offset: the tail starts empty, right after it */
  constructor(head: Offset, limits: TailLimits) {
    this.#start = head;
    this.#limits = limits;
  }

  /** The tail can bring anyone forward who stands at this offset or later. */
  get start(): Offset {
    return this.#start;
  }

  get head(): Offset {
    return this.#start + this.#events.length;
  }

  append(event: DomainEvent, bytes: number): void {
    assert(event.offset === this.head + 1, `tail at ${this.head} was given event ${event.offset}`);
    this.#events.push(event);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
    if (this.#events.length > 2 * this.#limits.maxEvents || this.#bytes > 2 * this.#limits.maxBytes) this.#shrink();
  }

  /** How far somebody at `from` can go towards `to` with about `maxBytes` of events; to the end of a transaction. */
  reach(from: Offset, to: Offset, maxBytes: number): Offset {
    if (this.#bytes <= maxBytes) return to;
    let bytes = 0;
    for (let offset = from + 1; offset < to; offset++) {
      const index = offset - this.#start - 1;
      bytes += this.#sizes[index] ?? 0;
      if (bytes >= maxBytes && this.#events[index]?.remaining === 0) return offset;
    }
    return to;
  }

  /** The events after `from`, up to and including `to`. `from` must not be before `start`. */
  range(from: Offset, to: Offset): readonly DomainEvent[] {
    assert(from >= this.#start && to <= this.head, `tail ${this.#start}-${this.head} was asked for ${from}-${to}`);
    return this.#events.slice(from - this.#start, to - this.#start);
  }

  /** Drops the older half once twice the bound is reached, so that each event is moved once on average. */
  #shrink(): void {
    let drop = Math.max(0, this.#events.length - this.#limits.maxEvents);
    let bytes = this.#bytes;
    for (let index = 0; index < drop; index++) bytes -= this.#sizes[index] ?? 0;
    while (bytes > this.#limits.maxBytes && drop < this.#events.length) {
      bytes -= this.#sizes[drop] ?? 0;
      drop += 1;
    }
    while (drop < this.#events.length && (this.#events[drop - 1]?.remaining ?? 0) > 0) {
      bytes -= this.#sizes[drop] ?? 0;
      drop += 1;
    }
    this.#events = this.#events.slice(drop);
    this.#sizes = this.#sizes.slice(drop);
    this.#bytes = bytes;
    this.#start += drop;
  }
}
