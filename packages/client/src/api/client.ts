/**
 * The public face of the SDK: what `createClient` returns, as types. Everything an application can read is a value with a
 * `subscribe`; everything it can write returns at once and tells later what became of it.
 *
 *     const client = createClient({ url: "https://sync.example.com", schema, auth: getToken, store: indexedDbStore() });
 *     const write = client.tasks.create({ title: "Water the plants" });
 *     await write.saved;  // it is on this device's disk
 *     await write.synced; // the server has decided it: { outcome: "applied", id, conflicts: [] }
 *
 * Listeners are called after the change, at most once per turn; a listener that throws is reported and disturbs nobody.
 */
import type {
  ArgsOf,
  Codec,
  CollectionName,
  CreateOf,
  EntityOf,
  ErrorCode,
  FieldValues,
  JsonValue,
  Millis,
  Mutator,
  MutatorsOf,
  Operation,
  Schema,
  UpdateOf,
} from "@tidelock/core";
import type { Durability, Store } from "../store/store.ts";
import type { Transport } from "../transport/transport.ts";
import type { System } from "../runtime/system.ts";
import type { ConflictNotice, Conflicts, HistoryPage } from "./conflicts.ts";
import type { Live, LiveEntity, LiveQuery, SyncState, TransactionWrite, Unsubscribe, Write } from "./handles.ts";
import type { Query, QueryOptions, Where, Direction, FieldOf } from "./query.ts";

export type * from "./handles.ts";

export interface ClientOptions<Source extends Schema> {
  /** Where the server is: `https://sync.example.com`, or a path of the page's own origin. Paths `/sync/…` are added to it. */
  readonly url: string;
  readonly schema: Source;
  /** A token, or how to get one. The function is called again whenever the server wants a new token. */
  readonly auth: string | (() => string | Promise<string>);
  /** Where this device keeps its data; `memoryStore()` when not given, which forgets everything on reload. */
  readonly store?: Store;
  /** Ways to the server, best first; WebSocket, then SSE with HTTP, when not given. */
  readonly transports?: ReadonlyArray<"websocket" | "sse" | Transport>;
  /** How frames are encoded on a WebSocket; `jsonCodec` when not given. */
  readonly codec?: Codec;
  /** Connect as soon as the store is open; `true` when not given. */
  readonly autoConnect?: boolean;
  /** How long a subscription outlives its last reader, milliseconds; 10,000 when not given. */
  readonly lingerMs?: Millis;
  /** Clock, timers, randomness and network events; the platform's own when not given. */
  readonly system?: System;
}

/** The mutators of a schema as functions. */
export type MutateOf<Source> = {
  readonly [Name in keyof MutatorsOf<Source>]: MutatorsOf<Source>[Name] extends Mutator<infer Args>
    ? (args: ArgsOf<Args>) => Write
    : never;
};

/** A client: its own members, and one `CollectionClient` per collection of the schema. */
export type Client<Source extends Schema = Schema> = ClientBase<Source> & {
  readonly [Name in CollectionName<Source>]: CollectionClient<
    EntityOf<Source, Name>,
    CreateOf<Source, Name>,
    UpdateOf<Source, Name>
  >;
};

export interface ClientBase<Source extends Schema = Schema> {
  readonly schema: Source;
  /** This installation's id; `null` until the store is open. */
  readonly device: string | null;
  /** Resolves when the store is open and its data can be read; rejects with `store-unavailable` or `store-corrupt`. */
  readonly opened: Promise<void>;
  /** What is unsaved, unsent or refused, in total. */
  readonly status: Live<SyncStatus>;
  /** How the device and the server are connected. */
  readonly connection: Live<ConnectionStatus>;
  /** Mutations that the server has not confirmed, oldest first. */
  readonly outbox: Live<readonly OutboxEntry[]>;
  readonly rejected: RejectedWrites;
  readonly presence: Presence;
  /** Reviews, this device's own conflicts, and the decision log. */
  readonly conflicts: Conflicts;
  /**
   * The schema's mutators, by name: `client.mutate.closeTask({ task: id })`. They run here at once, and on the server when
   * it hears of them. `saved` and `synced` reject with `mutator-refused` and the reason when the mutator refuses.
   */
  readonly mutate: MutateOf<Source>;

