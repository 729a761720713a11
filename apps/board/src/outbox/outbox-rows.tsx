/** One mutation in the outbox: what it does, to which card, and how far it has come. */
import type { OutboxEntry, RejectedEntry } from "@tidelock/client";
import { useRejected } from "@tidelock/client/react";
import { Check, CheckCheck, CircleAlert, CloudUpload, LoaderCircle, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { type BoardSession, useSession } from "../session/board-session.tsx";
import type { SyncedEntry } from "../sync/history.ts";
import { timeAgo } from "../sync/relative-time.ts";
import { changeText } from "../sync/words.ts";

interface OutboxRowProps {
  readonly entry: OutboxEntry;
  readonly isConnected: boolean;
  readonly now: number;
}

export function OutboxRow({ entry, isConnected, now }: OutboxRowProps): ReactNode {
  if (entry.state === "decided")
    return <Row entry={entry} icon={Check} state="decided" words="accepted" at={entry.createdAt} now={now} />;
  return isConnected ? (
    <Row entry={entry} icon={LoaderCircle} state="syncing" words="sending" at={entry.createdAt} now={now} />
  ) : (
    <Row entry={entry} icon={CloudUpload} state="pending" words="waiting" at={entry.createdAt} now={now} />
  );
}

export function SyncedRow({ entry, now }: { readonly entry: SyncedEntry; readonly now: number }): ReactNode {
  return <Row entry={entry} icon={CheckCheck} state="synced" words="synced" at={entry.syncedAt} now={now} />;
}

export function RejectedRow({ entry, now }: { readonly entry: RejectedEntry; readonly now: number }): ReactNode {
  const { discard, retry } = useRejected();
  const { notices } = useSession();
  const tryAgain = (): void => {
    try {
      retry(entry.counter);
    } catch (error) {
      notices.add({ tone: "problem", title: "This change no longer fits", text: String(error) });
    }
  };
  return (
    <Row entry={entry} icon={CircleAlert} state="rejected" words={entry.code} at={entry.createdAt} now={now}>
      <p className="outbox-reason">{entry.message}</p>
      <p className="outbox-actions">
        <button type="button" className="button is-small" onClick={tryAgain}>
          Try again
        </button>
        <button type="button" className="button is-small is-quiet" onClick={() => discard(entry.counter)}>
          Discard
        </button>
      </p>
    </Row>
  );
}

interface RowProps {
  readonly entry: Omit<OutboxEntry, "state">;
  readonly icon: LucideIcon;
  readonly state: string;
  readonly words: string;
  readonly at: number;
  readonly now: number;
  readonly children?: ReactNode;
}

function Row({ entry, icon: Icon, state, words, at, now, children }: RowProps): ReactNode {
  const session = useSession();
  return (
    <li className="outbox-row" data-outbox={entry.counter} data-state={state}>
      <Icon size={15} className="outbox-icon" aria-hidden="true" />
      <div>
        <p className="outbox-change">
          {changeText(entry)}
          <span className="outbox-card">{cardTitle(session, entry)}</span>
        </p>
        {children}
        <p className="outbox-facts">
          <span>{words}</span>
          <span>{timeAgo(at, now)}</span>
          <span>#{entry.counter}</span>
        </p>
      </div>
    </li>
  );
}

/** The card that a change is about, if it can still be named. */
function cardTitle({ client }: BoardSession, { collection, id, fields }: Omit<OutboxEntry, "state">): string | null {
  const task = collection === "tasks" ? id : (fields["task"] ?? client.comments.get(id)?.task);
  const title = typeof task === "string" ? client.tasks.get(task)?.title : undefined;
  if (title !== undefined) return title;
  return typeof fields["title"] === "string" ? fields["title"] : null;
}
