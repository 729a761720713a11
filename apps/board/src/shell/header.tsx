/** The top of the page: what this is, who is here, and how far the data has come. */
import type { ReactNode } from "react";
import { Mark } from "./mark.tsx";
import { OfflineSwitch } from "./offline-switch.tsx";
import { PeopleHere } from "./people-here.tsx";
import { SyncPill } from "./sync-pill.tsx";
import { ThemeButton } from "./theme.tsx";

interface HeaderProps {
  readonly name: string;
  readonly isOutboxOpen: boolean;
  readonly onOutbox: () => void;
  readonly onRename: () => void;
}

export function Header({ name, isOutboxOpen, onOutbox, onRename }: HeaderProps): ReactNode {
  return (
    <header className="header">
      <div className="brand">
        <Mark size={26} />
        <h1>Skerry Line</h1>
        <span className="brand-board">Summer release</span>
      </div>
      <div className="header-end">
        <SyncPill isOpen={isOutboxOpen} onToggle={onOutbox} />
        <OfflineSwitch />
        <PeopleHere name={name} onRename={onRename} />
        <ThemeButton />
      </div>
    </header>
  );
}
