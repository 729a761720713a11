/**
 * The network: connections made of two pipes. Within a pipe messages stay in order, as TCP keeps them; two connections
 * of one device know nothing of each other, so what an old one still carries may arrive after a new one is open.
 *
 * A pipe can be slow, stall for a while (packets are sent again until the way is back), stop being read, or go silent for
 * good (half-open: whatever is sent vanishes, and nobody is told until a timeout).
 */
import type { Millis, Random } from "@tidelock/core";
import type { EventQueue } from "./clock.ts";
import { between } from "./random.ts";

/** Delay of one message, milliseconds, drawn evenly between the two. */
export type Latency = readonly [Millis, Millis];

interface InFlight<Message> {
  readonly at: Millis;
  /** `null`: the end of the stream. */
  readonly message: Message | null;
}

export class Pipe<Message> {
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #latency: Latency;
  readonly #arrive: (message: Message) => void;
  readonly #ended: () => void;
  #inFlight: Array<InFlight<Message>> = [];
  #lastArrival: Millis = 0;
  #heldUntil: Millis = 0;
  #silent = false;
  #vanished = 0;
  #finished = false;
  #over = false;
  #cancel: (() => void) | null = null;

  constructor(
    queue: EventQueue,
    random: Random,
    latency: Latency,
    arrive: (message: Message) => void,
    ended: () => void,
  ) {
    this.#queue = queue;
    this.#random = random;
    this.#latency = latency;
    this.#arrive = arrive;
    this.#ended = ended;
  }

  /** Messages sent and not taken by the receiver, as the sender's socket counts them. */
  get waiting(): number {
    return this.#inFlight.length + this.#vanished;
  }

  /** Whether the receiver has been told of the end. */
  get over(): boolean {
    return this.#over;
  }

  get silent(): boolean {
    return this.#silent;
  }

  send(message: Message): void {
    if (!this.#finished) this.#add(message);
  }

  /** The sender closes: the receiver learns of it after everything sent before. */
  end(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#add(null);
  }

  /** Nothing arrives before `time`: the receiver does not read, or packets are lost and sent again. */
  hold(time: Millis): void {
    this.#heldUntil = Math.max(this.#heldUntil, time);
    this.#schedule();
  }

  /** From now on everything vanishes, what is on its way included. */
  silence(): void {
    if (this.#finished) return;
    this.#silent = true;
    this.#vanished += this.#inFlight.length;
    this.#inFlight = [];
    this.#schedule();
  }

  /** The connection breaks: what is on its way is lost, and the receiver is told at `time`. */
  reset(time: Millis): void {
    if (this.#over) return;
    this.#finished = true;
    this.#silent = false;
    this.#heldUntil = 0;
    this.#inFlight = [{ at: Math.max(time, this.#queue.now), message: null }];
    this.#schedule();
  }

  #add(message: Message | null): void {
    if (this.#silent) this.#vanished += 1;
    if (this.#over || this.#silent) return;
    const arrival = this.#queue.now + between(this.#random, this.#latency[0], this.#latency[1]);
    this.#lastArrival = Math.max(this.#lastArrival, arrival);
    this.#inFlight.push({ at: this.#lastArrival, message });
    if (this.#inFlight.length === 1) this.#schedule();
  }

  #schedule(): void {
    this.#cancel?.();
    this.#cancel = null;
    const first = this.#inFlight[0];
    if (first === undefined) return;
    this.#cancel = this.#queue.at(Math.max(first.at, this.#heldUntil), () => this.#deliver());
  }

  #deliver(): void {
    this.#cancel = null;
    const first = this.#inFlight.shift();
    if (first === undefined) return;
    if (first.message === null) {
      this.#over = true;
      this.#inFlight = [];
      this.#ended();
      return;
    }
    this.#schedule();
    this.#arrive(first.message);
  }
}
