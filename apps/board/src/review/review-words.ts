/** Reviews in words. */
import type { Review } from "@tidelock/core";
import type { NameOf } from "../session/names.ts";
import { type Audience, whose } from "../sync/decision-words.ts";
import { capitalized, fieldName, valueText } from "../sync/words.ts";

const NUMBERS = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];

/** “Two due dates, one decision” */
export function reviewTitle({ field, candidates }: Review): string {
  const count = NUMBERS[candidates.length] ?? String(candidates.length);
  const name = fieldName(field ?? "");
  return candidates.length === 1 ? `The ${name} waits for a decision` : `${count} ${plural(name)}, one decision`;
}

export function plural(name: string): string {
  return name.endsWith("y") ? `${name.slice(0, -1)}ies` : `${name}s`;
}

/** “Tomas and Noor” */
export function listText(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}

/** “Tomas and Noor chose without having seen each other's.” */
export function authorsText({ candidates }: Review, nameOf: NameOf): string {
  const names = [...new Set(candidates.map(({ user }) => nameOf(user)))];
  return names.length < 2
    ? `${names[0] ?? "Somebody"} chose on two devices, neither of which had seen the other's.`
    : `${listText(names)} chose without having seen each other's.`;
}

/** How a review ended: “Mira decided for Tomas's Nov 28” */
export function outcomeText({ outcome, candidates, field }: Review, audience: Audience): string {
  if (outcome === null) return "Waits for a decision";
  const value = valueText(field ?? "", outcome.value);
  const who = outcome.user === audience.self ? "You" : audience.nameOf(outcome.user);
  const picked = candidates.find(({ id }) => id === outcome.candidate);
  switch (outcome.kind) {
    case "pick":
      return `${who} decided for ${whose(picked?.user ?? null, audience)} ${value}`;
    case "edit":
      return `${who} decided for ${value}`;
    case "expired":
      return `Nobody decided in time: ${value} stands`;
    case "deleted":
      return `${who} deleted the card`;
  }
}

/** What happens when nobody decides. */
export function expiryText({ due, onExpiry, field }: Review, dateText: (millis: number) => string): string | null {
  if (due === null) return null;
  const name = capitalized(fieldName(field ?? ""));
  const then = onExpiry === "keep" ? "stays as it is" : "becomes the latest one";
  return `${name} ${then} if nobody decides by ${dateText(due)}.`;
}
