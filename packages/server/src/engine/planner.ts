/**
 * The planner: takes transactions in, loads what they need, admits them in order, and gathers the outcome into commits,
 * one append under way at a time (group commit: what arrives while the disk works goes together into the next).
 *
 * What stays true: transactions are admitted in the order of arrival, each against the state that all before it leave;
 * nothing is answered before its append is done; a refused mutation is recorded like an admitted one.
 */
import {
  assert,
  completeRow,
  type CollectionSchema,
  type Counter,
  type Decision,
  type DeviceId,
  type DomainEvent,
  encodeEvent,
  type EntityId,
  type EntityState,
  type ErrorCode,
  isTemporaryId,
  HybridClock,
  type JsonValue,
  MAX_CLOCK_DRIFT,
  type Mutation,
  type Offset,
  type Outcome,
  parseEntityId,
  type ResultDetail,
  stampMillis,
  uuidv7,
  type VersionVector,
} from "@tidelock/core";
import { type Admission, admitTransaction, type Candidate } from "./admit.ts";
import type { DeviceState } from "./device.ts";
import { EntityCache } from "./entity-cache.ts";
import { decodeEntity, encodeEntity, encodeRow } from "./entity-codec.ts";
import type { Principal } from "./input.ts";
import type { HubContext } from "./ports.ts";
import type { Commit, Receipt, StoredEntity, StoredEvent } from "./records.ts";

/** A mutation as it was pushed. */
export interface Pushed {
  readonly mutation: Mutation;
  readonly seen: VersionVector;
  /** What a plain HTTP client called it. */
  readonly name: string | null;
  /** Whether the server makes the id of this create. */
  readonly assign: boolean;
  /** Why it cannot be admitted, when that was clear on arrival. It is recorded like every refusal. */
  readonly refused: ResultDetail | null;
}

/** A whole transaction on its way to be admitted. */
export interface Transaction {
  readonly device: DeviceState;
  readonly principal: Principal;
  readonly mutations: readonly Pushed[];
  /** Called for each mutation, in order, when its decision is on disk. */
  readonly answer: (decided: Decided) => void;
}

/** How a mutation was decided, on disk. */
export interface Decided {
  readonly counter: Counter;
  readonly name: string | null;
  readonly outcome: Outcome;
  readonly offset: Offset;
  readonly detail: ResultDetail | null;
}

interface PendingEntity {
  readonly state: EntityState;
  readonly row: string | null;
}

class Batch {
  readonly events: DomainEvent[] = [];
  readonly bodies: StoredEvent[] = [];
  readonly entities = new Map<string, PendingEntity>();
  readonly receipts: Receipt[] = [];
  readonly devices = new Map<DeviceId, DeviceState>();
  readonly answers: Array<() => void> = [];

  get isEmpty(): boolean {
    return this.devices.size === 0;
  }
}

/** What an append brought: events in order, with the size of each body. */
export interface Appended {
  readonly events: readonly DomainEvent[];
  readonly sizes: readonly number[];
  readonly devices: Iterable<DeviceState>;
  readonly answer: () => void;
}

const MAX_ALIASES = 20_000;

export class Planner {
  readonly #context: HubContext;
  readonly #cache: EntityCache;
  readonly #clock = new HybridClock();
  #queue: Transaction[] = [];
  #queuedMutations = 0;
  /** A read is under way; or one failed, and the next `retry` tries again. */
  #loading = false;
  #reading = false;
  #batch = new Batch();
  #underWay: Batch | null = null;
  #planned: Offset;
  #durable: Offset;
  /** Temporary ids of devices and the ids assigned; `null`: there is none. */
  readonly #aliases = new Map<string, EntityId | null>();
  #columnsToSave: Commit["columns"];

  constructor(context: HubContext, head: Offset, columnsToSave: Commit["columns"]) {
    this.#context = context;
    this.#cache = new EntityCache(context.bounds.maxCachedEntities);
    this.#planned = head;
    this.#durable = head;
    this.#columnsToSave = columnsToSave;
  }

  /** Mutations that wait for the disk. */
  get backlog(): number {
    return this.#queuedMutations + this.#batch.receipts.length + (this.#underWay?.receipts.length ?? 0);
  }

  /** Whether more may wait. When nothing does, anything may: or a push larger than the bound would never be taken. */
  hasRoomFor(mutations: number): boolean {
    return this.backlog === 0 || this.backlog + mutations <= this.#context.limits.maxPendingMutations;
  }

  /** The log's head on disk. */
  get durable(): Offset {
    return this.#durable;
  }

  get idle(): boolean {
    return this.#queue.length === 0 && this.#underWay === null && this.#batch.isEmpty && !this.#loading;
  }

