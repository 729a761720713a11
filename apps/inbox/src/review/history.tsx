/** How the field came to be what it is, from the server's log. Not there where the server does not offer it. */
import type { HistoryEntry } from "@tidelock/client";
import type { FieldSchema, Review } from "@tidelock/core";
import type { ReactNode } from "react";
import { Avatar } from "../people/avatar.tsx";
import { useNames } from "../session/inbox-context.tsx";
import { useNow } from "../shell/clock.ts";
import { briefValue, briefValues } from "../value/brief.ts";
import { listed, readable } from "../value/names.ts";
import { relativeTime, wholeMomentText } from "../value/times.ts";
import { useHistory } from "./use-history.ts";

interface HistoryProps {
  readonly review: Review;
  readonly field: FieldSchema | undefined;
}

export function HistorySection({ review, field }: HistoryProps): ReactNode {
  const history = useHistory(review);
  if (history.state !== "ready" || history.entries.length === 0) return null;
  return (
    <section className="history" aria-label="History">
      <h3 className="section-name">
        {review.field === null ? "History of the record" : `History of ${readable(review.field)}`}
      </h3>
      <ol>
        {history.entries.map((entry) => (
          <Entry key={entry.offset} entry={entry} field={field} name={review.field} />
        ))}
      </ol>
      {history.isComplete ? null : (
        <p className="is-faint">The log does not reach back further, or there is more of it.</p>
      )}
    </section>
  );
}

interface EntryProps {
  readonly entry: HistoryEntry;
  readonly field: FieldSchema | undefined;
  readonly name: string | null;
}

function Entry({ entry, field, name }: EntryProps): ReactNode {
  const { who } = useNames();
  const now = useNow(30_000);
  const { user, time, occurredAt, offset } = entry;
  return (
    <li>
      <Avatar user={user} size="small" isDecorative />
      <p>
        <bdi className="history-who">{who(user)}</bdi> <What entry={entry} field={field} name={name} />
      </p>
      <time
        dateTime={new Date(occurredAt).toISOString()}
        title={`${wholeMomentText(occurredAt)}; event ${offset} of the log since ${wholeMomentText(time)}`}
      >
        {relativeTime(occurredAt, now)}
      </time>
    </li>
  );
}

function What({ entry, field, name }: EntryProps): ReactNode {
  const { kind, changed } = entry;
  const change = changed.find((each) => each.field === name);
  const decision = entry.decisions.map((each) => each.decision).find((each) => each.field === name);
  const isDecided = decision !== undefined && decision.policy === "review" && decision.winner !== "review";
  if (change !== undefined) {
    if (kind === "created") return <bdi>began with {briefValue(field, change.now, 80)}</bdi>;
    const [was = "", now = ""] = briefValues(field, [change.was, change.now], 80);
    return (
      <span>
        {isDecided ? "decided " : ""}
        <bdi className="history-was">{was}</bdi>
        <span aria-label="became"> → </span>
        <bdi>{now}</bdi>
      </span>
    );
  }
  if (isDecided) return <bdi>decided that it stays {briefValue(field, decision.value, 80)}</bdi>;
  if (decision?.winner === "review") {
    const [, proposed = ""] = briefValues(field, [decision.current.value, decision.incoming.value], 80);
    return <bdi>put forward {proposed}</bdi>;
  }
  return (
    <span>
      {recordWords(
        kind,
        changed.map((each) => each.field),
      )}
    </span>
  );
}

function recordWords(kind: HistoryEntry["kind"], fields: readonly string[]): string {
  if (kind === "created") return "created the record";
  if (kind === "deleted") return "deleted the record";
  const names = fields.filter((name) => !name.startsWith("tidelock.")).map(readable);
  return names.length === 0 ? "changed nothing that is shown" : `changed ${listed(names)}`;
}
