/** Fields from their declarations, and what of a field matters on the wire. */
import type { JsonValue } from "../base/json.ts";
import { TidelockError } from "../errors.ts";
import type { Step } from "./evolution.ts";
import { type Fields, type FieldSchema, fieldProblem, isFieldName } from "./field.ts";

/** A field from its declaration. Throws `schema-invalid` for a name that cannot be, or a default that does not fit. */
export function buildField(collection: string, name: string, declared: Fields[string]): FieldSchema {
  if (!isFieldName(name)) throw invalid(`${collection} cannot have a field called ${JSON.stringify(name)}`);
  const built: FieldSchema = { name, ...declared.definition };
  const problem = built.default === undefined ? null : fieldProblem(built, built.default);
  if (problem !== null) throw invalid(`the default of ${collection}.${name} ${problem}`);
  for (const { name: property, type } of built.item) {
    if (!isFieldName(property))
      throw invalid(`items of ${collection}.${name} cannot have a ${JSON.stringify(property)}`);
    if (["set", "list", "counter"].includes(type)) throw invalid(`${collection}.${name} has a ${type} in its items`);
  }
  return built;
}

/** Everything of a field that matters on the wire. */
export function shapeOf(part: FieldSchema): JsonValue {
  const { policy } = part;
  return [
    part.name,
    part.type,
    part.optional,
    policy.kind === "resolve" ? [policy.rule.name, policy.rule.version] : { ...policy },
    [...part.values],
    part.collection,
    part.default ?? null,
    part.element === null ? null : shapeOf(part.element),
    part.item.map(shapeOf),
  ];
}

/** Everything of a step that matters on the wire; the functions cannot be compared. */
export function shapeOfStep({ version, lenses, removed, added }: Step): JsonValue {
  return [
    version,
    lenses.map(({ from, to }) => [from.map(shapeOf), to.map(shapeOf)]),
    removed.map(shapeOf),
    added.map(({ field }) => shapeOf(field)),
  ];
}

export function invalid(reason: string): TidelockError {
  return new TidelockError("schema-invalid", reason);
}
