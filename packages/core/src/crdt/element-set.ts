/**
 * Last-writer-wins element set (Shapiro et al., "A comprehensive study of convergent and commutative replicated data
 * types", 2011, section 3.3.3): an element is present when its last add is later than its last remove; the bias decides
 * an exact tie.
 *
 * What stays true: the state is a function of the changes made, not of the order in which concurrent ones arrived. An
 * operation that had seen others on its element stands against them, whatever the clocks say (see `author.ts`).
 *
 * For each element the memory keeps its *heads*: the operations that no later one had seen. Operations that were seen
 * decide nothing any more; the newest `MAX_PAST` of a set are kept, to tell what an author who is behind had seen. All of
 * this is exact until a bound is met, and when clocks do not lie the bounds on operations change no add and no remove. An
 * element of the visible value that the memory does not name was there before and has been seen by everyone: so a row
 * that is created with a set needs no memory.
 *
 * The visible value is sorted, so that devices, which have no memory, order it alike: false, true, numbers, then text by
 * code unit.
 */
import type { JsonValue } from "../base/json.ts";
import type { DeviceId, Offset } from "../ids.ts";
import { MAX_ELEMENTS } from "../limits.ts";
import type { Side } from "../resolve/decision.ts";
import {
  type Author,
  BEFORE_MEMORY,
  compareOperations,
  type Contest,
  contender,
  hasSeen,
  type Operation,
  type OperationRow,
  OperationWriter,
  stampAbove,
} from "./author.ts";

/** Removed elements that are remembered. A concurrent add of one that was forgotten adds it again. */
const MAX_TOMBSTONES = 256;
/** Characters of an element that is text. What was removed is remembered, so elements are names, not documents. */
const MAX_ELEMENT_CHARACTERS = 1024;
/** Characters of removed elements, and of superseded operations, that are remembered. */
const MAX_REMEMBERED_CHARACTERS = 32_768;
/** Concurrent operations kept for one element; beyond it the earliest that decide nothing go first. */
const MAX_HEADS = 32;
/** Operations of one set that are kept after others had seen them. */
const MAX_PAST = 64;

export type Scalar = string | number | boolean;
/** Which of an add and a remove with equal stamps takes effect. */
export type SetBias = "remove" | "add";
export type SetEdits = { readonly add?: readonly Scalar[]; readonly remove?: readonly Scalar[] };
/** A list of elements assigns: it adds what it names, and removes what its author had seen and it does not name. */
export type SetChange = readonly Scalar[] | SetEdits;

export interface SetContest extends Contest {
  readonly element: Scalar;
}
export type SetResult =
  | { readonly memory: JsonValue; readonly value: readonly Scalar[]; readonly contests: readonly SetContest[] }
  | { readonly problem: string };

interface SetOperation extends Operation {
  readonly adds: boolean;
}
interface PastOperation {
  readonly element: Scalar;
  readonly operation: SetOperation;
}
interface Memory {
  readonly heads: Map<Scalar, readonly SetOperation[]>;
  /** In the order in which they were superseded. */
  readonly past: PastOperation[];
  /** The newest offset of the removals that were forgotten. */
  forgotten: Offset;
}

const ADDED_BEFORE: SetOperation = { ...BEFORE_MEMORY, adds: true };

/** Why a change cannot be admitted, as words that follow the field's name; `null` when it can. Takes anything. */
export function setChangeProblem(change: unknown, elementProblem: (element: Scalar) => string | null): string | null {
  if (Array.isArray(change)) return elementsProblem(change, elementProblem);
  if (typeof change !== "object" || change === null)
    return "must be a list of elements, or an object of add and remove";
  for (const [name, elements] of Object.entries(change)) {
    if (name !== "add" && name !== "remove") return "must have nothing but add and remove";
    // What was once allowed must stay removable.
    const problem = elementsProblem(elements, name === "add" ? elementProblem : () => null);
    if (problem !== null) return problem;
  }
  const { add = [], remove = [] } = change as SetEdits;
  const removed = new Set(remove);
  return add.some((element) => removed.has(element)) ? "must not add and remove the same element" : null;
}

function elementsProblem(elements: unknown, elementProblem: (element: Scalar) => string | null): string | null {
  if (!Array.isArray(elements)) return "must list elements";
  if (elements.length > MAX_ELEMENTS) return `must name at most ${MAX_ELEMENTS} elements`;
  for (const element of elements as readonly unknown[]) {
    if (!isScalar(element)) return "must have elements that are text, finite numbers, true or false";
    if (charactersOf(element) > MAX_ELEMENT_CHARACTERS)
      return `must have elements of at most ${MAX_ELEMENT_CHARACTERS} characters`;
    const problem = elementProblem(element);
    if (problem !== null) return problem;
  }
  return null;
}

