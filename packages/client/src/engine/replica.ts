/**
 * The replica of one device: the machine that keeps the confirmed state, the outbox and the connection in step. One door,
 * `handle(input, now)`, which returns what the runtime must do, in order. No clock, no randomness but the seeded one, no
 * waiting: every wait is a state.
 *
 * What stays true (rule ids in SPEC.md):
 * - A mutation is sent only after it is on the device's disk [R1], in counter order [R2].
 * - The stored checkpoint never says more than the rows stored with it, and never goes back within an epoch [R3].
 * - A delta is applied only where it joins; anything else ends the connection and starts from the checkpoint [R4].
 * - A decided mutation stays in the view until the delta that holds it has been integrated [R5].
 */
import {
  assert,
  type ChangeRow,
  compileFilter,
  type Counter,
  type Delta,
  type DeviceId,
  type EntityId,
  type Epoch,
  type ErrorCode,
  ERRORS,
  type Filter,
  type Hello,
  HybridClock,
  isErrorCode,
  MAX_PUSH_MUTATIONS,
  MAX_TRANSACTION_MUTATIONS,
  makeStamp,
  type Millis,
  type Offset,
  OLDEST_PROTOCOL_VERSION,
  parseDeviceId,
  parseStamp,
  PROTOCOL_VERSION,
  type Random,
  type Refusal,
  type ResultDetail,
  type ResultRow,
  type Resync,
  type RoomName,
  type Schema,
  type ServerMessage,
  type SnapshotEnd,
  unreachable,
  uuidv7,
  type Welcome,
  ZERO_STAMP,
} from "@tidelock/core";
import { backoff, type Link } from "./connection.ts";
import type { ReplicaEffect } from "./effect.ts";
import type { Intent, ReplicaInput, ReplicaTimer } from "./input.ts";
import { charactersOf, decidedMutation, Outbox } from "./outbox.ts";
import { PendingBatch } from "./pending-batch.ts";
import type { StoredFacts, StoredMutation, StoredReplica } from "./records.ts";
import { type Member, PRESENCE_INTERVAL_MS, Rooms } from "./rooms.ts";
import { type Subscription, Subscriptions } from "./subscriptions.ts";
import { type EntityView, View } from "./view.ts";

const ACK_INTERVAL_MS = 250;
const STORE_RETRY_MS = 2_000;
const DEFAULT_IDLE_MS = 12_000;
/** A token is renewed this long before it expires, or halfway when it lives shorter. */
const TOKEN_MARGIN_MS = 60_000;
/** Mutations that may be on their way without an answer. */
const MAX_UNANSWERED = 5_000;
/** Temporary ids whose final ones are remembered. */
const MAX_ASSIGNED = 5_000;
/** Characters of a push, about; also the most that one transaction may have. */
const MAX_PUSH_CHARACTERS = 1024 * 1024;
/** Mutations that an outbox may hold. */
const MAX_OUTBOX = 200_000;

export type Phase = "loading" | "offline" | "connecting" | "connected" | "needs-auth" | "upgrade-required" | "stopped";

export interface ReplicaStatus {
  readonly phase: Phase;
  /** Mutations whose decision is not known. */
  readonly pendingCount: number;
  readonly oldestPendingAt: Millis | null;
  readonly rejectedCount: number;
  readonly lastError: { readonly code: ErrorCode; readonly message: string } | null;
  /** When the device last had sent everything and knew everything. */
  readonly lastSyncedAt: Millis | null;
  /** When the next attempt to connect is made; `null` when none is planned. */
  readonly retryAt: Millis | null;
  readonly upgrade: { readonly required: boolean; readonly message: string; readonly url: string } | null;
}

export type SyncState = "synced" | "pending" | "syncing" | "conflicted" | "in-review" | "rejected";

export interface ReplicaOptions {
  readonly schema: Schema;
  readonly random: Random;
  /** Name and version of the SDK and its platform, for people. */
  readonly sdk: string;
}

export class Replica {
  readonly #schema: Schema;
  readonly #random: Random;
  readonly #sdk: string;
  readonly #view: View;
  readonly #outbox: Outbox;
  readonly #subscriptions = new Subscriptions();
  readonly #rooms = new Rooms();
  #clock = new HybridClock();
  #loaded = false;
  #device: DeviceId | null = null;
  #epoch: Epoch | null = null;
  #checkpoint: Offset = 0;
  #counter: Counter = 0;
  #decided: Counter = 0;
  #columns: Record<string, readonly string[]> = {};
  readonly #assigned = new Map<EntityId, EntityId>();
  readonly #firstIds = new Map<EntityId, EntityId>();
  #lastSyncedAt: Millis | null = null;

  #pending = new PendingBatch();
  #underWay: { readonly batch: number; readonly content: PendingBatch; readonly counter: Counter; readonly checkpoint: Offset } | null = null;
  #lastBatch = 0;
  #storeBlocked = false;
  /** Mutations up to this one are on disk. */
  #persistedCounter: Counter = 0;
  /** The checkpoint on disk. */
  #persistedCheckpoint: Offset = 0;

  #link: Link = { state: "offline" };
  #wanted = false;
  #lastConnection = 0;
  #failures = 0;
  #authFailures = 0;
  #lastHeard: Millis = 0;
  #lastError: ReplicaStatus["lastError"] = null;
  #upgrade: ReplicaStatus["upgrade"] = null;

