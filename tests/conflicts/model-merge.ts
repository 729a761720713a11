/**
 * The reference model of fields whose writes are merged: sets and lists as functions of all that was ever done to them,
 * each deed with what its author had seen. Nothing is incremental and nothing is forgotten.
 *
 * - A deed's effective stamp is its own, or one above those of what its author had seen, where that is not earlier.
 * - Set: an element is there when its latest add is later than its latest remove; the bias says who wins a tie.
 * - List: an item is there when each removal of it was seen by somebody who inserted it. It stands where it was put last;
 *   a property is what was written to it last. What is put behind the same thing stands latest first, and takes along
 *   what was put behind it: a walk through a tree.
 */
import type { JsonObject, JsonValue } from "@tidelock/core";
import { type Author, type Ruling, same, saw, type Side } from "./model-field.ts";

interface Done {
  readonly author: Author;
  readonly stamp: bigint;
  /** Its place among the deeds of its author's mutation. */
  readonly index: number;
}

function isSeen(by: Done, other: Done): boolean {
  const isSame = by.author.device === other.author.device && by.author.counter === other.author.counter;
  return isSame ? other.index < by.index : saw(by.author, other.author);
}

function above(author: Author, done: readonly Done[]): bigint {
  return done
    .filter((other) => saw(author, other.author))
    .reduce((stamp, other) => (other.stamp >= stamp ? other.stamp + 1n : stamp), author.stamp);
}

function compare(left: Done, right: Done): number {
  if (left.stamp !== right.stamp) return left.stamp < right.stamp ? -1 : 1;
  if (left.author.device !== right.author.device) return left.author.device < right.author.device ? -1 : 1;
  return left.author.counter - right.author.counter || left.index - right.index;
}

function latest<Each extends Done>(done: readonly Each[]): Each | undefined {
  return done.reduce<Each | undefined>(
    (best, each) => (best === undefined || compare(each, best) > 0 ? each : best),
    undefined,
  );
}

function countBy(author: Author, done: readonly Done[]): number {
  return done.filter((other) => other.author.device === author.device && other.author.counter === author.counter)
    .length;
}

export interface Merged<Deeds> {
  readonly deeds: Deeds;
  readonly value: JsonValue;
  readonly rulings: readonly Ruling[];
}

/** What was at stake is in both sides. */
function rulings(field: string, policy: string, contests: readonly Contest[]): readonly Ruling[] {
  return contests.map((contest) => ({ field, policy, version: 1, base: undefined, value: null, ...contest }));
}

type Contest = Pick<Ruling, "winner" | "current" | "incoming">;

function side({ author, stamp }: Done, value: JsonValue): Side {
  return { device: author.device, counter: author.counter, stamp, value };
}

// ── sets ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface SetDeed extends Done {
  readonly element: string;
  readonly adds: boolean;
}
export type Bias = "add" | "remove";

function isIn(done: readonly SetDeed[], element: string, bias: Bias): boolean {
  const of = (adds: boolean): bigint =>
    done.reduce(
      (most, deed) => (deed.element === element && deed.adds === adds && deed.stamp > most ? deed.stamp : most),
      -1n,
    );
  return of(true) === of(false) ? of(true) >= 0n && bias === "add" : of(true) > of(false);
}

export function elementsIn(done: readonly SetDeed[], bias: Bias): string[] {
  return [...new Set(done.map(({ element }) => element))].filter((element) => isIn(done, element, bias)).sort();
}

/** A list of elements adds them, and removes what its author saw there besides. */
function edits(
  done: readonly SetDeed[],
  change: JsonValue,
  author: Author,
  bias: Bias,
): Array<readonly [string, boolean]> {
  if (!Array.isArray(change)) {
    const { add = [], remove = [] } = change as {
      readonly add?: readonly string[];
      readonly remove?: readonly string[];
    };
    return [...remove.map((element) => [element, false] as const), ...add.map((element) => [element, true] as const)];
  }
  const wanted = new Set(change as readonly string[]);
  const seen = elementsIn(
    done.filter((deed) => saw(author, deed.author)),
    bias,
  );
  const gone = seen.filter((element) => !wanted.has(element));
  return [
    ...gone.map((element) => [element, false] as const),
    ...[...wanted].map((element) => [element, true] as const),
  ];
}

export function mergeSet(
  field: string,
  before: readonly SetDeed[],
  change: JsonValue,
  author: Author,
  bias: Bias,
): Merged<readonly SetDeed[]> {
  const done = [...before];
  const contests: Contest[] = [];
  for (const [element, adds] of edits(before, change, author, bias)) {
    const known = done.filter((deed) => deed.element === element);
    const deed: SetDeed = { author, stamp: above(author, known), index: countBy(author, done), element, adds };
    done.push(deed);
    const stays = isIn(done, element, bias);
    // Who did the opposite without knowing of this, and was not corrected by anybody since; the last of them speaks for all.
    const rivals = known.filter((other) => !isSeen(deed, other) && !known.some((third) => isSeen(third, other)));
    const rival = latest(rivals.filter((other) => other.adds !== adds));
    if (rival === undefined) continue;
    contests.push({
      winner: stays === adds ? "incoming" : "current",
      current: side(rival, rival.adds ? { add: [element] } : { remove: [element] }),
      incoming: side(deed, adds ? { add: [element] } : { remove: [element] }),
    });
  }
  const value = elementsIn(done, bias);
  return { deeds: done, value, rulings: rulings(field, "set", contests) };
}

// ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export type Step =
  | readonly ["insert", id: string, after: string | null, properties: JsonObject]
  | readonly ["move", id: string, after: string | null]
  | readonly ["edit", id: string, properties: JsonObject]
  | readonly ["remove", id: string];

export interface ListDeed extends Done {
  readonly step: Step;
  /** For what puts an item somewhere: what put the item there that it goes behind. */
  readonly behind: ListDeed | null;
}
type Item = { readonly id: string } & JsonObject;

const of = (done: readonly ListDeed[], id: string, ...kinds: readonly Step[0][]): readonly ListDeed[] =>
  done.filter(({ step }) => step[1] === id && kinds.includes(step[0]));

/** Removals of an item that nobody who inserted it, or removed it again, had seen. */
function removals(done: readonly ListDeed[], id: string): readonly ListDeed[] {
  const answers = of(done, id, "insert", "remove");
  return of(done, id, "remove").filter((removal) => !answers.some((answer) => isSeen(answer, removal)));
}

function isThere(done: readonly ListDeed[], id: string): boolean {
  return of(done, id, "insert").length > 0 && removals(done, id).length === 0;
}

function place(done: readonly ListDeed[], id: string): ListDeed | undefined {
  return latest(of(done, id, "insert", "move"));
}

/** What each property is and who wrote it; an insert writes all of them, those that it does not name as well. */
function properties(
  done: readonly ListDeed[],
  id: string,
): Map<string, { readonly value: JsonValue; readonly by: ListDeed }> {
  const written = new Map<string, { readonly value: JsonValue; readonly by: ListDeed }>();
  for (const deed of [...of(done, id, "insert", "edit")].sort(compare)) {
    if (deed.step[0] === "insert") written.clear();
    const given = deed.step[0] === "insert" ? deed.step[3] : deed.step[0] === "edit" ? deed.step[2] : {};
    for (const [name, value] of Object.entries(given)) written.set(name, { value, by: deed });
  }
  return written;
}

/** All that ever put an item somewhere, in the order of the places. */
function walk(done: readonly ListDeed[], behind: ListDeed | null = null): readonly ListDeed[] {
  const here = done.filter((deed) => deed.behind === behind && (deed.step[0] === "insert" || deed.step[0] === "move"));
  return here.sort((left, right) => compare(right, left)).flatMap((deed) => [deed, ...walk(done, deed)]);
}

export function itemsIn(done: readonly ListDeed[]): Item[] {
  const standing = walk(done).filter((deed) => place(done, deed.step[1]) === deed && isThere(done, deed.step[1]));
  return standing.map(({ step: [, id] }) => {
    const named = [...properties(done, id)].map(([name, { value }]) => [name, value] as const);
    return { id, ...Object.fromEntries(named.sort(([left], [right]) => (left < right ? -1 : 1))) };
  });
}

/** A change whose new items have the defaults of what is not given. */
export function withDefaults(change: JsonValue, defaults: JsonObject): JsonValue {
  if (Array.isArray(change)) return (change as readonly Item[]).map((item) => ({ ...defaults, ...item }));
  const { ops } = change as { readonly ops: readonly Step[] };
  return {
    ops: ops.map((step): Step =>
      step[0] === "insert" ? [step[0], step[1], step[2], { ...defaults, ...step[3] }] : step,
    ),
  };
}

/** `null`: the author names an item that they have never seen. */
export function mergeList(
  field: string,
  before: readonly ListDeed[],
  change: JsonValue,
  author: Author,
): Merged<readonly ListDeed[]> | null {
  const ops = Array.isArray(change)
    ? stepsTo(before, change as readonly Item[], author)
    : (change as { readonly ops: readonly Step[] }).ops;
  const done = [...before];
  const contests: Contest[] = [];
  const stamp = above(author, before);
  for (const step of ops) {
    const [kind, id] = step;
    const seen = done.filter((deed) => saw(author, deed.author));
    if (kind !== "insert" && of(seen, id, "insert").length === 0) {
      if (kind === "remove") continue;
      return null;
    }
    const after = kind === "insert" || kind === "move" ? step[2] : null;
    // Behind what they have never seen means behind all that they have: what it was put behind has been refused.
    const behind =
      after === null ? null : (place(seen, after) ?? walk(done).findLast((other) => seen.includes(other)) ?? null);
    const deed: ListDeed = { author, stamp, index: countBy(author, done), step, behind };
    contests.push(...contestsOf(done, deed));
    done.push(deed);
  }
  const value = itemsIn(done);
  return { deeds: done, value, rulings: rulings(field, "list", contests) };
}

