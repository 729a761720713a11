/** Deciding many reviews at once, by one of two rules that need no look at the values. */
import type { Review } from "@tidelock/core";
import { latestOf } from "../review/contenders.ts";
import { type Choice, effectOf } from "./choice.ts";

/** `keep`: every field keeps what it has. `latest`: every field takes what was written last. */
export type BulkKind = "keep" | "latest";

export interface BulkChoice {
  readonly review: Review;
  readonly choice: Choice;
}

export function bulkChoices(reviews: readonly Review[], kind: BulkKind): readonly BulkChoice[] {
  return reviews.flatMap((review) => {
    const candidate = kind === "keep" ? review.candidates[0] : latestOf(review.candidates);
    return candidate === undefined ? [] : [{ review, choice: { kind: "pick", candidate } }];
  });
}

/** What it would do, before it is done. */
export function bulkSentence(
  choices: readonly BulkChoice[],
  kind: BulkKind,
): { readonly title: string; readonly text: string; readonly confirm: string; readonly isDangerous: boolean } {
  const effects = choices.map(({ review, choice }) => effectOf(review, choice));
  const count = (effect: string): number => effects.filter((each) => each === effect).length;
  const parts = [
    said(count("keep"), "keeps what it has", "keep what they have"),
    said(count("change"), "takes the latest value", "take the latest value"),
    said(count("revive"), "comes back", "come back"),
    said(count("delete"), "is deleted, which cannot be undone", "are deleted, which cannot be undone"),
  ].filter((part) => part !== "");
  const what = choices.length === 1 ? "1 review" : `${choices.length} reviews`;
  return {
    title: kind === "keep" ? `Keep what stands in ${what}?` : `Take the latest value in ${what}?`,
    text: `${parts.join(", ")}. Values that do not stand remain in the record.`,
    confirm: kind === "keep" ? "Keep what stands" : "Take the latest",
    isDangerous: count("delete") > 0,
  };
}

function said(count: number, one: string, many: string): string {
  return count === 0 ? "" : count === 1 ? `1 ${one}` : `${count} ${many}`;
}
