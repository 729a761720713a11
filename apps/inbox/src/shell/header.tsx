/** The top of the page: whose inbox this is, how it is connected, and the ways to help, theme and out. */
import { CircleHelp, LogOut } from "lucide-react";
import type { ReactNode } from "react";
import { useInbox } from "../inbox-state.ts";
import { Avatar } from "../people/avatar.tsx";
import { useNames, useParts } from "../session/inbox-context.tsx";
import { Mark } from "./mark.tsx";
import { Menu, MenuItem } from "./menu.tsx";
import { SyncPill } from "./sync-pill.tsx";
import { ThemeButton } from "./theme.tsx";

interface HeaderProps {
  readonly onHelp: () => void;
  readonly onSignOut: () => void;
}

export function Header({ onHelp, onSignOut }: HeaderProps): ReactNode {
  const { session } = useParts();
  const { nameOf, me } = useNames();
  const { go } = useInbox();
  return (
    <header className="header">
      <div className="brand">
        <Mark size={30} />
        <h1>Review inbox</h1>
        <span className="brand-place">
          <bdi>{session.tenant}</bdi>
        </span>
      </div>
      <div className="header-end">
        <SyncPill onOpen={() => go({ tab: "decided", review: null })} />
        <Menu label={`You are ${nameOf(me)}`} className="header-self" button={<Avatar user={me} isDecorative />}>
          {() => (
            <>
              <p className="menu-heading">
                <bdi>{nameOf(me)}</bdi>
                <span>
                  <bdi>{me}</bdi> in <bdi>{session.tenant}</bdi>
                </span>
              </p>
              <hr />
              <MenuItem onChoose={onSignOut}>
                <LogOut size={15} /> Sign out
              </MenuItem>
            </>
          )}
        </Menu>
        <ThemeButton />
        <button type="button" className="icon-button" aria-label="Help" title="Help (?)" onClick={onHelp}>
          <CircleHelp size={17} />
        </button>
      </div>
    </header>
  );
}
