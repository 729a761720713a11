/**
 * The hub of one tenant: the machine that admits, orders, and delivers. One door, `handle(input, now)`, which returns what
 * the runtime must do, in order. No clock, no randomness but the seeded one, no waiting: every wait is a state.
 *
 * What stays true (rule ids in SPEC.md):
 * - Nothing is answered or delivered before its append is on disk [H1].
 * - A device's mutations are admitted once each, in counter order, without gaps [H2].
 * - A session hears the results that it may have missed before any delta [H3].
 * - A peer's fault ends at most that peer's session [H4].
 */
import {
  assert,
  boundedMessage,
  chooseVersion,
  type ClientMessage,
  type DeviceId,
  type ErrorCode,
  ERRORS,
  EVERYTHING,
  MAX_SUBSCRIPTIONS,
  type Millis,
  type Offset,
  OLDEST_PROTOCOL_VERSION,
  PROTOCOL_VERSION,
  type Refusal,
  type ResultDetail,
  type ResultRow,
  type SessionId,
  type SubscriptionRequest,
  unreachable,
} from "@tidelock/core";
import { columnsFor } from "./columns.ts";
import { Delivery } from "./delivery.ts";
import { type DeviceState, isSettled } from "./device.ts";
import { Devices } from "./devices.ts";
import type { HubEffect, OutboundMessage } from "./effect.ts";
import { Expiry, isServerDevice } from "./expiry.ts";
import { contextOf } from "./hub-context.ts";
import { Inquiries } from "./inquiries.ts";
import type { HubInput, Principal, ReadRequest, ReadResult, ReconcileBody } from "./input.ts";
import { Planner } from "./planner.ts";
import type { HubContext, HubOptions } from "./ports.ts";
import { PresenceDesk } from "./presence-desk.ts";
import { Pushes, resultRow } from "./pushes.ts";
import { Reconciler } from "./reconcile.ts";
import { assertRowsCurrent, rowsNote } from "./rows-version.ts";
import { SchemaWindow } from "./schema-window.ts";
import { mayWait, newSession, type Opening, type Session, voidReason } from "./session.ts";
import { Translator } from "./translate.ts";
import { isRefusal, Views } from "./views.ts";
import { welcomeTo } from "./welcome.ts";

const OVERLOAD_RETRY_MS = 2_000;
const GO_AWAY_RETRY_MS = 1_000;
/** Results in one welcome: twice what a device may have on its way unanswered. Older ones it can only have forgotten. */
const MAX_RESULTS = 10_000;
/** When all are sent away they come back over this much time for each, so that they do not all come at once. */
const SPREAD_PER_SESSION_MS = 3;
const MAX_SPREAD_MS = 30_000;

export class Hub {
  readonly #options: HubOptions;
  readonly #context: HubContext;
  readonly #planner: Planner;
  readonly #delivery: Delivery;
  readonly #presence: PresenceDesk;
  readonly #views: Views;
  readonly #pushes: Pushes;
  readonly #reconciler: Reconciler;
  readonly #inquiries: Inquiries;
  readonly #devices: Devices;
  readonly #expiry: Expiry;
  readonly #translator: Translator;
  readonly #window: SchemaWindow;
  readonly #sessions = new Map<SessionId, Session>();
  readonly #openings = new Map<SessionId, Opening>();
  readonly #reads = new Map<number, (result: ReadResult | null) => void>();
  #lastRead = 0;
  #floor: Offset;
  #now: Millis = 0;
  #effects: HubEffect[] = [];
  #busy = false;
  #draining = false;
  #presenceTimer = false;
  #sweepTimer = false;
  /** An append was done: snapshots that waited for it may go on. */
  #isHeadMoved = false;
  /** Results of this turn, by session, so that they go out as one message. */
  readonly #results = new Map<SessionId, ResultRow[]>();
  #acknowledged = new Map<DeviceId, Offset>();

