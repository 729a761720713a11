/** The keys that work anywhere on the page, except where somebody types or a dialog or menu is open. */
import type { Review } from "@tidelock/core";
import { useEffect, useRef } from "react";
import type { Actions } from "../actions.ts";
import type { InboxState } from "../inbox-state.ts";
import { focusPart } from "./focus.ts";

interface Keyed {
  readonly actions: Actions;
  readonly state: InboxState;
  /** The review that is shown. */
  readonly review: Review | undefined;
  /** Whose page it is. */
  readonly user: string;
  readonly help: () => void;
}

export function useKeys(keyed: Keyed): void {
  const latest = useRef(keyed);
  useEffect(() => {
    latest.current = keyed;
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      if (isBusy(event.target)) return;
      const run = meaning(event, latest.current);
      if (run === null) return;
      event.preventDefault();
      run();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}

/** What a key does now; `null` when it does nothing. */
function meaning(event: KeyboardEvent, { actions, state, review, user, help }: Keyed): (() => void) | null {
  const { key } = event;
  const isOpen = review?.status === "open";
  if (/^[1-9]$/.test(key)) return isOpen ? () => actions.pick(review, Number(key)) : null;
  switch (key) {
    case "j":
      return () => actions.move(1);
    case "k":
      return () => actions.move(-1);
    case "ArrowDown":
    case "ArrowUp":
      return isRadio(event.target) ? null : () => actions.move(key === "ArrowDown" ? 1 : -1);
    case "Enter":
      return isOpen && !hasOwnEnter(event.target) ? () => actions.decide(review) : null;
    case "e":
      return isOpen ? () => actions.edit(review) : null;
    case "a":
      if (state.marking.ids.size > 0) return () => actions.assignMarked(user);
      return isOpen ? () => actions.assignToMe(review) : null;
    case "n":
      return isOpen ? () => focusPart("note") : null;
    case "u":
      return () => actions.undo();
    case "x":
      return isOpen ? () => actions.toggleMark(review.id) : null;
    case "X":
      return isOpen ? () => actions.markTo(review.id) : null;
    case "/":
      return () => focusPart("search");
    case "?":
      return help;
    case "Escape":
      return state.marking.ids.size > 0 ? actions.clearMarks : () => actions.back();
    default:
      return null;
  }
}

function isBusy(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.matches("textarea, select, [contenteditable]")) return true;
  if (target.matches("input:not([type=checkbox], [type=radio])")) return true;
  return target.closest("dialog[open], [popover]:popover-open") !== null;
}

function isRadio(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement && target.type === "radio";
}

/** A button or a link that Enter is for, other than a row of the list. */
function hasOwnEnter(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("button, a:not([data-row-link]), summary") !== null;
}
