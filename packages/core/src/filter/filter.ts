/**
 * Filters: which entities of a collection somebody wants, or may see. Plain data, so that it travels, is compared and is
 * compiled once; the same code answers on device and server.
 *
 *     { done: false, priority: { gte: 2 }, or: [{ assignee: "ana" }, { assignee: null }] }
 *
 * All conditions must hold. `contains` asks a set for an element. `null` equals only `null` and is neither less nor greater than anything. Order is by number
 * or by UTF-16 code unit; values of different types are never ordered.
 */
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, jsonProblem, sameJson } from "../base/json.ts";
import { MAX_FILTER_CONDITIONS, MAX_FILTER_VALUES, MAX_VALUE_DEPTH } from "../limits.ts";

export type Scalar = string | number | boolean | null;
export interface Comparison {
  readonly eq?: Scalar;
  readonly ne?: Scalar;
  readonly in?: readonly Scalar[];
  readonly gt?: string | number;
  readonly gte?: string | number;
  readonly lt?: string | number;
  readonly lte?: string | number;
  /** Whether a set has this element. */
  readonly contains?: string | number;
}
/** `{}` is everything. `id` can be filtered like a field. */
export interface Filter {
  readonly [field: string]: Scalar | Comparison | readonly Filter[] | Filter | undefined;
}

/** Answers for one entity: its id, and its values in the order of the columns that the filter was compiled for. */
export type Matcher = (id: string, values: readonly JsonValue[]) => boolean;

export const EVERYTHING: Filter = {};
/** Matches nothing: an empty list of alternatives. */
export const NOTHING: Filter = { or: [] };

const OPERATORS = new Set(["eq", "ne", "in", "gt", "gte", "lt", "lte", "contains"]);

/**
 * Checks a filter from outside against the fields of its collection.
 * @returns why it is refused, in words; `null` when it can be used
 */
export function filterProblem(filter: unknown, fields: ReadonlySet<string>): string | null {
  if (jsonProblem(filter, MAX_VALUE_DEPTH) !== null) return "a filter is plain JSON";
  let conditions = 0;
  const visit = (part: unknown): string | null => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return "a filter is an object";
    const entries = Object.entries(part as JsonObject);
    // An empty part costs as much as one with a condition, so it counts like one.
    conditions += Math.max(1, entries.length);
    if (conditions > MAX_FILTER_CONDITIONS) return `a filter has at most ${MAX_FILTER_CONDITIONS} conditions`;
    for (const [name, condition] of entries) {
      if (name === "and" || name === "or") {
        if (!Array.isArray(condition)) return `${name} takes a list of filters`;
        for (const item of condition) {
          const problem = visit(item);
          if (problem !== null) return problem;
        }
      } else if (name === "not") {
        const problem = visit(condition);
        if (problem !== null) return problem;
      } else {
        if (name !== "id" && !fields.has(name)) return `there is no field called ${JSON.stringify(name)}`;
        const problem = comparisonProblem(name, condition);
        if (problem !== null) return problem;
      }
    }
    return null;
  };
  return visit(filter);
}

function comparisonProblem(name: string, condition: JsonValue): string | null {
  if (isScalar(condition)) return null;
  if (Array.isArray(condition)) return `${name} takes a value or a comparison; a list goes into { "in": [...] }`;
  for (const [operator, operand] of Object.entries(condition as JsonObject)) {
    if (!OPERATORS.has(operator)) {
      return `${JSON.stringify(operator)} is not a comparison (${[...OPERATORS].join(", ")})`;
    }
    if (operator === "in") {
      if (!Array.isArray(operand) || operand.length > MAX_FILTER_VALUES || !operand.every(isScalar)) {
        return `in takes a list of at most ${MAX_FILTER_VALUES} values`;
      }
    } else if (operator === "eq" || operator === "ne") {
      if (!isScalar(operand)) return `${operator} takes one value`;
    } else if (typeof operand !== "string" && typeof operand !== "number") {
      return `${operator} takes a number or text`;
    }
  }
  return null;
}

