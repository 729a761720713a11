/**
 * One tenant in memory: its hub, and everything that the hub asks for. The only awaits are here and below; inputs are
 * handled one after the other, in the order in which they came.
 *
 * What stays true: effects are carried out in their order; an input that arises meanwhile waits for its turn; when the hub
 * throws or an append fails, this host is void: its sessions are sent away with a code that lets them come back, nothing
 * more is handled, and neither the process nor another tenant notices.
 */
import {
  type Epoch,
  type ErrorCode,
  ERRORS,
  type Millis,
  type Offset,
  type SessionId,
  type TenantId,
  unreachable,
} from "@tidelock/core";
import type { HubEffect, QueryAnswer, ReconcileAnswer, RequestRefusal } from "../engine/effect.ts";
import type { HubInput, HubTimer, Principal, Query, ReadRequest, ReconcileBody } from "../engine/input.ts";
import type { TenantRecord } from "../engine/records.ts";
import type { SessionInput, SessionSink, TenantPort } from "../gateway/tenant-port.ts";
import { errorFacts } from "../observe/log.ts";
import { StaleHead } from "../storage/storage.ts";
import type { HostPorts, HubMachine } from "./host-ports.ts";
import { LazySaves } from "./lazy-saves.ts";
import { performRead } from "./perform-read.ts";
import { Relay } from "./relay.ts";
import { Timers } from "./timers.ts";

export class TenantHost implements TenantPort {
  readonly tenant: TenantId;
  readonly epoch: Epoch;
  readonly relay: Relay;
  readonly #ports: HostPorts;
  readonly #hub: HubMachine;
  readonly #stopped: (host: TenantHost) => void;
  readonly #timers: Timers<HubTimer>;
  readonly #saves: LazySaves;
  readonly #sinks = new Map<SessionId, SessionSink>();
  readonly #requests = new Map<number, (answer: ReconcileAnswer) => void>();
  readonly #queries = new Map<number, (answer: QueryAnswer) => void>();
  readonly #inputs: HubInput[] = [];
  #handling = false;
  #running = true;
  #nextRequest = 1;
  #floor: Offset;
  #append: Promise<void> = Promise.resolve();
  #usedAt: Millis;
  /** When the oldest work came that no append has taken along yet; `null` when there is none. */
  #workSince: number | null = null;

  /** `stopped` is called once when the hub failed: the host must not be used again. */
  constructor(ports: HostPorts, tenant: TenantId, record: TenantRecord, stopped: (host: TenantHost) => void) {
    const { storage, bus, metrics, log, now } = ports;
    this.tenant = tenant;
    this.epoch = record.epoch;
    this.#ports = ports;
    this.#stopped = stopped;
    this.#floor = record.floor;
    this.#usedAt = now();
    this.#hub = ports.makeHub(tenant, record);
    this.#timers = new Timers(now, (timer) => this.#handle({ type: "timer", timer }));
    this.#saves = new LazySaves(storage, tenant, now, log);
    const published = (offset: Offset): void => this.#saves.published(offset);
    this.relay = new Relay({ tenant, storage, bus, metrics, log, published }, record.published, record.head);
    this.relay.start();
  }

  // ── for gateways ───────────────────────────────────────────────────────────────────────────────────────────────

