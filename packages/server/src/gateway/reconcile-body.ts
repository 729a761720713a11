/**
 * The body of `POST /sync/reconcile`: from snake_case JSON to what the engine takes, or a coded error that names the part.
 * Its JSON Schema for OpenAPI stands beside the checks. Unknown members are passed over: newer clients may send some. What
 * the schema of the application says of collections and fields is the engine's business.
 */
import {
  DECISION,
  type EntityId,
  type JsonObject,
  jsonProblem,
  type JsonValue,
  MAX_FIELDS,
  MAX_PUSH_MUTATIONS,
  MAX_TRANSACTION_MUTATIONS,
  MAX_VALUE_DEPTH,
  type Millis,
  parseEntityId,
  TidelockError,
} from "@tidelock/core";
import type { ReconcileBody, ReconcileMutation, ReconcilePosition } from "../engine/input.ts";
import { parseReconcilePosition } from "../engine/reconcile.ts";
import { deviceOf, invalid, MAX_NAME_LENGTH, nameOf, objectOf, textOf, timeOf, versionOf } from "./body-parts.ts";

export const RECONCILE_REQUEST: JsonObject = {
  type: "object",
  required: ["device_id", "mutations"],
  properties: {
    device_id: { type: "string", description: "The device: 1 to 64 characters of A-Z a-z 0-9 _ . -" },
    last_ack_version: {
      type: ["string", "null"],
      description: "The `checkpoint` of the last answer; null when the device holds nothing.",
    },
    schema_version: {
      type: "integer",
      minimum: 1,
      description: "The version of the schema that the client goes by. Default: the server's.",
    },
    mutations: {
      type: "array",
      maxItems: MAX_PUSH_MUTATIONS,
      items: {
        type: "object",
        required: ["temp_id", "operation"],
        properties: {
          temp_id: {
            type: "string",
            maxLength: MAX_NAME_LENGTH,
            description: "The client's own name for the mutation: dedupe key, and temporary entity id of a create.",
          },
          entity_id: { type: ["string", "null"], description: "The entity; null lets a create get a new id." },
          collection: { type: "string", description: "Left out with a mutator." },
          operation: { type: "string", description: "create, update, delete, decide, or the name of a mutator" },
          payload: { type: "object", description: "Field values by name." },
          version: { type: ["string", "null"], description: "Version or checkpoint that the author had seen." },
          occurred_at: { type: "string", format: "date-time", description: "When the user did it. Default: now." },
          remaining: {
            type: "integer",
            minimum: 0,
            maximum: MAX_TRANSACTION_MUTATIONS - 1,
            description:
              "How many mutations of the same transaction follow: all of it takes effect, or none. Default: 0.",
          },
        },
      },
    },
  },
};

const CODE: JsonObject = { type: "string", description: "A code of the error catalogue." };

export const RECONCILE_RESPONSE: JsonObject = {
  type: "object",
  required: ["applied", "conflicts", "rejected", "state", "checkpoint", "has_more"],
  properties: {
    applied: listOf({
      temp_id: { type: "string" },
      entity_id: { type: "string" },
      version: { type: "string" },
      outcome: { enum: ["applied", "duplicate", "merged", "in-review"] },
    }),
    conflicts: listOf({
      temp_id: { type: "string" },
      entity_id: { type: "string" },
      field: { type: ["string", "null"] },
      policy: { type: "string" },
      reason: { type: "string" },
      resolution: { type: "string" },
      server_value: {},
      decision: DECISION.jsonSchema,
    }),
    rejected: listOf({ temp_id: { type: "string" }, code: CODE, message: { type: "string" } }),
    state: listOf({
      collection: { type: "string" },
      entity_id: { type: "string" },
      version: { type: "string" },
      deleted: { type: "boolean" },
      fields: { type: ["object", "null"] },
    }),
    checkpoint: { type: "string" },
    has_more: { type: "boolean" },
  },
};

function listOf(properties: JsonObject): JsonObject {
  return { type: "array", items: { type: "object", required: Object.keys(properties), properties } };
}

/** Throws a `TidelockError` that names the part. */
export function parseReconcileBody(value: JsonValue, now: Millis): ReconcileBody {
  const body = objectOf(value, "the body");
  const mutations = body["mutations"];
  if (!Array.isArray(mutations)) throw invalid("mutations must be a list");
  if (mutations.length > MAX_PUSH_MUTATIONS) throw invalid(`mutations must have at most ${MAX_PUSH_MUTATIONS} items`);
  return {
    device: deviceOf(body["device_id"]),
    checkpoint: positionOf(body["last_ack_version"] ?? null),
    ...schemaVersionOf(body["schema_version"] ?? null),
    mutations: mutations.map((mutation, index) => mutationOf(mutation, `mutations[${index}]`, now)),
  };
}

function mutationOf(value: JsonValue, where: string, now: Millis): ReconcileMutation {
  const mutation = objectOf(value, where);
  const operation = textOf(mutation["operation"], `${where}.operation`, 64);
  const isCall = !["create", "update", "delete", "decide"].includes(operation);
  return {
    name: nameOf(mutation["temp_id"], `${where}.temp_id`),
    operation,
    // A mutator has no collection.
    collection: isCall ? operation : textOf(mutation["collection"], `${where}.collection`, 64),
    entity: entityOf(mutation["entity_id"] ?? null, `${where}.entity_id`),
    payload: payloadOf(mutation["payload"] ?? {}, `${where}.payload`),
    version: versionOf(mutation["version"] ?? null, `${where}.version`),
    occurredAt: timeOf(mutation["occurred_at"], `${where}.occurred_at`, now),
    remaining: remainingOf(mutation["remaining"] ?? 0, `${where}.remaining`),
  };
}

function positionOf(value: JsonValue): ReconcilePosition | null {
  if (value === null) return null;
  const position = parseReconcilePosition(value);
  if (position === null) throw new TidelockError("version-invalid", "last_ack_version must be a checkpoint or null");
  return position;
}

function schemaVersionOf(value: JsonValue): Pick<ReconcileBody, "schemaVersion"> {
  if (value === null) return {};
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return { schemaVersion: value };
  throw invalid("schema_version must be a whole number from 1");
}

function remainingOf(value: JsonValue, where: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < MAX_TRANSACTION_MUTATIONS)
    return value;
  throw invalid(`${where} must be a whole number from 0 to ${MAX_TRANSACTION_MUTATIONS - 1}`);
}

function entityOf(value: JsonValue, where: string): EntityId | null {
  if (value === null) return null;
  const entity = parseEntityId(value);
  if (entity === null) throw invalid(`${where} must be an entity id or null`, "invalid-id");
  return entity;
}

function payloadOf(value: JsonValue, where: string): JsonObject {
  const payload = objectOf(value, where);
  if (Object.keys(payload).length > MAX_FIELDS) throw invalid(`${where} must have at most ${MAX_FIELDS} members`);
  const problem = jsonProblem(payload, MAX_VALUE_DEPTH);
  if (problem !== null) throw invalid(`${where} must be plain JSON (${problem})`);
  return payload;
}
