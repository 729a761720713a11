/** The rest of the record, as it is now: nobody decides over a field without the others. */
import type { Review } from "@tidelock/core";
import { CircleHelp } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useActions } from "../actions.ts";
import { useInbox } from "../inbox-state.ts";
import { useParts } from "../session/inbox-context.tsx";
import { readable } from "../value/names.ts";
import { Value } from "../value/value.tsx";
import { isGone } from "./contenders.ts";

const SHOWN = 12;

export function RecordSection({ review }: { readonly review: Review }): ReactNode {
  const collection = useParts().session.schema.collections.get(review.collection);
  const { queue } = useInbox();
  const [isWhole, setWhole] = useState(false);
  const waiting = new Map(
    queue.open
      .filter(
        (other) => other.id !== review.id && other.entity === review.entity && other.collection === review.collection,
      )
      .map((other) => [other.field, other.id]),
  );
  const names = Object.keys(review.row).filter((name) => name !== "id" && name !== review.field);
  const known = new Set(collection?.fields.map(({ name }) => name));
  const ordered = [...[...known].filter((name) => names.includes(name)), ...names.filter((name) => !known.has(name))];
  const shown = isWhole ? ordered : ordered.slice(0, SHOWN);
  return (
    <section className="record" aria-label="The rest of the record">
      <h3 className="section-name">
        {isGone(review) ? "The record, as it last was" : "The rest of the record"} <code>{review.entity}</code>
      </h3>
      {ordered.length === 0 ? <p className="is-faint">It has no other fields.</p> : null}
      <dl className="record-fields">
        {shown.map((name) => (
          <div key={name} data-field={name}>
            <dt>
              {readable(name)}
              <Waiting review={waiting.get(name) ?? null} />
            </dt>
            <dd>
              <Value field={collection?.byName.get(name)} value={review.row[name] ?? null} />
            </dd>
          </div>
        ))}
      </dl>
      {ordered.length > SHOWN ? (
        <button type="button" className="link-button" onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Show less" : `Show all ${ordered.length} fields`}
        </button>
      ) : null}
    </section>
  );
}

/** A field that waits for a decision of its own: the way there. */
function Waiting({ review }: { readonly review: string | null }): ReactNode {
  const actions = useActions();
  if (review === null) return null;
  return (
    <button type="button" className="badge is-waiting" onClick={() => actions.select(review)}>
      <CircleHelp size={11} aria-hidden="true" /> in review, too
    </button>
  );
}
