/**
 * Shapes: one declaration per message part, from which come its check for untrusted input, its JSON Schema (for OpenAPI
 * and AsyncAPI) and the fingerprint that notices every change of the wire. A check answers with a problem in words or
 * with `null`; it never throws, copies nothing, and passes unknown members over, so that newer peers may add some.
 */
import { type JsonObject, type JsonValue, jsonProblem } from "../base/json.ts";
import { MAX_SPOKEN_DEPTH, MAX_VALUE_DEPTH } from "../limits.ts";

export interface Shape<Value> {
  /** Why `value` does not have this shape, starting with where; `null` when it has. */
  "problem"(value: unknown, where: string): string | null;
  readonly "jsonSchema": JsonObject;
  /** A member of an object that may be left out. */
  readonly "omissible": boolean;
  readonly "~value"?: Value;
}

function make<Value>(
  jsonSchema: JsonObject,
  problem: (value: unknown, where: string) => string | null,
  omissible: boolean = false,
): Shape<Value> {
  return { problem, jsonSchema, omissible };
}

export function literal<const Word extends string | number | boolean>(word: Word): Shape<Word> {
  return make({ const: word }, (value, where) => (value === word ? null : `${where} must be ${JSON.stringify(word)}`));
}

/** One of a few words. */
export function oneWordOf<const Word extends string>(words: readonly Word[]): Shape<Word> {
  const known: ReadonlySet<unknown> = new Set(words);
  return make({ enum: [...words] }, (value, where) =>
    known.has(value) ? null : `${where} must be one of ${words.join(", ")}`,
  );
}

/** Well-formed text of at most `maxLength` UTF-16 units. */
export function text(maxLength: number): Shape<string> {
  return make({ type: "string", maxLength }, (value, where) => {
    if (typeof value !== "string") return `${where} must be text`;
    if (value.length > maxLength) return `${where} must have at most ${maxLength} characters`;
    return value.isWellFormed() ? null : `${where} must be well-formed text`;
  });
}

/** Text that a parser of ids accepts. */
export function parsed<Id extends string>(parse: (text: unknown) => Id | null, what: string): Shape<Id> {
  return make({ type: "string", description: what }, (value, where) =>
    parse(value) === null ? `${where} must be ${what}` : null,
  );
}

/** A whole number in [min, max]. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return make({ type: "integer", minimum: min, maximum: max }, (value, where) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? null
      : `${where} must be a whole number from ${min} to ${max}`,
  );
}

export const boolean: Shape<boolean> = make({ type: "boolean" }, (value, where) =>
  typeof value === "boolean" ? null : `${where} must be true or false`,
);

/** Any JSON value within the depth limit. */
export const json: Shape<JsonValue> = jsonWithin(MAX_VALUE_DEPTH);
/** Values as a server speaks of them: some levels may stand around one. */
export const spokenJson: Shape<JsonValue> = jsonWithin(MAX_SPOKEN_DEPTH);

function jsonWithin(depth: number): Shape<JsonValue> {
  return make({}, (value, where) => {
    const problem = jsonProblem(value, depth);
    return problem === null ? null : `${where} must be plain JSON (${problem})`;
  });
}

export function nullable<Value>(shape: Shape<Value>): Shape<Value | null> {
  return make({ anyOf: [shape.jsonSchema, { type: "null" }] }, (value, where) =>
    value === null ? null : shape.problem(value, where),
  );
}

/** A member that may be left out. */
export function optional<Value>(shape: Shape<Value>): Shape<Value | undefined> {
  return make(shape.jsonSchema, (value, where) => (value === undefined ? null : shape.problem(value, where)), true);
}

export function list<Value>(shape: Shape<Value>, maxItems: number): Shape<readonly Value[]> {
  return make({ type: "array", items: shape.jsonSchema, maxItems }, (value, where) => {
    if (!Array.isArray(value)) return `${where} must be a list`;
    if (value.length > maxItems) return `${where} must have at most ${maxItems} items`;
    for (let index = 0; index < value.length; index++) {
      const problem = shape.problem(value[index], `${where}[${index}]`);
      if (problem !== null) return problem;
    }
    return null;
  });
}

/** An object used as a dictionary. Its keys are data: read it with `Object.entries`, never by a name from outside. */
export function dictionary<Value>(shape: Shape<Value>, maxKeys: number): Shape<Readonly<Record<string, Value>>> {
  return make({ type: "object", additionalProperties: shape.jsonSchema, maxProperties: maxKeys }, (value, where) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return `${where} must be an object`;
    const entries = Object.entries(value);
    if (entries.length > maxKeys) return `${where} must have at most ${maxKeys} members`;
    for (const [key, item] of entries) {
      if (key === "__proto__") return `${where} must not have a member called __proto__`;
      if (!key.isWellFormed()) return `${where} must have members with well-formed names`;
      const problem = shape.problem(item, `${where}.${key}`);
      if (problem !== null) return problem;
    }
    return null;
  });
}

/** A list of fixed positions; the last `omissible` ones may be missing. */
export function tuple<Values extends readonly unknown[]>(
  ...shapes: { readonly [Index in keyof Values]: Shape<Values[Index]> }
): Shape<Values> {
  const parts: ReadonlyArray<Shape<unknown>> = shapes;
  const required = parts.filter((shape) => !shape.omissible).length;
  return make(
    { type: "array", prefixItems: parts.map((shape) => shape.jsonSchema), minItems: required, maxItems: parts.length },
    (value, where) => {
      if (!Array.isArray(value) || value.length < required || value.length > parts.length) {
        return `${where} must be a list of ${required === parts.length ? required : `${required} to ${parts.length}`} items`;
      }
      for (let index = 0; index < parts.length; index++) {
        const problem = parts[index]?.problem(value[index], `${where}[${index}]`) ?? null;
        if (problem !== null) return problem;
      }
      return null;
    },
  );
}

/** An object with known members. */
export function object<Value extends object>(members: {
  readonly [Key in keyof Value]-?: Shape<Value[Key]>;
}): Shape<Value> {
  const entries = Object.entries(members) as Array<[string, Shape<unknown>]>;
  return make(
    {
      type: "object",
      properties: Object.fromEntries(entries.map(([name, shape]) => [name, shape.jsonSchema])),
      required: entries.filter(([, shape]) => !shape.omissible).map(([name]) => name),
    },
    (value, where) => {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return `${where} must be an object`;
      if (Object.hasOwn(value, "__proto__")) return `${where || "a message"} must not have a member called __proto__`;
      for (const [name, shape] of entries) {
        const member: unknown = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
        const problem = shape.problem(member, where === "" ? name : `${where}.${name}`);
        if (problem !== null) return problem;
      }
      return null;
    },
  );
}

/** One of several objects told apart by their member `type`. */
export function union<Value extends { readonly type: string }>(members: {
  readonly [Type in Value["type"]]: Shape<Extract<Value, { readonly type: Type }>>;
}): Shape<Value> {
  const byType = new Map<unknown, Shape<unknown>>(Object.entries(members));
  return make(
    { oneOf: [...byType.values()].map((shape) => shape.jsonSchema), discriminator: { propertyName: "type" } },
    (value, where) => {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, "type")) {
        return `${where === "" ? "a message" : where} must be an object with a type`;
      }
      const shape = byType.get((value as { type: unknown }).type);
      if (shape === undefined) return `type must be one of ${[...byType.keys()].join(", ")}`;
      return shape.problem(value, where);
    },
  );
}
