/**
 * The planner: takes transactions in, loads what they need, admits them in order, and gathers the outcome into commits,
 * one append under way at a time (group commit: what arrives while the disk works goes together into the next).
 *
 * What stays true: transactions are admitted in the order of arrival, each against the state that all before it leave;
 * nothing is answered before its append is done; a refused mutation is recorded like an admitted one.
 */
import {
  assert,
  boundedMessage,
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
  ERRORS,
  EVERYTHING,
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
import { type Admission, type AdmissionContext, admitTransaction, type Candidate } from "./admit.ts";
import { Aliases, MAX_ALIASES } from "./aliases.ts";
import type { DeviceState } from "./device.ts";
import { EntityCache } from "./entity-cache.ts";
import { decodeEntity, encodeEntity, encodeRow } from "./entity-codec.ts";
import type { Principal } from "./input.ts";
import type { HubContext } from "./ports.ts";
import type { Commit, Receipt, StoredEntity, StoredEvent } from "./records.ts";
import { isRefusal, Views } from "./views.ts";

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

export class Planner {
  readonly #context: HubContext;
  readonly #cache: EntityCache;
  readonly #clock = new HybridClock();
  #queue: Transaction[] = [];
  #queuedMutations = 0;
  /** Reads under way. Nothing is planned before all of them have answered. */
  #reads = 0;
  /** A read failed, and the next `retry` tries again. */
  #failed = false;
  #batch = new Batch();
  #underWay: Batch | null = null;
  #planned: Offset;
  #durable: Offset;
  readonly #aliases = new Aliases();
  readonly #views: Views;
  /** The number of the append that gathers, and of the last one on disk. */
  #append = 1;
  #durableAppend = 0;
  #columnsToSave: Commit["columns"];

  constructor(context: HubContext, head: Offset, columnsToSave: Commit["columns"]) {
    this.#context = context;
    this.#cache = new EntityCache(context.bounds.maxCachedEntities);
    this.#views = new Views(context);
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
    return this.#queue.length === 0 && this.#underWay === null && this.#batch.isEmpty && this.#reads === 0;
  }

  enqueue(transaction: Transaction): void {
    this.#queue.push(transaction);
    this.#queuedMutations += transaction.mutations.length;
  }

  /** Reads again what could not be read. Called now and then. */
  retry(): void {
    this.#failed = false;
  }

  /** Makes sure that the storage knows the device, even if it never writes. */
  register(device: DeviceState): void {
    this.#batch.devices.set(device.device, device);
  }

  /** Takes in what the disk says of the names of a device: those without a receipt are free. */
  learnNames(device: DeviceId, names: Iterable<string>, receipts: readonly Receipt[]): void {
    for (const { name, detail } of receipts) {
      const entity = detail === null ? null : parseEntityId((JSON.parse(detail) as ResultDetail).entity);
      if (name !== null) this.#aliases.learn(device, name, entity, true);
    }
    for (const name of names) this.#aliases.learn(device, name, null, false);
  }

  /** Admits what is loaded, and starts an append when the disk is free. Called after every input. */
  decide(): void {
    this.#plan();
    if (this.#underWay !== null || this.#batch.isEmpty) return;
    const batch = this.#batch;
    this.#underWay = batch;
    this.#batch = new Batch();
    this.#append += 1;
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
    this.#durableAppend = this.#append - 1;
    this.#cache.shrink(this.#durable);
    this.#aliases.shrink(this.#durableAppend);
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
    if (this.#missingNames(transaction).length === 0 && this.#missingEntities(transaction).length === 0) return true;
    if (this.#reads > 0 || this.#failed) return false;
    const waiting = this.#queue.slice(position, position + this.#context.bounds.maxAppendMutations);
    const names = this.#namesToLoad(waiting);
    for (const [device, missing] of names) this.#loadNames(device, [...missing]);
    if (names.size === 0) this.#loadEntities(waiting.flatMap((other) => this.#missingEntities(other)));
    return false;
  }

  /** The names that the first transaction lacks, and of the others no more than can be remembered. */
  #namesToLoad(waiting: readonly Transaction[]): Map<DeviceId, Set<string>> {
    const names = new Map<DeviceId, Set<string>>();
    let count = 0;
    for (const transaction of waiting) {
      const { device } = transaction.device;
      for (const name of this.#missingNames(transaction)) {
        names.set(device, (names.get(device) ?? new Set()).add(name));
        count += 1;
      }
      if (count > MAX_ALIASES / 2) break;
    }
    return names;
  }

  #loadNames(device: DeviceId, names: readonly string[]): void {
    this.#reads += 1;
    this.#context.read({ kind: "receipts-by-name", device, names }, (result) => {
      this.#reads -= 1;
      if (result === null) this.#failed = true;
      else this.learnNames(device, names, result.receipts);
    });
  }

  #loadEntities(missing: readonly (readonly [string, EntityId])[]): void {
    const keys = [...new Map(missing.map((key) => [key.join("/"), key])).values()];
    this.#reads += 1;
    this.#context.read({ kind: "entities", keys }, (result) => {
      this.#reads -= 1;
      if (result === null) {
        this.#failed = true;
        return;
      }
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

  #missingNames({ device: { device }, mutations }: Transaction): string[] {
    const names: string[] = [];
    for (const pushed of mutations) {
      const { mutation } = pushed;
      const own = nameOf(pushed);
      if (own !== null && this.#isUnknown(device, own)) names.push(own);
      if (mutation.operation !== "create" && !this.#assignsIn(mutations, mutation.entity)) {
        if (this.#isUnknown(device, mutation.entity)) names.push(mutation.entity);
      }
      for (const value of this.#references(mutation)) {
        if (this.#isUnknown(device, value) && !this.#assignsIn(mutations, value)) names.push(value);
      }
    }
    return names;
  }

  #isUnknown(device: DeviceId, name: string): boolean {
    return name.startsWith("tmp:") && !this.#aliases.has(device, name);
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
    return this.#aliases.resolve(device, id);
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
    const reused = this.#reusedName(transaction);
    const candidates = mutations.map((pushed) => this.#candidate(device, pushed, reused === null));
    const admission =
      refusedOnArrival(mutations) ??
      reused ??
      danglingReference(candidates, this.#context.collections) ??
      this.#admitted(candidates, {
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
    const conflicts = admission.ok
      ? admission.results.map((result, position) => this.#shown(result.conflicts, principal, candidates[position]))
      : [];
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
        if (result.conflicts.length > 0) detail.conflicts = conflicts[position] ?? [];
        this.#record(
          transaction,
          pushed,
          result.outcome,
          result.offset,
          Object.keys(detail).length > 0 ? detail : null,
        );
      } else if (!admission.ok) {
        this.#record(transaction, pushed, "rejected", 0, refusalDetail(admission, position, mutations));
        const name = nameOf(pushed);
        if (candidate.assigned !== null && name !== null && reused === null)
          this.#aliases.note(device.device, name, null, this.#append);
      }
    }
  }

  /** What a rule threw is the operator's business and goes to the log; the author hears that it failed. */
  #admitted(candidates: readonly Candidate[], context: AdmissionContext): Admission {
    const admission = admitTransaction(candidates, context);
    if (admission.ok || admission.code !== "rule-failed") return admission;
    const facts = { problem: admission.message };
    this.#context.emit({ type: "log", level: "error", message: "a write rule failed", facts });
    return { ...admission, message: ERRORS["rule-failed"].message };
  }

  /** Conflicts as their author may see them: what the others wrote is shown to those who may read it. */
  #shown(conflicts: readonly Decision[], principal: Principal, candidate: Candidate | undefined): readonly Decision[] {
    if (conflicts.length === 0 || candidate === undefined) return conflicts;
    const { collection, entity } = candidate.mutation;
    const values = this.#cache.get(collection, entity)?.values ?? null;
    if (values === null) return conflicts;
    const view = this.#views.viewOf({ collection, where: EVERYTHING }, principal);
    if (!isRefusal(view) && view.matches(entity, values)) return conflicts;
    return conflicts.map((conflict) => ({ ...conflict, current: { ...conflict.current, value: null } }));
  }

  /** A transaction in which a name is given a second time is refused: it would have two meanings. */
  #reusedName({ device: { device }, mutations }: Transaction): Admission | null {
    const given = new Set<string>();
    for (const [failing, pushed] of mutations.entries()) {
      const name = nameOf(pushed);
      if (name === null) continue;
      if (given.has(name) || this.#aliases.isTaken(device, name))
        return { ok: false, failing, code: "invalid-id", message: `${name} was given to another mutation before` };
      given.add(name);
    }
    return null;
  }

  #addEvent(event: DomainEvent, rows: ReadonlyMap<Offset, string | null>): void {
    const row = rows.get(event.offset);
    const body = encodeEvent(event, row === undefined ? encodeRow(event.row) : row);
    this.#batch.events.push(event);
    this.#batch.bodies.push({ offset: event.offset, remaining: event.remaining, body });
  }

  #candidate(device: DeviceState, pushed: Pushed, mayName: boolean): Candidate {
    const { mutation, seen, assign } = pushed;
    const now = this.#context.now();
    const ahead = stampMillis(mutation.stamp) > now + MAX_CLOCK_DRIFT;
    const stamp = ahead ? this.#clock.tick(now) : mutation.stamp;
    if (!ahead) this.#clock.observe(stamp, now, MAX_CLOCK_DRIFT);
    const assigned = assign && mutation.operation === "create" ? this.#newId() : null;
    const name = nameOf(pushed);
    if (assigned !== null && name !== null && mayName) this.#aliases.note(device.device, name, assigned, this.#append);
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
    // A device's refused create needs no name: nothing will ever mean it.
    const given = outcome === "rejected" ? pushed.name : nameOf(pushed);
    const name = given === null || this.#aliases.isTaken(device.device, given) ? null : given;
    if (name !== null) this.#aliases.take(device.device, name, this.#append);
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
      decisions: [],
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

/** The name that a mutation's receipt is found by: a plain client's, or the temporary id of a create. */
function nameOf({ name, assign, mutation }: Pushed): string | null {
  return name ?? (assign ? mutation.entity : null);
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
  if (position === refused.failing) return { code: refused.code, message: boundedMessage(refused.message) };
  const failing = mutations[refused.failing];
  return {
    code: "transaction-failed",
    message: boundedMessage(
      `mutation ${failing?.name ?? failing?.mutation.counter ?? "?"} was refused: ${refused.message}`,
    ),
  };
}
