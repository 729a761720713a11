/** Conflicts in components: the queue of reviews, one review, and what became of this device's own writes. */
import type { Review } from "@tidelock/core";
import { useMemo } from "react";
import type { EntityResult, QueryResult, Write } from "../api/client.ts";
import type { ConflictNotice, Restorable, ReviewDecision, ReviewNotes } from "../api/conflicts.ts";
import { useClient } from "./provider.ts";
import { useLive } from "./use-live.ts";

export interface ConflictsResult {
  /** The open reviews that the user may see, the oldest first. */
  readonly open: QueryResult<Review>;
  /** Conflicts that this device's own writes met, newest first. */
  readonly recent: readonly ConflictNotice[];
  readonly decide: (review: string, decision: ReviewDecision) => Write;
  readonly annotate: (review: string, notes: ReviewNotes) => Write;
  readonly restore: (conflict: Restorable) => Write;
  readonly dismiss: (key: string) => void;
}

/**
 * The review queue, live, and what to do with it.
 *
 *     const { open, decide } = useConflicts();
 *     <button onClick={() => decide(review.id, { candidate: review.candidates[0].id })}>Keep</button>
 */
export function useConflicts(): ConflictsResult {
  const { conflicts } = useClient();
  const open = useLive<QueryResult<Review>>(conflicts.open);
  const recent = useLive(conflicts.recent);
  return useMemo(
    () => ({
      open,
      recent,
      decide: (review, decision) => conflicts.decide(review, decision),
      annotate: (review, notes) => conflicts.annotate(review, notes),
      restore: (conflict) => conflicts.restore(conflict),
      dismiss: (key) => conflicts.dismiss(key),
    }),
    [conflicts, open, recent],
  );
}

const NO_REVIEW: EntityResult<Review> = {
  data: undefined,
  syncState: "synced",
  status: "loading",
  error: null,
  isLoading: false,
};

/** One review, live. While the id is falsy, nothing is asked. */
export function useReview(id: string | null | undefined | false): EntityResult<Review> {
  const { conflicts } = useClient();
  const live = useMemo(() => (id ? conflicts.reviews.entity(id) : null), [conflicts, id]);
  return useLive(live, NO_REVIEW);
}
