/** Moments and spans in words, as short as they can be and still be told apart. */
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const DAY = new Intl.DateTimeFormat("en", { weekday: "short", month: "short", day: "numeric" });
const DAY_OF_YEAR = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", year: "numeric" });
const WHOLE_DAY = new Intl.DateTimeFormat("en", { weekday: "short", month: "short", day: "numeric", year: "numeric" });
const TIME = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const WHOLE = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });

/** Moments beyond these are no dates. */
const MAX_DATE_MS = 8.64e15;

export function isMoment(millis: number): boolean {
  return Math.abs(millis) <= MAX_DATE_MS;
}

/** “3 hours ago”, “in 2 days”, “just now”. */
export function relativeTime(millis: number, now: number): string {
  const away = millis - now;
  const size = Math.abs(away);
  if (size < MINUTE_MS) return away > 0 ? "in a moment" : "just now";
  const [unit, length] =
    size < HOUR_MS
      ? (["minute", MINUTE_MS] as const)
      : size < DAY_MS
        ? (["hour", HOUR_MS] as const)
        : (["day", DAY_MS] as const);
  return RELATIVE.format(Math.trunc(away / length), unit);
}

/** “Mon, Nov 23, 2026” and “07:30”, where this device is. */
export function momentParts(millis: number): readonly [day: string, time: string] {
  return [WHOLE_DAY.format(millis), TIME.format(millis)];
}

/** “Mon, Nov 23, 2026, 07:30”; a moment that is none comes out as its number. */
export function momentText(millis: number): string {
  return isMoment(millis) ? momentParts(millis).join(", ") : String(millis);
}

/** With weekday, seconds and time zone: for a title. */
export function wholeMomentText(millis: number): string {
  return isMoment(millis) ? WHOLE.format(millis) : String(millis);
}

/** “today 18:00”, “tomorrow 09:30”, “Thu, Nov 26, 18:00”, “Mar 3, 2028”. */
export function shortMomentText(millis: number, now: number): string {
  if (!isMoment(millis)) return String(millis);
  const days = dayNumber(millis) - dayNumber(now);
  if (Math.abs(days) <= 1) return `${RELATIVE.format(days, "day")} ${TIME.format(millis)}`;
  if (new Date(millis).getFullYear() !== new Date(now).getFullYear()) return DAY_OF_YEAR.format(millis);
  return `${DAY.format(millis)}, ${TIME.format(millis)}`;
}

/** The day of a moment where this device is, counted. */
export function dayNumber(millis: number): number {
  const date = new Date(millis);
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY_MS);
}

/** “2 days”, “1 h 30 min”, “45 s”: the two largest parts. */
export function spanText(millis: number): string {
  const parts = [
    [Math.floor(millis / DAY_MS), "day"],
    [Math.floor((millis % DAY_MS) / HOUR_MS), "h"],
    [Math.floor((millis % HOUR_MS) / MINUTE_MS), "min"],
    [Math.floor((millis % MINUTE_MS) / 1000), "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count} ${unit === "day" && count > 1 ? "days" : unit}`).join(" ");
}

/** As an input of the type `datetime-local` wants it, in this device's time zone; seconds only where there are some. */
export function inputMoment(millis: number): string {
  if (!isMoment(millis)) return "";
  const date = new Date(millis);
  const day = [digits(date.getFullYear(), 4), digits(date.getMonth() + 1, 2), digits(date.getDate(), 2)].join("-");
  const time = [digits(date.getHours(), 2), digits(date.getMinutes(), 2)].join(":");
  const [seconds, rest] = [date.getSeconds(), date.getMilliseconds()];
  if (seconds === 0 && rest === 0) return `${day}T${time}`;
  return `${day}T${time}:${digits(seconds, 2)}${rest === 0 ? "" : `.${digits(rest, 3)}`}`;
}

function digits(number: number, count: number): string {
  return String(number).padStart(count, "0");
}

/** `null` when it is none. */
export function parseInputMoment(text: string): number | null {
  const millis = Date.parse(text);
  return Number.isNaN(millis) ? null : millis;
}
