/** The files of the inbox's page, one request at a time. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { brotliDecompressSync } from "node:zlib";
import { TidelockError } from "@tidelock/core";
import type { ApiRequest, ApiResponse } from "./exchange.ts";
import { inboxRoutes } from "./inbox.ts";

const PAGE =
  '<!doctype html><meta name="tidelock-base" content="." /><script type="module" src="./a-12345678.js"></script>';
const SCRIPT = "export const nothing = null;\n".repeat(50);

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "tidelock-inbox-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

function built(t: TestContext): string {
  const path = folder(t);
  writeFileSync(join(path, "index.html"), PAGE);
  writeFileSync(join(path, "a-12345678.js"), SCRIPT);
  writeFileSync(join(path, "LICENSES.txt"), "short");
  writeFileSync(join(path, ".sources"), "not for others");
  return path;
}

/** Asks for a file by its name, for the page itself without one. */
async function ask(
  path: string,
  name: string | null,
  headers: Readonly<Record<string, string>> = {},
): Promise<ApiResponse> {
  const routes = inboxRoutes("", "..", path);
  const route = routes.find((each) => each.path === (name === null ? "/inbox/" : "/inbox/{file}"));
  const request = { method: "GET", header: (wanted: string) => headers[wanted] ?? null } as unknown as ApiRequest;
  assert.ok(route);
  return route.handle(request, new Map(name === null ? [] : [["file", name]]));
}

function text({ body }: ApiResponse): string {
  return typeof body === "string" ? body : Buffer.from(body as Uint8Array).toString("utf8");
}

describe("the inbox's files", () => {
  test("are the page, which is told where the server is", async (t) => {
    const page = await ask(built(t), null);
    assert.equal(page.status, 200);
    assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
    assert.equal(page.headers["cache-control"], "no-cache");
    assert.match(text(page), /<meta name="tidelock-base" content="\.\."/);
  });

  test("may run the page's own scripts only, talk to its own host only, and not be framed", async (t) => {
    const { headers } = await ask(built(t), null);
    const policy = headers["content-security-policy"] ?? "";
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "require-trusted-types-for 'script'",
    ]) {
      assert.ok(policy.includes(part), part);
    }
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal(headers["x-content-type-options"], "nosniff");
  });

  test("are packed for those who can unpack them, and kept where their name says what is in them", async (t) => {
    const path = built(t);
    const packed = await ask(path, "a-12345678.js", { "accept-encoding": "gzip, br" });
    assert.equal(packed.headers["content-encoding"], "br");
    assert.match(packed.headers["cache-control"] ?? "", /immutable/);
    assert.equal(brotliDecompressSync(packed.body as Uint8Array).toString(), SCRIPT);
    assert.equal(packed.headers["content-length"], String((packed.body as Uint8Array).length));
    const plain = await ask(path, "a-12345678.js");
    assert.equal(plain.headers["content-encoding"], undefined);
    assert.equal(text(plain), SCRIPT);
    const short = await ask(path, "LICENSES.txt", { "accept-encoding": "br" });
    assert.equal(text(short), "short", "what would not become smaller is not packed");
    assert.equal(short.headers["cache-control"], "no-cache");
  });

  test("are not sent twice", async (t) => {
    const path = built(t);
    const { headers } = await ask(path, null);
    const again = await ask(path, null, { "if-none-match": headers["etag"] ?? "" });
    assert.deepEqual([again.status, again.body], [304, ""]);
  });

  test("are those of the build and nothing else", async (t) => {
    const path = built(t);
    for (const name of ["nothing.js", "../package.json", ".sources", "", "__proto__"]) {
      await assert.rejects(ask(path, name), (error) => error instanceof TidelockError && error.code === "not-found");
    }
  });

  test("say so when they are not built, and are found as soon as they are", async (t) => {
    const path = folder(t);
    const [, page] = inboxRoutes("", "..", path);
    const request = { method: "GET", header: () => null } as unknown as ApiRequest;
    await assert.rejects(
      async () => page?.handle(request, new Map()),
      /the inbox is not built: node scripts\/build\.ts inbox/,
    );
    writeFileSync(join(path, "index.html"), PAGE);
    assert.equal((await page?.handle(request, new Map()))?.status, 200);
  });
});
