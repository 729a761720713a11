/** What a tenant's hub keeps on the server's disk: the records that the engine makes and a storage holds. */
import type {
  Columns,
  Counter,
  DeviceId,
  EntityId,
  Epoch,
  Millis,
  Offset,
  Outcome,
  TenantId,
  UserId,
} from "@tidelock/core";

/** The tenant's log when it was opened. */
export interface TenantRecord {
  readonly epoch: Epoch;
  /** Offset of the last event; 0 when there is none. */
  readonly head: Offset;
  /** Events up to this offset have been trimmed: the log serves checkpoints from here on. */
  readonly floor: Offset;
  /** Events up to this offset have been published to the bus. */
  readonly published: Offset;
  /** Collection name to its columns. */
  readonly columns: ReadonlyMap<string, Columns>;
}

/** An event as stored: its offset, and its JSON text as `encodeEvent` wrote it. `remaining` keeps transactions whole. */
export interface StoredEvent {
  readonly offset: Offset;
  readonly remaining: number;
  readonly body: string;
}

/** An entity as stored. `row` is the JSON text of its values in column order, or `null` for a tombstone. */
export interface StoredEntity {
  readonly collection: string;
  readonly id: EntityId;
  readonly at: Offset;
  readonly row: string | null;
  /** JSON text that only the engine reads: last writes, vector, creator. */
  readonly meta: string;
}

/** How a mutation was decided; kept so that a repeated push gets the first answer. */
export interface Receipt {
  readonly device: DeviceId;
  readonly counter: Counter;
  /** The name that a plain HTTP client gave the mutation (`temp_id`); `null` when the counter is its only name. */
  readonly name: string | null;
  readonly outcome: Outcome;
  /** Offset of the event; 0 when rejected. */
  readonly offset: Offset;
  /** JSON text of the `ResultDetail`, or `null`. */
  readonly detail: string | null;
}

export interface DeviceRecord {
  readonly device: DeviceId;
  readonly user: UserId;
  /** Highest counter decided. */
  readonly decided: Counter;
  /** Highest offset that the device has acknowledged. */
  readonly acknowledged: Offset;
  readonly seenAt: Millis;
}

/**
 * A decision of the log, as stored: the fields that a query may ask for, and the whole record as JSON text that only the
 * engine reads. It outlives its event: a value that lost is never gone (promise G25).
 */
export interface StoredDecision {
  /** Offset of its event, and its position among the event's decisions. Together they name it. */
  readonly offset: Offset;
  readonly index: number;
  readonly collection: string;
  readonly entity: EntityId;
  /** `null`: the whole entity was at stake. */
  readonly field: string | null;
  readonly policy: string;
  /** Which side stands; see `Decision.winner`. */
  readonly winner: string;
  readonly time: Millis;
  readonly body: string;
}

/** Which decisions are wanted: those that have all that is given. */
export interface DecisionQuery {
  readonly collection?: string | undefined;
  readonly entity?: EntityId | undefined;
  readonly field?: string | undefined;
  readonly policy?: string | undefined;
  readonly winner?: string | undefined;
  /** Only those before this one, which is not included; for the next page. */
  readonly before?: { readonly offset: Offset; readonly index: number } | undefined;
}

/** One tenant's part of an append. */
export interface Commit {
  readonly tenant: TenantId;
  /** The head that this was planned on. The events continue it: head + 1, head + 2, … */
  readonly head: Offset;
  readonly events: readonly StoredEvent[];
  /** Final states, each entity at most once. */
  readonly entities: readonly StoredEntity[];
  readonly receipts: readonly Receipt[];
  /** The decisions of `events`, in their order. */
  readonly decisions: readonly StoredDecision[];
  /** Devices registered or moved on by this commit, each at most once. */
  readonly devices: readonly DeviceRecord[];
  /** The columns of collections whose list has grown; usually empty. */
  readonly columns: readonly (readonly [string, Columns])[];
}

/** Rows of one collection as of one offset, prepared as sent: each chunk is the JSON text of a whole `rows` message. */
export interface Snapshot {
  readonly offset: Offset;
  readonly count: number;
  readonly chunks: readonly string[];
}
