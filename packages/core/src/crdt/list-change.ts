/**
 * Changes of an item list, and what a device does with them: a list of items `{ id, ...properties }` that are addressed by
 * id, never by position. A device has no memory; it applies changes to the visible value, which gives what the server
 * will decide when nobody else has written (see `item-list.ts`).
 */
import { type JsonObject, jsonProblem, type JsonValue, sameJson } from "../base/json.ts";
import { isName, parseEntityId } from "../ids.ts";
import { MAX_ELEMENTS, MAX_VALUE_DEPTH } from "../limits.ts";

/** Operations of one change: every item of a full list moved and edited, or replaced. */
const MAX_LIST_OPERATIONS = 2 * MAX_ELEMENTS;

/** An item as others see it. Its id follows the rule for the ids of entities. */
export type ListItem = { readonly id: string; readonly [property: string]: JsonValue };
/**
 * What a user did to a list. `after` is the id of the item that the author saw before the place, `null` at the start. An
 * insert writes the whole item; of an item that is there it is a move as well.
 */
export type ListOperation =
  | readonly ["insert", id: string, after: string | null, properties: JsonObject]
  | readonly ["move", id: string, after: string | null]
  | readonly ["edit", id: string, properties: JsonObject]
  | readonly ["remove", id: string];
export type ListEdits = { readonly ops: readonly ListOperation[] };
/** A list of items assigns: it does what leads there from the list that its author had seen. */
export type ListChange = readonly ListItem[] | ListEdits;

/** Why properties cannot be an item's, or part of one's; `null` when they can. */
export type PropertiesProblem = (properties: JsonObject, kind: "insert" | "edit") => string | null;

export function isAssignedList(change: ListChange): change is readonly ListItem[] {
  return Array.isArray(change);
}

/** Why a change cannot be admitted, as words that follow the field's name; `null` when it can. Takes anything. */
export function listChangeProblem(change: unknown, propertiesProblem: PropertiesProblem): string | null {
  const problem = jsonProblem(change, MAX_VALUE_DEPTH);
  if (problem !== null) return `must be plain JSON (${problem})`;
  if (Array.isArray(change)) {
    if (change.length > MAX_ELEMENTS) return `must have at most ${MAX_ELEMENTS} items`;
    return firstProblem(change, (item) => itemProblem(item, propertiesProblem));
  }
  if (!isObject(change)) return "must be a list of items, or an object with ops";
  const { ops, ...others } = change;
  if (!Array.isArray(ops) || Object.keys(others).length > 0) return "must have ops and nothing else";
  if (ops.length > MAX_LIST_OPERATIONS) return `must have at most ${MAX_LIST_OPERATIONS} ops`;
  return firstProblem(ops, (operation) => operationProblem(operation, propertiesProblem));
}

function firstProblem(values: readonly unknown[], problemOf: (value: unknown) => string | null): string | null {
  for (const value of values) {
    const problem = problemOf(value);
    if (problem !== null) return problem;
  }
  return null;
}

function itemProblem(item: unknown, propertiesProblem: PropertiesProblem): string | null {
  if (!isObject(item)) return "must have items that are objects";
  const { id, ...properties } = item;
  return idProblem(id) ?? namesProblem(properties) ?? propertiesProblem(properties, "insert");
}

const OPERATION_LENGTHS: ReadonlyMap<unknown, number> = new Map([
  ["insert", 4],
  ["move", 3],
  ["edit", 3],
  ["remove", 2],
]);

function operationProblem(operation: unknown, propertiesProblem: PropertiesProblem): string | null {
  if (!Array.isArray(operation)) return "must have ops that are lists";
  const [kind, id, ...rest] = operation as readonly unknown[];
  if (OPERATION_LENGTHS.get(kind) !== operation.length) return "must have ops that insert, move, edit or remove";
  const problem = idProblem(id);
  if (problem !== null || kind === "remove") return problem;
  if (kind !== "edit") {
    const [after] = rest;
    if (after !== null && idProblem(after) !== null) return "must place items after an item's id, or null";
    if (after === id) return "must not place an item after itself";
    if (kind === "move") return null;
  }
  const properties = rest.at(-1);
  if (!isObject(properties)) return "must have properties that are an object";
  if (kind === "edit" && Object.keys(properties).length === 0) return "must have edits that name a property";
  return namesProblem(properties) ?? propertiesProblem(properties, kind === "edit" ? "edit" : "insert");
}

function idProblem(id: unknown): string | null {
  return parseEntityId(id) === null ? "must have items with an id (1 to 128 of A-Z a-z 0-9 _ . : -)" : null;
}

