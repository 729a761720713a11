/**
 * The messages of a session, both ways, once: their TypeScript form and the shape that checks them.
 *
 * The story of a session:
 *   device → hello         who I am, what I hold (epoch, checkpoint, counter), what I want (subscriptions)
 *   server → welcome       the version chosen, the log's epoch, the columns of each collection, results I may have missed
 *   server → resync?       the checkpoint is of no use here, and why: snapshots follow
 *   server → delta…        what happened after the checkpoint, for subscriptions that were complete
 *   server → snapshot, rows…, delta?, snapshot-end   for each subscription that was not
 *   device → push          mutations in counter order; whole transactions
 *   server → push-result   one result per mutation, after the disk has it
 *   server → delta         at most one per audience and commit, the author included
 *   device → ack           everything up to this offset is on the device's disk
 *
 * Rows and changes are positional: values stand in the order of the collection's columns, as `welcome` lists them. A
 * frame never depends on the frames before it for its own decoding, so one encoding serves every socket.
 */
import type { JsonValue } from "../base/json.ts";
import { type ErrorCode, isErrorWord } from "../errors.ts";
import {
  type Counter,
  type DeviceId,
  type EntityId,
  type Epoch,
  isName,
  type Millis,
  type Offset,
  parseDeviceId,
  parseEntityId,
  parseEpoch,
  parseRoomName,
  parseSessionId,
  parseUserId,
  type RoomName,
  type SessionId,
  type UserId,
} from "../ids.ts";
import {
  MAX_COLUMNS,
  MAX_COUNTER,
  MAX_FIELDS,
  MAX_PUSH_MUTATIONS,
  MAX_SUBSCRIPTIONS,
  MAX_TRANSACTION_MUTATIONS,
} from "../limits.ts";
import { type FieldValues, type Operation, OPERATIONS } from "../mutation/mutation.ts";
import type { Filter } from "../filter/filter.ts";
import type { Decision } from "../resolve/decision.ts";
import { parseStamp, type Stamp } from "../time/hlc.ts";
import {
  boolean,
  dictionary,
  integer,
  json,
  list,
  literal,
  nullable,
  object,
  oneWordOf,
  optional,
  parsed,
  type Shape,
  spokenJson,
  text,
  tuple,
  union,
} from "./shape.ts";

// ── device → server ────────────────────────────────────────────────────────────────────────────────────────────────

export interface SubscriptionRequest {
  /** The session's own number for it. */
  readonly id: number;
  readonly collection: string;
  readonly where: Filter;
  /**
   * The `key` of the snapshot that the device holds whole as of its checkpoint; `null` asks for a snapshot. `"*"` says that
   * it holds all of it, whatever the rules were: for streams that have nothing but a checkpoint.
   */
  readonly key: string | null;
}

export interface Hello {
  readonly type: "hello";
  /** Lowest and highest protocol version that the device speaks. */
  readonly protocol: readonly [number, number];
  readonly schema: { readonly version: number; readonly hash: string };
  /** Name and version of the SDK, and the platform, for people: `tidelock-js/0.1.0 browser`. */
  readonly sdk: string;
  readonly device: DeviceId;
  readonly token: string;
  /** What the device holds; `null` and 0 when it is new. */
  readonly epoch: Epoch | null;
  readonly checkpoint: Offset;
  /** Up to this counter the device knows how its mutations were decided. */
  readonly decided: Counter;
  readonly subscriptions: readonly SubscriptionRequest[];
}

export interface Auth {
  readonly type: "auth";
  readonly token: string;
}

export interface Subscribe extends SubscriptionRequest {
  readonly type: "subscribe";
}

export interface Unsubscribe {
  readonly type: "unsubscribe";
  readonly id: number;
}

/** counter, operation, collection, entity, fields, seen, stamp, remaining: see `Mutation`. */
export type MutationRow = readonly [Counter, Operation, string, EntityId, FieldValues, Offset, Stamp, number];

export interface Push {
  readonly type: "push";
  readonly mutations: readonly MutationRow[];
}

export interface Ack {
  readonly type: "ack";
  readonly offset: Offset;
}

export interface PresenceRequest {
  readonly type: "presence";
  readonly room: RoomName;
  readonly action: "join" | "update" | "leave";
  /** Lamport time of this fact at its writer. */
  readonly clock: number;
  readonly state: JsonValue;
}

export interface Ping {
  readonly type: "ping";
  readonly nonce: number;
}

export type ClientMessage = Hello | Auth | Subscribe | Unsubscribe | Push | Ack | PresenceRequest | Ping | Pong;

// ── server → device ────────────────────────────────────────────────────────────────────────────────────────────────

