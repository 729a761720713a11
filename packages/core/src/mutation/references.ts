/**
 * References: the ids of other entities within what a mutation writes, wherever a schema says that there may be one: in a
 * reference field, among the elements of a set, in the properties of a list's items. Temporary ids among them must become
 * final ones, on the device and on the server.
 */
import { isJsonObject, type JsonValue } from "../base/json.ts";
import { type EntityId, parseEntityId } from "../ids.ts";
import type { FieldSchema } from "../schema/field.ts";
import type { FieldValues } from "./mutation.ts";

/** Whether a field's values can name other entities. */
export function holdsReferences(field: FieldSchema): boolean {
  return field.type === "reference" || field.element?.type === "reference" || field.item.some(holdsReferences);
}

/** The ids that values name. `fields` are those that can hold references; values are checked or hostile. */
export function* referencesIn(fields: readonly FieldSchema[], values: FieldValues): Iterable<EntityId> {
  const found: EntityId[] = [];
  const note = (id: EntityId): EntityId => {
    found.push(id);
    return id;
  };
  for (const field of fields) {
    if (!Object.hasOwn(values, field.name)) continue;
    mapped(field, values[field.name] ?? null, note);
    yield* found;
    found.length = 0;
  }
}

/** The values with other ids in place of those they name; the same object when nothing is replaced. */
export function mapReferences(
  fields: readonly FieldSchema[],
  values: FieldValues,
  replace: (id: EntityId) => EntityId,
): FieldValues {
  const changed: Array<[string, JsonValue]> = [];
  for (const field of fields) {
    if (!Object.hasOwn(values, field.name)) continue;
    const value = values[field.name] ?? null;
    const next = mapped(field, value, replace);
    if (next !== value) changed.push([field.name, next]);
  }
  return changed.length === 0 ? values : { ...values, ...Object.fromEntries(changed) };
}

type Replace = (id: EntityId) => EntityId;

/** The same value when nothing in it is replaced. */
function mapped(field: FieldSchema, value: JsonValue, replace: Replace): JsonValue {
  if (field.type === "reference") return replacedId(value, replace);
  if (field.type === "set" && field.element?.type === "reference") {
    if (Array.isArray(value)) return mappedList(value, (element) => replacedId(element, replace));
    return isJsonObject(value) ? mappedMembers(value, (list) => replacedIds(list, replace)) : value;
  }
  if (field.type === "list") {
    if (Array.isArray(value)) return mappedList(value, (item) => mappedProperties(field, item, replace));
    if (!isJsonObject(value)) return value;
    return mappedMembers(value, (steps) =>
      Array.isArray(steps) ? mappedList(steps, (step) => mappedStep(field, step, replace)) : steps,
    );
  }
  return value;
}

function replacedId(value: JsonValue, replace: Replace): JsonValue {
  const id = parseEntityId(value);
  return id === null ? value : replace(id);
}

function replacedIds(value: JsonValue, replace: Replace): JsonValue {
  return Array.isArray(value) ? mappedList(value, (element) => replacedId(element, replace)) : value;
}

/** A list's step: its properties, if it has any, stand last. */
function mappedStep(field: FieldSchema, step: JsonValue, replace: Replace): JsonValue {
  if (!Array.isArray(step)) return step;
  return mappedList(step, (part) => mappedProperties(field, part, replace));
}

function mappedProperties(field: FieldSchema, item: JsonValue, replace: Replace): JsonValue {
  if (!isJsonObject(item)) return item;
  return mapReferences(field.item.filter(holdsReferences), item, replace);
}

function mappedList(list: readonly JsonValue[], change: (item: JsonValue) => JsonValue): readonly JsonValue[] {
  const next = list.map(change);
  return next.some((item, index) => item !== list[index]) ? next : list;
}

function mappedMembers(object: FieldValues, change: (member: JsonValue) => JsonValue): FieldValues {
  const entries = Object.entries(object);
  const next = entries.map(([name, member]): [string, JsonValue] => [name, change(member)]);
  return next.some(([, member], index) => member !== entries[index]?.[1]) ? Object.fromEntries(next) : object;
}
