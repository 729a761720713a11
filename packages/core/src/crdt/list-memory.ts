/**
 * What the server keeps of an item list beside its visible value, decoded for one change, and its form as JSON.
 *
 * A *slot* is a place in the sequence, made by an insert or a move, that never moves itself. An item stands at its latest
 * slot. Slots that items have left stay as anchors, because an author who is behind names places by them.
 *
 * Bounds: every item that is there keeps the slot where it stands and the one of its latest insert; of the other slots
 * the `MAX_ANCHORS` that were left last are kept, of removed items the `MAX_TOMBSTONES` that were removed last. Dropping a
 * slot moves no item. It can only concern an author who has not seen that many later moves or removals: what they place
 * after a slot that is gone goes where its item stood before, or to the end of what they saw; what they do to an item
 * whose removal is forgotten is refused, and inserting it makes it anew.
 */
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { DeviceId, Offset } from "../ids.ts";
import {
  BEFORE_MEMORY,
  compareOperations,
  type Operation,
  type OperationRow,
  OperationWriter,
  readOperation,
} from "./author.ts";
import { itemsOf, type ListItem } from "./list-change.ts";

const MAX_ANCHORS = 128;
const MAX_TOMBSTONES = 128;
/** Writes, and removals, that are kept after they were superseded, to tell what an author who is behind had seen. */
const MAX_PAST = 64;
/** Characters of the values of one write that are kept so. Of longer ones only the operation is. */
const MAX_PAST_CHARACTERS = 1000;

export interface Slot {
  readonly item: Item;
  readonly operation: Operation;
  /** Tells apart the slots of one change. */
  readonly index: number;
  /** Whether an insert made it; otherwise a move. */
  readonly inserts: boolean;
  /** Offset at which nobody stood here any more; 0 while an item stands here. */
  left: Offset;
}

export interface Item {
  readonly id: string;
  /** The values that stand. Of a removed item only those that a remover had not seen. */
  row: ListItem;
  /** Properties that were written after the latest insert. */
  writes: ReadonlyMap<string, Operation>;
  /** Removals that no insert, and no later removal, had seen. While there is one, the item is not. */
  removals: readonly Operation[];
  slots: Slot[];
  /** The latest of its slots: where it stands, or stood when it was removed. */
  place: Slot | null;
  /** The latest slot that an insert made. Its author wrote all of the item that is not in `writes`. */
  insert: Slot | null;
}

/** Values that an item had, and who wrote them. Without the values when they are too long. */
export interface PastWrite {
  readonly item: string;
  readonly operation: Operation;
  readonly properties: JsonObject;
}
/** A removal that inserts or later removals had seen; `cancelled` by these inserts. */
export interface PastRemoval {
  readonly item: string;
  readonly operation: Operation;
  cancelled: readonly Operation[];
}

export interface ListMemory {
  readonly items: Map<string, Item>;
  slots: Slot[];
  pastWrites: PastWrite[];
  readonly pastRemovals: PastRemoval[];
  /** The newest offset of the removals that were forgotten. */
  forgotten: Offset;
}

/** The order in which a later slot, of one item or at one place, comes before an earlier one. Total. */
export function compareSlots(left: Slot, right: Slot): number {
  return compareOperations(left.operation, right.operation) || left.index - right.index;
}

export function makeListItem(row: ListItem): Item {
  return { id: row.id, row, writes: NO_WRITES, removals: [], slots: [], place: null, insert: null };
}

const NO_WRITES: ReadonlyMap<string, Operation> = new Map();

/** Gives an item one more slot. */
export function addSlot(slot: Slot): void {
  const { item } = slot;
  item.slots.push(slot);
  if (item.place === null || compareSlots(slot, item.place) > 0) item.place = slot;
  if (slot.inserts && (item.insert === null || compareSlots(slot, item.insert) > 0)) item.insert = slot;
}

/** Who wrote all of the item that is not in `writes`. */
export function insertOf(item: Item): Operation {
  return item.insert?.operation ?? BEFORE_MEMORY;
}

export function isPresent(item: Item): boolean {
  return item.removals.length === 0;
}

/** Whether an item stands at the slot. */
export function isTaken(slot: Slot): boolean {
  return slot.item.place === slot && isPresent(slot.item);
}

export function visibleItems(memory: ListMemory): readonly ListItem[] {
  const visible: ListItem[] = [];
  for (const slot of memory.slots) if (isTaken(slot)) visible.push(slot.item.row);
  return visible;
}

