/**
 * The SSE transport: messages down one event stream, everything else up in plain requests. For networks that let nothing
 * but HTTP through. The token goes in a header, so the stream is read with `fetch`, not with `EventSource`.
 *
 * What a stream cannot do, a new one does: when subscriptions or the token change, this connection ends, and the engine's
 * next hello says everything as it is then. Pushes go one after another. Silence cannot be told from a dead line by
 * sending, so a ping is answered here if anything was heard since the one before: heartbeats count.
 */
import {
  type Checkpoint,
  type ClientMessage,
  type Epoch,
  formatCheckpoint,
  type Hello,
  isErrorWord,
  jsonCodec,
  type PresenceRequest,
  type Push,
  type Refusal,
  type RoomName,
  type ServerMessage,
  type SessionId,
} from "@tidelock/core";
import type { ServerAddress } from "./address.ts";
import { EventStreamParser, MAX_EVENT_CHARACTERS } from "./event-stream.ts";
import { pushResultOf, reconcileBody } from "./reconcile.ts";
import type { Connection, Transport, TransportEvents } from "./transport.ts";

export interface SseOptions {
  readonly address: Pick<ServerAddress, "events" | "reconcile" | "presence">;
  /** The platform's `fetch` when not given. */
  readonly fetch?: typeof fetch;
}

export function sseTransport({ address, fetch: fetchFrom = (...request) => fetch(...request) }: SseOptions): Transport {
  return {
    name: "sse",
    connect(hello, events) {
      const connection = new SseConnection(address, fetchFrom, hello, events);
      void connection.run();
      return connection;
    },
  };
}

class SseConnection implements Connection {
  readonly #address: SseOptions["address"];
  readonly #fetch: typeof fetch;
  readonly #hello: Hello;
  readonly #events: TransportEvents;
  readonly #abort = new AbortController();
  #isOver = false;
  #epoch: Epoch | null;
  #session: SessionId | null = null;
  #acknowledged: Checkpoint | null;
  #hasHeard = true;
  readonly #pushes: Push[] = [];
  #isPushing = false;
  readonly #presence = new Map<RoomName, PresenceRequest[]>();
  #isTellingPresence = false;

  constructor(address: SseOptions["address"], fetchFrom: typeof fetch, hello: Hello, events: TransportEvents) {
    this.#address = address;
    this.#fetch = fetchFrom;
    this.#hello = hello;
    this.#events = events;
    this.#epoch = hello.epoch;
    this.#acknowledged = hello.epoch === null ? null : { epoch: hello.epoch, offset: hello.checkpoint };
  }