function isScalar(value: unknown): value is Scalar {
  if (typeof value === "string") return value.isWellFormed();
  return typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
}

/** The visible value after a change whose author sees `visible`: what a device shows before the server has decided. */
export function applySetChange(visible: JsonValue, change: SetChange): readonly Scalar[] {
  if (isAssign(change)) return sorted(change);
  const present = new Set(elementsOf(visible));
  for (const element of change.remove ?? []) present.delete(element);
  for (const element of change.add ?? []) present.add(element);
  return sorted(present);
}

/** The change that turns one visible value into another. */
export function diffSet(visible: JsonValue, wanted: readonly Scalar[]): SetEdits {
  const before = new Set(elementsOf(visible));
  const after = new Set(wanted);
  const add = sorted(after).filter((element) => !before.has(element));
  const remove = sorted(before).filter((element) => !after.has(element));
  return { ...(add.length > 0 && { add }), ...(remove.length > 0 && { remove }) };
}

/**
 * Merges a change that `setChangeProblem` accepts into the set.
 * @param memory what the last change returned; `undefined` when there was none
 * @param value the visible value now
 */
export function changeSet(
  memory: JsonValue | undefined,
  value: JsonValue,
  change: SetChange,
  author: Author,
  bias: SetBias,
): SetResult {
  const state = readMemory(memory);
  const before = elementsOf(value);
  const present = new Set(before);
  const contests: SetContest[] = [];
  const write = (element: Scalar, adds: boolean): void => {
    const known = headsOf(state, present, element);
    let stamp = author.stamp;
    for (const operation of known) stamp = stampAbove(stamp, operation, author);
    for (const past of state.past) if (past.element === element) stamp = stampAbove(stamp, past.operation, author);
    const { device, counter, offset } = author;
    const incoming: SetOperation = { device, counter, offset, stamp, adds };
    const rivals: SetOperation[] = [];
    for (const operation of known) {
      if (hasSeen(author, operation)) state.past.push({ element, operation });
      else rivals.push(operation);
    }
    const heads = boundHeads([...rivals, incoming].sort((left, right) => compareOperations(right, left)));
    state.heads.set(element, heads);
    const isPresent = standing(heads, bias)?.adds === true;
    if (isPresent) present.add(element);
    else present.delete(element);
    // The strongest of those that meant the opposite speaks for all: each of the others met it when it came.
    const opposite = rivals.filter((operation) => operation.adds !== adds);
    const current = standing(opposite, bias);
    if (current !== undefined) contests.push(contest(element, current, incoming, heads, bias));
  };
  const { add, remove } = isAssign(change) ? assigned(state, present, change, author, bias) : change;
  for (const element of new Set(remove)) write(element, false);
  for (const element of new Set(add)) write(element, true);
  if (present.size > MAX_ELEMENTS && present.size > before.length) {
    return { problem: `would have ${present.size} elements; the most is ${MAX_ELEMENTS}` };
  }
  forgetTombstones(state, present);
  return { memory: writeMemory(state), value: sorted(present), contests };
}

function headsOf(state: Memory, present: ReadonlySet<Scalar>, element: Scalar): readonly SetOperation[] {
  return state.heads.get(element) ?? (present.has(element) ? [ADDED_BEFORE] : []);
}

/** The operation that decides: the latest; of several at the same time one that the bias prefers. */
function standing(operations: readonly SetOperation[], bias: SetBias): SetOperation | undefined {
  let best: SetOperation | undefined;
  for (const operation of operations) {
    if (best === undefined || operation.stamp > best.stamp) best = operation;
    else if (operation.stamp === best.stamp && operation.adds !== best.adds && operation.adds === (bias === "add")) {
      best = operation;
    }
  }
  return best;
}

/** An assigned list as adds and removes: what the author saw is read from the operations that they had seen. */
function assigned(
  state: Memory,
  present: ReadonlySet<Scalar>,
  wanted: readonly Scalar[],
  author: Author,
  bias: SetBias,
): SetEdits {
  const add = new Set(wanted);
  const past = Map.groupBy(state.past, ({ element }) => element);
  const remove = [...new Set([...state.heads.keys(), ...present])].filter((element) => {
    if (add.has(element)) return false;
    const earlier = (past.get(element) ?? []).map(({ operation }) => operation);
    const seen = [...headsOf(state, present, element), ...earlier].filter((operation) => hasSeen(author, operation));
    return standing(seen, bias)?.adds === true;
  });
  return { add: [...add], remove };
}

