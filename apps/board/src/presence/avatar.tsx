/** A person as a coloured circle with initials. */
import type { ReactNode } from "react";
import { hueOf } from "./hue.ts";

interface AvatarProps {
  readonly name: string;
  readonly size?: "small" | "medium";
  readonly title?: string;
}

export function Avatar({ name, size = "medium", title }: AvatarProps): ReactNode {
  return (
    <span
      className={`avatar is-${size}`}
      data-hue={hueOf(name)}
      title={title ?? name}
      role="img"
      aria-label={title ?? name}
    >
      {initialsOf(name)}
    </span>
  );
}

function initialsOf(name: string): string {
  const [first = "", second] = name.trim().split(/\s+/);
  const initials = second === undefined ? first.slice(0, 2) : `${first.slice(0, 1)}${second.slice(0, 1)}`;
  return initials === "" ? "?" : initials;
}