export function keepPastWrite(memory: ListMemory, item: string, operation: Operation, properties: JsonObject): void {
  const isLong = JSON.stringify(properties).length > MAX_PAST_CHARACTERS;
  memory.pastWrites.push({ item, operation, properties: isLong ? {} : properties });
}

/** Keeps the memory within its bounds; see the head of this file. */
export function boundMemory(memory: ListMemory): void {
  const { pastWrites, pastRemovals, items } = memory;
  if (pastWrites.length > MAX_PAST) pastWrites.splice(0, pastWrites.length - MAX_PAST);
  if (pastRemovals.length > MAX_PAST) pastRemovals.splice(0, pastRemovals.length - MAX_PAST);
  for (const item of items.values()) {
    // What long values an item had that is gone is in the records of those who wrote them.
    const isLong = !isPresent(item) && JSON.stringify(item.row).length > MAX_PAST_CHARACTERS;
    if (isLong) item.row = { id: item.id };
  }
  if (memory.slots.length <= Math.min(MAX_ANCHORS, MAX_TOMBSTONES)) return;
  const removed = [...items.values()].filter((item) => !isPresent(item));
  const anchors = memory.slots.filter(isAnchor);
  if (removed.length <= MAX_TOMBSTONES && anchors.length <= MAX_ANCHORS) return;
  const dropped = new Set<Slot>();
  const oldestLast = removed.map((item) => ({ item, at: removedAt(item) })).sort((left, right) => right.at - left.at);
  for (const { item, at } of oldestLast.slice(MAX_TOMBSTONES)) {
    items.delete(item.id);
    memory.forgotten = Math.max(memory.forgotten, at);
    for (const slot of item.slots) dropped.add(slot);
  }
  const left = anchors.filter((slot) => !dropped.has(slot)).sort((left, right) => right.left - left.left);
  for (const slot of left.slice(MAX_ANCHORS)) {
    dropped.add(slot);
    slot.item.slots = slot.item.slots.filter((other) => other !== slot);
  }
  memory.slots = memory.slots.filter((slot) => !dropped.has(slot));
}

function removedAt(item: Item): Offset {
  return Math.max(...item.removals.map(({ offset }) => offset));
}

/** Whether a slot is neither its item's place nor that of its latest insert. */
function isAnchor(slot: Slot): boolean {
  return slot.item.place !== slot && slot.item.insert !== slot;
}

/** A slot from before the memory is only its item's position, while the item stands there. */
type SlotRow =
  | number
  | readonly [item: number, left: Offset]
  | readonly [item: number, ...operation: OperationRow, indexAndKind: number]
  | readonly [item: number, ...operation: OperationRow, indexAndKind: number, left: Offset];
type WriteRow = readonly [property: string, ...operation: OperationRow];
type ItemRow =
  | string
  | readonly [id: string, writes: readonly WriteRow[]]
  | readonly [id: string, writes: readonly WriteRow[], removals: readonly OperationRow[], values: JsonObject];
type PastWriteRow = readonly [item: string, properties: JsonObject, ...operation: OperationRow];
type PastRemovalRow = readonly [item: string, cancelled: readonly OperationRow[], ...operation: OperationRow];
/**
 * The memory as JSON. Items in the order of their first slots. Without slots, the items stand as they did before the memory, and
 * only items that have been edited are named.
 */
type MemoryRow = readonly [
  devices: readonly DeviceId[],
  forgotten: Offset,
  items: readonly ItemRow[],
  slots: readonly SlotRow[],
  pastWrites: readonly PastWriteRow[],
  pastRemovals: readonly PastRemovalRow[],
];

const NOTHING: MemoryRow = [[], 0, [], [], [], []];

/** The memory of the last change, and for what is older the visible value. */
export function readMemory(memory: JsonValue | undefined, value: JsonValue): ListMemory {
  const items = new Map<string, Item>();
  const visible = itemsOf(value);
  for (const row of visible) items.set(row.id, makeListItem(row));
  const read: ListMemory = { items, slots: [], pastWrites: [], pastRemovals: [], forgotten: 0 };
  const [devices, forgotten, itemRows, slotRows, pastWrites, pastRemovals] = (memory ?? NOTHING) as MemoryRow;
  const operation = (row: OperationRow): Operation => readOperation(row, devices);
  read.forgotten = forgotten;
  const named = itemRows.map((row) => readItem(row, items, operation));
  if (slotRows.length === 0) for (const item of items.values()) read.slots.push(slotBefore(item, 0));
  for (const row of slotRows) {
    const item = named[typeof row === "number" ? row : row[0]];
    if (item !== undefined) read.slots.push(readSlot(row, item, operation));
  }
  for (const slot of read.slots) addSlot(slot);
  // A value that was put there otherwise than by changes was there before.
  if (memory !== undefined && !isOf(items, visible)) return readMemory(undefined, value);
  for (const [item, properties, ...row] of pastWrites) {
    read.pastWrites.push({ item, properties, operation: operation(row) });
  }
  for (const [item, cancelled, ...row] of pastRemovals) {
    read.pastRemovals.push({ item, cancelled: cancelled.map(operation), operation: operation(row) });
  }
  return read;
}

