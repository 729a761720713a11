/**
 * One turn of the event loop: what was sent to a socket during it leaves as one write, when the turn's input has been
 * read. At a low rate nothing waits (the flush is the next thing that the loop does); under load many frames become one
 * system call. Sockets that were sent the same messages share one buffer.
 */

/** The frames that some sockets are to get in this turn, as a path in a tree: equal histories are the same object. */
export class Batch {
  readonly #before: Batch | null;
  readonly #frame: Buffer | null;
  readonly length: number;
  readonly byteLength: number;
  #bytes: Buffer | null = null;
  /** The continuation asked for last: the sockets of an audience ask for the same one in turn. */
  #next: Batch | null = null;

  constructor(before: Batch | null = null, frame: Buffer | null = null) {
    this.#before = before;
    this.#frame = frame;
    this.length = before === null ? 0 : before.length + 1;
    this.byteLength = (before?.byteLength ?? 0) + (frame?.length ?? 0);
  }

  /** The batch with one more frame. */
  with(frame: Buffer): Batch {
    if (this.#next !== null && this.#next.#frame === frame) return this.#next;
    this.#next = new Batch(this, frame);
    return this.#next;
  }

  /** All frames in one buffer; made once. */
  bytes(): Buffer {
    if (this.#bytes !== null) return this.#bytes;
    const frames: Buffer[] = [];
    let before = this.#before;
    if (this.#frame !== null) frames.push(this.#frame);
    for (; before !== null; before = before.#before) if (before.#frame !== null) frames.push(before.#frame);
    frames.reverse();
    const [only] = frames;
    this.#bytes = only !== undefined && frames.length === 1 ? only : Buffer.concat(frames, this.byteLength);
    return this.#bytes;
  }
}

/** Something that writes what it has gathered. It does not throw. */
export interface Flushable {
  flush(): void;
}

export class Turn {
  /** Where every socket's batch begins. New each turn, so that nothing of a turn outlives it. */
  start = new Batch();
  #waiting: Flushable[] = [];
  #afterwards: Array<() => void> = [];
  #scheduled = false;
  readonly #run = (): void => this.flush();

  /** Flushes `target` at the end of this turn. The caller adds a target once per turn. */
  add(target: Flushable): void {
    this.#waiting.push(target);
    this.#schedule();
  }

  /** Calls `then` after the writes of this turn. */
  afterFlush(then: () => void): void {
    this.#afterwards.push(then);
    this.#schedule();
  }

  flush(): void {
    this.#scheduled = false;
    const waiting = this.#waiting;
    const afterwards = this.#afterwards;
    this.#waiting = [];
    this.#afterwards = [];
    this.start = new Batch();
    for (const target of waiting) target.flush();
    for (const then of afterwards) then();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }
}