  #now: Millis = 0;
  #effects: ReplicaEffect[] = [];
  readonly #changed = new Map<string, Set<EntityId>>();
  readonly #timers = new Set<ReplicaTimer>();
  #statusText = "";
  #busy = false;

  constructor(options: ReplicaOptions) {
    this.#schema = options.schema;
    this.#random = options.random;
    this.#sdk = options.sdk;
    this.#view = new View(options.schema);
    this.#outbox = new Outbox(options.schema);
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

  get device(): DeviceId | null {
    return this.#device;
  }

  /** What the device holds of the log; `null` when nothing. */
  get checkpoint(): { readonly epoch: Epoch; readonly offset: Offset } | null {
    return this.#epoch === null ? null : { epoch: this.#epoch, offset: this.#checkpoint };
  }

  /** The entity as it is seen, outbox included; the same object while it is the same. `null`: there is none. */
  get(collection: string, id: EntityId): EntityView | null {
    return this.#view.get(collection, this.resolveId(id));
  }

  /** The ids of all entities of a collection that are seen. */
  ids(collection: string): Iterable<EntityId> {
    return this.#view.ids(collection);
  }

  /** Mutations that are not in the confirmed state yet, in order. */
  get outbox(): readonly StoredMutation[] {
    return this.#outbox.list;
  }

  /** Mutations that the server refused and that the user has not dealt with. */
  get rejected(): readonly StoredMutation[] {
    return this.#outbox.rejected;
  }

  get status(): ReplicaStatus {
    return {
      phase: this.#phase(),
      pendingCount: this.#outbox.queuedCount,
      oldestPendingAt: this.#outbox.oldestQueuedAt,
      rejectedCount: this.#outbox.rejectedCount,
      lastError: this.#lastError,
      lastSyncedAt: this.#lastSyncedAt,
      retryAt: this.#link.state === "waiting" ? this.#link.at : null,
      upgrade: this.#upgrade,
    };
  }

  syncState(collection: string, id: EntityId): SyncState {
    const entity = this.resolveId(id);
    for (const mutation of this.#outbox.rejected) {
      if (mutation.collection === collection && mutation.entity === entity) return "rejected";
    }
    let state: SyncState = "synced";
    for (const mutation of this.#view.mutations(collection, entity)) {
      if (mutation.outcome === "in-review") return "in-review";
      if (mutation.state !== "queued") continue;
      const isSent = this.#link.state === "welcomed" && mutation.counter <= this.#link.sent;
      if (!isSent) return "pending";
      state = "syncing";
    }
    return state;
  }

  /** Whether everything of a subscription is on the device, as of the checkpoint. */
  isComplete(collection: string, filter: Filter): boolean {
    return this.#subscriptions.get(collection, filter)?.key != null;
  }

  presence(room: RoomName): readonly Member[] {
    return this.#rooms.members(room);
  }

  /** The id that the server assigned in place of a temporary one; any other id as it is. */
  resolveId(id: EntityId): EntityId {
    return this.#assigned.get(id) ?? id;
  }

  /** The first id that the entity had on this device: stable for the keys of lists. */
  keyOf(id: EntityId): EntityId {
    return this.#firstIds.get(id) ?? id;
  }

  // ── the door ─────────────────────────────────────────────────────────────────────────────────────────────────────

  handle(input: ReplicaInput, now: Millis): ReplicaEffect[] {
    assert(!this.#busy, "handle was called from within handle");
    assert(this.#loaded || input.type === "loaded", "the first input is `loaded`");
    this.#busy = true;
    this.#now = now;
    this.#dispatch(input);
    this.#decide();
    this.#busy = false;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #dispatch(input: ReplicaInput): void {
    switch (input.type) {
      case "loaded":
        return this.#onLoaded(input.stored, input.device);
      case "mutate":
        return this.#onMutate(input.write, input.intents);
      case "subscribe":
        return this.#onSubscribe(input.collection, input.filter);
      case "unsubscribe":
        return this.#onUnsubscribe(input.collection, input.filter);
      case "persisted":
        return this.#onPersisted(input.batch);
      case "persist-failed":
        return this.#onPersistFailed(input.batch, input.code);
      case "go-online":
        return this.#onGoOnline();
      case "go-offline":
        return this.#onGoOffline();
      case "network-hint":
        return this.#onNetworkHint();
      case "token":
        return this.#onToken(input.token);
      case "token-failed":
        return this.#onTokenFailed(input.reason);
      case "connected":
        if (this.#isCurrent(input.connection)) this.#lastHeard = this.#now;
        return;
      case "message":
        if (this.#isCurrent(input.connection)) this.#onMessage(input.message);
        return;
      case "disconnected":
        if (this.#isCurrent(input.connection)) this.#onDisconnected(input.reason);
        return;
      case "timer":
        this.#timers.delete(input.timer);
        return this.#onTimer(input.timer);
      case "presence":
        return this.#rooms.set(input.room, input.state);
      case "presence-leave":
        return this.#rooms.leave(input.room);
      case "discard":
        return this.#onDiscard(input.counter);
      default:
        return unreachable(input);
    }
  }

  /** Turns facts into effects, after every input. */
  #decide(): void {
    this.#push();
    if (this.#rooms.pending && this.#link.state === "welcomed") this.#setTimer("presence", this.#now + PRESENCE_INTERVAL_MS);
    if (!this.#storeBlocked && this.#underWay === null && !this.#pending.isEmpty) this.#persist();
    this.#noteSynced();
    if (this.#changed.size > 0) {
      this.#effects.push({ type: "changed", entities: new Map(this.#changed) });
      this.#changed.clear();
    }
    const { phase, pendingCount, rejectedCount, lastError, retryAt, lastSyncedAt } = this.status;
    const text = `${phase} ${pendingCount} ${rejectedCount} ${lastError?.code} ${lastError?.message} ${retryAt} ${lastSyncedAt}`;
    if (text === this.#statusText) return;
    this.#statusText = text;
    this.#effects.push({ type: "status-changed" });
  }

  #phase(): Phase {
    if (!this.#loaded) return "loading";
    switch (this.#link.state) {
      case "offline":
        return "offline";
      case "welcomed":
        return "connected";
      case "upgrade-required":
        return "upgrade-required";
      default:
        return this.#authFailures > 0 ? "needs-auth" : "connecting";
    }
  }

  #touch(collection: string, id: EntityId): void {
    const ids = this.#changed.get(collection);
    if (ids === undefined) this.#changed.set(collection, new Set([id]));
    else ids.add(id);
  }

  #setTimer(timer: ReplicaTimer, at: Millis): void {
    if (this.#timers.has(timer)) return;
    this.#timers.add(timer);
    this.#effects.push({ type: "set-timer", timer, at });
  }

  #cancelTimer(timer: ReplicaTimer): void {
    if (this.#timers.delete(timer)) this.#effects.push({ type: "cancel-timer", timer });
  }

  #noteTrouble(code: ErrorCode, message: string): void {
    this.#lastError = { code, message };
    this.#effects.push({ type: "trouble", code, message });
  }

  // ── the store ────────────────────────────────────────────────────────────────────────────────────────────────────

  #onLoaded({ facts, rows, mutations }: StoredReplica, device: DeviceId): void {
    this.#loaded = true;
    this.#device = facts?.device ?? device;
    if (facts !== null) {
      this.#epoch = facts.epoch;
      this.#checkpoint = facts.checkpoint;
      this.#counter = facts.counter;
      this.#decided = facts.decided;
      this.#clock = new HybridClock(parseStamp(facts.stamp) ?? ZERO_STAMP);
      this.#columns = { ...facts.columns };
      this.#view.setColumns(facts.columns);
      this.#subscriptions.load(facts.subscriptions);
      this.#lastSyncedAt = facts.lastSyncedAt;
      for (const [temporary, entity] of facts.assigned) this.#noteAssigned(temporary, entity);
    }
    for (const { collection, id, at, values } of rows) {
      this.#view.setRow(collection, id, { at, values });
      this.#touch(collection, id);
    }
    for (const mutation of mutations) {
      this.#outbox.add(mutation);
      if (mutation.state !== "rejected") this.#view.addMutation(mutation);
      this.#counter = Math.max(this.#counter, mutation.counter);
      this.#touch(mutation.collection, mutation.entity);
    }
    this.#persistedCounter = this.#counter;
    this.#persistedCheckpoint = this.#checkpoint;
    if (facts === null) this.#pending.touchFacts();
    this.#effects.push({ type: "subscriptions-changed" });
  }

  #facts(): StoredFacts {
    assert(this.#device !== null, "facts without a device");
    return {
      device: this.#device,
      epoch: this.#epoch,
      checkpoint: this.#checkpoint,
      counter: this.#counter,
      decided: this.#decided,
      stamp: this.#clock.last,
      columns: this.#columns,
      subscriptions: this.#subscriptions.stored(),
      assigned: [...this.#assigned],
      lastSyncedAt: this.#lastSyncedAt,
    };
  }

  #persist(): void {
    this.#lastBatch += 1;
    const content = this.#pending;
    this.#pending = new PendingBatch();
    this.#underWay = { batch: this.#lastBatch, content, counter: this.#counter, checkpoint: this.#checkpoint };
    this.#effects.push({ type: "persist", batch: this.#lastBatch, content: content.content(this.#facts()) });
  }

  #onPersisted(batch: number): void {
    const done = this.#underWay;
    if (done === null || done.batch !== batch) return;
    this.#underWay = null;
    this.#persistedCounter = Math.min(done.counter, this.#counter);
    this.#persistedCheckpoint = done.checkpoint;
    for (const write of done.content.writes.keys()) this.#effects.push({ type: "write-saved", write });
    if (this.#link.state === "welcomed" && this.#persistedCheckpoint > this.#link.acknowledged) {
      this.#setTimer("ack", this.#now + ACK_INTERVAL_MS);
    }
  }

  /**
   * The store took nothing of the batch. Writes in it are taken back, and their handles say so; what the server sent is
   * kept in memory and tried again, together with what has gathered since.
   */
  #onPersistFailed(batch: number, code: string): void {
    const failed = this.#underWay;
    if (failed === null || failed.batch !== batch) return;
    this.#underWay = null;
    const reason: ErrorCode = isErrorCode(code) ? code : "store-unavailable";
    const taken = new Set<Counter>();
    for (const [write, counters] of failed.content.writes) {
      for (const counter of counters) taken.add(counter);
      this.#effects.push({ type: "write-failed", write, code: reason, message: ERRORS[reason].message });
    }
    for (const counter of taken) {
      const mutation = this.#outbox.get(counter);
      if (mutation !== undefined) this.#forget(mutation);
      failed.content.removeMutation(counter);
    }
    this.#pending.prepend(failed.content);
    if (taken.size > 0) this.#renumber(Math.min(...taken));
    this.#noteTrouble(reason, ERRORS[reason].message);
    this.#storeBlocked = true;
    this.#setTimer("store", this.#now + STORE_RETRY_MS);
  }

  /** Closes the gap that mutations taken back have left. None after `first` has been sent: it was not on disk. */
  #renumber(first: Counter): void {
    const later = [...this.#outbox.all()].filter((mutation) => mutation.counter >= first);
    let counter = first - 1;
    for (const mutation of later) {
      counter += 1;
      if (mutation.counter === counter) continue;
      const moved = { ...mutation, counter };
      this.#forget(mutation);
      this.#outbox.add(moved);
      this.#view.addMutation(moved);
      this.#pending.putMutation(moved);
      for (const [write, counters] of this.#pending.writes) {
        this.#pending.writes.set(write, counters.map((known) => (known === mutation.counter ? counter : known)));
      }
    }
    for (let unused = counter + 1; unused <= this.#counter; unused++) this.#pending.removeMutation(unused);
    this.#counter = counter;
    this.#pending.touchFacts();
  }

  // ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #onMutate(write: number, intents: readonly Intent[]): void {
    if (this.#outbox.size + intents.length > MAX_OUTBOX) {
      this.#effects.push({ type: "write-failed", write, code: "outbox-full", message: ERRORS["outbox-full"].message });
      return;
    }
    if (intents.length > MAX_TRANSACTION_MUTATIONS || charactersOf(intents) > MAX_PUSH_CHARACTERS) {
      const message = `a transaction has at most ${MAX_TRANSACTION_MUTATIONS} mutations and ${MAX_PUSH_CHARACTERS} characters`;
      this.#effects.push({ type: "write-failed", write, code: "mutation-too-large", message });
      return;
    }
    const counters: Counter[] = [];
    for (const [index, intent] of intents.entries()) {
      this.#counter += 1;
      const mutation: StoredMutation = {
        counter: this.#counter,
        operation: intent.operation,
        collection: intent.collection,
        entity: this.resolveId(intent.entity),
        fields: intent.fields,
        seen: this.#checkpoint,
        stamp: this.#clock.tick(this.#now),
        remaining: intents.length - 1 - index,
        state: "queued",
        offset: 0,
        outcome: null,
        detail: null,
        createdAt: this.#now,
      };
      counters.push(mutation.counter);
      this.#outbox.add(mutation);
      this.#view.addMutation(mutation);
      this.#pending.putMutation(mutation);
      this.#touch(mutation.collection, mutation.entity);
    }
    this.#pending.writes.set(write, counters);
    this.#pending.touchFacts();
  }

  /** Takes a mutation out of the outbox and the view. */
  #forget(mutation: StoredMutation): void {
    this.#outbox.remove(mutation.counter);
    this.#view.removeMutation(mutation.collection, mutation.entity, mutation.counter);
    this.#pending.removeMutation(mutation.counter);
    this.#touch(mutation.collection, mutation.entity);
  }

  #onDiscard(counter: Counter): void {
    if (!this.#outbox.isRejected(counter)) return;
    for (const mutation of this.#outbox.rejected) if (mutation.counter === counter) this.#touch(mutation.collection, mutation.entity);
    this.#outbox.remove(counter);
    this.#pending.removeMutation(counter);
  }

  /** Sends what is on disk and was not sent: whole transactions, in order, a bounded number unanswered. */
  #push(): void {
    const link = this.#link;
    if (link.state !== "welcomed") return;
    while (link.sent - link.answered < MAX_UNANSWERED) {
      const chain = this.#outbox.chain(link.sent, this.#persistedCounter, MAX_PUSH_MUTATIONS / 2, MAX_PUSH_CHARACTERS);
      const last = chain.at(-1);
      if (last === undefined) return;
      link.sent = last.counter;
      for (const { collection, entity } of chain) this.#touch(collection, entity);
      this.#send({
        type: "push",
        mutations: chain.map((mutation) => [
          mutation.counter,
          mutation.operation,
          mutation.collection,
          mutation.entity,
          mutation.fields,
          mutation.seen,
          mutation.stamp,
          mutation.remaining,
        ]),
      });
    }
  }

