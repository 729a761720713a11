/**
 * The storage port: a tenant's durable truth.
 *
 * What every storage promises, and its contract suite in `@tidelock/testkit/conformance` checks:
 * - `append` is all or nothing, for all commits given together, and when it resolves they survive kill -9 and power loss.
 * - Offsets are gapless per tenant. A commit names the head it was planned on; when the head has moved, nothing is written
 *   and `append` rejects with `StaleHead`; so it does when the tenant was never opened.
 * - A commit with a gap or a part of a transaction, with a decision that is not of its events, or with a second receipt for
 *   a mutation (by counter or name), is refused whole.
 * - A decision is written with its event, and is never changed or forgotten.
 * - Watermarks (decided, acknowledged, seen, published, floor) never go back, in whatever order their writers come.
 * - Reads see every append that resolved before they were called. A snapshot is of one moment, and says which.
 * - Text is stored and returned byte for byte. Storage parses rows only to filter a snapshot.
 * - Calls may overlap; appends take effect in the order of the calls.
 */
import type { Columns, Counter, DeviceId, EntityId, Filter, JsonValue, Millis, Offset, TenantId } from "@tidelock/core";
import type {
  Commit,
  DecisionQuery,
  DeviceRecord,
  Receipt,
  Snapshot,
  StoredDecision,
  StoredEntity,
  StoredEvent,
  TenantRecord,
} from "../engine/records.ts";

/** The head has moved: another writer appended. The caller reads again and plans anew. */
export class StaleHead extends Error {
  override readonly name = "StaleHead";
}

export interface Storage {
  /** Opens or creates the data. Rejects with `data-in-use`, `data-newer` or `storage-unavailable`. */
  open(): Promise<void>;
  close(): Promise<void>;
  tenants(): Promise<readonly TenantId[]>;
  /** The tenant's record; creates an empty log with a new epoch when there is none. */
  openTenant(tenant: TenantId): Promise<TenantRecord>;
  append(commits: readonly Commit[]): Promise<void>;
  /** Those entities that exist, tombstones included, in any order. */
  readEntities(tenant: TenantId, keys: readonly (readonly [string, EntityId])[]): Promise<readonly StoredEntity[]>;
  /** Events after an offset, oldest first: about `limit`, more when needed to end with a whole transaction. */
  readEvents(tenant: TenantId, after: Offset, limit: number): Promise<readonly StoredEvent[]>;
  readDevice(tenant: TenantId, device: DeviceId): Promise<DeviceRecord | null>;
  /** Receipts with a counter above `after`, in counter order, at most `limit`. */
  readReceipts(tenant: TenantId, device: DeviceId, after: Counter, limit: number): Promise<readonly Receipt[]>;
  /** Receipts by name, those that exist. */
  findReceipts(tenant: TenantId, device: DeviceId, names: readonly string[]): Promise<readonly Receipt[]>;
  /**
   * All living entities of a collection that match, at one moment. `columns` says where the filter finds its fields;
   * `defaults` are the values of columns that a row stored earlier does not reach, `null` when not given.
   */
  snapshot(
    tenant: TenantId,
    collection: string,
    filter: Filter,
    columns: Columns,
    defaults?: readonly JsonValue[],
  ): Promise<Snapshot>;
  /** Some living entities in id order after an id, with the head at that moment; for pages of plain HTTP clients. */
  readPage(
    tenant: TenantId,
    collection: string,
    after: EntityId | null,
    limit: number,
  ): Promise<{ readonly offset: Offset; readonly entities: readonly StoredEntity[] }>;
  /** The events at these offsets, at most 1,000, those that the log still has, each once, in any order. */
  readEventsAt(tenant: TenantId, offsets: readonly Offset[]): Promise<readonly StoredEvent[]>;
  /** Decisions that fit the query, newest first (by offset, then index), at most `limit`. */
  readDecisions(tenant: TenantId, query: DecisionQuery, limit: number): Promise<readonly StoredDecision[]>;
  saveAcknowledged(tenant: TenantId, acknowledged: ReadonlyMap<DeviceId, Offset>, now: Millis): Promise<void>;
  savePublished(tenant: TenantId, published: Offset): Promise<void>;
  /**
   * Forgets events up to an offset, and the receipts and tombstones of those events; decisions are kept. Receipts of
   * rejections are kept, for no event says what became of them, and so are those with a name. The floor never cuts a
   * transaction: it stays before one that would be. When interrupted, the floor has moved or not; what lies below it is
   * never read, and the next trim finishes the work.
   */
  trim(tenant: TenantId, through: Offset): Promise<void>;
}
