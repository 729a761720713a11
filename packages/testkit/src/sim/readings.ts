/**
 * The application of `domain.ts` again, in the plainest words, for whoever judges the engines: what each field holds and
 * how its conflicts are settled, what the rules allow, and what filters mean. Shares nothing with the engine's schema.
 */
import type { Filter, JsonValue } from "@tidelock/core";
import {
  EXPLODING_NOTE,
  EXPLODING_TITLE,
  FEWEST_VOTES,
  FORBIDDEN_PRICE,
  FORBIDDEN_TITLE,
  GRADE_DUE_MS,
  PRICE_DUE_MS,
  RULING_DUE_MS,
} from "./domain.ts";

/** What an entity's fields are, by name. */
export type Row = Readonly<Record<string, unknown>>;

export const COLLECTIONS = ["notes", "tasks", "marks", "cases", "boards"] as const;
export type CollectionName = (typeof COLLECTIONS)[number];
/** The collection that the server writes. */
export const REVIEWS = "tidelock.reviews";
/** Everything that devices can see. */
export const EVERYTHING: readonly string[] = [...COLLECTIONS, REVIEWS];
/** In a mark: the whole entity is at stake. */
export const WHOLE = "*";
/** The column of marks, which is no field. */
export const MARK = "tidelock.review";

/** One side of a conflict, as a rule of the application may see it. */
export interface Side {
  readonly value: unknown;
  readonly role: string | undefined;
}
export interface Question {
  readonly base: unknown;
  readonly current: Side;
  readonly incoming: Side;
  /** Which of the two is later by stamp, then device. */
  readonly later: "current" | "incoming";
}
/** What a rule answers, and whose write it is where the rule chose an author; `null`: a person must decide. */
export type Answer = { readonly value: unknown; readonly side: "current" | "incoming" | null } | null;

export type Settling =
  | { readonly by: "lww" }
  | { readonly by: "rule"; readonly name: string; readonly version: number; readonly asks: (q: Question) => Answer }
  | { readonly by: "review"; readonly dueMs: number | null; readonly onExpiry: "keep" | "latest" }
  | { readonly by: "set"; readonly bias: "add" | "remove" }
  | { readonly by: "list" }
  | { readonly by: "counter" };

export interface Reading {
  /** Whether it may be written: a value, or a change where changes are merged. */
  readonly takes: (value: unknown) => boolean;
  readonly settling: Settling;
  /** What a create that leaves it out makes of it; `undefined` when it must be named. */
  readonly preset: JsonValue | undefined;
  /** Where in it other entities are named. */
  readonly names: "nowhere" | "value" | "elements" | "items";
}

type Takes = Reading["takes"];
const LWW: Settling = { by: "lww" };

function plain(takes: Takes, preset?: JsonValue, settling: Settling = LWW): Reading {
  return { takes, settling, preset, names: "nowhere" };
}

function reference(): Reading {
  return { takes: (value) => value === null || isId(value), settling: LWW, preset: null, names: "value" };
}

const isText: Takes = (value) => typeof value === "string" && value.isWellFormed();
const isWhole: Takes = (value) => Number.isSafeInteger(value);
const isId: Takes = (value) => typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/.test(value);

function isOneOf(...words: readonly string[]): Takes {
  return (value) => words.includes(value as string);
}

function isListOf(takes: Takes): Takes {
  return (value) => Array.isArray(value) && value.every((element) => takes(element));
}

/** A set's change: its elements, or those to add and to remove. */
function isSetChange(takes: Takes): Takes {
  return (value) => {
    if (Array.isArray(value)) return value.every((element) => takes(element));
    if (typeof value !== "object" || value === null) return false;
    const { add = [], remove = [], ...others } = value as Record<string, unknown>;
    const isScalar: Takes = (element) => ["string", "number", "boolean"].includes(typeof element);
    if (Object.keys(others).length > 0 || !isListOf(takes)(add) || !isListOf(isScalar)(remove)) return false;
    return !(add as readonly unknown[]).some((element) => (remove as readonly unknown[]).includes(element));
  };
}

const STEP: Readonly<Record<string, Takes>> = {
  text: isText,
  done: (value) => typeof value === "boolean",
  link: (value) => value === null || isId(value),
};

