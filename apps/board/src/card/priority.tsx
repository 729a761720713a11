/** A task's priority as rising bars; nothing for a normal one. */
import type { ReactNode } from "react";
import { PRIORITIES, type Priority } from "../schema.ts";
import { PRIORITY_NAMES } from "../sync/words.ts";

export function PriorityFlag({ priority }: { readonly priority: Priority }): ReactNode {
  if (priority === "normal") return null;
  return (
    <span className="fact" title={`${PRIORITY_NAMES[priority]} priority`}>
      <PriorityIcon priority={priority} />
      <span className="visually-hidden">{PRIORITY_NAMES[priority]} priority</span>
    </span>
  );
}

export function PriorityIcon({ priority }: { readonly priority: Priority }): ReactNode {
  const level = PRIORITIES.indexOf(priority);
  return (
    <svg className="priority" data-priority={priority} viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
      {[0, 1, 2, 3].map((bar) => (
        <rect
          key={bar}
          className={bar <= level ? "is-on" : ""}
          x={bar * 3.5}
          y={9 - bar * 3}
          width="2.4"
          height={5 + bar * 3}
          rx="1"
        />
      ))}
    </svg>
  );
}
