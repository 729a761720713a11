/**
 * The server process of the simulated world: a hub, its disk, and what the runtime does for it. Every effect is carried
 * out with a delay of the seed's own; the process may die at any of them. What was not on the disk then is gone, and so is
 * every session; an append under way may or may not have been written, and its answer never comes.
 */
import { decodeEvent, type DomainEvent, type Epoch, type Random, type SessionId } from "@tidelock/core";
import {
  type Commit,
  Hub,
  type HubEffect,
  type HubInput,
  type HubTimer,
  type ReconcileAnswer,
} from "@tidelock/server/engine";
import { WallClock } from "./clock.ts";
import { rules, schema } from "./domain.ts";
import { deepFreeze, EffectTrap, type Environment, TENANT } from "./environment.ts";
import { between, chance } from "./random.ts";
import { carryOut, type StorageModel } from "./storage-model.ts";
import { demand, Violation } from "./violation.ts";

/** A socket, as the server's runtime has it. */
export interface Socket {
  readonly session: SessionId;
  send(message: SendEffect["message"]): void;
  /** Close after what was sent before. */
  close(): void;
  /** Report `session-drained` as soon as little waits. */
  whenDrained(): void;
  /** The process at this end has died. */
  drop(): void;
}

type SendEffect = Extract<HubEffect, { type: "send" }>;

/** Who wants to know what the server does. */
export interface NodeObserver {
  /** The process has begun. */
  started(): void;
  /** The hub has taken an input. */
  heard(input: HubInput, effects: readonly HubEffect[]): void;
  /** A commit is on the disk. `now`: the server's clock. */
  appended(commit: Commit, events: readonly DomainEvent[], now: number): void;
  /** About to be sent. */
  sending(sessions: readonly SessionId[], message: SendEffect["message"]): void;
  answered(request: number, answer: ReconcileAnswer): void;
}

export class ServerNode {
  readonly #environment: Environment;
  readonly #observer: NodeObserver;
  readonly #random: Random;
  readonly #clock: WallClock;
  #disk: StorageModel;
  readonly trap: EffectTrap = new EffectTrap();
  readonly #sockets = new Map<SessionId, Socket>();
  readonly #timers = new Map<HubTimer, () => void>();
  #hub: Hub | null = null;
  /** Grows with each start, so that what an earlier life set in motion finds nobody. */
  #life = 0;
  /** The write of the append under way, until it is on the disk. */
  #writing: (() => void) | null = null;
  /** Writes that were answered too early; only a planted bug has any. */
  #overdue: Array<() => void> = [];
  #failNextAppend = false;
  #failNextReads = 0;

  constructor(environment: Environment, observer: NodeObserver) {
    this.#environment = environment;
    this.#observer = observer;
    this.#random = environment.stream("node");
    this.#clock = new WallClock(environment.queue, 0);
    const disk = environment.disks.storage();
    this.#disk = environment.mutant.storage?.(disk) ?? disk;
    this.start();
  }

  get isUp(): boolean {
    return this.#hub !== null;
  }

  get now(): number {
    return this.#clock.now;
  }

  get hub(): Hub | null {
    return this.#hub;
  }

