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
  type Decision,
  type DeviceId,
  type DomainEvent,
  encodeEvent,
  type EntityId,
  type EntityState,
  type ErrorCode,
  ERRORS,
  EVERYTHING,
  isEverything,
  isTemporaryId,
  HybridClock,
  MAX_CLOCK_DRIFT,
  type Millis,
  type Offset,
  type Outcome,
  parseEntityId,
  RanOutOfTime,
  type ResultDetail,
  type Review,
  REVIEWS,
  stampMillis,
  uuidv7,
} from "@tidelock/core";
import type { AdmissionContext, Candidate } from "./admission.ts";
import { type Admission, admitTransaction } from "./admit.ts";
import { Aliases } from "./aliases.ts";
import { NotLoaded } from "./call.ts";
import type { DeviceState } from "./device.ts";
import { EntityCache } from "./entity-cache.ts";
import { encodeEntity, encodeRow } from "./entity-codec.ts";
import { Loader } from "./loader.ts";
import { Names } from "./names.ts";
import type { Principal } from "./input.ts";
import type { HubContext } from "./ports.ts";
import { reviewOf } from "./reviews.ts";
import type { Commit, Receipt, StoredDecision, StoredEvent } from "./records.ts";
import { nameOf, type Pushed, type Transaction } from "./transaction.ts";
import { isRefusal, Views } from "./views.ts";

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
  #batch = new Batch();
  #underWay: Batch | null = null;
  #planned: Offset;
  #durable: Offset;
  readonly #aliases = new Aliases();
  readonly #names: Names;
  readonly #loader: Loader;
  readonly #views: Views;
  /** The number of the append that gathers, and of the last one on disk. */
  #append = 1;
  #durableAppend = 0;
  #columnsToSave: Commit["columns"];
  /** A rule or mutator ran out of time in this turn. */
  #isExhausted = false;

  constructor(context: HubContext, head: Offset, columnsToSave: Commit["columns"]) {
    this.#context = context;
    this.#cache = new EntityCache(context.bounds.maxCachedEntities);
    this.#views = new Views(context);
    this.#names = new Names(context, this.#aliases);
    this.#loader = new Loader({
      context,
      cache: this.#cache,
      aliases: this.#aliases,
      names: this.#names,
      declarations: (transaction) => this.#declarations(transaction),
    });
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

  /** A time after every stamp that was admitted, and not before now. */
  get latestTime(): Millis {
    return Math.max(this.#context.now(), stampMillis(this.#clock.last) + 1);
  }

  /** The log's head on disk. */
  get durable(): Offset {
    return this.#durable;
  }

  get idle(): boolean {
    return this.#queue.length === 0 && this.#underWay === null && this.#batch.isEmpty && this.#loader.idle;
  }

  enqueue(transaction: Transaction): void {
    this.#queue.push(transaction);
    this.#queuedMutations += transaction.mutations.length;
  }

  /** Reads again what could not be read. Called now and then. */
  retry(): void {
    this.#loader.retry();
  }

  /** Takes in what the disk says of the names of a device: those without a receipt are free. */
  learnNames(device: DeviceId, names: Iterable<string>, receipts: readonly Receipt[]): void {
    this.#loader.learnNames(device, names, receipts);
  }

  /** The id that the server assigned in place of a temporary one of the device; any other as it is. */
  resolve(device: DeviceId, id: EntityId): EntityId {
    return this.#names.resolve(device, id);
  }

  /** Makes sure that the storage knows the device, even if it never writes. */
  register(device: DeviceState): void {
    this.#batch.devices.set(device.device, device);
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
    this.#isExhausted = false;
    // A function that ran out of time has cost this turn enough: the rest waits for the disk, and everybody gets his turn.
    const { maxAppendMutations } = this.#context.bounds;
    while (next < this.#queue.length && this.#batch.receipts.length < maxAppendMutations && !this.#isExhausted) {
      const transaction = this.#queue[next];
      assert(transaction !== undefined, "queue ended early");
      if (!this.#loader.load(transaction, this.#queue, next)) break;
      next += 1;
      this.#queuedMutations -= transaction.mutations.length;
      this.#admit(transaction);
    }
    if (next > 0) this.#queue = this.#queue.slice(next);
  }

  // ── admission ────────────────────────────────────────────────────────────────────────────────────────────────────

  #admit(transaction: Transaction): void {
    const { device, principal, mutations } = transaction;
    const reused = this.#reusedName(transaction);
    const isCall = mutations[0]?.mutation.operation === "call";
    const candidates = mutations.map((pushed) => this.#candidate(device, pushed, reused === null));
    const admission =
      refusedOnArrival(mutations) ??
      reused ??
      this.#names.danglingReference(candidates) ??
      this.#unreadableReview(candidates, principal) ??
      this.#admitted(
        candidates,
        {
          ...this.#declarations(transaction),
          read: (collection, id) => {
            // A call that reads something else each time it is run is given up by the loader, and ends here.
            if (isCall && !isTemporaryId(id) && !this.#cache.has(collection, id)) throw new NotLoaded(collection, id);
            return this.#cache.get(collection, id);
          },
        },
        principal,
      );
    const conflicts = admission.ok
      ? admission.results.map((result, position) => this.#shown(result.conflicts, principal, candidates[position]))
      : [];
    if (admission.ok) {
      for (const state of admission.states) this.#cache.set(state.collection, state.id, state);
      const { rows } = admission;
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

  /** To those who may not read a review there is none: not even the words of a refusal tell of it. [H21] */
  #unreadableReview(candidates: readonly Candidate[], principal: Principal): Admission | null {
    for (const [failing, { mutation, isExpiry }] of candidates.entries()) {
      if (mutation.collection !== REVIEWS || mutation.operation === "create" || isExpiry) continue;
      const values = this.#cache.get(REVIEWS, mutation.entity)?.values ?? null;
      const view = this.#views.viewOf({ collection: REVIEWS, where: EVERYTHING }, principal);
      if (values !== null && !isRefusal(view) && view.matches(mutation.entity, values)) continue;
      // Who has seen it open hears who closed it.
      const review =
        values === null ? null : reviewOf(mutation.entity, values, this.#context.columns.get(REVIEWS) ?? []);
      if (review?.status === "closed" && this.#mayReadEntity(review, principal)) continue;
      return { ok: false, failing, code: "entity-not-found", message: `there is no review ${mutation.entity}` };
    }
    return null;
  }

  #mayReadEntity({ collection, entity }: Review, principal: Principal): boolean {
    const id = parseEntityId(entity);
    const values = id === null ? null : (this.#cache.get(collection, id)?.values ?? null);
    const view = this.#views.viewOf({ collection, where: EVERYTHING }, principal);
    return id !== null && values !== null && !isRefusal(view) && view.matches(id, values);
  }

  /** To those who may not read an entity no refusal tells of what is in it. */
  #discreet(
    admission: Extract<Admission, { ok: false }>,
    candidates: readonly Candidate[],
    principal: Principal,
  ): Admission {
    const mutation = candidates[admission.failing]?.mutation;
    if (mutation === undefined || admission.code !== "invalid-value" || mutation.operation === "create")
      return admission;
    const { collection, entity } = mutation;
    const values = this.#cache.get(collection, entity)?.values ?? null;
    if (values === null || !this.#context.collections.has(collection)) return admission;
    const view = this.#views.viewOf({ collection, where: EVERYTHING }, principal);
    if (!isRefusal(view) && view.matches(entity, values)) return admission;
    return { ...admission, code: "forbidden", message: `${mutation.operation} of ${collection} is not allowed` };
  }

  /** What a rule threw is the operator's business and goes to the log; the author hears that it failed. */
  #admitted(candidates: readonly Candidate[], context: AdmissionContext, principal: Principal): Admission {
    const admission = this.#attempted(candidates, context);
    if (admission.ok) {
      for (const problem of admission.faults) this.#logFault("a conflict rule failed", problem);
      return admission;
    }
    const { code } = admission;
    if (code === "invalid-value") return this.#discreet(admission, candidates, principal);
    if (code !== "rule-failed" && code !== "mutator-failed" && code !== "internal") return admission;
    this.#logFault(FAULTS[code], admission.message);
    return { ...admission, message: ERRORS[code].message };
  }

  /** A mutation on which admission itself fails is refused like any other: it must not come back for ever [H4]. */
  #attempted(candidates: readonly Candidate[], context: AdmissionContext): Admission {
    try {
      return admitTransaction(candidates, context);
    } catch (error) {
      if (error instanceof NotLoaded) {
        return { ok: false, failing: 0, code: "mutator-failed", message: "it reads more entities than a call may" };
      }
      const message = error instanceof Error ? (error.stack ?? error.message) : "it threw something that is no error";
      return { ok: false, failing: 0, code: "internal", message };
    }
  }

  #logFault(message: string, problem: string): void {
    this.#context.emit({ type: "log", level: "error", message, facts: { problem } });
  }

  /** Conflicts as their author may see them: what the others wrote is shown to those who may read it. */
  #shown(conflicts: readonly Decision[], principal: Principal, candidate: Candidate | undefined): readonly Decision[] {
    if (conflicts.length === 0 || candidate === undefined) return conflicts;
    const { collection, entity } = candidate.mutation;
    // What is deleted is judged by what it was; of what nothing is known, nothing is told.
    const state = this.#cache.get(collection, entity);
    const values = state?.values ?? state?.buried?.values ?? null;
    const view = this.#views.viewOf({ collection, where: EVERYTHING }, principal);
    if (values !== null && !isRefusal(view) && view.matches(entity, values)) return conflicts;
    if (values === null && isOpenToAll(view)) return conflicts;
    return conflicts.map((conflict) => ({
      ...conflict,
      ...(conflict.base === undefined ? {} : { base: null }),
      value: conflict.winner === "incoming" ? conflict.value : null,
      // A rule's own words may quote what others wrote.
      reason: "settled against a write that you may not read",
      current: { ...conflict.current, user: null, value: null },
    }));
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

  #declarations({ device, principal }: Transaction): Omit<AdmissionContext, "read"> {
    const { rules, collections, columns, mutators, limit } = this.#context;
    return {
      device: device.device,
      user: principal.user,
      rule: this.#context.ruleContext(principal),
      rules,
      collections,
      columns,
      mutators,
      limit: (run) => {
        try {
          return limit(run);
        } catch (error) {
          if (error instanceof RanOutOfTime) this.#isExhausted = true;
          throw error;
        }
      },
      head: this.#planned,
      now: this.#context.now(),
    };
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
      mutation: this.#names.resolveIds(device.device, mutation, assigned),
      seen,
      stamp,
      claimed: ahead ? mutation.stamp : null,
      assigned,
      isExpiry: pushed.isExpiry ?? false,
    };
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
      decisions: batch.events.flatMap(storedDecisions),
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

/** The decisions of an event, as they are stored for queries. */
function storedDecisions(event: DomainEvent): readonly StoredDecision[] {
  if (event.decisions.length === 0) return [];
  const { offset, collection, entity, time } = event;
  return event.decisions.map((decision, index) => ({
    offset,
    index,
    collection,
    entity,
    field: decision.field,
    policy: decision.policy,
    winner: decision.winner,
    time,
    body: JSON.stringify(decision),
  }));
}

/** Whether a view shows every entity of its collection. */
function isOpenToAll(view: ReturnType<Views["viewOf"]>): boolean {
  return !isRefusal(view) && isEverything(view.filter);
}

const FAULTS = {
  "rule-failed": "a write rule failed",
  "mutator-failed": "a mutator failed",
  "internal": "a mutation could not be admitted",
} as const;

/** A transaction with a mutation that was refused on arrival is refused whole. */
function refusedOnArrival(mutations: readonly Pushed[]): Admission | null {
  const failing = mutations.findIndex((pushed) => pushed.refused !== null);
  const refused = mutations[failing]?.refused;
  if (refused === undefined || refused === null) return null;
  return { ok: false, failing, code: refused.code ?? "internal", message: refused.message ?? "" };
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
