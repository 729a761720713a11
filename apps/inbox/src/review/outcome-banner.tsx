/** Over a review that is closed: who decided what, and when; honest about what the server has not confirmed. */
import type { Review } from "@tidelock/core";
import { useConnection } from "@tidelock/client/react";
import { CheckCheck, CloudUpload, TimerOff, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { useActions } from "../actions.ts";
import { effectWords } from "../decisions/choice.ts";
import { outcomeWords } from "../decisions/outcome-words.ts";
import { canUndo } from "../decisions/decision-desk.ts";
import { useInbox } from "../inbox-state.ts";
import { useFieldOf, useNames, useOwnDecisions, useTelling } from "../session/inbox-context.tsx";
import { useNow } from "../shell/clock.ts";
import { relativeTime, wholeMomentText } from "../value/times.ts";

export function OutcomeBanner({ review }: { readonly review: Review }): ReactNode {
  if (review.status === "open") return null;
  return review.outcome === null ? <Unconfirmed review={review} /> : <Confirmed review={review} />;
}

/** This page has decided it, and nobody knows yet whether it was the first. */
function Unconfirmed({ review }: { readonly review: Review }): ReactNode {
  const { isConnected } = useConnection();
  const telling = useTelling()(review);
  const own = useOwnDecisions().find((decision) => decision.review.id === review.id);
  return (
    <div className="outcome" data-tone="waiting" role="status">
      <CloudUpload size={18} aria-hidden="true" />
      <div>
        <p className="outcome-title" dir="auto">
          {own === undefined ? "You decided this" : `You decided: ${effectWords(own.review, own.choice, telling)}`}
        </p>
        <p className="outcome-text">
          {isConnected ? "It is on its way to the server." : "It waits in this tab for the connection."} Whoever reaches
          the server first decides.
        </p>
      </div>
    </div>
  );
}

function Confirmed({ review }: { readonly review: Review }): ReactNode {
  const { who } = useNames();
  const { neighbour, route } = useInbox();
  const actions = useActions();
  const field = useFieldOf()(review);
  const now = useNow(15_000);
  const own = useOwnDecisions().find((decision) => decision.review.id === review.id && decision.state === "done");
  const { outcome } = review;
  if (outcome === null) return null;
  const { kind, time } = outcome;
  const Icon = kind === "expired" ? TimerOff : kind === "deleted" ? Trash2 : CheckCheck;
  const next = neighbour(1);
  return (
    <div className="outcome" data-tone="good" role="status">
      <Icon size={18} aria-hidden="true" />
      <div>
        <p className="outcome-title" dir="auto">
          {outcomeWords(review, { field, who })}
        </p>
        <p className="outcome-text">
          <time dateTime={new Date(time).toISOString()} title={wholeMomentText(time)}>
            {relativeTime(time, now)}
          </time>
          {kind === "edit" ? ", on a value that nobody had put forward" : ""}
        </p>
      </div>
      <div className="outcome-actions">
        {own !== undefined && canUndo(own) ? (
          <button type="button" className="button is-small" onClick={() => actions.undo(own.key)}>
            Undo
          </button>
        ) : null}
        {route.tab === "open" && next !== null ? (
          <button type="button" className="button is-small" onClick={() => actions.select(next)}>
            Next review
          </button>
        ) : null}
      </div>
    </div>
  );
}
