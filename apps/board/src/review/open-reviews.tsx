/** The reviews that wait for a decision, by card; live, and known while offline. */
import type { Review } from "@tidelock/core";
import { useConflicts, useQuery } from "@tidelock/client/react";
import { createContext, type ReactNode, useContext, useMemo } from "react";

type ByCard = ReadonlyMap<string, readonly Review[]>;

const NONE: readonly Review[] = [];
const OpenReviewsContext = createContext<ByCard>(new Map());

export function OpenReviews({ children }: { readonly children: ReactNode }): ReactNode {
  const { open } = useConflicts();
  const byCard = useMemo(() => {
    const reviews = open.data.filter(({ collection, field }) => collection === "tasks" && field !== null);
    return Map.groupBy(reviews, ({ entity }) => entity);
  }, [open.data]);
  return <OpenReviewsContext value={byCard}>{children}</OpenReviewsContext>;
}

/** All of them. */
export function useOpenReviews(): ByCard {
  return useContext(OpenReviewsContext);
}

export function useReviewsOf(card: string): readonly Review[] {
  return useOpenReviews().get(card) ?? NONE;
}

/** What has been decided of a card, the newest first. */
export function useDecidedReviews(card: string): readonly Review[] {
  const { data } = useQuery(({ conflicts }) =>
    conflicts.reviews.query({
      where: { entity: card, status: "closed" },
      orderBy: { field: "closedAt", direction: "desc" },
    }),
  );
  return data;
}
