/**
 * What stands against what, side by side: where it started from, what the field has, what else was put forward. Each is a
 * radio button; one more card takes a value of one's own.
 */
import type { FieldSchema, JsonObject, Review } from "@tidelock/core";
import { isJsonObject } from "@tidelock/core";
import { Eye, History, PencilLine, RotateCcw, Trash2 } from "lucide-react";
import { type MouseEvent, type ReactNode, useEffect, useId, useRef } from "react";
import { useActions } from "../actions.ts";
import { parsedDraft } from "../decisions/drafts.ts";
import { useInbox } from "../inbox-state.ts";
import { Avatar } from "../people/avatar.tsx";
import { useNames, useParts } from "../session/inbox-context.tsx";
import { useNow } from "../shell/clock.ts";
import { isEditable } from "../value/editing.ts";
import { listed, readable, shortId } from "../value/names.ts";
import { relativeTime, wholeMomentText } from "../value/times.ts";
import { isSameValue, Value } from "../value/value.tsx";
import { ValueEditor } from "../value/value-editor.tsx";
import { comparedWith, type Contender, contendersOf, isGone } from "./contenders.ts";

interface ContendersProps {
  readonly review: Review;
  readonly field: FieldSchema | undefined;
  /** Candidates that came in while somebody looks. */
  readonly arrived: ReadonlySet<string>;
}

export function Contenders({ review, field, arrived }: ContendersProps): ReactNode {
  const { user } = useParts().session;
  const contenders = contendersOf(review, user);
  const isOpen = review.status === "open";
  const canEdit = isOpen && field !== undefined && isEditable(field);
  return (
    <div className="stake">
      <div className="contenders" role="radiogroup" aria-label="The values">
        {review.field === null ? null : <Base review={review} field={field} />}
        {contenders.map((contender) => (
          <ContenderCard
            key={contender.candidate.id}
            contender={contender}
            review={review}
            field={field}
            isNew={arrived.has(contender.candidate.id)}
          />
        ))}
      </div>
      {canEdit ? <OwnValue review={review} field={field} /> : null}
    </div>
  );
}

function Base({ review, field }: Omit<ContendersProps, "arrived">): ReactNode {
  const [base] = review.base;
  return (
    <section className="contender is-base" aria-label="Before">
      <header className="contender-head">
        <span className="contender-icon">
          <RotateCcw size={14} aria-hidden="true" />
        </span>
        <span className="contender-name">Before</span>
      </header>
      <div className="contender-value">
        {base === undefined ? (
          <p className="is-faint">Nobody knows any more what both started from.</p>
        ) : (
          <Value field={field} value={base} />
        )}
      </div>
      <p className="contender-facts">{base === undefined ? "" : "What they started from"}</p>
    </section>
  );
}

interface CardProps {
  readonly contender: Contender;
  readonly review: Review;
  readonly field: FieldSchema | undefined;
  readonly isNew: boolean;
}

function ContenderCard({ contender, review, field, isNew }: CardProps): ReactNode {
  const { draftFor } = useInbox();
  const actions = useActions();
  const { who } = useNames();
  const id = useId();
  const { candidate, number, stands, isMine, isLatest } = contender;
  const isOpen = review.status === "open";
  const draft = draftFor(review.id);
  const isChosen = isOpen
    ? draft.kind === "pick" && draft.candidate === candidate.id
    : review.outcome?.candidate === candidate.id;
  const pick = (event: MouseEvent): void => {
    // Text that is being selected is not a choice, and neither is a button within.
    if (getSelection()?.isCollapsed === false || (event.target as Element).closest("button, a") !== null) return;
    actions.pick(review, number);
  };
  return (
    <section
      className="contender"
      data-candidate={candidate.id}
      data-chosen={isChosen}
      data-mine={isMine}
      data-new={isNew}
      data-open={isOpen}
      aria-label={`Value ${number}`}
      onClick={isOpen ? pick : undefined}
    >
      <header className="contender-head">
        <label className="contender-label">
          {isOpen ? (
            <input
              type="radio"
              name={`candidate-${review.id}`}
              className="contender-radio"
              checked={isChosen}
              aria-describedby={`${id}-value ${id}-facts`}
              onChange={() => actions.pick(review, number)}
            />
          ) : null}
          <Avatar user={candidate.user} size="small" isDecorative />
          <span className="contender-name">
            <bdi>{who(candidate.user)}</bdi>
          </span>
        </label>
        {isOpen && number <= 9 ? <kbd aria-hidden="true">{number}</kbd> : null}
      </header>
      <div className="contender-value" id={`${id}-value`}>
        {review.field === null ? (
          <WholeRecord review={review} contender={contender} />
        ) : (
          <Value field={field} value={candidate.value} before={comparedWith(review)} />
        )}
      </div>
      <div id={`${id}-facts`} className="contender-facts">
        <p className="contender-badges">
          {isNew && isOpen ? <span className="badge is-new">New</span> : null}
          {stands ? <span className="badge is-standing">{isOpen ? "Stands now" : "Stood"}</span> : null}
          {isLatest ? <span className="badge">Latest</span> : null}
        </p>
        <Facts contender={contender} />
      </div>
      {isOpen || isChosen ? null : <WriteAgain review={review} contender={contender} />}
    </section>
  );
}

