/**
 * What the server refused, and the ways out: try it again as it is, change what was wrong with it, or let it go. What could
 * not stand without a refused change is shown below it, and shares its fate.
 */
import type { RejectedEntry } from "@tidelock/client";
import { useRejected } from "@tidelock/client/react";
import { CircleAlert, CornerDownRight } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useSession } from "../session/board-session.tsx";
import { useDirectory } from "../session/directory.ts";
import { valueText } from "../sync/words.ts";
import { editableFields, RejectedForm } from "./rejected-form.tsx";
import { Row } from "./outbox-rows.tsx";

interface RejectedRowsProps {
  readonly entries: readonly RejectedEntry[];
  readonly now: number;
}

export function RejectedRows({ entries, now }: RejectedRowsProps): ReactNode {
  const counters = new Set(entries.map(({ counter }) => counter));
  const isCause = ({ causedBy }: RejectedEntry): boolean => causedBy === null || !counters.has(causedBy);
  return entries
    .filter(isCause)
    .map((entry) => (
      <RejectedRow
        key={entry.counter}
        entry={entry}
        dependents={entries.filter(({ causedBy }) => causedBy === entry.counter)}
        now={now}
      />
    ));
}

interface RejectedRowProps {
  readonly entry: RejectedEntry;
  readonly dependents: readonly RejectedEntry[];
  readonly now: number;
}

function RejectedRow({ entry, dependents, now }: RejectedRowProps): ReactNode {
  const [isEditing, setEditing] = useState(false);
  const { discard, edit } = useRejected();
  const tryTo = useTrying();
  const { counter } = entry;
  const count = dependents.length + 1;
  return (
    <Row
      entry={entry}
      icon={CircleAlert}
      state="rejected"
      words={entry.code}
      at={entry.createdAt}
      now={now}
      below={<Dependents entries={dependents} now={now} />}
    >
      <Reason entry={entry} />
      {isEditing ? (
        <RejectedForm
          entry={entry}
          onSend={(values) => tryTo(() => edit(counter, values))}
          onClose={() => setEditing(false)}
        />
      ) : (
        <p className="outbox-actions">
          {editableFields(entry).length === 0 ? null : (
            <button type="button" className="button is-small" onClick={() => setEditing(true)}>
              Edit
            </button>
          )}
          <RetryButton entry={entry} />
          <button type="button" className="button is-small is-quiet" onClick={() => discard(counter)}>
            {count === 1 ? "Discard" : `Discard all ${count}`}
          </button>
        </p>
      )}
    </Row>
  );
}

/** What could not stand without a refused change. */
function Dependents({ entries, now }: RejectedRowsProps): ReactNode {
  if (entries.length === 0) return null;
  return (
    <div className="outbox-dependents">
      <h4>Waits with it</h4>
      <ol>
        {entries.map((entry) => (
          <Row
            key={entry.counter}
            entry={entry}
            icon={CornerDownRight}
            state="dependent"
            words="not sent without it"
            at={entry.createdAt}
            now={now}
          />
        ))}
      </ol>
    </div>
  );
}

/** A review is decided once: there is nothing to try again. */
function RetryButton({ entry: { operation, counter } }: { readonly entry: RejectedEntry }): ReactNode {
  const { retry } = useRejected();
  const tryTo = useTrying();
  if (operation === "decide") return null;
  return (
    <button type="button" className="button is-small" onClick={() => tryTo(() => retry(counter))}>
      Try again
    </button>
  );
}

/** Does something that the device itself may refuse, and says so when it does. */
function useTrying(): (action: () => { readonly saved: Promise<void> }) => void {
  const { notices } = useSession();
  const tell = (error: unknown): void => {
    const text = error instanceof Error ? error.message : String(error);
    notices.add({ tone: "problem", title: "This change no longer fits", text });
  };
  return (action) => {
    try {
      action().saved.catch(tell);
    } catch (error) {
      tell(error);
    }
  };
}

function Reason({ entry }: { readonly entry: RejectedEntry }): ReactNode {
  const { client } = useSession();
  const { nameOf } = useDirectory();
  const { code, message, id } = entry;
  const outcome = entry.operation === "decide" ? client.conflicts.reviews.get(id)?.outcome : undefined;
  const field = client.conflicts.reviews.get(id)?.field ?? "";
  const words =
    code === "review-closed" && outcome !== null && outcome !== undefined
      ? `${nameOf(outcome.user)} was first, and decided for ${valueText(field, outcome.value)}`
      : code === "review-changed"
        ? "Somebody proposed another value meanwhile: look at all of them and decide again"
        : message;
  return <p className="outbox-reason">{words}</p>;
}
