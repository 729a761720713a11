/**
 * A button with a menu below it, in the browser's top layer: closed by Escape, by a click elsewhere, by choosing. Arrow
 * keys go through the items.
 */
import { type KeyboardEvent, type ReactNode, useId, useRef, useState } from "react";

interface MenuProps {
  readonly label: string;
  readonly className: string;
  readonly button: ReactNode;
  /** Rendered while the menu is open. */
  readonly children: () => ReactNode;
}

const GAP = 6;
const MARGIN = 8;

export function Menu({ label, className, button, children }: MenuProps): ReactNode {
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);

  const opened = (): void => {
    if (opener.current === null || panel.current === null) return;
    place(panel.current, opener.current);
    itemsOf(panel.current)[0]?.focus();
  };
  const close = (): void => panel.current?.hidePopover();

  return (
    <>
      <button
        ref={opener}
        type="button"
        className={className}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        popoverTarget={id}
        onClick={(event) => event.stopPropagation()}
      >
        {button}
      </button>
      <div
        ref={panel}
        id={id}
        popover="auto"
        role="menu"
        aria-label={label}
        className="menu"
        onToggle={(event) => {
          setOpen(event.newState === "open");
          if (event.newState === "open") requestAnimationFrame(opened);
        }}
        onKeyDown={(event) => moveFocus(event)}
        onClick={(event) => {
          event.stopPropagation();
          close();
        }}
      >
        {isOpen ? children() : null}
      </div>
    </>
  );
}

interface MenuItemProps {
  readonly onChoose: () => void;
  readonly children: ReactNode;
  readonly isChosen?: boolean;
  readonly tone?: "danger";
  readonly keys?: string;
}

export function MenuItem({ onChoose, children, isChosen, tone, keys }: MenuItemProps): ReactNode {
  return (
    <button
      type="button"
      role={isChosen === undefined ? "menuitem" : "menuitemradio"}
      aria-checked={isChosen}
      className={`menu-item ${tone ?? ""}`}
      onClick={onChoose}
    >
      {children}
      {keys === undefined ? null : <kbd>{keys}</kbd>}
    </button>
  );
}

function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  event.stopPropagation();
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0) return;
  event.preventDefault();
  const items = itemsOf(event.currentTarget);
  const index = items.indexOf(document.activeElement as HTMLElement);
  items[(index + step + items.length) % items.length]?.focus();
}

function itemsOf(panel: HTMLElement): HTMLElement[] {
  return [...panel.querySelectorAll<HTMLElement>("[role^=menuitem]")];
}

/** Below the button, or above it where there is no room; within the window in any case. */
function place(panel: HTMLElement, opener: HTMLElement): void {
  const box = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const below = box.bottom + GAP;
  const top = below + height + MARGIN > innerHeight ? box.top - GAP - height : below;
  const left = Math.min(box.left, innerWidth - width - MARGIN);
  panel.style.top = `${Math.max(MARGIN, top)}px`;
  panel.style.left = `${Math.max(MARGIN, left)}px`;
}