  // ── down ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Opens the stream and reads it to its end. Never rejects. */
  async run(): Promise<void> {
    try {
      const response = await this.#fetch(this.#streamUrl(), { headers: this.#streamHeaders(), ...this.#common() });
      if (this.#isOver) return;
      if (!response.ok) return await this.#refusedStream(response);
      const isStream = (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
      if (!isStream || response.body === null) return this.#end("what answered is no event stream");
      this.#events.opened();
      await this.#read(response.body);
      this.#end("the stream ended");
    } catch (error) {
      this.#end(`the stream broke: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** A server that says why it refuses has been reached; anything else that answers has not. */
  async #refusedStream(response: Response): Promise<void> {
    const refusal = await refusalOf(response);
    if (refusal.code === "server-unreachable") return this.#end(refusal.message);
    this.#events.opened();
    this.#refused(refusal);
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const parser = new EventStreamParser(({ data }) => this.#receive(data));
    const reader = body.getReader();
    for (let part = await reader.read(); !part.done && !this.#isOver; part = await reader.read()) {
      this.#hasHeard = true;
      if (!parser.push(decoder.decode(part.value, { stream: true }))) this.#end("the server sent an event without end");
    }
  }

  #receive(data: string): void {
    if (this.#isOver) return;
    const parsed = jsonCodec.decodeServer(data, MAX_EVENT_CHARACTERS * 3);
    if (!parsed.ok) return this.#end(`the server sent what is no message: ${parsed.message}`);
    if (parsed.message.type === "welcome") {
      this.#session = parsed.message.session;
      this.#epoch = parsed.message.epoch;
      if (this.#acknowledged?.epoch !== this.#epoch) this.#acknowledged = null;
    }
    this.#tell(parsed.message);
  }

  #streamUrl(): string {
    const { device, decided, schema, sdk, protocol, subscriptions } = this.#hello;
    const query = new URLSearchParams({
      device,
      decided: String(decided),
      schema: `${schema.version}.${schema.hash}`,
      protocol: protocol.join("-"),
      sdk,
      subscribe: JSON.stringify(subscriptions),
    });
    return `${this.#address.events}?${query}`;
  }

  #streamHeaders(): Record<string, string> {
    const { token, epoch, checkpoint } = this.#hello;
    return {
      accept: "text/event-stream",
      authorization: `Bearer ${token}`,
      ...(epoch === null ? {} : { "last-event-id": formatCheckpoint({ epoch, offset: checkpoint }) }),
    };
  }

  #common(): RequestInit {
    return { signal: this.#abort.signal, cache: "no-store", credentials: "omit" };
  }

  // ── up ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  send(message: ClientMessage): void {
    if (this.#isOver) return;
    switch (message.type) {
      case "push":
        this.#pushes.push(message);
        if (!this.#isPushing) void this.#pushAll();
        return;
      case "presence":
        this.#gatherPresence(message);
        if (!this.#isTellingPresence) void this.#tellPresence();
        return;
      case "ack":
        if (this.#epoch !== null) this.#acknowledged = { epoch: this.#epoch, offset: message.offset };
        return;
      case "ping":
        if (!this.#hasHeard) return;
        this.#hasHeard = false;
        return queueMicrotask(() => this.#tell({ type: "pong", nonce: message.nonce }));
      case "subscribe":
        return queueMicrotask(() => this.#end("a new stream is needed: there is a new subscription"));
      case "auth":
        return queueMicrotask(() => this.#end("a new stream is needed: there is a new token"));
      case "hello":
      case "unsubscribe":
      case "pong":
        return;
    }
  }

  close(): void {
    this.#end("closed by this device");
  }

  async #pushAll(): Promise<void> {
    this.#isPushing = true;
    for (let push = this.#pushes.shift(); push !== undefined && !this.#isOver; push = this.#pushes.shift()) {
      await this.#push(push);
    }
    this.#isPushing = false;
  }

  async #push({ mutations }: Push): Promise<void> {
    if (this.#epoch === null) return this.#end("a push came before the welcome");
    const body = reconcileBody(this.#hello, this.#epoch, this.#acknowledged, mutations);
    try {
      const response = await this.#post(this.#address.reconcile, body, {});
      if (!response.ok) return this.#refused(await refusalOf(response));
      const result = pushResultOf(await response.json(), mutations);
      if (result === null) return this.#end("the server's answer to a push cannot be read");
      this.#tell(result);
    } catch (error) {
      this.#end(`a push did not get through: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Of what waits for a room, only the last state counts; joining stays joining. */
  #gatherPresence(request: PresenceRequest): void {
    const waiting = this.#presence.get(request.room) ?? [];
    const last = waiting.at(-1);
    if (last === undefined || request.action !== "update" || last.action === "leave") waiting.push(request);
    else waiting[waiting.length - 1] = { ...request, action: last.action };
    this.#presence.set(request.room, waiting);
  }

  async #tellPresence(): Promise<void> {
    this.#isTellingPresence = true;
    while (this.#presence.size > 0 && !this.#isOver && this.#session !== null) {
      const requests = [...this.#presence.values()].flat();
      this.#presence.clear();
      for (const { room, action, clock, state } of requests) {
        const headers = { "tidelock-session": this.#session };
        // Presence that is lost is said again with the next state; it never ends a connection.
        await this.#post(this.#address.presence, { room, action, clock, state }, headers).catch(() => {});
      }
    }
    this.#isTellingPresence = false;
  }

  #post(url: string, body: object, headers: Readonly<Record<string, string>>): Promise<Response> {
    return this.#fetch(url, {
      method: "POST",
      headers: { "authorization": `Bearer ${this.#hello.token}`, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      ...this.#common(),
    });
  }

  // ── to the engine ────────────────────────────────────────────────────────────────────────────────────────────────

  #tell(message: ServerMessage): void {
    if (!this.#isOver) this.#events.message(message);
  }

  #refused(refusal: Refusal): void {
    this.#tell(refusal);
    this.#end(refusal.code);
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#abort.abort();
    this.#events.closed(reason);
  }
}

/** The refusal that an HTTP error stands for. */
async function refusalOf(response: Response): Promise<Refusal> {
  const body: unknown = await response.json().catch(() => null);
  const error = member(body, "error");
  const code = member(error, "code");
  const message = member(error, "message");
  const retryAfterMs = member(error, "retry_after_ms");
  const url = member(error, "url");
  return {
    type: "refusal",
    code: isErrorWord(code) ? code : "server-unreachable",
    message: typeof message === "string" ? message : `the server answered with status ${response.status}`,
    fatal: true,
    ...(typeof retryAfterMs === "number" ? { retryAfterMs } : {}),
    ...(typeof url === "string" ? { url } : {}),
  };
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
