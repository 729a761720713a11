/**
 * The WebSocket gateway: upgrade requests to connections, frames to messages. `ws` reads frames, answers pings and closes;
 * what goes out is framed by a `Format` and written to the socket as it is (see `turn.ts`), which is safe because `ws`
 * writes its own control frames whole and compression is off.
 *
 * What stays true: before authentication a socket costs at most one frame of `MAX_HELLO_BYTES`, one message and
 * `helloTimeoutMs`; a frame that is not a message ends the session with a coded refusal. One closure per event and
 * process, not per socket; the upgrade request is not kept.
 */
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import {
  type Codec,
  cborCodec,
  type ClientMessage,
  type ErrorCode,
  ERRORS,
  type Hello,
  jsonCodec,
  MAX_FRAME_BYTES,
  MAX_HELLO_BYTES,
  SUBPROTOCOL_BINARY,
  SUBPROTOCOL_JSON,
} from "@tidelock/core";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { closeCode } from "./close-code.ts";
import { Connection } from "./connection.ts";
import type { GatewayContext } from "./context.ts";
import { namesToken, TOKEN_IN_ADDRESS } from "./exchange.ts";
import { formatOf } from "./format.ts";
import { originAllowed } from "./origin.ts";
import type { Pipe } from "./pipe.ts";
import { newSessionId, tooOldFor } from "./greeting.ts";
import type { Sweep } from "./sweep.ts";

/** Time that a peer has to answer a close frame. */
const CLOSE_TIMEOUT_MS = 5_000;

export class WebSocketGateway {
  readonly #context: GatewayContext;
  readonly #sweep: Sweep;
  readonly #server: WebSocketServer;

  constructor(context: GatewayContext, sweep: Sweep) {
    this.#context = context;
    this.#sweep = sweep;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: MAX_HELLO_BYTES,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: chooseSubprotocol,
    } as ConstructorParameters<typeof WebSocketServer>[0]);
  }

  /** Takes over an upgrade request. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { headers } = request;
    const context = this.#context;
    if (!originAllowed(context.origins, headers.origin ?? null, headers.host ?? null)) {
      return refuseUpgrade(context, socket, "origin-forbidden");
    }
    if (!context.accepting()) return refuseUpgrade(context, socket, "shutting-down");
    if (namesToken(queryOf(request))) return refuseUpgrade(context, socket, "token-missing", TOKEN_IN_ADDRESS);
    const leave = context.admission.enter();
    if (leave === null) return refuseUpgrade(context, socket, "too-many-connections");
    socket.once("close", leave);
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, socket, leave));
  }

  /** Answers an upgrade request that is for nothing of ours. */
  refuse(socket: Duplex, code: ErrorCode): void {
    refuseUpgrade(this.#context, socket, code);
  }

  #accept(webSocket: WebSocket, socket: Duplex, leave: () => void): void {
    const codec = webSocket.protocol === SUBPROTOCOL_BINARY ? cborCodec : jsonCodec;
    const pipe = new WebSocketPipe(webSocket, socket);
    const format = formatOf(webSocket.protocol);
    const connection = new Connection(this.#context, "websocket", newSessionId(), pipe, format);
    const peer = new Peer(this.#context, this.#sweep, connection, webSocket, codec, leave);
    peers.set(webSocket, peer);
    connections.set(socket, connection);
    this.#sweep.add(connection);
    webSocket.on("message", onMessage);
    webSocket.on("close", onClose);
    webSocket.on("error", onError);
    socket.on("drain", onDrain);
  }
}

function chooseSubprotocol(offered: Set<string>): string | false {
  // In the order in which the client prefers them; one that we do not speak leaves the connection without.
  for (const name of offered) if (name === SUBPROTOCOL_JSON || name === SUBPROTOCOL_BINARY) return name;
  return false;
}

// ── one socket ─────────────────────────────────────────────────────────────────────────────────────────────────────

const peers = new WeakMap<WebSocket, Peer>();
const connections = new WeakMap<Duplex, Connection>();

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  peers.get(this)?.receive(data, isBinary);
}

function onClose(this: WebSocket): void {
  peers.get(this)?.closed();
}

function onError(this: WebSocket, error: Error & { code?: string }): void {
  peers.get(this)?.broke(error);
}

function onDrain(this: Duplex): void {
  connections.get(this)?.drained();
}

/** Frames to messages, for one socket. */
class Peer {
  readonly #context: GatewayContext;
  readonly #sweep: Sweep;
  readonly #connection: Connection;
  readonly #webSocket: WebSocket;
  readonly #codec: Codec;
  #leave: (() => void) | null;
  /** Messages that came in the same breath as the hello; at most `MAX_HELLO_BYTES` of frames. */
  #early: ClientMessage[] | null = null;
  #earlyBytes = 0;

