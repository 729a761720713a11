/** How far a number or a moment is from another one, in words: “+10 (+9 %)”, “2 days later”. */
import type { FieldSchema, JsonValue } from "@tidelock/core";
import { isMoment, spanText } from "./times.ts";

const SIGNED = new Intl.NumberFormat("en", { signDisplay: "exceptZero", maximumFractionDigits: 12 });
const PERCENT = new Intl.NumberFormat("en", { style: "percent", signDisplay: "exceptZero", maximumFractionDigits: 1 });

/** `null` when there is nothing to say. */
export function deltaWords(
  field: Pick<FieldSchema, "type"> | undefined,
  before: JsonValue | undefined,
  after: JsonValue,
): string | null {
  if (typeof before !== "number" || typeof after !== "number" || before === after) return null;
  if (field?.type === "timestamp") {
    if (!isMoment(before) || !isMoment(after)) return null;
    return `${spanText(Math.abs(after - before))} ${after > before ? "later" : "earlier"}`;
  }
  // Sums of decimal fractions have tails that nobody wrote.
  const difference = Number((after - before).toPrecision(12));
  const share = before === 0 ? null : difference / Math.abs(before);
  const words =
    share === null || Math.abs(share) > 10
      ? SIGNED.format(difference)
      : `${SIGNED.format(difference)} (${PERCENT.format(share)})`;
  return words.replaceAll("-", "−");
}
