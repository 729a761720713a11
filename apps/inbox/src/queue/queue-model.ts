/** The list of reviews: which of them, in which order, in which groups. Pure functions of the reviews and the clock. */
import type { Review, Schema } from "@tidelock/core";
import { entityTitle, readable } from "../value/names.ts";
import { dayNumber } from "../value/times.ts";

export type Assigned = "all" | "mine" | "nobody";
export type Grouping = "due" | "collection";

export interface QueueFilter {
  readonly assigned: Assigned;
  /** `null`: every collection. */
  readonly collection: string | null;
  /** Words that must all occur. */
  readonly words: string;
}

export const EVERYTHING: QueueFilter = { assigned: "all", collection: null, words: "" };

/** The most urgent first: by the time that is left, then by age. Reviews without a time come last. */
export function inOrder(reviews: readonly Review[]): readonly Review[] {
  return [...reviews].sort(
    (left, right) =>
      (left.due ?? Infinity) - (right.due ?? Infinity) ||
      left.openedAt - right.openedAt ||
      (left.id < right.id ? -1 : left.id > right.id ? 1 : 0),
  );
}

export function matches(review: Review, filter: QueueFilter, me: string, schema: Schema): boolean {
  const { assigned, collection, words } = filter;
  if (assigned === "mine" && review.assignee !== me) return false;
  if (assigned === "nobody" && review.assignee !== null) return false;
  if (collection !== null && review.collection !== collection) return false;
  if (words.trim() === "") return true;
  const text = searchedText(review, schema);
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** A review is the same object while nothing of it has changed. */
const searched = new WeakMap<Review, string>();

function searchedText(review: Review, schema: Schema): string {
  const known = searched.get(review);
  if (known !== undefined) return known;
  const { collection, field, note, assignee, candidates, row } = review;
  const parts = [
    entityTitle(schema.collections.get(collection), row),
    readable(collection),
    field === null ? "" : readable(field),
    note ?? "",
    assignee ?? "",
    ...candidates.flatMap(({ user, value }) => [user ?? "", typeof value === "string" ? value : JSON.stringify(value)]),
  ];
  const text = parts.join("\n").toLowerCase();
  searched.set(review, text);
  return text;
}

export type Urgency = "overdue" | "today" | "week" | "later" | "never";

/** A review whose time is up is decided by the server before long; until then it is overdue. */
export function urgencyOf({ due }: Pick<Review, "due">, now: number): Urgency {
  if (due === null) return "never";
  if (due <= now) return "overdue";
  const days = dayNumber(due) - dayNumber(now);
  return days <= 0 ? "today" : days < 7 ? "week" : "later";
}

export interface QueueGroup {
  readonly key: string;
  readonly name: string;
  readonly reviews: readonly Review[];
}

const URGENCIES: Readonly<Record<Urgency, string>> = {
  overdue: "Overdue",
  today: "Due today",
  week: "Due within a week",
  later: "Due later",
  never: "No time limit",
};

/** The reviews in groups, each in the order that they came in. Empty groups are left out. */
export function grouped(reviews: readonly Review[], grouping: Grouping, now: number): readonly QueueGroup[] {
  const keyOf = (review: Review): string => (grouping === "due" ? urgencyOf(review, now) : review.collection);
  const groups = Map.groupBy(reviews, keyOf);
  const keys = grouping === "due" ? Object.keys(URGENCIES) : [...groups.keys()].sort();
  return keys.flatMap((key) => {
    const members = groups.get(key);
    if (members === undefined) return [];
    const name = grouping === "due" ? URGENCIES[key as Urgency] : readable(key);
    return [{ key, name, reviews: members }];
  });
}

/** The collections that have open reviews, with how many. */
export function collectionCounts(
  reviews: readonly Review[],
): ReadonlyArray<readonly [collection: string, count: number]> {
  const counts = new Map<string, number>();
  for (const { collection } of reviews) counts.set(collection, (counts.get(collection) ?? 0) + 1);
  return [...counts].sort(([left], [right]) => (left < right ? -1 : 1));
}