  enqueue(transaction: Transaction): void {
    this.#queue.push(transaction);
    this.#queuedMutations += transaction.mutations.length;
  }

  /** Reads again what could not be read. Called now and then. */
  retry(): void {
    if (this.#loading && !this.#reading) this.#loading = false;
  }

  /** Makes sure that the storage knows the device, even if it never writes. */
  register(device: DeviceState): void {
    this.#batch.devices.set(device.device, device);
  }

  /** Notes what a temporary id became, as read from receipts; `null` when nothing. */
  noteAlias(device: DeviceId, name: string, entity: EntityId | null): void {
    const key = `${device} ${name}`;
    this.#aliases.delete(key);
    this.#aliases.set(key, entity);
    if (this.#aliases.size <= MAX_ALIASES) return;
    const oldest = this.#aliases.keys().next().value;
    if (oldest !== undefined) this.#aliases.delete(oldest);
  }

  /** Admits what is loaded, and starts an append when the disk is free. Called after every input. */
  decide(): void {
    this.#plan();
    if (this.#underWay !== null || this.#batch.isEmpty) return;
    const batch = this.#batch;
    this.#underWay = batch;
    this.#batch = new Batch();
    const head = this.#planned - batch.events.length;
    this.#context.emit({
      type: "append",
      append: head,
      commit: this.#commit(batch, head),
      events: batch.events,
    });
  }

  /** The append is on disk. */
  appended(): Appended {
    const batch = this.#underWay;
    assert(batch !== null, "append-done without an append under way");
    this.#underWay = null;
    this.#durable += batch.events.length;
    this.#columnsToSave = [];
    this.#cache.shrink(this.#durable);
    return {
      events: batch.events,
      sizes: batch.bodies.map((event) => event.body.length),
      devices: batch.devices.values(),
      answer: () => {
        for (const answer of batch.answers) answer();
      },
    };
  }

  #plan(): void {
    let next = 0;
    while (next < this.#queue.length && this.#batch.receipts.length < this.#context.bounds.maxAppendMutations) {
      const transaction = this.#queue[next];
      assert(transaction !== undefined, "queue ended early");
      if (!this.#load(transaction, next)) break;
      next += 1;
      this.#queuedMutations -= transaction.mutations.length;
      this.#admit(transaction);
    }
    if (next > 0) this.#queue = this.#queue.slice(next);
  }

  // ── loading ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether everything that the transaction needs is in memory; when not, reads it for all that wait. */
  #load(transaction: Transaction, position: number): boolean {
    if (this.#missingAliases(transaction).length === 0 && this.#missingEntities(transaction).length === 0) return true;
    if (this.#loading) return false;
    const waiting = this.#queue.slice(position, position + this.#context.bounds.maxAppendMutations);
    const device = transaction.device.device;
    const names = new Set(
      waiting.filter((other) => other.device.device === device).flatMap((other) => this.#missingAliases(other)),
    );
    this.#loading = true;
    this.#reading = true;
    if (names.size > 0) this.#loadAliases(device, [...names]);
    else this.#loadEntities(waiting.flatMap((other) => this.#missingEntities(other)));
    return false;
  }

  #loadAliases(device: DeviceId, names: readonly string[]): void {
    this.#context.read({ kind: "receipts-by-name", device, names }, (result) => {
      this.#reading = false;
      if (result === null) return;
      this.#loading = false;
      for (const name of names) {
        if (!this.#aliases.has(`${device} ${name}`)) this.noteAlias(device, name, null);
      }
      for (const receipt of result.receipts) {
        const entity =
          receipt.detail === null ? null : parseEntityId((JSON.parse(receipt.detail) as ResultDetail).entity);
        if (receipt.name !== null) this.noteAlias(device, receipt.name, entity);
      }
    });
  }

  #loadEntities(missing: readonly (readonly [string, EntityId])[]): void {
    const keys = [...new Map(missing.map((key) => [key.join("/"), key])).values()];
    this.#context.read({ kind: "entities", keys }, (result) => {
      this.#reading = false;
      if (result === null) return;
      this.#loading = false;
      for (const [collection, id] of keys) {
        if (!this.#cache.has(collection, id)) this.#cache.set(collection, id, null);
      }
      for (const stored of result.entities) {
        // What is planned already is newer than what the disk has.
        if (this.#cache.get(stored.collection, stored.id) !== null) continue;
        this.#cache.set(stored.collection, stored.id, this.#decode(stored));
      }
    });
  }

