/** Pictures for pages on which there is nothing to do: the moon over calm water, or behind a cloud. */
import type { ReactNode } from "react";

export function CalmSea(): ReactNode {
  return (
    <svg className="calm" viewBox="0 0 200 120" width="200" height="120" aria-hidden="true">
      <circle className="calm-moon" cx="118" cy="42" r="17" />
      <path className="calm-far" d="M14 76q14-6 28 0t28 0 28 0 28 0 28 0 32 0" />
      <path className="calm-glade" d="M104 83h28M108 91h20M112 99h12" />
      <path className="calm-near" d="M30 90q11-5 22 0t22 0M132 96q10-5 20 0t20 0M58 104q9-4 18 0t18 0" />
    </svg>
  );
}

export function CloudedMoon(): ReactNode {
  return (
    <svg className="calm" viewBox="0 0 200 120" width="200" height="120" aria-hidden="true">
      <circle className="calm-moon" cx="112" cy="40" r="17" />
      <path className="calm-cloud" d="M76 70a13 13 0 0 1 3-25 19 19 0 0 1 36-3 14 14 0 0 1 10 28z" />
      <path className="calm-far" d="M14 92q14-6 28 0t28 0 28 0 28 0 28 0 32 0" />
    </svg>
  );
}
