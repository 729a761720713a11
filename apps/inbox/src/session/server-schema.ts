/**
 * The schema of the application, from what `GET /sync/schema` says: the inbox works with every application, and has the
 * code of none. Rules and validators stay on the server, so a device of the inbox decides nothing by itself: it shows what
 * the server settled, and checks values as far as types go.
 */
import {
  askSomeone,
  collection,
  type Collection,
  defineRule,
  defineSchema,
  Field,
  type FieldSchema,
  type FieldType,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Policy,
  type Schema,
} from "@tidelock/core";

export interface ServerSchema {
  readonly schema: Schema;
  /** Whose token it is. */
  readonly user: string;
  readonly tenant: string;
  /** Whether anything can come to review at all. */
  readonly hasReviews: boolean;
}

/** Throws an `Error` when the answer is not what it should be. */
export function parseServerSchema(answer: JsonValue): ServerSchema {
  const { version, user, tenant, collections } = objectOf(answer);
  if (typeof version !== "number" || typeof user !== "string" || typeof tenant !== "string") throw unreadable();
  const schema = defineSchema({ version, collections: Object.fromEntries(listOf(collections).map(collectionOf)) });
  return { schema, user, tenant, hasReviews: [...schema.collections.values()].some((each) => each.isReviewable) };
}

function collectionOf(value: JsonValue): readonly [name: string, collection: Collection] {
  const { name, ids, on_delete: onDelete, fields } = objectOf(value);
  const declared = listOf(fields).map((field) => {
    const { name: fieldName, ...definition } = fieldOf(field);
    return [fieldName, new Field<JsonValue>(definition)];
  });
  return [
    textOf(name),
    collection(Object.fromEntries(declared), {
      ids: ids === "server" ? "server" : "client",
      onDelete: onDelete === "update-wins" || onDelete === "review" ? onDelete : "delete-wins",
    }),
  ];
}

function fieldOf(value: JsonValue): FieldSchema {
  const field = objectOf(value);
  const { name, type, optional, policy, values, collection: target, element, item } = field;
  return {
    name: textOf(name),
    type: typeOf(textOf(type)),
    optional: optional === true,
    default: field["default"],
    policy: policyOf(objectOf(policy)),
    values: values === undefined ? [] : listOf(values).map(textOf),
    collection: typeof target === "string" ? target : null,
    validator: null,
    element: element === undefined ? null : fieldOf(element),
    item: item === undefined ? [] : listOf(item).map(fieldOf),
  };
}

const TYPES: ReadonlySet<string> = new Set<FieldType>([
  "string",
  "number",
  "integer",
  "boolean",
  "timestamp",
  "json",
  "enum",
  "reference",
  "set",
  "list",
  "counter",
]);

/** Values of types that only a newer server knows are JSON all the same. */
function typeOf(name: string): FieldType {
  return TYPES.has(name) ? (name as FieldType) : "json";
}

function policyOf(policy: JsonObject): Policy {
  switch (policy["kind"]) {
    case "review": {
      const { due_after_ms: dueAfterMs, on_expiry: onExpiry } = policy;
      return {
        kind: "review",
        dueAfterMs: typeof dueAfterMs === "number" ? dueAfterMs : null,
        onExpiry: onExpiry === "latest" ? "latest" : "keep",
      };
    }
    case "resolve": {
      const { rule, version } = policy;
      const decide = () => askSomeone("the rule is the server's");
      return { kind: "resolve", rule: defineRule({ name: textOf(rule), version: Number(version), decide }) };
    }
    case "set":
      return { kind: "set", bias: policy["bias"] === "add" ? "add" : "remove" };
    case "counter":
      return { kind: "counter", grows: policy["grows"] === true };
    case "list":
      return { kind: "list" };
    default:
      return { kind: "lww" };
  }
}

function objectOf(value: JsonValue | undefined): JsonObject {
  if (!isJsonObject(value)) throw unreadable();
  return value;
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (!Array.isArray(value)) throw unreadable();
  return value;
}

function textOf(value: JsonValue | undefined): string {
  if (typeof value !== "string") throw unreadable();
  return value;
}

function unreadable(): Error {
  return new Error("The server's description of its schema cannot be read.");
}
