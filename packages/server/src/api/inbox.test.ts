/** Where the review inbox is, and how to do without it. What is in it depends on whether it has been built here. */
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { describe, test } from "node:test";
import { memoryStorage } from "../storage/memory.ts";
import { createServer } from "./create-server.ts";
import { authenticate, codeOf, request, schema, serve } from "./served.fixture.ts";

/** The page, or word that this checkout has not built it. */
async function assertInbox(response: Response, base: string): Promise<void> {
  const text = await response.text();
  if (response.status === 404) assert.match(text, /the inbox is not built/);
  else assert.ok(text.includes(`<meta name="tidelock-base" content="${base}"`), text);
}

describe("the inbox", () => {
  test("is at /inbox/, and needs no token", async (t) => {
    const served = await serve(t);
    const redirect = await request(served, "/inbox", { token: null, redirect: "manual" });
    assert.equal(redirect.status, 308);
    assert.equal(new URL(redirect.headers.get("location") ?? "", `${served.url}/inbox`).pathname, "/inbox/");
    await assertInbox(await request(served, "/inbox/", { token: null }), "..");
    const head = await request(served, "/inbox/", { token: null, method: "HEAD" });
    assert.equal(await head.text(), "");
    for (const path of ["/inbox/..%2f..%2fpackage.json", "/inbox/%2e%2e", "/inbox/a/b"]) {
      assert.equal((await request(served, path, { token: null })).status, 404, path);
    }
  });

  test("can be left out: its address is the application's then", async (t) => {
    const bare = await serve(t, { inbox: false });
    assert.equal(await codeOf(await request(bare, "/inbox/", { token: null })), "not-found");
    const own = await serve(t, {
      inbox: false,
      static: (_request, response) => {
        response.end("the application's");
        return true;
      },
    });
    assert.equal(await (await request(own, "/inbox/", { token: null })).text(), "the application's");
  });

  test("is below the path of a server that is shared, where its client can find it", async (t) => {
    const server = createServer({ schema, storage: memoryStorage(), logger: false, authenticate });
    const http = createHttpServer((_request, response) => response.writeHead(404).end("not mine"));
    t.after(async () => {
      http.close();
      await server.close();
    });
    await server.attach(http, { path: "/api/sync" });
    await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
    const address = http.address();
    assert.ok(typeof address === "object" && address !== null);
    const url = `http://127.0.0.1:${address.port}`;
    await assertInbox(await fetch(`${url}/api/sync/inbox/`), "../..");
    assert.equal(await (await fetch(`${url}/inbox/`)).text(), "not mine");
  });

  test("comes through the fetch handler as well", async (t) => {
    const { server } = await serve(t);
    await assertInbox(await server.fetch(new Request("http://localhost/inbox/")), "..");
  });
});
