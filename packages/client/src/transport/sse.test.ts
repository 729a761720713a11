/** The SSE transport against a small HTTP server. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import {
  type Hello,
  type JsonObject,
  makeStamp,
  type MutationRow,
  parseDeviceId,
  parseEntityId,
  parseEpoch,
  parseRoomName,
  type ServerMessage,
  temporaryId,
} from "@tidelock/core";
import { serverAddress } from "./address.ts";
import { pushResultOf } from "./reconcile.ts";
import { sseTransport } from "./sse.ts";
import type { Connection } from "./transport.ts";

const device = parseDeviceId("d1")!;
const epoch = parseEpoch("e1")!;
const hello: Hello = {
  type: "hello",
  protocol: [1, 1],
  schema: { version: 3, hash: "abc" },
  sdk: "tidelock-js/0.1.0 test",
  device,
  token: "secret",
  epoch,
  checkpoint: 7,
  decided: 2,
  subscriptions: [{ id: 1, collection: "tasks", where: { done: false }, key: null }],
};
const welcome = {
  type: "welcome",
  protocol: 1,
  session: "s1",
  user: "ana",
  epoch: "e1",
  head: 7,
  time: 1_700_000_000_000,
  columns: {},
  decided: 2,
  whole: [],
  results: [],
  expires: null,
  limits: { frameBytes: 1000, pushMutations: 10, idleMs: 1000 },
  upgrade: null,
};

interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly body: JsonObject;
  readonly response: ServerResponse;
}

/** Requests wait here until the test answers them. */
class PlayedServer {
  readonly requests: Request[] = [];
  #wake: () => void = () => {};
  readonly #server: Server = createServer((request, response) => void this.#take(request, response));

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async next(path: string): Promise<Request> {
    for (;;) {
      const index = this.requests.findIndex(({ url }) => url.pathname === path);
      const [request] = index < 0 ? [] : this.requests.splice(index, 1);
      if (request !== undefined) return request;
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const piece of request) text += String(piece);
    const body = text === "" ? {} : (JSON.parse(text) as JsonObject);
    const url = new URL(request.url ?? "", "http://localhost");
    this.requests.push({ method: request.method ?? "", url, headers: request.headers, body, response });
    this.#wake();
  }
}

/** What a connection has told, to be waited for one by one. */
class Told {
  readonly #items: string[] = [];
  #wake: () => void = () => {};

  add(item: string): void {
    this.#items.push(item);
    this.#wake();
  }

  async next(): Promise<string> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) return item;
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }
}

