/** What the API reads of a replica. The engine's `Replica` has this form; so can a stand-in in a test. */
import type { DeviceId, EntityId, Filter, JsonValue, RoomName } from "@tidelock/core";
import type { StoredMutation } from "../engine/records.ts";
import type { ConnectionStatus, SyncState } from "./client.ts";

/** An entity as it is now: its id and its fields. Frozen, and the same object while nothing of it has changed. */
export interface EntityView {
  readonly id: string;
  readonly [field: string]: JsonValue;
}

export interface PresenceMember {
  readonly session: string;
  readonly device: string;
  readonly user: string;
  readonly clock: number;
  readonly state: JsonValue;
  readonly self: boolean;
}

export interface ReplicaStatusView {
  readonly phase: ConnectionStatus["phase"];
  readonly pendingCount: number;
  readonly oldestPendingAt: number | null;
  readonly lastError: ConnectionStatus["lastError"];
  readonly lastSyncedAt: number | null;
  readonly rejectedCount: number;
  readonly retryAt: number | null;
  readonly upgrade: ConnectionStatus["upgrade"];
}

export interface ReplicaView {
  readonly device: DeviceId | null;
  readonly status: ReplicaStatusView;
  readonly outbox: readonly StoredMutation[];
  readonly rejected: readonly StoredMutation[];
  get(collection: string, id: EntityId): EntityView | null;
  ids(collection: string): Iterable<EntityId>;
  syncState(collection: string, id: EntityId): SyncState;
  marks(collection: string, id: EntityId): ReadonlyMap<string, EntityId>;
  isComplete(collection: string, filter: Filter): boolean;
  presence(room: RoomName): readonly PresenceMember[];
  resolveId(id: EntityId): EntityId;
  keyOf(id: EntityId): string;
}