function isStep(properties: unknown, isNew: boolean): boolean {
  if (typeof properties !== "object" || properties === null) return false;
  const entries = Object.entries(properties);
  const fits = entries.every(([name, value]) => STEP[name]?.(value) === true);
  return fits && (isNew ? Object.hasOwn(properties, "text") : entries.length > 0);
}

/** A list's change: its items, or what is done to them. */
const isListChange: Takes = (value) => {
  if (Array.isArray(value)) return value.every(({ id, ...properties }) => isId(id) && isStep(properties, true));
  if (typeof value !== "object" || value === null) return false;
  const { ops, ...others } = value as { readonly ops?: unknown };
  if (!Array.isArray(ops) || Object.keys(others).length > 0) return false;
  return (ops as readonly unknown[][]).every(([kind, id, third, fourth]) => {
    if (!isId(id)) return false;
    if (kind === "remove") return true;
    if (kind === "edit") return isStep(third, false);
    const isPlace = third === null || (isId(third) && third !== id);
    return isPlace && (kind === "move" || (kind === "insert" && isStep(fourth, true)));
  });
};

function isAddition(fewest: number): Takes {
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    const { add, ...others } = value as { readonly add?: unknown };
    return Object.keys(others).length === 0 && Number.isSafeInteger(add) && Number(add) >= fewest;
  };
}

function held(dueMs: number | null, onExpiry: "keep" | "latest"): Settling {
  return { by: "review", dueMs, onExpiry };
}

function rule(name: string, version: number, asks: (question: Question) => Answer): Settling {
  return { by: "rule", name, version, asks };
}

/** A state that moves forward; one step back from where both stood, against one forward, is for a person. */
function furthest(order: readonly string[]): (question: Question) => Answer {
  const rank = (value: unknown): number => order.indexOf(value as string);
  return ({ base, current, incoming, later }) => {
    const start = base === undefined ? 0 : Math.max(0, rank(base));
    const [left, right] = [rank(current.value), rank(incoming.value)];
    if (Math.min(left, right) < start) return null;
    const isCurrent = left === right ? later === "current" : left > right;
    return { value: isCurrent ? current.value : incoming.value, side: null };
  };
}

const RANKS = ["guest", "member", "admin"];
const rankOf = ({ role }: Side): number => RANKS.indexOf(role ?? "nobody");

function higherRank({ current, incoming, later }: Question): Answer {
  const [left, right] = [rankOf(current), rankOf(incoming)];
  const side = left === right ? later : left > right ? "current" : "incoming";
  return { value: side === "current" ? current.value : incoming.value, side };
}

function moody(question: Question): Answer {
  const { base, current, incoming } = question;
  const sum = Number(current.value) + Number(incoming.value);
  const mood = Math.abs(sum) % 7;
  if (mood < 3) return null;
  return mood === 3 ? { value: sum + Number(base ?? 0), side: null } : higherRank(question);
}

/** Every field of every collection. */
const READINGS: Readonly<Record<string, Readonly<Record<string, Reading>>>> = {
  notes: {
    title: plain(isText),
    body: plain(isText, ""),
    priority: plain(isWhole, 0),
    done: plain((value) => typeof value === "boolean", false),
    owner: plain(isText),
    visibility: plain(isOneOf("public", "private"), "public"),
    extra: plain((value) => value !== undefined, null),
  },
  tasks: {
    title: plain(isText),
    state: plain(isOneOf("open", "doing", "closed"), "open"),
    points: plain((value) => typeof value === "number" && Number.isFinite(value), 0),
    note: reference(),
    parent: reference(),
  },
  marks: { value: plain(isWhole, 0), token: plain(isText, "") },
  cases: {
    title: plain(isText),
    owner: plain(isText),
    visibility: plain(isOneOf("public", "private"), "public"),
    price: plain(isWhole, 0, held(PRICE_DUE_MS, "latest")),
    ruling: plain(isText, "", held(RULING_DUE_MS, "keep")),
    verdict: plain(isOneOf("open", "granted", "denied"), "open", held(null, "keep")),
    stage: plain(
      isOneOf("draft", "sent", "done"),
      "draft",
      rule("forward-only", 1, furthest(["draft", "sent", "done"])),
    ),
    lead: plain(isText, "", rule("author-role", 1, higherRank)),
    mood: plain(isWhole, 0, rule("moody", 3, moody)),
  },
  boards: {
    name: plain(isText, ""),
    parent: reference(),
    labels: { takes: isSetChange(isText), settling: { by: "set", bias: "remove" }, preset: [], names: "nowhere" },
    tags: {
      takes: isSetChange(isOneOf("red", "green", "blue", "grey")),
      settling: { by: "set", bias: "add" },
      preset: [],
      names: "nowhere",
    },
    members: { takes: isSetChange(isId), settling: { by: "set", bias: "remove" }, preset: [], names: "elements" },
    steps: { takes: isListChange, settling: { by: "list" }, preset: [], names: "items" },
    votes: { takes: isAddition(Number.MIN_SAFE_INTEGER), settling: { by: "counter" }, preset: 0, names: "nowhere" },
    usage: { takes: isAddition(0), settling: { by: "counter" }, preset: 0, names: "nowhere" },
    grade: plain(isWhole, 0, held(GRADE_DUE_MS, "latest")),
  },
  /** What people may write of a review. */
  [REVIEWS]: {
    assignee: plain((value) => value === null || isText(value), null),
    note: plain((value) => value === null || isText(value), null),
    due: plain((value) => value === null || isWhole(value), null),
    onExpiry: plain(isOneOf("keep", "latest"), "keep"),
  },
};

