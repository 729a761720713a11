/**
 * Server-sent events: `GET /sync/events` is a session of the hub like any other, with the hello in the request and nothing
 * on the way up but presence; mutations go through `POST /sync/reconcile`. It works with `curl -N`, and resumes with
 * `Last-Event-ID`.
 *
 * What stays true: the token is in the header, never in the address; who returns with a checkpoint and names no keys held
 * everything as of it (ids are sent only while that is so, see `format.ts`); a session's presence is told by its own user
 * only.
 */
import {
  EVERYTHING,
  type Hello,
  type JsonObject,
  type JsonValue,
  MAX_PRESENCE_BYTES,
  MAX_SUBSCRIPTIONS,
  OLDEST_PROTOCOL_VERSION,
  parseCheckpoint,
  parseClientMessage,
  parseDeviceId,
  parseSessionId,
  PROTOCOL_VERSION,
  type SessionId,
  type SubscriptionRequest,
  TidelockError,
} from "@tidelock/core";
import { authenticate, whileUnauthenticated } from "./bearer.ts";
import { admit, type Admitted, Connection } from "./connection.ts";
import type { GatewayContext } from "./context.ts";
import { type ApiRequest, type ApiResponse, errorResponse, jsonResponse, type StreamEvents } from "./exchange.ts";
import { EventStreamFormat } from "./format.ts";
import { newSessionId, tooOldFor } from "./greeting.ts";
import { readJson } from "./json-body.ts";
import type { Pipe } from "./pipe.ts";
import type { Route } from "./router.ts";
import { EVENTS_PARAMETERS, EVENTS_RESPONSE, PRESENCE_REQUEST, SESSION_HEADER } from "./sse-schema.ts";
import type { Sweep } from "./sweep.ts";

/** Before the first event: how long a reader waits before it connects again. */
const PREAMBLE = Buffer.from("retry: 2000\n\n");
const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  // Proxies that gather answers must not gather this one.
  "x-accel-buffering": "no",
};
/** Room for the names around a presence state. */
const PRESENCE_BODY_BYTES = 2 * MAX_PRESENCE_BYTES;

export class SseGateway {
  readonly #context: GatewayContext;
  readonly #sweep: Sweep;
  readonly #sessions = new Map<SessionId, Connection>();

  constructor(context: GatewayContext, sweep: Sweep) {
    this.#context = context;
    this.#sweep = sweep;
  }

  eventsRoute(path: string): Route {
    return {
      method: "GET",
      path,
      summary: "The stream of changes as server-sent events: snapshots first, or what came after `Last-Event-ID`.",
      authenticated: true,
      parameters: EVENTS_PARAMETERS,
      requestBody: null,
      successStatus: 200,
      response: EVENTS_RESPONSE,
      codes: [
        "invalid-message",
        "device-invalid",
        "version-invalid",
        "token-missing",
        "token-invalid",
        "token-expired",
        "origin-forbidden",
        "upgrade-required",
        "too-many-subscriptions",
        "internal",
        "too-many-connections",
        "storage-unavailable",
        "shutting-down",
      ],
      handle: (request) => this.#open(request),
    };
  }

  presenceRoute(path: string): Route {
    return {
      method: "POST",
      path,
      summary: "Say something in a presence room, for sessions whose way up is HTTP.",
      authenticated: true,
      parameters: [SESSION_HEADER],
      requestBody: PRESENCE_REQUEST,
      successStatus: 202,
      response: {
        contentType: "application/json",
        schema: { type: "object" },
        description: "It was passed on. Refusals come as events of the session.",
      },
      codes: [
        "malformed-frame",
        "invalid-message",
        "token-missing",
        "token-invalid",
        "token-expired",
        "forbidden",
        "origin-forbidden",
        "not-found",
        "frame-too-large",
        "unsupported-media-type",
        "too-many-connections",
        "shutting-down",
      ],
      handle: (request) => this.#presence(request),
    };
  }

