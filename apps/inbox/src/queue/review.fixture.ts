/** For tests: a review of a fare's price, as the server has it. */
import { makeStamp, type JsonValue, type Review, type ReviewCandidate } from "@tidelock/core";

export function sampleCandidate(
  user: string,
  value: JsonValue,
  changes: Partial<ReviewCandidate> = {},
): ReviewCandidate {
  const offset = changes.offset ?? 10;
  const base = { id: `${user}-tablet:1`, counter: 1, seen: null, stamp: makeStamp(offset * 1000, 0), value };
  // The ids are well-formed; brands have no other way in.
  return { ...base, device: `${user}-tablet`, user, offset, ...changes } as ReviewCandidate;
}

export function sampleReview(changes: Partial<Review> = {}): Review {
  return {
    id: "review:tomas-tablet:1:0.1",
    collection: "fares",
    entity: "day",
    field: "price",
    status: "open",
    policy: "review",
    policyVersion: 1,
    reason: "two people wrote it",
    base: [24.5],
    candidates: [
      sampleCandidate("noor", 26, { offset: 10 }),
      sampleCandidate("tomas", 22.5, { offset: 12, seen: 9 as never }),
    ],
    assignee: null,
    note: null,
    due: null,
    onExpiry: "keep",
    openedAt: 1000,
    closedAt: null,
    outcome: null,
    row: { id: "day", name: "Day ticket", price: 26 },
    ...changes,
  };
}
