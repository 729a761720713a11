/**
 * A storage's content and operations in memory, synchronous and pure: no clock, no randomness, no waiting. `memory.ts`
 * wraps it as a `Storage`; a simulator wraps it as a disk, and models a crash by going back to an earlier `clone`.
 *
 * What stays true: the promises of `storage.ts`, with "durable" meaning "in this object". An append is checked whole
 * before anything is changed. Stored records are never changed, so clones share them.
 */
import {
  assert,
  type Columns,
  type Counter,
  type DeviceId,
  type EntityId,
  type Epoch,
  type Filter,
  type JsonValue,
  type Millis,
  type Offset,
  type TenantId,
} from "@tidelock/core";
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
import { assertWhole } from "./commit-check.ts";
import { rowMatcher, SnapshotChunks } from "./snapshot-chunks.ts";
import { StaleHead } from "./storage.ts";

/** Receipts of rejections, which have no event, and those with a name, which is a dedupe key or a temporary id, are kept. */
const NEVER: Offset = Number.MAX_SAFE_INTEGER;

/** A receipt, and the offset of its event: a trim that reaches it forgets the receipt. */
interface KeptReceipt {
  readonly receipt: Receipt;
  readonly settledAt: Offset;
}

/** One device's receipts in counter order, and by name. */
class Receipts {
  readonly byCounter: KeptReceipt[] = [];
  readonly byName = new Map<string, Receipt>();

  has(receipt: Receipt): boolean {
    if (receipt.name !== null && this.byName.has(receipt.name)) return true;
    return this.byCounter[this.indexAfter(receipt.counter - 1)]?.receipt.counter === receipt.counter;
  }

  add(kept: KeptReceipt): void {
    this.byCounter.splice(this.indexAfter(kept.receipt.counter), 0, kept);
    if (kept.receipt.name !== null) this.byName.set(kept.receipt.name, kept.receipt);
  }

  forget(through: Offset): void {
    const kept = this.byCounter.splice(0).filter(({ settledAt }) => settledAt > through);
    this.byName.clear();
    for (const each of kept) this.add(each);
  }

  /** Index of the first receipt with a counter above `counter`. */
  indexAfter(counter: Counter): number {
    let low = 0;
    let high = this.byCounter.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.byCounter[middle]?.receipt.counter ?? 0) <= counter) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** One tenant's log and what follows from it. */
class Tenant {
  floor: Offset = 0;
  published: Offset = 0;
  /** The event at index i has offset floor + i + 1. */
  readonly events: StoredEvent[] = [];
  /** Oldest first. */
  readonly decisions: StoredDecision[] = [];
  readonly columns = new Map<string, Columns>();
  readonly collections = new Map<string, Map<EntityId, StoredEntity>>();
  readonly devices = new Map<DeviceId, DeviceRecord>();
  readonly receipts = new Map<DeviceId, Receipts>();
  readonly epoch: Epoch;

  constructor(epoch: Epoch) {
    this.epoch = epoch;
  }

  get head(): Offset {
    return this.floor + this.events.length;
  }

  clone(): Tenant {
    const copy = new Tenant(this.epoch);
    copy.floor = this.floor;
    copy.published = this.published;
    for (const event of this.events) copy.events.push(event);
    for (const decision of this.decisions) copy.decisions.push(decision);
    for (const [name, columns] of this.columns) copy.columns.set(name, columns);
    for (const [name, entities] of this.collections) copy.collections.set(name, new Map(entities));
    for (const [id, device] of this.devices) copy.devices.set(id, device);
    for (const [id, receipts] of this.receipts) {
      for (const kept of receipts.byCounter) copy.receiptsOf(id).add(kept);
    }
    return copy;
  }

  receiptsOf(device: DeviceId): Receipts {
    return established(this.receipts, device, () => new Receipts());
  }

  write(commit: Commit): void {
    for (const event of commit.events) this.events.push(event);
    for (const decision of commit.decisions) this.decisions.push(decision);
    for (const entity of commit.entities) {
      established(this.collections, entity.collection, () => new Map()).set(entity.id, entity);
    }
    for (const receipt of commit.receipts) {
      this.receiptsOf(receipt.device).add({
        receipt,
        settledAt: receipt.offset > 0 && receipt.name === null ? receipt.offset : NEVER,
      });
    }
    for (const device of commit.devices) {
      const before = this.devices.get(device.device);
      this.devices.set(device.device, before === undefined ? device : movedOn(before, device));
    }
    for (const [collection, columns] of commit.columns) this.columns.set(collection, columns);
  }

