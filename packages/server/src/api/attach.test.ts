import assert from "node:assert/strict";
import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { memoryStorage } from "../storage/memory.ts";
import { createServer, type TidelockServer } from "./create-server.ts";
import { authenticate, codeOf, dial, hello, request, schema, type Served } from "./served.fixture.ts";

async function host(t: TestContext, app: RequestListener, path?: string): Promise<Served & { readonly host: Server }> {
  const http = createHttpServer(app);
  const server = createServer({ schema, storage: memoryStorage(), authenticate, logger: false });
  await server.attach(http, path === undefined ? {} : { path });
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  t.after(async () => {
    await server.close();
    http.closeAllConnections();
    await new Promise((closed) => http.close(closed));
  });
  const { port } = http.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return { server, host: http, url, port, socketUrl: `ws://127.0.0.1:${port}${path ?? "/sync"}`, before: [] };
}

/** Like Express: answers everything, with 404 what it does not know. */
const app: RequestListener = (incoming, response) => {
  response.statusCode = incoming.url === "/hello" ? 200 : 404;
  response.end(`app ${incoming.method} ${incoming.url}`);
};

const text = async (served: Served, path: string): Promise<string> => (await fetch(`${served.url}${path}`)).text();

describe("a server that the application has", () => {
  test("keeps its own addresses, and each request is answered once", async (t) => {
    const served = await host(t, app);
    assert.equal(await text(served, "/hello"), "app GET /hello");
    for (const path of [
      "/",
      "/nothing",
      "/synchronize",
      "/syncopated/x",
      "/healthz",
      "/metrics",
      "/x?y=/sync/events",
    ]) {
      assert.equal(await text(served, path), `app GET ${path}`);
    }
  });

  test("gets ours below the path, and nothing else there", async (t) => {
    const served = await host(t, app);
    assert.deepEqual(await (await fetch(`${served.url}/sync/healthz`)).json(), { status: "ok" });
    assert.equal((await fetch(`${served.url}/sync/openapi.json`)).status, 200);
    assert.equal(await codeOf(await fetch(`${served.url}/sync/nothing`)), "not-found");
    assert.equal((await fetch(`${served.url}/sync/metrics`)).status, 404);
    const mutations = [{ temp_id: "a", collection: "tasks", operation: "create", payload: { title: "x" } }];
    const response = await request(served, "/sync/reconcile", { body: { device_id: "d1", mutations } });
    assert.equal(response.status, 200);
    const peer = await dial(t, served);
    peer.send(hello());
    await peer.next("welcome");
  });

  test("another path", async (t) => {
    const served = await host(t, app, "/api/live/");
    assert.equal((await fetch(`${served.url}/api/live/healthz`)).status, 200);
    assert.equal(await text(served, "/sync/healthz"), "app GET /sync/healthz");
    const peer = await dial(t, { ...served, socketUrl: `ws://127.0.0.1:${served.port}/api/live` });
    peer.send(hello());
    await peer.next("welcome");
  });

  test("listeners that come later do not answer for us", async (t) => {
    const served = await host(t, app);
    let seen = "";
    served.host.on("request", (incoming) => (seen += incoming.url));
    await text(served, "/sync/healthz");
    await text(served, "/hello");
    assert.equal(seen, "/hello");
  });

  test("other WebSockets go on, even of a server that destroys what it does not know", async (t) => {
    const served = await host(t, app);
    const other = new WebSocketServer({ server: served.host, path: "/chat" });
    t.after(() => other.close());
    other.on("connection", (socket) => socket.send("welcome to the chat"));
    const chat = new WebSocket(`ws://127.0.0.1:${served.port}/chat`);
    assert.equal(
      await new Promise((heard) => chat.once("message", (data) => heard(String(data)))),
      "welcome to the chat",
    );
    chat.terminate();
    const peer = await dial(t, served);
    peer.send(hello());
    await peer.next("welcome");
  });

  test("an upgrade that nobody wants is ended", async (t) => {
    const served = await host(t, app);
    const stray = new WebSocket(`ws://127.0.0.1:${served.port}/nobody`);
    const status = await new Promise((refused) => {
      stray.on("unexpected-response", (_request, response) => refused(response.statusCode));
      stray.on("error", () => {});
    });
    assert.equal(status, 404);
  });

  test("after close it is as if nobody had been here", async (t) => {
    const served = await host(t, app);
    const peer = await dial(t, served);
    peer.send(hello());
    await peer.next("welcome");
    await served.server.close();
    assert.equal((await peer.end()).reason, "shutting-down");
    assert.equal(await text(served, "/sync/healthz"), "app GET /sync/healthz");
    assert.equal(served.host.listenerCount("upgrade"), 0);
  });
});

describe("listening", () => {
  const make = (): TidelockServer => createServer({ schema, storage: memoryStorage(), authenticate, logger: false });

  test("a port that is taken says so, and how to go on", async (t) => {
    const first = make();
    const second = make();
    t.after(() => Promise.all([first.close(), second.close()]));
    const { port } = await first.listen(0);
    await assert.rejects(second.listen(port), { code: "port-in-use" });
    await assert.rejects(second.listen(0, "192.0.2.1"), { code: "config-invalid" });
    const { url } = await second.listen(0, "localhost");
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
  });

  test("what is none of ours can go to a handler of the application", async (t) => {
    const server = createServer({
      schema,
      storage: memoryStorage(),
      authenticate,
      logger: false,
      static: (incoming, response) => {
        if (incoming.url === "/broken") throw new Error("broken");
        if (incoming.url !== "/") return false;
        response.end("<h1>dashboard</h1>");
        return true;
      },
    });
    t.after(() => server.close());
    const { url } = await server.listen(0);
    assert.equal(await (await fetch(`${url}/`)).text(), "<h1>dashboard</h1>");
    assert.equal(await codeOf(await fetch(`${url}/other`)), "not-found");
    assert.equal(await codeOf(await fetch(`${url}/broken`)), "internal");
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
  });

  test("options that cannot work are refused at once", () => {
    const base = { schema, storage: memoryStorage(), authenticate, logger: false } as const;
    const refused = (options: object, detail: RegExp): void => {
      assert.throws(
        () => createServer({ ...base, ...options }),
        (error: { code?: string; message: string }) => {
          assert.ok(error.code === "config-invalid" || error.code === "secret-missing");
          assert.match(error.message, detail);
          return true;
        },
      );
    };
    refused({ authenticate: undefined }, /token/);
    refused({ auth: { secret: "x".repeat(32) } }, /not both/);
    refused({ limits: { maxSesions: 5 } }, /maxSesions/);
    refused({ limits: { maxSessions: 0 } }, /maxSessions/);
    refused({ limits: { maxSessions: Number.NaN } }, /maxSessions/);
    refused({ origins: ["https://app.example/"] }, /origin/);
    refused({ origins: ["app.example"] }, /origin/);
    refused({ rules: { taks: {} } }, /taks/);
    refused({ retention: { days: -1 } }, /retention\.days/);
  });
});
