import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { ERRORS, isErrorCode, MAX_PUSH_MUTATIONS } from "@tidelock/core";
import { codeOf, request, schema, serve, type Served } from "./served.fixture.ts";

const create = {
  temp_id: "m1",
  entity_id: null,
  collection: "tasks",
  operation: "create",
  payload: { title: "milk" },
  version: null,
  occurred_at: "2026-03-01T12:00:00Z",
};
const body = { device_id: "d1", last_ack_version: null, mutations: [create] };

interface Answer {
  readonly applied: Array<{ temp_id: string; entity_id: string; outcome: string }>;
  readonly rejected: Array<{ temp_id: string; code: string }>;
  readonly state: Array<{ entity_id: string; fields: { title?: string } | null }>;
  readonly checkpoint: string;
  readonly has_more: boolean;
}

const reconcile = async (served: Served, content: unknown): Promise<Answer> => {
  const response = await request(served, "/sync/reconcile", { body: content });
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as Answer;
};

describe("POST /sync/reconcile", () => {
  test("applies mutations and returns what became of them", async (t) => {
    const served = await serve(t);
    const answer = await reconcile(served, body);
    assert.deepEqual(
      answer.applied.map(({ temp_id, outcome }) => [temp_id, outcome]),
      [["m1", "applied"]],
    );
    assert.deepEqual(answer.state[0]?.fields, { title: "milk", done: false });
  });

  test("is idempotent by temp_id", async (t) => {
    const served = await serve(t);
    const first = await reconcile(served, body);
    const second = await reconcile(served, body);
    assert.equal(second.applied[0]?.outcome, "duplicate");
    assert.equal(second.applied[0]?.entity_id, first.applied[0]?.entity_id);
  });

  test("one bad mutation does not hold up the others", async (t) => {
    const served = await serve(t);
    const mutations = [
      { ...create, temp_id: "a", collection: "nowhere" },
      { ...create, temp_id: "b", payload: { title: 7 } },
      { ...create, temp_id: "c", operation: "explode" },
      { ...create, temp_id: "d" },
    ];
    const answer = await reconcile(served, { ...body, mutations });
    assert.deepEqual(
      answer.rejected.map(({ temp_id, code }) => [temp_id, code]),
      [
        ["a", "unknown-collection"],
        ["b", "invalid-value"],
        ["c", "unknown-operation"],
      ],
    );
    assert.deepEqual(
      answer.applied.map(({ temp_id }) => temp_id),
      ["d"],
    );
  });

  test("pages through what a device does not have, to the end", async (t) => {
    const served = await serve(t, { limits: { maxReconcileState: 3 } });
    const mutations = Array.from({ length: 10 }, (_, index) => ({ ...create, temp_id: `m${index}` }));
    await reconcile(served, { ...body, mutations });
    const seen = new Set<string>();
    let position: string | null = null;
    for (let more = true; more;) {
      const answer: Answer = await reconcile(served, { device_id: "d2", last_ack_version: position, mutations: [] });
      for (const { entity_id } of answer.state) seen.add(entity_id);
      position = answer.checkpoint;
      more = answer.has_more;
    }
    assert.equal(seen.size, 10);
  });

  const withMutation = (changes: object): object => ({ ...body, mutations: [{ ...create, ...changes }] });
  const bad: ReadonlyArray<readonly [name: string, content: unknown, code: string, names: RegExp]> = [
    ["a list", [], "invalid-message", /body/],
    ["null", null, "invalid-message", /body/],
    ["without device_id", { mutations: [] }, "device-invalid", /device_id/],
    ["a device_id that is no name", { ...body, device_id: "../x" }, "device-invalid", /device_id/],
    ["mutations that are no list", { ...body, mutations: {} }, "invalid-message", /mutations must be a list/],
    [
      "too many mutations",
      { ...body, mutations: Array.from({ length: MAX_PUSH_MUTATIONS + 1 }, () => create) },
      "invalid-message",
      /at most/,
    ],
    ["a mutation that is no object", { ...body, mutations: [7] }, "invalid-message", /mutations\[0\]/],
    ["a temp_id with spaces", withMutation({ temp_id: "a b" }), "invalid-message", /mutations\[0\]\.temp_id/],
    ["a collection that is a number", withMutation({ collection: 1 }), "invalid-message", /mutations\[0\]\.collection/],
    ["an operation that is empty", withMutation({ operation: "" }), "invalid-message", /mutations\[0\]\.operation/],
    ["an entity_id with slashes", withMutation({ entity_id: "a/b" }), "invalid-id", /mutations\[0\]\.entity_id/],
    ["a payload that is a list", withMutation({ payload: [] }), "invalid-message", /mutations\[0\]\.payload/],
    ["a version that is a number", withMutation({ version: 3 }), "invalid-message", /mutations\[0\]\.version/],
    [
      "a day without time",
      withMutation({ occurred_at: "2026-03-01" }),
      "invalid-message",
      /mutations\[0\]\.occurred_at/,
    ],
    ["a day that is none", withMutation({ occurred_at: "2026-13-41T12:00:00Z" }), "invalid-message", /occurred_at/],
    [
      "a position that cannot be read",
      { ...body, last_ack_version: "yesterday" },
      "version-invalid",
      /last_ack_version/,
    ],
    ["a position of another log", { ...body, last_ack_version: "other.3" }, "epoch-changed", /./],
  ];
  for (const [name, content, code, names] of bad) {
    test(`refused: ${name}`, async (t) => {
      const response = await request(await serve(t), "/sync/reconcile", { body: content });
      const { error } = (await response.json()) as { error: { code: string; message: string; fix: string } };
      assert.equal(error.code, code);
      assert.match(error.message, names);
      assert.ok(isErrorCode(code) && response.status === ERRORS[code].http);
      assert.ok(error.fix.length > 0);
    });
  }

  const post = (served: Served, text: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${served.url}/sync/reconcile`, {
      method: "POST",
      body: text,
      headers: { "authorization": "Bearer acme/ana", "content-type": "application/json", ...headers },
    });

  test("refused: bodies that are not JSON, nested too deeply, too large, of another type", async (t) => {
    const served = await serve(t, { limits: { maxBodyBytes: 10_000 } });
    assert.equal(await codeOf(await post(served, "{")), "malformed-frame");
    assert.equal(await codeOf(await post(served, "")), "malformed-frame");
    assert.equal(await codeOf(await post(served, "[".repeat(9_000))), "malformed-frame");
    assert.equal(await codeOf(await post(served, `{"a":"${"x".repeat(10_000)}"}`)), "frame-too-large");
    assert.equal(await codeOf(await post(served, "{}", { "content-type": "text/plain" })), "unsupported-media-type");
  });

  test("a brace within text is not nesting", async (t) => {
    const title = '{"['.repeat(500);
    const answer = await reconcile(await serve(t), withMutation({ payload: { title } }));
    assert.equal(answer.state[0]?.fields?.title, title);
  });

  test("a body without length is measured as it comes", async (t) => {
    const served = await serve(t, { limits: { maxBodyBytes: 1_000 } });
    const socket = connect(served.port, "127.0.0.1");
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    const head = "POST /sync/reconcile HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer acme/ana\r\n";
    socket.write(`${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (let index = 0; index < 20; index++) socket.write(`64\r\n${"x".repeat(100)}\r\n`);
    const answer = await new Promise<string>((arrived) => socket.once("data", (data) => arrived(String(data))));
    assert.match(answer, /^HTTP\/1\.1 413/);
  });

  test("a body that breaks off harms nobody, and is no error of the server's", async (t) => {
    const errors: string[] = [];
    const ignore = (): void => {};
    const logger = {
      debug: ignore,
      info: ignore,
      warn: ignore,
      error: (_facts: object, line: string) => void errors.push(line),
    };
    const served = await serve(t, { logger });
    const socket = connect(served.port, "127.0.0.1");
    const head = "POST /sync/reconcile HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer acme/ana\r\n";
    socket.end(`${head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"device_id":`);
    while (served.server.metrics.reconciles.get("malformed-frame") === 0)
      await new Promise((later) => setImmediate(later));
    await reconcile(served, body);
    assert.deepEqual(errors, []);
  });

  test("mutations of a user are metered over all requests", async (t) => {
    const served = await serve(t, { limits: { mutationsPerSecond: 1, mutationBurst: 3 } });
    await reconcile(served, body);
    const response = await request(served, "/sync/reconcile", { body });
    assert.equal(response.status, 429);
    assert.ok(Number(response.headers.get("retry-after")) >= 1);
    assert.equal(await codeOf(response), "rate-limited");
    await reconcile(served, { ...body, mutations: [] }).catch(() => {});
    assert.equal(
      (await request(served, "/sync/reconcile", { token: "acme/bob", body: { ...body, device_id: "d2" } })).status,
      200,
    );
  });

  test("a device belongs to one user", async (t) => {
    const served = await serve(t);
    await reconcile(served, body);
    const response = await request(served, "/sync/reconcile", { token: "acme/bob", body });
    assert.deepEqual([response.status, await codeOf(response)], [403, "device-taken"]);
  });

  test("without a token, with one in the address, and with another scheme", async (t) => {
    const served = await serve(t);
    const asked = [
      await request(served, "/sync/reconcile", { token: null, body }),
      await request(served, "/sync/reconcile?token=acme/ana", { token: null, body }),
      await request(served, "/sync/reconcile", { token: null, body, headers: { authorization: "Basic YTpi" } }),
    ];
    for (const response of asked) {
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
      assert.deepEqual([response.status, await codeOf(response)], [401, "token-missing"]);
    }
  });
});

