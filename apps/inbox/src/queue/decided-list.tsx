/** What was decided lately, by whom: on top what this page decided and the server has not confirmed. */
import type { JsonValue, Review } from "@tidelock/core";
import { useConnection } from "@tidelock/client/react";
import { CheckCheck, CircleAlert, CloudUpload, LoaderCircle, TimerOff, Undo2 } from "lucide-react";
import type { ReactNode } from "react";
import { useActions } from "../actions.ts";
import { canUndo, type OwnDecision } from "../decisions/decision-desk.ts";
import { refusalText } from "../decisions/refusals.ts";
import { useInbox } from "../inbox-state.ts";
import { useFieldOf, useNames, useOwnDecisions, useTitleOf } from "../session/inbox-context.tsx";
import { useNow } from "../shell/clock.ts";
import { routeAddress } from "../shell/route.ts";
import { briefChange, briefValue } from "../value/brief.ts";
import { readable } from "../value/names.ts";
import { relativeTime } from "../value/times.ts";
import { DECIDED_DAYS } from "./use-queue.ts";

export function DecidedList(): ReactNode {
  const { queue, route, order } = useInbox();
  const own = useOwnDecisions();
  const now = useNow(15_000);
  const here = own.filter(({ review, state }) => state !== "done" || queue.decided.every(({ id }) => id !== review.id));
  if (here.length === 0 && queue.decided.length === 0) {
    return (
      <div className="blank is-small">
        <p className="blank-title">Nothing yet</p>
        <p>What is decided is listed here for {DECIDED_DAYS} days.</p>
      </div>
    );
  }
  return (
    <>
      {here.length === 0 ? null : (
        <section className="group" aria-label="Decided in this tab">
          <h2 className="group-name">In this tab</h2>
          <ul>
            {here.map((decision) => (
              <OwnRow key={decision.key} decision={decision} now={now} />
            ))}
          </ul>
        </section>
      )}
      {queue.decided.length === 0 ? null : (
        <section className="group" aria-label="Decided lately">
          <h2 className="group-name">The last {DECIDED_DAYS} days</h2>
          <ul>
            {queue.decided.map((review) => (
              <ClosedRow
                key={review.id}
                review={review}
                now={now}
                isCurrent={route.review === review.id}
                isTabStop={order.includes(route.review ?? "") ? route.review === review.id : order[0] === review.id}
                own={own.find((decision) => decision.review.id === review.id && decision.state === "done")}
              />
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function OwnRow({ decision, now }: { readonly decision: OwnDecision; readonly now: number }): ReactNode {
  const { review, value, at } = decision;
  const { isConnected } = useConnection();
  const title = useTitleOf()(review);
  const { icon: Icon, words, tone } = stateOf(decision, isConnected);
  return (
    <li className="row is-decided" data-own={decision.state} data-tone={tone}>
      <Icon size={16} className="row-icon" aria-hidden="true" />
      <div className="row-link">
        <span className="row-title">
          <bdi>{title}</bdi>
        </span>
        <span className="row-due">{relativeTime(at, now)}</span>
        <Place review={review} />
        <UndoButton decision={decision} />
        <Outcome review={review} value={value} />
        <span className="row-state">{words}</span>
      </div>
    </li>
  );
}

function stateOf(
  { state, undoState, refusal }: OwnDecision,
  isConnected: boolean,
): { readonly icon: typeof CheckCheck; readonly words: string; readonly tone: string } {
  if (state === "refused")
    return { icon: CircleAlert, tone: "problem", words: refusal === null ? "Refused" : refusalText(refusal) };
  const undo = undoState === "waiting" ? " Taken back as soon as it has arrived." : "";
  if (state === "done") return { icon: CheckCheck, tone: "good", words: "Decided." };
  return isConnected
    ? { icon: LoaderCircle, tone: "busy", words: `On its way.${undo}` }
    : { icon: CloudUpload, tone: "waiting", words: `Waits for the connection.${undo}` };
}

interface ClosedRowProps {
  readonly review: Review;
  readonly now: number;
  readonly isCurrent: boolean;
  readonly isTabStop: boolean;
  readonly own: OwnDecision | undefined;
}

function ClosedRow({ review, now, isCurrent, isTabStop, own }: ClosedRowProps): ReactNode {
  const actions = useActions();
  const title = useTitleOf()(review);
  const { who } = useNames();
  const { id, outcome, closedAt } = review;
  const Icon = outcome?.kind === "expired" ? TimerOff : CheckCheck;
  const by = outcome === null ? "" : outcome.kind === "expired" ? "Time was up" : who(outcome.user);
  return (
    <li className="row is-decided" data-row={id} data-current={isCurrent} data-tone="good">
      <Icon size={16} className="row-icon" aria-hidden="true" />
      <a
        className="row-link"
        href={routeAddress({ tab: "decided", review: id })}
        data-row-link={id}
        tabIndex={isTabStop ? 0 : -1}
        aria-current={isCurrent ? "true" : undefined}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          actions.select(id);
        }}
      >
        <span className="row-title">
          <bdi>{title}</bdi>
        </span>
        <span className="row-due">{closedAt === null ? "" : relativeTime(closedAt, now)}</span>
        <Place review={review} />
        <span className="row-facts">
          <bdi>{by}</bdi>
        </span>
        <Outcome review={review} value={outcome?.value ?? null} />
      </a>
      {own === undefined ? null : <UndoButton decision={own} />}
    </li>
  );
}

function Place({ review }: { readonly review: Review }): ReactNode {
  return (
    <span className="row-place">
      <span className="row-collection">{readable(review.collection)}</span>
      <span className="row-field">{review.field === null ? "Whole record" : readable(review.field)}</span>
    </span>
  );
}

function Outcome({ review, value }: { readonly review: Review; readonly value: JsonValue }): ReactNode {
  const field = useFieldOf()(review);
  const words =
    review.outcome?.kind === "deleted"
      ? "the record was deleted"
      : review.field === null
        ? briefChange(value)
        : briefValue(field, value);
  return (
    <span className="row-values">
      <span className="row-value" data-stands="true">
        <bdi>{words}</bdi>
      </span>
    </span>
  );
}

const UNDO_WORDS = {
  none: "Undo",
  waiting: "",
  sent: "Taking back …",
  done: "Taken back",
  refused: "Could not be taken back",
};

function UndoButton({ decision }: { readonly decision: OwnDecision }): ReactNode {
  const actions = useActions();
  if (canUndo(decision)) {
    return (
      <button type="button" className="link-button row-undo" onClick={() => actions.undo(decision.key)}>
        <Undo2 size={13} aria-hidden="true" /> Undo
      </button>
    );
  }
  const words = UNDO_WORDS[decision.undoState];
  return decision.undoState === "none" || words === "" ? null : <span className="row-undo is-faint">{words}</span>;
}
