/**
 * What a storage should hold, in the simplest form: everything that was ever committed, from which each answer is worked
 * out anew. It is slow, shares no code with any storage, and is the judge of all of them.
 */
import assert from "node:assert/strict";
import type { Columns, DeviceId, EntityId, Millis, Offset, TenantId } from "@tidelock/core";
import type {
  Commit,
  DecisionQuery,
  DeviceRecord,
  Receipt,
  Storage,
  StoredDecision,
  StoredEntity,
  StoredEvent,
} from "@tidelock/server/memory";

/** What a query for decisions may name. */
export const QUERY_MEMBERS = ["collection", "entity", "field", "policy", "winner"] as const;

class TenantModel {
  readonly commits: Commit[] = [];
  readonly acknowledged: {
    readonly device: DeviceId;
    readonly offset: Offset;
    readonly now: Millis;
    readonly after: number;
  }[] = [];
  floor: Offset = 0;
  published: Offset = 0;

  get head(): Offset {
    return this.commits.reduce((count, { events }) => count + events.length, 0);
  }

  events(): StoredEvent[] {
    return this.commits.flatMap(({ events }) => events).filter(({ offset }) => offset > this.floor);
  }

  entities(): StoredEntity[] {
    const last = new Map<string, StoredEntity>();
    for (const entity of this.commits.flatMap(({ entities }) => entities)) {
      last.set(`${entity.collection} ${entity.id}`, entity);
    }
    return [...last.values()].filter(({ row, at }) => row !== null || at > this.floor);
  }

  living(collection: string): StoredEntity[] {
    const living = this.entities().filter((entity) => entity.collection === collection && entity.row !== null);
    return living.sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  receipts(device: DeviceId): Receipt[] {
    // A rejection has no event that says what became of it, and a name is a dedupe key or a temporary id: both are kept.
    const kept = this.commits.flatMap(({ receipts }) =>
      receipts.filter(({ offset, name }) => offset === 0 || name !== null || offset > this.floor),
    );
    const receipts = kept.filter((receipt) => receipt.device === device);
    return receipts.sort((left, right) => left.counter - right.counter);
  }

  /** Newest first. */
  decisions(query: DecisionQuery = {}): StoredDecision[] {
    const newest = this.commits.flatMap(({ decisions }) => decisions).reverse();
    const asked = QUERY_MEMBERS.filter((member) => query[member] !== undefined);
    const fitting = newest.filter((decision) => asked.every((member) => decision[member] === query[member]));
    const { before } = query;
    if (before === undefined) return fitting;
    return fitting.filter(({ offset, index }) => (offset - before.offset || index - before.index) < 0);
  }

  device(device: DeviceId): DeviceRecord | null {
    let record: DeviceRecord | null = null;
    for (const [index, commit] of this.commits.entries()) {
      for (const next of commit.devices.filter((each) => each.device === device)) {
        record = record === null ? next : moveOn(record, next);
      }
      for (const { device: id, offset, now, after } of this.acknowledged) {
        if (id !== device || after !== index + 1 || record === null) continue;
        record = moveOn(record, { ...record, acknowledged: offset, seenAt: now });
      }
    }
    return record;
  }

  columns(): Map<string, Columns> {
    return new Map(this.commits.flatMap((commit) => commit.columns));
  }

  devices(): Set<DeviceId> {
    const named = this.commits.flatMap((commit) => [...commit.devices, ...commit.receipts]);
    return new Set(named.map(({ device }) => device));
  }

  /** Keys of everything that ever was. */
  keys(): (readonly [string, EntityId])[] {
    return this.commits.flatMap(({ entities }) => entities.map(({ collection, id }) => [collection, id] as const));
  }
}

function moveOn(before: DeviceRecord, after: DeviceRecord): DeviceRecord {
  return {
    device: after.device,
    user: after.user,
    decided: Math.max(before.decided, after.decided),
    acknowledged: Math.max(before.acknowledged, after.acknowledged),
    seenAt: Math.max(before.seenAt, after.seenAt),
  };
}

export class StorageModel {
  readonly #tenants = new Map<TenantId, TenantModel>();

