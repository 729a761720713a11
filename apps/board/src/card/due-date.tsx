/** When a task is due: plain, soon, late, or not decided yet. */
import { CalendarClock, Scale } from "lucide-react";
import type { ReactNode } from "react";
import { useNow } from "../sync/relative-time.ts";
import { dateText } from "../sync/words.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const RENEWED_MS = 5 * 60 * 1000;

interface DueDateProps {
  /** `null`: none. */
  readonly millis: number | null;
  readonly isDone: boolean;
  /** How many dates wait for a decision. */
  readonly proposals: number;
}

export function DueDate({ millis, isDone, proposals }: DueDateProps): ReactNode {
  const now = useNow(RENEWED_MS);
  if (proposals > 0) {
    const shown = millis === null ? "No date" : dateText(millis);
    const words = `${millis === null ? "No due date" : `Due ${shown}`} for now: ${proposals} dates wait for a decision`;
    return (
      <span className="fact due is-in-review" title={words}>
        <Scale size={13} aria-hidden="true" />
        <span aria-hidden="true">{shown}</span>
        <span className="visually-hidden">{words}</span>
      </span>
    );
  }
  if (millis === null) return null;
  const urgency = isDone ? "" : urgencyOf(millis - now);
  const words = { "": "Due", "is-soon": "Due soon:", "is-late": "Overdue:" }[urgency];
  return (
    <time
      className={`fact due ${urgency}`}
      dateTime={new Date(millis).toISOString()}
      title={`${words} ${dateText(millis)}`}
    >
      <CalendarClock size={13} aria-label={words} />
      {dateText(millis)}
    </time>
  );
}

function urgencyOf(left: number): "" | "is-soon" | "is-late" {
  if (left < 0) return "is-late";
  return left < 2 * DAY_MS ? "is-soon" : "";
}
