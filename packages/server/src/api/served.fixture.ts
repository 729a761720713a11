/**
 * For tests: a server on a free loopback port, and peers that speak to it as bytes and JSON, so that they can also say
 * what no client would. Everything ends with the test. Nothing here waits for time: peers wait for what arrives.
 */
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type ClientMessage, collection, defineSchema, field, type ServerMessage } from "@tidelock/core";
import { type ClientOptions, WebSocket } from "ws";
import { memoryStorage } from "../storage/memory.ts";
import { createServer, type TidelockServer } from "./create-server.ts";
import type { ServerOptions } from "./options.ts";

export const schema = defineSchema({
  version: 2,
  collections: {
    tasks: collection({ title: field.string(), done: field.boolean().default(false) }),
    notes: collection({ text: field.string() }, { ids: "server" }),
  },
});

export interface Served {
  readonly server: TidelockServer;
  readonly url: string;
  readonly port: number;
  /** The address for WebSockets. */
  readonly socketUrl: string;
  /** Called before the server closes: bare sockets answer no farewell, and it would wait for them. */
  readonly before: Array<() => void>;
}

/** The token is `tenant/user`. */
export const authenticate: NonNullable<ServerOptions["authenticate"]> = (token) => {
  const [tenant = "", user = ""] = token.split("/");
  if (user === "") throw new Error("not a token");
  return { tenant, user };
};

export async function serve(test: TestContext, changes: Partial<ServerOptions> = {}): Promise<Served> {
  const server = createServer({ schema, storage: memoryStorage(), logger: false, authenticate, ...changes });
  const before: Array<() => void> = [];
  test.after(() => {
    for (const leave of before) leave();
    return server.close();
  });
  const { url, port } = await server.listen(0);
  return { server, url, port, socketUrl: `${url.replace("http", "ws")}/sync`, before };
}

export interface HelloChanges {
  readonly [member: string]: unknown;
}

export function hello(changes: HelloChanges = {}): Record<string, unknown> {
  return {
    type: "hello",
    protocol: [1, 1],
    schema: { version: schema.version, hash: schema.hash },
    sdk: "test",
    device: "d1",
    token: "acme/ana",
    epoch: null,
    checkpoint: 0,
    decided: 0,
    subscriptions: [],
    ...changes,
  };
}

/** `[counter, operation, collection, entity, fields, seen, stamp, remaining]` of a new task. */
export function createTask(counter: number, entity: string, title: string): unknown[] {
  return [counter, "create", "tasks", entity, { title }, 0, counter.toString(16).padStart(16, "0"), 0];
}

export const ALL_TASKS = [{ id: 1, collection: "tasks", where: {}, key: null }];

/** A WebSocket that keeps what arrived until somebody asks for it. */
export class Peer {
  readonly socket: WebSocket;
  readonly #arrived: ServerMessage[] = [];
  #wake: () => void = () => {};
  /** Code and reason of the close frame, or the handshake's status. */
  ended: { readonly code: number; readonly reason: string } | null = null;

  constructor(address: string, protocols: readonly string[], options: ClientOptions) {
    this.socket = new WebSocket(address, [...protocols], { perMessageDeflate: false, ...options });
    this.socket.on("message", (data) => {
      this.#arrived.push(JSON.parse(String(data)));
      this.#wake();
    });
    this.socket.on("close", (code, reason) => this.#end(code, String(reason)));
    this.socket.on("unexpected-response", (_request, response) => this.#end(response.statusCode ?? 0, "refused"));
    this.socket.on("error", () => {});
  }

  #end(code: number, reason: string): void {
    this.ended ??= { code, reason };
    this.#wake();
  }

  send(message: ClientMessage | Record<string, unknown>): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The next message of a type; those before it are dropped. Rejects when the socket closes first. */
  async next<Type extends ServerMessage["type"]>(type: Type): Promise<Extract<ServerMessage, { type: Type }>> {
    for (;;) {
      for (let message = this.#arrived.shift(); message !== undefined; message = this.#arrived.shift()) {
        if (message.type === type) return message as Extract<ServerMessage, { type: Type }>;
      }
      if (this.ended !== null) throw new Error(`closed (${this.ended.code} ${this.ended.reason}) before ${type} came`);
      await this.#arrival();
    }
  }

  /** Resolves with the close code and reason. */
  async end(): Promise<{ readonly code: number; readonly reason: string }> {
    while (this.ended === null) await this.#arrival();
    return this.ended;
  }

  #arrival(): Promise<void> {
    return new Promise((wake) => (this.#wake = wake));
  }
}

/** A WebSocket that is open, or was refused. */
export async function dial(
  test: TestContext,
  served: Served,
  options: ClientOptions = {},
  protocols: readonly string[] = ["tidelock.json"],
): Promise<Peer> {
  const peer = new Peer(served.socketUrl, protocols, options);
  test.after(() => peer.socket.terminate());
  await new Promise<void>((settled) => {
    peer.socket.on("open", () => settled());
    peer.socket.on("error", () => settled());
    peer.socket.on("unexpected-response", () => settled());
  });
  return peer;
}

/** A WebSocket that has said hello and was welcomed. */
export async function join(test: TestContext, served: Served, changes: HelloChanges = {}): Promise<Peer> {
  const peer = await dial(test, served);
  peer.send(hello(changes));
  await peer.next("welcome");
  return peer;
}

/** A bare socket after its WebSocket upgrade, for frames that no library would send and readers that do not read. */
export async function dialRaw(served: Served): Promise<Socket> {
  const socket = connect(served.port, "127.0.0.1");
  served.before.push(() => socket.destroy());
  socket.on("error", () => {});
  const head = [
    "GET /sync HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  await new Promise<void>((upgraded) => socket.once("data", () => upgraded()));
  return socket;
}

/** A masked client frame (with a mask of zeros). */
export function clientFrame(payload: string | Buffer, opcode: number = 0x1, final: boolean = true): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(bytes.length < 126 ? 6 : 14);
  head[0] = (final ? 0x80 : 0) | opcode;
  if (bytes.length < 126) {
    head[1] = 0x80 | bytes.length;
  } else {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(bytes.length), 2);
  }
  return Buffer.concat([head, bytes]);
}

/** A request with a bearer token and, if there is one, a JSON body. */
export function request(
  { url }: Pick<Served, "url">,
  path: string,
  options: {
    readonly token?: string | null;
    readonly body?: unknown;
    readonly headers?: Record<string, string>;
  } & Omit<RequestInit, "body" | "headers"> = {},
): Promise<Response> {
  const { token = "acme/ana", body, headers, ...rest } = options;
  return fetch(`${url}${path}`, {
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    ...rest,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
  });
}

/** The code in an error's body. */
export async function codeOf(response: Response): Promise<string> {
  const { error } = (await response.json()) as { error: { code: string } };
  return error.code;
}