export interface Welcome {
  readonly type: "welcome";
  readonly protocol: number;
  readonly session: SessionId;
  readonly user: UserId;
  readonly epoch: Epoch;
  /** The log's last offset. */
  readonly head: Offset;
  /** The server's clock, milliseconds. */
  readonly time: Millis;
  /** The order in which rows of each collection hold their values. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
  /** The highest counter of this device that the server has decided: the next mutation is one more. */
  readonly decided: Counter;
  /** The subscriptions of `hello` that go on from the checkpoint. All others start over: a snapshot follows for each. */
  readonly whole: readonly number[];
  /** Results after the `decided` of `hello`, in order: answers that were lost on the way. */
  readonly results: readonly ResultRow[];
  /** When the token expires; `null` when it does not. */
  readonly expires: Millis | null;
  readonly limits: { readonly frameBytes: number; readonly pushMutations: number; readonly idleMs: Millis };
  /** A newer application is wanted but not required. */
  readonly upgrade: { readonly message: string; readonly url: string } | null;
}

export type Outcome = "applied" | "duplicate" | "merged" | "in-review" | "rejected";

export interface ResultDetail {
  /** The id that the server assigned in place of the temporary one. */
  readonly entity?: EntityId | undefined;
  readonly code?: ErrorCode | undefined;
  readonly message?: string | undefined;
  readonly conflicts?: readonly Decision[] | undefined;
  /** For a duplicate: what the first answer was. */
  readonly original?: Outcome | undefined;
}

/** counter, outcome, the event's offset (0 when rejected), and what else there is to say. */
export type ResultRow = readonly [Counter, Outcome, Offset, ResultDetail?];

export interface PushResult {
  readonly type: "push-result";
  readonly results: readonly ResultRow[];
}

/** The device's state of every subscription is void; why. Snapshots follow. */
export interface Resync {
  readonly type: "resync";
  readonly reason: "epoch-changed" | "checkpoint-expired" | "version-invalid";
  readonly epoch: Epoch;
}

/** Rows of one subscription follow, as of `offset`. */
export interface SnapshotStart {
  readonly type: "snapshot";
  readonly subscription: number;
  readonly collection: string;
  readonly offset: Offset;
  /** What is in it: filter and rule, as one opaque text. The device returns it in `hello`. */
  readonly key: string;
}

/** entity, offset of its last event, values. */
export type EntityRow = readonly [EntityId, Offset, readonly JsonValue[]];

export interface Rows {
  readonly type: "rows";
  readonly collection: string;
  readonly offset: Offset;
  readonly rows: readonly EntityRow[];
}

/** The subscription is whole as of `offset`; the stream goes on from there. */
export interface SnapshotEnd {
  readonly type: "snapshot-end";
  readonly subscription: number;
  readonly offset: Offset;
}

/** The device's `unsubscribe` has been carried out: from here on the stream no longer brings what only it wanted. */
export interface Unsubscribed {
  readonly type: "unsubscribed";
  readonly subscription: number;
}

/**
 * One entity's change within a delta; the first position says which kind:
 * - 0 put: collection, entity, offset, all values. It came into view, or was created.
 * - 1 patch: collection, entity, offset, column position and value in turn.
 * - 2 deleted: collection, entity, offset. A tombstone.
 * - 3 withdrawn: collection, entity, offset. It exists, but not for this device any more.
 */
export type ChangeRow =
  | readonly [0, string, EntityId, Offset, readonly JsonValue[]]
  | readonly [1, string, EntityId, Offset, readonly JsonValue[]]
  | readonly [2 | 3, string, EntityId, Offset];

export interface Delta {
  readonly type: "delta";
  /** Applies to a device whose checkpoint is exactly this. */
  readonly from: Offset;
  /** The checkpoint afterwards. */
  readonly to: Offset;
  /** Set while a snapshot is being completed: the delta brings only this subscription from `from` to `to`. */
  readonly subscription?: number | undefined;
  /** The server's hybrid clock when it was made: not before any stamp in the log. */
  readonly time: Millis;
  readonly changes: readonly ChangeRow[];
}

/** session, device, user, Lamport time, state (`null`: gone). */
export type MemberRow = readonly [SessionId, DeviceId, UserId, number, JsonValue];

export interface PresenceUpdate {
  readonly type: "presence";
  readonly room: RoomName;
  /** Whether `members` is everyone in the room, or only those who changed. */
  readonly whole: boolean;
  readonly members: readonly MemberRow[];
}

export interface Pong {
  readonly type: "pong";
  readonly nonce: number;
}

/** The token was accepted; it expires then. */
export interface AuthAccepted {
  readonly type: "auth";
  readonly expires: Millis | null;
}

