/**
 * `GET /sync/schema`: the schema as plain JSON, and who is asking. For tools that work with every application: they can
 * show any entity, check a value before it is sent, and make a client without the application's code. What is code in a
 * schema stays here: of a rule its name and version are told, of a validator only that there is one.
 */
import type { CollectionSchema, FieldSchema, JsonObject, JsonValue, Policy } from "@tidelock/core";
import { authenticate } from "./bearer.ts";
import type { GatewayContext } from "./context.ts";
import { jsonResponse } from "./exchange.ts";
import type { Route } from "./router.ts";

const TEXT: JsonObject = { type: "string" };

const FIELD: JsonObject = {
  type: "object",
  required: ["name", "type", "optional", "policy"],
  properties: {
    name: TEXT,
    type: TEXT,
    optional: { type: "boolean" },
    default: { description: "The value when a create does not name the field. Missing: a create must name it." },
    policy: {
      type: "object",
      required: ["kind"],
      properties: { kind: TEXT, rule: TEXT, version: { type: "integer" } },
      description: "How concurrent writes are settled.",
    },
    values: { type: "array", items: TEXT, description: "The words of an enum." },
    collection: { ...TEXT, description: "What a reference points to." },
    element: { type: "object", description: "The elements of a set, as a field." },
    item: { type: "array", items: { type: "object" }, description: "The properties of a list's items, as fields." },
    checked: { const: true, description: "The server has a further check." },
  },
};

export const SCHEMA_RESPONSE: JsonObject = {
  type: "object",
  required: ["version", "hash", "user", "tenant", "collections"],
  properties: {
    version: { type: "integer" },
    hash: TEXT,
    user: { ...TEXT, description: "Whose token it is." },
    tenant: TEXT,
    collections: {
      type: "array",
      items: {
        type: "object",
        required: ["name", "ids", "on_delete", "reviewable", "fields"],
        properties: {
          name: TEXT,
          ids: { enum: ["client", "server"] },
          on_delete: { enum: ["delete-wins", "update-wins", "review"] },
          reviewable: { type: "boolean", description: "Whether its entities can come to review." },
          fields: { type: "array", items: FIELD },
        },
      },
    },
  },
};

export function schemaRoute(path: string, context: GatewayContext): Route {
  const { schema } = context;
  return {
    method: "GET",
    path,
    summary: "The schema: collections, fields, types and policies; and whose token it is.",
    authenticated: true,
    parameters: [],
    requestBody: null,
    successStatus: 200,
    response: { contentType: "application/json", schema: SCHEMA_RESPONSE, description: "The schema." },
    codes: ["token-missing", "token-invalid", "token-expired", "too-many-connections", "shutting-down"],
    async handle(request) {
      const { tenant, principal } = await authenticate(context, request);
      const collections = [...schema.collections.values()].filter(({ isSystem }) => !isSystem).map(collectionObject);
      return jsonResponse(200, {
        version: schema.version,
        hash: schema.hash,
        user: principal.user,
        tenant,
        collections,
      });
    },
  };
}

function collectionObject({ name, ids, onDelete, isReviewable, fields }: CollectionSchema): JsonObject {
  return { name, ids, on_delete: onDelete, reviewable: isReviewable, fields: fields.map(fieldObject) };
}

/** Members that say nothing of a type are left out. */
function fieldObject(field: FieldSchema): JsonObject {
  const { name, type, optional, policy, values, collection, element, item, validator } = field;
  const rest: Array<readonly [string, JsonValue]> = [];
  if (field.default !== undefined) rest.push(["default", field.default]);
  if (values.length > 0) rest.push(["values", [...values]]);
  if (collection !== null) rest.push(["collection", collection]);
  if (element !== null) rest.push(["element", fieldObject(element)]);
  if (item.length > 0) rest.push(["item", item.map(fieldObject)]);
  if (validator !== null) rest.push(["checked", true]);
  return { name, type, optional, policy: policyObject(policy), ...Object.fromEntries(rest) };
}

function policyObject(policy: Policy): JsonObject {
  switch (policy.kind) {
    case "resolve":
      return { kind: "resolve", rule: policy.rule.name, version: policy.rule.version };
    case "review":
      return { kind: "review", due_after_ms: policy.dueAfterMs, on_expiry: policy.onExpiry };
    case "set":
      return { kind: "set", bias: policy.bias };
    case "counter":
      return { kind: "counter", grows: policy.grows };
    case "lww":
    case "list":
      return { kind: policy.kind };
  }
}
