/** The state of the page beyond the data: where one is, what is filtered, marked, and about to be decided. */
import type { Review } from "@tidelock/core";
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";
import { type Draft, draftOf, type Drafts, withDraft } from "./decisions/drafts.ts";
import { type Marking, NOTHING_MARKED, stillThere } from "./queue/marking.ts";
import { EVERYTHING, type Grouping, grouped, matches, type QueueFilter, type QueueGroup } from "./queue/queue-model.ts";
import { type Queue, useQueue } from "./queue/use-queue.ts";
import { useParts } from "./session/inbox-context.tsx";
import { useNow } from "./shell/clock.ts";
import { type Go, type Route, useRoute } from "./shell/route.ts";

export interface InboxState {
  readonly queue: Queue;
  readonly filter: QueueFilter;
  readonly setFilter: (filter: QueueFilter) => void;
  readonly grouping: Grouping;
  readonly setGrouping: (grouping: Grouping) => void;
  /** The open reviews that the filter lets through, as the list shows them. */
  readonly groups: readonly QueueGroup[];
  /** The ids of all rows, from top to bottom. */
  readonly order: readonly string[];
  readonly route: Route;
  readonly go: Go;
  readonly marking: Marking;
  readonly setMarking: (marking: Marking) => void;
  readonly draftFor: (review: string) => Draft;
  readonly setDraft: (review: string, draft: Draft) => void;
  /** The row `steps` below (or above) the current one, also where that has just gone from the list. */
  readonly neighbour: (steps: number) => string | null;
}

const Context = createContext<InboxState | null>(null);
export const StateProvider = Context.Provider;

export function useInbox(): InboxState {
  const state = useContext(Context);
  if (state === null) throw new Error("The inbox has no state here.");
  return state;
}

export function useInboxState(): InboxState {
  const { session } = useParts();
  const queue = useQueue();
  const now = useNow(15_000);
  const [route, go] = useRoute();
  const [filter, setFilter] = useState<QueueFilter>(EVERYTHING);
  const [grouping, setGrouping] = useState<Grouping>("due");
  const [marking, setMarking] = useState<Marking>(NOTHING_MARKED);
  const [drafts, setDrafts] = useState<Drafts>(new Map());

  const groups = useMemo(() => {
    const shown = queue.open.filter((review) => matches(review, filter, session.user, session.schema));
    return grouped(shown, grouping, now);
  }, [queue.open, filter, grouping, now, session]);
  const order = useMemo(
    () =>
      route.tab === "open"
        ? groups.flatMap(({ reviews }) => reviews.map(({ id }) => id))
        : queue.decided.map(({ id }) => id),
    [groups, queue.decided, route.tab],
  );

  const setDraft = useCallback(
    (review: string, draft: Draft) => setDrafts((before) => withDraft(before, review, draft)),
    [],
  );
  const draftFor = useCallback((review: string) => draftOf(drafts, review), [drafts]);
  const place = usePlace(order, route.review);
  const neighbour = useCallback(
    (steps: number): string | null => {
      const index = route.review === null ? -1 : order.indexOf(route.review);
      if (index >= 0) return order[index + steps] ?? null;
      if (route.review === null) return order[steps > 0 ? 0 : order.length - 1] ?? null;
      // What was at this place is gone: the one below is there now.
      const at = steps > 0 ? place.current + steps - 1 : place.current + steps;
      return order[Math.min(at, order.length - 1)] ?? null;
    },
    [order, route.review, place],
  );
  return useMemo(
    () => ({
      ...{ queue, filter, setFilter, grouping, setGrouping, groups, order, route, go },
      ...{ marking: stillThere(marking, order), setMarking, draftFor, setDraft, neighbour },
    }),
    [queue, filter, grouping, groups, order, route, go, marking, draftFor, setDraft, neighbour],
  );
}

/** The place that the current row has, or had last. */
function usePlace(order: readonly string[], current: string | null): { readonly current: number } {
  const place = useRef(0);
  useEffect(() => {
    const index = current === null ? -1 : order.indexOf(current);
    if (index >= 0) place.current = index;
  }, [order, current]);
  return place;
}

/** The marked reviews, in the order of the list. */
export function markedReviews({ queue, marking }: Pick<InboxState, "queue" | "marking">): readonly Review[] {
  return queue.open.filter(({ id }) => marking.ids.has(id));
}