/** The server closes this session; connect again after about `retryAfterMs` (spread out). */
export interface GoAway {
  readonly type: "goaway";
  readonly reason: ErrorCode;
  readonly retryAfterMs: Millis;
}

/** Something was refused. When `fatal`, the session ends; `about` names the message part. */
export interface Refusal {
  readonly type: "refusal";
  readonly code: ErrorCode;
  readonly message: string;
  readonly fatal: boolean;
  readonly retryAfterMs?: Millis | undefined;
  readonly about?:
    | {
        readonly subscription?: number | undefined;
        readonly counter?: Counter | undefined;
        readonly room?: RoomName | undefined;
      }
    | undefined;
  /** Where to get what is needed, with `upgrade-required`. */
  readonly url?: string | undefined;
}

export type ServerMessage =
  | Welcome
  | PushResult
  | Resync
  | SnapshotStart
  | Rows
  | SnapshotEnd
  | Unsubscribed
  | Delta
  | PresenceUpdate
  | Ping
  | Pong
  | AuthAccepted
  | GoAway
  | Refusal;

// ── shapes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const offset: Shape<number> = integer(0, MAX_COUNTER);
const counter: Shape<number> = integer(1, MAX_COUNTER);
const device: Shape<DeviceId> = parsed(parseDeviceId, "a device id");
const entity: Shape<EntityId> = parsed(parseEntityId, "an entity id");
const epoch: Shape<Epoch> = parsed(parseEpoch, "an epoch");
const session: Shape<SessionId> = parsed(parseSessionId, "a session id");
const user: Shape<UserId> = parsed(parseUserId, "a user id");
const room: Shape<RoomName> = parsed(parseRoomName, "a room name");
const stamp: Shape<Stamp> = parsed(parseStamp, "a stamp of 16 hexadecimal digits");
const name: Shape<string> = parsed((value) => (isName(value) ? value : null), "a name");
/** A newer peer may have codes that are not in this catalogue: `knownCode` says what to take them for. */
const code: Shape<ErrorCode> = parsed((value) => (isErrorWord(value) ? value : null), "an error code");
const token: Shape<string> = text(16_384);
/** Filters are checked against their collection later, by `filterProblem`. */
const where = dictionary(json, 64) as Shape<Filter>;
const values: Shape<readonly JsonValue[]> = list(spokenJson, 2 * MAX_COLUMNS);
const nonce: Shape<number> = integer(0, MAX_COUNTER);

const subscription = {
  id: integer(0, 1_000_000_000),
  collection: name,
  where,
  key: nullable(text(32_768)),
};

const contender = object<Decision["current"]>({
  device,
  counter,
  user: nullable(user),
  offset,
  seen: nullable(offset),
  stamp,
  value: spokenJson,
});
export const DECISION: Shape<Decision> = object<Decision>({
  field: nullable(name),
  policy: text(200),
  policyVersion: integer(1),
  winner: oneWordOf(["current", "incoming", "merged", "review"]),
  value: spokenJson,
  reason: text(1000),
  base: optional(spokenJson),
  current: contender,
  incoming: contender,
});

export const MUTATION_ROW: Shape<MutationRow> = tuple<MutationRow>(
  counter,
  oneWordOf(OPERATIONS),
  name,
  entity,
  dictionary(json, MAX_FIELDS),
  offset,
  stamp,
  integer(0, MAX_TRANSACTION_MUTATIONS - 1),
);

const ping: Shape<Ping> = object<Ping>({ type: literal("ping"), nonce });
const pong: Shape<Pong> = object<Pong>({ type: literal("pong"), nonce });

export const CLIENT_MESSAGE: Shape<ClientMessage> = union<ClientMessage>({
  hello: object<Hello>({
    type: literal("hello"),
    protocol: tuple<readonly [number, number]>(integer(1, 10_000), integer(1, 10_000)),
    schema: object<Hello["schema"]>({ version: integer(1), hash: text(64) }),
    sdk: text(256),
    device,
    token,
    epoch: nullable(epoch),
    checkpoint: offset,
    decided: offset,
    subscriptions: list(object<SubscriptionRequest>(subscription), MAX_SUBSCRIPTIONS),
  }),
  auth: object<Auth>({ type: literal("auth"), token }),
  subscribe: object<Subscribe>({ type: literal("subscribe"), ...subscription }),
  unsubscribe: object<Unsubscribe>({ type: literal("unsubscribe"), id: subscription.id }),
  push: object<Push>({ type: literal("push"), mutations: list(MUTATION_ROW, MAX_PUSH_MUTATIONS) }),
  ack: object<Ack>({ type: literal("ack"), offset }),
  presence: object<PresenceRequest>({
    type: literal("presence"),
    room,
    action: oneWordOf(["join", "update", "leave"]),
    clock: integer(0),
    state: json,
  }),
  ping,
  pong,
});

