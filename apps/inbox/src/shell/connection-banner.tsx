/** Said across the page while decisions cannot reach the server: what that means for what one does now. */
import type { ConnectionStatus } from "@tidelock/client";
import { useConnection, useSyncStatus } from "@tidelock/client/react";
import { CloudOff, RefreshCw } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";

/** A connection that is back sooner is not worth a word. */
const PATIENCE_MS = 1_500;

export function ConnectionBanner(): ReactNode {
  const connection = useConnection();
  const { pendingCount } = useSyncStatus();
  const isAway = useLasting(isLost(connection), PATIENCE_MS);
  // The page takes its schema from the server: what it needs is to be opened again.
  if (connection.phase === "upgrade-required" || connection.upgrade !== null) {
    return (
      <p className="banner" role="status" data-tone="problem">
        <RefreshCw size={16} aria-hidden="true" />
        <span>The application has changed since this page was opened.</span>
        <button type="button" className="link-button" onClick={() => location.reload()}>
          Reload
        </button>
      </p>
    );
  }
  if (!isAway) return null;
  return (
    <p className="banner" role="status" data-tone="waiting">
      <CloudOff size={16} aria-hidden="true" />
      <span>
        <strong>No connection.</strong> You can go on: what you decide is kept in this tab and sent when the server is
        back.
        {pendingCount === 0
          ? ""
          : ` Do not close the tab: ${pendingCount === 1 ? "1 change waits" : `${pendingCount} changes wait`}.`}
      </span>
    </p>
  );
}

function isLost({ phase }: ConnectionStatus): boolean {
  return phase === "offline" || phase === "connecting" || phase === "stopped";
}

/** Whether something has been so for a while. */
function useLasting(isSo: boolean, forMs: number): boolean {
  const [lasts, setLasts] = useState(false);
  useEffect(() => {
    if (!isSo) return undefined;
    const timer = setTimeout(() => setLasts(true), forMs);
    return () => {
      clearTimeout(timer);
      setLasts(false);
    };
  }, [isSo, forMs]);
  return isSo && lasts;
}
