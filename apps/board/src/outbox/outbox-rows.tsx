/** One mutation in the outbox: what it does, to which card, and how far it has come. */
import type { OutboxEntry } from "@tidelock/client";
import { Check, CheckCheck, CloudUpload, LoaderCircle, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { useSession } from "../session/board-session.tsx";
import type { BoardClient } from "../session/open-client.ts";
import type { SyncedEntry } from "../sync/recently-synced.ts";
import { timeAgo } from "../sync/relative-time.ts";
import { changeText, taskOf } from "../sync/words.ts";

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

/** A mutation, whatever became of it. */
export type AnyEntry = Omit<OutboxEntry, "state">;

interface RowProps {
  readonly entry: AnyEntry;
  readonly icon: LucideIcon;
  readonly state: string;
  readonly words: string;
  readonly at: number;
  readonly now: number;
  readonly children?: ReactNode;
  /** Below everything else. */
  readonly below?: ReactNode;
}

export function Row({ entry, icon: Icon, state, words, at, now, children, below }: RowProps): ReactNode {
  const { client } = useSession();
  return (
    <li className="outbox-row" data-outbox={entry.counter} data-state={state}>
      <Icon size={15} className="outbox-icon" aria-hidden="true" />
      <div>
        <p className="outbox-change">
          {changeText(client, entry)}
          <span className="outbox-card">{cardTitle(client, entry)}</span>
        </p>
        {children}
        <p className="outbox-facts">
          <span>{words}</span>
          <span>{timeAgo(at, now)}</span>
          <span>#{entry.counter}</span>
        </p>
        {below}
      </div>
    </li>
  );
}

/** The card that a change is about, if it can still be named. */
function cardTitle(client: BoardClient, entry: AnyEntry): string | null {
  const id = taskOf(client, entry);
  const title = id === null ? undefined : client.tasks.get(id)?.title;
  if (title !== undefined) return title;
  return typeof entry.fields["title"] === "string" ? entry.fields["title"] : null;
}
