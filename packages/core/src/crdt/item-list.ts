/**
 * A list of items that people insert, move, edit and remove at the same time: checklists, columns of a board.
 *
 * Order follows RGA (Roh et al., "Replicated abstract data types", 2011): an insert names the slot after which it goes, and
 * passes the slots there that are later than itself. A move makes a new slot, and which of its slots an item stands at is
 * a last-writer-wins register (Kleppmann, "Moving elements in list CRDTs", 2020). So concurrent inserts are all kept,
 * and of concurrent moves of one item one takes effect. Each property of an item is a last-writer-wins register; an insert
 * writes all of them, so that inserts with one id collapse into one item.
 *
 * Removal wins: an item is there when every removal of it was seen by an insert of it. An edit or a move that had not
 * seen the removal is a contest that it loses; an insert by someone who saw the removal brings the item back.
 *
 * What stays true: the state is a function of the changes made, not of the order in which concurrent ones arrived, as
 * long as the bounds of the memory are not met (`list-memory.ts`). All operations of a change have one stamp, above
 * those of everything in the list that the author had seen (see `author.ts`).
 */
import { type JsonObject, type JsonValue, sameJson } from "../base/json.ts";
import { MAX_ELEMENTS } from "../limits.ts";
import type { Side } from "../resolve/decision.ts";
import type { Stamp } from "../time/hlc.ts";
import {
  type Author,
  compareOperations,
  type Contest,
  contender,
  hasSeen,
  type Operation,
  stampAbove,
} from "./author.ts";
import {
  diffList,
  editedItem,
  isAssignedList,
  itemsOf,
  type ListChange,
  type ListItem,
  type ListOperation,
  makeItem,
} from "./list-change.ts";
import {
  boundMemory,
  addSlot,
  compareSlots,
  isPresent,
  insertOf,
  isTaken,
  type Item,
  keepPastWrite,
  makeListItem,
  type ListMemory,
  readMemory,
  type Slot,
  visibleItems,
  writeMemory,
} from "./list-memory.ts";

export interface ListContest extends Contest {
  readonly item: string;
  /** `null` when the item's place, or the item itself, was at stake. */
  readonly property: string | null;
}
export type ListResult =
  | { readonly memory: JsonValue; readonly value: readonly ListItem[]; readonly contests: readonly ListContest[] }
  | { readonly problem: string };

const REMOVAL_WINS = "the item was removed by someone who had not seen this; removal wins";

/**
 * Merges a change that `listChangeProblem` accepts into the list.
 * @param memory what the last change returned; `undefined` when there was none
 * @param value the visible value now
 */
export function changeList(
  memory: JsonValue | undefined,
  value: JsonValue,
  change: ListChange,
  author: Author,
): ListResult {
  const merge = new Merge(readMemory(memory, value), author);
  const { ops } = isAssignedList(change) ? diffList(merge.seenItems(), change) : change;
  for (const operation of ops) {
    const problem = merge.apply(operation);
    if (problem !== null) return { problem };
  }
  const { list, contests } = merge;
  merge.leaveSlots();
  const visible = visibleItems(list);
  if (visible.length > MAX_ELEMENTS && visible.length > itemsOf(value).length) {
    return { problem: `would have ${visible.length} items; the most is ${MAX_ELEMENTS}` };
  }
  boundMemory(list);
  return { memory: writeMemory(list), value: visible, contests };
}

type Of<Kind> = Extract<ListOperation, readonly [Kind, ...unknown[]]>;
/** An operation in memory, and one that does the same again. */
type Done = readonly [operation: Operation, again: ListOperation];
/** A value of a property and who wrote it. */
type Written = readonly [operation: Operation, property: string, value: JsonValue];

/** One change being merged. */
class Merge {
  readonly list: ListMemory;
  readonly contests: ListContest[] = [];
  readonly #author: Author;
  readonly #incoming: Operation;
  readonly #touched = new Set<Item>();
  #slotsMade = 0;

  constructor(list: ListMemory, author: Author) {
    this.list = list;
    this.#author = author;
    const { device, counter, offset } = author;
    this.#incoming = { device, counter, offset, stamp: this.#effectiveStamp() };
  }

