/**
 * Fields: the type of a property, its default, its check, and the policy that settles concurrent writes to it.
 * A field's value is JSON; a missing optional value is `null`.
 */
import { type JsonValue, jsonProblem } from "../base/json.ts";
import type { CounterChange, ListChange, SetChange } from "../crdt/change.ts";
import { TidelockError } from "../errors.ts";
import { isName, type Millis, parseEntityId } from "../ids.ts";
import { MAX_ELEMENTS, MAX_VALUE_DEPTH } from "../limits.ts";
import type { Rule } from "../resolve/rule.ts";
import type { StandardSchema } from "./standard-schema.ts";

export type FieldType =
  | "string"
  | "number"
  | "integer"
  | "boolean"
  | "timestamp"
  | "json"
  | "enum"
  | "reference"
  | "set"
  | "list"
  | "counter";

/**
 * How concurrent writes to one field are settled.
 * - `lww`: the greatest hybrid-clock stamp wins, ties by device id
 * - `set`, `list`, `counter`: both sides' changes are merged; only opposite changes of one element or item are settled
 * - `resolve`: a rule of the application decides
 * - `review`: a person decides; until then the field keeps what it has and every candidate is held
 */
export type Policy =
  | { readonly kind: "lww" }
  | { readonly kind: "set"; readonly bias: SetBias }
  | { readonly kind: "list" }
  | { readonly kind: "counter"; readonly grows: boolean }
  | { readonly kind: "resolve"; readonly rule: Rule }
  | ({ readonly kind: "review" } & ReviewTerms);

/** Whether an element is in a set when it was added and removed at exactly the same time. */
export type SetBias = "add" | "remove";

/** What holds for a review unless a person says otherwise. */
export interface ReviewTerms {
  /** How long a person has, milliseconds; `null`: as long as it takes. */
  readonly dueAfterMs: Millis | null;
  /** What happens when the time is up: the field keeps what it has, or takes the candidate that was written last. */
  readonly onExpiry: ExpiryOutcome;
}
export type ExpiryOutcome = "keep" | "latest";

/** Holds concurrent writes for a person to decide. Throws `schema-invalid` for a time that is not a positive number. */
export function review(terms: Partial<ReviewTerms> = {}): Policy {
  const dueAfterMs = terms.dueAfterMs ?? null;
  if (dueAfterMs !== null && !(Number.isSafeInteger(dueAfterMs) && dueAfterMs > 0)) {
    throw new TidelockError("schema-invalid", `dueAfterMs must be a number of milliseconds, not ${dueAfterMs}`);
  }
  return { kind: "review", dueAfterMs, onExpiry: terms.onExpiry ?? "keep" };
}

/** What records call a policy. */
export function policyName(policy: Policy): string {
  return policy.kind === "resolve" ? `resolve/${policy.rule.name}` : policy.kind;
}

/** What the engines know of a field. */
export interface FieldSchema {
  readonly name: string;
  readonly type: FieldType;
  readonly optional: boolean;
  /** The value of a field that a create does not name; `undefined` when it must be named. */
  readonly default: JsonValue | undefined;
  readonly policy: Policy;
  /** The allowed values of an enum. */
  readonly values: readonly string[];
  /** The collection that a reference points to. */
  readonly collection: string | null;
  readonly validator: StandardSchema | null;
  /** For a set: its elements. */
  readonly element: FieldSchema | null;
  /** For a list: the properties of its items, besides `id`. */
  readonly item: readonly FieldSchema[];
}

type Definition = Omit<FieldSchema, "name">;

/**
 * A field being declared. Immutable: each method returns another field. `Given` is true when a create must name it;
 * `Change` is what an update takes.
 */
export class Field<Value extends JsonValue, Given extends boolean = true, Change = Value> {
  readonly "definition": Definition;
  declare readonly "~value": Value;
  declare readonly "~given": Given;
  declare readonly "~change": Change;

  "constructor"(definition: Definition) {
    this.definition = definition;
  }

  /** The value may be `null`, and is `null` when a create does not name it. */
  "optional"(): Field<Value | null, false, Change | null> {
    this.#assertPlain("optional");
    return new Field({ ...this.definition, optional: true, default: this.definition.default ?? null });
  }

  /** The value when a create does not name it. */
  "default"(value: Value): Field<Value, false, Change> {
    this.#assertPlain("given a default");
    return new Field({ ...this.definition, default: value });
  }

