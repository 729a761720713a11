/**
 * The memory store: a replica that is gone when the program ends. For tests, servers and pages that may not keep anything.
 *
 * `MemoryStoreState` is also the meaning of a batch, in the fewest words: what any store gives back after a reload is what
 * this state holds after the same batches. The simulator uses it as a disk that can be cloned at any moment.
 *
 * Records are kept as they come, not copied: they are immutable by their types.
 */
import { type Counter, type EntityId, TidelockError } from "@tidelock/core";
import type { StoreBatch, StoredFacts, StoredMutation, StoredReplica, StoredRow } from "../engine/records.ts";
import type { Store } from "./store.ts";

export type {
  StoreBatch,
  StoredFacts,
  StoredMutation,
  StoredReplica,
  StoredRow,
  StoredSubscription,
} from "../engine/records.ts";
export type { Durability, Store } from "./store.ts";

/** A disk in memory: synchronous and deterministic. */
export class MemoryStoreState {
  #facts: StoredFacts | null = null;
  readonly #rows = new Map<string, Map<EntityId, StoredRow>>();
  readonly #mutations = new Map<Counter, StoredMutation>();

  /** Makes the parts of a batch true in the order in which `StoreBatch` names them: what comes later wins. */
  apply(batch: StoreBatch): void {
    if (batch.facts !== null) this.#facts = batch.facts;
    for (const collection of batch.clear) this.#rows.delete(collection);
    for (const row of batch.put) this.#collection(row.collection).set(row.id, row);
    for (const [collection, id] of batch.remove) this.#rows.get(collection)?.delete(id);
    for (const mutation of batch.putMutations) this.#mutations.set(mutation.counter, mutation);
    for (const counter of batch.removeMutations) this.#mutations.delete(counter);
  }

  read(): StoredReplica {
    return {
      facts: this.#facts,
      rows: Array.from(this.#rows.values(), (rows) => Array.from(rows.values())).flat(),
      mutations: [...this.#mutations.values()].sort((left, right) => left.counter - right.counter),
    };
  }

  /** A disk of its own with the same content. */
  clone(): MemoryStoreState {
    const copy = new MemoryStoreState();
    copy.#facts = this.#facts;
    for (const [collection, rows] of this.#rows) copy.#rows.set(collection, new Map(rows));
    for (const [counter, mutation] of this.#mutations) copy.#mutations.set(counter, mutation);
    return copy;
  }

  #collection(name: string): Map<EntityId, StoredRow> {
    let rows = this.#rows.get(name);
    if (rows === undefined) {
      rows = new Map();
      this.#rows.set(name, rows);
    }
    return rows;
  }
}

/** A store that keeps its content in `state`, which outlives it when the caller holds it. */
export function memoryStore(state: MemoryStoreState = new MemoryStoreState()): Store {
  let isOpen = false;
  return {
    durability: "memory",
    async open() {
      isOpen = true;
      return state.read();
    },
    async commit(batch) {
      if (!isOpen) throw new TidelockError("store-unavailable", "the store is not open");
      state.apply(batch);
    },
    async close() {
      isOpen = false;
    },
  };
}
