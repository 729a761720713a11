/**
 * A replica with a disk in memory, driven by hand: batches reach the disk at once, or wait until the test lets them; what
 * it says is kept for the test to look at, and the test plays the server.
 */
import {
  type ChangeRow,
  type ClientMessage,
  columnNames,
  type EntityId,
  type ErrorCode,
  type Filter,
  type Hello,
  type JsonValue,
  type Millis,
  parseEpoch,
  REVIEWS,
  type ResultRow,
  type Schema,
  seededRandom,
  type ServerMessage,
  type Welcome,
} from "@tidelock/core";
import {
  type Intent,
  Replica,
  type ReplicaEffect,
  type ReplicaInput,
  type ReplicaTimer,
} from "@tidelock/client/engine";
import { MemoryStoreState } from "@tidelock/client/memory";
import { device, entity, session, START, user } from "./names.ts";

type Persist = Extract<ReplicaEffect, { type: "persist" }>;
type Effect<Type extends ReplicaEffect["type"]> = Extract<ReplicaEffect, { type: Type }>;

export function epoch(number: number): Welcome["epoch"] {
  const parsed = parseEpoch(`epoch-${number}`);
  if (parsed === null) throw new Error("an epoch's name is a name");
  return parsed;
}

export class ReplicaRig {
  readonly replica: Replica;
  readonly disk: MemoryStoreState;
  readonly schema: Schema;
  now = START;
  readonly effects: ReplicaEffect[] = [];
  readonly said: ClientMessage[] = [];
  readonly hellos: Hello[] = [];
  readonly timers = new Map<ReplicaTimer, Millis>();
  /** Batches wait for `store` or `refuse`. */
  isDiskSlow = false;
  readonly writing: Persist[] = [];
  /** The connection that the replica asked for last. */
  connection = 0;
  #handling = false;
  #writes = 0;
  readonly #inputs: ReplicaInput[] = [];

  constructor(schema: Schema, disk: MemoryStoreState = new MemoryStoreState(), seed: number = 1) {
    this.schema = schema;
    this.disk = disk;
    this.replica = new Replica({ schema, random: seededRandom(seed), sdk: "test" });
    this.input({ type: "loaded", stored: disk.read(), device: device("d1") });
  }

  input(input: ReplicaInput): void {
    this.#inputs.push(input);
    if (this.#handling) return;
    this.#handling = true;
    try {
      for (const next of this.#inputs) for (const effect of this.replica.handle(next, this.now)) this.#perform(effect);
    } finally {
      this.#inputs.length = 0;
      this.#handling = false;
    }
  }

  #perform(effect: ReplicaEffect): void {
    this.effects.push(effect);
    switch (effect.type) {
      case "persist":
        this.writing.push(effect);
        if (!this.isDiskSlow) this.#inputs.push(this.#stored(effect));
        return;
      case "get-token":
        this.#inputs.push({ type: "token", token: "token" });
        return;
      case "connect":
        this.connection = effect.connection;
        this.hellos.push(effect.hello);
        return;
      case "send":
        this.said.push(effect.message);
        return;
      case "set-timer":
        this.timers.set(effect.timer, effect.at);
        return;
      case "cancel-timer":
        this.timers.delete(effect.timer);
        return;
      default:
        return;
    }
  }

  #stored(persist: Persist): ReplicaInput {
    this.writing.splice(this.writing.indexOf(persist), 1);
    this.disk.apply(persist.content);
    return { type: "persisted", batch: persist.batch };
  }