  async #open(request: ApiRequest): Promise<ApiResponse> {
    const context = this.#context;
    return whileUnauthenticated(context, request, async (token) => {
      const hello = helloOf(request, context, token);
      const tooOld = tooOldFor(hello, context);
      if (tooOld !== null) return errorResponse("upgrade-required", { detail: tooOld.message, url: tooOld.url });
      const admitted = await admit(context, token);
      context.metrics.messagesIn.add("hello");
      return {
        status: 200,
        headers: STREAM_HEADERS,
        body: (pipe) => this.#stream(pipe, admitted, hello),
        abandoned: admitted.leave,
      };
    });
  }

  #stream(pipe: Pipe, admitted: Admitted, hello: Hello): StreamEvents {
    const format = new EventStreamFormat(admitted.port.epoch, hello.subscriptions);
    const connection = new Connection(this.#context, "sse", newSessionId(), pipe, format);
    this.#sessions.set(connection.session, connection);
    this.#sweep.add(connection);
    pipe.write(PREAMBLE);
    connection.open(admitted, hello);
    return {
      drained: () => connection.drained(),
      closed: () => {
        this.#sessions.delete(connection.session);
        this.#sweep.remove(connection);
        connection.closed();
      },
    };
  }

  async #presence(request: ApiRequest): Promise<ApiResponse> {
    const { tenant, principal } = await authenticate(this.#context, request);
    const session = parseSessionId(request.header("tidelock-session"));
    const connection = session === null ? undefined : this.#sessions.get(session);
    if (connection === undefined) throw new TidelockError("not-found", "Tidelock-Session names no open session");
    if (connection.port?.tenant !== tenant || connection.principal?.user !== principal.user) {
      throw new TidelockError("forbidden", "the session belongs to somebody else");
    }
    const body = await readJson(request, PRESENCE_BODY_BYTES);
    if (typeof body !== "object" || body === null || Array.isArray(body)) {
      throw new TidelockError("invalid-message", "the body must be an object");
    }
    const parsed = parseClientMessage({ ...(body as JsonObject), type: "presence" });
    if (!parsed.ok) throw new TidelockError(parsed.code, parsed.message);
    connection.receive(parsed.message);
    return jsonResponse(202, {});
  }
}

// ── the hello in a request ─────────────────────────────────────────────────────────────────────────────────────────

function helloOf(request: ApiRequest, { schema }: GatewayContext, token: string): Hello {
  const { query } = request;
  const device = parseDeviceId(query.get("device") ?? request.header("tidelock-device"));
  if (device === null) throw new TidelockError("device-invalid");
  const position = query.get("checkpoint") ?? request.header("last-event-id");
  const checkpoint = position === null || position === "" ? null : parseCheckpoint(position);
  if (position !== null && position !== "" && checkpoint === null) {
    throw new TidelockError("version-invalid", "Last-Event-ID must be the id of an event, as the server gave it");
  }
  const [version = "", hash = ""] = (query.get("schema") ?? `${schema.version}.${schema.hash}`).split(".");
  const range = (query.get("protocol") ?? `${OLDEST_PROTOCOL_VERSION}-${PROTOCOL_VERSION}`).split("-");
  const parsed = parseClientMessage({
    type: "hello",
    protocol: range.map(Number),
    schema: { version: Number(version), hash },
    sdk: query.get("sdk") ?? request.header("user-agent")?.slice(0, 256).toWellFormed() ?? "",
    device,
    token,
    epoch: checkpoint?.epoch ?? null,
    checkpoint: checkpoint?.offset ?? 0,
    decided: Number(query.get("decided") ?? Number.MAX_SAFE_INTEGER),
    subscriptions: subscriptionsOf(query.get("subscribe"), [...schema.collections.keys()], checkpoint !== null),
  });
  if (!parsed.ok) throw new TidelockError(parsed.code, parsed.message);
  if (parsed.message.type !== "hello") throw new TidelockError("internal");
  return parsed.message;
}

/** @param resumes whether there is a checkpoint: then what names no key was whole as of it, which `*` says */
function subscriptionsOf(text: string | null, collections: readonly string[], resumes: boolean): JsonValue[] {
  const list = text === null ? collections.map((collection): JsonValue => ({ collection })) : jsonOf(text);
  if (!Array.isArray(list))
    throw new TidelockError("invalid-message", "subscribe must be a list of { collection, where }");
  if (list.length > MAX_SUBSCRIPTIONS) {
    throw new TidelockError("too-many-subscriptions", `name at most ${MAX_SUBSCRIPTIONS} with the parameter subscribe`);
  }
  const whole: SubscriptionRequest["key"] = resumes ? "*" : null;
  return list.map((item: JsonValue, index): JsonValue => {
    const given = typeof item === "object" && item !== null && !Array.isArray(item) ? (item as JsonObject) : {};
    return Object.assign({ id: index + 1, where: EVERYTHING as JsonObject, key: whole }, given);
  });
}

function jsonOf(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    throw new TidelockError("invalid-message", "subscribe must be JSON");
  }
}