  /** How concurrent writes are settled: `"lww"` (when not called), `review()`, or a rule. */
  "policy"(policy: "lww" | Policy | Rule<Value>): Field<Value, Given, Change> {
    this.#assertPlain("given another policy");
    return new Field({ ...this.definition, policy: policyOf(policy as "lww" | Policy | Rule) });
  }

  /** A further check by any Standard Schema validator. It must be synchronous, and checks without transforming. */
  "check"(validator: StandardSchema<Value>): Field<Value, Given, Change> {
    this.#assertPlain("given a check: check its parts");
    return new Field({ ...this.definition, validator });
  }

  /** Fields that are merged by intent have the policy, the default and the checks of their kind. */
  #assertPlain(what: string): void {
    const { type } = this.definition;
    if (isMerged(this.definition)) throw new TidelockError("schema-invalid", `a ${type} field cannot be ${what}`);
  }
}

function policyOf(policy: "lww" | Policy | Rule): Policy {
  if (policy === "lww") return { kind: "lww" };
  return "kind" in policy ? policy : { kind: "resolve", rule: policy };
}

// oxlint-disable-next-line typescript/no-explicit-any -- any field, whatever its value
export type AnyField = Field<any, boolean, any>;
export type Fields = Readonly<Record<string, AnyField>>;

/** Whether a field's writes are changes that are merged, not values that replace each other. */
export function isMerged({ type }: Pick<FieldSchema, "type">): boolean {
  return type === "set" || type === "list" || type === "counter";
}

function define<Value extends JsonValue, Given extends boolean = true, Change = Value>(
  type: FieldType,
  extra: Partial<FieldSchema> = {},
): Field<Value, Given, Change> {
  return new Field({
    type,
    optional: false,
    default: undefined,
    policy: { kind: "lww" },
    values: [],
    collection: null,
    validator: null,
    element: null,
    item: [],
    ...extra,
  });
}

// oxlint-disable-next-line typescript/no-explicit-any -- any field, whatever its value
type SomeField<Value extends JsonValue = any> = Field<Value, boolean, any>;
type ItemShape = Readonly<Record<string, SomeField>>;
type ValueOf<Declared> = Declared extends Field<infer Value, boolean, infer _> ? Value : never;
/** An item of a list: its id and its properties. */
export type ItemOf<Shape extends ItemShape> = Readonly<
  { id: string } & { [Name in keyof Shape]: ValueOf<Shape[Name]> }
>;

/** The kinds of field. */
export const field = {
  /** Well-formed text. */
  string: (): Field<string> => define("string"),
  /** A finite number. */
  number: (): Field<number> => define("number"),
  /** A whole number that a double holds exactly. */
  integer: (): Field<number> => define("integer"),
  boolean: (): Field<boolean> => define("boolean"),
  /** A moment, in milliseconds since 1970-01-01T00:00:00Z. */
  timestamp: (): Field<number> => define("timestamp"),
  /** Any JSON value, at most 32 levels deep; written and merged as a whole. */
  json: <Value extends JsonValue = JsonValue>(): Field<Value> => define("json"),
  /** One of a few words. */
  enum: <const Word extends string>(values: readonly Word[]): Field<Word> => define("enum", { values }),
  /** The id of an entity of another collection. */
  reference: (collection: string): Field<string> => define("reference", { collection }),
  /**
   * Different texts, numbers or references, sorted: labels, members. Concurrent additions and removals are all kept; of an
   * addition and a removal of the same element the later stands, at the very same time the one that `bias` names.
   */
  set: <Element extends string | number>(
    element: Field<Element>,
    options: { readonly bias?: SetBias } = {},
  ): Field<readonly Element[], false, readonly Element[] | SetChange<Element>> => {
    if (!["string", "number", "integer", "enum", "reference", "timestamp"].includes(element.definition.type)) {
      throw new TidelockError("schema-invalid", `a set of ${element.definition.type} fields cannot be declared`);
    }
    return define("set", {
      default: [],
      policy: { kind: "set", bias: options.bias ?? "remove" },
      element: { name: "element", ...element.definition },
    });
  },
  /**
   * Items with an `id` and properties, in an order that people choose: a checklist. Concurrent insertions are all kept, the
   * properties of an item are merged one by one, the later move of an item stands.
   */
  list: <Shape extends ItemShape>(
    properties: Shape,
  ): Field<ReadonlyArray<ItemOf<Shape>>, false, ReadonlyArray<ItemOf<Shape>> | ListChange> =>
    define("list", {
      default: [],
      policy: { kind: "list" },
      item: Object.entries(properties).map(([name, { definition }]) => ({ name, ...definition })),
    }),
  /** A number that is changed by adding to it: votes, stock. Every addition counts, once. */
  counter: (): Field<number, false, CounterChange> =>
    define("counter", { default: 0, policy: { kind: "counter", grows: false } }),
  /** A number that only grows: usage. */
  gcounter: (): Field<number, false, CounterChange> =>
    define("counter", { default: 0, policy: { kind: "counter", grows: true } }),
};

