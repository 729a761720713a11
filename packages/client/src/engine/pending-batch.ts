/**
 * What has changed since the last batch that went to the store. One batch is under way at a time; what happens meanwhile
 * gathers here and goes together into the next (group commit on the device). The facts are taken when the batch is made,
 * so a stored checkpoint never says more than the rows stored with it (promise G13).
 */
import type { Counter, EntityId } from "@tidelock/core";
import type { StoreBatch, StoredFacts, StoredMutation, StoredRow } from "./records.ts";

interface RemovedRow {
  readonly collection: string;
  readonly id: EntityId;
  readonly values: null;
}

export class PendingBatch {
  #facts = false;
  readonly #rows = new Map<string, StoredRow | RemovedRow>();
  readonly #mutations = new Map<Counter, StoredMutation | null>();
  /** Handles of the application's writes in this batch, with the mutations of each. */
  readonly writes = new Map<number, readonly Counter[]>();

  get isEmpty(): boolean {
    return !this.#facts && this.#rows.size === 0 && this.#mutations.size === 0;
  }

  touchFacts(): void {
    this.#facts = true;
  }

  putRow(row: StoredRow): void {
    this.#rows.set(`${row.collection}/${row.id}`, row);
  }

  removeRow(collection: string, id: EntityId): void {
    this.#rows.set(`${collection}/${id}`, { collection, id, values: null });
  }

  putMutation(mutation: StoredMutation): void {
    this.#mutations.set(mutation.counter, mutation);
  }

  removeMutation(counter: Counter): void {
    this.#mutations.set(counter, null);
  }

  /** Puts what an earlier batch could not store in front of what has gathered since. */
  prepend(earlier: PendingBatch): void {
    this.#facts ||= earlier.#facts;
    for (const [key, row] of earlier.#rows) if (!this.#rows.has(key)) this.#rows.set(key, row);
    for (const [counter, mutation] of earlier.#mutations) {
      if (!this.#mutations.has(counter)) this.#mutations.set(counter, mutation);
    }
  }

  content(facts: StoredFacts): StoreBatch {
    const put: StoredRow[] = [];
    const remove: Array<readonly [string, EntityId]> = [];
    for (const row of this.#rows.values()) {
      if (row.values === null) remove.push([row.collection, row.id]);
      else put.push(row);
    }
    const putMutations: StoredMutation[] = [];
    const removeMutations: Counter[] = [];
    for (const [counter, mutation] of this.#mutations) {
      if (mutation === null) removeMutations.push(counter);
      else putMutations.push(mutation);
    }
    putMutations.sort((left, right) => left.counter - right.counter);
    return { facts: this.#facts ? facts : null, clear: [], put, remove, putMutations, removeMutations };
  }
}