  #decode(stored: StoredEntity): EntityState {
    const columns = this.#context.columns.get(stored.collection) ?? [];
    const schema = this.#context.collections.get(stored.collection);
    const state = decodeEntity(stored, columns.length);
    if (state.values === null || schema === undefined) return state;
    return { ...state, values: completeRow(state.values, columns, schema) };
  }

  #missingAliases({ device, mutations }: Transaction): string[] {
    const names: string[] = [];
    for (const { mutation } of mutations) {
      if (mutation.operation !== "create") names.push(mutation.entity);
      for (const value of this.#references(mutation)) names.push(value);
    }
    return names.filter(
      (name) =>
        name.startsWith("tmp:") && !this.#aliases.has(`${device.device} ${name}`) && !this.#assignsIn(mutations, name),
    );
  }

  /** Whether the transaction itself creates the entity that a temporary id names. */
  #assignsIn(mutations: readonly Pushed[], name: string): boolean {
    return mutations.some(({ mutation }) => mutation.operation === "create" && mutation.entity === name);
  }

  #missingEntities({ device, mutations }: Transaction): Array<readonly [string, EntityId]> {
    const keys: Array<readonly [string, EntityId]> = [];
    for (const { mutation, assign } of mutations) {
      if (assign || !this.#context.collections.has(mutation.collection)) continue;
      const id = this.resolve(device.device, mutation.entity);
      if (!isTemporaryId(id) && !this.#cache.has(mutation.collection, id)) keys.push([mutation.collection, id]);
    }
    return keys;
  }

  /** The id that the server assigned in place of a temporary one of the device; any other as it is. */
  resolve(device: DeviceId, id: EntityId): EntityId {
    return this.#aliases.size === 0 ? id : (this.#aliases.get(`${device} ${id}`) ?? id);
  }

  /** Values of reference fields. */
  *#references(mutation: Mutation): Iterable<string> {
    const schema = this.#context.collections.get(mutation.collection);
    if (schema === undefined) return;
    for (const field of schema.fields) {
      if (field.type !== "reference" || !Object.hasOwn(mutation.fields, field.name)) continue;
      const value = mutation.fields[field.name];
      if (typeof value === "string") yield value;
    }
  }

  // ── admission ────────────────────────────────────────────────────────────────────────────────────────────────────

  #admit(transaction: Transaction): void {
    const { device, principal, mutations } = transaction;
    const candidates = mutations.map((pushed) => this.#candidate(device, pushed));
    const admission =
      refusedOnArrival(mutations) ??
      danglingReference(candidates, this.#context.collections) ??
      admitTransaction(candidates, {
        device: device.device,
        user: principal.user,
        rule: this.#context.ruleContext(principal),
        rules: this.#context.rules,
        collections: this.#context.collections,
        columns: this.#context.columns,
        head: this.#planned,
        now: this.#context.now(),
        read: (collection, id) => this.#cache.get(collection, id),
      });
    if (admission.ok) {
      for (const state of admission.states) this.#cache.set(state.collection, state.id, state);
      const rows = new Map(admission.states.map((state) => [state.at, encodeRow(state.values)]));
      for (const event of admission.events) this.#addEvent(event, rows);
      for (const state of admission.states) {
        this.#batch.entities.set(`${state.collection}/${state.id}`, {
          state,
          row: rows.get(state.at) ?? null,
        });
      }
      this.#planned += admission.events.length;
    }
    for (const [position, pushed] of mutations.entries()) {
      const candidate = candidates[position];
      const result = admission.ok ? admission.results[position] : undefined;
      assert(candidate !== undefined && (result !== undefined || !admission.ok), "a mutation was left undecided");
      if (result !== undefined) {
        const detail: { entity?: EntityId; conflicts?: readonly Decision[] } = {};
        if (candidate.assigned !== null) detail.entity = candidate.assigned;
        if (result.conflicts.length > 0) detail.conflicts = result.conflicts;
        this.#record(
          transaction,
          pushed,
          result.outcome,
          result.offset,
          Object.keys(detail).length > 0 ? detail : null,
        );
      } else if (!admission.ok) {
        this.#record(transaction, pushed, "rejected", 0, refusalDetail(admission, position, mutations));
        if (candidate.assigned !== null) this.noteAlias(device.device, pushed.name ?? pushed.mutation.entity, null);
      }
    }
  }

  #addEvent(event: DomainEvent, rows: ReadonlyMap<Offset, string | null>): void {
    const row = rows.get(event.offset);
    const body = encodeEvent(event, row === undefined ? encodeRow(event.row) : row);
    this.#batch.events.push(event);
    this.#batch.bodies.push({ offset: event.offset, remaining: event.remaining, body });
  }

  #candidate(device: DeviceState, { mutation, seen, name, assign }: Pushed): Candidate {
    const now = this.#context.now();
    const ahead = stampMillis(mutation.stamp) > now + MAX_CLOCK_DRIFT;
    const stamp = ahead ? this.#clock.tick(now) : mutation.stamp;
    if (!ahead) this.#clock.observe(stamp, now, MAX_CLOCK_DRIFT);
    const assigned = assign && mutation.operation === "create" ? this.#newId() : null;
    if (assigned !== null) this.noteAlias(device.device, name ?? mutation.entity, assigned);
    return {
      mutation: this.#resolveIds(device.device, mutation, assigned),
      seen,
      stamp,
      claimed: ahead ? mutation.stamp : null,
      assigned,
    };
  }

  /** The mutation with temporary ids replaced by those assigned, in its entity and in its references. */
  #resolveIds(device: DeviceId, mutation: Mutation, assigned: EntityId | null): Mutation {
    const entity = assigned ?? this.resolve(device, mutation.entity);
    const schema = this.#context.collections.get(mutation.collection);
    const replaced: Array<[string, JsonValue]> = [];
    for (const field of schema?.fields ?? []) {
      if (field.type !== "reference" || !Object.hasOwn(mutation.fields, field.name)) continue;
      const value = parseEntityId(mutation.fields[field.name]);
      const target = value === null ? null : this.resolve(device, value);
      if (target !== null && target !== value) replaced.push([field.name, target]);
    }
    if (entity === mutation.entity && replaced.length === 0) return mutation;
    return { ...mutation, entity, fields: { ...mutation.fields, ...Object.fromEntries(replaced) } };
  }

  #newId(): EntityId {
    const bytes = Uint8Array.from({ length: 10 }, () => this.#context.random.below(256));
    const id = parseEntityId(uuidv7(this.#context.now(), bytes));
    assert(id !== null, "a UUID is an entity id");
    return id;
  }

  #record(
    transaction: Transaction,
    pushed: Pushed,
    outcome: Outcome,
    offset: Offset,
    detail: ResultDetail | null,
  ): void {
    const { device, answer } = transaction;
    const { counter } = pushed.mutation;
    assert(
      counter === device.planned + 1,
      `mutation ${counter} of ${device.device} was planned after ${device.planned}`,
    );
    device.planned = counter;
    const name = pushed.name ?? (pushed.assign ? pushed.mutation.entity : null);
    this.#batch.receipts.push({
      device: device.device,
      counter,
      name,
      outcome,
      offset,
      detail: detail === null ? null : JSON.stringify(detail),
    });
    this.#batch.devices.set(device.device, device);
    this.#batch.answers.push(() => {
      device.decided = counter;
      answer({ counter, name: pushed.name, outcome, offset, detail });
    });
  }

  #commit(batch: Batch, head: Offset): Commit {
    const now = this.#context.now();
    return {
      tenant: this.#context.tenant,
      head,
      events: batch.bodies,
      entities: [...batch.entities.values()].map(({ state, row }) => encodeEntity(state, row)),
      receipts: batch.receipts,
      devices: [...batch.devices.values()].map((state) => {
        state.registered = true;
        return {
          device: state.device,
          user: state.user,
          // Everything planned so far is in this batch or before it.
          decided: state.planned,
          acknowledged: state.acknowledged,
          seenAt: now,
        };
      }),
      columns: this.#columnsToSave,
    };
  }
}

