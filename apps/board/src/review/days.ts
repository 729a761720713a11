/** Days as date fields have them, `2026-12-04`, and the moments that they stand for. */

/** The end of a working day, in the device's time zone. */
const DUE_TIME = "T18:00:00";

/** `null` for what is no day. */
export function endOfDay(day: string): number | null {
  const millis = day === "" ? Number.NaN : Date.parse(`${day}${DUE_TIME}`);
  return Number.isNaN(millis) ? null : millis;
}

export function dayOf(millis: number): string {
  const date = new Date(millis);
  const two = (number: number): string => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
