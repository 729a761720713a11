/** How much of a checklist is done: a ring that closes. */
import { CircleCheckBig } from "lucide-react";
import type { ReactNode } from "react";
import { openSteps, type Step } from "../schema.ts";

const RADIUS = 5;
const LENGTH = 2 * Math.PI * RADIUS;

export function Progress({ steps }: { readonly steps: readonly Step[] }): ReactNode {
  if (steps.length === 0) return null;
  const done = steps.length - openSteps({ steps }).length;
  const words = `${done} of ${steps.length} checklist items done`;
  return (
    <span className={`fact progress ${done === steps.length ? "is-whole" : ""}`} title={words}>
      {done === steps.length ? (
        <CircleCheckBig size={13} aria-hidden="true" />
      ) : (
        <svg viewBox="0 0 14 14" width="13" height="13" aria-hidden="true">
          <circle cx="7" cy="7" r={RADIUS} />
          <circle
            className="progress-done"
            cx="7"
            cy="7"
            r={RADIUS}
            strokeDasharray={`${(done / steps.length) * LENGTH} ${LENGTH}`}
          />
        </svg>
      )}
      <span aria-hidden="true">
        {done}/{steps.length}
      </span>
      <span className="visually-hidden">{words}</span>
    </span>
  );
}
