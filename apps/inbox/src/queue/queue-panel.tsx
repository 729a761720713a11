/** The left side: what waits for a decision, or what was decided. */
import type { ReactNode } from "react";
import { useInbox } from "../inbox-state.ts";
import { useOwnDecisions } from "../session/inbox-context.tsx";
import { BulkBar } from "./bulk-bar.tsx";
import { DecidedList } from "./decided-list.tsx";
import { Filters } from "./filters.tsx";
import { OpenList } from "./open-list.tsx";

export function QueuePanel(): ReactNode {
  const { queue, route, go, marking } = useInbox();
  const unsent = useOwnDecisions().filter(({ state }) => state === "sent").length;
  const decided = queue.decided.length + unsent;
  const tab = (name: "open" | "decided", label: string, count: number): ReactNode => (
    <button
      type="button"
      className="tab"
      aria-current={route.tab === name ? "page" : undefined}
      onClick={() => go({ tab: name, review: null })}
    >
      {label} <span className="count">{count}</span>
    </button>
  );
  return (
    <section className="queue" aria-label="Reviews">
      <nav className="tabs" aria-label="Which reviews">
        {tab("open", "Open", queue.open.length)}
        {tab("decided", "Decided", decided)}
      </nav>
      {route.tab === "open" && queue.open.length > 0 ? <Filters /> : null}
      <div className="queue-list" data-marking={marking.ids.size > 0}>
        {route.tab === "open" ? <OpenList /> : <DecidedList />}
      </div>
      {marking.ids.size > 0 && route.tab === "open" ? <BulkBar /> : null}
    </section>
  );
}
