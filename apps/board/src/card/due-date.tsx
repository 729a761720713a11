/** When a task is due: plain, soon, or late. */
import { CalendarClock } from "lucide-react";
import type { ReactNode } from "react";
import { useNow } from "../sync/relative-time.ts";
import { dateText } from "../sync/words.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const RENEWED_MS = 5 * 60 * 1000;

export function DueDate({ millis, isDone }: { readonly millis: number; readonly isDone: boolean }): ReactNode {
  const now = useNow(RENEWED_MS);
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
