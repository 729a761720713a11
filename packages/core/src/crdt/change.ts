/**
 * Changes: what is written to a field whose writes are merged by intent. A change says what its author did, not what came
 * out of it, so that what others did meanwhile stays.
 *
 *     client.tasks.update(id, { labels: change.add("urgent"), votes: change.increment(), steps: change.removeItem(step) });
 */
import type { JsonObject, JsonValue } from "../base/json.ts";

export interface SetChange<Element extends JsonValue = string | number> {
  readonly add?: readonly Element[];
  readonly remove?: readonly Element[];
}

export interface CounterChange {
  /** What is added; less than 0 to subtract. */
  readonly add: number;
}

/** One step of a list's change. `after` names the item that it shall follow; `null`: at the start. */
export type ListStep =
  | readonly ["insert", id: string, after: string | null, properties: JsonObject]
  | readonly ["move", id: string, after: string | null]
  | readonly ["edit", id: string, properties: JsonObject]
  | readonly ["remove", id: string];

export interface ListChange {
  readonly ops: readonly ListStep[];
}

/** Makes changes. */
export const change = {
  /** Adds elements to a set. */
  add: <Element extends string | number>(...elements: readonly Element[]): SetChange<Element> => ({ add: elements }),
  /** Removes elements from a set. */
  remove: <Element extends string | number>(...elements: readonly Element[]): SetChange<Element> => ({
    remove: elements,
  }),
  /** Adds to a counter. */
  increment: (by: number = 1): CounterChange => ({ add: by }),
  /** Subtracts from a counter. */
  decrement: (by: number = 1): CounterChange => ({ add: -by }),
  /** Puts a new item into a list, behind the item `after`, or at the start. Its id must be new in this list. */
  insertItem: (item: { readonly id: string } & JsonObject, after: string | null): ListChange => {
    const { id, ...properties } = item;
    return { ops: [["insert", id, after, properties]] };
  },
  moveItem: (id: string, after: string | null): ListChange => ({ ops: [["move", id, after]] }),
  /** Changes the named properties of an item; the others keep their values. */
  editItem: (id: string, properties: JsonObject): ListChange => ({ ops: [["edit", id, properties]] }),
  removeItem: (id: string): ListChange => ({ ops: [["remove", id]] }),
  /** Several changes of one list, in order. */
  all: (...changes: readonly ListChange[]): ListChange => ({ ops: changes.flatMap(({ ops }) => ops) }),
};
