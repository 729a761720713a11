/**
 * What a reviewer is about to choose, what that would do, and how it could be taken back. Pure, so that what the page
 * says and what it does cannot differ.
 */
import type { ReviewDecision } from "@tidelock/client";
import { type FieldSchema, type JsonValue, type Review, type ReviewCandidate, sameJson } from "@tidelock/core";
import { isGone } from "../review/contenders.ts";
import { briefValue } from "../value/brief.ts";
import { readable } from "../value/names.ts";

export type Choice =
  | { readonly kind: "pick"; readonly candidate: ReviewCandidate }
  | { readonly kind: "edit"; readonly value: JsonValue };

export function chosenValue(choice: Choice): JsonValue {
  return choice.kind === "pick" ? choice.candidate.value : choice.value;
}

export function decisionOf(choice: Choice): ReviewDecision {
  return choice.kind === "pick" ? { candidate: choice.candidate.id } : { value: choice.value };
}

/**
 * - `keep`: nothing changes but that the review is closed
 * - `change`: the field gets another value
 * - `delete`: the entity goes; deleted ids are not used again, so that is for good
 * - `revive`: the entity comes back
 */
export type Effect = "keep" | "change" | "delete" | "revive";

export function effectOf(review: Review, choice: Choice): Effect {
  const value = chosenValue(choice);
  if (review.field !== null) return sameJson(value, standing(review)) ? "keep" : "change";
  if (isGone(review)) return value === null ? "keep" : "revive";
  return value === null ? "delete" : "keep";
}

/** What the field has, or what the entity is, while nobody has decided. */
export function standing({ candidates }: Pick<Review, "candidates">): JsonValue {
  return candidates[0]?.value ?? null;
}

/** How a decision is taken back, as a new write; `null` when it cannot be, or when there is nothing to take back. */
export type Undo =
  | { readonly kind: "write"; readonly field: string; readonly value: JsonValue }
  | { readonly kind: "delete" };

export function undoOf(review: Review, choice: Choice): Undo | null {
  switch (effectOf(review, choice)) {
    case "change":
      return review.field === null ? null : { kind: "write", field: review.field, value: standing(review) };
    case "revive":
      return { kind: "delete" };
    case "keep":
    case "delete":
      return null;
  }
}

/** What there is to say about a review. */
export interface Telling {
  readonly field: FieldSchema | undefined;
  /** What the entity is called. */
  readonly title: string;
  /** What somebody is called. */
  readonly nameOf: (user: string | null) => string;
}

/** What a choice would do, as a sentence without its full stop: “Price becomes 120”. */
export function effectWords(review: Review, choice: Choice, { field, title, nameOf }: Telling): string {
  const subject = review.field === null ? `“${title}”` : readable(review.field);
  const value = chosenValue(choice);
  switch (effectOf(review, choice)) {
    case "keep":
      if (review.field === null)
        return isGone(review) ? `${subject} stays deleted` : `${subject} stays, with what was changed`;
      return isLong(value)
        ? `${subject} stays as it is`
        : `${subject} stays ${quoted(field, briefValue(field, value))}`;
    case "change":
      if (!isLong(value)) return `${subject} becomes ${quoted(field, briefValue(field, value))}`;
      return choice.kind === "edit"
        ? `${subject} becomes what you wrote`
        : `${subject} becomes what ${nameOf(choice.candidate.user)} wrote`;
    case "delete":
      return `${subject} is deleted`;
    case "revive":
      return `${subject} comes back, with what was changed`;
  }
}

const LONG = 44;

/** Whether a value says less in a sentence than who wrote it. */
function isLong(value: JsonValue): boolean {
  return typeof value === "string"
    ? value.length > LONG || value.includes("\n")
    : typeof value === "object" && value !== null;
}

/** Words of a person in quotes; numbers, dates and the like as they are. */
function quoted(field: FieldSchema | undefined, text: string): string {
  return field?.type === "string" && text !== "nothing" && text !== "empty text" ? `“${text}”` : text;
}
