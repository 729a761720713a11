/** The outbox: every change that the server has not confirmed, what it refused and why, and how safe this copy is. */
import { useConnection, useOutbox, useRejected, useSyncStatus } from "@tidelock/client/react";
import { Download, X } from "lucide-react";
import { type ReactNode, useEffect, useRef, useSyncExternalStore } from "react";
import { useSession } from "../session/board-session.tsx";
import { useNow } from "../sync/relative-time.ts";
import { downloadUnsentWork } from "./export.ts";
import { OutboxRow, SyncedRow } from "./outbox-rows.tsx";
import { RejectedRows } from "./rejected-rows.tsx";
import { StorageFacts } from "./storage-facts.tsx";

const SHOWN = 100;

export function Outbox({ onClose }: { readonly onClose: () => void }): ReactNode {
  const entries = useOutbox();
  const { entries: rejected, export: unsentWork } = useRejected();
  const { synced: recentlySynced } = useSession();
  const synced = useSyncExternalStore(recentlySynced.subscribe, recentlySynced.get);
  const { isConnected } = useConnection();
  const now = useNow(10_000);
  const panel = useRef<HTMLElement>(null);

  useEffect(() => {
    panel.current?.focus();
  }, []);

  return (
    <aside
      ref={panel}
      className="drawer"
      aria-label="Outbox"
      tabIndex={-1}
      onKeyDown={(event) => (event.key === "Escape" ? onClose() : undefined)}
    >
      <header className="drawer-head">
        <h2>Outbox</h2>
        <button
          type="button"
          className="icon-button"
          aria-label="Close the outbox"
          title="Close (Esc)"
          onClick={onClose}
        >
          <X size={18} />
        </button>
      </header>
      <div className="drawer-body">
        <Summary />
        {rejected.length === 0 ? null : (
          <Group name="Refused" count={rejected.length}>
            <RejectedRows entries={rejected} now={now} />
          </Group>
        )}
        {entries.length === 0 ? null : (
          <Group name={isConnected ? "On the way" : "Waiting"} count={entries.length}>
            {entries.slice(0, SHOWN).map((entry) => (
              <OutboxRow key={entry.counter} entry={entry} isConnected={isConnected} now={now} />
            ))}
            {entries.length > SHOWN ? <li className="is-faint">and {entries.length - SHOWN} more</li> : null}
          </Group>
        )}
        {rejected.length + entries.length === 0 ? null : (
          <button type="button" className="link-button outbox-export" onClick={() => downloadUnsentWork(unsentWork())}>
            <Download size={13} aria-hidden="true" /> Save what is unsent as a file
          </button>
        )}
        {synced.length === 0 ? null : (
          <Group name="Synced" count={null}>
            {synced.map((entry) => (
              <SyncedRow key={entry.counter} entry={entry} now={now} />
            ))}
          </Group>
        )}
      </div>
      <StorageFacts />
    </aside>
  );
}

/** The state of it all in one sentence. */
function Summary(): ReactNode {
  const { pendingCount, rejectedCount } = useSyncStatus();
  const { isConnected } = useConnection();
  const changes = pendingCount === 1 ? "1 change" : `${pendingCount} changes`;
  const words =
    pendingCount > 0
      ? isConnected
        ? `${changes} on the way to the server.`
        : `${changes} kept on this device. They are sent as soon as the server can be reached.`
      : rejectedCount > 0
        ? "Everything else has been sent."
        : "Nothing waits: the server has everything that was done here.";
  return <p className="drawer-summary">{words}</p>;
}

interface GroupProps {
  readonly name: string;
  readonly count: number | null;
  readonly children: ReactNode;
}

function Group({ name, count, children }: GroupProps): ReactNode {
  return (
    <section className="drawer-group">
      <h3>
        {name} {count === null ? null : <span className="count">{count}</span>}
      </h3>
      <ol>{children}</ol>
    </section>
  );
}
