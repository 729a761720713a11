/**
 * Group commit: the commits of one turn, and those that queue up while the disk is busy, become one write.
 *
 * A write costs the same for one batch as for a hundred, so throughput grows with load and no timer adds latency. Writes
 * run one at a time and in the order of the calls; all commits of a group share its fate, and each is told the truth.
 * It does not know what a write is, nor how a disk fails.
 */
import type { Counter, EntityId } from "@tidelock/core";
import type { StoreBatch, StoredFacts, StoredMutation, StoredRow } from "../engine/records.ts";

interface Waiting {
  readonly batch: StoreBatch;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions {
  /** Makes one batch durable, whole or not at all. */
  readonly write: (batch: StoreBatch) => Promise<void> | void;
  /** Calls back when the turn whose commits belong together has ended. */
  readonly schedule: (flush: () => void) => void;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #waiting: Waiting[] = [];
  /** Settles, never rejects, when everything asked for so far is done. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  commit(batch: StoreBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batch, resolve, reject });
      if (this.#waiting.length === 1) this.#options.schedule(() => void this.flush());
    });
  }

  /** Writes what waits, after what is under way. Resolves when that is settled, well or not. */
  flush(): Promise<void> {
    return this.alone(() => this.#writeGroup());
  }

  /** Runs `work` while no write is under way, in turn with the writes. */
  alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => {});
    return done;
  }

  async #writeGroup(): Promise<void> {
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    try {
      await this.#options.write(combineBatches(group.map(({ batch }) => batch)));
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const { resolve } of group) resolve();
  }
}

/**
 * One batch that does what the given ones do one after the other. No row and no mutation is named twice in it, so that
 * the order of its parts no longer matters, except that `clear` comes first.
 */
export function combineBatches(batches: readonly StoreBatch[]): StoreBatch {
  let facts: StoredFacts | null = null;
  const clear = new Set<string>();
  const rows = new Map<string, Map<EntityId, StoredRow | null>>();
  const mutations = new Map<Counter, StoredMutation | null>();
  const rowsOf = (collection: string): Map<EntityId, StoredRow | null> => {
    const found = rows.get(collection) ?? new Map<EntityId, StoredRow | null>();
    rows.set(collection, found);
    return found;
  };

  for (const batch of batches) {
    facts = batch.facts ?? facts;
    for (const collection of batch.clear) {
      clear.add(collection);
      rows.delete(collection);
    }
    for (const row of batch.put) rowsOf(row.collection).set(row.id, row);
    for (const [collection, id] of batch.remove) rowsOf(collection).set(id, null);
    for (const mutation of batch.putMutations) mutations.set(mutation.counter, mutation);
    for (const counter of batch.removeMutations) mutations.set(counter, null);
  }

  const put: StoredRow[] = [];
  const remove: (readonly [string, EntityId])[] = [];
  for (const [collection, changes] of rows) {
    for (const [id, row] of changes) {
      if (row !== null) put.push(row);
      else if (!clear.has(collection)) remove.push([collection, id]);
    }
  }
  const putMutations: StoredMutation[] = [];
  const removeMutations: Counter[] = [];
  for (const [counter, mutation] of mutations) {
    if (mutation !== null) putMutations.push(mutation);
    else removeMutations.push(counter);
  }
  return { facts, clear: [...clear], put, remove, putMutations, removeMutations };
}
