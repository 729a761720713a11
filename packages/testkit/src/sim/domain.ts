/**
 * The application that the simulated devices share: its schema, and its rules twice: as the server is given them, and as
 * plain predicates that the reference model judges by. The two are written apart on purpose.
 */
import {
  collection,
  defineSchema,
  field,
  type Filter,
  type JsonObject,
  type Operation,
  type Schema,
} from "@tidelock/core";
import type { Rules } from "@tidelock/server/engine";

export const schema: Schema = defineSchema({
  version: 1,
  collections: {
    /** Clients make the ids; read rule; write rule that refuses and throws. */
    notes: collection({
      title: field.string(),
      body: field.string().default(""),
      priority: field.integer().default(0),
      done: field.boolean().default(false),
      owner: field.string(),
      visibility: field.enum(["public", "private"]).default("public"),
      extra: field.json().optional(),
    }),
    /** The server assigns the ids; references; a state that only moves forward. */
    tasks: collection(
      {
        title: field.string(),
        state: field.enum(["open", "doing", "closed"]).default("open"),
        points: field.number().default(0),
        note: field.reference("notes").optional(),
        parent: field.reference("tasks").optional(),
      },
      { ids: "server" },
    ),
    /** Open to everyone: the accounts that transactions move values between. */
    marks: collection({ value: field.integer().default(0), token: field.string().default("") }),
  },
});

export const COLLECTIONS = ["notes", "tasks", "marks"] as const;
export type CollectionName = (typeof COLLECTIONS)[number];

export type Role = "admin" | "member" | "guest";
export const ROLES: readonly Role[] = ["admin", "member", "guest"];

/** Titles that the write rule of notes does not take. */
export const FORBIDDEN_TITLE = "forbidden";
export const EXPLODING_TITLE = "explode";

/** The rules as the server is given them. */
export const rules: Rules = {
  notes: {
    read: ({ user, claims }) => {
      if (claims["role"] === "admin") return true;
      if (claims["role"] === "guest") return { visibility: "public" };
      return { or: [{ visibility: "public" }, { owner: user }] };
    },
    write: (_context, { after }) => {
      if (after?.["title"] === EXPLODING_TITLE) throw new Error("the rule fell over");
      return after?.["title"] === FORBIDDEN_TITLE ? "such titles are not allowed" : true;
    },
  },
  tasks: {
    write: (_context, { before, after }) =>
      before?.["state"] !== "closed" || after === null || after["state"] === "closed" || "closed stays closed",
  },
};

/** What an entity's fields are, by name. */
export type Row = Readonly<Record<string, unknown>>;

/** The read rule again, as a predicate. */
export function mayRead(name: string, row: Row, user: string, role: Role): boolean {
  if (name !== "notes" || role === "admin") return true;
  return row["visibility"] === "public" || (role === "member" && row["owner"] === user);
}

/** The write rule again: why it refuses, or `null`. */
export function writeRefusal(
  name: string,
  _operation: Operation,
  before: Row | null,
  after: Row | null,
): "forbidden" | "rule-failed" | null {
  if (name === "notes" && after !== null) {
    if (after["title"] === EXPLODING_TITLE) return "rule-failed";
    if (after["title"] === FORBIDDEN_TITLE) return "forbidden";
  }
  if (name === "tasks" && before?.["state"] === "closed" && after !== null && after["state"] !== "closed") {
    return "forbidden";
  }
  return null;
}

/** Why a value cannot be stored in a field, by a reading of the schema above that shares nothing with the engine's. */
export function isStorable(name: string, fieldName: string, value: unknown): boolean {
  switch (`${name}.${fieldName}`) {
    case "notes.title":
    case "notes.body":
    case "notes.owner":
    case "tasks.title":
    case "marks.token":
      return typeof value === "string" && value.isWellFormed();
    case "notes.priority":
    case "marks.value":
      return Number.isSafeInteger(value);
    case "tasks.points":
      return typeof value === "number" && Number.isFinite(value);
    case "notes.done":
      return typeof value === "boolean";
    case "notes.visibility":
      return value === "public" || value === "private";
    case "tasks.state":
      return value === "open" || value === "doing" || value === "closed";
    case "tasks.note":
    case "tasks.parent":
      return value === null || (typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/.test(value));
    case "notes.extra":
      return value !== undefined;
    default:
      return false;
  }
}

/** Values of the fields that a create leaves out; a field that is missing here must be given. */
export const DEFAULTS: Readonly<Record<string, JsonObject>> = {
  notes: { body: "", priority: 0, done: false, visibility: "public", extra: null },
  tasks: { state: "open", points: 0, note: null, parent: null },
  marks: { value: 0, token: "" },
};
export const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  notes: ["title", "owner"],
  tasks: ["title"],
  marks: [],
};
export const REFERENCES: Readonly<Record<string, readonly string[]>> = {
  notes: [],
  tasks: ["note", "parent"],
  marks: [],
};

/** Filters that devices subscribe to; rows move in and out of them as fields change. */
export const FILTERS: Readonly<Record<CollectionName, readonly Filter[]>> = {
  notes: [
    {},
    { done: false },
    { priority: { gte: 2 } },
    { or: [{ done: true }, { priority: { lt: 1 } }] },
    { visibility: "private" },
  ],
  tasks: [{}, { state: { in: ["open", "doing"] } }, { state: "closed" }, { not: { points: { gt: 3 } } }],
  marks: [{}, { value: { gt: 0 } }, { value: { ne: 0 } }],
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
  if (typeof value !== typeof operand || (typeof value !== "number" && typeof value !== "string")) return false;
  const [left, right] = [value, operand as typeof value];
  if (operator === "gt") return left > right;
  if (operator === "gte") return left >= right;
  return operator === "lt" ? left < right : left <= right;
}
