/** Everything that a hub asks of its runtime. Effects are carried out in the order in which `handle` returns them. */
import type {
  Decision,
  DeviceId,
  DomainEvent,
  EntityId,
  ErrorCode,
  JsonValue,
  Millis,
  ServerMessage,
  SessionId,
} from "@tidelock/core";
import type { QueryResponse } from "./inquiry-records.ts";
import type { Commit } from "./records.ts";
import type { HubTimer, ReadRequest } from "./input.ts";

/** A message whose JSON text exists already: a chunk of a snapshot. */
export interface PreparedMessage {
  readonly type: "prepared";
  readonly json: string;
}

export type OutboundMessage = ServerMessage | PreparedMessage;

export type HubEffect =
  /** One message to many sessions: encode it once. The same message object is never changed afterwards. */
  | { readonly type: "send"; readonly sessions: readonly SessionId[]; readonly message: OutboundMessage }
  /** Close after what was sent before has gone out. */
  | { readonly type: "close"; readonly session: SessionId; readonly code: ErrorCode }
  /** Answer with `session-drained` as soon as little waits in the session's socket; at once if so already. */
  | { readonly type: "when-drained"; readonly session: SessionId }
  /** Answer with `append-done` or `append-failed`. At most one is under way. `events` are those of the commit, decoded. */
  | {
      readonly type: "append";
      readonly append: number;
      readonly commit: Commit;
      readonly events: readonly DomainEvent[];
    }
  /** Answer with `read-done` or `read-failed`. */
  | { readonly type: "read"; readonly read: number; readonly request: ReadRequest }
  | { readonly type: "set-timer"; readonly timer: HubTimer; readonly at: Millis }
  | { readonly type: "cancel-timer"; readonly timer: HubTimer }
  /** The answer to a reconcile: the body in the form of the wire, or a refusal. */
  | { readonly type: "answer"; readonly request: number; readonly answer: ReconcileAnswer }
  /** The answer to a query: the body in the form of the wire, or a refusal. */
  | { readonly type: "query-answer"; readonly request: number; readonly answer: QueryAnswer }
  /** Devices have durably integrated up to these offsets: save when convenient. */
  | { readonly type: "acknowledged"; readonly offsets: ReadonlyMap<DeviceId, number> }
  /** Something that operators want to know. */
  | {
      readonly type: "log";
      readonly level: "info" | "warn" | "error";
      readonly message: string;
      readonly facts: { readonly [name: string]: JsonValue };
    };

/** A refusal of a whole request. */
export interface RequestRefusal {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs?: Millis;
  /** Where to get what is needed. */
  readonly url?: string;
}

export type ReconcileAnswer = { readonly ok: true; readonly body: ReconcileResponse } | RequestRefusal;

export type QueryAnswer = { readonly ok: true; readonly body: QueryResponse } | RequestRefusal;

/** The response of `POST /sync/reconcile`, as DESIGN section 7 fixes it. */
export interface ReconcileResponse {
  readonly applied: readonly {
    readonly temp_id: string;
    readonly entity_id: EntityId;
    readonly version: string;
    readonly outcome: "applied" | "duplicate" | "merged" | "in-review";
  }[];
  readonly conflicts: readonly {
    readonly temp_id: string;
    readonly entity_id: EntityId;
    readonly field: string | null;
    readonly policy: string;
    readonly reason: string;
    readonly resolution: string;
    readonly server_value: JsonValue;
    /** The whole record, as on a socket. */
    readonly decision: Decision;
  }[];
  readonly rejected: readonly { readonly temp_id: string; readonly code: ErrorCode; readonly message: string }[];
  readonly state: readonly ReconcileEntity[];
  readonly checkpoint: string;
  readonly has_more: boolean;
}

/** A resolved entity; `deleted` or `withdrawn` ones have no fields. */
export interface ReconcileEntity {
  readonly collection: string;
  readonly entity_id: EntityId;
  readonly version: string;
  readonly deleted: boolean;
  readonly fields: { readonly [field: string]: JsonValue } | null;
}
