/**
 * The simulated world: one process, one seed. Devices, plain clients, one server, the network between them and their disks,
 * all driven by one queue of events in virtual time. The plan says what is done and what goes wrong; the checks watch.
 *
 * After the plan is through, all faults end, everybody comes back, and within `SETTLE_MS` of virtual time everything must
 * be decided and everybody must show the same (promises G07 and G09).
 */
import {
  type Hello,
  type Millis,
  parseEpoch,
  parseSessionId,
  parseUserId,
  type Random,
  type UserId,
} from "@tidelock/core";
import type { Intent } from "@tidelock/client/engine";
import { Checks } from "./checks.ts";
import { EventQueue, WallClock } from "./clock.ts";
import { Coda } from "./coda.ts";
import { Connection, type Caller } from "./connection.ts";
import { Device, type Dialer } from "./device.ts";
import type { Role } from "./domain.ts";
import { Counts, type Disks, type Environment } from "./environment.ts";
import { Faults } from "./faults.ts";
import type { Mutant } from "./mutant.ts";
import { ServerNode } from "./node.ts";
import { type Odds, type Operation, YEAR } from "./odds.ts";
import { PlainClient } from "./plain.ts";
import { PlainWork } from "./plain-work.ts";
import type { PlanItem } from "./plan.ts";
import { between, chance, pick, stream } from "./random.ts";
import { Reviewers } from "./reviewers.ts";
import { restored } from "./storage-model.ts";
import { TokenOffice } from "./tokens.ts";
import { Trace } from "./trace.ts";
import { demand, Violation } from "./violation.ts";
import { Workload } from "./workload.ts";

/** After the last fault everything must have come to rest within this time, and a few trips over the network. */
export const SETTLE_MS: Millis = 30_000;
const SETTLE_TRIPS = 8;
/** A mutation that the server cannot read is looked for with as many connections as halving the outbox takes. */
const SEARCH_TURNS = 8;
const SEARCH_TRIPS = 6;
const SEARCH_PAUSE_MS: Millis = 1_000;

export interface WorldOptions {
  readonly seed: number;
  readonly odds: Odds;
  readonly plan: readonly PlanItem[];
  readonly disks: Disks;
  readonly mutant: Mutant;
  /** Entries of the timeline that stay readable. */
  readonly keep: number;
}

export class World implements Dialer {
  readonly environment: Environment;
  readonly node: ServerNode;
  readonly checks: Checks;
  readonly tokens: TokenOffice;
  readonly devices: Device[] = [];
  readonly plainClients: PlainClient[] = [];
  readonly connections = new Set<Connection>();
  readonly #options: WorldOptions;
  readonly #users: readonly UserId[];
  readonly #workload: Workload;
  readonly #reviewers: Reviewers;
  readonly #plainWork: PlainWork;
  readonly #faults: Faults;
  readonly #requests = new Map<number, PlainClient>();
  /** Devices without a way to the server, and until when. */
  readonly #cut = new Map<string, Millis>();
  #calm = false;
  #hasBackup = false;
  #lastSession = 0;
  #lastRequest = 0;
  #lastDevice = 0;
  settledAfter: Millis | null = null;

