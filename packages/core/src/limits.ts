/**
 * Every bound of the wire and the engines, in one place, each with what breaks when it changes. A server can lower or
 * raise those of `ServerLimits`; the constants are part of the protocol and are the same for everyone.
 */

/** Levels of nesting in a JSON value. Deeper values are refused; raising it risks the stack of other languages' clients. */
export const MAX_VALUE_DEPTH = 32;
/** Conditions in one filter. More would let one subscription cost a server what thousands should. */
export const MAX_FILTER_CONDITIONS = 64;
/** Values in one `in` list of a filter. */
export const MAX_FILTER_VALUES = 256;
/** Characters of one filter as text: sessions keep their filters, and what they share is named by them. */
export const MAX_FILTER_CHARACTERS = 32_768;
/** Fields in one collection. Rows are positional; a change's field list is bounded by this. */
export const MAX_FIELDS = 256;
/** Elements of one set, items of one list. */
export const MAX_ELEMENTS = 1_000;
/** Characters of one row as JSON. A row must fit into a frame, with what stands around it. */
export const MAX_ROW_CHARACTERS = 1024 * 1024;
/** The same of a review's row, which holds its candidates and its entity's row. */
export const MAX_REVIEW_CHARACTERS = 3 * MAX_ROW_CHARACTERS;
/** Characters of a review's candidates as JSON. */
export const MAX_CANDIDATE_CHARACTERS = MAX_REVIEW_CHARACTERS / 3;
/** Candidates of one review. Each device has one, so only a crowd reaches it; who comes later is refused. */
export const MAX_CANDIDATES = 64;
/** Columns of one collection: its fields, those that it had in earlier versions of the schema, and the engine's own. */
export const MAX_COLUMNS = 1024;
/** Largest counter or offset on the wire: what a double holds exactly. */
export const MAX_COUNTER = Number.MAX_SAFE_INTEGER;
/** Bytes of a `hello` before authentication. Larger ones cost an attacker nothing and the server memory. */
export const MAX_HELLO_BYTES = 64 * 1024;
/** Bytes of one frame in either direction before the peer is refused. */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;
/** Levels of what a server says of values: an entity's fields, a list's operations and a review's candidates stand around one. */
export const MAX_SPOKEN_DEPTH = MAX_VALUE_DEPTH + 4;
/** Levels of nesting in one frame: a value's, and those of the message around it (`push-result` has the most, seven). */
export const MAX_FRAME_DEPTH = MAX_SPOKEN_DEPTH + 8;
/** Values in one binary frame: as many as JSON of the largest size can hold. Bounds what a frame costs in memory. */
export const MAX_FRAME_ITEMS = MAX_FRAME_BYTES / 2;
/** Mutations in one push. A client with more sends several pushes. */
export const MAX_PUSH_MUTATIONS = 1000;
/** Mutations in one transaction: it must fit in one push, one commit and one delta. */
export const MAX_TRANSACTION_MUTATIONS = 500;
/** Bytes of one mutation's values as JSON. */
export const MAX_MUTATION_BYTES = 256 * 1024;
/** Subscriptions of one session. */
export const MAX_SUBSCRIPTIONS = 64;
/** Bytes of one member's presence state as JSON. */
export const MAX_PRESENCE_BYTES = 4 * 1024;
/** Rooms that one session may be in. */
export const MAX_ROOMS = 16;
/** Dots kept one by one in an entity's version vector before the oldest fold into its floor. */
export const MAX_VECTOR_DOTS = 32;
/** How far ahead of the server a stamp may lie, milliseconds. Further ones are re-stamped (promise G22). */
export const MAX_CLOCK_DRIFT = 60_000;

/** What an operator may change. Units are in the names or comments; the defaults are safe on a machine of 1 GiB. */
export interface ServerLimits {
  /** Time a socket has to say `hello` and be authenticated, milliseconds; absolute, not refreshed by traffic. */
  readonly helloTimeoutMs: number;
  /** Sockets that may wait for authentication at once. */
  readonly maxUnauthenticated: number;
  /** Open sessions on this node. */
  readonly maxSessions: number;
  /** Open sessions of one tenant on this node. */
  readonly maxSessionsPerTenant: number;
  /** Open sessions of one user on this node. */
  readonly maxSessionsPerUser: number;
  /** Bytes that may wait in a session's socket before it counts as blocked: deltas wait in the log from then on. */
  readonly maxSocketBacklogBytes: number;
  /** Time a session may stay blocked before it is closed with `slow-consumer`, milliseconds. */
  readonly maxBlockedMs: number;
  /** Mutations per second that one session may push on average. */
  readonly mutationsPerSecond: number;
  /** Mutations that one session may push in a burst above the average. */
  readonly mutationBurst: number;
  /** Messages other than pushes per second and session. */
  readonly messagesPerSecond: number;
  /** Mutations waiting for the disk in one tenant before pushes are answered with `overloaded`. */
  readonly maxPendingMutations: number;
  /** Silence after which a session is pinged, milliseconds; after twice of it, closed. */
  readonly idleMs: number;
  /** Presence updates are sent to a room at most this often, milliseconds. */
  readonly presenceIntervalMs: number;
  /** Bytes of one HTTP request body. */
  readonly maxBodyBytes: number;
  /** Resolved entities in one answer of `POST /sync/reconcile`. */
  readonly maxReconcileState: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  helloTimeoutMs: 10_000,
  maxUnauthenticated: 5_000,
  maxSessions: 50_000,
  maxSessionsPerTenant: 50_000,
  maxSessionsPerUser: 1_000,
  maxSocketBacklogBytes: 1024 * 1024,
  maxBlockedMs: 60_000,
  mutationsPerSecond: 10_000,
  mutationBurst: 50_000,
  messagesPerSecond: 500,
  maxPendingMutations: 20_000,
  idleMs: 12_000,
  presenceIntervalMs: 50,
  maxBodyBytes: 4 * 1024 * 1024,
  maxReconcileState: 1000,
};
