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
  type Counter,
  type Delta,
  type DeviceId,
  type EntityId,
  type Epoch,
  type ErrorCode,
  ERRORS,
  type Filter,
  HybridClock,
  knownCode,
  makeStamp,
  MAX_PUSH_MUTATIONS,
  type Millis,
  type Offset,
  parseStamp,
  type PresenceUpdate,
  type Random,
  type Refusal,
  type ResultRow,
  type RoomName,
  type Schema,
  type ServerMessage,
  TidelockError,
  unreachable,
  type Welcome,
  ZERO_STAMP,
} from "@tidelock/core";
import { Calls } from "./calls.ts";
import { Connector } from "./connector.ts";
import { Decisions } from "./decisions.ts";
import { Disk } from "./disk.ts";
import type { ReplicaEffect } from "./effect.ts";
import type { ReplicaInput, ReplicaTimer } from "./input.ts";
import { Integration } from "./integration.ts";
import type { StoredMutation, StoredReplica } from "./records.ts";
import { ReplicaState } from "./replica-state.ts";
import { type Member, PRESENCE_INTERVAL_MS } from "./rooms.ts";
import type { ReplicaStatus, SyncState } from "./status.ts";
import type { EntityView } from "./view.ts";
import { upgradedMutations, upgradedSubscriptions } from "./upgrade.ts";
import { entitiesOf } from "./writes-of.ts";
import { MAX_PUSH_CHARACTERS, Writing } from "./writing.ts";

const ACK_INTERVAL_MS: Millis = 250;
/** Mutations that may be on their way without an answer. */
const MAX_UNANSWERED = 5_000;
/** `lastSyncedAt` is renewed at most this often. */
const SYNCED_RESOLUTION_MS: Millis = 1_000;
/** Refusals that say that a message could not be read. */
const UNREADABLE: ReadonlySet<ErrorCode> = new Set(["malformed-frame", "frame-too-large", "invalid-message"]);

export interface ReplicaOptions {
  readonly schema: Schema;
  readonly random: Random;
  /** Name and version of the SDK and its platform, for people. */
  readonly sdk: string;
}

export class Replica {
  readonly #state: ReplicaState;
  readonly #disk: Disk;
  readonly #integration: Integration;
  readonly #connector: Connector;
  readonly #decisions: Decisions;
  readonly #calls: Calls;
  readonly #writing: Writing;
  /**
   * The server would not read what was sent, up to this counter: until that is answered, one push is under way at a time,
   * and each has half of what is left, so that what it cannot read is found. 0: all is well.
   */
  #carefulUntil: Counter = 0;
  #loaded = false;
  #upgrade: ReplicaStatus["upgrade"] = null;
  #statusText = "";
  #busy = false;

