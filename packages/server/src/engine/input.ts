/** Everything that can happen to a tenant's hub. The names double as metric labels. */
import type {
  ClientMessage,
  DeviceId,
  EntityId,
  Filter,
  Hello,
  JsonObject,
  JsonValue,
  Millis,
  Offset,
  SessionId,
  UserId,
} from "@tidelock/core";
import type {
  DecisionQuery,
  DeviceRecord,
  Receipt,
  Snapshot,
  StoredDecision,
  StoredEntity,
  StoredEvent,
} from "./records.ts";

/** Who is asking, as the token says. Rules see it; nothing of it comes from a message body. */
export interface Principal {
  readonly user: UserId;
  /** The token's claims, for rules. */
  readonly claims: JsonObject;
  /** When the token expires; `null` when it does not. */
  readonly expires: Millis | null;
}

export type HubInput =
  /** A gateway has authenticated a connection and read its hello. */
  | {
      readonly type: "session-opened";
      readonly session: SessionId;
      readonly principal: Principal;
      readonly hello: Hello;
    }
  /** A message after the hello. `auth` never comes here: the gateway verifies tokens and sends `authenticated`. */
  | { readonly type: "message"; readonly session: SessionId; readonly message: ClientMessage }
  | { readonly type: "authenticated"; readonly session: SessionId; readonly principal: Principal }
  | { readonly type: "session-closed"; readonly session: SessionId }
  /** More waits in the session's socket than may: send it no deltas until it has drained. */
  | { readonly type: "session-blocked"; readonly session: SessionId }
  /** The session's socket takes more. Answers `when-drained`, and ends `session-blocked`. */
  | { readonly type: "session-drained"; readonly session: SessionId }
  | { readonly type: "read-done"; readonly read: number; readonly result: ReadResult }
  | { readonly type: "read-failed"; readonly read: number }
  | { readonly type: "append-done"; readonly append: number }
  /** Nothing of the append was written. `stale`: another writer moved the head; this hub is void. */
  | { readonly type: "append-failed"; readonly append: number; readonly stale: boolean }
  | {
      readonly type: "reconcile";
      readonly request: number;
      readonly principal: Principal;
      readonly body: ReconcileBody;
    }
  /** Somebody looks into the decision log, an entity's history, or the review queue. Answered with `query-answer`. */
  | { readonly type: "query"; readonly request: number; readonly principal: Principal; readonly query: Query }
  /** The log was trimmed up to here. */
  | { readonly type: "trimmed"; readonly floor: Offset }
  /** Send everyone away; accept nothing more. */
  | { readonly type: "drain" }
  | { readonly type: "timer"; readonly timer: HubTimer };

/** `presence`: send what has gathered. `sweep`: blocked and expired sessions, lapsed presence. */
export type HubTimer = "presence" | "sweep";

/** The body of `POST /sync/reconcile`, parsed: names as the engine has them, contents unchecked against the schema. */
export interface ReconcileBody {
  readonly device: DeviceId;
  /** `null`: the device holds nothing. */
  readonly checkpoint: ReconcilePosition | null;
  /** The version of the schema that the client goes by; the server's own when it does not say. */
  readonly schemaVersion?: number;
  readonly mutations: readonly ReconcileMutation[];
}

/**
 * Where a plain HTTP client stands: in the log (`collection` null), or in the middle of the pages of a first download
 * that began at `offset`.
 */
export interface ReconcilePosition {
  readonly epoch: string;
  readonly offset: Offset;
  readonly page: { readonly collection: string; readonly after: EntityId | null } | null;
}

export interface ReconcileMutation {
  /** The client's own name for it: dedupe key, and temporary entity id of a create. */
  readonly name: string;
  readonly operation: string;
  readonly collection: string;
  readonly entity: EntityId | null;
  readonly payload: { readonly [field: string]: JsonValue };
  /** Version or checkpoint text that the author had seen; `null`: nothing. */
  readonly version: string | null;
  /** When the user did it, milliseconds since 1970. */
  readonly occurredAt: Millis;
  /** How many mutations of the same transaction follow in the request; 0 for one on its own. */
  readonly remaining: number;
}

/** A decision's place in the log: the offset of its event, and its position among the event's decisions. */
export interface DecisionPlace {
  readonly offset: Offset;
  readonly index: number;
}

/** What may be asked. `limit` is how many at most; an answer may hold fewer and still say where to go on. */
export type Query =
  /** Decisions, newest first, within `where`; `before` a place that an earlier answer named. */
  | { readonly kind: "conflicts"; readonly where: DecisionQuery; readonly limit: number }
  | { readonly kind: "conflict"; readonly place: DecisionPlace }
  /** An entity's events, newest first; `before` is the offset of one of them. */
  | {
      readonly kind: "history";
      readonly collection: string;
      readonly entity: EntityId;
      readonly before: Offset | null;
      readonly limit: number;
    }
  /** Reviews in the order of their ids, after one. */
  | {
      readonly kind: "reviews";
      readonly status: "open" | "closed" | "all";
      readonly collection: string | null;
      readonly entity: EntityId | null;
      /** `null`: whoever has it; empty: those that nobody has. */
      readonly assignee: string | null;
      readonly after: EntityId | null;
      readonly limit: number;
    }
  | { readonly kind: "review"; readonly id: EntityId };

/** What the hub wants to read. */
export type ReadRequest =
  | { readonly kind: "entities"; readonly keys: readonly (readonly [string, EntityId])[] }
  | { readonly kind: "events"; readonly after: Offset; readonly limit: number }
  | { readonly kind: "device"; readonly device: DeviceId; readonly receiptsAfter: number }
  | { readonly kind: "receipts-by-name"; readonly device: DeviceId; readonly names: readonly string[] }
  | { readonly kind: "receipts"; readonly device: DeviceId; readonly after: number; readonly limit: number }
  | {
      readonly kind: "snapshot";
      readonly collection: string;
      readonly filter: Filter;
      readonly columns: readonly string[];
      /** The values of columns that a stored row does not reach. */
      readonly defaults: readonly JsonValue[];
    }
  | { readonly kind: "page"; readonly collection: string; readonly after: EntityId | null; readonly limit: number }
  | { readonly kind: "decisions"; readonly where: DecisionQuery; readonly limit: number }
  | { readonly kind: "events-at"; readonly offsets: readonly Offset[] };

/** What it gets; the same kind as the request. */
export type ReadResult =
  | { readonly kind: "entities"; readonly entities: readonly StoredEntity[] }
  | { readonly kind: "events"; readonly events: readonly StoredEvent[] }
  | { readonly kind: "device"; readonly record: DeviceRecord | null; readonly receipts: readonly Receipt[] }
  | { readonly kind: "receipts-by-name"; readonly receipts: readonly Receipt[] }
  | { readonly kind: "receipts"; readonly receipts: readonly Receipt[] }
  | { readonly kind: "snapshot"; readonly snapshot: Snapshot }
  | { readonly kind: "page"; readonly offset: Offset; readonly entities: readonly StoredEntity[] }
  | { readonly kind: "decisions"; readonly decisions: readonly StoredDecision[] }
  | { readonly kind: "events-at"; readonly events: readonly StoredEvent[] };
