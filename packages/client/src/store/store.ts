/**
 * The store port: a device's disk.
 *
 * What every store promises, and its contract suite in `@tidelock/testkit/conformance` checks:
 * - `commit` is all or nothing, and commits take effect in the order of the calls. When it resolves, the batch is there
 *   after a reload or a crash of the program (after power loss too, where `durability` says `durable` and the store was
 *   made strict).
 * - `open` gives back exactly what the commits that resolved left, and possibly ones that were under way, whole.
 * - A commit that cannot be made rejects with `store-quota`, `store-unavailable` or `store-corrupt`, and changes nothing.
 */
import type { StoreBatch, StoredReplica } from "../engine/records.ts";

/** `durable`: survives restarts. `best-effort`: the platform may evict it. `memory`: gone when the program ends. */
export type Durability = "durable" | "best-effort" | "memory";

export interface Store {
  readonly durability: Durability;
  /** Reads everything. Rejects with `store-unavailable` or `store-corrupt`. */
  open(): Promise<StoredReplica>;
  commit(batch: StoreBatch): Promise<void>;
  close(): Promise<void>;
}
