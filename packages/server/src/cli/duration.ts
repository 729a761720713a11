/** Spans of time as people write them: `90s`, `15m`, `1h`, `7d`. */
import { InvalidArgumentError } from "commander";

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const FORM = /^(\d{1,6})([smhdw])$/;

/** Seconds. Throws what commander reports as a usage error. */
export function parseDuration(text: string): number {
  const match = FORM.exec(text);
  const seconds = Number(match?.[1]) * (SECONDS[match?.[2] ?? ""] ?? Number.NaN);
  if (!(seconds > 0)) throw new InvalidArgumentError("Use a number and s, m, h, d or w, as in 90s, 15m, 1h or 7d.");
  return seconds;
}