  constructor(
    context: GatewayContext,
    sweep: Sweep,
    connection: Connection,
    webSocket: WebSocket,
    codec: Codec,
    leave: () => void,
  ) {
    this.#context = context;
    this.#sweep = sweep;
    this.#connection = connection;
    this.#webSocket = webSocket;
    this.#codec = codec;
    this.#leave = leave;
  }

  receive(data: RawData, isBinary: boolean): void {
    const { state } = this.#connection;
    if (state === "closing" || state === "closed" || Array.isArray(data)) return;
    if (isBinary !== (this.#codec.name === "cbor")) {
      const expected = isBinary ? "text frames of JSON" : "binary frames of CBOR";
      return this.#connection.refuse("malformed-frame", `this session speaks ${expected}`, true);
    }
    const parsed = this.#codec.decodeClient(data, state === "open" ? MAX_FRAME_BYTES : MAX_HELLO_BYTES);
    if (!parsed.ok) return this.#connection.refuse(parsed.code, parsed.message, true);
    if (state === "open") return this.#connection.receive(parsed.message);
    if (state === "entering") return this.#keep(parsed.message, data.byteLength);
    if (parsed.message.type !== "hello") {
      return this.#connection.refuse("hello-expected", `the first message was ${parsed.message.type}`, true);
    }
    void this.#enter(parsed.message);
  }

  async #enter(hello: Hello): Promise<void> {
    this.#context.metrics.messagesIn.add("hello");
    const tooOld = tooOldFor(hello, this.#context);
    if (tooOld !== null) return this.#connection.refuse("upgrade-required", tooOld.message, true, { url: tooOld.url });
    this.#webSocket.pause();
    await this.#connection.enter(hello);
    this.#giveBackPlace();
    if (this.#connection.state !== "open") return;
    raiseFrameLimit(this.#webSocket, MAX_FRAME_BYTES);
    const early = this.#early ?? [];
    this.#early = null;
    for (const message of early) this.#connection.receive(message);
    this.#webSocket.resume();
  }

  /** The socket is paused, but what had been read already still comes. */
  #keep(message: ClientMessage, byteLength: number): void {
    this.#earlyBytes += byteLength;
    if (this.#earlyBytes > MAX_HELLO_BYTES) {
      return this.#connection.refuse("frame-too-large", "too much was sent before the welcome", true);
    }
    this.#early ??= [];
    this.#early.push(message);
  }

  /** `ws` has closed the socket already, with a code of its own. */
  broke(error: Error & { code?: string }): void {
    const tooLarge = error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";
    if (error.code?.startsWith("WS_ERR_") === true) {
      this.#context.metrics.refusals.add(tooLarge ? "frame-too-large" : "malformed-frame");
    }
    this.#connection.closed();
  }

  closed(): void {
    this.#giveBackPlace();
    this.#sweep.remove(this.#connection);
    this.#connection.closed();
  }

  #giveBackPlace(): void {
    this.#leave?.();
    this.#leave = null;
  }
}

/** `ws` fixes the limit per server; a socket that has authenticated may send more. A test holds `ws` to this. */
function raiseFrameLimit(webSocket: WebSocket, maxBytes: number): void {
  const { _receiver: receiver } = webSocket as unknown as { _receiver?: { _maxPayload: number } };
  if (receiver !== undefined) receiver._maxPayload = maxBytes;
}

class WebSocketPipe implements Pipe {
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;

  constructor(webSocket: WebSocket, socket: Duplex) {
    this.#webSocket = webSocket;
    this.#socket = socket;
  }

  write(bytes: Buffer): boolean {
    // After a close frame nothing may follow. (A socket that broke meanwhile ignores what it gets, and says so to `ws`.)
    return this.#webSocket.readyState !== WebSocket.OPEN || this.#socket.write(bytes);
  }

  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }

  end(code: ErrorCode): void {
    // A paused socket would never read the peer's close frame.
    this.#webSocket.resume();
    this.#webSocket.close(closeCode(code), code);
  }

  destroy(): void {
    this.#webSocket.terminate();
  }
}

function queryOf({ url = "" }: IncomingMessage): URLSearchParams {
  const mark = url.indexOf("?");
  return new URLSearchParams(mark < 0 ? "" : url.slice(mark));
}

/** An answer to an upgrade request in plain HTTP. */
function refuseUpgrade({ metrics }: GatewayContext, socket: Duplex, code: ErrorCode, detail: string = ""): void {
  metrics.refusals.add(code);
  const { http, message, fix, retryable } = ERRORS[code];
  const body = JSON.stringify({ error: { code, message: detail === "" ? message : detail, fix, retryable } });
  const head = [
    `HTTP/1.1 ${http} ${STATUS_CODES[http] ?? ""}`,
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryable ? ["Retry-After: 5"] : []),
  ];
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