  living(collection: string): Array<StoredEntity & { readonly row: string }> {
    const living: Array<StoredEntity & { readonly row: string }> = [];
    for (const entity of this.collections.get(collection)?.values() ?? []) {
      if (isLiving(entity)) living.push(entity);
    }
    return living.sort((left, right) => (left.id < right.id ? -1 : 1));
  }
}

export class MemoryStorageState {
  readonly #tenants = new Map<TenantId, Tenant>();
  readonly #makeEpoch: () => Epoch;

  /** `makeEpoch` names each new log; two calls never give the same. */
  constructor(makeEpoch: () => Epoch) {
    this.#makeEpoch = makeEpoch;
  }

  /** The same content in an object of its own. */
  clone(): MemoryStorageState {
    const copy = new MemoryStorageState(this.#makeEpoch);
    for (const [id, tenant] of this.#tenants) copy.#tenants.set(id, tenant.clone());
    return copy;
  }

  tenants(): readonly TenantId[] {
    return [...this.#tenants.keys()];
  }

  openTenant(id: TenantId): TenantRecord {
    const tenant = established(this.#tenants, id, () => new Tenant(this.#makeEpoch()));
    const { epoch, head, floor, published } = tenant;
    return { epoch, head, floor, published, columns: new Map(tenant.columns) };
  }

  append(commits: readonly Commit[]): void {
    const heads = new Map<TenantId, Offset>();
    const receipts = new Set<string>();
    for (const commit of commits) {
      assertWhole(commit);
      const tenant = this.#tenants.get(commit.tenant);
      const head = heads.get(commit.tenant) ?? tenant?.head;
      if (head !== commit.head) throw staleHead(commit, head);
      heads.set(commit.tenant, head + commit.events.length);
      for (const receipt of commit.receipts) {
        const isKept = tenant?.receipts.get(receipt.device)?.has(receipt) ?? false;
        assert(
          !isKept && addReceiptKeys(receipts, commit.tenant, receipt),
          `mutation ${receipt.counter} is decided twice`,
        );
      }
    }
    for (const commit of commits) this.#tenants.get(commit.tenant)?.write(commit);
  }

  readEntities(tenant: TenantId, keys: readonly (readonly [string, EntityId])[]): readonly StoredEntity[] {
    const found: StoredEntity[] = [];
    for (const [collection, id] of keys) {
      const entity = this.#tenants.get(tenant)?.collections.get(collection)?.get(id);
      if (entity !== undefined) found.push(entity);
    }
    return found;
  }

  readEvents(id: TenantId, after: Offset, limit: number): readonly StoredEvent[] {
    const tenant = this.#tenants.get(id);
    if (tenant === undefined) return [];
    const start = Math.max(0, after - tenant.floor);
    let end = Math.min(tenant.events.length, start + Math.max(1, limit));
    while (end > start && (tenant.events[end - 1]?.remaining ?? 0) > 0) end += 1;
    return tenant.events.slice(start, end);
  }

  readEventsAt(id: TenantId, offsets: readonly Offset[]): readonly StoredEvent[] {
    const tenant = this.#tenants.get(id);
    if (tenant === undefined) return [];
    return [...new Set(offsets)]
      .map((offset) => tenant.events[offset - tenant.floor - 1])
      .filter((event) => event !== undefined);
  }

  readDecisions(id: TenantId, query: DecisionQuery, limit: number): readonly StoredDecision[] {
    const decisions = this.#tenants.get(id)?.decisions ?? [];
    const found: StoredDecision[] = [];
    for (let index = decisions.length - 1; index >= 0 && found.length < limit; index--) {
      const decision = decisions[index];
      if (decision !== undefined && fits(decision, query)) found.push(decision);
    }
    return found;
  }

  readDevice(tenant: TenantId, device: DeviceId): DeviceRecord | null {
    return this.#tenants.get(tenant)?.devices.get(device) ?? null;
  }

  readReceipts(tenant: TenantId, device: DeviceId, after: Counter, limit: number): readonly Receipt[] {
    const receipts = this.#tenants.get(tenant)?.receipts.get(device);
    if (receipts === undefined) return [];
    const start = receipts.indexAfter(after);
    return receipts.byCounter.slice(start, start + limit).map(({ receipt }) => receipt);
  }

  findReceipts(tenant: TenantId, device: DeviceId, names: readonly string[]): readonly Receipt[] {
    const byName = this.#tenants.get(tenant)?.receipts.get(device)?.byName;
    return [...new Set(names)].map((name) => byName?.get(name)).filter((receipt) => receipt !== undefined);
  }

  snapshot(
    id: TenantId,
    collection: string,
    filter: Filter,
    columns: Columns,
    defaults: readonly JsonValue[] = [],
  ): Snapshot {
    const tenant = this.#tenants.get(id);
    const offset = tenant?.head ?? 0;
    const chunks: string[] = [];
    const builder = new SnapshotChunks(collection, offset, (chunk) => void chunks.push(chunk));
    const matches = rowMatcher(filter, columns, defaults);
    let count = 0;
    for (const entity of tenant?.living(collection) ?? []) {
      if (matches !== null && !matches(entity.id, entity.row)) continue;
      builder.add(entity.id, entity.at, entity.row);
      count += 1;
    }
    builder.end();
    return { offset, count, chunks };
  }

  readPage(
    id: TenantId,
    collection: string,
    after: EntityId | null,
    limit: number,
  ): { readonly offset: Offset; readonly entities: readonly StoredEntity[] } {
    const tenant = this.#tenants.get(id);
    const later = (tenant?.living(collection) ?? []).filter((entity) => after === null || entity.id > after);
    return { offset: tenant?.head ?? 0, entities: later.slice(0, limit) };
  }

  saveAcknowledged(id: TenantId, acknowledged: ReadonlyMap<DeviceId, Offset>, now: Millis): void {
    const devices = this.#tenants.get(id)?.devices;
    for (const [device, offset] of acknowledged) {
      const before = devices?.get(device);
      if (before === undefined) continue;
      devices?.set(device, movedOn(before, { ...before, acknowledged: offset, seenAt: now }));
    }
  }

  savePublished(id: TenantId, published: Offset): void {
    const tenant = this.#tenants.get(id);
    if (tenant !== undefined) tenant.published = Math.max(tenant.published, published);
  }

  trim(id: TenantId, through: Offset): void {
    const tenant = this.#tenants.get(id);
    if (tenant === undefined) return;
    let count = Math.min(through, tenant.head) - tenant.floor;
    while (count > 0 && (tenant.events[count - 1]?.remaining ?? 0) > 0) count -= 1;
    if (count <= 0) return;
    tenant.events.splice(0, count);
    tenant.floor += count;
    for (const receipts of tenant.receipts.values()) receipts.forget(tenant.floor);
    for (const entities of tenant.collections.values()) {
      for (const entity of entities.values()) {
        if (!isLiving(entity) && entity.at <= tenant.floor) entities.delete(entity.id);
      }
    }
  }
}

function isLiving(entity: StoredEntity): entity is StoredEntity & { readonly row: string } {
  return entity.row !== null;
}

function fits(decision: StoredDecision, query: DecisionQuery): boolean {
  const { collection, entity, field, policy, winner, before } = query;
  return (
    (before === undefined ||
      decision.offset < before.offset ||
      (decision.offset === before.offset && decision.index < before.index)) &&
    (collection === undefined || decision.collection === collection) &&
    (entity === undefined || decision.entity === entity) &&
    (field === undefined || decision.field === field) &&
    (policy === undefined || decision.policy === policy) &&
    (winner === undefined || decision.winner === winner)
  );
}

/** Watermarks never go back, in whatever order their writers come. */
function movedOn(before: DeviceRecord, after: DeviceRecord): DeviceRecord {
  return {
    device: after.device,
    user: after.user,
    decided: Math.max(before.decided, after.decided),
    acknowledged: Math.max(before.acknowledged, after.acknowledged),
    seenAt: Math.max(before.seenAt, after.seenAt),
  };
}

/** Adds what makes a receipt unique; answers whether it was new. */
function addReceiptKeys(keys: Set<string>, tenant: TenantId, { device, counter, name }: Receipt): boolean {
  const before = keys.size;
  keys.add(JSON.stringify([tenant, device, counter]));
  if (name !== null) keys.add(JSON.stringify([tenant, device, name]));
  return keys.size === before + (name === null ? 1 : 2);
}

function established<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function staleHead({ tenant, head }: Commit, actual: Offset | undefined): StaleHead {
  const where = actual === undefined ? "there is no such log" : `its head is ${actual}`;
  return new StaleHead(`the commit for ${tenant} was planned on ${head}, but ${where}`);
}
