/** What people say about a card, and what happened to it: two lists, one at a time. */
import { type KeyboardEvent, type ReactNode, useId, useState } from "react";
import { HistoryList } from "../history/history-list.tsx";
import type { Task, TaskComment } from "../schema.ts";
import { Comments } from "./comments.tsx";

interface ActivityProps {
  readonly task: Task;
  readonly comments: readonly TaskComment[];
  /** Changes whenever something has happened to the card. */
  readonly version: object;
}

const TABS = ["comments", "history"] as const;
type Tab = (typeof TABS)[number];

export function Activity({ task, comments, version }: ActivityProps): ReactNode {
  const [tab, setTab] = useState<Tab>("comments");
  const id = useId();
  const names: Readonly<Record<Tab, string>> = {
    comments: comments.length === 0 ? "Comments" : `Comments · ${comments.length}`,
    history: "History",
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    const next = tab === "comments" ? "history" : "comments";
    setTab(next);
    event.currentTarget.querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus();
  };
  return (
    <section className="activity" aria-label="Comments and history">
      <div className="tabs" role="tablist" aria-label="Comments and history" onKeyDown={onKeyDown}>
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}${name}-tab`}
            data-tab={name}
            aria-selected={tab === name}
            aria-controls={`${id}${name}`}
            tabIndex={tab === name ? 0 : -1}
            onClick={() => setTab(name)}
          >
            {names[name]}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}${tab}`} aria-labelledby={`${id}${tab}-tab`}>
        {tab === "comments" ? (
          <Comments task={task.id} comments={comments} />
        ) : (
          <HistoryList task={task} version={version} />
        )}
      </div>
    </section>
  );
}