/** Every element of a set may be at stake, in several fields. */
const MAX_CONFLICTS = 100_000;
const resultDetail = object<ResultDetail>({
  entity: optional(entity),
  code: optional(code),
  message: optional(text(4000)),
  conflicts: optional(list(DECISION, MAX_CONFLICTS)),
  original: optional(oneWordOf(["applied", "duplicate", "merged", "in-review", "rejected"])),
});
export const RESULT_ROW: Shape<ResultRow> = tuple<ResultRow>(
  counter,
  oneWordOf(["applied", "duplicate", "merged", "in-review", "rejected"]),
  offset,
  optional(resultDetail),
);
const results: Shape<readonly ResultRow[]> = list(RESULT_ROW, 1_000_000);

const changeRow: Shape<ChangeRow> = {
  jsonSchema: {
    description:
      "[0, collection, entity, offset, values] | [1, collection, entity, offset, [position, value, …]] | [2 or 3, collection, entity, offset]",
    type: "array",
    prefixItems: [
      { type: "integer", minimum: 0, maximum: 3 },
      name.jsonSchema,
      entity.jsonSchema,
      offset.jsonSchema,
      values.jsonSchema,
    ],
    minItems: 4,
    maxItems: 5,
  },
  omissible: false,
  problem(value, at) {
    if (!Array.isArray(value)) return `${at} must be a list`;
    const kind: unknown = value[0];
    if (kind !== 0 && kind !== 1 && kind !== 2 && kind !== 3) return `${at}[0] must be 0, 1, 2 or 3`;
    if (value.length !== (kind <= 1 ? 5 : 4)) return `${at} must be a list of ${kind <= 1 ? 5 : 4} items`;
    return (
      name.problem(value[1], `${at}[1]`) ??
      entity.problem(value[2], `${at}[2]`) ??
      offset.problem(value[3], `${at}[3]`) ??
      (kind <= 1 ? values.problem(value[4], `${at}[4]`) : null)
    );
  },
};

const refusalAbout = object<NonNullable<Refusal["about"]>>({
  subscription: optional(subscription.id),
  counter: optional(counter),
  room: optional(room),
});

export const SERVER_MESSAGE: Shape<ServerMessage> = union<ServerMessage>({
  "welcome": object<Welcome>({
    type: literal("welcome"),
    protocol: integer(1),
    session,
    user,
    epoch,
    head: offset,
    time: integer(0),
    columns: dictionary(list(name, MAX_COLUMNS), 1000),
    decided: offset,
    whole: list(subscription.id, MAX_SUBSCRIPTIONS),
    results,
    expires: nullable(integer(0)),
    limits: object<Welcome["limits"]>({ frameBytes: integer(1), pushMutations: integer(1), idleMs: integer(1) }),
    upgrade: nullable(object<NonNullable<Welcome["upgrade"]>>({ message: text(1000), url: text(2000) })),
  }),
  "push-result": object<PushResult>({ type: literal("push-result"), results }),
  "resync": object<Resync>({
    type: literal("resync"),
    reason: oneWordOf(["epoch-changed", "checkpoint-expired", "version-invalid"]),
    epoch,
  }),
  "snapshot": object<SnapshotStart>({
    type: literal("snapshot"),
    subscription: subscription.id,
    collection: name,
    offset,
    key: text(32_768),
  }),
  "rows": object<Rows>({
    type: literal("rows"),
    collection: name,
    offset,
    rows: list(tuple<EntityRow>(entity, offset, values), 1_000_000),
  }),
  "snapshot-end": object<SnapshotEnd>({ type: literal("snapshot-end"), subscription: subscription.id, offset }),
  "unsubscribed": object<Unsubscribed>({ type: literal("unsubscribed"), subscription: subscription.id }),
  "delta": object<Delta>({
    type: literal("delta"),
    from: offset,
    to: offset,
    subscription: optional(subscription.id),
    time: integer(0),
    changes: list(changeRow, 1_000_000),
  }),
  "presence": object<PresenceUpdate>({
    type: literal("presence"),
    room,
    whole: boolean,
    members: list(tuple<MemberRow>(session, device, user, integer(0), json), 100_000),
  }),
  ping,
  pong,
  "auth": object<AuthAccepted>({ type: literal("auth"), expires: nullable(integer(0)) }),
  "goaway": object<GoAway>({ type: literal("goaway"), reason: code, retryAfterMs: integer(0) }),
  "refusal": object<Refusal>({
    type: literal("refusal"),
    code,
    message: text(4000),
    fatal: boolean,
    retryAfterMs: optional(integer(0)),
    about: optional(refusalAbout),
    url: optional(text(2000)),
  }),
});
