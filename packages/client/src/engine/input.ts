/** Everything that can happen to a replica. The names double as metric labels. */
import type {
  DeviceId,
  EntityId,
  ErrorCode,
  FieldValues,
  Filter,
  JsonValue,
  MutatorEffect,
  Operation,
  RoomName,
  ServerMessage,
} from "@tidelock/core";
import type { StoredReplica } from "./records.ts";

/** One step of a transaction, as the application asked for it. */
export interface Intent {
  readonly operation: Operation;
  readonly collection: string;
  readonly entity: EntityId;
  readonly fields: FieldValues;
  /** What a decision writes, as far as this device can tell. A call's effects are worked out here. */
  readonly effects?: readonly MutatorEffect[];
}

export type ReplicaInput =
  /** The store has been read. First input of all; `device` is used when the store is new. */
  | { readonly type: "loaded"; readonly stored: StoredReplica; readonly device: DeviceId }
  /** The application writes: one transaction. `write` is its handle's number. */
  | { readonly type: "mutate"; readonly write: number; readonly intents: readonly Intent[] }
  | { readonly type: "subscribe"; readonly collection: string; readonly filter: Filter }
  | { readonly type: "unsubscribe"; readonly collection: string; readonly filter: Filter }
  | { readonly type: "persisted"; readonly batch: number }
  | { readonly type: "persist-failed"; readonly batch: number; readonly code: string }
  /** The application wants to be connected, or not. */
  | { readonly type: "go-online" }
  | { readonly type: "go-offline" }
  /** The platform says that the network may be back: do not wait for the timer. */
  | { readonly type: "network-hint" }
  | { readonly type: "token"; readonly token: string }
  /** `code`: whoever issues tokens refused one; without it the token could not be fetched. */
  | { readonly type: "token-failed"; readonly reason: string; readonly code?: ErrorCode }
  | { readonly type: "connected"; readonly connection: number }
  | { readonly type: "message"; readonly connection: number; readonly message: ServerMessage }
  | { readonly type: "disconnected"; readonly connection: number; readonly reason: string }
  | { readonly type: "timer"; readonly timer: ReplicaTimer }
  | { readonly type: "presence"; readonly room: RoomName; readonly state: JsonValue }
  | { readonly type: "presence-leave"; readonly room: RoomName }
  /** The user is done with a rejected mutation. */
  | { readonly type: "discard"; readonly counter: number };

/**
 * `reconnect`: time to try again. `heartbeat`: is the other side still there? `presence`: send what has gathered.
 * `ack`: say what is on the device's disk. `store`: try again what the store refused. `token`: get a new one in time.
 */
export type ReplicaTimer = "reconnect" | "heartbeat" | "presence" | "ack" | "store" | "token";