  #effectiveStamp(): Stamp {
    let { stamp } = this.#author;
    const above = (operation: Operation): void => void (stamp = stampAbove(stamp, operation, this.#author));
    for (const slot of this.list.slots) above(slot.operation);
    for (const item of this.list.items.values()) {
      for (const write of item.writes.values()) above(write);
      for (const removal of item.removals) above(removal);
    }
    for (const { operation } of this.list.pastWrites) above(operation);
    for (const { operation } of this.list.pastRemovals) above(operation);
    return stamp;
  }

  #sees = (operation: Operation): boolean => hasSeen(this.#author, operation);
  #seesSlot = (slot: Slot): boolean => hasSeen(this.#author, slot.operation);

  /** Does one operation, or says why it cannot be done. */
  apply(operation: ListOperation): string | null {
    const [kind, id] = operation;
    const item = this.list.items.get(id);
    if (kind === "insert") {
      this.#insert(item, operation);
      return null;
    }
    if (item?.slots.some(this.#seesSlot) !== true) return kind === "remove" ? null : this.#missing(id, kind);
    if (kind === "move") this.#move(item, operation);
    else if (kind === "edit") this.#edit(item, operation);
    else this.#remove(item, operation);
    return null;
  }

  #missing(id: string, kind: "move" | "edit"): string {
    const { forgotten } = this.list;
    const isLate = this.#author.seen.floor < forgotten;
    return `has no item ${id} to ${kind}${isLate ? ` (what was removed up to offset ${forgotten} is forgotten)` : ""}`;
  }

  #insert(known: Item | undefined, operation: Of<"insert">): void {
    const [, id, after, properties] = operation;
    if (known === undefined) {
      const item = makeListItem(makeItem(id, properties));
      this.list.items.set(id, item);
      this.#place(item, after, true);
      return;
    }
    for (const past of this.list.pastRemovals) {
      if (past.item === id && this.#sees(past.operation)) past.cancelled = [...past.cancelled, this.#incoming];
    }
    this.#supersedeRemovals(known, [this.#incoming]);
    this.#contestRemovals(known, operation);
    this.#contestPlace(known, after, operation);
    this.#writeWhole(known, operation);
    this.#place(known, after, true);
  }

  #move(item: Item, operation: Of<"move">): void {
    this.#contestRemovals(item, operation);
    this.#contestPlace(item, operation[2], operation);
    this.#place(item, operation[2], false);
  }

  #edit(item: Item, operation: Of<"edit">): void {
    this.#contestRemovals(item, operation);
    const incoming = this.#incoming;
    const writes = new Map(item.writes);
    const past: Written[] = [];
    for (const [property, value] of Object.entries(operation[2])) {
      const current = writes.get(property) ?? insertOf(item);
      this.#contestProperty(item, property, value, current);
      if (compareOperations(incoming, current) < 0) {
        past.push([incoming, property, value]);
        continue;
      }
      if (current !== incoming) {
        const old = item.row[property];
        if (old !== undefined) past.push([current, property, old]);
        writes.set(property, incoming);
      }
      item.row = editedItem(item.row, { [property]: value });
    }
    item.writes = writes;
    this.#keepPast(item, past);
  }

