/**
 * The writing side of the SQLite storage, synchronous: one connection, everything prepared once. Requests that have
 * queued up are one transaction and one sync (group commit); each still succeeds or fails by itself.
 *
 * What stays true: nothing is answered before the commit of its transaction. Requests take effect in their order. What is
 * cached of tenants, collections and devices is what the current transaction sees, and is forgotten when it is rolled
 * back. It does not know threads; the format of the file is in `sqlite-format.ts`.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  type Columns,
  type Counter,
  type DeviceId,
  type EntityId,
  type Epoch,
  InvariantViolation,
  type Millis,
  type Offset,
  parseEpoch,
  parseTenantId,
  parseUserId,
  type TenantId,
} from "@tidelock/core";
import type { DeviceRecord, Receipt, StoredEntity, StoredEvent, TenantRecord } from "../engine/records.ts";
import { intact, integer, OUTCOMES, text, textOrNull } from "./sqlite-format.ts";
import {
  failureOf,
  type FlatCommits,
  FlatReader,
  type Numbered,
  type Reply,
  type WriterRequest,
} from "./sqlite-messages.ts";
import { StaleHead } from "./storage.ts";

const READS: ReadonlySet<WriterRequest[0]> = new Set([
  "tenants",
  "readEntities",
  "readEvents",
  "readEventsAt",
  "readDevice",
  "readReceipts",
  "findReceipts",
] as const);

/** Tenants, and devices of one tenant, whose keys are remembered; above it all are forgotten and read again. */
const MAX_REMEMBERED = 10_000;
/** Rows that one sweep deletes at most, so that appends between two sweeps wait some milliseconds. */
const SWEEP_ROWS = 2000;

/** A tenant as the current transaction sees it. */
interface Tenant {
  readonly key: number;
  readonly epoch: Epoch;
  head: Offset;
  floor: Offset;
  published: Offset;
  readonly collections: Map<string, number>;
  readonly devices: Map<string, number>;
}

export class SqliteWriter {
  readonly #database: DatabaseSync;
  readonly #makeEpoch: () => Epoch;
  readonly #run: ReturnType<typeof prepareAll>;
  readonly #tenants = new Map<string, Tenant>();
  /** Tenants whose row does not yet say what the cache says. */
  readonly #changed = new Set<Tenant>();

  constructor(database: DatabaseSync, makeEpoch: () => Epoch) {
    this.#database = database;
    this.#makeEpoch = makeEpoch;
    this.#run = prepareAll(database);
  }

