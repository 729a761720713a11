/** What OpenAPI says of the addresses for server-sent events. */
import { CLIENT_MESSAGE, type JsonObject, type JsonValue, MAX_SUBSCRIPTIONS } from "@tidelock/core";
import type { Route, RouteParameter } from "./router.ts";

const text: JsonObject = { type: "string" };

export const EVENTS_PARAMETERS: readonly RouteParameter[] = [
  { name: "device", in: "query", schema: text, description: "The device. Or the header Tidelock-Device." },
  { name: "Tidelock-Device", in: "header", schema: text, description: "The device, if the query does not name it." },
  {
    name: "subscribe",
    in: "query",
    schema: { type: "string", contentMediaType: "application/json" },
    description:
      `A JSON list of at most ${MAX_SUBSCRIPTIONS} objects { collection, where, key, id }; all but collection may be left ` +
      "out. Default: every collection that the user may read.",
  },
  { name: "Last-Event-ID", in: "header", schema: text, description: "The id of the last event that was taken in." },
  { name: "checkpoint", in: "query", schema: text, description: "The same, for those that cannot set headers." },
  { name: "decided", in: "query", schema: { type: "integer" }, description: "For SDKs: as in `hello`." },
  { name: "schema", in: "query", schema: text, description: "For SDKs: version and hash of the schema, with a dot." },
  { name: "protocol", in: "query", schema: text, description: "For SDKs: lowest and highest version, with a dash." },
  { name: "sdk", in: "query", schema: text, description: "For SDKs: name and version, for people." },
];

export const EVENTS_RESPONSE: Route["response"] = {
  contentType: "text/event-stream",
  schema: text,
  description:
    "Events named after the message that they carry as JSON (see asyncapi.json); the id is the checkpoint after it.",
};

export const SESSION_HEADER: RouteParameter = {
  name: "Tidelock-Session",
  in: "header",
  required: true,
  schema: text,
  description: "The session, as its `welcome` event named it.",
};

/** The `presence` message without its type. */
export const PRESENCE_REQUEST: JsonObject = withoutType(presenceSchema());

function presenceSchema(): JsonObject {
  const { oneOf } = CLIENT_MESSAGE.jsonSchema;
  const messages = (oneOf ?? []) as readonly JsonObject[];
  return messages.find((message) => typeOf(message) === "presence") ?? {};
}

/** The word that a message's schema fixes as its type. */
export function typeOf(message: JsonObject): JsonValue {
  const properties = (message["properties"] ?? {}) as { readonly type?: { readonly const?: JsonValue } };
  return properties.type?.const ?? null;
}

function withoutType({ properties, required, ...rest }: JsonObject): JsonObject {
  const { type: _type, ...others } = (properties ?? {}) as JsonObject;
  const names = ((required ?? []) as readonly string[]).filter((name) => name !== "type");
  return { ...rest, properties: others, required: names };
}
