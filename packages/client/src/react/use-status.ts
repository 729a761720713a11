/** What the client says about itself: unsent work, the connection, the outbox, refused writes. */
import type { ConnectionStatus, OutboxEntry, RejectedEntry, SyncStatus, UnsentWork, Write } from "../api/client.ts";
import { useMemo } from "react";
import { useClient } from "./provider.ts";
import { useLive } from "./use-live.ts";

/** Unsaved and unsent work: `const { state, pendingCount, lastSyncedAt } = useSyncStatus();` */
export function useSyncStatus(): SyncStatus {
  return useLive(useClient().status);
}

/** The connection: `const { phase, isConnected, retryAt } = useConnection();` */
export function useConnection(): ConnectionStatus {
  return useLive(useClient().connection);
}

/** Mutations that the server has not confirmed, oldest first. */
export function useOutbox(): readonly OutboxEntry[] {
  return useLive(useClient().outbox);
}

export interface Rejected {
  readonly entries: readonly RejectedEntry[];
  readonly discard: (counter: number) => void;
  readonly retry: (counter: number) => Write;
  readonly edit: (counter: number, values: Readonly<Record<string, unknown>>) => Write;
  readonly export: () => UnsentWork;
}

/** Mutations that the server refused, and what to do with them. */
export function useRejected(): Rejected {
  const { rejected } = useClient();
  const entries = useLive(rejected);
  return useMemo(
    () => ({
      entries,
      discard: (counter) => rejected.discard(counter),
      retry: (counter) => rejected.retry(counter),
      edit: (counter, values) => rejected.edit(counter, values),
      export: () => rejected.export(),
    }),
    [entries, rejected],
  );
}
