/**
 * Where a pointer is, said so that it means the same in windows of other sizes and scroll positions: as a part of the card
 * under it, or else of the column.
 */
import type { Status } from "../schema.ts";

// A type alias, because an interface would not be JSON to the compiler.
export type Cursor = {
  readonly column: Status;
  /** From 0 to 1 of the column's width, and pixels from the top of its list. */
  readonly x: number;
  readonly y: number;
  readonly card: string | null;
  /** From 0 to 1 of the card's size. */
  readonly cardX: number;
  readonly cardY: number;
};

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** What a pointer at a place of the window points at; `null` beside the board. */
export function cursorAt(target: EventTarget | null, point: Point): Cursor | null {
  if (!(target instanceof Element)) return null;
  const column = target.closest<HTMLElement>("[data-column]");
  const status = column?.dataset["column"] as Status | undefined;
  if (column === null || status === undefined) return null;
  const area = column.getBoundingClientRect();
  const list = column.querySelector("[data-list]") ?? column;
  const card = target.closest<HTMLElement>("[data-card]");
  const box = card?.getBoundingClientRect();
  return {
    column: status,
    x: part(point.x - area.left, area.width),
    y: Math.round(point.y - area.top + list.scrollTop),
    card: card?.dataset["card"] ?? null,
    cardX: box === undefined ? 0 : part(point.x - box.left, box.width),
    cardY: box === undefined ? 0 : part(point.y - box.top, box.height),
  };
}

/** Where in this window a cursor of another window is; `null` when its place cannot be seen here. */
export function placeOf(cursor: Cursor): Point | null {
  const column = document.querySelector(`[data-column="${cursor.column}"]`);
  if (column === null) return null;
  const area = column.getBoundingClientRect();
  const list = column.querySelector("[data-list]") ?? column;
  const card = cursor.card === null ? null : column.querySelector(`[data-card="${CSS.escape(cursor.card)}"]`);
  const box = card?.getBoundingClientRect();
  const place =
    box === undefined
      ? { x: area.left + cursor.x * area.width, y: area.top + cursor.y - list.scrollTop }
      : { x: box.left + cursor.cardX * box.width, y: box.top + cursor.cardY * box.height };
  return place.y >= area.top && place.y <= area.bottom ? place : null;
}

function part(distance: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((distance / whole) * 1000) / 1000;
}
