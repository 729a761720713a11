/**
 * All checks of a run, and what they share: the reference model, fed by every commit that reaches the disk. Checks of
 * single devices are in `device-checks.ts`; here are those of the server and of everyone together.
 */
import { type DomainEvent, type ResultRow, type SessionId } from "@tidelock/core";
import type { ReplicaEffect, ReplicaInput, StoreBatch, StoredReplica } from "@tidelock/client/engine";
import type { Commit, HubEffect, HubInput, ReconcileAnswer, Receipt } from "@tidelock/server/engine";
import type { Connection } from "./connection.ts";
import type { Device, DeviceObserver } from "./device.ts";
import { DeviceChecks } from "./device-checks.ts";
import { shownOf } from "./comparing.ts";
import { ROLES } from "./domain.ts";
import type { Environment } from "./environment.ts";
import type { Rights } from "./expectation.ts";
import { Laws } from "./laws.ts";
import { Model, text } from "./model.ts";
import type { NodeObserver } from "./node.ts";
import type { PlainClient } from "./plain.ts";
import { EVERYTHING, mayRead } from "./readings.ts";
import type { Authored } from "./sitting.ts";
import { demand } from "./violation.ts";

type Outbound = Extract<HubEffect, { type: "send" }>["message"];

/** Under this name the server itself decides reviews whose time is up. */
const SERVER_DEVICE = "tidelock.server";
/** A review is decided so long after its time is up, at most, while the server can. */
const MAX_OVERDUE_MS = 12_000;

export interface Witnesses {
  readonly connections: Iterable<Connection>;
  readonly plainClients: readonly PlainClient[];
  readonly answered: (request: number, answer: ReconcileAnswer) => void;
}

export class Checks implements DeviceObserver, NodeObserver {
  readonly model: Model = new Model();
  readonly #environment: Environment;
  readonly #witnesses: Witnesses;
  readonly #devices = new Map<string, DeviceChecks>();
  readonly #all: Device[] = [];
  readonly #welcomed = new Set<SessionId>();
  /** Under which rights rows are sent that carry a key. */
  readonly #rights = new Map<string, Rights>();
  readonly #laws = new Laws();
  /** As whom the author of a mutation was taken by this life of the server, by device and counter. */
  readonly #roles = new Map<string, string>();
  /** Each mutation in the log, as its author wrote it. */
  readonly #written = new Map<string, Authored>();
  #time = 0;

  constructor(environment: Environment, witnesses: Witnesses) {
    this.#environment = environment;
    this.#witnesses = witnesses;
  }