  /** Answers every request, in order, after what they wrote is on the disk. */
  perform(requests: readonly Numbered<WriterRequest>[]): Reply[] {
    if (requests.every(({ request }) => READS.has(request[0]))) return requests.map((each) => this.#performRead(each));
    try {
      this.#run.begin.run();
      const replies = requests.map((each) => this.#performOrRefuse(each));
      for (const tenant of this.#changed) {
        this.#run.updateTenant.run(tenant.head, tenant.floor, tenant.published, tenant.key);
      }
      this.#run.commit.run();
      this.#changed.clear();
      if (this.#tenants.size > MAX_REMEMBERED) this.#tenants.clear();
      return replies;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      this.#tenants.clear();
      this.#changed.clear();
      const [only, another] = requests;
      if (only !== undefined && another === undefined) return [failed(only, error)];
      // Whose fault it was is found by giving each a transaction of its own.
      return requests.flatMap((each) => this.perform([each]));
    }
  }

  #performRead(each: Numbered<WriterRequest>): Reply {
    try {
      return { number: each.number, type: "done", value: this.#answer(each.request) };
    } catch (error) {
      return failed(each, error);
    }
  }

  /** A stale head is found before anything is written, so the transaction goes on without that request. */
  #performOrRefuse(each: Numbered<WriterRequest>): Reply {
    try {
      return { number: each.number, type: "done", value: this.#answer(each.request) };
    } catch (error) {
      if (error instanceof StaleHead) return failed(each, error);
      throw error;
    }
  }

  #answer(request: WriterRequest): unknown {
    switch (request[0]) {
      case "open":
      case "close":
        throw new InvariantViolation("opening and closing are the thread's");
      case "append":
        return this.#append(request[1]);
      case "tenants":
        return this.#run.selectTenants.all().map(({ name }) => intact(parseTenantId(name)));
      case "openTenant":
        return this.#openTenant(request[1]);
      case "readEntities":
        return this.#readEntities(request[1], request[2]);
      case "readEvents":
        return this.#readEvents(request[1], request[2], request[3]);
      case "readEventsAt":
        return this.#readEventsAt(request[1], request[2]);
      case "readDevice":
        return this.#readDevice(request[1], request[2]);
      case "readReceipts":
        return this.#readReceipts(request[1], request[2], request[3], request[4]);
      case "findReceipts":
        return this.#findReceipts(request[1], request[2], request[3]);
      case "saveAcknowledged":
        return this.#saveAcknowledged(request[1], request[2], request[3]);
      case "savePublished":
        return this.#savePublished(request[1], request[2]);
      case "raiseFloor":
        return this.#raiseFloor(request[1], request[2]);
      case "sweep":
        return this.#sweep(request[1], request[2]);
    }
  }

  #openTenant(name: TenantId): TenantRecord {
    if (this.#tenant(name) === null) this.#run.insertTenant.run(name, this.#makeEpoch());
    const tenant = intact(this.#tenant(name));
    const columns = new Map<string, Columns>();
    for (const row of this.#run.selectColumns.all(tenant.key)) {
      const list: Columns = JSON.parse(text(row["columns"]));
      columns.set(text(row["name"]), list);
    }
    const { epoch, head, floor, published } = tenant;
    return { epoch, head, floor, published, columns };
  }

  #append(flat: FlatCommits): void {
    const reader = new FlatReader(flat);
    const commits = this.#checkHeads(reader);
    for (const { tenant, head, events } of commits) {
      const after = head + events;
      for (let offset = head + 1; offset <= after; offset++) {
        this.#run.insertEvent.run(tenant.key, offset, reader.number(), reader.text());
      }
      for (let count = reader.number(); count > 0; count--) {
        const collection = this.#collection(tenant, reader.text());
        this.#run.putEntity.run(collection, reader.text(), reader.number(), reader.textOrNull(), reader.text());
      }
      for (let count = reader.number(); count > 0; count--) {
        const device = this.#device(tenant, reader.text());
        const [counter, name, outcome, offset] = [
          reader.number(),
          reader.textOrNull(),
          reader.number(),
          reader.number(),
        ];
        const settledAt = offset > 0 && name === null ? offset : Number.MAX_SAFE_INTEGER;
        this.#run.insertReceipt.run(device, counter, name, outcome, offset, settledAt, reader.textOrNull());
      }
      for (let count = reader.number(); count > 0; count--) this.#insertDecision(tenant, reader);
      for (let count = reader.number(); count > 0; count--) {
        const device = this.#device(tenant, reader.text());
        this.#run.updateDevice.run(reader.text(), reader.number(), reader.number(), reader.number(), device);
      }
      for (let count = reader.number(); count > 0; count--) {
        const collection = this.#collection(tenant, reader.text());
        this.#run.updateColumns.run(reader.text(), collection);
      }
      tenant.head = after;
      this.#changed.add(tenant);
    }
  }

  #insertDecision(tenant: Tenant, reader: FlatReader): void {
    const [offset, index, collection] = [reader.number(), reader.number(), this.#collection(tenant, reader.text())];
    const [entity, field, policy, winner] = [reader.text(), reader.textOrNull(), reader.text(), reader.text()];
    const [time, body] = [reader.number(), reader.text()];
    this.#run.insertDecision.run(tenant.key, offset, index, collection, entity, field, policy, winner, time, body);
  }

  /** The commits' heads must hold, each after the ones before it, before any of them is written. */
  #checkHeads(reader: FlatReader): Array<{ readonly tenant: Tenant; readonly head: Offset; readonly events: number }> {
    const commits: Array<{ readonly tenant: Tenant; readonly head: Offset; readonly events: number }> = [];
    const heads = new Map<Tenant, Offset>();
    for (let count = reader.number(); count > 0; count--) {
      const [name, head, events] = [reader.text(), reader.number(), reader.number()];
      const tenant = this.#tenant(name);
      if (tenant === null)
        throw new StaleHead(`the commit for ${name} was planned on ${head}, but there is no such log`);
      const actual = heads.get(tenant) ?? tenant.head;
      if (actual !== head)
        throw new StaleHead(`the commit for ${name} was planned on ${head}, but its head is ${actual}`);
      heads.set(tenant, head + events);
      commits.push({ tenant, head, events });
    }
    return commits;
  }

  #readEntities(tenantName: TenantId, keys: readonly (readonly [string, EntityId])[]): readonly StoredEntity[] {
    const tenant = this.#tenant(tenantName);
    const found: StoredEntity[] = [];
    for (const [collection, id] of tenant === null ? [] : keys) {
      const key = tenant === null ? null : this.#knownCollection(tenant, collection);
      const row = key === null ? undefined : this.#run.selectEntity.get(key, id);
      if (row === undefined) continue;
      found.push({ collection, id, at: integer(row["at"]), row: textOrNull(row["row"]), meta: text(row["meta"]) });
    }
    return found;
  }

