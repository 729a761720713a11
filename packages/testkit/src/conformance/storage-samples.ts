/** What a storage is tried with: data of its own, and valid commits whose contents can be told apart. */
import {
  assert,
  type Counter,
  type DeviceId,
  type EntityId,
  type Offset,
  type Outcome,
  parseDeviceId,
  parseEntityId,
  parseTenantId,
  parseUserId,
  type TenantId,
} from "@tidelock/core";
import type {
  Commit,
  DeviceRecord,
  Receipt,
  Storage,
  StoredDecision,
  StoredEntity,
  StoredEvent,
} from "@tidelock/server/memory";

/** Somewhere to keep data, empty at first. */
export interface StorageDisk {
  /** A new storage over what is there, not yet open. At most one is open at a time. */
  storage(): Storage;
  /** Frees what the data used. */
  remove(): Promise<void>;
}

export function tenant(name: string): TenantId {
  return valid(parseTenantId(name));
}

export function device(name: string): DeviceId {
  return valid(parseDeviceId(name));
}

export function entity(name: string): EntityId {
  return valid(parseEntityId(name));
}

function valid<Id>(id: Id | null): Id {
  assert(id !== null, "a sample has valid ids");
  return id;
}

export function commit(log: TenantId, head: Offset, parts: Partial<Omit<Commit, "tenant" | "head">> = {}): Commit {
  return {
    tenant: log,
    head,
    events: [],
    entities: [],
    receipts: [],
    decisions: [],
    devices: [],
    columns: [],
    ...parts,
  };
}

/** Events after a head, in transactions of the given sizes. */
export function events(head: Offset, ...sizes: readonly number[]): StoredEvent[] {
  const made: StoredEvent[] = [];
  for (const size of sizes) {
    for (let remaining = size - 1; remaining >= 0; remaining--) {
      const offset = head + made.length + 1;
      made.push({ offset, remaining, body: `{"offset":${offset},"of":${size}}` });
    }
  }
  return made;
}

export function row(collection: string, id: string, at: Offset, text: string | null = `["${id}",${at}]`): StoredEntity {
  return { collection, id: entity(id), at, row: text, meta: `{"at":${at}}` };
}

/** Rejected when `offset` is 0. */
export function receipt(
  of: DeviceId,
  counter: Counter,
  offset: Offset,
  name: string | null = null,
  detail: string | null = offset === 0 ? '{"code":"forbidden"}' : null,
): Receipt {
  const outcome: Outcome = offset === 0 ? "rejected" : "applied";
  return { device: of, counter, name, outcome, offset, detail };
}

export function record(of: DeviceId, decided: Counter, acknowledged: Offset, seenAt = 1_772_366_400_000): DeviceRecord {
  return { device: of, user: valid(parseUserId("ana@example.org")), decided, acknowledged, seenAt };
}

/** About field `title` of task `a`, unless `parts` says otherwise. */
export function decision(offset: Offset, index = 0, parts: Partial<StoredDecision> = {}): StoredDecision {
  return {
    offset,
    index,
    collection: "tasks",
    entity: entity("a"),
    field: "title",
    policy: "lww",
    winner: "current",
    time: 1_772_366_400_000 + offset,
    body: `{"decision":[${offset},${index}]}`,
    ...parts,
  };
}

/** Two tenants whose names differ in case only, and two devices. */
export const T = tenant("acme");
export const U = tenant("Acme");
export const D = device("device-1");
export const E = device("device-2");

/** A commit of everything: two events, two entities, receipts, decisions, a device, columns. */
export function full(head: Offset, counter: number): Commit {
  return commit(T, head, {
    events: events(head, 2),
    entities: [row("tasks", "a", head + 1), row("notes", "a", head + 2)],
    receipts: [receipt(D, counter, head + 1, `t${counter}`), receipt(D, counter + 1, 0)],
    decisions: [
      decision(head + 1),
      decision(head + 1, 1, { field: "done", policy: "resolve/max", winner: "merged" }),
      decision(head + 2, 0, { collection: "notes", field: null, policy: "review", winner: "review" }),
    ],
    devices: [record(D, counter + 1, head)],
    columns: [["tasks", ["title", "at"].slice(0, counter)]],
  });
}