/** The arguments of mutators that name entities, and how. */
const ARGUMENTS: Readonly<Record<string, Readonly<Record<string, Reading["names"]>>>> = {
  addValue: { mark: "value" },
  openCase: { note: "value" },
  gather: { boards: "elements" },
  stumble: { mark: "value" },
};

const NOTHING: Readonly<Record<string, Reading>> = {};

/** The fields of a collection that can be written; empty when there is no such collection. */
export function readings(collection: string): Readonly<Record<string, Reading>> {
  return READINGS[collection] ?? NOTHING;
}

export function reading(collection: string, field: string): Reading | undefined {
  const fields = readings(collection);
  return Object.hasOwn(fields, field) ? fields[field] : undefined;
}

export function isCollection(collection: string): boolean {
  return Object.hasOwn(READINGS, collection);
}

/** The values of the fields that a create leaves out. */
export function presets(collection: string): Readonly<Record<string, JsonValue>> {
  const entries = Object.entries(readings(collection)).flatMap(([name, { preset }]) =>
    preset === undefined ? [] : [[name, preset] as const],
  );
  return Object.fromEntries(entries);
}

/** Who makes the ids. */
export function hasServerIds(collection: string): boolean {
  return collection === "tasks" || collection === "boards";
}

export function onDelete(collection: string): "delete-wins" | "update-wins" | "review" {
  return collection === "cases" ? "review" : collection === "boards" ? "update-wins" : "delete-wins";
}

/** Whether its entities can come to review. */
export function isReviewable(collection: string): boolean {
  return collection === "cases" || collection === "boards";
}

// ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────────

type Rename = (id: string) => string;

/** What a mutation writes, with every entity that it names under another name. `of`: a collection, or a mutator. */
export function renamed(of: string, fields: Row, rename: Rename): Row {
  const entries = Object.entries(fields).map(([name, value]): [string, unknown] => {
    const where = ARGUMENTS[of]?.[name] ?? reading(of, name)?.names ?? "nowhere";
    return [name, renamedIn(where, value, rename)];
  });
  return Object.fromEntries(entries);
}

function renamedIn(where: Reading["names"], value: unknown, rename: Rename): unknown {
  const each = (list: unknown): unknown =>
    Array.isArray(list) ? list.map((item: unknown) => (typeof item === "string" ? rename(item) : item)) : list;
  if (typeof value !== "object" || value === null) {
    return where === "value" && typeof value === "string" ? rename(value) : value;
  }
  if (where === "elements") {
    if (Array.isArray(value)) return each(value);
    return Object.fromEntries(Object.entries(value).map(([name, list]) => [name, each(list)]));
  }
  if (where !== "items") return value;
  const linked = (item: unknown): unknown => {
    const link = typeof item === "object" && item !== null ? (item as { readonly link?: unknown }).link : undefined;
    return typeof link === "string" ? { ...(item as object), link: rename(link) } : item;
  };
  if (Array.isArray(value)) return value.map(linked);
  const { ops } = value as { readonly ops?: unknown };
  if (!Array.isArray(ops)) return value;
  return { ...value, ops: (ops as readonly unknown[][]).map((step) => step.map(linked)) };
}

