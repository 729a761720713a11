/** The right side: one review with everything that is needed to decide it. */
import type { Review } from "@tidelock/core";
import { useReview } from "@tidelock/client/react";
import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { useActions } from "../actions.ts";
import { useInbox } from "../inbox-state.ts";
import { useFieldOf, useNames, useOwnDecisions, useParts, useTitleOf } from "../session/inbox-context.tsx";
import { announce } from "../shell/announce.tsx";
import { CalmSea, CloudedMoon } from "../shell/calm.tsx";
import { readable, sentence } from "../value/names.ts";
import { Contenders } from "./contenders.tsx";
import { DecideBar } from "./decide-bar.tsx";
import { HistorySection } from "./history.tsx";
import { NoteField } from "./note-field.tsx";
import { OthersHere } from "./others-here.tsx";
import { OutcomeBanner } from "./outcome-banner.tsx";
import { RecordSection } from "./record.tsx";
import { Terms } from "./terms.tsx";
import { useArrivals } from "./use-arrivals.ts";

export function ReviewPanel(): ReactNode {
  const { route } = useInbox();
  return (
    <section className="panel" aria-label="Review">
      {route.review === null ? <NothingChosen /> : <OneReview key={route.review} id={route.review} />}
    </section>
  );
}

function NothingChosen(): ReactNode {
  const { queue, route } = useInbox();
  const { session } = useParts();
  const decided = useOwnDecisions().filter(({ state }) => state !== "refused").length;
  if (queue.open.length === 0 && queue.isComplete && route.tab === "open") {
    return (
      <div className="blank" tabIndex={-1} data-review-title="">
        <CalmSea />
        <p className="blank-title">All clear</p>
        <p>
          {decided === 0 ? "Nothing waits for a decision. " : `Nothing waits any more. You decided ${decided} here. `}
          What comes in appears by itself.
        </p>
        {session.hasReviews ? null : <HowTo />}
      </div>
    );
  }
  return (
    <div className="blank">
      <p>Choose a review on the left, or press</p>
      <p className="blank-keys">
        <kbd>J</kbd> for the first, <kbd>?</kbd> for all keys
      </p>
    </div>
  );
}

/** For those whose schema sends nothing to review. */
function HowTo(): ReactNode {
  return (
    <div className="how-to">
      <p>Nothing in this schema can come here yet. Let a person decide where no rule should:</p>
      <pre>
        <code>{`price: field.integer().policy(review({ dueAfterMs: 24 * 3600_000 }))`}</code>
      </pre>
    </div>
  );
}

function OneReview({ id }: { readonly id: string }): ReactNode {
  const { data: review, status } = useReview(id);
  if (review !== undefined) return <ReviewPage review={review} />;
  if (status === "loading") return <div className="skeleton is-page" role="status" aria-label="Loading" />;
  return (
    <div className="blank">
      <CloudedMoon />
      <p className="blank-title">This review is not here</p>
      <p>It may belong to somebody else, or to a record that is gone.</p>
    </div>
  );
}

function ReviewPage({ review }: { readonly review: Review }): ReactNode {
  const { nameOf, me } = useNames();
  const arrived = useArrivals(review, ({ user }) =>
    announce(`Another value came in, from ${user === me ? "yourself" : nameOf(user)}.`),
  );
  const field = useFieldOf()(review);
  return (
    <article className="review" aria-labelledby="review-title" data-review={review.id} data-status={review.status}>
      <div className="review-body">
        <Head review={review} />
        <OutcomeBanner review={review} />
        {review.status === "open" ? <Terms review={review} /> : null}
        <Contenders review={review} field={field} arrived={arrived} />
        <NoteField key={review.id} review={review} />
        <RecordSection review={review} />
        <HistorySection review={review} field={field} />
      </div>
      {review.status === "open" ? <DecideBar review={review} field={field} arrived={arrived} /> : null}
    </article>
  );
}

function Head({ review }: { readonly review: Review }): ReactNode {
  const actions = useActions();
  const title = useTitleOf()(review);
  const { collection, field, reason, policy, policyVersion } = review;
  return (
    <header className="review-head">
      <div className="review-where">
        <button type="button" className="icon-button review-back" aria-label="Back to the list" onClick={actions.back}>
          <ArrowLeft size={18} />
        </button>
        <span className="review-collection">{readable(collection)}</span>
        <bdi className="review-entity">{title}</bdi>
        <OthersHere review={review} />
      </div>
      <h2 id="review-title" className="review-title" tabIndex={-1} data-review-title="">
        {field === null ? "The whole record" : readable(field)}
        <span className="visually-hidden">
          {" "}
          of <bdi>{title}</bdi>
        </span>
      </h2>
      <p className="review-reason" dir="auto">
        {sentence(reason)}{" "}
        <span className="review-policy" title="The policy that wanted a person, and its version">
          {policy} · v{policyVersion}
        </span>
      </p>
    </header>
  );
}
