/** How a review ended, and what came in the way of a decision, as sentences without their full stop. */
import type { FieldSchema, JsonValue, Review } from "@tidelock/core";
import { briefChange, briefValue } from "../value/brief.ts";

export interface Teller {
  readonly field: FieldSchema | undefined;
  /** A person as the beginning of a sentence. */
  readonly who: (user: string | null) => string;
}

/** `null` while nobody knows how it ended. */
export function outcomeWords(review: Review, { field, who }: Teller): string | null {
  const { outcome } = review;
  if (outcome === null) return null;
  const { kind, user, value } = outcome;
  if (kind === "deleted") return `${who(user)} deleted the record`;
  const what = valueWords(review, field, value);
  return kind === "expired" ? `The time was up: ${what} stands` : `${who(user)} decided: ${what}`;
}

/** What others put forward since a decision was made over `before`; `null` when it is not here yet. */
export function arrivalWords(review: Review, before: Review, { field, who }: Teller): string | null {
  const known = new Set(before.candidates.map(({ id }) => id));
  const fresh = review.candidates.filter(({ id }) => !known.has(id));
  if (fresh.length === 0) return null;
  return fresh.map(({ user, value }) => `${who(user)} put forward ${valueWords(review, field, value)}`).join("; ");
}

function valueWords(review: Review, field: FieldSchema | undefined, value: JsonValue): string {
  return review.field === null ? briefChange(value) : briefValue(field, value);
}
