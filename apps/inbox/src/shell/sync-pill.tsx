/** The connection and what is unsent, in one place: always visible, never more cheerful than the facts. */
import type { ConnectionStatus, SyncStatus } from "@tidelock/client";
import { useConnection, useSyncStatus } from "@tidelock/client/react";
import type { ReactNode } from "react";
import { useNow } from "./clock.ts";

export function SyncPill({ onOpen }: { readonly onOpen: () => void }): ReactNode {
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
      data-pending={status.pendingCount}
      aria-label={`${title}, ${detail}. Show what was decided here`}
      title="What was decided here"
      onClick={onOpen}
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

export function pillOf(
  { pendingCount }: Pick<SyncStatus, "pendingCount">,
  connection: ConnectionStatus,
  now: number,
): Pill {
  const waiting = pendingCount === 0 ? "nothing unsent" : `${pendingCount} waiting`;
  switch (connection.phase) {
    case "connected":
      return pendingCount > 0
        ? { tone: "busy", title: "Sending", detail: `${pendingCount} on the way` }
        : { tone: "good", title: "Live", detail: "everything sent" };
    case "needs-auth":
      return { tone: "problem", title: "Signed out", detail: waiting };
    case "upgrade-required":
      return { tone: "problem", title: "Reload needed", detail: waiting };
    case "stopped":
      return { tone: "problem", title: "Stopped", detail: waiting };
    case "offline":
      return { tone: "waiting", title: "Offline", detail: waiting };
    case "loading":
    case "connecting": {
      const seconds = connection.retryAt === null ? 0 : Math.ceil((connection.retryAt - now) / 1000);
      const title = seconds > 1 ? `Reconnecting in ${seconds} s` : "Connecting";
      return { tone: pendingCount > 0 ? "waiting" : "busy", title, detail: waiting };
    }
  }
}
