/**
 * What a mutation does to an entity as people see it: the device's optimistic view, and what a mutator reads of its own
 * writes. The server's merge of concurrent changes is in `resolve/`.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { counterChangeProblem } from "../crdt/counter.ts";
import { applySetChange, type SetChange, setChangeProblem } from "../crdt/element-set.ts";
import { applyListChange, type ListChange, listChangeProblem } from "../crdt/list-change.ts";
import { elementProblem, type FieldSchema, fieldProblem, propertyProblem } from "../schema/field.ts";
import type { CollectionSchema } from "../schema/collection-schema.ts";
import type { FieldValues } from "./mutation.ts";

/** Why something cannot be written to a field, as words that follow its name; `null` when it can. */
export function changeProblem(field: FieldSchema, change: unknown): string | null {
  switch (field.type) {
    case "set":
      return setChangeProblem(change, (element) => elementProblem(field, element));
    case "list":
      return listChangeProblem(change, (properties, kind) => itemProblem(field, properties, kind === "insert"));
    case "counter":
      return counterChangeProblem(change, field.policy.kind === "counter" && field.policy.grows);
    default:
      return fieldProblem(field, change);
  }
}

/** @param isWhole whether what is not named is missing */
function itemProblem(list: FieldSchema, properties: JsonObject, isWhole: boolean): string | null {
  for (const [name, value] of Object.entries(properties)) {
    const problem = propertyProblem(list, name, value);
    if (problem !== null) return problem;
  }
  const missing = list.item.find((known) => known.default === undefined && !Object.hasOwn(properties, known.name));
  return isWhole && missing !== undefined ? `has an item without ${missing.name}` : null;
}

/** A change as it is written: new items of a list have the defaults of what is not given. */
export function completeChange(field: FieldSchema, change: JsonValue): JsonValue {
  if (field.type !== "list") return change;
  const whole = (properties: JsonObject): JsonObject => {
    const missing = field.item.filter(
      ({ name, default: preset }) => preset !== undefined && !Object.hasOwn(properties, name),
    );
    if (missing.length === 0) return properties;
    return { ...properties, ...Object.fromEntries(missing.map(({ name, default: preset }) => [name, preset ?? null])) };
  };
  if (Array.isArray(change)) return change.map((item: JsonValue) => (isJsonObject(item) ? whole(item) : item));
  const ops = isJsonObject(change) ? change["ops"] : undefined;
  if (!Array.isArray(ops)) return change;
  const steps: readonly JsonValue[] = ops;
  return {
    ops: steps.map((step) => {
      if (!Array.isArray(step) || step[0] !== "insert") return step;
      const properties: JsonValue | undefined = step[3];
      return isJsonObject(properties) ? [...step.slice(0, 3), whole(properties)] : step;
    }),
  };
}

/** The value that a field has after a write that `changeProblem` accepts. */
export function applyChange(field: FieldSchema, value: JsonValue, change: JsonValue): JsonValue {
  switch (field.type) {
    // `changeProblem` has accepted the changes.
    case "set":
      return applySetChange(value, change as SetChange);
    case "list":
      return applyListChange(value, change as ListChange);
    case "counter":
      return typeof value === "number" ? value + addend(change) : addend(change);
    default:
      return change;
  }
}

function addend(change: JsonValue): number {
  const add = typeof change === "object" && change !== null && "add" in change ? change["add"] : 0;
  return typeof add === "number" ? add : 0;
}

/** An entity as an application reads it: its id and its fields. `null`: there is none. */
export type EntityValues = Record<string, JsonValue>;

/** The entity after a mutation of it. `entity` is changed in place where there is one. */
export function applyMutation(
  schema: CollectionSchema,
  id: string,
  entity: EntityValues | null,
  mutation: { readonly operation: string; readonly fields: FieldValues },
): EntityValues | null {
  const { operation, fields } = mutation;
  if (operation === "delete") return null;
  if (operation !== "create" && entity === null) return null;
  const next: EntityValues = entity ?? { id };
  for (const field of schema.fields) {
    const known = entity === null ? (field.default ?? null) : (next[field.name] ?? null);
    if (Object.hasOwn(fields, field.name)) next[field.name] = applyChange(field, known, fields[field.name] ?? null);
    else if (entity === null) next[field.name] = known;
  }
  return next;
}
