/**
 * A device of the simulated world: a replica, its disk, its wall clock, and what the runtime and the application do for
 * it. The application remembers what it wants to see and whether it wants to be online; the process may die at any effect
 * and comes back from its disk, with the writes that were on their way there applied in part: whole ones, in order.
 */
import {
  type DeviceId,
  type Filter,
  type Hello,
  type JsonValue,
  parseDeviceId,
  type Random,
  type RoomName,
  type UserId,
} from "@tidelock/core";
import {
  type Intent,
  Replica,
  type ReplicaEffect,
  type ReplicaInput,
  type ReplicaTimer,
  type StoreBatch,
  type StoredReplica,
} from "@tidelock/client/engine";
import type { WallClock } from "./clock.ts";
import type { Caller, Connection } from "./connection.ts";
import { schema } from "./domain.ts";
import { deepFreeze, EffectTrap, type Environment } from "./environment.ts";
import { between, chance } from "./random.ts";
import type { StoreModel } from "./store-model.ts";
import type { TokenOffice } from "./tokens.ts";
import { demand, Violation } from "./violation.ts";

export interface Wanted {
  readonly collection: string;
  readonly filter: Filter;
}

/** The name of a subscription: its collection and filter. */
export function wantedName({ collection, filter }: Wanted): string {
  return `${collection} ${JSON.stringify(filter)}`;
}

/** Who wants to know what a device does. */
export interface DeviceObserver {
  /** The replica took an input and asked for these effects; nothing of them has been carried out. */
  stepped(device: Device, input: ReplicaInput, effects: readonly ReplicaEffect[]): void;
  /** A message is about to leave the device. */
  speaking(device: Device, message: Extract<ReplicaEffect, { type: "send" }>["message"]): void;
  /** A batch is on the disk. */
  stored(device: Device, batch: StoreBatch): void;
  died(device: Device): void;
  loaded(device: Device, stored: StoredReplica): void;
}

export interface Dialer {
  dial(device: Device, hello: Hello, caller: Caller): Connection;
}

export class Device {
  readonly name: string;
  readonly user: UserId;
  readonly clock: WallClock;
  readonly trap: EffectTrap = new EffectTrap();
  readonly wanted = new Map<string, Wanted>();
  /** The rooms that the application is in, and what it says there. */
  readonly rooms = new Map<RoomName, JsonValue>();
  readonly #environment: Environment;
  readonly #observer: DeviceObserver;
  readonly #dialer: Dialer;
  readonly #tokens: TokenOffice;
  readonly #serverNow: () => number;
  readonly #random: Random;
  readonly #disk: StoreModel;
  readonly #id: DeviceId;
  readonly #timers = new Map<ReplicaTimer, () => void>();
  /** Connections that the replica has been given, newest last. */
  readonly #connections = new Map<number, Connection>();
  /** Batches on their way to the disk, in order. */
  #writing: Array<() => void> = [];
  #replica: Replica | null = null;
  #life = 0;
  #lastWrite = 0;
  #failNextPersists = 0;
  #failNextTokens = 0;
  online = true;
  /** A device that was lost never comes back. */
  lost = false;

  constructor(
    environment: Environment,
    parts: {
      readonly name: string;
      readonly user: UserId;
      readonly clock: WallClock;
      readonly observer: DeviceObserver;
      readonly dialer: Dialer;
      readonly tokens: TokenOffice;
      readonly serverNow: () => number;
    },
  ) {
    this.#environment = environment;
    this.name = parts.name;
    this.user = parts.user;
    this.clock = parts.clock;
    this.#observer = parts.observer;
    this.#dialer = parts.dialer;
    this.#tokens = parts.tokens;
    this.#serverNow = parts.serverNow;
    this.#random = environment.stream(`device ${parts.name}`);
    const disk = environment.disks.store();
    this.#disk = environment.mutant.store?.(disk) ?? disk;
    const id = parseDeviceId(parts.name);
    demand(id !== null, "simulator", () => `${parts.name} is no device id`);
    this.#id = id;
  }

