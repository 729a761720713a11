/** What OpenAPI says of the decision log, histories and reviews. */
import type { JsonObject } from "@tidelock/core";
import { MAX_LIMIT } from "./query-parameters.ts";
import type { Route, RouteParameter } from "./router.ts";

type Answer = Pick<Route["response"], "contentType" | "schema">;

const text: JsonObject = { type: "string" };
const textOrNull: JsonObject = { type: ["string", "null"] };
const whole: JsonObject = { type: "integer" };
const time: JsonObject = { type: "string", format: "date-time" };
const timeOrNull: JsonObject = { type: ["string", "null"], format: "date-time" };
const anything: JsonObject = {};

function query(name: string, description: string, schema: JsonObject = text): RouteParameter {
  return { name, in: "query", description, schema };
}

function inPath(name: string, description: string): RouteParameter {
  return { name, in: "path", required: true, description, schema: text };
}

function limit(what: string): RouteParameter {
  return query("limit", `How many ${what} at most. Default: 50.`, { type: "integer", minimum: 1, maximum: MAX_LIMIT });
}

export const ID_PARAMETER = inPath("id", "Its id.");

export const CONFLICTS_PARAMETERS: readonly RouteParameter[] = [
  query("collection", "Only those of this collection."),
  query("entity", "Only those of this entity."),
  query("field", "Only those of this field."),
  query("policy", "Only those of this policy: `lww`, `review`, or `resolve/…` with the name of a rule."),
  query("winner", "Only those that ended so.", { enum: ["current", "incoming", "merged", "review"] }),
  query("before", "The `next` of the last answer."),
  limit("decisions"),
];

export const HISTORY_PARAMETERS: readonly RouteParameter[] = [
  inPath("collection", "The collection."),
  inPath("entity", "The entity."),
  query("before", "The `next` of the last answer.", whole),
  limit("events"),
];

export const REVIEWS_PARAMETERS: readonly RouteParameter[] = [
  query("status", "Default: open.", { enum: ["open", "closed", "all"] }),
  query("collection", "Only those of entities of this collection."),
  query("entity", "Only those of this entity."),
  query("assignee", "Only those of this person; empty: those of nobody."),
  query("after", "The `next` of the last answer."),
  limit("reviews"),
];

function object(properties: JsonObject, optional: readonly string[] = []): JsonObject {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", required, properties };
}

function answer(schema: JsonObject): Answer {
  return { contentType: "application/json", schema };
}

const CONTENDER: JsonObject = {
  device: text,
  user: { ...textOrNull, description: "null: the log does not say any more." },
  offset: whole,
  version: { ...textOrNull, description: "What the author had seen, with the write itself." },
  time,
  value: anything,
};

const CONFLICT_RECORD: JsonObject = object(
  {
    id: { ...text, description: "<offset>.<index>" },
    collection: text,
    entity_id: text,
    field: { ...textOrNull, description: "null: the whole entity was at stake." },
    policy: text,
    policy_version: whole,
    winner: { enum: ["current", "incoming", "merged", "review"] },
    value: anything,
    reason: text,
    base: anything,
    current: object(CONTENDER),
    incoming: object(CONTENDER),
    time,
  },
  ["base"],
);

export const CONFLICT = answer(CONFLICT_RECORD);

export const CONFLICT_LIST = answer(object({ conflicts: { type: "array", items: CONFLICT_RECORD }, next: textOrNull }));

export const HISTORY_LIST = answer(
  object({
    collection: text,
    entity_id: text,
    version: { ...text, description: "To be sent back with a write." },
    deleted: { type: "boolean" },
    fields: { type: ["object", "null"] },
    reviews: { type: "object", additionalProperties: text, description: "The reviews that it waits for, by field." },
    events: {
      type: "array",
      items: object(
        {
          offset: whole,
          kind: { enum: ["created", "updated", "deleted"] },
          time,
          occurred_at: time,
          claimed_at: time,
          user: text,
          device: text,
          version: text,
          changed: { type: "object", additionalProperties: object({ was: anything, now: anything }) },
          changes: { type: ["object", "null"] },
          call: { type: ["object", "null"], properties: { name: text, args: anything } },
          decisions: { type: "array", items: CONFLICT_RECORD },
        },
        ["claimed_at"],
      ),
    },
    next: { type: ["integer", "null"] },
    complete: { type: "boolean", description: "false: what came before is not in the log any more." },
  }),
);

const REVIEW_RECORD: JsonObject = object(
  {
    id: text,
    version: { ...text, description: "To be sent back with a decision." },
    collection: text,
    entity_id: text,
    field: textOrNull,
    status: { enum: ["open", "closed"] },
    policy: text,
    policy_version: whole,
    reason: text,
    base: anything,
    candidates: { type: "array", items: object({ id: text, ...CONTENDER }) },
    assignee: textOrNull,
    note: textOrNull,
    due: timeOrNull,
    on_expiry: { enum: ["keep", "latest"] },
    opened_at: time,
    closed_at: timeOrNull,
    outcome: {
      type: ["object", "null"],
      properties: {
        kind: { enum: ["pick", "edit", "expired", "deleted"] },
        candidate: textOrNull,
        value: anything,
        user: text,
        device: text,
        time,
      },
    },
    row: { type: "object" },
  },
  ["base"],
);

export const REVIEW = answer(REVIEW_RECORD);

export const REVIEW_LIST = answer(object({ reviews: { type: "array", items: REVIEW_RECORD }, next: textOrNull }));

const AUTHOR: JsonObject = {
  device_id: { ...text, description: "The device." },
  temp_id: { ...text, description: "The client's own name for this request: sent again, it has one effect." },
};

export const DECIDE_REQUEST: JsonObject = object(
  {
    ...AUTHOR,
    version: { ...text, description: "The review's version, as it was shown." },
    candidate: { ...text, description: "The id of the candidate that stands. Or `value`." },
    value: { description: "Another value for the field. Or `candidate`." },
  },
  ["candidate", "value"],
);

export const ANNOTATE_REQUEST: JsonObject = object(
  {
    ...AUTHOR,
    version: {
      ...text,
      description: "The review's version, as it was shown. Without it, the change is made over what there is.",
    },
    assignee: { ...textOrNull, description: "Who is to decide." },
    note: textOrNull,
    due: { ...timeOrNull, description: "When the time is up; null: never." },
    on_expiry: { enum: ["keep", "latest"], description: "What stands when the time is up." },
  },
  ["version", "assignee", "note", "due", "on_expiry"],
);

export const ACTION_RESPONSE: JsonObject = object({
  id: text,
  temp_id: text,
  version: text,
  outcome: { enum: ["applied", "duplicate", "merged"] },
});
