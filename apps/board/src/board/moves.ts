/** What the board can do with a card, by its id: for cards, their menus and keys. The same object for the page's life. */
import type { Status } from "../schema.ts";

export interface CardMoves {
  /** One place up or down, or into the next column. */
  step(id: string, direction: "up" | "down" | "left" | "right"): void;
  /** To the end of a column. */
  toColumn(id: string, status: Status): void;
  remove(id: string): void;
}
