/** Everything that a replica asks of its runtime. */
import type {
  ClientMessage,
  Counter,
  EntityId,
  ErrorCode,
  Filter,
  Hello,
  Millis,
  Outcome,
  ResultDetail,
  RoomName,
} from "@tidelock/core";
import type { StoreBatch } from "./records.ts";
import type { ReplicaTimer } from "./input.ts";

export type ReplicaEffect =
  /** Answer with `persisted` or `persist-failed`. Batches are committed in this order. */
  | { readonly type: "persist"; readonly batch: number; readonly content: StoreBatch }
  /** Get a token and answer with `token` or `token-failed`. */
  | { readonly type: "get-token" }
  /** Connect, sending this hello. Answer with `connected` and `disconnected`, naming the connection. */
  | { readonly type: "connect"; readonly connection: number; readonly hello: Hello }
  | { readonly type: "disconnect"; readonly connection: number }
  | { readonly type: "send"; readonly connection: number; readonly message: ClientMessage }
  | { readonly type: "set-timer"; readonly timer: ReplicaTimer; readonly at: Millis }
  | { readonly type: "cancel-timer"; readonly timer: ReplicaTimer }
  /** The view of these entities changed: visible values, or their sync state. */
  | { readonly type: "changed"; readonly entities: ReadonlyMap<string, ReadonlySet<EntityId>> }
  /** A subscription became whole, or lost that. */
  | { readonly type: "subscriptions-changed" }
  /** The server refuses a subscription: it is given up. */
  | {
      readonly type: "subscription-refused";
      readonly collection: string;
      readonly filter: Filter;
      readonly code: ErrorCode;
      readonly message: string;
    }
  | { readonly type: "status-changed" }
  | { readonly type: "presence-changed"; readonly room: RoomName }
  /** The mutations of a write are on the device's disk. */
  | { readonly type: "write-saved"; readonly write: number }
  /** The store refused a write: it was taken back. */
  | { readonly type: "write-failed"; readonly write: number; readonly code: ErrorCode; readonly message: string }
  /** A mutation is decided. `kept`: the number under which a refused one is kept, when that is another. */
  | {
      readonly type: "decided";
      readonly counter: Counter;
      readonly collection: string;
      readonly entity: EntityId;
      readonly outcome: Outcome;
      readonly detail: ResultDetail;
      readonly kept?: Counter;
    }
  /** The server assigned a final id. */
  | { readonly type: "assigned"; readonly temporary: EntityId; readonly entity: EntityId }
  | { readonly type: "upgrade"; readonly required: boolean; readonly message: string; readonly url: string }
  | { readonly type: "trouble"; readonly code: ErrorCode; readonly message: string };