  /** Remembers where the log stands. Answers with the way back. */
  save(): () => void {
    const [model, laws] = [this.model.save(), this.#laws.save()];
    return () => {
      model();
      laws();
    };
  }

  /** The log has been replaced by what it was when `back` was made. */
  restored(back: () => void, epoch: string): void {
    back();
    this.model.epoch = epoch;
    for (const client of this.#witnesses.plainClients) client.forgetRequests();
  }

  get head(): number {
    return this.model.head;
  }

  watch(device: Device): void {
    this.#all.push(device);
    const around = {
      environment: this.#environment,
      model: this.model,
      rightsOf: (key: string) => this.#rights.get(key) ?? null,
    };
    this.#devices.set(device.name, new DeviceChecks(around, device));
  }

  #of(device: Device): DeviceChecks {
    const checks = this.#devices.get(device.name);
    demand(checks !== undefined, "simulator", () => `${device.name} is not watched`);
    return checks;
  }

  // ── the server ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** The server's process has begun: what was pushed to an earlier one is pushed again. */
  started(): void {
    this.#roles.clear();
  }

  /** The hub has taken an input: whoever pushes is taken for whom the session speaks then. */
  heard(input: HubInput, effects: readonly HubEffect[]): void {
    if (input.type !== "message" || input.message.type !== "push") return;
    const { session, message } = input;
    const isRefused = effects.some(({ type, ...effect }) => {
      const sent = type === "send" ? (effect as Extract<HubEffect, { type: "send" }>) : null;
      return sent?.message.type === "refusal" && sent.sessions.includes(session) && sent.message.code === "overloaded";
    });
    const connection = this.#connection(session);
    const role = connection?.principal?.claims["role"];
    if (isRefused || connection === null || role === undefined) return;
    for (const [counter] of message.mutations) {
      const key = `${connection.hello.device} ${counter}`;
      if (!this.#roles.has(key)) this.#roles.set(key, String(role));
    }
  }

  appended(commit: Commit, events: readonly DomainEvent[], now: number): void {
    this.#environment.counts.add("appends");
    this.#environment.counts.add("mutations decided", commit.receipts.length);
    for (const { time, offset } of events) {
      const isNow = time >= this.#time && time <= now;
      demand(isNow, "clock", () => `event ${offset} says ${time}; it is ${now}, and was ${this.#time} before`);
      this.#time = time;
    }
    this.model.commit(commit, events, (receipt, own) => {
      const authored = this.#authored(receipt, own);
      if (authored !== null) this.#written.set(`${receipt.device} ${receipt.counter}`, authored);
      return authored;
    });
    let from = 0;
    for (const [index, { remaining }] of events.entries()) {
      if (remaining > 0) continue;
      const shown = (event: DomainEvent): ReturnType<typeof shownOf> =>
        shownOf(this.model.columns(event.collection), event.row);
      this.#laws.check(events.slice(from, index + 1), shown, (event) => this.#authorOf(event));
      from = index + 1;
    }
  }

  #authorOf({ device, counter, seen }: DomainEvent): Authored | null {
    const authored = this.#written.get(`${device} ${counter}`);
    return authored === undefined || device === SERVER_DEVICE ? null : { ...authored, floor: seen };
  }

  #authored(receipt: Receipt, events: readonly DomainEvent[]): Authored | null {
    const { device, counter } = receipt;
    if (device === SERVER_DEVICE) return expiry(receipt, events);
    const ledger = [...this.#devices.values()].find((checks) => checks.ledger.device === device)?.ledger;
    const role = this.#roles.get(`${device} ${counter}`);
    if (ledger !== undefined) return ledger.authored(receipt, role === undefined ? [] : [role]);
    const client = this.#witnesses.plainClients.find(({ name }) => name === device);
    return client?.authored(receipt, this.model.epoch) ?? null;
  }

  trimmed(floor: number): void {
    this.model.trimmed(floor);
  }

  sending(sessions: readonly SessionId[], message: Outbound): void {
    switch (message.type) {
      case "snapshot": {
        const rights = this.#rightsOf(sessions[0]);
        if (rights !== null) this.#rights.set(message.key, rights);
        return;
      }
      case "push-result":
        for (const session of sessions) this.#checkResults(session, message.results);
        return;
      case "welcome":
        this.#environment.counts.add("results in welcome", message.results.length);
        for (const session of sessions) {
          demand(!this.#welcomed.has(session), "wire", () => `${session} is welcomed twice`);
          this.#welcomed.add(session);
          this.#checkResults(session, message.results);
        }
        return;
      case "resync":
        this.#environment.counts.add("resyncs");
        this.#environment.counts.add(`resync ${message.reason}`);
        return;
      case "delta": {
        this.#environment.counts.add("deltas");
        demand(
          message.to <= this.model.head,
          "ack",
          () => `a delta reaches ${message.to}; the disk has ${this.model.head}`,
        );
        const isWhole = this.model.isWhole(message.to) && this.model.isWhole(message.from);
        demand(isWhole, "atomic", () => `a delta from ${message.from} to ${message.to} cuts a transaction`);
        return;
      }
      case "goaway":
        this.#environment.counts.add(`goaway ${message.reason}`);
        return;
      case "refusal":
        this.#environment.counts.add(`refusal ${message.code}`);
        return;
      default:
        return;
    }
  }

  /** What a result says is on the disk. */
  #checkResults(session: SessionId, results: readonly ResultRow[]): void {
    const device = this.#connection(session)?.hello.device ?? "";
    for (const [counter, outcome, offset, detail] of results) {
      const which = `${device}#${counter}`;
      const receipt = this.model.receipt(device, counter);
      demand(receipt !== undefined, "ack", () => `${which} is answered with ${outcome}, and is not on the disk`);
      if (outcome === "duplicate") this.#environment.counts.add("duplicates");
      if (detail?.code === "result-pruned") continue;
      const told = outcome === "duplicate" ? detail?.original : outcome;
      demand(told === receipt.outcome && offset === receipt.offset, "ack", () => {
        return `${which} is answered with ${told} at ${offset}; the disk has ${receipt.outcome} at ${receipt.offset}`;
      });
      this.#checkTold(which, this.#roles.get(`${device} ${counter}`), receipt, detail?.conflicts ?? []);
    }
  }

  /** Nobody learns from a conflict what he may not read: the values of others are told to those who see the entity, or did. */
  #checkTold(which: string, role: string | undefined, receipt: Receipt, conflicts: readonly Conflict[]): void {
    const { device, counter } = receipt;
    const known = ROLES.find((each) => each === role);
    const events = this.model.eventsOf(device, counter);
    if (known === undefined || conflicts.length === 0) return;
    for (const { collection, entity, user, decisions, offset } of events) {
      let before = offset - 1;
      while (!this.model.isWhole(before)) before -= 1;
      const rows = [offset, before].map((at) => this.model.shownAt(collection, entity, at).row);
      if (rows.some((row) => row !== null && mayRead(collection, row, user, known))) continue;
      const hidden = new Set(decisions.map(({ current }) => JSON.stringify(current.value)));
      const leak = conflicts.find(({ current: { value } }) => value !== null && hidden.has(JSON.stringify(value)));
      demand(leak === undefined, "leak", () => {
        return `${which} is told ${JSON.stringify(leak?.current)} of ${collection}/${entity}, which ${user} may not read`;
      });
    }
  }

