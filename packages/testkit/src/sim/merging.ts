/**
 * Sets and lists in the naive way: everything that was ever done to one, with what its author had seen, and the value as a
 * function of that. Nothing is forgotten and nothing is incremental. Of the reference model.
 */
import type { JsonValue } from "@tidelock/core";
import { type Dot, hasSeen, type Seer, stampAfter } from "./causality.ts";

/** One operation of one change. */
interface Deed extends Dot {
  /** Tells apart the operations of one mutation. */
  readonly index: number;
  /** Later than all that its author had seen. */
  readonly stamp: string;
  readonly seer: Seer;
}

/** Two operations of which only one could take effect. */
export interface Contest {
  readonly current: Dot & { readonly stamp: string; readonly value: unknown };
  readonly incoming: { readonly stamp: string; readonly value: unknown };
  readonly winner: "current" | "incoming";
}

/** Who makes a change, and where its event will be. */
export interface Maker {
  readonly seer: Seer;
  readonly offset: number;
  readonly stamp: string;
}

function deedOf({ seer, offset }: Maker, index: number, stamp: string): Deed {
  return { device: seer.device, counter: seer.counter, offset, index, stamp, seer };
}

function compare(left: Deed, right: Deed): number {
  if (left.stamp !== right.stamp) return left.stamp < right.stamp ? -1 : 1;
  if (left.device !== right.device) return left.device < right.device ? -1 : 1;
  return left.counter - right.counter || left.offset - right.offset || left.index - right.index;
}

function latest<Each extends Deed>(deeds: readonly Each[]): Each | undefined {
  return [...deeds].sort(compare).at(-1);
}

// ── sets ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface SetDeed extends Deed {
  readonly element: string;
  readonly adds: boolean;
}
export type Bias = "add" | "remove";

/** Whether an element is in the set: the last word counts; of several at the same time, the one that the bias likes. */
function isIn(deeds: readonly SetDeed[], bias: Bias): boolean {
  const last = latest(deeds);
  const words = deeds.filter(({ stamp }) => stamp === last?.stamp);
  return bias === "add" ? words.some(({ adds }) => adds) : words.length > 0 && words.every(({ adds }) => adds);
}

/** What nobody has seen who did something to the element later. */
function unanswered(deeds: readonly SetDeed[]): readonly SetDeed[] {
  return deeds.filter((deed, index) => !deeds.slice(index + 1).some(({ seer }) => hasSeen(seer, deed)));
}

export function elementsOf(deeds: readonly SetDeed[], bias: Bias): readonly string[] {
  const all = Map.groupBy(deeds, ({ element }) => element);
  return [...all.keys()].filter((element) => isIn(all.get(element) ?? [], bias)).sort();
}

export function changedSet(
  before: readonly SetDeed[],
  change: unknown,
  maker: Maker,
  bias: Bias,
): { readonly deeds: readonly SetDeed[]; readonly contests: readonly Contest[] } {
  const { add = [], remove = [] } = Array.isArray(change) ? assignment(before, change, maker, bias) : (change as Edits);
  const deeds = [...before];
  const contests: Contest[] = [];
  const words = [...new Set(remove)].map((element) => ({ element, adds: false }));
  words.push(...[...new Set(add)].map((element) => ({ element, adds: true })));
  for (const [index, { element, adds }] of words.entries()) {
    const own = deeds.filter((deed) => deed.element === element);
    const stamp = stampAfter(
      maker.stamp,
      own.filter((deed) => hasSeen(maker.seer, deed)),
    );
    const rivals = unanswered(own).filter((deed) => deed.adds !== adds && !hasSeen(maker.seer, deed));
    deeds.push({ ...deedOf(maker, index, stamp), element, adds });
    const isPresent = isIn(unanswered(deeds.filter((deed) => deed.element === element)), bias);
    // The strongest of those that meant the opposite speaks for all.
    const rival = latest(rivals);
    if (rival === undefined) continue;
    const winner = isPresent === adds ? "incoming" : "current";
    contests.push({
      current: { ...rival, value: said(rival) },
      incoming: { stamp, value: said({ element, adds }) },
      winner,
    });
  }
  return { deeds, contests };
}

