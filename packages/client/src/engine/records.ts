/** What a replica keeps on its device's disk: the records that the engine makes and a store holds. */
import type {
  Counter,
  DeviceId,
  EntityId,
  Epoch,
  FieldValues,
  JsonValue,
  Mutation,
  MutatorEffect,
  Offset,
  Outcome,
  ResultDetail,
  UserId,
} from "@tidelock/core";

/** A row of the confirmed state: the offset of its last event and its values in column order. */
export interface StoredRow {
  readonly collection: string;
  readonly id: EntityId;
  readonly at: Offset;
  readonly values: readonly JsonValue[];
}

/** A mutation in the outbox, or one that was rejected and waits for the user. */
export interface StoredMutation extends Mutation {
  /** `queued`: not known to be decided. `decided`: in the log at `offset`, waiting for the delta that brings it. */
  readonly state: "queued" | "decided" | "rejected";
  readonly offset: Offset;
  readonly outcome: Outcome | null;
  readonly detail: ResultDetail | null;
  /** When the user made it, milliseconds since 1970. */
  readonly createdAt: number;
  /** Once decided: what is shown of it instead of `fields`, because some of that lost or waits for a person. */
  readonly shown?: FieldValues;
  /** What a call or a decision writes, as far as this device can tell; the server has the last word. */
  readonly effects?: readonly MutatorEffect[];
}

export interface StoredSubscription {
  readonly collection: string;
  /** The filter as data, and as its canonical text, which names the subscription. */
  readonly filter: string;
  /** The server's key of the snapshot that is whole as of the checkpoint; `null` while it is not. */
  readonly key: string | null;
}

/** The single facts of a replica. */
export interface StoredFacts {
  readonly device: DeviceId;
  /** The version of the schema that the store was last written with; missing where no version was noted yet. */
  readonly schemaVersion?: number;
  readonly epoch: Epoch | null;
  readonly checkpoint: Offset;
  /** Highest counter given to a mutation. */
  readonly counter: Counter;
  /** Highest counter whose decision is known. */
  readonly decided: Counter;
  /** Last stamp of the hybrid clock. */
  readonly stamp: string;
  readonly columns: Readonly<Record<string, readonly string[]>>;
  readonly subscriptions: readonly StoredSubscription[];
  /** Temporary ids and the ids that the server assigned. */
  readonly assigned: readonly (readonly [EntityId, EntityId])[];
  readonly lastSyncedAt: number | null;
  /** Whose device it is, as the server last said; missing in what older versions stored. */
  readonly user?: UserId | null;
}

export interface StoredReplica {
  /** `null` when the store is new. */
  readonly facts: StoredFacts | null;
  readonly rows: readonly StoredRow[];
  /** In counter order. */
  readonly mutations: readonly StoredMutation[];
}

/** One atomic change of a store. */
export interface StoreBatch {
  readonly facts: StoredFacts | null;
  /** First of all: forget every row of these collections. */
  readonly clear: readonly string[];
  readonly put: readonly StoredRow[];
  readonly remove: readonly (readonly [string, EntityId])[];
  /** Insert or replace, by counter. */
  readonly putMutations: readonly StoredMutation[];
  readonly removeMutations: readonly Counter[];
}