/** A transaction with a mutation that was refused on arrival is refused whole. */
function refusedOnArrival(mutations: readonly Pushed[]): Admission | null {
  const failing = mutations.findIndex((pushed) => pushed.refused !== null);
  const refused = mutations[failing]?.refused;
  if (refused === undefined || refused === null) return null;
  return { ok: false, failing, code: refused.code ?? "internal", message: refused.message ?? "" };
}

/** A reference to a temporary id that stands for nothing must not get into the log: nobody could ever resolve it. */
function danglingReference(
  candidates: readonly Candidate[],
  collections: ReadonlyMap<string, CollectionSchema>,
): Admission | null {
  for (const [failing, { mutation }] of candidates.entries()) {
    for (const field of collections.get(mutation.collection)?.fields ?? []) {
      if (field.type !== "reference" || !Object.hasOwn(mutation.fields, field.name)) continue;
      const value = mutation.fields[field.name];
      if (typeof value !== "string" || !value.startsWith("tmp:")) continue;
      const message = `${mutation.collection}.${field.name} refers to ${value}, which was never created`;
      return { ok: false, failing, code: "entity-not-found", message };
    }
  }
  return null;
}

function refusalDetail(
  refused: { readonly failing: number; readonly code: ErrorCode; readonly message: string },
  position: number,
  mutations: readonly Pushed[],
): ResultDetail {
  if (position === refused.failing) return { code: refused.code, message: refused.message };
  const failing = mutations[refused.failing];
  return {
    code: "transaction-failed",
    message: `mutation ${failing?.name ?? failing?.mutation.counter ?? "?"} was refused: ${refused.message}`,
  };
}