  /** An insert of an item that is known: what was written later stays, and nothing of the rest. */
  #writeWhole(item: Item, [, id, , properties]: Of<"insert">): void {
    const insert = insertOf(item);
    const row: JsonObject = item.row;
    const names = new Set([...Object.keys(row), ...Object.keys(properties), ...item.writes.keys()]);
    names.delete("id");
    const writes = new Map<string, Operation>();
    const values: Array<[string, JsonValue]> = [];
    const past: Written[] = [];
    for (const property of names) {
      const current = item.writes.get(property) ?? insert;
      const old = row[property];
      const value = properties[property];
      this.#contestProperty(item, property, value ?? null, current);
      const isLater = compareOperations(current, this.#incoming) > 0;
      if (isLater && current !== insert) writes.set(property, current);
      const [kept, lost] = isLater ? [old, value] : [value, old];
      if (kept !== undefined) values.push([property, kept]);
      if (lost !== undefined && current !== this.#incoming) {
        past.push([isLater ? this.#incoming : current, property, lost]);
      }
    }
    item.writes = writes;
    item.row = makeItem(id, Object.fromEntries(values));
    // What the same change wrote to it before is as if it had not been.
    this.list.pastWrites = this.list.pastWrites.filter((one) => one.item !== id || one.operation !== this.#incoming);
    this.#keepPast(item, past);
  }

  #remove(item: Item, operation: Of<"remove">): void {
    this.#contestItem(item, operation);
    this.#supersedeRemovals(item, []);
    item.removals = [...item.removals, this.#incoming];
    const insert = insertOf(item);
    const { id, ...values } = item.row;
    const kept: Array<[string, JsonValue]> = [];
    const past: Written[] = [];
    for (const [property, value] of Object.entries(values)) {
      const write = item.writes.get(property) ?? insert;
      if (this.#sees(write)) past.push([write, property, value]);
      else kept.push([property, value]);
    }
    item.row = makeItem(id, Object.fromEntries(kept));
    this.#keepPast(item, past);
    this.#touched.add(item);
  }

  #supersedeRemovals(item: Item, cancelled: readonly Operation[]): void {
    for (const operation of item.removals) {
      if (this.#sees(operation)) this.list.pastRemovals.push({ item: item.id, operation, cancelled });
    }
    item.removals = item.removals.filter((removal) => !this.#sees(removal));
  }

  #keepPast(item: Item, written: readonly Written[]): void {
    for (const [operation, entries] of Map.groupBy(written, ([operation]) => operation)) {
      const properties = Object.fromEntries(entries.map(([, property, value]) => [property, value]));
      keepPastWrite(this.list, item.id, operation, properties);
    }
  }

  /** Makes a new slot for an item, after the slot where the author saw the item `after`. */
  #place(item: Item, after: string | null, inserts: boolean): void {
    const { slots } = this.list;
    const slot: Slot = { item, operation: this.#incoming, index: this.#slotsMade++, inserts, left: 0 };
    const anchor = after === null ? undefined : this.#anchor(after);
    let at = anchor === undefined ? 0 : slots.indexOf(anchor) + 1;
    for (let next = slots[at]; next !== undefined && compareSlots(next, slot) > 0; next = slots[at]) at += 1;
    slots.splice(at, 0, slot);
    addSlot(slot);
    this.#touched.add(item);
  }

  /** Where the author saw an item; of one whose slots are forgotten, the end of what they saw. */
  #anchor(id: string): Slot | undefined {
    const item = this.list.items.get(id);
    return (item && this.#seenPlace(item)) ?? this.list.slots.findLast(this.#seesSlot);
  }

  /** The latest slot of an item, or the latest of its inserts, that the author had seen. */
  #seenPlace(item: Item, isInsert = false): Slot | undefined {
    let latest: Slot | undefined;
    for (const slot of item.slots) {
      if ((isInsert && !slot.inserts) || !this.#seesSlot(slot)) continue;
      if (latest === undefined || compareSlots(slot, latest) > 0) latest = slot;
    }
    return latest;
  }

  /** Marks the slots that nobody stands at since this change. */
  leaveSlots(): void {
    for (const item of this.#touched) {
      for (const slot of item.slots) slot.left = isTaken(slot) ? 0 : slot.left || this.#author.offset;
    }
  }

  /** The list as its author saw it, read from the operations that they had seen. */
  seenItems(): readonly ListItem[] {
    const seen = this.list.slots.filter(({ item }) => !this.#sawRemoved(item));
    return seen.filter((slot) => this.#seenPlace(slot.item) === slot).map(({ item }) => this.#seenItem(item));
  }

  #sawRemoved(item: Item): boolean {
    const isPast = this.list.pastRemovals.some(
      (past) => past.item === item.id && this.#sees(past.operation) && !past.cancelled.some(this.#sees),
    );
    return isPast || item.removals.some(this.#sees);
  }

  #seenItem(item: Item): ListItem {
    const latest = insertOf(item);
    const candidates = Object.entries(item.row).map(([property, value]): Written => {
      return [item.writes.get(property) ?? latest, property, value];
    });
    for (const { item: id, operation, properties } of this.list.pastWrites.toReversed()) {
      if (id !== item.id) continue;
      for (const [property, value] of Object.entries(properties)) candidates.push([operation, property, value]);
    }
    const insert = this.#seenPlace(item, true)?.operation;
    const seen = new Map<string, Written>();
    for (const candidate of candidates) {
      const [operation, property] = candidate;
      if (!this.#sees(operation) || property === "id") continue;
      const best = seen.get(property)?.[0];
      const isLater = best === undefined || compareOperations(operation, best) > 0;
      // An insert writes the whole item: what is older and it does not name was not there any more.
      if (isLater && (insert === undefined || compareOperations(operation, insert) >= 0)) seen.set(property, candidate);
    }
    return makeItem(item.id, Object.fromEntries([...seen.values()].map(([, property, value]) => [property, value])));
  }

  /** An edit, move or insert of an item whose removal its author had not seen. */
  #contestRemovals(item: Item, operation: ListOperation): void {
    // One speaks for all: each of the others met what it took away when it came.
    const removal = item.removals.find((one) => !this.#sees(one));
    if (removal !== undefined)
      this.#contest(item, null, [removal, ["remove", item.id]], operation, "current", REMOVAL_WINS);
  }

  /** A removal of an item of which its author had not seen everything. */
  #contestItem(item: Item, operation: ListOperation): void {
    if (!isPresent(item)) return;
    const { id, ...properties } = item.row;
    const insert = insertOf(item);
    const slot = item.place;
    const unseen: Array<readonly [string | null, Operation, ListOperation]> = [];
    if (!this.#sees(insert)) unseen.push([null, insert, ["insert", id, this.#standsAfter(slot), properties]]);
    for (const [property, write] of item.writes) {
      if (!this.#sees(write))
        unseen.push([property, write, ["edit", id, { [property]: properties[property] ?? null }]]);
    }
    if (slot !== null && slot.operation !== insert && !this.#seesSlot(slot)) {
      unseen.push([null, slot.operation, ["move", id, this.#standsAfter(slot)]]);
    }
    for (const [property, current, again] of unseen) {
      this.#contest(item, property, [current, again], operation, "incoming", REMOVAL_WINS);
    }
  }

  /** A move, or an insert of an item that is there, to another place than one that its author had not seen. */
  #contestPlace(item: Item, after: string | null, operation: ListOperation): void {
    const slot = item.place;
    if (!isPresent(item) || slot === null || this.#seesSlot(slot)) return;
    const stoodAfter = this.#standsAfter(slot);
    if (stoodAfter === after) return;
    this.#contestLater(item, null, [slot.operation, ["move", item.id, stoodAfter]], operation);
  }

  #contestProperty(item: Item, property: string, value: JsonValue, current: Operation): void {
    const row: JsonObject = item.row;
    const old = row[property] ?? null;
    if (!isPresent(item) || this.#sees(current) || sameJson(old, value)) return;
    const edit = (to: JsonValue): ListOperation => ["edit", item.id, { [property]: to }];
    this.#contestLater(item, property, [current, edit(old)], edit(value));
  }

  #contestLater(item: Item, property: string | null, current: Done, operation: ListOperation): void {
    const isLater = compareOperations(this.#incoming, current[0]) > 0;
    const { device } = isLater ? this.#incoming : current[0];
    const reason =
      this.#incoming.stamp === current[0].stamp
        ? `both were written at the same time; the device id ${device} is greater`
        : `the write of device ${device} is later`;
    this.#contest(item, property, current, operation, isLater ? "incoming" : "current", reason);
  }

  #contest(
    item: Item,
    property: string | null,
    [current, again]: Done,
    operation: ListOperation,
    winner: Side,
    reason: string,
  ): void {
    this.contests.push({
      item: item.id,
      property,
      current: contender(current, { ops: [again] }),
      incoming: contender(this.#incoming, { ops: [operation] }),
      winner,
      reason,
    });
  }

  /** The id of the item that stands before a slot; `null` at the start. */
  #standsAfter(slot: Slot | null): string | null {
    const { slots } = this.list;
    for (let at = slot === null ? -1 : slots.indexOf(slot) - 1; at >= 0; at--) {
      const before = slots[at];
      if (before !== undefined && before.item !== slot?.item && isTaken(before)) return before.item.id;
    }
    return null;
  }
}
