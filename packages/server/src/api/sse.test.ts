import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import type { ServerMessage } from "@tidelock/core";
import { createServer } from "./create-server.ts";
import { memoryStorage } from "../storage/memory.ts";
import { authenticate, codeOf, createTask, join, request, schema, serve, type Served } from "./served.fixture.ts";

interface StreamEvent {
  readonly event: string;
  readonly id: string | null;
  readonly message: ServerMessage;
}

/** A reader of an event stream that asks for one event after the other, as `curl -N` would print them. */
class Reader {
  readonly #parts: AsyncIterator<Uint8Array>;
  #text = "";

  constructor(response: Response) {
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
    assert.ok(response.body);
    this.#parts = response.body[Symbol.asyncIterator]();
  }

  async block(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const { done, value } = await this.#parts.next();
      if (done === true) return null;
      this.#text += Buffer.from(value).toString();
    }
  }

  /** The next event of a type, and those before it. */
  async until(type: string): Promise<{ readonly last: StreamEvent; readonly all: readonly StreamEvent[] }> {
    const all: StreamEvent[] = [];
    for (let block = await this.block(); block !== null; block = await this.block()) {
      const lines = new Map(block.split("\n").map((line) => line.split(/: (.*)/s) as [string, string]));
      const data = lines.get("data");
      if (data === undefined) continue;
      const last = { event: lines.get("event") ?? "", id: lines.get("id") ?? null, message: JSON.parse(data) };
      all.push(last);
      if (last.event === type) return { last, all };
    }
    throw new Error(`the stream ended before ${type} came`);
  }

  async close(): Promise<void> {
    await this.#parts.return?.();
  }
}

async function listen(
  t: TestContext,
  served: Served,
  path: string = "/sync/events?device=d2",
  headers: Record<string, string> = {},
  token: string = "acme/bob",
): Promise<Reader> {
  const reader = new Reader(await request(served, path, { headers, token }));
  t.after(() => reader.close().catch(() => {}));
  return reader;
}

async function put(served: Served, name: string): Promise<void> {
  const mutations = [{ temp_id: name, collection: "tasks", operation: "create", payload: { title: name } }];
  const body = { device_id: "writer", last_ack_version: null, mutations };
  assert.equal((await request(served, "/sync/reconcile", { token: "acme/writer", body })).status, 200);
}

const titlesIn = (events: readonly StreamEvent[]): unknown[] =>
  events.flatMap(({ message }) => {
    if (message.type === "rows") return message.rows.map(([, , values]) => values[0]);
    if (message.type === "delta") return message.changes.flatMap((change) => (change[0] <= 1 ? [change[4]?.[0]] : []));
    return [];
  });