  attach(session: SessionId, sink: SessionSink): void {
    if (this.#running) this.#sinks.set(session, sink);
    else sink.goAway("internal", this.#ports.retryAfterMs());
  }

  input(input: SessionInput): void {
    this.#handle(input);
  }

  reconcile(principal: Principal, body: ReconcileBody): Promise<ReconcileAnswer> {
    if (!this.#running) return Promise.resolve(failure("internal"));
    const request = this.#nextRequest;
    this.#nextRequest += 1;
    return new Promise((answer) => {
      this.#requests.set(request, answer);
      this.#handle({ type: "reconcile", request, principal, body });
    });
  }

  query(principal: Principal, query: Query): Promise<QueryAnswer> {
    if (!this.#running) return Promise.resolve(failure("internal"));
    const request = this.#nextRequest;
    this.#nextRequest += 1;
    return new Promise((answer) => {
      this.#queries.set(request, answer);
      this.#handle({ type: "query", request, principal, query });
    });
  }

  // ── for the tenants' keeper ────────────────────────────────────────────────────────────────────────────────────

  get running(): boolean {
    return this.#running;
  }

  get head(): Offset {
    return this.#hub.head;
  }

  get floor(): Offset {
    return this.#floor;
  }

  /** Mutations waiting for the disk. */
  get backlog(): number {
    return this.#running ? this.#hub.backlog : 0;
  }

  /** Whether nothing depends on this host any more. */
  unusedSince(now: Millis): Millis {
    const isAsked = this.#requests.size > 0 || this.#queries.size > 0;
    const inUse = this.#sinks.size > 0 || isAsked || this.relay.backlog > 0 || !this.#hub.idle;
    if (inUse) this.#usedAt = now;
    return now - this.#usedAt;
  }

  /** Somebody is about to use it. */
  touch(now: Millis): void {
    this.#usedAt = now;
  }

  trimmed(floor: Offset): void {
    this.#floor = floor;
    this.#handle({ type: "trimmed", floor });
  }

  /** Sends everyone away; accepts nothing more. */
  drain(): void {
    this.#handle({ type: "drain" });
  }

  /** Resolves when what was under way at the storage has ended, well or not. */
  async settled(): Promise<void> {
    let waited: Promise<void>;
    do {
      waited = this.#append;
      await waited;
      // What waited for the disk behind it is under way now.
    } while (waited !== this.#append);
  }

  /** Ends in good order: the append under way, the bus, the lazy saves. */
  async close(): Promise<void> {
    await this.settled();
    this.#running = false;
    this.#timers.clear();
    this.#refuseRequests("shutting-down");
    await this.relay.stop();
    await this.#saves.save();
  }

  // ── the machine ────────────────────────────────────────────────────────────────────────────────────────────────

  #handle(input: HubInput): void {
    if (!this.#running) return;
    this.#inputs.push(input);
    if (this.#handling) return;
    this.#handling = true;
    const { metrics, now } = this.#ports;
    try {
      // The list grows while it is worked off.
      for (const next of this.#inputs) {
        metrics.hubInputs.add(next.type);
        if (bringsWork(next)) this.#workSince ??= performance.now();
        for (const effect of this.#hub.handle(next, now())) this.#run(effect);
        if (!this.#running) break;
      }
    } catch (error) {
      this.#fail("internal", error);
    } finally {
      this.#inputs.length = 0;
      this.#handling = false;
    }
  }

  #run(effect: HubEffect): void {
    const { metrics, log } = this.#ports;
    metrics.hubEffects.add(effect.type);
    switch (effect.type) {
      case "send":
        return this.#send(effect);
      case "close":
        return this.#close(effect.session, effect.code);
      case "when-drained":
        return this.#sinks.get(effect.session)?.whenDrained();
      case "append":
        this.#append = this.#appendCommit(effect);
        return;
      case "read":
        return void this.#read(effect.read, effect.request);
      case "set-timer":
        return this.#timers.set(effect.timer, effect.at);
      case "cancel-timer":
        return this.#timers.cancel(effect.timer);
      case "answer":
        this.#requests.get(effect.request)?.(effect.answer);
        this.#requests.delete(effect.request);
        return;
      case "query-answer":
        this.#queries.get(effect.request)?.(effect.answer);
        this.#queries.delete(effect.request);
        return;
      case "acknowledged":
        return this.#saves.acknowledged(effect.offsets);
      case "log":
        return log[effect.level]({ tenant: this.tenant, ...effect.facts }, effect.message);
      default:
        return unreachable(effect);
    }
  }

  #send({ sessions, message }: Extract<HubEffect, { type: "send" }>): void {
    const { metrics } = this.#ports;
    metrics.messagesOut.add(message.type, sessions.length);
    if (message.type === "refusal") metrics.refusals.add(message.code, sessions.length);
    for (const session of sessions) this.#sinks.get(session)?.send(message);
  }

  #close(session: SessionId, code: ErrorCode): void {
    const sink = this.#sinks.get(session);
    this.#sinks.delete(session);
    sink?.close(code);
  }

  async #appendCommit({ append, commit, events }: Extract<HubEffect, { type: "append" }>): Promise<void> {
    const { storage, metrics, turn } = this.#ports;
    const receivedAt = this.#workSince ?? performance.now();
    this.#workSince = null;
    try {
      await storage.append([commit]);
    } catch (error) {
      const stale = error instanceof StaleHead;
      this.#handle({ type: "append-failed", append, stale });
      return this.#fail("storage-unavailable", error);
    }
    const durableAt = performance.now();
    if (commit.receipts.length > 0) metrics.observe("commit", (durableAt - receivedAt) / 1000);
    this.#handle({ type: "append-done", append });
    if (events.length === 0) return;
    metrics.events.add("committed", events.length);
    turn.afterFlush(() => metrics.observe("fanout", (performance.now() - durableAt) / 1000));
    this.relay.committed(events);
  }

  async #read(read: number, request: ReadRequest): Promise<void> {
    const { storage, snapshots, log } = this.#ports;
    const { tenant } = this;
    try {
      const result = await performRead(storage, tenant, request, (snapshot) =>
        snapshots.get(tenant, snapshot, { head: this.#hub.head, floor: this.#floor }, () =>
          storage.snapshot(tenant, snapshot.collection, snapshot.filter, snapshot.columns, snapshot.defaults),
        ),
      );
      this.#handle({ type: "read-done", read, result });
    } catch (error) {
      log.error({ tenant, kind: request.kind, ...errorFacts(error) }, "a read failed");
      this.#handle({ type: "read-failed", read });
    }
  }

  #refuseRequests(code: ErrorCode): void {
    for (const answer of [...this.#requests.values(), ...this.#queries.values()]) answer(failure(code));
    this.#requests.clear();
    this.#queries.clear();
  }

  #fail(code: ErrorCode, error: unknown): void {
    if (!this.#running) return;
    this.#running = false;
    const { metrics, log } = this.#ports;
    const reason = error instanceof StaleHead ? "stale-head" : code;
    metrics.tenantFailures.add(reason);
    log.error({ tenant: this.tenant, reason, ...errorFacts(error) }, "the tenant was stopped and will be loaded again");
    this.#timers.clear();
    const sinks = [...this.#sinks.values()];
    this.#sinks.clear();
    for (const sink of sinks) sink.goAway(code, this.#ports.retryAfterMs());
    this.#refuseRequests(code);
    void this.relay.stop();
    void this.#saves.save();
    this.#stopped(this);
  }
}

function bringsWork(input: HubInput): boolean {
  return input.type === "reconcile" || (input.type === "message" && input.message.type === "push");
}

function failure(code: ErrorCode): RequestRefusal {
  return { ok: false, code, message: ERRORS[code].message };
}