  /** The disk takes the batches that wait, until none waits. */
  store(): void {
    for (let next = this.writing[0]; next !== undefined; next = this.writing[0]) this.input(this.#stored(next));
  }

  /** The disk refuses the batch that waits. */
  refuse(): void {
    const persist = this.writing.shift();
    if (persist === undefined) throw new Error("nothing is being stored");
    this.input({ type: "persist-failed", batch: persist.batch, code: "store-quota" });
  }

  /** The same device after its program was started again. */
  restart(): ReplicaRig {
    return new ReplicaRig(this.schema, this.disk, 2);
  }

  fire(timer: ReplicaTimer): void {
    this.now = Math.max(this.now, this.timers.get(timer) ?? this.now);
    this.timers.delete(timer);
    this.input({ type: "timer", timer });
  }

  // ── the application ──────────────────────────────────────────────────────────────────────────────────────────────

  write(...intents: readonly Intent[]): number {
    this.#writes += 1;
    this.input({ type: "mutate", write: this.#writes, intents });
    return this.#writes;
  }

  create(id: string, fields: Intent["fields"] = {}, collection: string = "tasks"): number {
    return this.write({ operation: "create", collection, entity: entity(id), fields });
  }

  update(id: string, fields: Intent["fields"], collection: string = "tasks"): number {
    return this.write({ operation: "update", collection, entity: entity(id), fields });
  }

  remove(id: string, collection: string = "tasks"): number {
    return this.write({ operation: "delete", collection, entity: entity(id), fields: {} });
  }

  /** Calls a mutator. */
  call(name: string, fields: Intent["fields"] = {}): number {
    return this.write({ operation: "call", collection: name, entity: entity(name), fields });
  }

  /** Decides a review; `effects` are what its application foresees. */
  decide(review: string, fields: Intent["fields"], effects: NonNullable<Intent["effects"]>): number {
    return this.write({ operation: "decide", collection: REVIEWS, entity: entity(review), fields, effects });
  }

  subscribe(collection: string = "tasks", filter: Filter = {}): void {
    this.input({ type: "subscribe", collection, filter });
  }

  get(id: string, collection: string = "tasks"): ReturnType<Replica["get"]> {
    return this.replica.get(collection, entity(id));
  }

  ids(collection: string = "tasks"): EntityId[] {
    return [...this.replica.ids(collection)];
  }

  // ── the server ───────────────────────────────────────────────────────────────────────────────────────────────────

  hear(message: ServerMessage): void {
    this.input({ type: "message", connection: this.connection, message });
  }

  /** Connects, and is welcomed. */
  connect(changes: Partial<Welcome> = {}): void {
    this.input({ type: "go-online" });
    if (this.timers.has("reconnect")) this.fire("reconnect");
    this.input({ type: "connected", connection: this.connection });
    this.hear(welcome(this.schema, changes));
  }

  lose(): void {
    this.input({ type: "disconnected", connection: this.connection, reason: "lost" });
  }

  result(...results: readonly ResultRow[]): void {
    this.hear({ type: "push-result", results });
  }

  /** What takes the device from where it stands to an offset. */
  delta(to: number, ...changes: readonly ChangeRow[]): void {
    this.hear({ type: "delta", from: this.replica.checkpoint?.offset ?? 0, to, time: this.now, changes });
  }

  /** A change that brings an entity with these columns; the others have their defaults. */
  put(collection: string, id: string, at: number, columns: Readonly<Record<string, JsonValue>>): ChangeRow {
    const schema = this.schema.collections.get(collection);
    if (schema === undefined) throw new Error(`there is no collection ${collection}`);
    const values = columnNames(schema).map((name) => columns[name] ?? schema.byName.get(name)?.default ?? null);
    return [0, collection, entity(id), at, values];
  }

  /** A change of some of an entity's columns. */
  patch(collection: string, id: string, at: number, columns: Readonly<Record<string, JsonValue>>): ChangeRow {
    const schema = this.schema.collections.get(collection);
    const names = schema === undefined ? [] : columnNames(schema);
    return [
      1,
      collection,
      entity(id),
      at,
      Object.entries(columns).flatMap(([name, value]) => [names.indexOf(name), value]),
    ];
  }

  /** The server ends the connection over something. */
  endOver(code: ErrorCode, message: string = ""): void {
    this.hear({ type: "refusal", code, message, fatal: true });
  }

  /** A whole snapshot. */
  snapshot(
    subscription: number,
    offset: number,
    rows: readonly (readonly [id: string, at: number, values: readonly JsonValue[]])[],
    collection: string = "tasks",
  ): void {
    this.hear({ type: "snapshot", subscription, collection, offset, key: `key-${subscription}` });
    this.hear({ type: "rows", collection, offset, rows: rows.map(([id, at, values]) => [entity(id), at, values]) });
    this.hear({ type: "delta", from: this.replica.checkpoint?.offset ?? 0, to: offset, time: this.now, changes: [] });
    this.hear({ type: "snapshot-end", subscription, offset });
  }

  // ── what came of it ──────────────────────────────────────────────────────────────────────────────────────────────

  of<Type extends ReplicaEffect["type"]>(type: Type): Array<Effect<Type>> {
    return this.effects.filter((effect): effect is Effect<Type> => effect.type === type);
  }

  /** Counters that were pushed, in order. */
  get pushed(): number[] {
    return this.said.flatMap((message) =>
      message.type === "push" ? message.mutations.map(([counter]) => counter) : [],
    );
  }
}

export function welcome(schema: Schema, changes: Partial<Welcome> = {}): Welcome {
  return {
    type: "welcome",
    protocol: 1,
    session: session("s1"),
    user: user("ana"),
    epoch: epoch(1),
    head: 0,
    time: START,
    columns: Object.fromEntries([...schema.collections].map(([name, collection]) => [name, columnNames(collection)])),
    decided: 0,
    whole: [],
    results: [],
    expires: null,
    limits: { frameBytes: 4_000_000, pushMutations: 1000, idleMs: 12_000 },
    upgrade: null,
    ...changes,
  };
}
