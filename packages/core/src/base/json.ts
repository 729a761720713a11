/**
 * JSON as data: its type, a check for values that come from outside, and one canonical text per value.
 * Two replicas that hold the same state hold the same canonical bytes (promise G07).
 */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** A copy that shares nothing with the value. */
export function copiedJson(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copiedJson);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copiedJson(item)]));
}

/** A copy that cannot be changed, all the way down. */
export function frozenJson(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(frozenJson));
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, frozenJson(item)])));
}

/** Whether a JSON value is an object. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Why a value cannot be stored; `null` means that it can. */
export type JsonProblem = "not-json" | "too-deep" | "forbidden-key" | "ill-formed-text" | "not-finite";

/**
 * Checks that a value is plain JSON within `maxDepth` levels: finite numbers, well-formed text (no lone surrogates,
 * which UTF-8 cannot carry), no `__proto__` key, arrays and plain objects only.
 */
export function jsonProblem(value: unknown, maxDepth: number): JsonProblem | null {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? null : "ill-formed-text";
    case "number":
      return Number.isFinite(value) ? null : "not-finite";
    case "boolean":
      return null;
    case "object":
      break;
    default:
      return "not-json";
  }
  if (value === null) return null;
  if (maxDepth <= 0) return "too-deep";
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = jsonProblem(item, maxDepth - 1);
      if (problem !== null) return problem;
    }
    return null;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return "not-json";
  for (const [key, item] of Object.entries(value)) {
    if (key === "__proto__") return "forbidden-key";
    if (!key.isWellFormed()) return "ill-formed-text";
    const problem = jsonProblem(item, maxDepth - 1);
    if (problem !== null) return problem;
  }
  return null;
}

/**
 * One text per value: keys sorted by code unit, no white space, numbers as JSON writes them, negative zero as zero.
 * Members that are `undefined` are left out, as in JSON text.
 */
export function canonicalJson(value: JsonValue): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const object = value as JsonObject;
  const members: string[] = [];
  for (const key of Object.keys(object).sort()) {
    const member = object[key];
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(member)}`);
  }
  return `{${members.join(",")}}`;
}

/** Deep equality of JSON values. */
export function sameJson(left: JsonValue, right: JsonValue): boolean {
  if (left === right) return true;
  if (left === null || right === null || typeof left !== "object" || typeof right !== "object") return false;
  return canonicalJson(left) === canonicalJson(right);
}
