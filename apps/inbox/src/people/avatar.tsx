/** A person as a coloured circle with initials. The colour is always the same for the same person. */
import type { ReactNode } from "react";
import { useNames } from "../session/inbox-context.tsx";

interface AvatarProps {
  readonly user: string | null;
  readonly size?: "small" | "medium";
  /** The name stands beside it: nothing more is to be read out. */
  readonly isDecorative?: boolean;
  readonly title?: string;
}

export function Avatar({ user, size = "medium", isDecorative = false, title }: AvatarProps): ReactNode {
  const { nameOf } = useNames();
  const name = nameOf(user);
  const words = title ?? name;
  const spoken = isDecorative ? { "aria-hidden": true } : { "title": words, "role": "img", "aria-label": words };
  return (
    <span className={`avatar is-${size}`} data-hue={hueOf(name)} {...spoken}>
      {initialsOf(name)}
    </span>
  );
}

function initialsOf(name: string): string {
  const [first = "", second] = name
    .replace("…", "")
    .trim()
    .split(/[\s_.@-]+/);
  const letters = [...first];
  const initials = second ? `${letters[0] ?? ""}${[...second][0] ?? ""}` : letters.slice(0, 2).join("");
  return initials === "" ? "?" : initials.slice(0, 1).toUpperCase() + initials.slice(1);
}

const HUES = 10;
const SEED = 17_783;

/** The same colours as on the board, for the same names. */
function hueOf(name: string): number {
  let hash = SEED;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619);
  hash ^= hash >>> 15;
  return (hash >>> 0) % HUES;
}