  start(): void {
    if (this.#hub !== null) return;
    this.#life += 1;
    const { odds, mutant } = this.#environment;
    const options = {
      tenant: TENANT,
      record: this.#disk.openTenant(TENANT),
      schema,
      rules,
      limits: odds.limits,
      bounds: odds.bounds,
      random: this.#environment.stream(`hub ${this.#life}`),
    };
    this.#hub = new Hub(mutant.hubOptions?.(options) ?? options);
    this.#observer.started();
    this.#environment.note("server", "start");
  }

  /** The process dies; `restartAfter` milliseconds later there is a new one. */
  crash(restartAfter: number): void {
    if (this.#hub === null) return;
    this.#environment.note("server", "crash");
    this.#environment.counts.add("server crashes");
    if (this.#writing !== null && chance(this.#random, 0.5)) this.#writing();
    this.#stop();
    this.#environment.queue.after(restartAfter, () => this.start());
  }

  get epoch(): Epoch {
    return this.#disk.openTenant(TENANT).epoch;
  }

  /** What the disk has now. */
  backUp(): StorageModel {
    return this.#disk.clone();
  }

  /** The process is stopped, and starts again from another disk. */
  startFrom(disk: StorageModel, restartAfter: number): void {
    this.crash(restartAfter);
    this.#disk = disk;
  }

  /** Says goodbye to everyone, then stops. */
  drain(restartAfter: number): void {
    if (this.#hub === null) return;
    const life = this.#life;
    this.#environment.counts.add("server drains");
    this.input({ type: "drain" });
    this.#environment.queue.after(between(this.#random, 0, 500), () => {
      if (life !== this.#life || this.#hub === null) return;
      this.#stop();
      this.#environment.queue.after(restartAfter, () => this.start());
    });
  }

  #stop(): void {
    this.#life += 1;
    this.#hub = null;
    this.#writing = null;
    this.#overdue = [];
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    for (const socket of sockets) socket.drop();
  }

  failNextAppend(fails: boolean): void {
    this.#failNextAppend = fails;
  }

  failNextReads(count: number): void {
    this.#failNextReads = count;
  }

  /** Forgets the log up to an offset, as the runtime does when nobody needs it any more, or when it has got too long. */
  trim(through: number): number {
    this.#disk.trim(TENANT, through);
    const { floor } = this.#disk.openTenant(TENANT);
    if (this.#hub !== null) this.input({ type: "trimmed", floor });
    return floor;
  }

  attach(socket: Socket): void {
    this.#sockets.set(socket.session, socket);
  }

  detach(session: SessionId): void {
    this.#sockets.delete(session);
  }

  knows(session: SessionId): boolean {
    return this.#sockets.has(session);
  }

  input(given: HubInput): void {
    const { mutant } = this.#environment;
    for (const input of mutant.hubInput?.(given) ?? [given]) {
      if (this.#hub === null) return;
      this.#environment.note("server", `< ${input.type}`, () => input);
      const effects = this.#handle(this.#hub, input);
      if (input === given || input.type === given.type) this.#observer.heard(given, effects);
      for (const effect of mutant.hubEffects?.(effects) ?? effects) {
        const death = this.trap.pass();
        if (death !== "before") this.#carryOut(effect);
        if (death !== null) {
          this.#environment.counts.add("crashes at an effect");
          this.crash(between(this.#random, 50, 4000));
        }
        // The process may have died, or have been replaced.
        if (this.#hub === null) return;
      }
    }
  }

  #handle(hub: Hub, input: HubInput): readonly HubEffect[] {
    try {
      return hub.handle(input, this.#clock.now);
    } catch (error) {
      if (error instanceof Violation) throw error;
      throw new Violation(
        "hub",
        `${input.type} broke the hub: ${error instanceof Error ? error.stack : String(error)}`,
      );
    }
  }

  #carryOut(effect: HubEffect): void {
    this.#environment.note("server", `> ${effect.type}`, () => effect);
    switch (effect.type) {
      case "send":
        this.#observer.sending(effect.sessions, effect.message);
        for (const session of effect.sessions) this.#sockets.get(session)?.send(effect.message);
        return;
      case "close":
        this.#sockets.get(effect.session)?.close();
        return;
      case "when-drained":
        this.#sockets.get(effect.session)?.whenDrained();
        return;
      case "append":
        return this.#append(effect);
      case "read":
        return this.#read(effect);
      case "set-timer":
        return this.#setTimer(effect.timer, effect.at);
      case "cancel-timer":
        this.#timers.get(effect.timer)?.();
        this.#timers.delete(effect.timer);
        return;
      case "answer":
        this.#observer.answered(effect.request, effect.answer);
        return;
      case "acknowledged":
        this.#disk.saveAcknowledged(TENANT, effect.offsets, this.#clock.now);
        return;
      case "log":
        return;
    }
  }

  #append({ append, commit, events }: Extract<HubEffect, { type: "append" }>): void {
    demand(this.#writing === null, "hub", () => `append ${append} began while another was under way`);
    const { queue, odds, mutant } = this.#environment;
    deepFreeze(commit);
    deepFreeze(events);
    if (this.#failNextAppend) {
      this.#failNextAppend = false;
      this.#environment.counts.add("failed appends");
      this.#later(odds.storage, () => {
        this.input({ type: "append-failed", append, stale: false });
        // A hub whose plans are void is of no use: its runtime makes another.
        this.#environment.note("server", "replaced");
        this.#stop();
        this.start();
      });
      return;
    }
    if (mutant.hasEarlyAppends === true) {
      this.#overdue.push(() => this.#write(commit, events));
      this.#later([0, 0], () => this.input({ type: "append-done", append }));
      this.#later([50, 500], () => this.#overdue.shift()?.());
      return;
    }
    this.#writing = () => {
      this.#writing = null;
      this.#write(commit, events);
    };
    const [low, high] = odds.storage;
    const total = between(this.#random, low, high);
    const written = between(this.#random, 0, total);
    const life = this.#life;
    queue.after(written, () => {
      if (life === this.#life) this.#writing?.();
    });
    queue.after(total + 1, () => {
      if (life === this.#life) this.input({ type: "append-done", append });
    });
  }

  #write(commit: Commit, events: readonly DomainEvent[]): void {
    demand(commit.tenant === TENANT, "isolation", () => `a commit is for the tenant ${commit.tenant}`);
    const stored = commit.events.map(({ offset, body }) => decodeEvent(offset, body));
    const isSame = JSON.stringify(stored) === JSON.stringify(events);
    demand(isSame, "log", () => `the events of commit ${commit.head} differ from what it stores`);
    this.#disk.append([commit]);
    this.#observer.appended(commit, stored, this.#clock.now);
  }

  #read({ read, request }: Extract<HubEffect, { type: "read" }>): void {
    const { queue, odds } = this.#environment;
    const life = this.#life;
    const [low, high] = odds.storage;
    const total = between(this.#random, low, high);
    const fails = this.#failNextReads > 0;
    if (fails) {
      this.#failNextReads -= 1;
      this.#environment.counts.add("failed reads");
      this.#later([total, total], () => this.input({ type: "read-failed", read }));
      return;
    }
    queue.after(between(this.#random, 0, total), () => {
      if (life !== this.#life) return;
      const result = deepFreeze(carryOut(this.#disk, TENANT, request));
      const answer = between(this.#random, 0, total);
      queue.after(answer, () => {
        if (life === this.#life) this.input({ type: "read-done", read, result });
      });
    });
  }

  #setTimer(timer: HubTimer, at: number): void {
    this.#timers.get(timer)?.();
    const cancel = this.#environment.queue.after(at - this.#clock.now, () => {
      this.#timers.delete(timer);
      this.input({ type: "timer", timer });
    });
    this.#timers.set(timer, cancel);
  }

  #later([low, high]: readonly [number, number], run: () => void): void {
    const life = this.#life;
    this.#environment.queue.after(between(this.#random, low, high), () => {
      if (life === this.#life) run();
    });
  }
}
