/**
 * The schema of the application, from what `GET /sync/schema` says: the inbox works with every application, and has the
 * code of none. Rules and validators stay on the server, so a device of the inbox decides nothing by itself: it shows what
 * the server settled, and checks values as far as types go.
 */
import {
  askSomeone,
  type CollectionSchema,
  defineRule,
  type FieldSchema,
  type FieldType,
  holdsReferences,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Policy,
  REVIEWS_SCHEMA,
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
  const { version, hash, user, tenant, collections } = objectOf(answer);
  if (typeof version !== "number" || typeof hash !== "string" || typeof user !== "string" || typeof tenant !== "string")
    throw unreadable();
  const parsed = listOf(collections).map(collectionOf);
  return {
    schema: {
      version,
      hash,
      collections: new Map([...parsed, REVIEWS_SCHEMA].map((collection) => [collection.name, collection])),
      mutators: new Map(),
    },
    user,
    tenant,
    hasReviews: parsed.some(({ isReviewable }) => isReviewable),
  };
}

function collectionOf(value: JsonValue): CollectionSchema {
  const { name, ids, on_delete: onDelete, reviewable, fields } = objectOf(value);
  const all = listOf(fields).map(fieldOf);
  return {
    name: textOf(name),
    ids: ids === "server" ? "server" : "client",
    onDelete: onDelete === "update-wins" || onDelete === "review" ? onDelete : "delete-wins",
    isSystem: false,
    isReviewable: reviewable === true,
    fields: all,
    references: all.filter(holdsReferences),
    byName: new Map(all.map((field) => [field.name, field])),
  };
}

function fieldOf(value: JsonValue): FieldSchema {
  const field = objectOf(value);
  const { name, type, optional, policy, values, collection, element, item } = field;
  return {
    name: textOf(name),
    // A newer server may have types that this page does not know: their values are shown and cannot be edited.
    type: textOf(type) as FieldType,
    optional: optional === true,
    default: field["default"],
    policy: policyOf(objectOf(policy)),
    values: values === undefined ? [] : listOf(values).map(textOf),
    collection: typeof collection === "string" ? collection : null,
    validator: null,
    element: element === undefined ? null : fieldOf(element),
    item: item === undefined ? [] : listOf(item).map(fieldOf),
  };
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
