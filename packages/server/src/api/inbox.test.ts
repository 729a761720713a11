/** The review inbox as files over HTTP: where it is, what it may do, and how to do without it. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { memoryStorage } from "../storage/memory.ts";
import { createServer } from "./create-server.ts";
import { authenticate, codeOf, request, schema, serve } from "./served.fixture.ts";

const FOLDER = fileURLToPath(new URL("../../dist/inbox/", import.meta.url));
const PAGE =
  '<!doctype html><meta name="tidelock-base" content="." /><script type="module" src="./a-12345678.js"></script>';

describe("the inbox's page", () => {
  // A built page is tested as it is; where there is none, two files stand for it.
  const wasThere = existsSync(FOLDER);
  before(() => {
    if (wasThere) return;
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(`${FOLDER}index.html`, PAGE);
    writeFileSync(`${FOLDER}a-12345678.js`, `${"export const nothing = null;\n".repeat(50)}`);
  });
  after(() => {
    if (!wasThere) rmSync(FOLDER, { recursive: true });
  });

  test("is at /inbox/, needs no token, and knows where the server is", async (t) => {
    const served = await serve(t);
    const redirect = await request(served, "/inbox", { token: null, redirect: "manual" });
    assert.equal(redirect.status, 308);
    assert.equal(new URL(redirect.headers.get("location") ?? "", `${served.url}/inbox`).pathname, "/inbox/");
    const page = await request(served, "/inbox/", { token: null });
    assert.equal(page.status, 200);
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    assert.match(await page.text(), /<meta name="tidelock-base" content="\.\."/);
  });

  test("runs its own scripts only, talks to its own host only, and cannot be framed", async (t) => {
    const served = await serve(t);
    const { headers } = await request(served, "/inbox/", { token: null });
    const policy = headers.get("content-security-policy") ?? "";
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ]) {
      assert.ok(policy.includes(part), part);
    }
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  });

  test("is packed, named by what is in it, and not sent twice", async (t) => {
    const served = await serve(t);
    const page = await (await request(served, "/inbox/", { token: null })).text();
    const script = /src="\.\/([^"]+\.js)"/.exec(page)?.[1] ?? "";
    const file = await request(served, `/inbox/${script}`, { token: null, headers: { "accept-encoding": "br" } });
    assert.equal(file.headers.get("content-encoding"), "br");
    assert.match(file.headers.get("cache-control") ?? "", /immutable/);
    assert.match(await file.text(), /./);
    const etag = file.headers.get("etag") ?? "";
    const again = await request(served, `/inbox/${script}`, { token: null, headers: { "if-none-match": etag } });
    assert.equal(again.status, 304);
    const head = await request(served, "/inbox/", { token: null, method: "HEAD" });
    assert.equal(await head.text(), "");
    assert.equal((await request(served, "/inbox/", { token: null })).headers.get("cache-control"), "no-cache");
  });

  test("has nothing else in its folder to give", async (t) => {
    const served = await serve(t);
    for (const path of ["/inbox/nothing.js", "/inbox/..%2f..%2fpackage.json", "/inbox/%2e%2e", "/inbox/a/b"]) {
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
    assert.match(await (await fetch(`${url}/api/sync/inbox/`)).text(), /tidelock-base" content="\.\.\/\.\."/);
    assert.equal((await fetch(`${url}/inbox/`)).status, 404);
  });

  test("comes through the fetch handler as well", async (t) => {
    const { server } = await serve(t);
    const page = await server.fetch(new Request("http://localhost/inbox/"));
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<!doctype html>/i);
  });
});
