/** The mark: a moon that always shows its planet the same face. */
import type { ReactNode } from "react";

export function Mark({ size }: { readonly size: number }): ReactNode {
  return (
    <svg className="mark" viewBox="0 0 32 32" width={size} height={size} aria-hidden="true">
      <circle className="mark-sea" cx="16" cy="16" r="15" />
      <path className="mark-tide" d="M1.6 19.5c4.6-3.4 9-3.4 14.4 0s9.8 3.4 14.4 0A15 15 0 0 1 1.6 19.500z" />
      <circle className="mark-moon" cx="21.500" cy="10.500" r="4.250" />
    </svg>
  );
}