describe("GET /sync/events", () => {
  test("brings the snapshot of every collection, then what happens", async (t) => {
    const served = await serve(t);
    await put(served, "before");
    const reader = await listen(t, served);
    assert.equal(await reader.block(), "retry: 2000");
    const { all } = await reader.until("snapshot-end");
    assert.deepEqual(titlesIn(all), ["before"]);
    await reader.until("snapshot-end");
    await put(served, "after");
    const { all: later } = await reader.until("delta");
    assert.deepEqual(titlesIn(later), ["after"]);
  });

  test("events have no id while a subscription waits for its snapshot, and the checkpoint afterwards", async (t) => {
    const served = await serve(t);
    await put(served, "one");
    const reader = await listen(t, served);
    const { all: first } = await reader.until("snapshot-end");
    assert.deepEqual(
      first.map(({ id }) => id),
      first.map(() => null),
    );
    await reader.until("snapshot-end");
    const { last } = await reader.until("snapshot-end");
    assert.match(last.id ?? "", /^[A-Za-z0-9]+\.1$/);
    await put(served, "two");
    assert.match((await reader.until("delta")).last.id ?? "", /\.2$/);
  });

  test("goes on after Last-Event-ID without a snapshot", async (t) => {
    const served = await serve(t);
    await put(served, "one");
    const first = await listen(t, served);
    await first.until("snapshot-end");
    await first.until("snapshot-end");
    const { last } = await first.until("snapshot-end");
    await first.close();
    await put(served, "two");
    await put(served, "three");
    for (const [path, headers] of [
      ["/sync/events?device=d2", { "last-event-id": last.id ?? "" }],
      [`/sync/events?device=d2&checkpoint=${last.id}`, {}],
    ] as const) {
      const again = await listen(t, served, path, headers);
      const { all } = await again.until("delta");
      assert.deepEqual(
        all.map(({ event }) => event),
        ["welcome", "delta"],
      );
      assert.deepEqual(titlesIn(all), ["two", "three"]);
      assert.match(all.at(-1)?.id ?? "", /\.3$/);
      await again.close();
    }
  });

  test("a checkpoint of another log leads to a resync and snapshots, with ids only afterwards", async (t) => {
    const served = await serve(t);
    await put(served, "one");
    const reader = await listen(t, served, "/sync/events?device=d2", { "last-event-id": "elsewhere.7" });
    await reader.until("resync");
    const { all } = await reader.until("snapshot-end");
    assert.ok(all.every(({ id }) => id === null));
    assert.deepEqual(titlesIn(all), ["one"]);
    await reader.until("snapshot-end");
    assert.match((await reader.until("snapshot-end")).last.id ?? "", /\.1$/);
  });

  test("subscribes to what it is asked for", async (t) => {
    const served = await serve(t);
    const subscribe = encodeURIComponent(JSON.stringify([{ collection: "tasks", where: { title: "two" } }]));
    const reader = await listen(t, served, `/sync/events?subscribe=${subscribe}`, { "tidelock-device": "d2" });
    await reader.until("snapshot-end");
    await put(served, "one");
    await put(served, "two");
    const { all } = await reader.until("delta");
    assert.deepEqual(titlesIn(all), ["two"]);
  });

  test("takes the hello of an SDK from the query", async (t) => {
    const served = await serve(t);
    const query = new URLSearchParams({
      device: "d2",
      decided: "0",
      schema: `${schema.version}.${schema.hash}`,
      protocol: "1-1",
      sdk: "tidelock-js/0.1.0",
      subscribe: JSON.stringify([{ id: 7, collection: "tasks", where: {}, key: null }]),
    });
    const reader = await listen(t, served, `/sync/events?${query}`);
    const { last } = await reader.until("snapshot-end");
    assert.deepEqual(last.message, { type: "snapshot-end", subscription: 7, offset: 0 });
  });

  const refused: ReadonlyArray<readonly [name: string, path: string, status: number, code: string]> = [
    ["without a device", "/sync/events", 400, "device-invalid"],
    ["a token in the address", "/sync/events?device=d2&token=acme/bob", 401, "token-missing"],
    ["an access_token in the address", "/sync/events?device=d2&access_token=x", 401, "token-missing"],
    ["a checkpoint that is none", "/sync/events?device=d2&checkpoint=now", 400, "version-invalid"],
    ["subscribe that is not JSON", "/sync/events?device=d2&subscribe=tasks", 400, "invalid-message"],
    ["subscribe that is no list", "/sync/events?device=d2&subscribe={}", 400, "invalid-message"],
    [
      "subscribe with a bad collection",
      '/sync/events?device=d2&subscribe=[{"collection":"a b"}]',
      400,
      "invalid-message",
    ],
    ["subscribe with an item that is no object", "/sync/events?device=d2&subscribe=[7]", 400, "invalid-message"],
    [
      "too many subscriptions",
      `/sync/events?device=d2&subscribe=${JSON.stringify(Array.from({ length: 65 }, () => ({})))}`,
      429,
      "too-many-subscriptions",
    ],
    ["another protocol", "/sync/events?device=d2&protocol=8-9", 426, "upgrade-required"],
    ["a protocol that is no range", "/sync/events?device=d2&protocol=x", 400, "invalid-message"],
  ];
  for (const [name, path, status, code] of refused) {
    test(`refused: ${name}`, async (t) => {
      const response = await request(await serve(t), path);
      assert.deepEqual([response.status, await codeOf(response)], [status, code]);
    });
  }

  test("refused: no token, a bad one, a foreign page", async (t) => {
    const served = await serve(t);
    assert.equal(await codeOf(await request(served, "/sync/events?device=d2", { token: null })), "token-missing");
    assert.equal(await codeOf(await request(served, "/sync/events?device=d2", { token: "bad" })), "token-invalid");
    const headers = { origin: "https://evil.example" };
    assert.equal(await codeOf(await request(served, "/sync/events?device=d2", { headers })), "origin-forbidden");
  });

  test("a reader that leaves gives its place back", async (t) => {
    const served = await serve(t, { limits: { maxSessionsPerUser: 1 } });
    const first = await listen(t, served);
    await first.until("welcome");
    assert.equal((await request(served, "/sync/events?device=d3", { token: "acme/bob" })).status, 503);
    await first.close();
    let status = 503;
    while (status === 503) {
      const response = await request(served, "/sync/events?device=d3", { token: "acme/bob" });
      status = response.status;
      await response.body?.cancel();
    }
    assert.equal(status, 200);
  });

  test("a device of another user is refused within the stream, which ends", async (t) => {
    const served = await serve(t);
    await join(t, served, { device: "d2", token: "acme/ana" });
    const reader = await listen(t, served);
    const { last } = await reader.until("refusal");
    assert.equal(last.message.type === "refusal" && last.message.code, "device-taken");
    assert.equal(await reader.block(), null);
  });

  test("works through the fetch handler", async (t) => {
    const server = createServer({ schema, storage: memoryStorage(), authenticate, logger: false });
    t.after(() => server.close());
    const headers = { authorization: "Bearer acme/bob" };
    const response = await server.fetch(new Request("http://host.example/sync/events?device=d2", { headers }));
    const reader = new Reader(response);
    await reader.until("snapshot-end");
    const body = JSON.stringify({
      device_id: "d1",
      mutations: [{ temp_id: "a", collection: "tasks", operation: "create", payload: { title: "x" } }],
    });
    const json = { ...headers, "content-type": "application/json" };
    const posted = await server.fetch(
      new Request("http://host.example/sync/reconcile", { method: "POST", body, headers: json }),
    );
    assert.equal(posted.status, 200);
    assert.deepEqual(titlesIn((await reader.until("delta")).all), ["x"]);
    await reader.close();
  });
});

