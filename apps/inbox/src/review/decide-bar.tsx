/** At the bottom, always in sight: what deciding now would do, and the button that does it. */
import type { FieldSchema, Review } from "@tidelock/core";
import { useConnection } from "@tidelock/client/react";
import { CornerDownLeft } from "lucide-react";
import type { ReactNode } from "react";
import { useActions } from "../actions.ts";
import { effectOf, effectWords } from "../decisions/choice.ts";
import { choiceOf } from "../decisions/drafts.ts";
import { useInbox } from "../inbox-state.ts";
import { useNames, useTelling } from "../session/inbox-context.tsx";
import { isEditable } from "../value/editing.ts";
import { listed } from "../value/names.ts";

interface DecideBarProps {
  readonly review: Review;
  readonly field: FieldSchema | undefined;
  readonly arrived: ReadonlySet<string>;
}

export function DecideBar({ review, field, arrived }: DecideBarProps): ReactNode {
  const { draftFor } = useInbox();
  const actions = useActions();
  const { isConnected } = useConnection();
  const telling = useTelling()(review);
  const draft = draftFor(review.id);
  const choice = choiceOf(draft, review, field);
  const isDangerous = choice !== null && effectOf(review, choice) === "delete";
  return (
    <footer className="decide">
      <Arrivals review={review} arrived={arrived} />
      <div className="decide-row">
        <p className="decide-words" aria-live="polite">
          {choice === null ? (
            <Hint review={review} field={field} isEditing={draft.kind === "edit"} />
          ) : (
            <>
              <strong dir="auto">{effectWords(review, choice, telling)}.</strong>
              <span>
                {" "}
                {isConnected ? asideWords(review, choice.kind === "edit") : "It is sent when the connection is back."}
              </span>
            </>
          )}
        </p>
        <button
          type="button"
          className={`button is-large ${isDangerous ? "is-danger" : "is-primary"}`}
          disabled={choice === null}
          onClick={() => actions.decide(review)}
        >
          Decide
          <CornerDownLeft size={15} aria-hidden="true" />
        </button>
      </div>
    </footer>
  );
}

function Hint({
  review,
  field,
  isEditing,
}: Pick<DecideBarProps, "review" | "field"> & { isEditing: boolean }): ReactNode {
  if (isEditing) return "This value cannot be sent yet.";
  const last = Math.min(9, review.candidates.length);
  return (
    <>
      Pick a value with <kbd>1</kbd>
      {last > 1 ? (
        <>
          –<kbd>{last}</kbd>
        </>
      ) : null}
      {field !== undefined && isEditable(field) ? (
        <>
          , or write another one with <kbd>E</kbd>
        </>
      ) : null}
      .
    </>
  );
}

function asideWords({ candidates }: Review, isEdit: boolean): string {
  const count = candidates.length - (isEdit ? 0 : 1);
  if (count === 0) return "";
  return count === 1 ? "The other value stays in the record." : `The ${count} other values stay in the record.`;
}

function Arrivals({ review, arrived }: Pick<DecideBarProps, "review" | "arrived">): ReactNode {
  const { nameOf, me } = useNames();
  const fresh = review.candidates.filter(({ id }) => arrived.has(id));
  if (fresh.length === 0) return null;
  const names = listed([...new Set(fresh.map(({ user }) => (user === me ? "yourself" : nameOf(user))))]);
  return (
    <p className="decide-arrivals" role="status">
      {fresh.length === 1
        ? `Another value came in while you looked, from ${names}.`
        : `${fresh.length} more values came in while you looked, from ${names}.`}
    </p>
  );
}