  #readEvents(tenantName: TenantId, after: Offset, limit: number): readonly StoredEvent[] {
    const tenant = this.#tenant(tenantName);
    if (tenant === null) return [];
    const events: StoredEvent[] = [];
    // What lies below the floor may still be there, waiting to be swept.
    for (const row of this.#run.selectEvents.iterate(tenant.key, Math.max(after, tenant.floor), tenant.head)) {
      const remaining = integer(row["remaining"]);
      events.push({ offset: integer(row["offset"]), remaining, body: text(row["body"]) });
      if (events.length >= limit && remaining === 0) break;
    }
    return events;
  }

  #readEventsAt(tenantName: TenantId, offsets: readonly Offset[]): readonly StoredEvent[] {
    const tenant = this.#tenant(tenantName);
    if (tenant === null) return [];
    const events: StoredEvent[] = [];
    for (const offset of new Set(offsets)) {
      // What lies below the floor may still be there; what a key above the head would find is another tenant's.
      if (offset <= tenant.floor || offset > tenant.head) continue;
      const row = this.#run.selectEvent.get(tenant.key, offset);
      if (row === undefined) continue;
      events.push({ offset, remaining: integer(row["remaining"]), body: text(row["body"]) });
    }
    return events;
  }

  #readDevice(tenantName: TenantId, device: DeviceId): DeviceRecord | null {
    const tenant = this.#tenant(tenantName);
    const row = tenant === null ? undefined : this.#run.selectDevice.get(tenant.key, device);
    if (row === undefined || row["user"] === null) return null;
    return {
      device,
      user: intact(parseUserId(row["user"])),
      decided: integer(row["decided"]),
      acknowledged: integer(row["acknowledged"]),
      seenAt: integer(row["seen_at"]),
    };
  }

  #readReceipts(tenantName: TenantId, device: DeviceId, after: Counter, limit: number): readonly Receipt[] {
    const key = this.#knownDevice(tenantName, device);
    const rows = key === null ? [] : this.#run.selectReceipts.all(key, after, limit);
    return rows.map((row) => receiptOf(device, row));
  }

  #findReceipts(tenantName: TenantId, device: DeviceId, names: readonly string[]): readonly Receipt[] {
    const key = this.#knownDevice(tenantName, device);
    const found: Receipt[] = [];
    for (const name of key === null ? [] : new Set(names)) {
      const row = this.#run.selectReceiptByName.get(key, name);
      if (row !== undefined) found.push(receiptOf(device, row));
    }
    return found;
  }

  #saveAcknowledged(tenantName: TenantId, acknowledged: ReadonlyMap<DeviceId, Offset>, now: Millis): void {
    const tenant = this.#tenant(tenantName);
    if (tenant === null) return;
    for (const [device, offset] of acknowledged) this.#run.updateAcknowledged.run(offset, now, tenant.key, device);
  }

  #savePublished(tenantName: TenantId, published: Offset): void {
    const tenant = this.#tenant(tenantName);
    if (tenant === null || published <= tenant.published) return;
    tenant.published = published;
    this.#changed.add(tenant);
  }

  /** The floor never cuts a transaction: it stays before the one that `through` lies in. */
  #raiseFloor(tenantName: TenantId, through: Offset): void {
    const tenant = this.#tenant(tenantName);
    if (tenant === null || through <= tenant.floor) return;
    const row = this.#run.selectLastWhole.get(tenant.key, tenant.floor, Math.min(through, tenant.head));
    if (row === undefined) return;
    tenant.floor = integer(row["offset"]);
    this.#changed.add(tenant);
  }

  #sweep(tenantName: TenantId, after: string): string | null {
    const tenant = this.#tenant(tenantName);
    if (tenant === null) return null;
    const { key, floor } = tenant;
    if (changesOf(this.#run.deleteEvents, key, floor, SWEEP_ROWS) > 0) return after;
    if (changesOf(this.#run.deleteTombstones, key, floor, SWEEP_ROWS) > 0) return after;
    let budget = SWEEP_ROWS;
    let last = after;
    for (const row of this.#run.selectDevicesAfter.all(key, after, SWEEP_ROWS)) {
      const deleted = changesOf(this.#run.deleteReceipts, integer(row["id"]), floor, SWEEP_ROWS);
      if (deleted === SWEEP_ROWS) return last;
      last = text(row["name"]);
      budget -= deleted + 1;
      if (budget <= 0) return last;
    }
    return null;
  }

  #tenant(name: string): Tenant | null {
    const known = this.#tenants.get(name);
    if (known !== undefined) return known;
    const row = this.#run.selectTenant.get(name);
    if (row === undefined) return null;
    const tenant: Tenant = {
      key: integer(row["id"]),
      epoch: intact(parseEpoch(row["epoch"])),
      head: integer(row["head"]),
      floor: integer(row["floor"]),
      published: integer(row["published"]),
      collections: new Map(),
      devices: new Map(),
    };
    this.#tenants.set(name, tenant);
    return tenant;
  }

  /** The key of a collection, made when there is none. */
  #collection(tenant: Tenant, name: string): number {
    const known = this.#knownCollection(tenant, name);
    if (known !== null) return known;
    this.#run.insertCollection.run(tenant.key, name);
    return intact(this.#knownCollection(tenant, name));
  }

  #knownCollection(tenant: Tenant, name: string): number | null {
    return remembered(tenant.collections, name, () => this.#run.selectCollection.get(tenant.key, name)?.["id"]);
  }

  /** The key of a device, made when there is none. */
  #device(tenant: Tenant, name: string): number {
    const select = (): unknown => this.#run.selectDevice.get(tenant.key, name)?.["id"];
    const known = remembered(tenant.devices, name, select);
    if (known !== null) return known;
    this.#run.insertDevice.run(tenant.key, name);
    return intact(remembered(tenant.devices, name, select));
  }

  #knownDevice(tenantName: TenantId, name: DeviceId): number | null {
    const tenant = this.#tenant(tenantName);
    if (tenant === null) return null;
    return remembered(tenant.devices, name, () => this.#run.selectDevice.get(tenant.key, name)?.["id"]);
  }
}

function prepareAll(database: DatabaseSync) {
  const sql = (source: string): StatementSync => database.prepare(source);
  return {
    begin: sql("BEGIN IMMEDIATE"),
    commit: sql("COMMIT"),

    selectTenants: sql("SELECT name FROM tenants ORDER BY id"),
    selectTenant: sql("SELECT id, epoch, head, floor, published FROM tenants WHERE name = ?"),
    insertTenant: sql("INSERT INTO tenants (name, epoch, head, floor, published) VALUES (?, ?, 0, 0, 0)"),
    updateTenant: sql("UPDATE tenants SET head = ?, floor = ?, published = ? WHERE id = ?"),

    selectCollection: sql("SELECT id FROM collections WHERE tenant = ? AND name = ?"),
    insertCollection: sql("INSERT INTO collections (tenant, name) VALUES (?, ?)"),
    selectColumns: sql("SELECT name, columns FROM collections WHERE tenant = ? AND columns IS NOT NULL ORDER BY id"),
    updateColumns: sql("UPDATE collections SET columns = ? WHERE id = ?"),

    // `|` takes both sides as integers, which `+` would not: parameters may arrive as floating point.
    insertEvent: sql("INSERT INTO events (key, remaining, body) VALUES ((?1 << 40) | ?2, ?3, ?4)"),
    selectEvents: sql(`
      SELECT key & ${2 ** 40 - 1} AS offset, remaining, body FROM events
      WHERE key > ((?1 << 40) | ?2) AND key <= ((?1 << 40) | ?3) ORDER BY key`),
    selectEvent: sql("SELECT remaining, body FROM events WHERE key = ((?1 << 40) | ?2)"),
    selectLastWhole: sql(`
      SELECT key & ${2 ** 40 - 1} AS offset FROM events
      WHERE key > ((?1 << 40) | ?2) AND key <= ((?1 << 40) | ?3) AND remaining = 0 ORDER BY key DESC LIMIT 1`),
    deleteEvents: sql(`
      DELETE FROM events WHERE key IN (
        SELECT key FROM events WHERE key > (?1 << 40) AND key <= ((?1 << 40) | ?2) ORDER BY key LIMIT ?3)`),

    selectEntity: sql("SELECT at, row, meta FROM entities WHERE collection = ? AND id = ?"),
    putEntity: sql(`
      INSERT INTO entities (collection, id, at, row, meta) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET at = excluded.at, row = excluded.row, meta = excluded.meta`),
    deleteTombstones: sql(`
      DELETE FROM entities WHERE (collection, id) IN (
        SELECT e.collection, e.id FROM collections c JOIN entities e ON e.collection = c.id
        WHERE c.tenant = ?1 AND e.row IS NULL AND e.at <= ?2 LIMIT ?3)`),

    selectDevice: sql("SELECT id, user, decided, acknowledged, seen_at FROM devices WHERE tenant = ? AND name = ?"),
    insertDevice: sql("INSERT INTO devices (tenant, name, decided, acknowledged, seen_at) VALUES (?, ?, 0, 0, 0)"),
    // Watermarks never go back, in whatever order their writers come.
    updateDevice: sql(`
      UPDATE devices SET user = ?, decided = max(decided, ?), acknowledged = max(acknowledged, ?), seen_at = max(seen_at, ?)
      WHERE id = ?`),
    updateAcknowledged: sql(`
      UPDATE devices SET acknowledged = max(acknowledged, ?), seen_at = max(seen_at, ?)
      WHERE tenant = ? AND name = ? AND user IS NOT NULL`),
    selectDevicesAfter: sql("SELECT id, name FROM devices WHERE tenant = ? AND name > ? ORDER BY name LIMIT ?"),

    insertDecision: sql(`
      INSERT INTO decisions (event, position, collection, entity, field, policy, winner, time, body)
      VALUES ((?1 << 40) | ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`),

    insertReceipt: sql(`
      INSERT INTO receipts (device, counter, name, outcome, offset, settled_at, detail) VALUES (?, ?, ?, ?, ?, ?, ?)`),
    selectReceipts: sql(`
      SELECT counter, name, outcome, offset, detail FROM receipts
      WHERE device = ? AND counter > ? ORDER BY counter LIMIT ?`),
    selectReceiptByName: sql(
      "SELECT counter, name, outcome, offset, detail FROM receipts WHERE device = ? AND name = ?",
    ),
    deleteReceipts: sql(`
      DELETE FROM receipts WHERE device = ?1 AND counter IN (
        SELECT counter FROM receipts WHERE device = ?1 AND settled_at <= ?2 ORDER BY counter LIMIT ?3)`),
  };
}

function failed({ number }: Numbered<WriterRequest>, error: unknown): Reply {
  return { number, type: "failed", failure: failureOf(error) };
}

function receiptOf(device: DeviceId, row: NonNullable<ReturnType<StatementSync["get"]>>): Receipt {
  return {
    device,
    counter: integer(row["counter"]),
    name: textOrNull(row["name"]),
    outcome: intact(OUTCOMES[integer(row["outcome"])]),
    offset: integer(row["offset"]),
    detail: textOrNull(row["detail"]),
  };
}

function changesOf(statement: StatementSync, ...parameters: number[]): number {
  return Number(statement.run(...parameters).changes);
}

/** A name's key from the cache or the file; one that does not exist is not remembered. */
function remembered(keys: Map<string, number>, name: string, select: () => unknown): number | null {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const key = select();
  if (typeof key !== "number") return null;
  if (keys.size >= MAX_REMEMBERED) keys.clear();
  keys.set(name, key);
  return key;
}
