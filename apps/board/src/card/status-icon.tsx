/** A column's sign: a moon that fills as work goes on. */
import type { ReactNode } from "react";
import type { Status } from "../schema.ts";

const RADIUS = 6;

export function StatusIcon({ status }: { readonly status: Status }): ReactNode {
  return (
    <svg className="status-icon" data-status={status} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <circle className="status-ring" cx="8" cy="8" r={RADIUS} />
      <Filling status={status} />
    </svg>
  );
}

function Filling({ status }: { readonly status: Status }): ReactNode {
  switch (status) {
    case "backlog":
    case "todo":
      return null;
    case "doing":
      return <path className="status-filling" d="M8 4.2a3.8 3.8 0 0 1 0 7.6z" />;
    case "review":
      return <path className="status-filling" d="M8 4.2a3.8 3.8 0 1 1-3.8 3.8H8z" />;
    case "done":
      return (
        <>
          <circle className="status-full" cx="8" cy="8" r={RADIUS + 0.75} />
          <path className="status-check" d="m5.2 8.2 2 2 3.7-4.2" />
        </>
      );
  }
}