function isScalar(value: unknown): value is Scalar {
  return value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** One text per meaning that is written the same way; equal filters share a subscription. */
export function filterKey(filter: Filter): string {
  return canonicalJson(filter as JsonObject);
}

/** Whether a filter is `{}`. */
export function isEverything(filter: Filter): boolean {
  return Object.values(filter).every((condition) => condition === undefined);
}

/** Both must hold. */
export function bothFilters(left: Filter, right: Filter): Filter {
  if (isEverything(left)) return right;
  if (isEverything(right)) return left;
  return { and: [left, right] };
}

/** Makes a matcher for rows whose values stand in the order of `columns`. The filter must have passed `filterProblem`. */
export function compileFilter(filter: Filter, columns: readonly string[]): Matcher {
  const tests: Matcher[] = [];
  for (const [name, condition] of Object.entries(filter)) {
    if (condition === undefined) continue;
    if (name === "and") {
      tests.push(...(condition as readonly Filter[]).map((part) => compileFilter(part, columns)));
    } else if (name === "or") {
      const parts = (condition as readonly Filter[]).map((part) => compileFilter(part, columns));
      tests.push((id, values) => parts.some((part) => part(id, values)));
    } else if (name === "not") {
      const part = compileFilter(condition as Filter, columns);
      tests.push((id, values) => !part(id, values));
    } else {
      tests.push(compileCondition(readerOf(name, columns), condition as Scalar | Comparison));
    }
  }
  const [first, second] = tests;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  return (id, values) => tests.every((test) => test(id, values));
}

type Reader = (id: string, values: readonly JsonValue[]) => JsonValue;

/**
 * A field that is not among the columns has no value yet: null. `column/member` reads within a column that holds objects;
 * `filterProblem` lets no such name in from outside, because no field can be called so.
 */
function readerOf(name: string, columns: readonly string[]): Reader {
  if (name === "id") return (id) => id;
  const [column = "", member] = name.split("/");
  const index = columns.indexOf(column);
  if (index < 0) return () => null;
  if (member === undefined) return (_id, values) => values[index] ?? null;
  return (_id, values) => {
    const object = values[index];
    return isJsonObject(object) && Object.hasOwn(object, member) ? (object[member] ?? null) : null;
  };
}

/** The same conditions about the members of a column that holds objects. */
export function withinColumn(filter: Filter, column: string): Filter {
  return Object.fromEntries(
    Object.entries(filter).map(([name, condition]): [string, Filter[string]] => {
      if (name === "and" || name === "or")
        return [name, (condition as readonly Filter[]).map((part) => withinColumn(part, column))];
      if (name === "not") return [name, withinColumn(condition as Filter, column)];
      return [`${column}/${name}`, condition];
    }),
  );
}

function compileCondition(read: Reader, condition: Scalar | Comparison): Matcher {
  if (isScalar(condition)) return (id, values) => read(id, values) === condition;
  const tests: Array<(value: JsonValue) => boolean> = [];
  for (const [operator, operand] of Object.entries(condition) as Array<[keyof Comparison, JsonValue]>) {
    tests.push(compareWith(operator, operand));
  }
  return (id, values) => {
    const value = read(id, values);
    return tests.every((test) => test(value));
  };
}

function compareWith(operator: keyof Comparison, operand: JsonValue): (value: JsonValue) => boolean {
  switch (operator) {
    case "eq":
      return (value) => sameJson(value, operand);
    case "ne":
      return (value) => !sameJson(value, operand);
    case "in": {
      const allowed = new Set<JsonValue>(operand as readonly Scalar[]);
      return (value) => allowed.has(value);
    }
    case "contains":
      return (value) => Array.isArray(value) && value.includes(operand);
    case "gt":
      return (value) => typeof value === typeof operand && (value as number) > (operand as number);
    case "gte":
      return (value) => typeof value === typeof operand && (value as number) >= (operand as number);
    case "lt":
      return (value) => typeof value === typeof operand && (value as number) < (operand as number);
    case "lte":
      return (value) => typeof value === typeof operand && (value as number) <= (operand as number);
  }
}
