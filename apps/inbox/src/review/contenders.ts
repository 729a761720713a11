/**
 * Who stands against whom in a review: its candidates as people see them. The first is what the field has; the others
 * were put forward by authors who had not seen it, or not yet.
 */
import { type JsonValue, type Review, type ReviewCandidate, stampMillis } from "@tidelock/core";

export interface Contender {
  readonly candidate: ReviewCandidate;
  /** The key that picks it: 1, 2, 3, … */
  readonly number: number;
  /** It is what the field has, or what the entity is, until somebody decides. */
  readonly stands: boolean;
  readonly isMine: boolean;
  /** It is the one that was written last, by stamp. */
  readonly isLatest: boolean;
  /** When it was written, as its device's clock had it. */
  readonly time: number;
  /** The other candidates that its author had not seen; `null` when only the log knows. */
  readonly unseen: readonly ReviewCandidate[] | null;
}

export function contendersOf({ candidates }: Pick<Review, "candidates">, me: string): readonly Contender[] {
  const latest = latestOf(candidates);
  return candidates.map((candidate, index) => ({
    candidate,
    number: index + 1,
    stands: index === 0,
    isMine: candidate.user === me,
    isLatest: candidate === latest,
    time: stampMillis(candidate.stamp),
    unseen: unseenBy(candidate, candidates),
  }));
}

function unseenBy(candidate: ReviewCandidate, all: readonly ReviewCandidate[]): readonly ReviewCandidate[] | null {
  const { seen } = candidate;
  if (seen === null) return null;
  // What comes later in the log cannot have been seen, and is no news.
  return all.filter(
    (other) => other.device !== candidate.device && other.offset > seen && other.offset < candidate.offset,
  );
}

/** The candidate that was written last; of equals that of the greater device, as the server has it. */
export function latestOf(candidates: readonly ReviewCandidate[]): ReviewCandidate | undefined {
  return candidates.reduce<ReviewCandidate | undefined>((latest, each) => {
    if (latest === undefined || each.stamp > latest.stamp) return each;
    return each.stamp === latest.stamp && each.device > latest.device ? each : latest;
  }, undefined);
}

/** What will stand when nobody decides in time. */
export function expiryCandidate({
  candidates,
  onExpiry,
}: Pick<Review, "candidates" | "onExpiry">): ReviewCandidate | undefined {
  return onExpiry === "keep" ? candidates[0] : latestOf(candidates);
}

/** What the values are compared with: where they started from, or else what the field has. */
export function comparedWith({ base, candidates }: Pick<Review, "base" | "candidates">): JsonValue | undefined {
  return base.length > 0 ? base[0] : candidates[0]?.value;
}

/** Whether an entity is gone until somebody decides; `false` for reviews of a field. */
export function isGone({ field, candidates }: Pick<Review, "field" | "candidates">): boolean {
  return field === null && candidates[0]?.value === null;
}