function Facts({ contender }: { readonly contender: Contender }): ReactNode {
  const { who } = useNames();
  const now = useNow(15_000);
  const { candidate, time, unseen } = contender;
  const { device, offset, seen, counter } = candidate;
  const exact = [`device ${device}`, `its change ${counter}`, `event ${offset} of the log`];
  return (
    <p>
      <time dateTime={new Date(time).toISOString()} title={wholeMomentText(time)}>
        {relativeTime(time, now)}
      </time>
      <span title={exact.join(", ")}>
        {" · "}
        <bdi>{shortId(device)}</bdi>
      </span>
      {unseen === null || unseen.length === 0 ? null : (
        <span className="contender-unseen" title={`Had seen the log up to event ${seen}`}>
          <Eye size={12} aria-hidden="true" />
          had not seen {listed([...new Set(unseen.map(({ user }) => whose(who(user))))])}
        </span>
      )}
    </p>
  );
}

/** First names do, where the whole ones stand beside. */
function whose(name: string): string {
  return name === "You" ? "yours" : `${name.split(" ", 1)[0]}’s`;
}

/** What a whole-entity candidate would make of the record. */
function WholeRecord({ review, contender }: Pick<CardProps, "review" | "contender">): ReactNode {
  const { value } = contender.candidate;
  if (value === null) {
    return (
      <p className="whole-delete">
        <Trash2 size={18} aria-hidden="true" />
        {contender.stands ? "Deleted the record" : "Deletes the record"}
      </p>
    );
  }
  if (!isJsonObject(value)) return <Value field={undefined} value={value} />;
  return <WrittenFields review={review} written={value} />;
}

function WrittenFields({ review, written }: { readonly review: Review; readonly written: JsonObject }): ReactNode {
  const collection = useParts().session.schema.collections.get(review.collection);
  // The row of a deleted entity is what it was before both; that of a living one has the update already.
  const before = isGone(review) ? review.row : {};
  return (
    <dl className="whole-fields">
      {Object.entries(written).map(([name, value]) => (
        <div key={name}>
          <dt>{readable(name)}</dt>
          <dd>
            <Value field={collection?.byName.get(name)} value={value} before={before[name]} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function WriteAgain({ review, contender }: Pick<CardProps, "review" | "contender">): ReactNode {
  const actions = useActions();
  const { value } = contender.candidate;
  if (review.field === null || review.outcome === null || isSameValue(value, review.outcome.value)) return null;
  return (
    <button type="button" className="link-button contender-again" onClick={() => actions.writeAgain(review, value)}>
      <History size={13} aria-hidden="true" /> Write this again
    </button>
  );
}

function OwnValue({ review, field }: { readonly review: Review; readonly field: FieldSchema }): ReactNode {
  const { draftFor, setDraft } = useInbox();
  const actions = useActions();
  const input = useRef<HTMLElement>(null);
  const draft = draftFor(review.id);
  const parsed = parsedDraft(draft, field);
  const isEditing = draft.kind === "edit";
  useEffect(() => {
    if (isEditing) input.current?.focus();
  }, [isEditing]);
  if (draft.kind !== "edit" || parsed === null) {
    return (
      <button type="button" className="own-value" onClick={() => actions.edit(review)}>
        <PencilLine size={15} aria-hidden="true" />
        <span>Write another value</span>
        <kbd aria-hidden="true">E</kbd>
      </button>
    );
  }
  return (
    <section className="contender is-editing" aria-label="Your value" data-chosen="true">
      <header className="contender-head">
        <span className="contender-icon">
          <PencilLine size={14} aria-hidden="true" />
        </span>
        <span className="contender-name">Your value</span>
      </header>
      <ValueEditor
        field={field}
        input={draft.input}
        parsed={parsed}
        inputRef={input}
        onChange={(next) => setDraft(review.id, { kind: "edit", input: next })}
        onSubmit={() => actions.decide(review)}
        onCancel={() => {
          setDraft(review.id, { kind: "none" });
          actions.select(review.id);
        }}
      />
    </section>
  );
}
