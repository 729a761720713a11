/**
 * Bare sockets that can say what no client would, and that hear everything: each byte of an answer goes past the
 * `Witness`, which knows what must never be there. A wait that takes longer than any healthy answer is a failure: where an
 * answer is due, silence is a defect.
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import {
  decodeCbor,
  ERRORS,
  isErrorCode,
  parseServerMessage,
  type ResultRow,
  type ServerMessage,
} from "@tidelock/core";

/** How long an answer may take before it counts as silence. */
const SILENCE_MS = 15_000;

export function within<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`silence: ${what}`)), SILENCE_MS);
  });
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}

/** What gives the inside of the server away: stack traces, files, error classes of the runtime and the storage. */
const INSIDE =
  /\n\s+at [^\n]*:\d+|node:internal|node_modules|\.ts:\d+|(?:Type|Range|Reference|Syntax)Error|Assertion|ERR_[A-Z]+_|SQLITE_|node:sqlite|\/tmp\//;

/** Looks at everything that an attacker receives. */
export class Witness {
  readonly #forbidden: readonly string[];
  readonly #seen: string[] = [];
  bytes = 0;

  constructor(forbidden: readonly string[]) {
    this.#forbidden = forbidden;
  }

  /** @param before the end of what the same socket received before, so that nothing hides on a border */
  saw(bytes: Buffer, before: string): string {
    this.bytes += bytes.length;
    const text = before + bytes.toString("latin1");
    for (const tag of this.#forbidden) if (text.includes(tag)) this.#seen.push(around(text, text.indexOf(tag)));
    const inside = INSIDE.exec(text);
    if (inside !== null) this.#seen.push(around(text, inside.index));
    return text.slice(-200);
  }

  /** Tells of what was seen once, so that one leak does not fail what comes after it. */
  assertClean(): void {
    assert.deepEqual(this.#seen.splice(0).slice(0, 3), [], "something was sent that must never be sent");
  }
}

function around(text: string, at: number): string {
  return text.slice(Math.max(0, at - 200), at + 200);
}

export interface Address {
  readonly port: number;
  readonly witness: Witness;
}

// ── plain HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends bytes as they are; the first answer, or what there is of it when the server closes. */
export function speak(address: Address, request: string | Buffer, isEnough = isWhole): Promise<Answer> {
  const { port, witness } = address;
  const answer = new Promise<Answer>((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let received: Buffer = Buffer.alloc(0);
    let tail = "";
    const done = (): void => {
      resolve(answerOf(received));
      socket.destroy();
    };
    socket.on("error", () => {});
    socket.on("close", done);
    socket.on("data", (bytes: Buffer) => {
      tail = witness.saw(bytes, tail);
      received = Buffer.concat([received, bytes]);
      if (isEnough(received)) done();
    });
    socket.write(request);
  });
  return within(answer, `no answer to ${String(request).slice(0, 200)}`);
}

/** Opens a stream of server-sent events, and leaves it after its `welcome`, `goaway` or `refusal`. */
export function listen(address: Address, query: string, options: RequestOptions = {}): Promise<Answer> {
  const begun = (received: Buffer): boolean =>
    isWhole(received) || /event: (?:welcome|goaway|refusal)\n[^\n]*data:[^\n]*\n\n/.test(received.toString("utf8"));
  return speak(address, requestBytes("GET", `/sync/events${query}`, options), begun);
}

function answerOf(received: Buffer): Answer {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return { status: 0, head: "", body: received.toString("utf8") };
  const head = received.toString("latin1", 0, end);
  const rest = received.subarray(end + 4);
  const body = isChunked(head) ? withoutChunks(rest) : rest;
  return { status: Number(head.split(" ", 2)[1]), head, body: body.toString("utf8") };
}

function isChunked(head: string): boolean {
  return /^transfer-encoding: *chunked/im.test(head);
}

function isWhole(received: Buffer): boolean {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const head = received.toString("latin1", 0, end);
  if (isChunked(head)) return received.toString("latin1").endsWith("\r\n0\r\n\r\n");
  return received.length - end - 4 >= Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? Number.NaN);
}

function withoutChunks(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const line = body.indexOf("\r\n", at);
    const length = Number.parseInt(body.toString("latin1", at, line), 16);
    if (line < 0 || !(length > 0)) break;
    parts.push(body.subarray(line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
  return Buffer.concat(parts);
}

export interface RequestOptions {
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export function requestBytes(method: string, path: string, options: RequestOptions = {}): Buffer {
  const { token = null, headers = {}, body } = options;
  const all: Record<string, string> = {
    Host: "localhost",
    Connection: "close",
    ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
    ...(body === undefined
      ? {}
      : { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(body)) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const head = `${[`${method} ${path} HTTP/1.1`, ...lines].join("\r\n")}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(body ?? "")]);
}

export function request(address: Address, method: string, path: string, options?: RequestOptions): Promise<Answer> {
  return speak(address, requestBytes(method, path, options));
}

/** The code of an error's body, which must be one of the catalogue with its status. */
export function codeOf({ status, body }: Answer): string {
  const parsed = JSON.parse(body) as { error?: { code?: unknown; message?: unknown; fix?: unknown } };
  const code = parsed.error?.code;
  assert(isErrorCode(code), `an uncoded error: ${status} ${body.slice(0, 300)}`);
  assert.equal(status, ERRORS[code].http, `${code} came with ${status}`);
  assert(typeof parsed.error?.message === "string" && typeof parsed.error.fix === "string", body.slice(0, 300));
  assert.ok(parsed.error.message.length <= 4000, `${code} has a message of ${parsed.error.message.length} characters`);
  return code;
}

// ── WebSockets ─────────────────────────────────────────────────────────────────────────────────────────────────────

export interface DialOptions {
  readonly path?: string;
  readonly protocol?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One WebSocket, frame by frame. */
export class RawPeer {
  readonly socket: Socket;
  readonly messages: ServerMessage[] = [];
  /** The answer to the upgrade, when it was refused. */
  refused: Answer | null = null;
  /** Code and reason of the close frame; 1006 when there was none. */
  ended: { readonly code: number; readonly reason: string } | null = null;
  readonly #witness: Witness;
  #received: Buffer = Buffer.alloc(0);
  #tail = "";
  #isOpen = false;
  #fault: unknown = null;
  #wake: () => void = () => {};

  constructor({ port, witness }: Address, options: DialOptions) {
    this.#witness = witness;
    this.socket = connect(port, "127.0.0.1");
    this.socket.setNoDelay(true);
    this.socket.on("error", () => {});
    this.socket.on("data", (bytes: Buffer) => {
      try {
        this.#receive(bytes);
      } catch (error) {
        this.#fault = error;
        this.#wake();
      }
    });
    this.socket.on("close", () => this.#end(1006, ""));
    const headers = {
      "Host": "localhost",
      "Connection": "Upgrade",
      "Upgrade": "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      ...(options.protocol === undefined ? {} : { "Sec-WebSocket-Protocol": options.protocol }),
      ...options.headers,
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    this.socket.write(`${[`GET ${options.path ?? "/sync"} HTTP/1.1`, ...lines].join("\r\n")}\r\n\r\n`);
  }

  /** Resolves when the upgrade was answered. */
  async opened(): Promise<this> {
    await this.#until(() => this.#isOpen || this.ended !== null, "no answer to the upgrade");
    return this;
  }

  /** Sends JSON text; a value that is no text is made such. */
  say(message: unknown): void {
    this.frame(0x1, Buffer.from(typeof message === "string" ? message : JSON.stringify(message)));
  }

  frame(opcode: number, payload: Buffer, final: boolean = true): void {
    this.socket.write(clientFrame(opcode, payload, final));
  }

  /** The next message of a type; `null` when the session ends without it. */
  async next<Type extends ServerMessage["type"]>(
    type: Type,
  ): Promise<Extract<ServerMessage, { readonly type: Type }> | null> {
    for (;;) {
      const index = this.messages.findIndex((message) => message.type === type);
      const [found] = index < 0 ? [] : this.messages.splice(0, index + 1).slice(-1);
      if (found !== undefined) return found as Extract<ServerMessage, { readonly type: Type }>;
      if (this.ended !== null) return null;
      const count = this.messages.length;
      await this.#until(() => this.messages.length > count || this.ended !== null, `no ${type} came`);
    }
  }

  /**
   * Everything that was said so far has been answered, by what had to be said or by the end: a ping is answered in order.
   * The answers; the pong is not among them.
   */
  async settled(nonce: number = 424_242): Promise<readonly ServerMessage[]> {
    this.say({ type: "ping", nonce });
    await this.#until(
      () => this.ended !== null || this.messages.some((message) => message.type === "pong" && message.nonce === nonce),
      "neither an answer nor an end",
    );
    const index = this.messages.findIndex((message) => message.type === "pong" && message.nonce === nonce);
    const answers = this.messages.splice(0, index < 0 ? this.messages.length : index + 1);
    return answers.filter((message) => message.type !== "pong");
  }

  /** The first answer, of whatever kind; `null` when the session ends without one. */
  async answer(): Promise<ServerMessage | null> {
    await this.#until(() => this.messages.length > 0 || this.ended !== null, "no answer");
    return this.messages.shift() ?? null;
  }

  /** What became of so many mutations; fewer when the session ends. */
  async decided(count: number): Promise<readonly ResultRow[]> {
    const rows: ResultRow[] = [];
    while (rows.length < count) {
      const results = await this.next("push-result");
      if (results === null) break;
      rows.push(...results.results);
    }
    return rows;
  }

  /** Resolves when the session has ended. */
  async end(): Promise<{ readonly code: number; readonly reason: string }> {
    await this.#until(() => this.ended !== null, "the session did not end");
    assert(this.ended !== null);
    return this.ended;
  }

  leave(): void {
    this.socket.destroy();
  }

  #until(condition: () => boolean, what: string): Promise<void> {
    const wait = new Promise<void>((resolve, reject) => {
      this.#wake = () => {
        if (this.#fault !== null) reject(this.#fault);
        else if (condition()) resolve();
      };
      this.#wake();
    });
    return within(wait, what);
  }

  #end(code: number, reason: string): void {
    this.ended ??= { code, reason };
    this.#wake();
  }

  #receive(bytes: Buffer): void {
    this.#tail = this.#witness.saw(bytes, this.#tail);
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    if (!this.#isOpen && !this.#openWith()) return;
    while (this.#takeFrame());
    this.#wake();
  }

  #openWith(): boolean {
    const end = this.#received.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const answer = answerOf(this.#received);
    if (answer.status !== 101) {
      this.refused = answer;
      return false;
    }
    this.#isOpen = true;
    this.#received = this.#received.subarray(end + 4);
    return true;
  }

  #takeFrame(): boolean {
    const received = this.#received;
    if (received.length < 2) return false;
    let length = (received[1] ?? 0) & 0x7f;
    let at = 2;
    if (length === 126) {
      if (received.length < 4) return false;
      length = received.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (received.length < 10) return false;
      length = Number(received.readBigUInt64BE(2));
      at = 10;
    }
    if (received.length < at + length) return false;
    const payload = received.subarray(at, at + length);
    this.#received = received.subarray(at + length);
    const opcode = (received[0] ?? 0) & 0x0f;
    if (opcode === 0x8) this.#close(payload);
    else if (opcode === 0x1) this.#take(JSON.parse(payload.toString("utf8")));
    else if (opcode === 0x2) this.#take(cborOf(payload));
    return true;
  }

  #close(payload: Buffer): void {
    const reason = payload.subarray(2).toString("utf8");
    assert.ok(reason === "" || isErrorCode(reason), `the reason of a close frame is ${reason}`);
    this.socket.end(clientFrame(0x8, payload.subarray(0, 2)));
    this.#end(payload.length < 2 ? 1005 : payload.readUInt16BE(0), reason);
  }

  /** Whatever the server says has the form that the protocol gives it, and refusals have a code. */
  #take(message: unknown): void {
    const parsed = parseServerMessage(message);
    assert(parsed.ok, `the server said what is no message: ${parsed.ok ? "" : parsed.message}`);
    if (parsed.message.type === "refusal") assert.ok(isErrorCode(parsed.message.code), parsed.message.code);
    if (parsed.message.type === "push-result") {
      for (const [, , , detail] of parsed.message.results) {
        if (detail?.code !== undefined) assert.ok(isErrorCode(detail.code), detail.code);
      }
    }
    this.messages.push(parsed.message);
  }
}

function cborOf(payload: Buffer): unknown {
  const result = decodeCbor(payload, { maxDepth: 64, maxItems: 1e7 });
  assert(result.ok, "the server sent a binary frame that is not CBOR");
  return result.value;
}

/** A masked frame (with a mask of zeros). */
export function clientFrame(opcode: number, payload: Buffer, final: boolean = true): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 6 : length < 65_536 ? 8 : 14);
  head[0] = (final ? 0x80 : 0) | opcode;
  if (length < 126) {
    head[1] = 0x80 | length;
  } else if (length < 65_536) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

export function dial(address: Address, options: DialOptions = {}): Promise<RawPeer> {
  return new RawPeer(address, options).opened();
}