/**
 * What leads from the list that an author saw to the one that they want. Of those who stay at most one goes elsewhere: the
 * one without which the others stand as before.
 */
function stepsTo(before: readonly ListDeed[], wanted: readonly Item[], author: Author): readonly Step[] {
  const seen = itemsIn(before.filter((deed) => saw(author, deed.author)));
  const steps: Step[] = seen.filter(({ id }) => !wanted.some((item) => item.id === id)).map(({ id }) => ["remove", id]);
  const stood = seen.filter(({ id }) => wanted.some((item) => item.id === id)).map(({ id }) => id);
  const stands = wanted.filter(({ id }) => stood.includes(id)).map(({ id }) => id);
  const isSameBut = (gone: string | null): boolean =>
    same(
      stood.filter((id) => id !== gone),
      stands.filter((id) => id !== gone),
    );
  const moved = isSameBut(null) ? null : stands.find(isSameBut);
  for (const [at, { id, ...properties }] of wanted.entries()) {
    const after = wanted[at - 1]?.id ?? null;
    const known = seen.find((item) => item.id === id);
    if (known === undefined) {
      steps.push(["insert", id, after, properties]);
      continue;
    }
    if (id === moved) steps.push(["move", id, after]);
    const names = [...new Set([...Object.keys(known), ...Object.keys(properties)])].filter((name) => name !== "id");
    const edits = names.filter((name) => !same(known[name] ?? null, properties[name] ?? null));
    if (edits.length > 0)
      steps.push(["edit", id, Object.fromEntries(edits.map((name) => [name, properties[name] ?? null]))]);
  }
  return steps;
}

/** What a step takes back, or loses to, of what its author had not seen. */
function contestsOf(done: readonly ListDeed[], deed: ListDeed): Contest[] {
  const [kind, id] = deed.step;
  const contests: Contest[] = [];
  const isNews = (other: ListDeed): boolean => !isSeen(deed, other);
  const mine = side(deed, { ops: [deed.step] });
  const against = (other: ListDeed, again: Step, winner: Contest["winner"], ours: Step = deed.step): void =>
    void contests.push({
      winner,
      current: side(other, { ops: [again] }),
      incoming: { ...mine, value: { ops: [ours] } },
    });
  const byTime = (other: ListDeed): Contest["winner"] => (compare(deed, other) > 0 ? "incoming" : "current");
  const where = place(done, id);
  const written = properties(done, id);
  const stoodAfter = predecessor(done, id);
  if (kind === "remove") {
    if (!isThere(done, id)) return [];
    const insert = latest(of(done, id, "insert"));
    const whole = Object.fromEntries([...written].map(([name, { value }]) => [name, value]));
    if (insert !== undefined && isNews(insert)) against(insert, ["insert", id, stoodAfter, whole], "incoming");
    // What was edited in the change that inserted it is part of that.
    const isOfInsert = (other: ListDeed): boolean => insert !== undefined && countBy(insert.author, [other]) > 0;
    for (const [name, { value, by }] of written)
      if (!isOfInsert(by) && isNews(by)) against(by, ["edit", id, { [name]: value }], "incoming");
    if (where !== undefined && where !== insert && isNews(where)) against(where, ["move", id, stoodAfter], "incoming");
    return contests;
  }
  // One speaks for all.
  const [removal] = removals(done, id).filter(isNews).toSorted(compare);
  if (removal !== undefined) against(removal, ["remove", id], "current");
  // An insert by somebody who saw the removal brings the item back.
  const isBack = kind === "insert" && removals(done, id).every((removal) => !isNews(removal));
  if (of(done, id, "insert").length === 0 || !(isThere(done, id) || isBack)) return contests;
  if (kind !== "edit" && where !== undefined && isNews(where)) {
    const wasAfter = isThere(done, id) ? stoodAfter : predecessor(done, id, true);
    if (wasAfter !== deed.step[2]) against(where, ["move", id, wasAfter], byTime(where));
  }
  if (kind === "move") return contests;
  const insert = latest(of(done, id, "insert"));
  const given = kind === "insert" ? deed.step[3] : deed.step[2];
  const names = kind === "insert" ? new Set([...written.keys(), ...Object.keys(given)]) : new Set(Object.keys(given));
  for (const name of names) {
    const { value: old = null, by } = written.get(name) ?? { by: insert };
    const wanted = given[name] ?? null;
    if (by === undefined || !isNews(by) || same(old, wanted)) continue;
    against(by, ["edit", id, { [name]: old }], byTime(by), ["edit", id, { [name]: wanted }]);
  }
  return contests;
}

/** The item that stands before another; `evenGone`: as if that one were there. */
function predecessor(done: readonly ListDeed[], id: string, evenGone: boolean = false): string | null {
  const all = evenGone ? done.filter(({ step }) => !(step[0] === "remove" && step[1] === id)) : done;
  const items = itemsIn(all);
  const at = items.findIndex((item) => item.id === id);
  return at <= 0 ? null : (items[at - 1]?.id ?? null);
}
