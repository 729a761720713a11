/** The connection and the outbox in one place: always visible, never more cheerful than the facts. Opens the outbox. */
import type { ConnectionStatus, SyncStatus } from "@tidelock/client";
import { useConnection, useSyncStatus } from "@tidelock/client/react";
import type { ReactNode } from "react";
import { timeAgo, useNow } from "../sync/relative-time.ts";

interface SyncPillProps {
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}

export function SyncPill({ isOpen, onToggle }: SyncPillProps): ReactNode {
  const status = useSyncStatus();
  const connection = useConnection();
  const now = useNow(1000);
  const { tone, title, detail } = pillOf(status, connection, now);
  return (
    <button
      type="button"
      className="sync-pill"
      data-tone={tone}
      data-phase={connection.phase}
      data-state={status.state}
      data-pending={status.pendingCount}
      aria-expanded={isOpen}
      aria-label={`${title}, ${detail}. Outbox`}
      title="Outbox (O)"
      onClick={onToggle}
    >
      <span className="sync-dot" aria-hidden="true" />
      <span className="sync-title">{title}</span>
      <span className="sync-detail">{detail}</span>
    </button>
  );
}

interface Pill {
  readonly tone: "good" | "busy" | "waiting" | "problem";
  readonly title: string;
  readonly detail: string;
}

function pillOf(status: SyncStatus, connection: ConnectionStatus, now: number): Pill {
  const { pendingCount, rejectedCount } = status;
  const last = status.lastSyncedAt === null ? "never synced" : `synced ${timeAgo(status.lastSyncedAt, now)}`;
  const waiting = pendingCount === 0 ? last : `${pendingCount} waiting`;
  if (status.state === "loading") return { tone: "busy", title: "Opening", detail: "reading this device's copy" };
  if (connection.phase === "connected" && rejectedCount > 0) {
    return {
      tone: "problem",
      title: `${rejectedCount} refused`,
      detail: pendingCount === 0 ? "the rest is synced" : waiting,
    };
  }
  switch (connection.phase) {
    case "connected":
      return pendingCount > 0
        ? { tone: "busy", title: "Syncing", detail: `${pendingCount} on the way` }
        : { tone: "good", title: "Live", detail: "everything synced" };
    case "needs-auth":
      return { tone: "problem", title: "Signed out", detail: waiting };
    case "upgrade-required":
      return { tone: "problem", title: "Reload needed", detail: waiting };
    case "stopped":
      return { tone: "problem", title: "Stopped", detail: waiting };
    case "offline":
      return { tone: "waiting", title: "Offline", detail: waiting };
    case "loading":
    case "connecting":
      return { tone: "busy", title: connectingTitle(connection, now), detail: waiting };
  }
}

function connectingTitle({ retryAt }: ConnectionStatus, now: number): string {
  const seconds = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1000);
  return seconds > 1 ? `Reconnecting in ${seconds} s` : "Connecting";
}
