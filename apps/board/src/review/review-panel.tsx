/**
 * A decision that is to be made: who wants what, and a button for each. Those who may not decide see the same without
 * buttons. Whoever decides first has decided: the server refuses the second, and says who was first.
 */
import type { Review, ReviewCandidate } from "@tidelock/core";
import { stampMillis } from "@tidelock/core";
import { Inbox, Scale } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { Avatar } from "../presence/avatar.tsx";
import { useSession } from "../session/board-session.tsx";
import { useDirectory } from "../session/directory.ts";
import { announce } from "../shell/announce.tsx";
import { timeAgo, useNow } from "../sync/relative-time.ts";
import { dayText, fieldName, ROLE_NAMES, valueText } from "../sync/words.ts";
import { endOfDay } from "./days.ts";
import { useInbox } from "./inbox.ts";
import { authorsText, expiryText, reviewTitle } from "./review-words.ts";

interface ReviewPanelProps {
  readonly review: Review;
  /** Asks who sits here, for those whose role does not let them decide. */
  readonly onRole: () => void;
}

export function ReviewPanel({ review, onRole }: ReviewPanelProps): ReactNode {
  const { person } = useSession();
  const { nameOf } = useDirectory();
  const inbox = useInbox();
  const now = useNow(20_000);
  const heading = useId();
  const mayDecide = person().role === "lead";
  const [before] = review.base;
  const field = review.field ?? "";
  return (
    <section className="review-panel" aria-labelledby={heading} data-review={review.id}>
      <header className="review-head">
        <Scale size={16} aria-hidden="true" />
        <h3 id={heading}>{reviewTitle(review)}</h3>
        <span>{timeAgo(review.openedAt, now)}</span>
      </header>
      <p className="review-why">
        {authorsText(review, nameOf)}
        {before === undefined || before === null ? null : ` It was ${valueText(field, before)} before.`}
      </p>
      <ul className="candidates">
        {review.candidates.map((candidate, index) => (
          <Candidate
            key={candidate.id}
            review={review}
            candidate={candidate}
            isAccepted={index === 0}
            mayDecide={mayDecide}
            now={now}
          />
        ))}
      </ul>
      <footer className="review-foot">
        {mayDecide ? (
          <OwnValue review={review} />
        ) : (
          <p>
            A lead decides.{" "}
            <button type="button" className="link-button" onClick={onRole}>
              Change your role
            </button>
          </p>
        )}
        {inbox === null ? null : (
          <button type="button" className="link-button" onClick={inbox}>
            <Inbox size={13} aria-hidden="true" /> All decisions in the inbox
          </button>
        )}
      </footer>
      <p className="review-expiry">{expiryText(review, dayText)}</p>
    </section>
  );
}

interface CandidateProps {
  readonly review: Review;
  readonly candidate: ReviewCandidate;
  /** It is what the card has meanwhile. */
  readonly isAccepted: boolean;
  readonly mayDecide: boolean;
  readonly now: number;
}

function Candidate({ review, candidate, isAccepted, mayDecide, now }: CandidateProps): ReactNode {
  const { actions, person } = useSession();
  const { nameOf, personOf } = useDirectory();
  const field = review.field ?? "";
  const name = nameOf(candidate.user);
  const value = field === "dueAt" && typeof candidate.value === "number" ? dayText(candidate.value) : null;
  const words = value ?? valueText(field, candidate.value);
  const role = candidate.user === person().user ? person().role : personOf(candidate.user)?.role;
  const decide = (): void => {
    actions.decide(review.id, { candidate: candidate.id });
    announce(`Decided: ${words}`);
  };
  return (
    <li className="candidate" data-candidate={candidate.id}>
      <p className="candidate-value">{words}</p>
      <p className="candidate-author">
        <Avatar name={name} size="small" isDecorative />
        <span>
          {candidate.user === person().user ? "You" : name}
          <small>
            {role === undefined ? "" : `${ROLE_NAMES[role]}, `}
            {timeAgo(stampMillis(candidate.stamp), now)}
          </small>
        </span>
      </p>
      {isAccepted ? (
        <p className="candidate-now" title="The card has it until somebody decides">
          for now
        </p>
      ) : null}
      {mayDecide ? (
        <button
          type="button"
          className="button is-small"
          aria-label={`${isAccepted ? "Keep" : "Choose"} ${words}, by ${name}`}
          onClick={decide}
        >
          {isAccepted ? "Keep" : "Choose"} {field === "dueAt" ? valueText(field, candidate.value) : "this"}
        </button>
      ) : null}
    </li>
  );
}

/** A date that nobody proposed. Other fields have no value of one's own here. */
function OwnValue({ review }: { readonly review: Review }): ReactNode {
  const { actions } = useSession();
  const [day, setDay] = useState("");
  if (review.field !== "dueAt") return <p>Choose one of them.</p>;
  const decide = (): void => {
    const value = endOfDay(day);
    if (value === null) return;
    actions.decide(review.id, { value });
    announce(`Decided: ${dayText(value)}`);
  };
  return (
    <form
      className="review-own"
      onSubmit={(event) => {
        event.preventDefault();
        decide();
      }}
    >
      <label>
        <span>Another {fieldName("dueAt")}</span>
        <input type="date" value={day} onChange={(event) => setDay(event.target.value)} />
      </label>
      <button type="submit" className="button is-small" disabled={day === ""}>
        Decide
      </button>
    </form>
  );
}