/** Whether the items that have places and are not removed are those of the value, which were read first. */
function isOf(items: ReadonlyMap<string, Item>, visible: readonly ListItem[]): boolean {
  let index = 0;
  for (const item of items.values()) {
    if (item.place === null || isPresent(item) !== index < visible.length) return false;
    index += 1;
  }
  return true;
}

function readItem(row: ItemRow, items: Map<string, Item>, operation: (row: OperationRow) => Operation): Item {
  if (typeof row === "string") return itemCalled(row, items);
  const [id, writes, removals, values] = row;
  const item = itemCalled(id, items);
  if (writes.length > 0) item.writes = new Map(writes.map(([property, ...rest]) => [property, operation(rest)]));
  if (removals !== undefined) item.removals = removals.map(operation);
  if (values !== undefined) item.row = { id, ...values };
  return item;
}

function itemCalled(id: string, items: Map<string, Item>): Item {
  let item = items.get(id);
  if (item === undefined) {
    item = makeListItem({ id });
    items.set(id, item);
  }
  return item;
}

function readSlot(row: SlotRow, item: Item, operation: (row: OperationRow) => Operation): Slot {
  if (typeof row === "number") return slotBefore(item, 0);
  if (row.length === 2) return slotBefore(item, row[1]);
  const [, stamp, device, counter, offset, indexAndKind, left = 0] = row;
  const index = indexAndKind >> 1;
  return {
    item,
    operation: operation([stamp, device, counter, offset]),
    index,
    inserts: (indexAndKind & 1) === 1,
    left,
  };
}

function slotBefore(item: Item, left: Offset): Slot {
  return { item, operation: BEFORE_MEMORY, index: 0, inserts: true, left };
}

export function writeMemory(memory: ListMemory): JsonValue {
  const writer = new OperationWriter();
  const row = (operation: Operation): OperationRow => writer.row(operation);
  const isAsBefore = memory.slots.every(({ operation, left }) => operation === BEFORE_MEMORY && left === 0);
  const positions = new Map<Item, number>();
  const itemRows: ItemRow[] = [];
  for (const { item } of memory.slots) {
    if (positions.has(item) || (isAsBefore && item.writes.size === 0)) continue;
    positions.set(item, itemRows.length);
    itemRows.push(itemRow(item, row));
  }
  const slotRows = isAsBefore ? [] : memory.slots.map((slot) => slotRow(slot, positions.get(slot.item) ?? -1, row));
  const pastWrites = memory.pastWrites.map(({ item, properties, operation }): PastWriteRow => [
    item,
    properties,
    ...row(operation),
  ]);
  const pastRemovals = memory.pastRemovals.map(({ item, cancelled, operation }): PastRemovalRow => [
    item,
    cancelled.map(row),
    ...row(operation),
  ]);
  const written: MemoryRow = [writer.devices, memory.forgotten, itemRows, slotRows, pastWrites, pastRemovals];
  return written;
}

function itemRow(item: Item, row: (operation: Operation) => OperationRow): ItemRow {
  if (item.writes.size === 0 && isPresent(item)) return item.id;
  const writes = [...item.writes]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([property, operation]): WriteRow => [property, ...row(operation)]);
  if (isPresent(item)) return [item.id, writes];
  const removals = [...item.removals].sort(compareOperations).map(row);
  const { id, ...values } = item.row;
  return [id, writes, removals, values];
}

function slotRow(slot: Slot, item: number, row: (operation: Operation) => OperationRow): SlotRow {
  const { operation, index, inserts, left } = slot;
  if (operation === BEFORE_MEMORY) return left === 0 ? item : [item, left];
  const indexAndKind = index * 2 + (inserts ? 1 : 0);
  const [stamp, device, counter, offset] = row(operation);
  if (left === 0) return [item, stamp, device, counter, offset, indexAndKind];
  return [item, stamp, device, counter, offset, indexAndKind, left];
}