test("a stream of the fetch handler ends with the server, which does not wait for it", async (t) => {
  const server = createServer({ schema, storage: memoryStorage(), authenticate, logger: false });
  t.after(() => server.close());
  const headers = { authorization: "Bearer acme/bob" };
  const reader = new Reader(await server.fetch(new Request("http://host.example/sync/events?device=d2", { headers })));
  await reader.until("welcome");
  assert.equal(server.metrics.sessions.get("sse"), 1);
  const closing = server.close();
  await reader.until("goaway");
  assert.equal(await reader.block(), null);
  await closing;
  assert.equal(server.metrics.sessions.get("sse"), 0);
});

describe("POST /sync/presence", () => {
  const say = (served: Served, session: string, token: string, changes: object = {}): Promise<Response> =>
    request(served, "/sync/presence", {
      token,
      headers: { "tidelock-session": session },
      body: { room: "board", action: "join", clock: 1, state: { cursor: 3 }, ...changes },
    });

  test("reaches the others in the room", async (t) => {
    const served = await serve(t);
    const reader = await listen(t, served);
    const { last } = await reader.until("welcome");
    const session = last.message.type === "welcome" ? last.message.session : "";
    const ana = await join(t, served, { device: "d1" });
    ana.send({ type: "presence", room: "board", action: "join", clock: 1, state: null });
    await ana.next("presence");
    assert.equal((await say(served, session, "acme/bob")).status, 202);
    for (;;) {
      const { members } = await ana.next("presence");
      if (members.some(([who, , , , state]) => who === session && JSON.stringify(state) === '{"cursor":3}')) break;
    }
  });

  test("is refused for sessions of others, unknown ones, and in a wrong form", async (t) => {
    const served = await serve(t);
    const reader = await listen(t, served);
    const { last } = await reader.until("welcome");
    const session = last.message.type === "welcome" ? last.message.session : "";
    assert.equal(await codeOf(await say(served, session, "acme/ana")), "forbidden");
    assert.equal(await codeOf(await say(served, session, "other/bob")), "forbidden");
    assert.equal(await codeOf(await say(served, "s1", "acme/bob")), "not-found");
    assert.equal(await codeOf(await say(served, "", "acme/bob")), "not-found");
    assert.equal(await codeOf(await say(served, session, "acme/bob", { action: "shout" })), "invalid-message");
    assert.equal(await codeOf(await say(served, session, "acme/bob", { type: "push", room: "" })), "invalid-message");
    assert.equal(await codeOf(await say(served, session, "acme/bob", { state: "x".repeat(9000) })), "frame-too-large");
  });
});

test("a WebSocket's pushes arrive in a stream", async (t) => {
  const served = await serve(t);
  const reader = await listen(t, served);
  await reader.until("snapshot-end");
  await reader.until("snapshot-end");
  const ana = await join(t, served);
  ana.send({ type: "push", mutations: [createTask(1, "t1", "from ana")] });
  assert.deepEqual(titlesIn((await reader.until("delta")).all), ["from ana"]);
});