/** Why a value does not fit a field, as words that follow the field's name; `null` when it fits. */
export function fieldProblem(schema: FieldSchema, value: unknown): string | null {
  if (value === null) return schema.optional || schema.type === "json" ? null : "must not be null";
  const problem = typeProblem(schema, value);
  if (problem !== null || schema.validator === null) return problem;
  const result = validate(schema.validator, value);
  if (result === null) return "has a validator that threw an error";
  if (result instanceof Promise) {
    result.catch(() => {});
    return "has an asynchronous validator, which Tidelock cannot call";
  }
  if (result.issues === undefined) return null;
  return result.issues.map((issue) => issue.message).join("; ") || "is not accepted by its validator";
}

/** What a validator answers; `null` when it throws, because a broken validator must refuse a value and stop nothing. */
function validate(
  validator: StandardSchema,
  value: unknown,
): ReturnType<(typeof validator)["~standard"]["validate"]> | null {
  try {
    return validator["~standard"].validate(value);
  } catch {
    return null;
  }
}

function typeProblem(schema: FieldSchema, value: unknown): string | null {
  switch (schema.type) {
    case "string":
      if (typeof value !== "string") return "must be text";
      return value.isWellFormed() ? null : "must be well-formed text without lone surrogates";
    case "number":
      return typeof value === "number" && Number.isFinite(value) ? null : "must be a finite number";
    case "integer":
    case "timestamp":
      return Number.isSafeInteger(value) ? null : "must be a whole number";
    case "boolean":
      return typeof value === "boolean" ? null : "must be true or false";
    case "enum":
      return typeof value === "string" && schema.values.includes(value)
        ? null
        : `must be one of ${schema.values.join(", ")}`;
    case "reference":
      return parseEntityId(value) === null ? "must be an entity id" : null;
    case "set":
      return listProblem(value, MAX_ELEMENTS, (element) => elementProblem(schema, element));
    case "list":
      return listProblem(value, MAX_ELEMENTS, (item) => itemProblem(schema, item));
    case "counter":
      return Number.isSafeInteger(value) ? null : "must be a whole number";
    case "json": {
      const problem = jsonProblem(value, MAX_VALUE_DEPTH);
      return problem === null ? null : `must be plain JSON (${problem})`;
    }
  }
}

function listProblem(value: unknown, most: number, problemOf: (item: unknown) => string | null): string | null {
  if (!Array.isArray(value)) return "must be a list";
  if (value.length > most) return `must have at most ${most} elements`;
  for (const item of value) {
    const problem = problemOf(item);
    if (problem !== null) return problem;
  }
  return null;
}

/** Why a value cannot be an element of a set. */
export function elementProblem(set: FieldSchema, value: unknown): string | null {
  const problem = set.element === null ? "has no elements" : fieldProblem(set.element, value);
  return problem === null ? null : `has an element that ${problem}`;
}

function itemProblem(list: FieldSchema, item: unknown): string | null {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return "must be a list of items";
  const { id, ...properties } = item as Readonly<Record<string, unknown>>;
  if (parseEntityId(id) === null) return "has an item without a usable id";
  for (const [name, value] of Object.entries(properties)) {
    const problem = propertyProblem(list, name, value);
    if (problem !== null) return problem;
  }
  return null;
}

/** Why a value cannot be a property of a list's items. */
export function propertyProblem(list: FieldSchema, name: string, value: unknown): string | null {
  const property = list.item.find((known) => known.name === name);
  if (property === undefined) return `has items without a property called ${JSON.stringify(name)}`;
  const problem = fieldProblem(property, value);
  return problem === null ? null : `has an item whose ${name} ${problem}`;
}

/** Whether a word can name a field: a name that filters do not use themselves and that no plain object answers to. */
export function isFieldName(name: string): boolean {
  return (
    isName(name) &&
    !name.startsWith("tidelock.") &&
    !["id", "and", "or", "not", "prototype"].includes(name) &&
    !(name in Object.prototype)
  );
}