/** Every entity that a mutation names in what it writes. */
export function namedIn(of: string, fields: Row): readonly string[] {
  const found: string[] = [];
  renamed(of, fields, (id) => {
    found.push(id);
    return id;
  });
  return found;
}

// ── rules ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * The read rule again, as a predicate. Who may read an entity may read its open reviews; closed ones, which no longer follow
 * it, are for those who may read all of its collection.
 */
export function mayRead(collection: string, row: Row, user: string, role: string): boolean {
  if (collection === REVIEWS) {
    const of = String(row["collection"]);
    return row["status"] === "open" ? mayRead(of, row["row"] as Row, user, role) : mayReadAll(of, role);
  }
  if (mayReadAll(collection, role)) return true;
  return row["visibility"] === "public" || (role === "member" && row["owner"] === user);
}

function mayReadAll(collection: string, role: string): boolean {
  return (collection !== "notes" && collection !== "cases") || role === "admin";
}

/** The write rule again: why it refuses, or `null`. */
export function writeRefusal(
  collection: string,
  before: Row | null,
  after: Row | null,
): "forbidden" | "rule-failed" | null {
  if (after === null) return null;
  switch (collection) {
    case "notes":
      if (after["title"] === EXPLODING_TITLE) return "rule-failed";
      return after["title"] === FORBIDDEN_TITLE ? "forbidden" : null;
    case "tasks":
      return before?.["state"] === "closed" && after["state"] !== "closed" ? "forbidden" : null;
    case "cases":
      return after["price"] === FORBIDDEN_PRICE ? "forbidden" : null;
    case "boards":
      return Number(after["votes"]) < FEWEST_VOTES ? "forbidden" : null;
    default:
      return null;
  }
}

/** Why somebody may not decide a review, or write on it. */
export function reviewRefusal(review: Row, role: string): "forbidden" | "rule-failed" | null {
  if (review["collection"] !== "cases") return null;
  if (review["note"] === EXPLODING_NOTE) return "rule-failed";
  return role === "guest" ? "forbidden" : null;
}

// ── filters ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Filters that devices subscribe to; rows move in and out of them as fields change. */
export const FILTERS: Readonly<Record<string, readonly Filter[]>> = {
  notes: [
    {},
    { done: false },
    { priority: { gte: 2 } },
    { or: [{ done: true }, { priority: { lt: 1 } }] },
    { visibility: "private" },
  ],
  tasks: [{}, { state: { in: ["open", "doing"] } }, { state: "closed" }, { not: { points: { gt: 3 } } }],
  marks: [{}, { value: { gt: 0 } }, { value: { ne: 0 } }],
  cases: [{}, {}, { visibility: "private" }, { stage: { in: ["draft", "sent"] } }, { price: { gt: 3 } }],
  boards: [{}, {}, { votes: { gt: 1 } }, { labels: { contains: "bug" } }],
  [REVIEWS]: [{}, {}, { status: "open" }, { collection: "cases" }, { assignee: { ne: null } }],
};

/** A naive reading of a filter. */
export function matchesFilter(filter: Filter, id: string, row: Row): boolean {
  return Object.entries(filter).every(([name, condition]) => {
    if (name === "and") return (condition as readonly Filter[]).every((part) => matchesFilter(part, id, row));
    if (name === "or") return (condition as readonly Filter[]).some((part) => matchesFilter(part, id, row));
    if (name === "not") return !matchesFilter(condition as Filter, id, row);
    const value = name === "id" ? id : row[name];
    if (typeof condition !== "object" || condition === null) return value === condition;
    return Object.entries(condition).every(([operator, operand]) => compares(operator, value, operand));
  });
}

function compares(operator: string, value: unknown, operand: unknown): boolean {
  if (operator === "eq") return value === operand;
  if (operator === "ne") return value !== operand;
  if (operator === "in") return (operand as readonly unknown[]).includes(value);
  if (operator === "contains") return Array.isArray(value) && value.includes(operand);
  if (typeof value !== typeof operand || (typeof value !== "number" && typeof value !== "string")) return false;
  const [left, right] = [value, operand as typeof value];
  if (operator === "gt") return left > right;
  if (operator === "gte") return left >= right;
  return operator === "lt" ? left < right : left <= right;
}
