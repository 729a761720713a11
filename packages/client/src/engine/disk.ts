/**
 * The device's disk, as the replica sees it: one batch under way at a time, in order, and what to do when the store
 * refuses one.
 *
 * What stays true: a write whose batch was refused is taken back and its handle says so [R6]; what the server sent is kept
 * and tried again together with what came after, so the stored checkpoint never runs ahead of the stored rows [R3].
 */
import { type Counter, type ErrorCode, ERRORS, isErrorCode, type Millis, type Offset } from "@tidelock/core";
import { PendingBatch } from "./pending-batch.ts";
import type { ReplicaState } from "./replica-state.ts";

const STORE_RETRY_MS: Millis = 2_000;

interface BatchUnderWay {
  readonly batch: number;
  readonly content: PendingBatch;
  /** The replica's counter and checkpoint when the batch was made. */
  readonly counter: Counter;
  readonly checkpoint: Offset;
}

export class Disk {
  readonly #state: ReplicaState;
  #underWay: BatchUnderWay | null = null;
  #lastBatch = 0;
  #storeBlocked = false;
  #persistedCounter: Counter = 0;
  #persistedCheckpoint: Offset = 0;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  /** Mutations up to this one are on disk. */
  get counter(): Counter {
    return this.#persistedCounter;
  }

  /** The checkpoint on disk. */
  get checkpoint(): Offset {
    return this.#persistedCheckpoint;
  }

  /** What the store gave at the start is on disk. */
  loaded(): void {
    this.#persistedCounter = this.#state.counter;
    this.#persistedCheckpoint = this.#state.checkpoint;
  }

  /** The device's mutations were numbered anew: none of them is on disk under its new number. */
  renumbered(counters: ReadonlyMap<Counter, Counter>): void {
    this.#persistedCounter = 0;
    this.#state.pending.renumberWrites(counters);
    if (this.#underWay === null) return;
    this.#underWay.content.renumberWrites(counters);
    this.#underWay = { ...this.#underWay, counter: 0 };
  }

  /** Mutations from this one on are others than those on disk. */
  changedFrom(counter: Counter): void {
    this.#persistedCounter = Math.min(this.#persistedCounter, counter - 1);
    const underWay = this.#underWay;
    if (underWay !== null) this.#underWay = { ...underWay, counter: Math.min(underWay.counter, counter - 1) };
  }

  /** What is on disk is of no use with the server's log: none of it may be acknowledged. */
  resynced(): void {
    this.#persistedCheckpoint = 0;
    if (this.#underWay !== null) this.#underWay = { ...this.#underWay, checkpoint: 0 };
  }

  /** Starts a batch when the store is free. */
  decide(): void {
    if (!this.#storeBlocked && this.#underWay === null && !this.#state.pending.isEmpty) this.#persist();
  }

  /** Time to try again. */
  retry(): void {
    this.#storeBlocked = false;
  }

  #persist(): void {
    this.#lastBatch += 1;
    const content = this.#state.pending;
    this.#state.pending = new PendingBatch();
    this.#underWay = {
      batch: this.#lastBatch,
      content,
      counter: this.#state.counter,
      checkpoint: this.#state.checkpoint,
    };
    this.#state.emit({ type: "persist", batch: this.#lastBatch, content: content.content(this.#state.facts()) });
  }

  persisted(batch: number): void {
    const done = this.#underWay;
    if (done === null || done.batch !== batch) return;
    this.#underWay = null;
    this.#persistedCounter = Math.min(done.counter, this.#state.counter);
    this.#persistedCheckpoint = done.checkpoint;
    for (const write of done.content.writes.keys()) this.#state.emit({ type: "write-saved", write });
  }

  /**
   * The store took nothing of the batch. Writes in it are taken back, and their handles say so; what the server sent is
   * kept in memory and tried again, together with what has gathered since.
   */
  failed(batch: number, code: string): void {
    const failed = this.#underWay;
    if (failed === null || failed.batch !== batch) return;
    this.#underWay = null;
    const reason: ErrorCode = isErrorCode(code) ? code : "store-unavailable";
    const taken = new Set<Counter>();
    for (const [write, counters] of failed.content.writes) {
      for (const counter of counters) taken.add(counter);
      this.#state.emit({ type: "write-failed", write, code: reason, message: ERRORS[reason].message });
    }
    for (const counter of taken) {
      const mutation = this.#state.outbox.get(counter);
      if (mutation !== undefined) this.#state.forget(mutation);
      failed.content.removeMutation(counter);
    }
    this.#state.pending.prepend(failed.content);
    if (taken.size > 0) this.#renumber(Math.min(...taken));
    this.#state.noteTrouble(reason, ERRORS[reason].message);
    this.#storeBlocked = true;
    this.#state.setTimer("store", this.#state.now + STORE_RETRY_MS);
  }

  /** Closes the gap that mutations taken back have left. None after `first` has been sent: it was not on disk. */
  #renumber(first: Counter): void {
    const later = [...this.#state.outbox.all()].filter((mutation) => mutation.counter >= first);
    const moves = new Map<Counter, Counter>();
    let counter = first - 1;
    for (const mutation of later) {
      counter += 1;
      if (mutation.counter === counter) continue;
      const moved = { ...mutation, counter };
      this.#state.forget(mutation);
      this.#state.outbox.add(moved);
      this.#state.view.addMutation(moved);
      this.#state.pending.putMutation(moved);
      moves.set(mutation.counter, counter);
    }
    this.#state.pending.renumberWrites(moves);
    for (let unused = counter + 1; unused <= this.#state.counter; unused++) this.#state.pending.removeMutation(unused);
    this.#state.counter = counter;
    this.#state.pending.touchFacts();
  }
}
