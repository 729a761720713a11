/** What a client hands out: live values, results of reading, and what became of writes. */
import type { Decision, TidelockError } from "@tidelock/core";
import type { Query } from "./query.ts";

/** Stops what was started. Calling it twice does nothing more. */
export type Unsubscribe = () => void;

/** A value that changes. `value` is the same object while nothing has changed. */
export interface Live<Value> {
  readonly value: Value;
  /** Calls `listener` after every change, not at once. */
  subscribe(listener: (value: Value) => void): Unsubscribe;
}

/**
 * How far an entity's writes have come: `pending` in the outbox, `syncing` sent, `synced` decided and confirmed;
 * `conflicted` a concurrent write had to be settled; `in-review` it waits for a person; `rejected` the server refused one.
 */
export type SyncState = "synced" | "pending" | "syncing" | "conflicted" | "in-review" | "rejected";

/** The results of a query at one moment. The object and `data` are the same while nothing has changed. */
export interface QueryResult<Entity> {
  readonly data: readonly Entity[];
  /** How many entities match, before `offset` and `limit`. */
  readonly total: number;
  /** `loading`: nothing to show yet. `ready`: there is data, or it is known that there is none. `error`: see `error`. */
  readonly status: "loading" | "ready" | "error";
  readonly error: TidelockError | null;
  readonly isLoading: boolean;
  /** Whether everything that the server has for this query was here at the last moment of being connected. */
  readonly isComplete: boolean;
}

/**
 * A query whose results follow the data. It asks the server for its entities from the first `subscribe` until some
 * seconds after the last one ended; without a subscriber it answers from what the device holds.
 */
export interface LiveQuery<Entity> extends Live<QueryResult<Entity>>, QueryResult<Entity> {
  readonly query: Query<Entity>;
  /** The results as soon as they are complete. Rejects with `client-closed`, or with the reason for `error`. */
  whenComplete(): Promise<readonly Entity[]>;
}

export interface EntityResult<Entity> {
  readonly data: Entity | undefined;
  readonly syncState: SyncState;
  /** `loading`: asked for. `ready`: it is here. `missing`: it is known not to be there, or not for this user. */
  readonly status: "loading" | "ready" | "missing" | "error";
  readonly error: TidelockError | null;
  readonly isLoading: boolean;
}
export interface LiveEntity<Entity> extends Live<EntityResult<Entity>> {
  readonly id: string;
}

/**
 * `accepted`: visible on this device. `saved`: on its disk. `synced`: in the server's log. `rejected`: refused by the
 * server. `failed`: the store could not keep it, so it was taken back.
 */
export type WriteState = "accepted" | "saved" | "synced" | "rejected" | "failed";

/** What became of a write. Promises that nobody looks at never disturb: no `unhandledRejection`. */
export interface Write {
  /** The entity's id. Where the server assigns ids: the temporary one, and the final one as soon as it is known. */
  readonly id: string;
  readonly state: WriteState;
  /** Resolves when the write is on this device's disk. Rejects with `store-…` when it could not be saved. */
  readonly saved: Promise<void>;
  /** Resolves when the server has decided it. Rejects with the code of the refusal, or with `client-closed`. */
  readonly synced: Promise<WriteResult>;
}

export interface WriteResult {
  /** `merged`: concurrent writes were settled, see `conflicts`. `duplicate`: it had arrived before. */
  readonly outcome: "applied" | "merged" | "duplicate" | "in-review";
  /** The entity's final id. */
  readonly id: string;
  readonly conflicts: readonly Decision[];
}

/** What became of a transaction: like `Write`, with one result per step, in order. */
export interface TransactionWrite {
  readonly ids: readonly string[];
  readonly state: WriteState;
  readonly saved: Promise<void>;
  readonly synced: Promise<readonly WriteResult[]>;
}
