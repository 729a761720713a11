/** The top of the page: what this is, who is here, and how far the data has come. */
import type { ReactNode } from "react";
import { WaitingMenu } from "../review/waiting-menu.tsx";
import type { Person } from "../session/person.ts";
import { Mark } from "./mark.tsx";
import { OfflineSwitch } from "./offline-switch.tsx";
import { PeopleHere } from "./people-here.tsx";
import { SyncPill } from "./sync-pill.tsx";
import { ThemeButton } from "./theme.tsx";

interface HeaderProps {
  readonly person: Person;
  readonly isOutboxOpen: boolean;
  readonly onOutbox: () => void;
  readonly onName: () => void;
}

export function Header({ person, isOutboxOpen, onOutbox, onName }: HeaderProps): ReactNode {
  return (
    <header className="header">
      <div className="brand">
        <Mark size={26} />
        <h1>Skerry Line</h1>
        <span className="brand-board">Summer release</span>
      </div>
      <div className="header-end">
        <WaitingMenu />
        <SyncPill isOpen={isOutboxOpen} onToggle={onOutbox} />
        <OfflineSwitch />
        <PeopleHere person={person} onName={onName} />
        <ThemeButton />
      </div>
    </header>
  );
}
