/**
 * Who else has this review open. Each review is a room of its own, so that nobody hears of reviews that they may not read.
 */
import type { Review } from "@tidelock/core";
import { parseRoomName } from "@tidelock/core";
import { usePresence } from "@tidelock/client/react";
import type { ReactNode } from "react";
import { Avatar } from "../people/avatar.tsx";
import { useNames } from "../session/inbox-context.tsx";
import { listed } from "../value/names.ts";

const LOOKING = { looking: true } as const;

export function OthersHere({ review }: { readonly review: Review }): ReactNode {
  // A long id may be no room's name; then nobody is seen.
  const room = parseRoomName(`tidelock.${review.id}`);
  const { others } = usePresence<{ readonly looking: true }>(review.status === "open" ? room : null, LOOKING);
  const { who, me } = useNames();
  const users = [...new Set(others.map(({ user }) => user))].filter((user) => user !== me);
  if (users.length === 0) return null;
  return (
    <span className="others-here" role="status">
      {users.slice(0, 4).map((user) => (
        <Avatar key={user} user={user} size="small" isDecorative />
      ))}
      {`${listed(users.map(who))} ${users.length === 1 ? "looks" : "look"} at this, too`}
    </span>
  );
}
