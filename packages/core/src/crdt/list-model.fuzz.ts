/**
 * The naive model that the item list is tested against: a list as a function of the set of all changes ever made, each
 * with what its author had seen. Nothing is incremental, nothing is forgotten. The order is that of the tree of Roh et al.
 * as Attiya et al. ("Specification and complexity of collaborative text editing", 2016) describe it: a slot's parent is
 * the slot that it was placed after, children stand latest first, and the list is the walk in depth.
 */
import { type JsonObject, type JsonValue } from "../base/json.ts";
import { nextStamp, type Stamp, ZERO_STAMP } from "../time/hlc.ts";
import type { History } from "./histories.fuzz.ts";
import {
  applyListChange,
  diffList,
  type ListChange,
  type ListItem,
  type ListOperation,
  makeItem,
} from "./list-change.ts";

/** What was there before the memory: the items of `BEFORE`, as inserted one after the other by an author all have seen. */
export const BEFORE: readonly ListItem[] = [makeItem("p", { a: "p" }), makeItem("q", { a: "q", b: 0 })];

/** One operation of one write; `write` is -1 for what was before. */
export interface Done {
  readonly write: number;
  readonly index: number;
  readonly operation: ListOperation;
  readonly stamp: Stamp;
  readonly device: string;
  /** For an insert or a move: the operation that made the slot which it is placed after. */
  readonly parent: Done | null;
}

function later(left: Done, right: Done): number {
  if (left.stamp !== right.stamp) return left.stamp < right.stamp ? -1 : 1;
  if (left.device !== right.device) return left.device < right.device ? -1 : 1;
  return left.index - right.index;
}

const isPlaced = ({ operation: [kind] }: Done): boolean => kind === "insert" || kind === "move";

/** Of several operations the one that last-writer-wins lets stand. */
export function latest(done: readonly Done[]): Done | undefined {
  return [...done].sort(later).at(-1);
}

/** All operations of a history with their effective stamps and parents. */
export function doneIn(all: History<ListChange>): readonly Done[] {
  const done: Done[] = [];
  let parent: Done | null = null;
  for (const [index, { id, ...properties }] of BEFORE.entries()) {
    parent = { write: -1, index, operation: ["insert", id, null, properties], stamp: ZERO_STAMP, device: "", parent };
    done.push(parent);
  }
  for (const [write, { change, saw, stamp: claimed, device }] of all.entries()) {
    const seen = doneBy(done, saw);
    const ops = Array.isArray(change)
      ? diffList(itemsIn(seen, all), change).ops
      : (change as { ops: readonly ListOperation[] }).ops;
    const stamp = [claimed, ...seen.map((one) => nextStamp(one.stamp))].sort().at(-1)!;
    const mine: Done[] = [];
    for (const [index, operation] of ops.entries()) {
      const after = isPlaced({ operation } as Done) ? (operation[2] as string | null) : null;
      const slots = [...seen, ...mine].filter((one) => isPlaced(one) && one.operation[1] === after);
      mine.push({ write, index, operation, stamp, device, parent: latest(slots) ?? null });
    }
    done.push(...mine);
  }
  return done;
}

/** Whether the author of an operation had seen another one, or done it before in the same change. */
export function sees(all: History<ListChange>, one: Done, other: Done): boolean {
  if (one.write === other.write) return other.index < one.index;
  return other.write === -1 || (one.write >= 0 && all[one.write]!.saw.has(other.write));
}

/** The operations of some writes, and of what was before. */
export function doneBy(done: readonly Done[], writes: ReadonlySet<number>): readonly Done[] {
  return done.filter(({ write }) => write === -1 || writes.has(write));
}

/** The list that operations make. */
export function itemsIn(done: readonly Done[], all: History<ListChange>): readonly ListItem[] {
  const items: ListItem[] = [];
  const walk = (parent: Done | null): void => {
    const children = done
      .filter((one) => isPlaced(one) && one.parent === parent)
      .sort((left, right) => later(right, left));
    for (const slot of children) {
      const id = slot.operation[1];
      const own = done.filter(({ operation }) => operation[1] === id);
      if (latest(own.filter(isPlaced)) === slot && isThere(own, all)) items.push(makeItem(id, propertiesIn(own)));
      walk(slot);
    }
  };
  walk(null);
  return items;
}

function isThere(own: readonly Done[], all: History<ListChange>): boolean {
  const inserts = own.filter(({ operation }) => operation[0] === "insert");
  const removes = own.filter(({ operation }) => operation[0] === "remove");
  return removes.every((remove) => inserts.some((insert) => sees(all, insert, remove)));
}

/** Each property is what was written to it last; an insert writes all, those that it does not name as well. */
function propertiesIn(own: readonly Done[]): JsonObject {
  const written = new Map<string, JsonValue>();
  for (const { operation } of own.filter((one) => one.operation[0] !== "remove").sort(later)) {
    if (operation[0] === "insert") {
      written.clear();
      for (const [property, value] of Object.entries(operation[3])) written.set(property, value);
    } else if (operation[0] === "edit") {
      for (const [property, value] of Object.entries(operation[2])) written.set(property, value);
    }
  }
  return Object.fromEntries(written);
}

/**
 * A change as an author makes it who sees this list: some operations, or now and then a whole list. New ids are few, so
 * that authors insert one that others have inserted, or have removed. `fresh` makes values.
 */
export function chooseChange(
  seen: readonly ListItem[],
  pick: (bound: number) => number,
  fresh: () => JsonValue,
): ListChange {
  const ops: ListOperation[] = [];
  let view = seen;
  const count = 1 + (pick(4) === 0 ? pick(3) : 0);
  for (let index = 0; index < count; index++) {
    const operation = chooseOperation(view, pick, fresh);
    ops.push(operation);
    view = applyListChange(view, { ops: [operation] });
  }
  return pick(6) === 0 ? view : { ops };
}

function chooseOperation(
  view: readonly ListItem[],
  pick: (bound: number) => number,
  fresh: () => JsonValue,
): ListOperation {
  const item = view[pick(view.length || 1)];
  const others = view.filter((other) => other !== item);
  const after = pick(3) === 0 ? null : (others[pick(others.length || 1)]?.id ?? null);
  const kind = pick(8);
  if (item === undefined || kind <= 1) {
    const id =
      ["p", "q", "r", "s", "t", "u", "v"].filter((name) => !view.some((known) => known.id === name))[pick(5)] ?? "w";
    const place = pick(3) === 0 ? null : (view[pick(view.length || 1)]?.id ?? null);
    return ["insert", id, place === id ? null : place, { a: fresh(), ...(pick(2) === 0 && { b: fresh() }) }];
  }
  if (kind <= 3) return ["move", item.id, after];
  if (kind <= 5) return ["edit", item.id, { [pick(2) === 0 ? "a" : "b"]: fresh() }];
  return ["remove", item.id];
}
