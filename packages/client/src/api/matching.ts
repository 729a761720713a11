/** How a query's description is applied to entities: which match, and which comes first. */
import { canonicalJson, compileFilter, type Filter, type JsonValue } from "@tidelock/core";
import type { CompareViews } from "./ordered-views.ts";
import type { Order } from "./query.ts";
import type { EntityView } from "./replica-view.ts";

/** Whether an entity matches a filter that has passed `filterProblem`. */
export function matcherOf(filter: Filter): (view: EntityView) => boolean {
  const fields = [...fieldsOf(filter)];
  const matches = compileFilter(filter, fields);
  // The matcher reads the values at once and keeps nothing, so that one list serves every call.
  const values: JsonValue[] = fields.map(() => null);
  return (view) => {
    for (let index = 0; index < fields.length; index++) values[index] = view[fields[index] ?? ""] ?? null;
    return matches(view.id, values);
  };
}

/** The fields that a filter reads; the id is not one. */
function fieldsOf(filter: Filter, found: Set<string> = new Set()): Set<string> {
  for (const [name, condition] of Object.entries(filter)) {
    if (name === "and" || name === "or") for (const part of condition as readonly Filter[]) fieldsOf(part, found);
    else if (name === "not") fieldsOf(condition as Filter, found);
    else if (name !== "id") found.add(name);
  }
  return found;
}

/** An order in which no two entities are equal: by the given fields, then by id. */
export function comparatorOf(orders: readonly Order[]): CompareViews {
  return (left, right) => {
    for (const { field, direction } of orders) {
      const result = compareValues(left[field] ?? null, right[field] ?? null);
      if (result !== 0) return direction === "asc" ? result : -result;
    }
    return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
  };
}

/** `null`, then `false`, `true`, numbers, text by UTF-16 code unit, and everything else by its canonical JSON. */
export function compareValues(left: JsonValue, right: JsonValue): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left === "string" && typeof right === "string") return left < right ? -1 : left > right ? 1 : 0;
  const difference = rank(left) - rank(right);
  if (difference !== 0) return difference;
  if (typeof left !== "object" || left === null) return 0;
  const leftText = canonicalJson(left);
  const rightText = canonicalJson(right);
  return leftText < rightText ? -1 : leftText > rightText ? 1 : 0;
}

function rank(value: JsonValue): number {
  if (value === null) return 0;
  if (value === false) return 1;
  if (value === true) return 2;
  return typeof value === "number" ? 3 : typeof value === "string" ? 4 : 5;
}