function contest(
  element: Scalar,
  current: SetOperation,
  incoming: SetOperation,
  heads: readonly SetOperation[],
  bias: SetBias,
): SetContest {
  const winner = standing(heads, bias) ?? incoming;
  const side: Side = winner.adds === incoming.adds ? "incoming" : "current";
  const loser = heads.find((operation) => operation.adds !== winner.adds);
  const deed = winner.adds ? "added" : "removed";
  const reason =
    loser?.stamp === winner.stamp
      ? `${JSON.stringify(element)} was added and removed at the same time; the set prefers that it is ${deed}`
      : `${JSON.stringify(element)} was ${deed} later, by device ${winner.device}`;
  return { element, current: again(element, current), incoming: again(element, incoming), winner: side, reason };
}

function again(element: Scalar, operation: SetOperation): Contest["current"] {
  return contender(operation, operation.adds ? { add: [element] } : { remove: [element] });
}

/** Keeps the latest operations, always the latest of either kind among them. Takes them latest first. */
function boundHeads(heads: readonly SetOperation[]): readonly SetOperation[] {
  if (heads.length <= MAX_HEADS) return heads;
  const kept = heads.slice(0, MAX_HEADS);
  const other = heads.find(({ adds }) => adds !== heads[0]?.adds);
  if (other !== undefined && !kept.includes(other)) kept[MAX_HEADS - 1] = other;
  return kept;
}

function forgetTombstones(state: Memory, present: ReadonlySet<Scalar>): void {
  let size = 0;
  const lastForgotten = state.past.findLastIndex(({ element }, index) => {
    size += charactersOf(element);
    return state.past.length - index > MAX_PAST || size > MAX_REMEMBERED_CHARACTERS;
  });
  if (lastForgotten >= 0) state.past.splice(0, lastForgotten + 1);
  const tombstones: Array<{ readonly element: Scalar; readonly newest: Offset }> = [];
  for (const [element, heads] of state.heads) {
    if (!present.has(element)) tombstones.push({ element, newest: Math.max(...heads.map(({ offset }) => offset)) });
  }
  tombstones.sort((left, right) => right.newest - left.newest || compareScalars(left.element, right.element));
  size = 0;
  const firstForgotten = tombstones.findIndex(({ element }, index) => {
    size += charactersOf(element);
    return index >= MAX_TOMBSTONES || size > MAX_REMEMBERED_CHARACTERS;
  });
  for (const { element, newest } of firstForgotten < 0 ? [] : tombstones.slice(firstForgotten)) {
    state.heads.delete(element);
    state.forgotten = Math.max(state.forgotten, newest);
  }
}

function isAssign(change: SetChange): change is readonly Scalar[] {
  return Array.isArray(change);
}

/** The elements of a visible value; of one that is no set, none. */
function elementsOf(value: JsonValue): readonly Scalar[] {
  return Array.isArray(value) ? value.filter(isScalar) : [];
}

function sorted(elements: Iterable<Scalar>): readonly Scalar[] {
  return [...new Set(elements)].sort(compareScalars);
}

const RANK: Readonly<Record<string, number>> = { boolean: 0, number: 1, string: 2 };

function charactersOf(element: Scalar): number {
  return typeof element === "string" ? element.length : 8;
}

function compareScalars(left: Scalar, right: Scalar): number {
  if (typeof left !== typeof right) return (RANK[typeof left] ?? 0) - (RANK[typeof right] ?? 0);
  return left < right ? -1 : left > right ? 1 : 0;
}

type HeadRow = readonly [adds: 0 | 1, ...operation: OperationRow];
type EntryRow = readonly [element: Scalar, ...heads: HeadRow[]];
/** The memory as JSON. Entries in the order of their elements, heads latest first, the past as it came. */
type MemoryRow = readonly [
  devices: readonly DeviceId[],
  forgotten: Offset,
  entries: readonly EntryRow[],
  past: readonly EntryRow[],
];

function readMemory(memory: JsonValue | undefined): Memory {
  if (memory === undefined || memory === null) return { heads: new Map(), past: [], forgotten: 0 };
  const [devices, forgotten, entries, past] = memory as MemoryRow;
  const read = ([adds, stamp, device, counter, offset]: HeadRow): SetOperation => {
    return { adds: adds === 1, stamp, device: devices[device] ?? BEFORE_MEMORY.device, counter, offset };
  };
  return {
    heads: new Map(entries.map(([element, ...heads]) => [element, heads.map(read)])),
    past: past.flatMap(([element, ...rows]) => rows.map((row) => ({ element, operation: read(row) }))),
    forgotten,
  };
}

function writeMemory(state: Memory): MemoryRow {
  const writer = new OperationWriter();
  const write = ({ adds, stamp, device, counter, offset }: SetOperation): HeadRow => {
    return [adds ? 1 : 0, stamp, writer.position(device), counter, offset];
  };
  const entries = [...state.heads]
    .sort(([left], [right]) => compareScalars(left, right))
    .map(([element, heads]): EntryRow => [element, ...heads.map(write)]);
  const past = state.past.map(({ element, operation }): EntryRow => [element, write(operation)]);
  return [writer.devices, state.forgotten, entries, past];
}
