/** A person as a coloured circle with initials. */
import type { ReactNode } from "react";
import { hueOf } from "./hue.ts";

interface AvatarProps {
  readonly name: string;
  readonly size?: "small" | "medium";
  readonly title?: string;
  /** The name stands beside it: nothing more is to be read out. */
  readonly isDecorative?: boolean;
}

export function Avatar({ name, size = "medium", title = name, isDecorative = false }: AvatarProps): ReactNode {
  const spoken = isDecorative ? { "aria-hidden": true } : { "title": title, "role": "img", "aria-label": title };
  return (
    <span className={`avatar is-${size}`} data-hue={hueOf(name)} {...spoken}>
      {initialsOf(name)}
    </span>
  );
}

function initialsOf(name: string): string {
  const [first = "", second] = name.trim().split(/\s+/);
  const initials = second === undefined ? first.slice(0, 2) : `${first.slice(0, 1)}${second.slice(0, 1)}`;
  return initials === "" ? "?" : initials;
}