  /**
   * Writes to several entities, all or nothing, here and everywhere. Reads inside see the state before the transaction.
   * When `run` throws, nothing is written and the error is thrown on.
   */
  transaction(run: (transaction: Transaction<Source>) => void): TransactionWrite;
  /** What happened to an entity, newest first, from the server's log. Needs a connection. */
  history(
    collection: CollectionName<Source>,
    id: string,
    options?: { readonly before?: string; readonly limit?: number },
  ): Promise<HistoryPage>;
  /** Connect, and stay connected. */
  goOnline(): void;
  /** Disconnect, and stay so. Reading and writing go on. */
  goOffline(): void;
  on<Name extends keyof ClientEvents>(event: Name, listener: (detail: ClientEvents[Name]) => void): Unsubscribe;
  /** Waits for what is being saved, disconnects and closes the store. Unsent work stays in the store. */
  close(): Promise<void>;
}

/** Reading and writing one collection. Ids are plain text; temporary ids stay valid after the server assigned final ones. */
export interface CollectionClient<Entity, Create, Update> {
  /**
   * Creates an entity at once on this device. Throws `TidelockError` when a value does not fit (`invalid-value`,
   * `unknown-field`), the id cannot be used (`invalid-id`) or is taken (`entity-exists`).
   */
  create(values: Create): Write;
  /** Changes the named fields; the others keep their values. Throws like `create`. */
  update(id: string, values: Update): Write;
  delete(id: string): Write;
  /** The entity as this device sees it now, with its own unsent writes; `undefined` when it is not here. */
  get(id: string): Entity | undefined;
  /** One entity, live. While somebody subscribes to it and it is not on the device, it is asked for. */
  entity(id: string): LiveEntity<Entity>;
  /** How far an entity's writes have come. */
  syncState(id: string): SyncState;
  /** A key for lists that render this entity: it stays the same when a temporary id becomes a final one. */
  keyOf(id: string): string;

