/** One review in the list: what it is about, what stands against what, and how long there is. */
import { type FieldSchema, type Review, sameJson } from "@tidelock/core";
import { Clock, StickyNote, Trash2 } from "lucide-react";
import { memo, type ReactNode } from "react";
import { useActions } from "../actions.ts";
import { Avatar } from "../people/avatar.tsx";
import { useFieldOf, useNames, useTitleOf } from "../session/inbox-context.tsx";
import { routeAddress } from "../shell/route.ts";
import { briefChange, briefValues } from "../value/brief.ts";
import { readable } from "../value/names.ts";
import { shortMomentText, wholeMomentText } from "../value/times.ts";
import { urgencyOf } from "./queue-model.ts";

interface RowProps {
  readonly review: Review;
  readonly now: number;
  readonly isCurrent: boolean;
  /** The row that Tab reaches. */
  readonly isTabStop: boolean;
  readonly isMarked: boolean;
  readonly hasCollection: boolean;
}

export const Row = memo(function Row(props: RowProps): ReactNode {
  const { review, now, isCurrent, isTabStop, isMarked, hasCollection } = props;
  const actions = useActions();
  const field = useFieldOf()(review);
  const title = useTitleOf()(review);
  const { who } = useNames();
  const { id, assignee, note } = review;
  return (
    <li className="row" data-row={id} data-current={isCurrent} data-marked={isMarked}>
      <Authors review={review} />
      <input
        type="checkbox"
        className="row-mark"
        aria-label={`Mark ${title}, ${review.field === null ? "the whole record" : readable(review.field)}`}
        title="Mark (X)"
        checked={isMarked}
        tabIndex={isTabStop ? 0 : -1}
        onChange={() => {}}
        onClick={(event) => (event.shiftKey ? actions.markTo(id) : actions.toggleMark(id))}
      />
      <a
        className="row-link"
        href={routeAddress({ tab: "open", review: id })}
        data-row-link={id}
        tabIndex={isTabStop ? 0 : -1}
        aria-current={isCurrent ? "true" : undefined}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          if (event.shiftKey) actions.markTo(id);
          else actions.select(id);
        }}
      >
        <span className="row-title">
          <bdi>{title}</bdi>
        </span>
        <Due review={review} now={now} />
        <span className="row-place">
          {hasCollection ? <span className="row-collection">{readable(review.collection)}</span> : null}
          <span className="row-field">{review.field === null ? "Whole record" : readable(review.field)}</span>
        </span>
        <span className="row-facts">
          {note === null || note === "" ? null : (
            <span title={note}>
              <StickyNote size={13} aria-label="Has a note" />
            </span>
          )}
          {assignee === null ? null : <Avatar user={assignee} size="small" title={`${who(assignee)} looks after it`} />}
        </span>
        <Stake review={review} field={field} />
      </a>
    </li>
  );
});

/** Who wrote the values: the one that stands in front. */
function Authors({ review }: { readonly review: Review }): ReactNode {
  const users = [...new Set(review.candidates.map(({ user }) => user))].slice(0, 2);
  return (
    <span className="row-authors" aria-hidden="true">
      {users.map((user) => (
        <Avatar key={user ?? ""} user={user} size="small" isDecorative />
      ))}
    </span>
  );
}

function Stake({ review, field }: { readonly review: Review; readonly field: FieldSchema | undefined }): ReactNode {
  const values = review.candidates.map(({ value }) => value);
  const different = values.filter((value, index) => values.findIndex((other) => sameJson(other, value)) === index);
  const words = review.field === null ? different.map(briefChange) : briefValues(field, different, 48);
  return (
    <span className="row-values">
      {different.slice(0, 3).map((value, index) => (
        <span key={JSON.stringify(value)} className="row-value" data-stands={index === 0}>
          {review.field === null && value === null ? <Trash2 size={12} aria-hidden="true" /> : null}
          <bdi>{words[index]}</bdi>
        </span>
      ))}
      {different.length > 3 ? <span>+{different.length - 3}</span> : null}
    </span>
  );
}

function Due({ review, now }: { readonly review: Review; readonly now: number }): ReactNode {
  const { due } = review;
  if (due === null) return <span className="row-due" />;
  return (
    <time
      className="row-due"
      data-urgency={urgencyOf(review, now)}
      dateTime={new Date(due).toISOString()}
      title={`Due ${wholeMomentText(due)}`}
    >
      <Clock size={12} aria-hidden="true" />
      {shortMomentText(due, now)}
    </time>
  );
}