  constructor(options: ReplicaOptions) {
    this.#state = new ReplicaState(options.schema);
    this.#disk = new Disk(this.#state);
    this.#integration = new Integration(this.#state);
    this.#connector = new Connector(this.#state, options.random, options.sdk);
    this.#calls = new Calls(this.#state);
    this.#writing = new Writing(this.#state, this.#calls);
    this.#decisions = new Decisions(this.#state, this.#disk, this.#connector, options.random);
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

  get device(): DeviceId | null {
    return this.#state.device;
  }

  /** What the device holds of the log; `null` when nothing. */
  get checkpoint(): { readonly epoch: Epoch; readonly offset: Offset } | null {
    const { epoch, checkpoint } = this.#state;
    return epoch === null ? null : { epoch, offset: checkpoint };
  }

  /** The entity as it is seen, outbox included; the same object while it is the same. `null`: there is none. */
  get(collection: string, id: EntityId): EntityView | null {
    return this.#state.view.get(collection, this.resolveId(id));
  }

  /** The ids of all entities of a collection that are seen. */
  ids(collection: string): Iterable<EntityId> {
    return this.#state.view.ids(collection);
  }

  /** Mutations that are not in the confirmed state yet, in order. */
  get outbox(): readonly StoredMutation[] {
    return this.#state.outbox.list;
  }

  /** Mutations that the server refused and that the user has not dealt with. */
  get rejected(): readonly StoredMutation[] {
    return this.#state.outbox.rejected;
  }

  get status(): ReplicaStatus {
    const { outbox, lastError, lastSyncedAt } = this.#state;
    const { link } = this.#connector;
    return {
      phase: this.#loaded ? this.#connector.phase : "loading",
      pendingCount: outbox.queuedCount,
      oldestPendingAt: outbox.oldestQueuedAt,
      rejectedCount: outbox.rejectedCount,
      lastError,
      lastSyncedAt,
      retryAt: link.state === "waiting" ? link.at : null,
      upgrade: this.#upgrade,
    };
  }

  syncState(collection: string, id: EntityId): SyncState {
    const entity = this.resolveId(id);
    for (const mutation of this.#state.outbox.rejected) {
      if (entitiesOf(mutation).some(([of, key]) => of === collection && key === entity)) return "rejected";
    }
    const { link } = this.#connector;
    let state: SyncState = "synced";
    for (const mutation of this.#state.view.mutations(collection, entity)) {
      if (mutation.state !== "queued") continue;
      const isSent = link.state === "welcomed" && mutation.counter <= link.sent;
      if (!isSent) return "pending";
      state = "syncing";
    }
    return state === "synced" && this.#state.view.marks(collection, entity).size > 0 ? "in-review" : state;
  }

  /** The reviews that an entity waits for, by field; `*` for the whole entity. */
  marks(collection: string, id: EntityId): ReadonlyMap<string, EntityId> {
    return this.#state.view.marks(collection, this.resolveId(id));
  }

  /** Whether everything of a subscription is on the device, as of the checkpoint. */
  isComplete(collection: string, filter: Filter): boolean {
    const key = this.#state.subscriptions.get(collection, filter)?.key ?? null;
    return key !== null;
  }

  presence(room: RoomName): readonly Member[] {
    return this.#state.rooms.members(room);
  }

  /** The id that the server assigned in place of a temporary one; any other id as it is. */
  resolveId(id: EntityId): EntityId {
    return this.#state.identities.resolve(id);
  }

  /** The first id that the entity had on this device: stable for the keys of lists. */
  keyOf(id: EntityId): EntityId {
    return this.#state.identities.first(id);
  }

  // ── the door ─────────────────────────────────────────────────────────────────────────────────────────────────────

  handle(input: ReplicaInput, now: Millis): ReplicaEffect[] {
    assert(!this.#busy, "handle was called from within handle");
    assert(this.#loaded || input.type === "loaded", "the first input is `loaded`");
    this.#busy = true;
    this.#state.now = now;
    this.#dispatch(input);
    this.#decide();
    this.#busy = false;
    return this.#state.takeEffects();
  }

  #dispatch(input: ReplicaInput): void {
    switch (input.type) {
      case "loaded":
        return this.#onLoaded(input.stored, input.device);
      case "mutate":
        return this.#writing.mutate(input.write, input.intents);
      case "subscribe":
        return this.#onSubscribe(input.collection, input.filter);
      case "unsubscribe":
        return this.#onUnsubscribe(input.collection, input.filter);
      case "persisted":
        return this.#disk.persisted(input.batch);
      case "persist-failed":
        return this.#disk.failed(input.batch, input.code);
      case "go-online":
        return this.#connector.goOnline();
      case "go-offline":
        return this.#connector.goOffline();
      case "network-hint":
        return this.#connector.tryNow();
      case "token":
        return this.#connector.token(input.token);
      case "token-failed":
        return this.#connector.tokenFailed(input.reason, input.code);
      case "connected":
        if (this.#connector.isCurrent(input.connection)) this.#connector.heard();
        return;
      case "message":
        if (this.#connector.isCurrent(input.connection)) this.#onMessage(input.message);
        return;
      case "disconnected":
        if (this.#connector.isCurrent(input.connection)) this.#connector.disconnected(input.reason);
        return;
      case "timer":
        this.#state.timerFired(input.timer);
        return this.#onTimer(input.timer);
      case "presence":
        return this.#state.rooms.set(input.room, input.state);
      case "presence-leave":
        return this.#state.rooms.leave(input.room);
      case "discard":
        return this.#writing.discard(input.counter);
      default:
        return unreachable(input);
    }
  }

  /** Turns facts into effects, after every input. */
  #decide(): void {
    if (this.#state.groundMoved && this.#state.outbox.hasCalls) this.#calls.rebase();
    this.#state.groundMoved = false;
    this.#push();
    this.#planAck();
    if (this.#state.rooms.pending && this.#connector.link.state === "welcomed") {
      this.#state.setTimer("presence", this.#state.now + PRESENCE_INTERVAL_MS);
    }
    this.#noteSynced();
    this.#disk.decide();
    const { phase, pendingCount, rejectedCount, lastError, retryAt, lastSyncedAt } = this.status;
    const text = `${phase} ${pendingCount} ${rejectedCount} ${lastError?.code} ${lastError?.message} ${retryAt} ${lastSyncedAt}`;
    if (text === this.#statusText) return;
    this.#statusText = text;
    this.#state.emit({ type: "status-changed" });
  }

  #onLoaded(stored: StoredReplica, device: DeviceId): void {
    const state = this.#state;
    const { facts, rows } = stored;
    const { version } = state.schema;
    // Stores had no version before there were migrations.
    const from = facts === null ? version : (facts.schemaVersion ?? 1);
    if (from > version) {
      throw new TidelockError("store-newer", `the store has schema version ${from}, this application ${version}`);
    }
    this.#loaded = true;
    state.device = facts?.device ?? device;
    if (facts !== null) {
      state.epoch = facts.epoch;
      state.checkpoint = facts.checkpoint;
      state.counter = facts.counter;
      state.decided = facts.decided;
      state.clock = new HybridClock(parseStamp(facts.stamp) ?? ZERO_STAMP);
      state.columns = facts.columns;
      state.view.setColumns(facts.columns);
      state.subscriptions.load(upgradedSubscriptions(facts.subscriptions, state.schema, from));
      state.lastSyncedAt = facts.lastSyncedAt;
      state.user = facts.user ?? null;
      for (const [temporary, entity] of facts.assigned) state.identities.note(temporary, entity);
    }
    for (const { collection, id, at, values } of rows) {
      state.view.setRow(collection, id, { at, values });
      state.touch(collection, id);
    }
    // Subscriptions may have been given up in the moment before the program ended.
    for (const collection of state.schema.collections.keys()) state.evict(collection);
    const upgraded = upgradedMutations(stored, state.schema, from);
    for (const { mutation } of upgraded) {
      state.outbox.add(mutation);
      if (mutation.state !== "rejected") state.view.addMutation(mutation);
      state.counter = Math.max(state.counter, mutation.counter);
      state.touchWritten(mutation);
    }
    this.#disk.loaded();
    if (facts === null || from < version) state.pending.touchFacts();
    for (const { before, mutation, failure, rest } of upgraded) {
      if (mutation !== before) {
        this.#disk.changedFrom(mutation.counter);
        state.pending.putMutation(mutation);
      }
      if (failure !== null) this.#decisions.quarantine([mutation], failure);
      if (rest !== null) state.keepRefused(rest);
    }
    // Calls are run again with the mutators that there are now.
    if (from < version) state.groundMoved = true;
    state.emit({ type: "subscriptions-changed" });
  }

  // ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends what is on disk and was not sent: whole transactions, in order, a bounded number unanswered. */
  #push(): void {
    const { link } = this.#connector;
    if (link.state !== "welcomed") return;
    if (link.answered >= this.#carefulUntil) this.#carefulUntil = 0;
    const isCareful = this.#carefulUntil > 0;
    while (link.sent - link.answered < (isCareful ? 1 : MAX_UNANSWERED)) {
      // Half of what is left each time: what cannot be read is found in few steps, and the rest goes on meanwhile.
      const limit = isCareful ? Math.ceil((this.#carefulUntil - link.answered) / 2) : MAX_PUSH_MUTATIONS / 2;
      const chain = this.#state.outbox.chain(link.sent, this.#disk.counter, limit, MAX_PUSH_CHARACTERS);
      const last = chain.at(-1);
      if (last === undefined) return;
      link.sent = last.counter;
      for (const mutation of chain) this.#state.touchWritten(mutation);
      this.#connector.send({
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

  // ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #onMessage(message: ServerMessage): void {
    this.#connector.heard();
    switch (message.type) {
      case "welcome":
        return this.#onWelcome(message);
      case "push-result":
        for (const row of message.results) this.#onResult(row);
        return;
      case "resync":
        this.#disk.resynced();
        return this.#integration.resync(message);
      case "snapshot":
        return this.#integration.snapshotStart(message);
      case "rows":
        return this.#integration.rows(message);
      case "delta":
        return this.#onDelta(message);
      case "snapshot-end":
        return this.#integration.snapshotEnd(message);
      case "unsubscribed": {
        const collection = this.#state.subscriptions.ended(message.subscription);
        if (collection !== null) this.#state.evict(collection);
        return;
      }
      case "presence":
        return this.#onPresence(message);
      case "ping":
        return this.#connector.send({ type: "pong", nonce: message.nonce });
      case "pong":
        return;
      case "auth":
        return this.#connector.planTokenRenewal(message.expires);
      case "goaway":
        this.#state.lastError = { code: knownCode(message.reason), message: ERRORS[knownCode(message.reason)].message };
        if (message.reason === "token-expired") this.#connector.authFailed();
        return this.#connector.reconnect(message.retryAfterMs);
      case "refusal":
        return this.#onRefusal(message);
      default:
        return unreachable(message);
    }
  }

  #onWelcome(message: Welcome): void {
    if (this.#connector.link.state !== "connecting") return;
    const state = this.#state;
    state.lastError = null;
    // Calls may have been run for nobody.
    if (state.user !== message.user) state.groundMoved = true;
    state.user = message.user;
    this.#observeTime(message.time);
    this.#upgrade = message.upgrade === null ? null : { required: false, ...message.upgrade };
    if (message.upgrade !== null) state.emit({ type: "upgrade", required: false, ...message.upgrade });
    if (this.#decisions.isStranger(message.decided))
      return this.#decisions.becomeNewDevice(message.epoch === state.epoch);
    this.#connector.welcomed(message);
    // The server will say so as well; but what is pushed until then must not name offsets of another log.
    const isOtherLog = state.epoch !== null && (message.epoch !== state.epoch || message.head < state.checkpoint);
    if (isOtherLog) {
      const reason = message.epoch === state.epoch ? "version-invalid" : "epoch-changed";
      this.#disk.resynced();
      this.#integration.resync({ type: "resync", reason, epoch: message.epoch });
    }
    state.epoch ??= message.epoch;
    if (state.view.setColumns(message.columns)) {
      state.subscriptions.columnsChanged();
      state.touchAll();
    }
    state.columns = message.columns;
    this.#integration.startOver(message.whole);
    state.pending.touchFacts();
    for (const row of message.results) this.#onResult(row);
    this.#decisions.settle(message.decided);
    if (state.rooms.pending) this.#onTimer("presence");
  }

  #onResult(row: ResultRow): void {
    const [counter, outcome, , detail] = row;
    const mutation = this.#state.outbox.get(counter);
    // What was set aside here as impossible had been taken in before: then it is not refused.
    const isTaken = outcome === "duplicate" ? detail?.original !== "rejected" : outcome !== "rejected";
    if (mutation?.operation === "void" && isTaken) {
      const kept = this.#state.outbox.rejected.find(({ stamp }) => stamp === mutation.stamp);
      if (kept !== undefined) this.#state.forgetRefused(kept);
    }
    this.#decisions.result(row);
  }

  /** The device's stamps keep up with the server, so that a clock that is behind does not always lose. */
  #observeTime(time: Millis): void {
    this.#state.clock.observe(makeStamp(time, 0), this.#state.now, Number.MAX_SAFE_INTEGER);
  }

  #onDelta(delta: Delta): void {
    this.#observeTime(delta.time);
    if (this.#integration.delta(delta)) return;
    const message = `a delta from ${delta.from} met checkpoint ${this.#state.checkpoint}`;
    this.#state.lastError = { code: "version-invalid", message };
    this.#connector.reconnect();
  }

  #onPresence({ room, whole, members }: PresenceUpdate): void {
    const { link } = this.#connector;
    const self = link.state === "welcomed" ? link.session : null;
    if (this.#state.rooms.receive(room, whole, members, self)) this.#state.emit({ type: "presence-changed", room });
  }

  #onRefusal({ code, message, fatal, retryAfterMs, about, url }: Refusal): void {
    if (code === "upgrade-required") {
      this.#connector.upgradeRequired();
      this.#upgrade = { required: true, message, url: url ?? "" };
      this.#state.emit({ type: "upgrade", ...this.#upgrade });
      return;
    }
    this.#state.noteTrouble(knownCode(code), message);
    if (fatal && UNREADABLE.has(code)) this.#suspect(knownCode(code), message);
    // The store belongs to somebody else: nothing of it may be sent in this user's name.
    if (code === "device-taken") return this.#connector.goOffline();
    if (code === "token-expired" || code === "token-invalid" || code === "token-missing") this.#connector.authFailed();
    // What was refused for its rate was not taken: the next connection says it again, from where the server stands.
    if (fatal || code === "rate-limited") return this.#connector.reconnect(retryAfterMs);
    const refused = about?.subscription === undefined ? undefined : this.#state.subscriptions.byId(about.subscription);
    if (refused === undefined) return;
    const { collection, filter } = refused;
    this.#state.emit({ type: "subscription-refused", collection, filter, code: knownCode(code), message });
    this.#state.subscriptions.remove(refused);
    this.#state.forgetIntegrated();
    this.#state.pending.touchFacts();
  }

  /**
   * The server ended the connection over something that it could not read, which may be what was sent last. Sent again as
   * it is, it would end every connection: it is looked for, and set aside with its reason when it is found.
   */
  #suspect(code: ErrorCode, message: string): void {
    const { link } = this.#connector;
    if (link.state !== "welcomed" || link.sent === link.answered) return;
    const sent: StoredMutation[] = [];
    for (const mutation of this.#state.outbox.all()) {
      if (mutation.counter > link.answered && mutation.counter <= link.sent) sent.push(mutation);
    }
    const isOne = sent.filter(({ remaining }) => remaining === 0).length === 1;
    if (!isOne) this.#carefulUntil = link.sent;
    else if (sent.some(({ operation }) => operation !== "void")) this.#decisions.quarantine(sent, { code, message });
  }

  // ── subscriptions ────────────────────────────────────────────────────────────────────────────────────────────────

  #onSubscribe(collection: string, filter: Filter): void {
    const state = this.#state;
    if (!state.view.has(collection)) return;
    const known = state.subscriptions.get(collection, filter);
    const { id } = state.subscriptions.add(collection, filter);
    state.pending.touchFacts();
    if (known === undefined) this.#connector.send({ type: "subscribe", id, collection, where: filter, key: null });
  }

  /**
   * The rows that only this subscription wanted leave the device: at once, or when the server confirms that the stream no
   * longer counts on them.
   */
  #onUnsubscribe(collection: string, filter: Filter): void {
    const state = this.#state;
    const subscription = state.subscriptions.get(collection, filter);
    if (subscription === undefined) return;
    const { state: link } = this.#connector.link;
    if (link === "welcomed" || link === "connecting") state.subscriptions.end(subscription);
    else {
      state.subscriptions.remove(subscription);
      state.evict(collection);
    }
    this.#connector.send({ type: "unsubscribe", id: subscription.id });
    // It may have been the last one that was not whole, for which decided mutations were kept.
    state.forgetIntegrated();
    state.pending.touchFacts();
  }

  // ── timers ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #onTimer(timer: ReplicaTimer): void {
    switch (timer) {
      case "reconnect":
        return this.#connector.tryNow();
      case "heartbeat":
        return this.#connector.heartbeat();
      case "presence":
        for (const request of this.#connector.link.state === "welcomed" ? this.#state.rooms.gather() : []) {
          this.#connector.send(request);
        }
        return;
      case "ack":
        return this.#sendAck();
      case "store":
        return this.#disk.retry();
      case "token":
        if (this.#connector.link.state === "welcomed") this.#state.emit({ type: "get-token" });
        return;
      default:
        return unreachable(timer);
    }
  }

  /** What is on the device's disk is acknowledged, a little later and together. */
  #planAck(): void {
    const { link } = this.#connector;
    if (link.state !== "welcomed" || this.#disk.checkpoint <= link.acknowledged) return;
    this.#state.setTimer("ack", this.#state.now + ACK_INTERVAL_MS);
  }

  #sendAck(): void {
    const { link } = this.#connector;
    if (link.state !== "welcomed" || this.#disk.checkpoint <= link.acknowledged) return;
    link.acknowledged = this.#disk.checkpoint;
    this.#connector.send({ type: "ack", offset: link.acknowledged });
  }

  #noteSynced(): void {
    const state = this.#state;
    if (this.#connector.link.state !== "welcomed" || state.outbox.queuedCount > 0) return;
    for (const subscription of state.subscriptions.all) if (subscription.key === null) return;
    if (state.lastSyncedAt !== null && Math.abs(state.now - state.lastSyncedAt) < SYNCED_RESOLUTION_MS) return;
    state.lastSyncedAt = state.now;
  }
}