  /** A live query from one object. */
  query(options?: QueryOptions<Entity>): LiveQuery<Entity>;
  /** A live query from a query. */
  live(query: Query<Entity>): LiveQuery<Entity>;
  /** The query for every entity of the collection; refine it with `where`, `orderBy`, `limit`, `offset`. */
  all(): Query<Entity>;
  where(filter: Where<Entity>): Query<Entity>;
  orderBy(field: FieldOf<Entity>, direction?: Direction): Query<Entity>;
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────

// ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The writing side of every collection, within a transaction. `create` returns the new entity's id. */
export type Transaction<Source extends Schema> = {
  readonly [Name in CollectionName<Source>]: TransactionCollection<
    EntityOf<Source, Name>,
    CreateOf<Source, Name>,
    UpdateOf<Source, Name>
  >;
};
export interface TransactionCollection<Entity, Create, Update> {
  create(values: Create): string;
  update(id: string, values: Update): void;
  delete(id: string): void;
  get(id: string): Entity | undefined;
}

// ── status ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Unsaved and unsent work in total. Honest: never `synced` while something is pending or rejected. */
export interface SyncStatus {
  /** `loading`: the store is being read. `pending`: there is unsent work and no connection. `syncing`: it is on its way. */
  readonly state: "loading" | "synced" | "syncing" | "pending" | "rejected";
  /** Mutations that the server has not confirmed. */
  readonly pendingCount: number;
  /** When the oldest of them was made, milliseconds since 1970. */
  readonly oldestPendingAt: Millis | null;
  /** Mutations that the server refused and that wait for the user; see `client.rejected`. */
  readonly rejectedCount: number;
  /** When this device last had everything sent and everything received, milliseconds since 1970. */
  readonly lastSyncedAt: Millis | null;
  /** How safe the device's own copy is. */
  readonly storage: Durability;
}

export interface ConnectionStatus {
  readonly phase: "loading" | "offline" | "connecting" | "connected" | "needs-auth" | "upgrade-required" | "stopped";
  readonly isConnected: boolean;
  /** The way in use, or being tried. */
  readonly transport: string | null;
  /** When the next attempt will be made, milliseconds since 1970. */
  readonly retryAt: Millis | null;
  readonly lastError: { readonly code: ErrorCode; readonly message: string } | null;
  /** A newer application is wanted, or required. */
  readonly upgrade: UpgradeNotice | null;
}

export interface UpgradeNotice {
  readonly required: boolean;
  readonly message: string;
  readonly url: string;
}

/** One mutation that is not confirmed. */
export interface OutboxEntry {
  /** The device's number for it: 1, 2, 3, … */
  readonly counter: number;
  readonly operation: Operation;
  readonly collection: string;
  readonly id: string;
  readonly fields: FieldValues;
  /** `queued`: not known to be decided. `decided`: in the server's log; its change is on the way back. */
  readonly state: "queued" | "decided";
  readonly createdAt: Millis;
}

/** One mutation that the server refused. It is no longer part of what the device shows. */
export interface RejectedEntry extends Omit<OutboxEntry, "state"> {
  readonly code: ErrorCode;
  readonly message: string;
  /** The number of the refused create without which this one could not stand; `null` when it failed by itself. */
  readonly causedBy: number | null;
}

/** Everything of this device that the server does not have, as plain JSON: to keep, to send to somebody, to look at. */
export interface UnsentWork {
  readonly device: string | null;
  readonly schemaVersion: number;
  /** Milliseconds since 1970. */
  readonly exportedAt: Millis;
  readonly outbox: readonly JsonValue[];
  readonly rejected: readonly JsonValue[];
}

export interface RejectedWrites extends Live<readonly RejectedEntry[]> {
  /** Forgets a refused mutation, with the rest of its transaction and what could not stand without it. */
  discard(counter: number): void;
  /**
   * Writes it again, with the rest of its transaction and what could not stand without it, and forgets the refused ones.
   * Throws like the first time when it cannot fit.
   */
  retry(counter: number): Write;
  /** The same with other values in the named fields. */
  edit(counter: number, values: Readonly<Record<string, unknown>>): Write;
  /** The outbox and the refused mutations, as plain JSON. */
  export(): UnsentWork;
}

export interface ClientEvents {
  /** Something failed that a person may have to know: storage, a refused subscription, a broken server. */
  readonly trouble: { readonly code: ErrorCode; readonly message: string };
  readonly upgrade: UpgradeNotice;
  /** The server refused a mutation. */
  readonly rejected: RejectedEntry;
  /** A write of this device met a concurrent one: see `conflicts.recent`. */
  readonly conflict: ConflictNotice;
  /** The server gave an entity its final id. */
  readonly assigned: { readonly temporary: string; readonly id: string };
}

// ── presence ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Presence {
  /**
   * Enters a room and says `state` there. Rooms are entered once per client: later handles share it, and the room is left
   * when all of them have. Throws `presence-too-large` above 4 KiB, `invalid-value` for a name that cannot be used.
   */
  join<State extends JsonValue>(room: string, state: State): Room<State>;
}

/** One session in a room. */
export interface Member<State extends JsonValue = JsonValue> {
  /** One per open client; a user with two windows is there twice. */
  readonly session: string;
  readonly device: string;
  readonly user: string;
  readonly state: State;
  readonly isSelf: boolean;
}

/** Who is in a room, live. */
export interface Room<State extends JsonValue = JsonValue> extends Live<ReadonlyArray<Member<State>>> {
  readonly name: string;
  readonly members: ReadonlyArray<Member<State>>;
  readonly others: ReadonlyArray<Member<State>>;
  /** Says something else. Calls in quick succession are gathered: the last one counts. */
  update(state: State): void;
  leave(): void;
}
