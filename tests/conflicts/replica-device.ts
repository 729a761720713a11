/**
 * A device with a real replica, on a link that delays, batches, repeats and breaks. Its disk is in memory and survives when
 * its program is started again.
 */
import {
  type ClientMessage,
  type JsonObject,
  type Millis,
  type Random,
  type Review,
  seededRandom,
  type ServerMessage,
} from "@tidelock/core";
import { Replica, type ReplicaEffect, type ReplicaInput, type ReplicaTimer } from "@tidelock/client/engine";
import { MemoryStoreState } from "@tidelock/client/memory";
import { device as deviceId, entity } from "../engine/names.ts";
import { chance, type SeenItem, type View, type Writer } from "./histories.ts";
import { schema } from "./schema.ts";
import type { Person, Server } from "./server.ts";

const ALL = ["things", "plans", "deals", "cards", "tidelock.reviews"];

interface Link {
  readonly connection: number;
  readonly session: string;
  readonly up: ClientMessage[];
  readonly down: ServerMessage[];
}

export class ReplicaDevice {
  readonly person: Person;
  readonly disk = new MemoryStoreState();
  replica: Replica;
  /** Messages that came twice, and times that the program was started again. */
  repeated = 0;
  restarts = 0;
  readonly #server: Server;
  readonly #random: Random;
  readonly #writer: Writer;
  readonly #skewMs: Millis;
  readonly #inputs: ReplicaInput[] = [];
  readonly #timers = new Map<ReplicaTimer, Millis>();
  #isBusy = false;
  #link: Link | null = null;
  #links = 0;
  #lives = 0;
  #writes = 0;

  constructor(parts: { person: Person; server: Server; random: Random; writer: Writer; skewMs: Millis }) {
    this.person = parts.person;
    this.#server = parts.server;
    this.#random = parts.random;
    this.#writer = parts.writer;
    this.#skewMs = parts.skewMs;
    this.replica = this.start();
    for (const collection of ALL) this.#input({ type: "subscribe", collection, filter: {} });
  }

  /** The program starts, with what its disk holds. */
  start(): Replica {
    this.#lives += 1;
    this.#timers.clear();
    this.#closed();
    this.replica = new Replica({ schema, random: seededRandom(this.#lives), sdk: "test" });
    this.#input({ type: "loaded", stored: this.disk.read(), device: deviceId(this.person.device) });
    return this.replica;
  }

  /** The program is ended and started again. */
  restart(): void {
    this.restarts += 1;
    this.start();
    for (const collection of ALL) this.#input({ type: "subscribe", collection, filter: {} });
    this.#input({ type: "go-online" });
  }

  write(): void {
    const wishes = this.#writer.next(this.#view());
    if (wishes.length === 0 || (wishes.length > 1 && wishes.some(({ operation }) => operation === "call"))) return;
    this.#writes += 1;
    const intents = wishes.map((wish) => ({ ...wish, entity: entity(wish.entity) }));
    this.#input({ type: "mutate", write: this.#writes, intents });
  }

  #view(): View {
    const { replica } = this;
    return {
      ids: (collection) => [...replica.ids(collection)],
      items: (collection, id, field) => {
        const items = replica.get(collection, entity(id))?.[field];
        return Array.isArray(items) ? (items as readonly SeenItem[]) : [];
      },
      reviews: () =>
        [...replica.ids("tidelock.reviews")].flatMap((id) => {
          const review = replica.get("tidelock.reviews", id) as unknown as Review;
          if (review.status === "closed") return [];
          const { collection, field, candidates } = review;
          return [{ id, collection, field, candidates: candidates.map((each) => each.id) }];
        }),
    };
  }

  // ── the link ─────────────────────────────────────────────────────────────────────────────────────────────────────

  get isOnline(): boolean {
    return this.#link !== null;
  }

  connect(): void {
    this.#input({ type: "go-online" });
    this.tick(true);
  }

  /** The connection is gone, with what was on its way. */
  cut(): void {
    const link = this.#link;
    if (link === null) return;
    this.#closed();
    this.#input({ type: "disconnected", connection: link.connection, reason: "lost" });
  }

  #closed(): void {
    if (this.#link !== null) this.#server.close(this.#link.session);
    this.#link = null;
  }

  /** What the device said reaches the server. Answers whether there was anything. */
  carryUp(messages: number): boolean {
    for (let index = 0; index < messages; index++) {
      const link = this.#link;
      const message = link?.up.shift();
      if (link === null || message === undefined) return index > 0;
      if (this.#server.rig.closed.has(link.session)) this.cut();
      else if (message.type === "hello") {
        this.#input({ type: "connected", connection: link.connection });
        this.#server.open(link.session, this.person, message);
      } else if (message.type === "push") this.#server.push(link.session, message.mutations);
      else this.#server.rig.say(link.session, message);
    }
    return true;
  }

  /** What the server said reaches the device, now and then twice. */
  carryDown(messages: number): boolean {
    for (let index = 0; index < messages; index++) {
      const link = this.#link;
      if (link === null) return index > 0;
      link.down.push(...this.#server.sentTo(link.session));
      const message = link.down.shift();
      if (message === undefined) {
        if (this.#server.rig.closed.has(link.session)) this.cut();
        return index > 0;
      }
      const isRepeated = (message.type === "delta" || message.type === "push-result") && chance(this.#random, 0.05);
      if (isRepeated) {
        link.down.unshift(message);
        this.repeated += 1;
      }
      this.#input({ type: "message", connection: link.connection, message });
    }
    return true;
  }

  /** Timers whose time has come; when it is `hurried`, also that of the next attempt to connect. */
  tick(isHurried: boolean = false): void {
    for (const [timer, at] of [...this.#timers]) {
      if (timer === "heartbeat" || timer === "token") continue;
      if (at > this.#now && !(isHurried && timer !== "presence")) continue;
      this.#timers.delete(timer);
      this.#input({ type: "timer", timer });
    }
  }

  // ── the machine ──────────────────────────────────────────────────────────────────────────────────────────────────

  get #now(): Millis {
    return this.#server.now + this.#skewMs;
  }

  #input(input: ReplicaInput): void {
    this.#inputs.push(input);
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (const next of this.#inputs) for (const effect of this.replica.handle(next, this.#now)) this.#perform(effect);
    this.#inputs.length = 0;
    this.#isBusy = false;
  }

  #perform(effect: ReplicaEffect): void {
    switch (effect.type) {
      case "persist":
        this.disk.apply(effect.content);
        this.#inputs.push({ type: "persisted", batch: effect.batch });
        return;
      case "get-token":
        this.#inputs.push({ type: "token", token: "token" });
        return;
      case "connect":
        this.#closed();
        this.#links += 1;
        this.#link = {
          connection: effect.connection,
          session: `${this.person.device}-${this.#links}`,
          up: [effect.hello],
          down: [],
        };
        return;
      case "disconnect":
        return this.#closed();
      case "send":
        this.#link?.up.push(effect.message);
        return;
      case "set-timer":
        this.#timers.set(effect.timer, effect.at);
        return;
      case "cancel-timer":
        this.#timers.delete(effect.timer);
        return;
      default:
        return;
    }
  }

  // ── what it holds ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Its confirmed rows as text: `collection/id` to the JSON of its values. */
  rows(): Map<string, string> {
    return new Map(
      this.disk.read().rows.map(({ collection, id, values }) => [`${collection}/${id}`, JSON.stringify(values)]),
    );
  }

  /** The entity as its user sees it. */
  seen(collection: string, id: string): JsonObject | null {
    return this.replica.get(collection, entity(id)) as JsonObject | null;
  }
}
