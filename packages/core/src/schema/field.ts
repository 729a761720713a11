/**
 * Fields: the type of a property, its default, its check, and the policy that settles concurrent writes to it.
 * A field's value is JSON; a missing optional value is `null`.
 */
import { type JsonValue, jsonProblem } from "../base/json.ts";
import { isName, parseEntityId } from "../ids.ts";
import { MAX_VALUE_DEPTH } from "../limits.ts";
import type { StandardSchema } from "./standard-schema.ts";

export type FieldType = "string" | "number" | "integer" | "boolean" | "timestamp" | "json" | "enum" | "reference";

/** How concurrent writes to one field are settled. `lww`: the greatest hybrid-clock stamp wins, ties by device id. */
export type PolicyName = "lww";

/** What the engines know of a field. */
export interface FieldSchema {
  readonly name: string;
  readonly type: FieldType;
  readonly optional: boolean;
  /** The value of a field that a create does not name; `undefined` when it must be named. */
  readonly default: JsonValue | undefined;
  readonly policy: PolicyName;
  /** The allowed values of an enum. */
  readonly values: readonly string[];
  /** The collection that a reference points to. */
  readonly collection: string | null;
  readonly validator: StandardSchema | null;
}

/** A field being declared. Immutable: each method returns another field. `Given` is true when a create must name it. */
export class Field<Value extends JsonValue, Given extends boolean = true> {
  readonly "definition": Omit<FieldSchema, "name">;
  declare readonly "~value": Value;
  declare readonly "~given": Given;

  "constructor"(definition: Omit<FieldSchema, "name">) {
    this.definition = definition;
  }

  /** The value may be `null`, and is `null` when a create does not name it. */
  "optional"(): Field<Value | null, false> {
    return new Field({ ...this.definition, optional: true, default: this.definition.default ?? null });
  }

  /** The value when a create does not name it. */
  "default"(value: Value): Field<Value, false> {
    return new Field({ ...this.definition, default: value });
  }

  /** The policy that settles concurrent writes; `lww` when not called. */
  "policy"(policy: PolicyName): Field<Value, Given> {
    return new Field({ ...this.definition, policy });
  }

  /** A further check by any Standard Schema validator. It must be synchronous, and checks without transforming. */
  "check"(validator: StandardSchema<Value>): Field<Value, Given> {
    return new Field({ ...this.definition, validator });
  }
}

function define<Value extends JsonValue>(type: FieldType, extra: Partial<FieldSchema> = {}): Field<Value> {
  return new Field({
    type,
    optional: false,
    default: undefined,
    policy: "lww",
    values: [],
    collection: null,
    validator: null,
    ...extra,
  });
}

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
};

/** Why a value does not fit a field, as words that follow the field's name; `null` when it fits. */
export function fieldProblem(schema: FieldSchema, value: unknown): string | null {
  if (value === null) return schema.optional || schema.type === "json" ? null : "must not be null";
  const problem = typeProblem(schema, value);
  if (problem !== null || schema.validator === null) return problem;
  const result = validate(schema.validator, value);
  if (result === null) return "has a validator that threw an error";
  if (result instanceof Promise) return "has an asynchronous validator, which Tidelock cannot call";
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
    case "json": {
      const problem = jsonProblem(value, MAX_VALUE_DEPTH);
      return problem === null ? null : `must be plain JSON (${problem})`;
    }
  }
}

/** Whether a word can name a field: a name that filters do not use themselves and that no plain object answers to. */
export function isFieldName(name: string): boolean {
  return isName(name) && !["id", "and", "or", "not", "prototype"].includes(name) && !(name in Object.prototype);
}
