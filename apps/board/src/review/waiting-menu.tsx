/** Everything that waits for a decision, in the header; nothing at all when nothing does. */
import { Inbox, Scale } from "lucide-react";
import type { ReactNode } from "react";
import { openCard } from "../board/route.ts";
import { useSession } from "../session/board-session.tsx";
import { Menu, MenuItem } from "../shell/menu.tsx";
import { fieldName } from "../sync/words.ts";
import { useInbox } from "./inbox.ts";
import { useOpenReviews } from "./open-reviews.tsx";

export function WaitingMenu(): ReactNode {
  const { client } = useSession();
  const inbox = useInbox();
  const reviews = [...useOpenReviews().values()].flat();
  if (reviews.length === 0) return null;
  const words = reviews.length === 1 ? "1 decision waits" : `${reviews.length} decisions wait`;
  const button = (
    <>
      <Scale size={15} aria-hidden="true" /> {reviews.length}
    </>
  );
  return (
    <Menu label={words} className="waiting-button" button={button}>
      {() => (
        <>
          <p className="menu-heading">Waiting for a decision</p>
          {reviews.map(({ id, entity, field }) => (
            <MenuItem key={id} onChoose={() => openCard(entity)}>
              <span className="waiting-item">
                {client.tasks.get(entity)?.title ?? "A card"}
                <small>{fieldName(field ?? "")}</small>
              </span>
            </MenuItem>
          ))}
          {inbox === null ? null : (
            <>
              <hr />
              <MenuItem onChoose={inbox}>
                <Inbox size={15} /> Open the inbox
              </MenuItem>
            </>
          )}
        </>
      )}
    </Menu>
  );
}