describe("the SSE transport", () => {
  const server = new PlayedServer();
  let base = "";
  before(async () => void (base = await server.start()));
  after(() => server.stop());

  function connect(): { readonly connection: Connection; readonly told: Told } {
    const told = new Told();
    const connection = sseTransport({ address: serverAddress(base, undefined) }).connect(hello, {
      opened: () => told.add("opened"),
      message: (message: ServerMessage) => told.add(JSON.stringify(message)),
      closed: (reason) => told.add(`closed: ${reason}`),
    });
    return { connection, told };
  }

  async function open(): Promise<{ connection: Connection; told: Told; stream: Request }> {
    const { connection, told } = connect();
    const stream = await server.next("/sync/events");
    stream.response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    stream.response.write(`retry: 2000\n\nevent: welcome\ndata: ${JSON.stringify(welcome)}\n\n`);
    assert.equal(await told.next(), "opened");
    assert.deepEqual(JSON.parse(await told.next()), welcome);
    return { connection, told, stream };
  }

  function answer(request: Request, status: number, body: object): void {
    request.response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  it("says in the request what a hello says, the token in a header only", async () => {
    const { connection, stream } = await open();
    assert.equal(stream.headers.authorization, "Bearer secret");
    assert.equal(stream.headers["last-event-id"], "e1.7");
    assert.ok(!stream.url.href.includes("secret"));
    assert.deepEqual(Object.fromEntries(stream.url.searchParams), {
      device: "d1",
      decided: "2",
      schema: "3.abc",
      protocol: "1-1",
      sdk: hello.sdk,
      subscribe: JSON.stringify(hello.subscriptions),
    });
    connection.close();
  });

  it("passes messages on, whole, however they were cut", async () => {
    const { connection, told, stream } = await open();
    const message = { type: "delta", from: 7, to: 8, time: 0, changes: [[0, "tasks", "t1", 8, ["ü€😀"]]] };
    const bytes = Buffer.from(`event: delta\nid: e1.8\ndata: ${JSON.stringify(message)}\n\n`);
    for (const byte of bytes) stream.response.write(Buffer.from([byte]));
    assert.deepEqual(JSON.parse(await told.next()), message);
    connection.close();
    assert.equal(await told.next(), "closed: closed by this device");
  });

  it("turns pushes into requests, one after another, and answers into results", async () => {
    const { connection, told } = await open();
    const temporary = temporaryId(device, 5);
    const first: MutationRow = [
      3,
      "create",
      "lists",
      temporary,
      { name: "Home" },
      7,
      makeStamp(1_700_000_000_123, 4),
      0,
    ];
    const second: MutationRow = [
      4,
      "update",
      "tasks",
      parseEntityId("t1")!,
      { list: temporary },
      7,
      makeStamp(1_700_000_001_000, 0),
      0,
    ];
    connection.send({ type: "ack", offset: 6 });
    connection.send({ type: "push", mutations: [first] });
    connection.send({ type: "push", mutations: [second] });
    const request = await server.next("/sync/reconcile");
    assert.equal(request.headers.authorization, "Bearer secret");
    assert.deepEqual(request.body, {
      device_id: "d1",
      schema_version: 3,
      last_ack_version: "e1.6",
      mutations: [
        {
          temp_id: "3",
          entity_id: temporary,
          collection: "lists",
          operation: "create",
          payload: { name: "Home" },
          version: "e1.7~d1:2",
          occurred_at: "2023-11-14T22:13:20.123Z",
        },
      ],
    });
    assert.equal(server.requests.length, 0, "the second waits for the first");
    answer(request, 200, {
      applied: [{ temp_id: "3", entity_id: "list-1", version: "e1.9", outcome: "applied" }],
      conflicts: [],
      rejected: [],
      state: [],
      checkpoint: "e1.9",
      has_more: false,
    });
    assert.deepEqual(JSON.parse(await told.next()), {
      type: "push-result",
      results: [[3, "applied", 9, { entity: "list-1" }]],
    });
    const next = await server.next("/sync/reconcile");
    answer(next, 200, { applied: [], rejected: [{ temp_id: "4", code: "forbidden", message: "no" }] });
    assert.deepEqual(JSON.parse(await told.next()), {
      type: "push-result",
      results: [[4, "rejected", 0, { code: "forbidden", message: "no" }]],
    });
    connection.close();
  });

  it("tells presence in the name of its session, the last state of each room", async () => {
    const { connection } = await open();
    const room = parseRoomName("board")!;
    connection.send({ type: "presence", room, action: "join", clock: 1, state: 1 });
    const request = await server.next("/sync/presence");
    connection.send({ type: "presence", room, action: "update", clock: 2, state: 2 });
    connection.send({ type: "presence", room, action: "update", clock: 3, state: 3 });
    assert.equal(request.headers["tidelock-session"], "s1");
    assert.deepEqual(request.body, { room: "board", action: "join", clock: 1, state: 1 });
    answer(request, 202, {});
    const latest = await server.next("/sync/presence");
    assert.deepEqual(latest.body, { room: "board", action: "update", clock: 3, state: 3 });
    answer(latest, 500, {});
    connection.send({ type: "presence", room, action: "leave", clock: 4, state: null });
    assert.equal((await server.next("/sync/presence")).body["action"], "leave");
    connection.close();
  });

  it("answers a ping itself if anything was heard since the last one", async () => {
    const { connection, told, stream } = await open();
    connection.send({ type: "ping", nonce: 1 });
    assert.deepEqual(JSON.parse(await told.next()), { type: "pong", nonce: 1 });
    connection.send({ type: "ping", nonce: 2 });
    stream.response.write(`data: ${JSON.stringify({ type: "pong", nonce: 9 })}\n\n`);
    assert.deepEqual(JSON.parse(await told.next()), { type: "pong", nonce: 9 }, "the second ping had no answer");
    connection.close();
  });

  it("needs a new stream for a new subscription or token", async () => {
    const { connection, told } = await open();
    connection.send({ type: "subscribe", id: 2, collection: "lists", where: {}, key: null });
    assert.match(await told.next(), /^closed: a new stream is needed/);
  });

  it("passes on why the server refuses, before and after the stream is open", async () => {
    const refused = connect();
    answer(await server.next("/sync/events"), 401, { error: { code: "token-expired", message: "it has expired" } });
    assert.equal(await refused.told.next(), "opened");
    const refusal = { type: "refusal", code: "token-expired", message: "it has expired", fatal: true };
    assert.deepEqual(JSON.parse(await refused.told.next()), refusal);
    assert.equal(await refused.told.next(), "closed: token-expired");

    const { connection, told } = await open();
    connection.send({
      type: "push",
      mutations: [[3, "delete", "tasks", parseEntityId("t1")!, {}, 7, makeStamp(0, 0), 0]],
    });
    const overloaded = { error: { code: "overloaded", message: "wait", retry_after_ms: 700 } };
    answer(await server.next("/sync/reconcile"), 503, overloaded);
    assert.deepEqual(JSON.parse(await told.next()), {
      type: "refusal",
      code: "overloaded",
      message: "wait",
      fatal: true,
      retryAfterMs: 700,
    });
    assert.equal(await told.next(), "closed: overloaded");
  });

  it("is over when what answers is not the server", async () => {
    const portal = connect();
    const request = await server.next("/sync/events");
    request.response.writeHead(200, { "content-type": "text/html" }).end("<h1>Please log in</h1>");
    assert.equal(await portal.told.next(), "closed: what answered is no event stream");
    const gateway = connect();
    (await server.next("/sync/events")).response.writeHead(502).end("Bad gateway");
    assert.equal(await gateway.told.next(), "closed: the server answered with status 502");
    const broken = await open();
    broken.stream.response.write("data: {\n\n");
    assert.match(await broken.told.next(), /^closed: the server sent what is no message/);
    const ended = await open();
    ended.stream.response.end();
    assert.equal(await ended.told.next(), "closed: the stream ended");
  });
});

describe("the results in an answer to a push", () => {
  const mutations: readonly MutationRow[] = [1, 2, 3].map((counter) => [
    counter,
    "delete",
    "tasks",
    parseEntityId("t1")!,
    {},
    0,
    makeStamp(0, 0),
    0,
  ]);
  const applied = (counter: number): object => ({
    temp_id: String(counter),
    entity_id: "t1",
    version: `e1.${counter}`,
    outcome: "duplicate",
  });

  it("are in the order of the mutations, up to the first that is missing", () => {
    const answer = { applied: [applied(3), applied(1)], rejected: [] };
    assert.deepEqual(pushResultOf(answer, mutations)?.results, [[1, "duplicate", 1, {}]]);
  });

  it("are refused in any other form", () => {
    for (const answer of [
      null,
      5,
      {},
      { applied: [] },
      { applied: {}, rejected: [] },
      { applied: [{ ...applied(1), version: "x" }], rejected: [] },
    ]) {
      assert.equal(pushResultOf(answer, mutations), null);
    }
  });
});