describe("addresses and methods", () => {
  test("unknown ones say so in the form of every error", async (t) => {
    const served = await serve(t);
    for (const path of [
      "/",
      "/sync",
      "/sync/",
      "//evil.example/sync/reconcile",
      "/sync/reconcile/x",
      "/%2e%2e/etc/passwd",
    ]) {
      const response = await request(served, path);
      assert.deepEqual([response.status, await codeOf(response)], [404, "not-found"], path);
    }
  });

  test("the wrong method names the right ones", async (t) => {
    const response = await request(await serve(t), "/sync/reconcile");
    assert.deepEqual([response.status, response.headers.get("allow")], [405, "POST, OPTIONS"]);
  });

  test("health, readiness and metrics need no token", async (t) => {
    const served = await serve(t);
    await reconcile(served, body);
    for (const path of ["/healthz", "/readyz"]) {
      assert.deepEqual(await (await request(served, path, { token: null })).json(), { status: "ok" });
    }
    const text = await (await request(served, "/metrics", { token: null })).text();
    assert.match(text, /sync_reconcile_requests_total\{outcome="ok"\} 1/);
    assert.match(text, /sync_latency_seconds_count\{stage="commit"\} 1/);
    assert.match(text, /sync_backlog_ops\{side="commit_queue"\} 0/);
    assert.match(text, /tidelock_build_info\{version="[\d.]+",node="v/);
    assert.doesNotMatch(text, /acme|ana|d1/);
  });

  test("HEAD is GET without a body", async (t) => {
    const response = await fetch(`${(await serve(t)).url}/healthz`, { method: "HEAD" });
    assert.deepEqual([response.status, await response.text()], [200, ""]);
  });
});

describe("pages of other origins", () => {
  const preflight = (served: Served, origin: string): Promise<Response> =>
    fetch(`${served.url}/sync/reconcile`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
    });

  test("an allowed one gets the headers that it needs, on answers and errors alike", async (t) => {
    const served = await serve(t, { origins: ["https://app.example"] });
    const asked = await preflight(served, "https://app.example");
    assert.equal(asked.status, 204);
    assert.equal(asked.headers.get("access-control-allow-origin"), "https://app.example");
    assert.match(asked.headers.get("access-control-allow-headers") ?? "", /authorization/);
    assert.match(asked.headers.get("access-control-allow-methods") ?? "", /POST/);
    const headers = { origin: "https://app.example" };
    for (const token of ["acme/ana", "bad"]) {
      const response = await request(served, "/sync/reconcile", { body, headers, token });
      assert.equal(response.headers.get("access-control-allow-origin"), "https://app.example");
      assert.equal(response.headers.get("vary"), "Origin");
    }
  });

  test("a foreign one is refused, and gets no such headers", async (t) => {
    const served = await serve(t, { origins: ["https://app.example"] });
    for (const response of [
      await preflight(served, "https://evil.example"),
      await request(served, "/sync/reconcile", { body, headers: { origin: "https://evil.example" } }),
    ]) {
      assert.equal(response.status, 403);
      assert.equal(response.headers.get("access-control-allow-origin"), null);
    }
  });
});

describe("documents", () => {
  interface OpenApi {
    readonly openapi: string;
    readonly paths: Record<string, Record<string, { responses: Record<string, { description: string }> }>>;
  }

  test("OpenAPI names every address and the status of every code", async (t) => {
    const served = await serve(t);
    const document = (await (await request(served, "/openapi.json")).json()) as OpenApi;
    assert.match(document.openapi, /^3\.1/);
    assert.deepEqual(Object.keys(document.paths).sort(), [
      "/asyncapi.json",
      "/healthz",
      "/metrics",
      "/openapi.json",
      "/readyz",
      "/sync/conflicts",
      "/sync/conflicts/{id}",
      "/sync/events",
      "/sync/history/{collection}/{entity}",
      "/sync/presence",
      "/sync/reconcile",
      "/sync/reviews",
      "/sync/reviews/{id}",
      "/sync/reviews/{id}/decide",
      "/sync/schema",
    ]);
    const { responses } = document.paths["/sync/reconcile"]?.["post"] ?? { responses: {} };
    for (const status of ["200", "400", "401", "403", "409", "413", "415", "422", "429", "503"]) {
      assert.ok(responses[status], `no ${status}`);
    }
    assert.match(responses["429"]?.description ?? "", /rate-limited/);
  });

  test("AsyncAPI has a message for each type, both ways", async (t) => {
    const served = await serve(t);
    const document = (await (await request(served, "/asyncapi.json")).json()) as {
      asyncapi: string;
      components: { messages: object };
    };
    assert.equal(document.asyncapi, "3.0.0");
    assert.ok("device-hello" in document.components.messages && "server-delta" in document.components.messages);
  });
});

describe("the fetch handler", () => {
  test("answers like the listening server, without one", async (t) => {
    const { createServer } = await import("./create-server.ts");
    const { authenticate } = await import("./served.fixture.ts");
    const { memoryStorage } = await import("../storage/memory.ts");
    const server = createServer({ schema, storage: memoryStorage(), authenticate, logger: false });
    t.after(() => server.close());
    const ask = (path: string, init?: RequestInit): Promise<Response> =>
      server.fetch(new Request(`http://host.example${path}`, init));
    assert.equal((await ask("/healthz")).status, 200);
    const headers = { "authorization": "Bearer acme/ana", "content-type": "application/json" };
    const answer = await ask("/sync/reconcile", { method: "POST", body: JSON.stringify(body), headers });
    assert.equal(((await answer.json()) as Answer).applied.length, 1);
    assert.equal(await codeOf(await ask("/sync/reconcile", { method: "POST", body: "{", headers })), "malformed-frame");
    assert.equal((await ask("/nothing")).status, 404);
    const own = await ask("/sync/reconcile", { method: "OPTIONS", headers: { origin: "http://host.example" } });
    assert.equal(own.headers.get("access-control-allow-origin"), "http://host.example");
    assert.equal((await ask("/healthz", { headers: { origin: "https://evil.example" } })).status, 403);
  });
});
