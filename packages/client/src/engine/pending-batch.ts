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
  /** Collections whose rows are all replaced, with the rows: they are read when the batch is made. */
  readonly #whole = new Map<string, ReadonlyMap<EntityId, Pick<StoredRow, "at" | "values">>>();
  readonly #rows = new Map<string, StoredRow | RemovedRow>();
  readonly #mutations = new Map<Counter, StoredMutation | null>();
  /** Handles of the application's writes in this batch, with the mutations of each. */
  readonly writes = new Map<number, readonly Counter[]>();

  get isEmpty(): boolean {
    return !this.#facts && this.#whole.size === 0 && this.#rows.size === 0 && this.#mutations.size === 0;
  }

  touchFacts(): void {
    this.#facts = true;
  }

  /** The collection has these rows and no others; what happens to them until the batch is made is included. */
  replaceRows(collection: string, rows: ReadonlyMap<EntityId, Pick<StoredRow, "at" | "values">>): void {
    this.#whole.set(collection, rows);
    for (const [key, row] of this.#rows) if (row.collection === collection) this.#rows.delete(key);
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

  /** The mutations have other numbers from now on. */
  renumberWrites(moves: ReadonlyMap<Counter, Counter>): void {
    for (const [write, counters] of this.writes) {
      this.writes.set(
        write,
        counters.map((counter) => moves.get(counter) ?? counter),
      );
    }
  }

  /** Puts what an earlier batch could not store in front of what has gathered since. */
  prepend(earlier: PendingBatch): void {
    this.#facts ||= earlier.#facts;
    for (const [collection, rows] of earlier.#whole)
      if (!this.#whole.has(collection)) this.#whole.set(collection, rows);
    for (const [key, row] of earlier.#rows) if (!this.#rows.has(key)) this.#rows.set(key, row);
    for (const [counter, mutation] of earlier.#mutations) {
      if (!this.#mutations.has(counter)) this.#mutations.set(counter, mutation);
    }
  }

  content(facts: StoredFacts): StoreBatch {
    const put: StoredRow[] = [];
    for (const [collection, rows] of this.#whole) {
      for (const [id, { at, values }] of rows) put.push({ collection, id, at, values });
    }
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
    return {
      facts: this.#facts ? facts : null,
      clear: [...this.#whole.keys()],
      put,
      remove,
      putMutations,
      removeMutations,
    };
  }
}