  constructor(options: WorldOptions) {
    this.#options = options;
    const { seed, odds } = options;
    const queue = new EventQueue(stream(seed, "ties"));
    const trace = new Trace(options.keep);
    this.environment = {
      seed,
      odds,
      queue,
      trace,
      counts: new Counts(),
      mutant: options.mutant,
      disks: options.disks,
      faulty: () => !this.#calm,
      stream: (label) => stream(seed, label),
      note: (who, what, detail) =>
        trace.note(queue.now, who, detail === undefined ? what : `${what} ${textOf(detail())}`),
    };
    this.#workload = new Workload(odds.scope);
    this.#reviewers = new Reviewers(this.#workload.values);
    this.#plainWork = new PlainWork(this.#workload, this.#reviewers, () => queue.now);
    this.#users = Array.from({ length: odds.users }, (_, index) => userId(`user${index + 1}`));
    this.tokens = new TokenOffice(odds.tokenMs);
    for (const [index, user] of this.#users.entries()) if (odds.hasRoles) this.tokens.begin(user, roleAt(index));
    this.checks = new Checks(this.environment, {
      connections: this.connections,
      answered: (request, answer) => this.#requests.get(request)?.answered(request, answer),
      plainClients: this.plainClients,
    });
    this.node = new ServerNode(this.environment, this.checks);
    for (let index = 0; index < odds.devices; index++) this.addDevice();
    for (let index = 0; index < odds.plainClients; index++) this.#addPlainClient(index);
    this.#faults = new Faults(this);
  }

  // ── the cast ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A new device; it starts within the first moments. */
  addDevice(): Device {
    this.#lastDevice += 1;
    const name = `d${this.#lastDevice}`;
    const random = this.environment.stream(`birth ${name}`);
    const { queue } = this.environment;
    const device = new Device(this.environment, {
      name,
      user: pick(random, this.#users),
      clock: new WallClock(queue, this.#skew(random)),
      observer: this.checks,
      dialer: this,
      tokens: this.tokens,
      serverNow: () => this.node.now,
    });
    this.devices.push(device);
    this.checks.watch(device);
    const count = between(random, 1, 3) + (this.#options.odds.scope.includes("cases") ? 2 : 0);
    for (let index = 0; index < count; index++) {
      const wanted = this.#workload.wanted(random);
      device.wanted.set(`${wanted.collection} ${JSON.stringify(wanted.filter)}`, wanted);
    }
    queue.after(between(random, 0, 2000), () => device.start());
    return device;
  }

  /** How far the clock of a new device is off. */
  #skew(random: Random): Millis {
    const { skewMs, hasHostileClocks } = this.environment.odds;
    const skew = skewMs === 0 ? 0 : between(random, -skewMs, skewMs);
    const usual = chance(random, 0.3) ? 0 : skew;
    return hasHostileClocks ? pick(random, [-30, -1, 1, 50, 100]) * YEAR + usual : usual;
  }

  #addPlainClient(index: number): void {
    const name = `p${index + 1}`;
    const random = this.environment.stream(`birth ${name}`);
    const client = new PlainClient(this.environment, {
      name,
      user: pick(random, this.#users),
      node: this.node,
      tokens: this.tokens,
      nextRequest: (from) => {
        this.#lastRequest += 1;
        this.#requests.set(this.#lastRequest, from);
        return this.#lastRequest;
      },
    });
    this.plainClients.push(client);
  }

  dial(device: Device, hello: Hello, caller: Caller): Connection {
    const connection = this.#newConnection(device.name, hello, caller);
    connection.dial(!this.isCut(device));
    this.environment.counts.add("connections");
    return connection;
  }

  #newConnection(device: string, hello: Hello, caller: Caller | null): Connection {
    this.#lastSession += 1;
    const session = parseSessionId(`s${this.#lastSession}`);
    demand(session !== null, "simulator", () => "a session's name is a name");
    const wire = pick(this.environment.stream(`wire ${session}`), this.environment.odds.wire);
    const connection = new Connection(this.environment, this.node, this.tokens, {
      session,
      device,
      hello,
      caller,
      wire,
    });
    this.connections.add(connection);
    return connection;
  }

  /** The same attempt reaches the server once more, with nobody at its other end. */
  haunt(connection: Connection): void {
    const ghost = this.#newConnection(connection.device, connection.hello, null);
    ghost.haunt();
    this.environment.counts.add("ghosts");
  }

  isCut(device: Device): boolean {
    return (this.#cut.get(device.name) ?? 0) > this.environment.queue.now;
  }

  cut(device: Device, until: Millis): void {
    this.#cut.set(device.name, until);
  }

  living(): readonly Device[] {
    return this.devices.filter((device) => !device.lost);
  }

  setRole(random: Random): void {
    const user = pick(random, this.#users);
    this.tokens.changeRole(user, random);
    for (const connection of this.connections) {
      if (!connection.isOpen || connection.principal?.user !== user) continue;
      const principal = this.tokens.principal(user, this.node.now);
      if (chance(random, 0.8)) connection.authenticate(principal);
    }
  }

  /** A backup is made, and some time later the server is restored from it. Once a run at most: one log is gone for good. */
  restore(random: Random): void {
    const { queue, mutant, counts } = this.environment;
    if (this.#hasBackup || mutant.storage !== undefined) return;
    this.#hasBackup = true;
    const backup = this.node.backUp();
    const back = this.checks.save();
    queue.after(between(random, 500, 20_000), () => {
      const epoch = parseEpoch("epoch-restored");
      if (this.#calm || epoch === null) return;
      counts.add("restores");
      this.node.startFrom(restored(backup, epoch), between(random, 50, 4000));
      this.checks.restored(back, epoch);
    });
  }

  // ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Lives the plan through, then lets everything come to rest. Throws a `Violation` when a promise is broken. */
  run(): void {
    const { queue, odds } = this.environment;
    for (const item of this.#options.plan) queue.at(item.at, () => this.#carryOut(item));
    while (queue.step(odds.durationMs));
    this.#heal();
    const searching = this.checks.unreadable() * SEARCH_TURNS * (SEARCH_PAUSE_MS + SEARCH_TRIPS * odds.network[1]);
    this.settledAfter = this.#settle(searching);
    if (odds.hasHostileClocks) this.#playCoda();
    this.checks.finish();
  }

  /** Everything comes to rest. Answers how long that took; later than `SETTLE_MS` and what is added to that is too late. */
  #settle(moreMs: Millis): Millis {
    const { queue, odds } = this.environment;
    const from = queue.now;
    const deadline = from + SETTLE_MS + SETTLE_TRIPS * odds.network[1] + moreMs;
    for (let next = from; ;) {
      next = Math.min(deadline, next + 500);
      while (queue.step(next));
      const problem = this.checks.unsettled() ?? this.checks.overdue(this.node.now);
      if (problem === null) return queue.now - from;
      for (const client of this.plainClients) client.poll();
      if (queue.now >= deadline)
        throw new Violation("liveness", `${(queue.now - from) / 1000} s after the last fault: ${problem}`);
    }
  }

  #playCoda(): void {
    const coda = new Coda(this.environment, this.#workload.values, this.checks.model);
    for (const device of coda.writers(this.living())) {
      const check = coda.write(device);
      this.#settle(0);
      check();
    }
  }

  /** All faults end; everybody comes back. */
  #heal(): void {
    this.#calm = true;
    this.environment.note("world", "heal");
    this.#cut.clear();
    this.#faults.end();
    this.node.start();
    for (const device of this.living()) {
      device.trap.arm(0, false);
      device.failNextPersists(0);
      device.failNextTokens(0);
      device.start();
      device.goOnline();
      if (this.environment.odds.hints) device.input({ type: "network-hint" });
    }
  }

  #carryOut({ what, salt }: PlanItem): void {
    const random = this.environment.stream(`item ${salt}`);
    if ("fault" in what) {
      this.environment.note("world", what.fault);
      this.environment.counts.add(`fault ${what.fault}`);
      this.#faults.carryOut(what.fault, random);
      return;
    }
    if (what.operation === "reconcile") {
      const [first] = this.plainClients;
      if (first === undefined) return;
      const client = pick(random, this.plainClients);
      this.#plainWork.add(random, client);
      client.request();
      return;
    }
    const devices = this.living().filter(({ replica }) => replica !== null);
    const [first] = devices;
    if (first === undefined) return;
    this.#operate(what.operation, pick(random, devices), random);
  }

  #operate(operation: Exclude<Operation, "reconcile">, device: Device, random: Random): void {
    const workload = this.#workload;
    this.environment.counts.add(operation);
    switch (operation) {
      case "create":
        return void device.write(workload.create(random, device));
      case "createTemporary":
        for (const intents of workload.createTemporary(random, device)) device.write(intents);
        return;
      case "update":
        return void device.write(workload.update(random, device));
      case "updateHot":
        return void device.write(workload.updateHot(random, device));
      case "delete":
        return void device.write(workload.remove(random, device));
      case "transaction":
        return void device.write(workload.transaction(random, device));
      case "poison":
        return void device.write(workload.poison(random, device));
      case "unreadable":
        return void device.write(workload.unreadable(random, device));
      case "clash":
        return this.#clash(random, device);
      case "call":
        return this.#call(random, device);
      case "decide":
        return this.#decide(this.#reviewers.decide(random, device), device);
      case "decideTogether":
        return this.#decideTogether(random, device);
      case "annotate":
        return this.#decide(this.#reviewers.annotate(random, device, this.environment.queue.now), device);
      case "subscribe":
        return device.subscribe(workload.wanted(random));
      case "unsubscribe": {
        const wanted = [...device.wanted.values()];
        if (wanted.length > 0) device.unsubscribe(pick(random, wanted));
        return;
      }
      case "presence":
        return device.enter(workload.room(random), workload.presenceState(random));
      case "presenceLeave":
        return device.leave(workload.room(random));
      case "discard": {
        const rejected = device.replica?.rejected ?? [];
        if (rejected.length > 0) device.input({ type: "discard", counter: pick(random, rejected).counter });
        return;
      }
    }
  }

  /** Everybody who sees an entity writes it at the same moment. */
  #clash(random: Random, device: Device): void {
    const entity = this.#workload.contested(random, device);
    if (entity === null) return;
    const others = this.living().filter((other) => (other.replica?.get(...entity) ?? null) !== null);
    for (const other of others.slice(0, 4)) other.write(this.#workload.clash(random, other, entity));
  }

  #call(random: Random, device: Device): void {
    device.write([this.#workload.call(random, device)]);
    const next = this.#workload.afterCall(random, device);
    if (next !== null) device.write(next);
  }

  #decide(intent: Intent | null, device: Device): void {
    if (intent !== null) device.write([intent]);
  }

  /** Two reviewers, or more, at the same moment. */
  #decideTogether(random: Random, device: Device): void {
    const intent = this.#reviewers.decide(random, device);
    this.#decide(intent, device);
    if (intent === null) return;
    for (const other of this.living()) {
      if (other === device || !this.#reviewers.sees(other, intent.entity)) continue;
      this.environment.counts.add("decided together");
      this.#decide(this.#reviewers.decideThis(random, other, intent.entity), other);
    }
  }
}

/** Every role is somebody's, and most people are members. */
function roleAt(index: number): Role {
  return (["member", "guest", "admin", "member"] as const)[index % 4] ?? "member";
}

function userId(text: string): UserId {
  const user = parseUserId(text);
  demand(user !== null, "simulator", () => `${text} is no user`);
  return user;
}

/** What a timeline shows of a value: JSON, maps and sets included. */
function textOf(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) =>
      part instanceof Map ? [...part] : part instanceof Set ? [...part] : part,
    ) ?? ""
  );
}