/** A property's name is a name, and none that every object answers to. */
function namesProblem(properties: JsonObject): string | null {
  const wrong = Object.keys(properties).find((name) => name === "id" || !isName(name) || name in Object.prototype);
  return wrong === undefined ? null : `must not have a property ${JSON.stringify(wrong.slice(0, 64))}`;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The items of a visible value, of several with one id the last; of a value that is no list, none. */
export function itemsOf(value: JsonValue): readonly ListItem[] {
  if (!Array.isArray(value)) return [];
  const items = value.filter((item): item is ListItem => isObject(item) && typeof item["id"] === "string");
  const last = new Map(items.map((item, index) => [item.id, index]));
  return last.size === items.length ? items : items.filter((item, index) => last.get(item.id) === index);
}

/** An item from its parts: the id first, then properties by name, so that the text of a value does not tell its history. */
export function makeItem(id: string, properties: JsonObject): ListItem {
  const members = Object.entries(properties).sort(([left], [right]) => (left < right ? -1 : 1));
  return { id, ...Object.fromEntries(members) };
}

/** The visible value after a change whose author sees `visible`: what a device shows before the server has decided. */
export function applyListChange(visible: JsonValue, change: ListChange): readonly ListItem[] {
  const items = [...itemsOf(visible)];
  const { ops } = isAssignedList(change) ? diffList(items, change) : change;
  for (const operation of ops) applyOperation(items, operation);
  return items;
}

/** What names an item that is not there is left out; what is placed after one goes to the end. */
function applyOperation(items: ListItem[], operation: ListOperation): void {
  const at = items.findIndex(({ id }) => id === operation[1]);
  const item = items[at];
  switch (operation[0]) {
    case "insert":
      if (item !== undefined) items.splice(at, 1);
      items.splice(placeAfter(items, operation[2]), 0, makeItem(operation[1], operation[3]));
      return;
    case "move":
      if (item === undefined) return;
      items.splice(at, 1);
      items.splice(placeAfter(items, operation[2]), 0, item);
      return;
    case "edit":
      if (item !== undefined) items[at] = editedItem(item, operation[2]);
      return;
    case "remove":
      if (item !== undefined) items.splice(at, 1);
      return;
  }
}

function placeAfter(items: readonly ListItem[], after: string | null): number {
  if (after === null) return 0;
  const at = items.findIndex(({ id }) => id === after);
  return at < 0 ? items.length : at + 1;
}

export function editedItem(item: ListItem, edits: JsonObject): ListItem {
  const { id, ...properties } = item;
  return makeItem(id, { ...properties, ...edits });
}

/**
 * The change that turns one visible value into another, with as few moves as possible. A property that is gone becomes
 * `null`, as every missing value is.
 */
export function diffList(visible: JsonValue, wanted: JsonValue): ListEdits {
  const before = new Map(itemsOf(visible).map((item, index) => [item.id, { item, index }]));
  const after = itemsOf(wanted);
  const kept = new Set(after.map(({ id }) => id));
  const ops: ListOperation[] = [...before.keys()].filter((id) => !kept.has(id)).map((id) => ["remove", id]);
  const staying = longestRise(after.flatMap(({ id }) => before.get(id)?.index ?? []));
  let previous: string | null = null;
  for (const { id, ...properties } of after) {
    const known = before.get(id);
    if (known === undefined) {
      ops.push(["insert", id, previous, properties]);
    } else {
      if (!staying.has(known.index)) ops.push(["move", id, previous]);
      const edits = editsBetween(known.item, properties);
      if (Object.keys(edits).length > 0) ops.push(["edit", id, edits]);
    }
    previous = id;
  }
  return { ops };
}

function editsBetween(before: ListItem, after: JsonObject): JsonObject {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  names.delete("id");
  const edits: Array<[string, JsonValue]> = [];
  for (const name of names) {
    const value = after[name] ?? null;
    if (!sameJson(before[name] ?? null, value)) edits.push([name, value]);
  }
  return Object.fromEntries(edits);
}

/** The members of a longest rising subsequence (Schensted 1961; piles with the index of each pile's top before). */
function longestRise(values: readonly number[]): ReadonlySet<number> {
  const tops: number[] = [];
  const previous = new Map<number, number | undefined>();
  for (const value of values) {
    let low = 0;
    let high = tops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((tops[middle] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    previous.set(value, tops[low - 1]);
    tops[low] = value;
  }
  const members = new Set<number>();
  for (let value = tops.at(-1); value !== undefined; value = previous.get(value)) members.add(value);
  return members;
}
