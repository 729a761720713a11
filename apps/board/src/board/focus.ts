/** Keyboard focus on the board: which card has it, going to others, and keeping it on a card that moves. */
import { type Status, STATUSES } from "../schema.ts";

let wanted: string | null = null;

/** The card gets the focus as soon as it is where it belongs. */
export function focusAfterMove(id: string): void {
  wanted = id;
}

/** To be called after every layout of the board. */
export function settleFocus(): void {
  if (wanted === null) return;
  const link = linkOf(cardElement(wanted));
  if (link === null) return;
  wanted = null;
  link.focus();
  link.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** Moves the focus from a card to its neighbour: within its column, or to the same height in another one. */
export function focusNeighbour(id: string, direction: "up" | "down" | "left" | "right"): void {
  const card = cardElement(id);
  const column = card?.closest<HTMLElement>("[data-column]");
  if (card === null || column === null || column === undefined) return;
  const target =
    direction === "up" || direction === "down"
      ? within(column, card, direction === "up" ? -1 : 1)
      : across(column, card, direction === "left" ? -1 : 1);
  linkOf(target)?.focus();
}

function within(column: HTMLElement, card: HTMLElement, step: 1 | -1): HTMLElement | null {
  const cards = cardsOf(column);
  return cards[cards.indexOf(card) + step] ?? null;
}

/** The nearest column on that side that has cards. */
function across(column: HTMLElement, card: HTMLElement, step: 1 | -1): HTMLElement | null {
  const { top } = card.getBoundingClientRect();
  let index = STATUSES.indexOf(column.dataset["column"] as Status) + step;
  for (; STATUSES[index] !== undefined; index += step) {
    const other = document.querySelector<HTMLElement>(`[data-column="${STATUSES[index]}"]`);
    const cards = other === null ? [] : cardsOf(other);
    const nearest = cards.toSorted((one, two) => distance(one, top) - distance(two, top))[0];
    if (nearest !== undefined) return nearest;
  }
  return null;
}

function distance(card: HTMLElement, top: number): number {
  return Math.abs(card.getBoundingClientRect().top - top);
}

function cardsOf(column: HTMLElement): HTMLElement[] {
  return [...column.querySelectorAll<HTMLElement>("[data-card]")];
}

function cardElement(id: string): HTMLElement | null {
  return document.querySelector(`.board [data-card="${CSS.escape(id)}"]`);
}

function linkOf(card: HTMLElement | null): HTMLElement | null {
  return card?.querySelector<HTMLElement>("[data-card-link]") ?? null;
}