interface Edits {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

/** A whole set adds what it names, and removes what its author had seen in it and it does not name. */
function assignment(deeds: readonly SetDeed[], wanted: readonly string[], { seer }: Maker, bias: Bias): Edits {
  const seen = elementsOf(
    deeds.filter((deed) => hasSeen(seer, deed)),
    bias,
  );
  return { add: wanted, remove: seen.filter((element) => !wanted.includes(element)) };
}

function said({ element, adds }: Pick<SetDeed, "element" | "adds">): unknown {
  return adds ? { add: [element] } : { remove: [element] };
}

// ── lists ──────────────────────────────────────────────────────────────────────────────────────────────────────────

type Step = readonly [kind: string, id: string, third?: unknown, fourth?: unknown];

export interface ListDeed extends Deed {
  readonly kind: "insert" | "move" | "edit" | "remove";
  readonly id: string;
  readonly properties: Readonly<Record<string, JsonValue>>;
  /** For an insert or a move: the one whose place it follows. */
  readonly parent: ListDeed | null;
}
export type Item = { readonly id: string } & Readonly<Record<string, JsonValue>>;

function isPlaced({ kind }: ListDeed): boolean {
  return kind === "insert" || kind === "move";
}

/** Every place in the order of the list: what follows a place stands behind it, the latest first. */
function places(deeds: readonly ListDeed[]): readonly ListDeed[] {
  const children = Map.groupBy(deeds.filter(isPlaced), ({ parent }) => parent);
  const order: ListDeed[] = [];
  const walk = (parent: ListDeed | null): void => {
    for (const place of [...(children.get(parent) ?? [])].sort((left, right) => compare(right, left))) {
      order.push(place);
      walk(place);
    }
  };
  walk(null);
  return order;
}

/** An item is gone while somebody removed it whom no later insert, and no later removal, had seen. */
function isThere(own: readonly ListDeed[]): boolean {
  return !own.some(
    (deed, index) =>
      deed.kind === "remove" &&
      !own.slice(index + 1).some(({ kind, seer }) => (kind === "insert" || kind === "remove") && hasSeen(seer, deed)),
  );
}

/** Each property as it was written last; an insert writes all of them, also those that it does not name. */
function propertiesOf(own: readonly ListDeed[]): Readonly<Record<string, JsonValue>> {
  let properties: Record<string, JsonValue> = {};
  for (const deed of [...own].sort(compare)) {
    if (deed.kind === "insert") properties = { ...deed.properties };
    else if (deed.kind === "edit") properties = { ...properties, ...deed.properties };
  }
  return properties;
}

export function itemsOf(deeds: readonly ListDeed[]): readonly Item[] {
  const all = Map.groupBy(deeds, ({ id }) => id);
  return places(deeds).flatMap((place) => {
    const own = all.get(place.id) ?? [];
    const stands = latest(own.filter(isPlaced)) === place && isThere(own);
    return stands ? [makeItem(place.id, propertiesOf(own))] : [];
  });
}

function makeItem(id: string, properties: Readonly<Record<string, JsonValue>>): Item {
  const sorted = Object.entries(properties).sort(([left], [right]) => (left < right ? -1 : 1));
  return { id, ...Object.fromEntries(sorted) };
}

/**
 * The list after a change. `null`: it names an item that its author had not seen. `"unsure"`: the change moves items in a
 * way that can be said in several ways, so nobody can tell who moved what.
 */
export function changedList(
  before: readonly ListDeed[],
  change: unknown,
  maker: Maker,
): readonly ListDeed[] | null | "unsure" {
  const seen = before.filter((deed) => hasSeen(maker.seer, deed));
  const steps = Array.isArray(change) ? difference(itemsOf(seen), change) : (change as { readonly ops: Step[] }).ops;
  if (steps === null) return "unsure";
  const deeds = [...before];
  const stamp = stampAfter(maker.stamp, seen);
  for (const [index, [kind, id, third, fourth]] of steps.entries()) {
    const knows = (deed: ListDeed): boolean => hasSeen(maker.seer, deed);
    const isKnown = deeds.some((deed) => isPlaced(deed) && deed.id === id && knows(deed));
    if (kind !== "insert" && !isKnown) {
      if (kind === "remove") continue;
      return null;
    }
    const common = { ...deedOf(maker, index, stamp), id };
    if (kind === "remove") deeds.push({ ...common, kind, properties: {}, parent: null });
    else if (kind === "edit") deeds.push({ ...common, kind, properties: third as Item, parent: null });
    else {
      const parent = third === null ? null : placeOf(deeds, third as string, knows);
      const properties = kind === "insert" ? (fourth as Item) : {};
      deeds.push({ ...common, kind: kind === "insert" ? kind : "move", properties, parent });
    }
  }
  return deeds;
}

/** Where the author saw an item; of one that was never there for them, the end of what they saw. */
function placeOf(deeds: readonly ListDeed[], id: string, knows: (deed: ListDeed) => boolean): ListDeed | null {
  const own = deeds.filter((deed) => isPlaced(deed) && deed.id === id && knows(deed));
  return latest(own) ?? places(deeds).findLast(knows) ?? null;
}

/** What leads from one list to another in which the items that stay have kept their order; `null` when they have not. */
function difference(from: readonly Item[], to: readonly Item[]): readonly Step[] | null {
  const kept = to.filter(({ id }) => from.some((item) => item.id === id)).map(({ id }) => id);
  const order = from.map(({ id }) => id).filter((id) => kept.includes(id));
  if (order.join() !== kept.join()) return null;
  const steps: Step[] = from.filter(({ id }) => !kept.includes(id)).map(({ id }) => ["remove", id]);
  let previous: string | null = null;
  for (const { id, ...properties } of to) {
    const known = from.find((item) => item.id === id);
    if (known === undefined) steps.push(["insert", id, previous, properties]);
    else {
      const names = [...new Set([...Object.keys(known), ...Object.keys(properties)])].filter((name) => name !== "id");
      const edits = names.filter(
        (name) => JSON.stringify(known[name] ?? null) !== JSON.stringify(properties[name] ?? null),
      );
      if (edits.length > 0)
        steps.push(["edit", id, Object.fromEntries(edits.map((name) => [name, properties[name] ?? null]))]);
    }
    previous = id;
  }
  return steps;
}

// ── what a device shows ────────────────────────────────────────────────────────────────────────────────────────────

/** A set after a change, as somebody sees it who has only the set. */
export function shownSet(elements: readonly string[], change: unknown): readonly string[] {
  if (Array.isArray(change)) return [...new Set(change as readonly string[])].sort();
  const { add = [], remove = [] } = change as Edits;
  return [...new Set([...elements.filter((element) => !remove.includes(element)), ...add])].sort();
}

/** A list after a change, as somebody sees it who has only the list. */
export function shownList(items: readonly Item[], change: unknown): readonly Item[] {
  if (Array.isArray(change)) return (change as readonly Item[]).map((item) => overwritten(items, item));
  let list = [...items];
  for (const [kind, id, third, fourth] of (change as { readonly ops: readonly Step[] }).ops) {
    const known = list.find((item) => item.id === id);
    if (known === undefined && kind !== "insert") continue;
    if (kind === "edit") {
      list = list.map((item) => (item === known ? makeItem(id, { ...item, ...(third as Item), id } as Item) : item));
      continue;
    }
    list = list.filter((item) => item.id !== id);
    if (kind === "remove") continue;
    const item = kind === "insert" ? makeItem(id, fourth as Item) : (known as Item);
    const place = list.findIndex((other) => other.id === third);
    list.splice(third === null ? 0 : place < 0 ? list.length : place + 1, 0, item);
  }
  return list;
}

/** An item as a whole list names it: a property that is gone is null from now on. */
function overwritten(items: readonly Item[], { id, ...properties }: Item): Item {
  const known = items.find((item) => item.id === id);
  if (known === undefined) return makeItem(id, properties);
  const gone = Object.keys(known).filter((name) => !Object.hasOwn(properties, name) && known[name] !== null);
  const named = Object.entries(properties).filter(([name, value]) => value !== null || Object.hasOwn(known, name));
  return makeItem(id, {
    ...known,
    ...Object.fromEntries(gone.map((name) => [name, null])),
    ...Object.fromEntries(named),
    id,
  });
}