  get replica(): Replica | null {
    return this.#replica;
  }

  get disk(): StoreModel {
    return this.#disk;
  }

  /** The connection that the replica speaks through; `null` when there is none. */
  get connection(): Connection | null {
    return [...this.#connections.values()].at(-1) ?? null;
  }

  get connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  /** The program starts: it reads its disk, and its application asks for what it wants to see. */
  start(): void {
    if (this.#replica !== null || this.lost) return;
    this.#life += 1;
    const random = this.#environment.stream(`replica ${this.name} ${this.#life}`);
    const { mutant } = this.#environment;
    const replica = new Replica({ schema: mutant.replicaSchema?.(schema) ?? schema, random, sdk: "simulator" });
    this.#replica = replica;
    this.#environment.note(this.name, "start");
    const stored = deepFreeze(this.#disk.read());
    this.#observer.loaded(this, stored);
    this.input({ type: "loaded", stored, device: this.#id });
    for (const wanted of this.wanted.values()) this.input({ type: "subscribe", ...wanted });
    if (this.online) this.input({ type: "go-online" });
    for (const [room, state] of this.rooms) this.input({ type: "presence", room, state });
  }

  /** The program dies; after a while it is started again. */
  crash(restartAfter: number): void {
    if (this.#replica === null) return;
    this.#environment.note(this.name, "crash");
    this.#environment.counts.add("device crashes");
    const survivors = between(this.#random, 0, this.#writing.length);
    for (const write of this.#writing.slice(0, survivors)) write();
    this.#writing = [];
    this.#replica = null;
    this.#life += 1;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    for (const connection of this.#connections.values()) connection.abandon();
    this.#connections.clear();
    this.#observer.died(this);
    if (!this.lost) this.#environment.queue.after(restartAfter, () => this.start());
  }

  failNextPersists(count: number): void {
    this.#failNextPersists = count;
  }

  failNextTokens(count: number): void {
    this.#failNextTokens = count;
  }

  /** The application writes. Answers with the write's number. */
  write(intents: readonly Intent[]): number {
    this.#lastWrite += 1;
    this.input({ type: "mutate", write: this.#lastWrite, intents });
    return this.#lastWrite;
  }

  subscribe(wanted: Wanted): void {
    this.wanted.set(wantedName(wanted), wanted);
    this.input({ type: "subscribe", ...wanted });
  }

  unsubscribe(wanted: Wanted): void {
    this.wanted.delete(wantedName(wanted));
    this.input({ type: "unsubscribe", ...wanted });
  }

  enter(room: RoomName, state: JsonValue): void {
    this.rooms.set(room, state);
    this.input({ type: "presence", room, state });
  }

  leave(room: RoomName): void {
    this.rooms.delete(room);
    this.input({ type: "presence-leave", room });
  }

  goOnline(): void {
    this.online = true;
    this.input({ type: "go-online" });
  }

  goOffline(): void {
    this.online = false;
    this.input({ type: "go-offline" });
  }

  input(given: ReplicaInput): void {
    const { mutant } = this.#environment;
    for (const input of mutant.replicaInput?.(given, this.name) ?? [given]) {
      const replica = this.#replica;
      if (replica === null) return;
      this.#environment.note(this.name, `< ${input.type}`, () => input);
      const wanted = this.#handle(replica, deepFreeze(input));
      const effects = mutant.replicaEffects?.(wanted, this.name) ?? wanted;
      this.#observer.stepped(this, input, effects);
      for (const effect of effects) {
        const death = this.trap.pass();
        if (death !== "before") this.#carryOut(effect);
        if (death !== null) {
          this.#environment.counts.add("crashes at an effect");
          this.crash(between(this.#random, 50, 5000));
        }
        if (this.#replica !== replica) return;
      }
    }
  }

  #handle(replica: Replica, input: ReplicaInput): readonly ReplicaEffect[] {
    try {
      return replica.handle(input, this.clock.now);
    } catch (error) {
      if (error instanceof Violation) throw error;
      throw new Violation(
        "replica",
        `${input.type} broke ${this.name}: ${error instanceof Error ? error.stack : String(error)}`,
      );
    }
  }

  #carryOut(effect: ReplicaEffect): void {
    this.#environment.note(this.name, `> ${effect.type}`, () => effect);
    switch (effect.type) {
      case "persist":
        return this.#persist(effect.batch, effect.content);
      case "get-token":
        return this.#getToken();
      case "connect":
        return this.#connect(effect.connection, effect.hello);
      case "disconnect":
        return this.#disconnect(effect.connection);
      case "send":
        this.#observer.speaking(this, effect.message);
        this.#connections.get(effect.connection)?.sendUp(effect.message);
        return;
      case "set-timer":
        return this.#setTimer(effect.timer, effect.at);
      case "cancel-timer":
        this.#timers.get(effect.timer)?.();
        this.#timers.delete(effect.timer);
        return;
      default:
        // What is left informs the application; the observer has seen it.
        return;
    }
  }

  #persist(batch: number, content: StoreBatch): void {
    deepFreeze(content);
    const { odds, mutant } = this.#environment;
    if (this.#failNextPersists > 0) {
      this.#failNextPersists -= 1;
      this.#environment.counts.add("failed persists");
      const code = chance(this.#random, 0.5) ? "store-quota" : "store-unavailable";
      this.#later(odds.store, () => this.input({ type: "persist-failed", batch, code }));
      return;
    }
    const write = (): void => {
      this.#disk.apply(content);
      this.#observer.stored(this, content);
    };
    this.#writing.push(write);
    if (mutant.hasEarlyPersists === true) this.#later([0, 0], () => this.input({ type: "persisted", batch }));
    this.#later(odds.store, () => {
      // Writes reach the disk in order.
      const position = this.#writing.indexOf(write);
      for (const each of this.#writing.splice(0, position + 1)) each();
      if (mutant.hasEarlyPersists === true) return;
      this.#later([0, 5], () => this.input({ type: "persisted", batch }));
    });
  }

  #getToken(): void {
    if (this.#failNextTokens > 0) {
      this.#failNextTokens -= 1;
      this.#later([0, 200], () => this.input({ type: "token-failed", reason: "the issuer does not answer" }));
      return;
    }
    this.#later([0, 50], () => this.input({ type: "token", token: this.#tokens.issue(this.user, this.#serverNow()) }));
  }

  #connect(number: number, hello: Hello): void {
    const life = this.#life;
    const isAlive = (): boolean => life === this.#life;
    const connection = this.#dialer.dial(this, deepFreeze(hello), {
      connected: () => {
        if (isAlive()) this.input({ type: "connected", connection: number });
      },
      message: (message) => {
        if (isAlive()) this.input({ type: "message", connection: number, message: deepFreeze(message) });
      },
      disconnected: (reason) => {
        if (!isAlive()) return;
        // Told on a turn of its own, as sockets do; a new connection may have begun by then.
        this.#later([0, 20], () => {
          this.#connections.delete(number);
          this.input({ type: "disconnected", connection: number, reason });
        });
      },
    });
    this.#connections.set(number, connection);
  }

  /** Not always at once: what the old connection still brings may then arrive after a new one has been asked for. */
  #disconnect(number: number): void {
    const connection = this.#connections.get(number);
    if (connection === undefined) return;
    if (chance(this.#random, 0.7)) connection.closeDown();
    else this.#later([1, 3000], () => connection.closeDown());
  }

  #setTimer(timer: ReplicaTimer, at: number): void {
    this.#timers.get(timer)?.();
    const cancel = this.#environment.queue.after(at - this.clock.now, () => {
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
