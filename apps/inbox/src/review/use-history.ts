/** The history of a review's entity, from the server's log, as far as this server offers it. */
import type { HistoryEntry } from "@tidelock/client";
import type { Review } from "@tidelock/core";
import { useConnection } from "@tidelock/client/react";
import { useEffect, useState } from "react";
import { useParts } from "../session/inbox-context.tsx";

export type History =
  | { readonly state: "loading" | "unavailable" }
  | { readonly state: "ready"; readonly entries: readonly HistoryEntry[]; readonly isComplete: boolean };

const LOADING: History = { state: "loading" };
const MOST = 50;

export function useHistory({ collection, entity, field, candidates, status }: Review): History {
  const { client } = useParts().session;
  const { isConnected } = useConnection();
  const [history, setHistory] = useState<{ readonly of: string; readonly value: History }>({ of: "", value: LOADING });
  const of = `${collection} ${entity} ${field ?? ""}`;
  const version = `${candidates.map(({ id }) => id).join()} ${status}`;
  useEffect(() => {
    let isWanted = true;
    const set = (value: History): void => {
      if (isWanted) setHistory((last) => (value.state !== "ready" && last.of === of ? last : { of, value }));
    };
    const ask = async (): Promise<void> => {
      try {
        const { items, next, isComplete } = await client.history(collection, entity, { limit: MOST });
        const touches = ({ changed, decisions }: HistoryEntry): boolean =>
          [...changed, ...decisions.map(({ decision }) => decision)].some((each) => each.field === field);
        const entries = field === null ? items : items.filter(touches);
        set({ state: "ready", entries, isComplete: isComplete && next === null });
      } catch {
        set({ state: "unavailable" });
      }
    };
    void ask();
    return () => {
      isWanted = false;
    };
    // Asked again when the review has changed, and when the connection is back.
    // oxlint-disable-next-line react/exhaustive-effect-dependencies
  }, [client, collection, entity, field, of, version, isConnected]);
  return history.of === of ? history.value : LOADING;
}
