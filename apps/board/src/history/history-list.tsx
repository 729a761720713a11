/** What happened to a card: who changed what and when, how conflicts ended and why, and what can be brought back. */
import { CloudOff, Scale, Undo2 } from "lucide-react";
import { type ReactNode, useMemo } from "react";
import { Avatar } from "../presence/avatar.tsx";
import type { Task } from "../schema.ts";
import { useSession } from "../session/board-session.tsx";
import { type Directory, useDirectory } from "../session/directory.ts";
import { SOMEBODY } from "../session/names.ts";
import { announce } from "../shell/announce.tsx";
import { decisionText } from "../sync/decision-words.ts";
import { timeAgo, useNow } from "../sync/relative-time.ts";
import { fieldName, valueText } from "../sync/words.ts";
import { useCardHistory } from "./card-history.ts";
import { type HistoryDecision, type HistoryRow, historyRows, type Replaced } from "./history-rows.ts";

interface HistoryListProps {
  readonly task: Task;
  /** Changes whenever something has happened to the card. */
  readonly version: object;
}

export function HistoryList({ task, version }: HistoryListProps): ReactNode {
  const history = useCardHistory(task.id, version);
  const { entries, next, isReading, isConnected, problem, isComplete } = history;
  const directory = useDirectory();
  const now = useNow(20_000);
  const rows = useMemo(() => historyRows(entries ?? [], task.steps), [entries, task.steps]);
  return (
    <div className="history" aria-busy={isReading}>
      {isConnected ? null : (
        <p className="history-note" role="status">
          <CloudOff size={15} aria-hidden="true" />
          {entries === null
            ? "You are offline. The history is kept by the server, and shown as soon as there is a connection."
            : "You are offline. This is the history as it was read last."}
        </p>
      )}
      {problem !== null && isConnected ? (
        <p className="history-note" role="status">
          The history cannot be read: {problem}
        </p>
      ) : null}
      {entries === null && isReading ? <p className="history-note">Reading the history …</p> : null}
      <ol className="history-rows">
        {rows.map((row) => (
          <Row key={row.key} row={row} task={task} directory={directory} now={now} />
        ))}
      </ol>
      {next === null || !isConnected ? null : (
        <button type="button" className="link-button" onClick={history.readOlder}>
          Older changes
        </button>
      )}
      {isComplete || next !== null || entries === null ? null : (
        <p className="history-note">What happened before that is no longer in the log.</p>
      )}
    </div>
  );
}

interface RowProps {
  readonly row: HistoryRow;
  readonly task: Task;
  readonly directory: Directory;
  readonly now: number;
}

function Row({ row, task, directory, now }: RowProps): ReactNode {
  const { person } = useSession();
  const { user, time, phrases, decisions, replaced } = row;
  const isCreation = phrases[0] === "added the card";
  const known = directory.nameOf(user);
  const name = isCreation && known === SOMEBODY ? (task.createdBy ?? known) : known;
  return (
    <li className="history-row" data-history={row.key}>
      <Avatar name={name} size="small" isDecorative />
      <div>
        <p className="history-what">
          <span>
            <strong>{user === person().user ? "You" : name}</strong> {phrases.join(", ")}
          </span>
          <time dateTime={new Date(time).toISOString()} title={new Date(time).toLocaleString()}>
            {timeAgo(time, now)}
          </time>
        </p>
        {decisions.map((decision) => (
          <Decided key={decision.key} decision={decision} task={task} directory={directory} />
        ))}
        {replaced.map((value) => (
          <p key={value.field} className="history-before">
            <span>before: {valueText(value.field, value.value)}</span>
            <BringBack task={task} value={value} />
          </p>
        ))}
      </div>
    </li>
  );
}

interface DecidedProps {
  readonly decision: HistoryDecision;
  readonly task: Task;
  readonly directory: Directory;
}

function Decided({ decision: { told, lost }, task, directory }: DecidedProps): ReactNode {
  const { person } = useSession();
  return (
    <p className="history-decision" data-winner={told.winner}>
      <Scale size={13} aria-hidden="true" />
      <span>{decisionText(told, { nameOf: directory.nameOf, self: person().user })}</span>
      {lost === null ? null : <BringBack task={task} value={lost} />}
    </p>
  );
}

/** Writes a value again, as a change of whoever wants it back. Nothing for what the card has anyway. */
function BringBack({ task, value }: { readonly task: Task; readonly value: Replaced }): ReactNode {
  const { actions } = useSession();
  const current = (task as Readonly<Record<string, unknown>>)[value.field];
  if (current === value.value) return null;
  const words = valueText(value.field, value.value);
  return (
    <button
      type="button"
      className="link-button"
      aria-label={`Bring the ${fieldName(value.field)} ${words} back`}
      onClick={() => {
        actions.putValueBack(task.id, value.field, value.value);
        announce(`The ${fieldName(value.field)} is ${words} again`);
      }}
    >
      <Undo2 size={12} aria-hidden="true" /> Bring back
    </button>
  );
}
