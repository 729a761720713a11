/**
 * The replica's facts as the status that applications show. Honest: `synced` is said only when nothing is pending and
 * nothing was refused without the user having seen to it.
 */
import type { ErrorCode } from "@tidelock/core";
import type { StoredMutation } from "../engine/records.ts";
import type { Durability } from "../store/store.ts";
import type { ConnectionStatus, OutboxEntry, RejectedEntry, SyncStatus } from "./client.ts";
import type { ReplicaStatusView } from "./replica-view.ts";

/** @param isOpen whether the store has been read */
export function syncStatusOf(status: ReplicaStatusView, isOpen: boolean, storage: Durability): SyncStatus {
  const { pendingCount, oldestPendingAt, rejectedCount, lastSyncedAt } = status;
  return { state: stateOf(status, isOpen), pendingCount, oldestPendingAt, rejectedCount, lastSyncedAt, storage };
}

function stateOf(status: ReplicaStatusView, isOpen: boolean): SyncStatus["state"] {
  if (!isOpen) return "loading";
  if (status.pendingCount > 0) return status.phase === "connected" ? "syncing" : "pending";
  return status.rejectedCount > 0 ? "rejected" : "synced";
}

export function connectionStatusOf(
  { phase, retryAt, lastError, upgrade }: ReplicaStatusView,
  isStopped: boolean,
  transport: string | null,
): ConnectionStatus {
  if (isStopped) return { phase: "stopped", isConnected: false, transport: null, retryAt: null, lastError, upgrade };
  const isTrying = phase === "connecting" || phase === "connected";
  return {
    phase,
    isConnected: phase === "connected",
    transport: isTrying ? transport : null,
    retryAt,
    lastError,
    upgrade,
  };
}

/** Entries are made once per stored mutation, so that lists can be compared by their items. */
export class MutationEntries {
  readonly #outbox = new WeakMap<StoredMutation, OutboxEntry>();
  readonly #rejected = new WeakMap<StoredMutation, RejectedEntry>();

  outboxEntry(mutation: StoredMutation): OutboxEntry {
    let entry = this.#outbox.get(mutation);
    if (entry === undefined) {
      entry = { ...partsOf(mutation), state: mutation.state === "decided" ? "decided" : "queued" };
      this.#outbox.set(mutation, entry);
    }
    return entry;
  }

  /** @param causedBy the number of the refused create without which it could not stand */
  rejectedEntry(mutation: StoredMutation, causedBy: number | null): RejectedEntry {
    let entry = this.#rejected.get(mutation);
    if (entry === undefined || entry.causedBy !== causedBy) {
      const code: ErrorCode = mutation.detail?.code ?? "internal";
      entry = { ...partsOf(mutation), code, message: mutation.detail?.message ?? "", causedBy };
      this.#rejected.set(mutation, entry);
    }
    return entry;
  }
}

function partsOf({
  counter,
  operation,
  collection,
  entity,
  fields,
  createdAt,
}: StoredMutation): Omit<OutboxEntry, "state"> {
  return { counter, operation, collection, id: entity, fields, createdAt };
}
