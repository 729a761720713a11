/** When a card is due. While two dates wait for a decision, another one joins them; afterwards it says who decided. */
import { Scale } from "lucide-react";
import type { ReactNode } from "react";
import { dayOf, endOfDay } from "../review/days.ts";
import { useDecidedReviews, useReviewsOf } from "../review/open-reviews.tsx";
import { outcomeText } from "../review/review-words.ts";
import type { Task } from "../schema.ts";
import { useSession } from "../session/board-session.tsx";
import { useDirectory } from "../session/directory.ts";
import { timeAgo, useNow } from "../sync/relative-time.ts";

export function DueField({ task }: { readonly task: Task }): ReactNode {
  const { actions } = useSession();
  const waits = useReviewsOf(task.id).some(({ field }) => field === "dueAt");
  const choose = (day: string): void => {
    const dueAt = endOfDay(day);
    if (day !== "" && dueAt === null) return;
    if (dueAt !== task.dueAt) actions.change(task.id, { dueAt });
  };
  return (
    <div className="field">
      <label className="field">
        <span className="field-name">Due</span>
        <input
          type="date"
          className={`choice ${task.dueAt === null ? "is-faint" : ""}`}
          value={task.dueAt === null ? "" : dayOf(task.dueAt)}
          onChange={(event) => choose(event.target.value)}
        />
      </label>
      {waits ? (
        <p className="field-hint">
          <Scale size={12} aria-hidden="true" /> Waits for a decision. A date that you choose now joins the others.
        </p>
      ) : (
        <Decided task={task} />
      )}
    </div>
  );
}

/** The decision that the date comes from, if it does. */
function Decided({ task }: { readonly task: Task }): ReactNode {
  const { person } = useSession();
  const { nameOf } = useDirectory();
  const now = useNow(20_000);
  const last = useDecidedReviews(task.id).find(({ field }) => field === "dueAt");
  if (last?.outcome?.value !== task.dueAt || last.closedAt === null) return null;
  return (
    <p className="field-hint is-decided">
      <Scale size={12} aria-hidden="true" /> {outcomeText(last, { nameOf, self: person().user })},{" "}
      {timeAgo(last.closedAt, now)}
    </p>
  );
}
