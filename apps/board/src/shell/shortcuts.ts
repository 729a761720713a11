/** Keys that work anywhere on the page, except where somebody is typing. */
import { useEffect } from "react";

interface Shortcuts {
  readonly onOutbox: () => void;
}

export function useShortcuts({ onOutbox }: Shortcuts): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const run = { "/": focusSearch, "n": addCard, "o": onOutbox }[event.key];
      if (run === undefined) return;
      event.preventDefault();
      run();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [onOutbox]);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]") ||
    target.closest("dialog, [popover]") !== null
  );
}

function focusSearch(): void {
  document.querySelector<HTMLElement>("[data-search]")?.focus();
}

/** To the column of the focused card, or else to the first. */
function addCard(): void {
  const column = document.activeElement?.closest("[data-column]") ?? document.querySelector("[data-column]");
  column?.querySelector<HTMLElement>("[data-add]")?.click();
}
