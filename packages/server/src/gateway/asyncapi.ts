/** `GET /asyncapi.json`: AsyncAPI 3.0 of the WebSocket protocol, made from the shapes that check its messages. */
import {
  CLIENT_MESSAGE,
  type JsonObject,
  type JsonValue,
  PROTOCOL_VERSION,
  SERVER_MESSAGE,
  SUBPROTOCOL_BINARY,
  SUBPROTOCOL_JSON,
} from "@tidelock/core";
import { version } from "../observe/metrics.ts";
import { typeOf } from "./sse-schema.ts";

export function asyncApiDocument(path: string): JsonObject {
  const fromDevice = messagesOf("device", CLIENT_MESSAGE.jsonSchema);
  const fromServer = messagesOf("server", SERVER_MESSAGE.jsonSchema);
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Tidelock",
      version,
      description:
        `Protocol version ${PROTOCOL_VERSION}, over WebSocket. Subprotocol ${SUBPROTOCOL_JSON} (text frames of JSON; also ` +
        `without any) or ${SUBPROTOCOL_BINARY} (binary frames of the same messages as CBOR). See docs/PROTOCOL.md.`,
      license: { name: "Apache-2.0" },
    },
    defaultContentType: "application/json",
    channels: {
      session: { address: path, messages: Object.fromEntries([...fromDevice, ...fromServer].map(refer)) },
    },
    operations: {
      receive: operation("receive", "What devices send.", fromDevice),
      send: operation("send", "What the server sends.", fromServer),
    },
    components: { messages: Object.fromEntries([...fromDevice, ...fromServer]) },
  };
}

type NamedMessage = readonly [name: string, message: JsonObject];

/** `ping` and `pong` go both ways, so names say who speaks. */
function messagesOf(speaker: string, union: JsonObject): NamedMessage[] {
  const schemas = (union["oneOf"] ?? []) as readonly JsonObject[];
  return schemas.map((payload) => {
    const type = String(typeOf(payload));
    return [`${speaker}-${type}`, { name: type, title: `${type} (from the ${speaker})`, payload }];
  });
}

function refer([name]: NamedMessage): [string, JsonValue] {
  return [name, { $ref: `#/components/messages/${name}` }];
}

function operation(action: "send" | "receive", summary: string, messages: readonly NamedMessage[]): JsonObject {
  return {
    action,
    summary,
    channel: { $ref: "#/channels/session" },
    messages: messages.map(([name]) => ({ $ref: `#/channels/session/messages/${name}` })),
  };
}
