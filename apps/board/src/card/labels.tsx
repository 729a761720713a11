/** A task's labels as small coloured words. */
import type { ReactNode } from "react";
import { hueOf } from "../presence/hue.ts";

export function Labels({ labels }: { readonly labels: readonly string[] }): ReactNode {
  if (labels.length === 0) return null;
  return (
    <ul className="labels" aria-label="Labels">
      {labels.map((label) => (
        <li key={label} className="label" data-hue={hueOf(label)}>
          {label}
        </li>
      ))}
    </ul>
  );
}
