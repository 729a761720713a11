/**
 * Values that came into a review while somebody looks at it: they are pointed out until that person goes on, so that
 * nobody decides over a value without having noticed it.
 */
import type { Review } from "@tidelock/core";
import { useEffect, useRef, useState } from "react";

const NONE: ReadonlySet<string> = new Set();

/** The ids of the candidates that came later than the looking. `tell` hears of each once. */
export function useArrivals(
  review: Review,
  tell: (candidate: Review["candidates"][number]) => void,
): ReadonlySet<string> {
  const seen = useRef<{ readonly review: string; readonly ids: Set<string> } | null>(null);
  const [arrived, setArrived] = useState(NONE);
  const latestTell = useRef(tell);
  useEffect(() => {
    latestTell.current = tell;
  });
  const { id, candidates, status } = review;
  useEffect(() => {
    if (seen.current?.review !== id) {
      seen.current = { review: id, ids: new Set(candidates.map((candidate) => candidate.id)) };
      setArrived(NONE);
      return;
    }
    const { ids } = seen.current;
    const fresh = status === "open" ? candidates.filter((candidate) => !ids.has(candidate.id)) : [];
    if (fresh.length === 0) return;
    for (const candidate of fresh) {
      ids.add(candidate.id);
      latestTell.current(candidate);
    }
    setArrived((before) => new Set([...before, ...fresh.map((candidate) => candidate.id)]));
  }, [id, candidates, status]);
  return arrived;
}