  #onResult([counter, outcome, offset, detail]: ResultRow): void {
    const mutation = this.#outbox.get(counter);
    this.#decided = Math.max(this.#decided, counter);
    if (this.#link.state === "welcomed") this.#link.answered = Math.max(this.#link.answered, counter);
    this.#pending.touchFacts();
    if (mutation === undefined || mutation.state !== "queued") return;
    const first = outcome === "duplicate" ? (detail?.original ?? "applied") : outcome;
    if (first === "rejected") this.#reject(mutation, detail ?? {});
    else this.#accept(mutation, first === "duplicate" ? "applied" : first, offset, detail ?? null);
    this.#effects.push({ type: "decided", counter, outcome: first, detail: detail ?? {} });
  }

  #reject(mutation: StoredMutation, detail: ResultDetail): void {
    const rejected: StoredMutation = { ...mutation, state: "rejected", outcome: "rejected", detail };
    this.#outbox.replace(rejected);
    this.#view.removeMutation(mutation.collection, mutation.entity, mutation.counter);
    this.#pending.putMutation(rejected);
    this.#touch(mutation.collection, mutation.entity);
  }

  #accept(mutation: StoredMutation, outcome: "applied" | "merged" | "in-review", offset: Offset, detail: ResultDetail | null): void {
    const assigned = detail?.entity;
    if (mutation.operation === "create" && assigned !== undefined && assigned !== mutation.entity) {
      this.#assign(mutation.entity, assigned);
    }
    const current = this.#outbox.get(mutation.counter) ?? mutation;
    const decided = decidedMutation(current, outcome, offset, detail);
    this.#outbox.replace(decided);
    if (offset <= this.#checkpoint) {
      this.#forget(decided);
      return;
    }
    this.#view.replaceMutation(decided);
    this.#pending.putMutation(decided);
    this.#touch(decided.collection, decided.entity);
  }

  #noteAssigned(temporary: EntityId, entity: EntityId): void {
    this.#assigned.set(temporary, entity);
    this.#firstIds.set(entity, temporary);
    if (this.#assigned.size <= MAX_ASSIGNED) return;
    for (const [oldest, its] of this.#assigned) {
      this.#assigned.delete(oldest);
      this.#firstIds.delete(its);
      return;
    }
  }

  /** The server has given an entity its id: everything here that names the temporary one names the new one. */
  #assign(temporary: EntityId, entity: EntityId): void {
    this.#noteAssigned(temporary, entity);
    for (const { before, after } of this.#outbox.rewritten(temporary, entity)) {
      this.#view.removeMutation(before.collection, before.entity, before.counter);
      this.#touch(before.collection, before.entity);
      this.#outbox.replace(after);
      this.#view.addMutation(after);
      this.#touch(after.collection, after.entity);
      this.#pending.putMutation(after);
    }
    this.#effects.push({ type: "assigned", temporary, entity });
  }

  // ── connecting ───────────────────────────────────────────────────────────────────────────────────────────────────

  #isCurrent(connection: number): boolean {
    return (this.#link.state === "connecting" || this.#link.state === "welcomed") && this.#link.connection === connection;
  }

  #onGoOnline(): void {
    this.#wanted = true;
    if (this.#link.state === "offline" || this.#link.state === "upgrade-required") this.#connect();
  }

  #onGoOffline(): void {
    this.#wanted = false;
    this.#drop();
    this.#link = { state: "offline" };
    this.#failures = 0;
    this.#authFailures = 0;
  }

  #onNetworkHint(): void {
    if (this.#link.state === "waiting") this.#connect();
  }

  #connect(): void {
    this.#cancelTimer("reconnect");
    this.#link = { state: "getting-token" };
    this.#effects.push({ type: "get-token" });
  }

  #onToken(token: string): void {
    if (this.#link.state === "welcomed") this.#send({ type: "auth", token });
    if (this.#link.state !== "getting-token") return;
    this.#lastConnection += 1;
    this.#link = { state: "connecting", connection: this.#lastConnection };
    this.#lastHeard = this.#now;
    this.#effects.push({ type: "connect", connection: this.#lastConnection, hello: this.#hello(token) });
    this.#setTimer("heartbeat", this.#now + DEFAULT_IDLE_MS);
  }

  #hello(token: string): Hello {
    assert(this.#device !== null, "hello without a device");
    return {
      type: "hello",
      protocol: [OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION],
      schema: { version: this.#schema.version, hash: this.#schema.hash },
      sdk: this.#sdk,
      device: this.#device,
      token,
      epoch: this.#epoch,
      checkpoint: this.#checkpoint,
      decided: this.#decided,
      subscriptions: [...this.#subscriptions.all()].map(({ id, collection, filter, key }) => ({ id, collection, where: filter, key })),
    };
  }

  #onTokenFailed(reason: string): void {
    if (this.#link.state !== "getting-token") return;
    this.#authFailures += 1;
    this.#noteTrouble("token-missing", reason);
    this.#retryLater();
  }

  #retryLater(atLeastMs: Millis = 0): void {
    const at = this.#now + atLeastMs + backoff(this.#failures, this.#random);
    this.#failures += 1;
    this.#link = { state: "waiting", at };
    this.#cancelTimer("reconnect");
    this.#setTimer("reconnect", at);
  }

  #onDisconnected(reason: string): void {
    this.#lost();
    if (this.#lastError === null || this.#link.state === "welcomed") this.#lastError = { code: "server-unreachable", message: reason };
    this.#retryLater();
  }

  /** Ends the connection from this side and tries again. */
  #reconnect(atLeastMs: Millis = 0): void {
    this.#drop();
    this.#retryLater(atLeastMs);
  }

  /** Closes the connection, if there is one. */
  #drop(): void {
    if (this.#link.state === "connecting" || this.#link.state === "welcomed") {
      this.#effects.push({ type: "disconnect", connection: this.#link.connection });
    }
    this.#lost();
  }

  /** What was true of the connection no longer is. */
  #lost(): void {
    for (const timer of ["heartbeat", "presence", "ack", "token", "reconnect"] as const) this.#cancelTimer(timer);
    this.#subscriptions.dropStaged();
    for (const room of this.#rooms.disconnected()) this.#effects.push({ type: "presence-changed", room });
    if (this.#link.state !== "welcomed") return;
    for (const mutation of this.#outbox.all()) {
      if (mutation.counter > this.#link.sent) break;
      this.#touch(mutation.collection, mutation.entity);
    }
  }

  #send(message: Extract<ReplicaEffect, { type: "send" }>["message"]): void {
    if (this.#link.state !== "welcomed") return;
    this.#effects.push({ type: "send", connection: this.#link.connection, message });
  }

  // ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #onMessage(message: ServerMessage): void {
    this.#lastHeard = this.#now;
    switch (message.type) {
      case "welcome":
        return this.#onWelcome(message);
      case "push-result":
        for (const row of message.results) this.#onResult(row);
        return;
      case "resync":
        return this.#onResync(message);
      case "snapshot": {
        const subscription = this.#subscriptions.byId(message.subscription);
        if (subscription !== undefined) subscription.staged = { key: message.key, rows: new Map() };
        return;
      }
      case "rows":
        for (const subscription of this.#subscriptions.all) {
          if (subscription.collection !== message.collection || subscription.staged === null) continue;
          for (const [id, at, values] of message.rows) subscription.staged.rows.set(id, { at, values });
        }
        return;
      case "delta":
        return this.#onDelta(message);
      case "snapshot-end":
        return this.#onSnapshotEnd(message);
      case "presence": {
        const self = this.#link.state === "welcomed" ? this.#link.session : null;
        if (this.#rooms.receive(message.room, message.whole, message.members, self)) {
          this.#effects.push({ type: "presence-changed", room: message.room });
        }
        return;
      }
      case "ping":
        return this.#send({ type: "pong", nonce: message.nonce });
      case "pong":
        return;
      case "auth":
        return this.#planTokenRenewal(message.expires);
      case "goaway":
        this.#lastError = { code: message.reason, message: ERRORS[message.reason].message };
        if (message.reason === "token-expired") this.#authFailures += 1;
        return this.#reconnect(message.retryAfterMs);
      case "refusal":
        return this.#onRefusal(message);
      default:
        return unreachable(message);
    }
  }

  #onWelcome(message: Welcome): void {
    if (this.#link.state !== "connecting") return;
    const { connection } = this.#link;
    this.#failures = 0;
    this.#authFailures = 0;
    this.#lastError = null;
    this.#clock.observe(makeStamp(message.time, 0), this.#now, Number.MAX_SAFE_INTEGER);
    this.#upgrade = message.upgrade === null ? null : { required: false, ...message.upgrade };
    if (message.upgrade !== null) this.#effects.push({ type: "upgrade", required: false, ...message.upgrade });
    if (this.#isStranger(message.decided)) return this.#becomeNewDevice(message.epoch === this.#epoch);
    this.#link = {
      state: "welcomed",
      connection,
      session: message.session,
      sent: message.decided,
      answered: message.decided,
      acknowledged: 0,
      idleMs: message.limits.idleMs,
    };
    if (this.#epoch === null) this.#epoch = message.epoch;
    if (this.#view.setColumns(message.columns)) {
      this.#subscriptions.columnsChanged();
      this.#touchAll();
    }
    this.#columns = { ...message.columns };
    this.#pending.touchFacts();
    for (const row of message.results) this.#onResult(row);
    this.#settleBefore(message.decided);
    this.#planTokenRenewal(message.expires);
    this.#cancelTimer("heartbeat");
    this.#setTimer("heartbeat", this.#now + message.limits.idleMs);
    if (this.#rooms.pending) this.#onTimer("presence");
  }

  /**
   * Whether the server's record of this device's mutations cannot be continued: it has more than this device ever made
   * (a copied or restored store), or lacks some that are no longer held here (a restored server).
   */
  #isStranger(decided: Counter): boolean {
    if (decided > this.#counter) return true;
    for (const mutation of this.#outbox.all()) return mutation.counter > decided + 1;
    return this.#counter > decided;
  }

  /** Goes on as another device: what was not decided is numbered anew and offered again. */
  #becomeNewDevice(sameLog: boolean): void {
    const bytes = Uint8Array.from({ length: 10 }, () => this.#random.below(256));
    const device = parseDeviceId(uuidv7(this.#now, bytes));
    assert(device !== null, "a UUID is a device id");
    this.#device = device;
    const all = [...this.#outbox.all()];
    for (const mutation of all) this.#forget(mutation);
    // What this log has decided is in it; only what another log had is offered again.
    const kept = all.filter((mutation) => mutation.state === "queued" || !sameLog);
    this.#counter = 0;
    this.#decided = 0;
    for (const mutation of kept) {
      this.#counter += 1;
      const renewed: StoredMutation = { ...mutation, counter: this.#counter, state: "queued", offset: 0, outcome: null, detail: null };
      this.#outbox.add(renewed);
      this.#view.addMutation(renewed);
      this.#pending.putMutation(renewed);
    }
    this.#persistedCounter = 0;
    this.#pending.touchFacts();
    this.#reconnect();
  }

  /** Mutations that the server has decided, but whose result is no longer kept: they are in the log, or were refused. */
  #settleBefore(decided: Counter): void {
    for (const mutation of [...this.#outbox.all()]) {
      if (mutation.state === "decided" && mutation.counter > decided) {
        // The log that held it is gone (a restored server): it is offered again.
        const again: StoredMutation = { ...mutation, state: "queued", offset: 0, outcome: null };
        this.#outbox.replace(again);
        this.#view.replaceMutation(again);
        this.#pending.putMutation(again);
      } else if (mutation.state === "queued" && mutation.counter <= decided) {
        this.#onResult([mutation.counter, "duplicate", 0, { code: "result-pruned" }]);
      }
    }
  }

  #planTokenRenewal(expires: Millis | null): void {
    this.#cancelTimer("token");
    if (expires === null) return;
    const left = Math.max(0, expires - this.#now);
    this.#setTimer("token", this.#now + Math.max(left / 2, left - TOKEN_MARGIN_MS));
  }

  #onResync({ epoch, reason }: Resync): void {
    this.#subscriptions.reset();
    this.#checkpoint = 0;
    this.#epoch = epoch;
    if (reason !== "checkpoint-expired") {
      for (const { collection, id, values } of [...this.#view.allRows()]) {
        this.#view.setRow(collection, id, { at: 0, values });
        this.#pending.putRow({ collection, id, at: 0, values });
      }
      for (const mutation of [...this.#outbox.all()]) {
        // Offsets of another log say nothing about this one.
        const freed: StoredMutation = { ...mutation, seen: 0, offset: 0 };
        this.#outbox.replace(freed);
        this.#view.replaceMutation(freed);
        this.#pending.putMutation(freed);
      }
    }
    this.#pending.touchFacts();
    this.#effects.push({ type: "subscriptions-changed" });
  }

  #onDelta(delta: Delta): void {
    this.#clock.observe(makeStamp(delta.time, 0), this.#now, Number.MAX_SAFE_INTEGER);
    if (delta.subscription !== undefined) return this.#stageDelta(delta, delta.subscription);
    if (delta.to <= this.#checkpoint && delta.to !== delta.from) return;
    if (delta.from !== this.#checkpoint) {
      this.#lastError = { code: "version-invalid", message: `a delta from ${delta.from} met checkpoint ${this.#checkpoint}` };
      return this.#reconnect();
    }
    for (const change of delta.changes) this.#applyChange(change);
    this.#checkpoint = delta.to;
    this.#pending.touchFacts();
    for (const mutation of this.#outbox.integrated(this.#checkpoint)) this.#forget(mutation);
  }

  #applyChange(change: ChangeRow): void {
    const [kind, collection, id, at] = change;
    const row = this.#view.row(collection, id);
    if (row !== undefined && row.at >= at) return;
    if (change[0] === 0) this.#putRow(collection, id, at, change[4]);
    else if (change[0] === 1) {
      if (row !== undefined) this.#putRow(collection, id, at, patched(row.values, change[4]));
    } else if (row !== undefined) {
      assert(kind === 2 || kind === 3, "a change has one of four kinds");
      this.#removeRow(collection, id);
    }
  }

  #putRow(collection: string, id: EntityId, at: Offset, values: ConfirmedValues): void {
    // A row that came after its subscription was given up.
    if (!this.#subscriptions.wants(collection, id, values, this.#view.columns(collection))) return;
    this.#view.setRow(collection, id, { at, values });
    this.#pending.putRow({ collection, id, at, values });
    this.#touch(collection, id);
  }

  #removeRow(collection: string, id: EntityId): void {
    this.#view.removeRow(collection, id);
    this.#pending.removeRow(collection, id);
    this.#touch(collection, id);
  }

  /** A delta that completes a snapshot under way. */
  #stageDelta(delta: Delta, id: number): void {
    const staged = this.#subscriptions.byId(id)?.staged;
    if (staged === undefined || staged === null) return;
    for (const change of delta.changes) {
      const [, , entity, at] = change;
      const row = staged.rows.get(entity);
      if (row !== undefined && row.at >= at) continue;
      if (change[0] === 0) staged.rows.set(entity, { at, values: change[4] });
      else if (change[0] === 1) {
        if (row !== undefined) staged.rows.set(entity, { at, values: patched(row.values, change[4]) });
      } else staged.rows.delete(entity);
    }
  }

  #onSnapshotEnd({ subscription: id, offset }: SnapshotEnd): void {
    const subscription = this.#subscriptions.byId(id);
    const staged = subscription?.staged;
    if (subscription === undefined || staged === undefined || staged === null) return;
    const { collection } = subscription;
    subscription.staged = null;
    subscription.key = staged.key;
    for (const [entity, row] of staged.rows) {
      const known = this.#view.row(collection, entity);
      if (known === undefined || known.at < row.at) this.#putRow(collection, entity, row.at, row.values);
    }
    this.#sweep(subscription, staged.rows);
    this.#checkpoint = Math.max(this.#checkpoint, offset);
    for (const mutation of this.#outbox.integrated(this.#checkpoint)) this.#forget(mutation);
    this.#pending.touchFacts();
    this.#effects.push({ type: "subscriptions-changed" });
  }

  /** Removes rows that the subscription would have brought if they still were in view. */
  #sweep(subscription: Subscription, brought: ReadonlyMap<EntityId, unknown>): void {
    const { collection } = subscription;
    const columns = this.#view.columns(collection);
    const own = compileFilter(subscription.filter, columns);
    for (const [id, row] of [...this.#view.rows(collection)]) {
      if (brought.has(id)) continue;
      if (own(id, row.values) || !this.#subscriptions.wants(collection, id, row.values, columns)) this.#removeRow(collection, id);
    }
  }

  #onRefusal({ code, message, fatal, retryAfterMs, about, url }: Refusal): void {
    if (code === "upgrade-required") {
      this.#drop();
      this.#link = { state: "upgrade-required" };
      this.#upgrade = { required: true, message, url: url ?? "" };
      this.#effects.push({ type: "upgrade", required: true, message, url: url ?? "" });
      return;
    }
    this.#noteTrouble(code, message);
    if (code === "token-expired" || code === "token-invalid" || code === "token-missing") this.#authFailures += 1;
    if (code === "device-taken") {
      // The store belongs to somebody else: nothing of it may be sent or renewed in this user's name.
      this.#lastError = { code, message };
      return this.#onGoOffline();
    }
    if (fatal) return this.#reconnect(retryAfterMs);
    const refused = about?.subscription === undefined ? undefined : this.#subscriptions.byId(about.subscription);
    if (refused !== undefined) {
      this.#subscriptions.remove(refused);
      this.#pending.touchFacts();
    }
  }

  // ── subscriptions ────────────────────────────────────────────────────────────────────────────────────────────────

  #onSubscribe(collection: string, filter: Filter): void {
    if (!this.#view.has(collection)) return;
    const known = this.#subscriptions.get(collection, filter);
    const { id } = this.#subscriptions.add(collection, filter);
    this.#pending.touchFacts();
    if (known === undefined) this.#send({ type: "subscribe", id, collection, where: filter, key: null });
  }

  /** The rows that only this subscription wanted leave the device. */
  #onUnsubscribe(collection: string, filter: Filter): void {
    const subscription = this.#subscriptions.get(collection, filter);
    if (subscription === undefined) return;
    this.#subscriptions.remove(subscription);
    this.#send({ type: "unsubscribe", id: subscription.id });
    const columns = this.#view.columns(collection);
    for (const [id, row] of [...this.#view.rows(collection)]) {
      if (!this.#subscriptions.wants(collection, id, row.values, columns)) this.#removeRow(collection, id);
    }
    this.#pending.touchFacts();
  }

  // ── timers ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #onTimer(timer: ReplicaTimer): void {
    switch (timer) {
      case "reconnect":
        if (this.#link.state === "waiting" && this.#wanted) this.#connect();
        return;
      case "heartbeat":
        return this.#onHeartbeat();
      case "presence":
        for (const request of this.#link.state === "welcomed" ? this.#rooms.gather() : []) this.#send(request);
        return;
      case "ack":
        if (this.#link.state !== "welcomed" || this.#persistedCheckpoint <= this.#link.acknowledged) return;
        this.#link.acknowledged = this.#persistedCheckpoint;
        return this.#send({ type: "ack", offset: this.#persistedCheckpoint });
      case "store":
        this.#storeBlocked = false;
        return;
      case "token":
        if (this.#link.state === "welcomed") this.#effects.push({ type: "get-token" });
        return;
      default:
        return unreachable(timer);
    }
  }

  #onHeartbeat(): void {
    if (this.#link.state !== "connecting" && this.#link.state !== "welcomed") return;
    const idleMs = this.#link.state === "welcomed" ? this.#link.idleMs : DEFAULT_IDLE_MS;
    const silence = this.#now - this.#lastHeard;
    // A clock that jumped, or a device that slept, looks like silence: ask once before giving up.
    if (silence >= 2 * idleMs) {
      this.#lastError = { code: "server-unreachable", message: `nothing was heard for ${silence} ms` };
      return this.#reconnect();
    }
    if (silence >= idleMs) this.#send({ type: "ping", nonce: this.#lastConnection });
    this.#setTimer("heartbeat", this.#now + idleMs);
  }

  #noteSynced(): void {
    if (this.#link.state !== "welcomed" || this.#outbox.queuedCount > 0) return;
    for (const subscription of this.#subscriptions.all) if (subscription.key === null) return;
    if (this.#lastSyncedAt !== null && this.#now - this.#lastSyncedAt < 1000) return;
    this.#lastSyncedAt = this.#now;
  }

  #touchAll(): void {
    for (const { collection, id } of this.#view.allRows()) this.#touch(collection, id);
  }
}

type ConfirmedValues = Extract<ChangeRow, readonly [0, ...unknown[]]>[4];

/** The values after a patch: column position and value in turn. */
function patched(values: ConfirmedValues, patch: ConfirmedValues): ConfirmedValues {
  const next = [...values];
  for (let index = 0; index + 1 < patch.length; index += 2) {
    const position = patch[index];
    if (typeof position === "number") next[position] = patch[index + 1] ?? null;
  }
  return next;
}