  #connection(session: SessionId | undefined): Connection | null {
    for (const connection of this.#witnesses.connections) if (connection.session === session) return connection;
    return null;
  }

  #rightsOf(session: SessionId | undefined): Rights | null {
    const principal = this.#connection(session)?.principal ?? null;
    const role = ROLES.find((known) => known === principal?.claims["role"]);
    return principal === null || role === undefined ? null : { user: principal.user, role };
  }

  answered(request: number, answer: ReconcileAnswer): void {
    this.#environment.counts.add("reconciles");
    if (answer.ok) this.#environment.counts.add("reconcile conflicts", answer.body.conflicts.length);
    else this.#environment.counts.add(`reconcile ${answer.code}`);
    this.#witnesses.answered(request, answer);
  }

  // ── devices ──────────────────────────────────────────────────────────────────────────────────────────────────────

  stepped(device: Device, input: ReplicaInput, effects: readonly ReplicaEffect[]): void {
    this.#of(device).stepped(input, effects);
  }

  speaking(device: Device, message: Extract<ReplicaEffect, { type: "send" }>["message"]): void {
    this.#of(device).sending(message);
  }

  stored(device: Device, batch: StoreBatch): void {
    this.#of(device).stored(batch);
  }

  died(device: Device): void {
    this.#of(device).died();
  }

  loaded(device: Device, stored: StoredReplica): void {
    this.#of(device).loaded(stored);
  }

  // ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What still keeps the world from rest; `null` when nothing does. */
  unsettled(): string | null {
    for (const device of this.#all) {
      if (device.lost) continue;
      const problem =
        this.#of(device).unsettled(this.#rightsOf(device.connection?.session)) ?? this.#presenceProblem(device);
      if (problem !== null) return problem;
    }
    for (const client of this.#witnesses.plainClients) {
      const problem = this.#plainProblem(client);
      if (problem !== null) return problem;
    }
    return null;
  }

  /** How many transactions that the server cannot read the device with the most of them has still to find. */
  unreadable(): number {
    const living = this.#all.filter(({ lost }) => !lost);
    return Math.max(0, ...living.map((device) => this.#of(device).ledger.unreadable));
  }

  /** A review whose time was up long ago; `null` when there is none. */
  overdue(now: number): string | null {
    for (const [id, by] of this.#laws.overdue(now)) {
      if (by > MAX_OVERDUE_MS) return `the review ${id} should have been decided ${by} ms ago`;
    }
    return null;
  }

  #presenceProblem(device: Device): string | null {
    for (const room of device.rooms.keys()) {
      const there = this.#all.filter((other) => !other.lost && other.rooms.has(room));
      const expected = there.map((other) => `${other.name} ${JSON.stringify(other.rooms.get(room))}`).sort();
      const members = device.replica?.presence(room) ?? [];
      const shown = members.map((member) => `${this.#nameOf(member.device)} ${JSON.stringify(member.state)}`).sort();
      if (shown.join() !== expected.join())
        return `${device.name} sees in ${room}: ${shown.join()} instead of ${expected.join()}`;
    }
    return null;
  }

  /** The device that now speaks under an id. */
  #nameOf(id: string): string {
    return this.#all.find((device) => this.#of(device).ledger.device === id)?.name ?? id;
  }

  #plainProblem(client: PlainClient): string | null {
    if (!client.isSettled)
      return `${client.name} has ${client.waiting.length} mutations without an answer, or has not read everything`;
    const rights = client.rights;
    const expected = new Map<string, string>();
    for (const collection of EVERYTHING) {
      for (const [id, { row }] of this.model.view({ collection, filter: {}, ...rights }, this.model.head)) {
        expected.set(`${collection}/${id}`, text(row));
      }
    }
    for (const [key, row] of expected) {
      const held = client.rows.get(key);
      if (held === undefined || text(held.fields) !== row)
        return `${client.name} has ${key} as ${text(held?.fields ?? null)} instead of ${row}`;
    }
    for (const key of client.rows.keys())
      if (!expected.has(key)) return `${client.name} has ${key}, which it should not`;
    return null;
  }

  /** Everything is at rest: nobody's work is lost, and everybody's disk says the same. */
  finish(): void {
    for (const device of this.#all) {
      if (device.lost) continue;
      const checks = this.#of(device);
      for (const entry of checks.ledger.entries.values()) {
        if (entry.counter <= 0) continue;
        const receipt = this.model.receipt(checks.ledger.device, entry.counter);
        const which = `${checks.ledger.device}#${entry.counter}`;
        demand(receipt !== undefined, "saved", () => `${which} was never decided`);
        const isTold =
          entry.pruned ||
          (entry.state !== "queued" && (entry.state === "decided") === (receipt.outcome !== "rejected"));
        demand(isTold, "ack", () => `${which} is ${receipt.outcome}, and its device calls it ${entry.state}`);
      }
      checks.checkDisk(device.disk.read());
    }
    for (const client of this.#witnesses.plainClients) {
      for (const mutation of client.mutations.values()) {
        demand(mutation.outcome !== "waiting", "plain", () => `${mutation.name} was never answered`);
      }
    }
    this.#noteCounts();
  }

  #noteCounts(): void {
    const { counts } = this.#environment;
    for (const [name, count] of Object.entries(this.model.counts)) counts.add(`log ${name}`, count);
  }
}

type Conflict = DomainEvent["decisions"][number];

/** What the server itself wrote: which review it decided shows in what it made of it. */
function expiry({ device, counter }: Receipt, events: readonly DomainEvent[]): Authored {
  const review = events.at(-1)?.entity ?? "";
  return {
    ...{ device, counter, user: "tidelock", roles: [], operation: "decide", collection: "tidelock.reviews" },
    ...{ entity: review, fields: {}, floor: events[0]?.seen ?? 0, dots: new Map(), stamp: null, occurredAt: null },
    ...{ remaining: 0, temporary: null, formerly: [], isExpiry: true },
  };
}
