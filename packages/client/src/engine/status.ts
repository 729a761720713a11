/** What a replica says of itself. */
import type { ErrorCode, Millis } from "@tidelock/core";

export type Phase = "loading" | "offline" | "connecting" | "connected" | "needs-auth" | "upgrade-required";

export interface ReplicaStatus {
  readonly phase: Phase;
  /** Mutations whose decision is not known. */
  readonly pendingCount: number;
  readonly oldestPendingAt: Millis | null;
  readonly rejectedCount: number;
  readonly lastError: { readonly code: ErrorCode; readonly message: string } | null;
  /** When the device last had sent everything and knew everything. */
  readonly lastSyncedAt: Millis | null;
  /** When the next attempt to connect is made; `null` when none is planned. */
  readonly retryAt: Millis | null;
  readonly upgrade: { readonly required: boolean; readonly message: string; readonly url: string } | null;
}

/** Of one entity: has everything of it been decided, sent, or neither. */
export type SyncState = "synced" | "pending" | "syncing" | "conflicted" | "in-review" | "rejected";