  tenant(id: TenantId): TenantModel {
    let tenant = this.#tenants.get(id);
    if (tenant === undefined) {
      tenant = new TenantModel();
      this.#tenants.set(id, tenant);
    }
    return tenant;
  }

  append(commits: readonly Commit[]): void {
    for (const commit of commits) this.tenant(commit.tenant).commits.push(commit);
  }

  saveAcknowledged(id: TenantId, acknowledged: ReadonlyMap<DeviceId, Offset>, now: Millis): void {
    const tenant = this.tenant(id);
    for (const [device, offset] of acknowledged) {
      tenant.acknowledged.push({ device, offset, now, after: tenant.commits.length });
    }
  }

  savePublished(id: TenantId, published: Offset): void {
    const tenant = this.tenant(id);
    tenant.published = Math.max(tenant.published, published);
  }

  trim(id: TenantId, through: Offset): void {
    const tenant = this.tenant(id);
    const ends = tenant.events().filter(({ offset, remaining }) => offset <= through && remaining === 0);
    tenant.floor = ends.at(-1)?.offset ?? tenant.floor;
  }

  /** Asks the storage for everything, by every door, and compares. */
  async expectIn(storage: Storage): Promise<void> {
    assert.deepEqual([...(await storage.tenants())].sort(), [...this.#tenants.keys()].sort(), "tenants");
    for (const [id, tenant] of this.#tenants) await expectTenant(storage, id, tenant);
  }
}

async function expectTenant(storage: Storage, id: TenantId, tenant: TenantModel): Promise<void> {
  const { head, floor, published, columns } = await storage.openTenant(id);
  assert.deepEqual({ head, floor, published }, { head: tenant.head, floor: tenant.floor, published: tenant.published });
  assert.deepEqual(new Map(columns), tenant.columns(), "columns");
  assert.deepEqual(await storage.readEvents(id, floor, 1_000_000), tenant.events(), "events");
  const offsets = Array.from({ length: Math.min(1000, head + 2) }, (_, index) => head + 1 - index);
  const eventsAt = [...(await storage.readEventsAt(id, offsets))].sort((left, right) => left.offset - right.offset);
  const askedFor = tenant.events().filter(({ offset }) => offsets.includes(offset));
  assert.deepEqual(eventsAt, askedFor, "events by their offsets");
  assert.deepEqual(await storage.readDecisions(id, {}, 1_000_000), tenant.decisions(), "decisions");
  const byId = (entities: readonly StoredEntity[]): Map<string, StoredEntity> =>
    new Map(entities.map((entity) => [`${entity.collection} ${entity.id}`, entity]));
  const keys = [...new Map(tenant.keys().map((key) => [key.join(" "), key])).values()];
  const entities = await storage.readEntities(id, keys);
  assert.equal(entities.length, byId(entities).size, "an entity was read twice");
  assert.deepEqual(byId(entities), byId(tenant.entities()), "entities");
  for (const device of tenant.devices()) {
    assert.deepEqual(await storage.readDevice(id, device), tenant.device(device), "device");
    assert.deepEqual(await storage.readReceipts(id, device, 0, 1_000_000), tenant.receipts(device), "receipts");
  }
  for (const collection of new Set(keys.map(([collection]) => collection))) {
    const living = tenant.living(collection);
    const page = await storage.readPage(id, collection, null, 1_000_000);
    assert.deepEqual(page, { offset: head, entities: living }, "page");
    const snapshot = await storage.snapshot(id, collection, {}, []);
    assert.deepEqual([snapshot.offset, snapshot.count], [head, living.length], "offset and count of the snapshot");
    const rows = living.map((entity) => `["${entity.id}",${entity.at},${entity.row}]`);
    const start = `{"type":"rows","collection":"${collection}","offset":${head},"rows":[`;
    const inner = snapshot.chunks.map((chunk) => {
      assert.ok(chunk.startsWith(start) && chunk.endsWith("]}"), "a chunk is a whole `rows` message");
      return chunk.slice(start.length, -2);
    });
    assert.equal(inner.join(","), rows.join(","), "rows of the snapshot");
  }
}
