/** The reviews of the server, live: those that are open, and those that were closed in the last days. */
import { useLive } from "@tidelock/client/react";
import type { QueryResult, Where } from "@tidelock/client";
import type { Review, TidelockError } from "@tidelock/core";
import { useMemo, useState } from "react";
import { useParts } from "../session/inbox-context.tsx";
import { inOrder } from "./queue-model.ts";

/** How far back the page shows what was decided. */
export const DECIDED_DAYS = 7;
const DAY_MS = 24 * 60 * 60 * 1000;

export interface Queue {
  /** The most urgent first. */
  readonly open: readonly Review[];
  /** The last one first. */
  readonly decided: readonly Review[];
  readonly isLoading: boolean;
  /** Whether everything that the server has was here at the last moment of being connected. */
  readonly isComplete: boolean;
  readonly error: TidelockError | null;
}

export function useQueue(): Queue {
  const { client } = useParts().session;
  const [since] = useState(() => Date.now() - DECIDED_DAYS * DAY_MS);
  const query = useMemo(() => {
    const where = { or: [{ status: "open" }, { closedAt: { gte: since } }] };
    return client.conflicts.reviews.query({ where: where as Where<Review> });
  }, [client, since]);
  const { data, isLoading, isComplete, error } = useLive<QueryResult<Review>>(query);
  return useMemo(() => {
    const open = inOrder(data.filter(({ status }) => status === "open"));
    const decided = data
      .filter(({ status }) => status === "closed")
      .sort((left, right) => (right.closedAt ?? 0) - (left.closedAt ?? 0));
    return { open, decided, isLoading, isComplete, error };
  }, [data, isLoading, isComplete, error]);
}