  /** Throws `RowsBehind` when rows must be migrated first, `data-newer` when they are of a newer schema. */
  constructor(options: HubOptions) {
    const { schema, record } = options;
    assertRowsCurrent(record, schema);
    this.#options = options;
    this.#floor = record.floor;
    this.#translator = new Translator(schema);
    const { columns, grown } = columnsFor(schema, record);
    this.#context = contextOf(options, columns, {
      now: () => this.#now,
      spokenTime: () => this.#planner.latestTime,
      emit: (effect) => void this.#effects.push(effect),
      read: (request, done) => this.#read(request, done as (result: ReadResult | null) => void),
    });
    this.#window = new SchemaWindow(options, this.#context);
    this.#planner = new Planner(this.#context, record.head, [...grown, ...rowsNote(record, schema, "rows")]);
    this.#delivery = new Delivery(this.#context, record.head);
    this.#presence = new PresenceDesk({
      context: this.#context,
      mayEnter: options.rooms,
      session: (id) => this.#sessions.get(id),
      send: (sessions, message) => this.#context.emit({ type: "send", sessions, message }),
      refuse: (id, code, message, room) => this.#refuse(id, code, message, { room }),
    });
    this.#devices = new Devices(this.#context, (device) => this.#planner.register(device));
    this.#expiry = new Expiry({
      context: this.#context,
      planner: this.#planner,
      devices: this.#devices,
      released: (device) => this.#releaseDevice(device),
    });
    this.#views = new Views(this.#context);
    this.#pushes = new Pushes({
      context: this.#context,
      planner: this.#planner,
      translator: this.#translator,
      session: (id) => this.#sessions.get(id),
      addResult: (session, row) => this.#addResult(session, row),
      refuseSession: (id, code, message, more) => this.#refuseSession(id, code, message, more),
    });
    this.#reconciler = new Reconciler({
      context: this.#context,
      planner: this.#planner,
      translator: this.#translator,
      floor: () => this.#floor,
      withDevice: (device, principal, use) => this.#devices.with(device, principal, use),
      viewOf: (collection, principal) => this.#views.viewOf({ collection, where: EVERYTHING }, principal),
      released: (device) => this.#releaseDevice(device),
    });
    this.#inquiries = new Inquiries({
      context: this.#context,
      viewOf: (collection, principal) => this.#views.viewOf({ collection, where: EVERYTHING }, principal),
      isOpen: () => !this.#draining,
    });
  }

  /** The last durable offset. */
  get head(): Offset {
    return this.#planner.durable;
  }

  get sessionCount(): number {
    return this.#sessions.size + this.#openings.size;
  }

  /** Mutations that wait for the disk. */
  get backlog(): number {
    return this.#planner.backlog;
  }

  /** Whether nothing is under way and nobody is connected: the hub may be forgotten and made anew. */
  get idle(): boolean {
    return this.sessionCount === 0 && this.#planner.idle && this.#reads.size === 0 && !this.#expiry.pending;
  }

  handle(input: HubInput, now: Millis): HubEffect[] {
    assert(!this.#busy, "handle was called from within handle");
    this.#busy = true;
    this.#now = now;
    this.#dispatch(input);
    this.#decide();
    assert(this.#delivery.head <= this.#planner.durable, "delivered beyond what is durable");
    this.#busy = false;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #dispatch(input: HubInput): void {
    switch (input.type) {
      case "session-opened":
        return this.#onSessionOpened({
          id: input.session,
          principal: input.principal,
          hello: input.hello,
          waiting: [],
          device: null,
          reading: false,
        });
      case "message":
        return this.#onMessage(input.session, input.message);
      case "authenticated":
        return this.#onAuthenticated(input.session, input.principal);
      case "session-closed":
        return this.#onSessionClosed(input.session);
      case "session-blocked":
        return this.#onBlocked(input.session);
      case "session-drained":
        return this.#onDrained(input.session);
      case "read-done":
        return this.#onRead(input.read, input.result);
      case "read-failed":
        return this.#onRead(input.read, null);
      case "append-done":
        return this.#onAppended();
      case "append-failed":
        return this.#onAppendFailed();
      case "reconcile":
        return this.#onReconcile(input.request, input.principal, input.body);
      case "query":
        return this.#inquiries.handle(input);
      case "trimmed":
        this.#floor = Math.max(this.#floor, input.floor);
        return;
      case "drain":
        return this.#onDrain();
      case "timer":
        return this.#onTimer(input.timer);
      default:
        return unreachable(input);
    }
  }

  /** Turns facts into effects, after every input. */
  #decide(): void {
    this.#planner.decide();
    for (const [session, results] of this.#results) {
      this.#context.emit({ type: "send", sessions: [session], message: { type: "push-result", results } });
    }
    this.#results.clear();
    // After the results: a device learns what became of its mutations before it sees them.
    if (this.#isHeadMoved) this.#delivery.pumpJobs();
    this.#isHeadMoved = false;
    this.#delivery.deliver();
    if (this.#presence.pending && !this.#presenceTimer) {
      this.#presenceTimer = true;
      this.#context.emit({
        type: "set-timer",
        timer: "presence",
        at: this.#now + this.#context.limits.presenceIntervalMs,
      });
    }
    if (!this.#sweepTimer && (this.sessionCount > 0 || !this.#planner.idle || this.#expiry.pending)) {
      this.#sweepTimer = true;
      this.#context.emit({ type: "set-timer", timer: "sweep", at: this.#now + this.#context.bounds.sweepMs });
    }
  }

  // ── reads ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #read(request: ReadRequest, done: (result: ReadResult | null) => void): void {
    this.#lastRead += 1;
    this.#reads.set(this.#lastRead, done);
    this.#context.emit({ type: "read", read: this.#lastRead, request });
  }

  #onRead(read: number, result: ReadResult | null): void {
    const done = this.#reads.get(read);
    this.#reads.delete(read);
    done?.(result);
  }

  // ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #onSessionOpened(opening: Opening): void {
    if (this.#draining) return this.#goAway(opening.id, "shutting-down");
    const { hello, id } = opening;
    if (chooseVersion(hello.protocol, [OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION]) === null) {
      const url = this.#options.upgrade?.url;
      return this.#refuseSession(
        id,
        "upgrade-required",
        this.#options.upgrade?.message,
        url === undefined ? {} : { url },
      );
    }
    const refusal = this.#window.refusal(hello.schema.version);
    if (refusal !== null) return this.#refuseSession(id, refusal.code, refusal.message, refusal.more);
    this.#window.note(hello.schema);
    if (isServerDevice(hello.device)) return this.#refuseSession(id, "device-taken");
    this.#openings.set(id, opening);
    this.#devices.with(hello.device, opening.principal, (device) => {
      if (!this.#openings.has(id)) return;
      if (typeof device === "string") return this.#refuseSession(id, device);
      opening.device = device;
      this.#continueOpening(opening, device);
    });
  }

  /**
   * The welcome must hold every result that the device may have missed, so it waits until all that an earlier session
   * pushed is on disk.
   */
  #continueOpening(opening: Opening, device: DeviceState): void {
    this.#takeOver(opening, device);
    // Ending the older session may have opened this one already.
    if (!this.#openings.has(opening.id)) return;
    if (!isSettled(device) || device.requests > 0 || opening.reading) return;
    if (opening.hello.decided >= device.decided) return this.#open(opening, device, []);
    opening.reading = true;
    const { decided } = device;
    const after = Math.max(opening.hello.decided, decided - MAX_RESULTS);
    this.#context.read({ kind: "receipts", device: device.device, after, limit: decided - after }, (result) => {
      if (!this.#openings.has(opening.id)) return;
      opening.reading = false;
      if (result === null) return this.#refuseSession(opening.id, "storage-unavailable");
      // A request of the device may have been decided meanwhile: then its result must be read as well.
      if (device.decided !== decided || !isSettled(device)) return this.#continueOpening(opening, device);
      const words = (detail: ResultDetail): ResultDetail =>
        this.#translator.detail(detail, null, opening.hello.schema.version);
      this.#open(
        opening,
        device,
        result.receipts.map((receipt) => resultRow(receipt, words)),
      );
    });
  }

  /** One session speaks for a device: the newest. */
  #takeOver(opening: Opening, device: DeviceState): void {
    const older = device.session;
    if (older === opening.id) return;
    device.session = opening.id;
    if (older === null) return;
    this.#context.emit({
      type: "send",
      sessions: [older],
      message: { type: "goaway", reason: "session-replaced", retryAfterMs: GO_AWAY_RETRY_MS },
    });
    this.#end(older, "session-replaced");
  }

  #open(opening: Opening, device: DeviceState, results: readonly ResultRow[]): void {
    const { hello, id, principal } = opening;
    this.#openings.delete(id);
    const session = newSession(opening, device);
    this.#sessions.set(id, session);
    const reason = voidReason(hello, this.#context.epoch, this.#floor, this.head);
    const requests = hello.subscriptions.map((request) => this.#resume(request, principal, reason === null));
    this.#send(id, {
      ...welcomeTo(hello, this.#options, this.#context, this.head),
      session: id,
      user: principal.user,
      expires: principal.expires,
      decided: device.decided,
      whole: requests.filter((request) => request.key !== null).map((request) => request.id),
      results,
    });
    if (reason !== null) {
      session.told = 0;
      session.cursor = 0;
      this.#send(id, { type: "resync", reason, epoch: this.#context.epoch });
    }
    for (const request of requests) this.#subscribe(session, request);
    const holdsSomething = [...session.subscriptions.values()].some((subscription) => subscription.whole);
    // Who holds nothing has nothing to catch up with: the stream starts at the head.
    if (!holdsSomething) session.cursor = this.head;
    for (const [, , offset] of results) this.#delivery.owe(session, offset);
    this.#delivery.regroup(session);
    this.#delivery.pump(session);
    for (const message of opening.waiting) {
      if (this.#sessions.has(id)) this.#onMessage(id, message);
    }
  }

  /** The request as it can be met: its key stays only if what the device holds is what it would get now. */
  #resume(request: SubscriptionRequest, principal: Principal, isCheckpointGood: boolean): SubscriptionRequest {
    if (!isCheckpointGood || request.key === null) return { ...request, key: null };
    const view = this.#views.viewOf(request, principal);
    const goesOn = !isRefusal(view) && (request.key === "*" || request.key === view.key);
    return goesOn ? request : { ...request, key: null };
  }

  #onSessionClosed(id: SessionId): void {
    const opening = this.#openings.get(id);
    this.#openings.delete(id);
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    this.#presence.sessionClosed(id);
    if (session !== undefined) this.#delivery.remove(session);
    const device = session?.device ?? opening?.device ?? null;
    if (device === null) return;
    if (device.session === id) device.session = null;
    this.#releaseDevice(device);
  }

  #releaseDevice(device: DeviceState): void {
    for (const opening of this.#openings.values()) {
      if (opening.device === device && device.session === opening.id) this.#continueOpening(opening, device);
    }
    this.#devices.release(device);
  }

  /** Ends a session from this side. */
  #end(id: SessionId, code: ErrorCode): void {
    this.#context.emit({ type: "close", session: id, code });
    const device = this.#sessions.get(id)?.device;
    if (device?.session === id) device.session = null;
    this.#onSessionClosed(id);
  }

  #goAway(id: SessionId, reason: ErrorCode, retryAfterMs: Millis = GO_AWAY_RETRY_MS): void {
    this.#send(id, { type: "goaway", reason, retryAfterMs });
    this.#end(id, reason);
  }

  #refuseSession(id: SessionId, code: ErrorCode, message?: string, more: Partial<Refusal> = {}): void {
    const said = boundedMessage(message ?? ERRORS[code].message);
    this.#send(id, { type: "refusal", code, message: said, fatal: true, ...more });
    this.#end(id, code);
  }

  #refuse(id: SessionId, code: ErrorCode, message: string, about: NonNullable<Refusal["about"]>): void {
    this.#send(id, { type: "refusal", code, message: boundedMessage(message), fatal: false, about });
  }

  #send(id: SessionId, message: OutboundMessage): void {
    this.#context.emit({ type: "send", sessions: [id], message });
  }

  #onAuthenticated(id: SessionId, principal: Principal): void {
    const opening = this.#openings.get(id);
    // The device was, or will be, checked against the user that the hello came with.
    if (opening !== undefined && principal.user !== opening.principal.user)
      return this.#refuseSession(id, "device-taken");
    if (opening !== undefined) this.#openings.set(id, Object.assign(opening, { principal }));
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    if (principal.user !== session.principal.user) return this.#refuseSession(id, "device-taken");
    session.principal = principal;
    this.#send(id, { type: "auth", expires: principal.expires });
    for (const { view } of session.subscriptions.values()) {
      const allowed = this.#views.viewOf({ collection: view.collection, where: view.wanted }, principal);
      if (isRefusal(allowed) || allowed.name !== view.name) return this.#goAway(id, "rights-changed");
    }
    if (!this.#presence.mayStay(session)) this.#goAway(id, "rights-changed");
  }

  #onBlocked(id: SessionId): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) session.blockedSince ??= this.#now;
  }

  #onDrained(id: SessionId): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    session.blockedSince = null;
    session.draining = false;
    this.#delivery.pump(session);
    // It never goes before a change.
    this.#presence.drained(session);
  }

  // ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #onMessage(id: SessionId, message: ClientMessage): void {
    const opening = this.#openings.get(id);
    if (opening !== undefined) {
      // A device may speak as soon as its hello is out, but not at length.
      if (!mayWait(opening, message))
        return this.#refuseSession(id, "overloaded", undefined, { retryAfterMs: OVERLOAD_RETRY_MS });
      opening.waiting.push(message);
      return;
    }
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    switch (message.type) {
      case "hello":
        return this.#refuseSession(id, "invalid-message", "a session says hello once");
      case "push":
        return this.#pushes.push(session, message);
      case "subscribe":
        // What the device holds may be older than where the session stands: only a hello's keys are of use.
        this.#subscribe(session, { ...message, key: null });
        this.#delivery.regroup(session);
        return this.#delivery.pump(session);
      case "unsubscribe":
        this.#unsubscribe(session, message.id);
        this.#delivery.regroup(session);
        this.#send(id, { type: "unsubscribed", subscription: message.id });
        return this.#delivery.pump(session);
      case "ack":
        return this.#onAck(session, message.offset);
      case "presence":
        return this.#presence.take(session, message);
      case "ping":
        return this.#send(id, { type: "pong", nonce: message.nonce });
      case "pong":
      case "auth":
        return;
      default:
        return unreachable(message);
    }
  }

  #onAck(session: Session, offset: Offset): void {
    const { device } = session;
    if (offset > session.told || offset <= device.acknowledged) return;
    device.acknowledged = offset;
    this.#acknowledged.set(device.device, offset);
  }

  // ── subscriptions ────────────────────────────────────────────────────────────────────────────────────────────────

  #subscribe(session: Session, request: SubscriptionRequest): void {
    const { id, collection, where, key } = request;
    const about = { subscription: id };
    if (session.subscriptions.has(id))
      return this.#refuse(session.id, "invalid-message", `there is a subscription ${id} already`, about);
    if (session.subscriptions.size >= MAX_SUBSCRIPTIONS) {
      return this.#refuse(session.id, "too-many-subscriptions", `the most is ${MAX_SUBSCRIPTIONS}`, about);
    }
    const view = this.#views.viewOf({ collection, where }, session.principal);
    if (isRefusal(view)) return this.#refuse(session.id, view.code, view.message, about);
    const subscription = { id, view, whole: key === "*" || key === view.key };
    session.subscriptions.set(id, subscription);
    if (!subscription.whole) this.#delivery.want(session, subscription);
  }

  #unsubscribe(session: Session, id: number): void {
    session.subscriptions.delete(id);
    const index = session.jobs.findIndex((job) => job.subscription.id === id);
    if (index >= 0) session.jobs.splice(index, 1);
  }

  // ── pushes ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #addResult(session: Session, row: ResultRow): void {
    const results = this.#results.get(session.id);
    if (results === undefined) this.#results.set(session.id, [row]);
    else results.push(row);
    this.#delivery.owe(session, row[2]);
  }

  #onAppended(): void {
    const { events, sizes, devices, answer } = this.#planner.appended();
    this.#delivery.append(events, sizes);
    this.#expiry.append(events);
    answer();
    for (const opening of [...this.#openings.values()]) {
      if (opening.device !== null && opening.device.session === opening.id)
        this.#continueOpening(opening, opening.device);
    }
    for (const device of devices) if (device.session === null) this.#releaseDevice(device);
    this.#isHeadMoved = true;
  }

  /** Nothing was written: this hub's plans are void. Its runtime makes another from what the disk has. */
  #onAppendFailed(): void {
    for (const id of [...this.#sessions.keys(), ...this.#openings.keys()]) this.#goAway(id, "storage-unavailable");
    this.#draining = true;
  }

  #onReconcile(request: number, principal: Principal, body: ReconcileBody): void {
    const refuse = (code: ErrorCode, retryAfterMs: Millis): void =>
      this.#context.emit({ type: "answer", request, answer: { ok: false, code, message: "", retryAfterMs } });
    if (this.#draining) return refuse("shutting-down", GO_AWAY_RETRY_MS);
    const version = body.schemaVersion ?? this.#options.schema.version;
    const refusal = this.#window.answer(version);
    if (refusal !== null) return this.#context.emit({ type: "answer", request, answer: refusal });
    if (isServerDevice(body.device)) return refuse("device-taken", 0);
    if (!this.#planner.hasRoomFor(body.mutations.length)) return refuse("overloaded", OVERLOAD_RETRY_MS);
    this.#reconciler.handle({ id: request, principal, body, version });
  }

  // ── presence, timers, the end ────────────────────────────────────────────────────────────────────────────────────

  #onTimer(timer: "presence" | "sweep"): void {
    if (timer === "presence") {
      this.#presenceTimer = false;
      this.#presence.gather();
      return;
    }
    this.#sweepTimer = false;
    this.#planner.retry();
    this.#expiry.sweep();
    this.#delivery.sweep();
    for (const session of [...this.#sessions.values()]) {
      const blocked = session.blockedSince === null ? 0 : this.#now - session.blockedSince;
      if (blocked > this.#context.limits.maxBlockedMs) this.#goAway(session.id, "slow-consumer");
      else if (session.principal.expires !== null && session.principal.expires <= this.#now)
        this.#goAway(session.id, "token-expired");
    }
    if (this.#acknowledged.size > 0) {
      this.#context.emit({ type: "acknowledged", offsets: this.#acknowledged });
      this.#acknowledged = new Map();
    }
  }

  #onDrain(): void {
    this.#draining = true;
    const spread = Math.min(MAX_SPREAD_MS, this.sessionCount * SPREAD_PER_SESSION_MS);
    for (const id of [...this.#openings.keys(), ...this.#sessions.keys()]) {
      this.#goAway(id, "shutting-down", GO_AWAY_RETRY_MS + this.#context.random.below(spread + 1));
    }
    if (this.#acknowledged.size > 0) this.#context.emit({ type: "acknowledged", offsets: this.#acknowledged });
  }
}
