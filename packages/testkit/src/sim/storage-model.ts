/**
 * The server's disk. `MemoryStorageState` of the server package is one; it is handed in from outside, because the door
 * through which it comes also has what this zone may not know. Here is what is done with it: a read of the hub carried out
 * on it, with snapshots cut into small pieces, so that every window wraps.
 */
import type { Columns, DeviceId, EntityId, Epoch, Filter, Millis, Offset, TenantId } from "@tidelock/core";
import type {
  Commit,
  DeviceRecord,
  ReadRequest,
  ReadResult,
  Receipt,
  Snapshot,
  StoredEntity,
  StoredEvent,
  TenantRecord,
} from "@tidelock/server/engine";

type StoredDecision = Commit["decisions"][number];

/** The storage port's `DecisionQuery`. */
interface DecisionQuery {
  readonly collection?: string | undefined;
  readonly entity?: EntityId | undefined;
  readonly field?: string | undefined;
  readonly policy?: string | undefined;
  readonly winner?: string | undefined;
  readonly before?: { readonly offset: Offset; readonly index: number } | undefined;
}

/** What the simulator uses of a storage: the promises of the storage port, answered at once. */
export interface StorageModel {
  openTenant(tenant: TenantId): TenantRecord;
  append(commits: readonly Commit[]): void;
  readEntities(tenant: TenantId, keys: ReadonlyArray<readonly [string, EntityId]>): readonly StoredEntity[];
  readEvents(tenant: TenantId, after: Offset, limit: number): readonly StoredEvent[];
  readEventsAt(tenant: TenantId, offsets: readonly Offset[]): readonly StoredEvent[];
  readDecisions(tenant: TenantId, query: DecisionQuery, limit: number): readonly StoredDecision[];
  readDevice(tenant: TenantId, device: DeviceId): DeviceRecord | null;
  readReceipts(tenant: TenantId, device: DeviceId, after: number, limit: number): readonly Receipt[];
  findReceipts(tenant: TenantId, device: DeviceId, names: readonly string[]): readonly Receipt[];
  snapshot(tenant: TenantId, collection: string, filter: Filter, columns: Columns): Snapshot;
  readPage(
    tenant: TenantId,
    collection: string,
    after: EntityId | null,
    limit: number,
  ): { readonly offset: Offset; readonly entities: readonly StoredEntity[] };
  saveAcknowledged(tenant: TenantId, acknowledged: ReadonlyMap<DeviceId, Offset>, now: Millis): void;
  trim(tenant: TenantId, through: Offset): void;
  /** The same content, to be changed apart from this one: a backup. */
  clone(): StorageModel;
}

/** A storage with some of its methods replaced. */
export function storageWith(disk: StorageModel, changes: Partial<StorageModel>): StorageModel {
  const kept: StorageModel = {
    openTenant: (tenant) => disk.openTenant(tenant),
    append: (commits) => disk.append(commits),
    readEntities: (tenant, keys) => disk.readEntities(tenant, keys),
    readEvents: (tenant, after, limit) => disk.readEvents(tenant, after, limit),
    readEventsAt: (tenant, offsets) => disk.readEventsAt(tenant, offsets),
    readDecisions: (tenant, query, limit) => disk.readDecisions(tenant, query, limit),
    readDevice: (tenant, device) => disk.readDevice(tenant, device),
    readReceipts: (tenant, device, after, limit) => disk.readReceipts(tenant, device, after, limit),
    findReceipts: (tenant, device, names) => disk.findReceipts(tenant, device, names),
    snapshot: (tenant, collection, filter, columns) => disk.snapshot(tenant, collection, filter, columns),
    readPage: (tenant, collection, after, limit) => disk.readPage(tenant, collection, after, limit),
    saveAcknowledged: (tenant, acknowledged, now) => disk.saveAcknowledged(tenant, acknowledged, now),
    trim: (tenant, through) => disk.trim(tenant, through),
    clone: () => disk.clone(),
  };
  return { ...kept, ...changes };
}

/** A backup that was put back: the same content under a new epoch, so that nobody takes it for the log that they knew. */
export function restored(backup: StorageModel, epoch: Epoch): StorageModel {
  return storageWith(backup, {
    openTenant: (tenant) => ({ ...backup.openTenant(tenant), epoch }),
    clone: () => backup.clone(),
  });
}

/** What the disk answers to a read of the hub. */
export function carryOut(disk: StorageModel, tenant: TenantId, request: ReadRequest): ReadResult {
  switch (request.kind) {
    case "entities":
      return { kind: "entities", entities: disk.readEntities(tenant, request.keys) };
    case "events":
      return { kind: "events", events: disk.readEvents(tenant, request.after, request.limit) };
    case "device": {
      const receipts = disk.readReceipts(tenant, request.device, request.receiptsAfter, 1000);
      return { kind: "device", record: disk.readDevice(tenant, request.device), receipts };
    }
    case "receipts-by-name":
      return { kind: "receipts-by-name", receipts: disk.findReceipts(tenant, request.device, request.names) };
    case "receipts":
      return { kind: "receipts", receipts: disk.readReceipts(tenant, request.device, request.after, request.limit) };
    case "snapshot": {
      const snapshot = disk.snapshot(tenant, request.collection, request.filter, request.columns);
      return { kind: "snapshot", snapshot: { ...snapshot, chunks: snapshot.chunks.flatMap(inPieces) } };
    }
    case "page":
      return { kind: "page", ...disk.readPage(tenant, request.collection, request.after, request.limit) };
    case "decisions":
      return { kind: "decisions", decisions: disk.readDecisions(tenant, request.where, request.limit) };
    case "events-at":
      return { kind: "events-at", events: disk.readEventsAt(tenant, request.offsets) };
  }
}

const ROWS_PER_PIECE = 4;

function inPieces(chunk: string): readonly string[] {
  const message = JSON.parse(chunk);
  const pieces: string[] = [];
  for (let start = 0; start < message.rows.length; start += ROWS_PER_PIECE) {
    pieces.push(JSON.stringify({ ...message, rows: message.rows.slice(start, start + ROWS_PER_PIECE) }));
  }
  return pieces;
}
