/** “3 minutes ago”, and a clock that makes components say it anew. */
import { useEffect, useState } from "react";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WORDS = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function timeAgo(millis: number, now: number): string {
  const age = now - millis;
  if (age < MINUTE_MS) return "just now";
  if (age < HOUR_MS) return WORDS.format(-Math.floor(age / MINUTE_MS), "minute");
  if (age < DAY_MS) return WORDS.format(-Math.floor(age / HOUR_MS), "hour");
  return WORDS.format(-Math.floor(age / DAY_MS), "day");
}

/** The time, renewed so often. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
