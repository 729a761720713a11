/**
 * Plain HTTP and server-sent events, byte by byte where need be.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { openStream } from "./attack.ts";
import { BOMBS, NASTY_TEXTS } from "./nasty.ts";
import type { Target } from "./target.ts";
import { codeOf, dial, request, requestBytes, speak } from "./wire.ts";

export function attackHttp(target: Target): void {
  describe("HTTP", () => {
    test("methods, types and encodings that are not meant", async () => {
      const { token } = target;
      const body = JSON.stringify({ device_id: "mallory-http", mutations: [] });
      for (const path of [
        "/sync/reconcile",
        "/sync/events",
        "/sync/presence",
        "/healthz",
        "/metrics",
        "/openapi.json",
      ]) {
        for (const method of ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "OPTIONS", "POST", "GET"]) {
          if (method === "GET" && path === "/sync/events") continue;
          const answer = await request(target, method, path, { token });
          if (answer.status >= 400) codeOf(answer);
        }
      }
      for (const [headers, expected] of [
        [{ "Content-Type": "text/plain" }, "unsupported-media-type"],
        [{ "Content-Type": "application/x-www-form-urlencoded" }, "unsupported-media-type"],
        [{ "Content-Type": "multipart/form-data; boundary=x" }, "unsupported-media-type"],
        [{ "Content-Type": "application/jsonp" }, "unsupported-media-type"],
        [{ "Content-Type": "" }, "unsupported-media-type"],
      ] as const) {
        assert.equal(codeOf(await request(target, "POST", "/sync/reconcile", { token, body, headers })), expected);
      }
      for (const encoding of ["gzip", "deflate", "br", "zstd", "gzip, gzip"]) {
        const answer = await request(target, "POST", "/sync/reconcile", {
          token,
          body: gzipSync(Buffer.alloc(50_000_000, 0x20)),
          headers: { "Content-Encoding": encoding },
        });
        assert.equal(codeOf(answer), "unsupported-media-type", encoding);
      }
      const utf16 = Buffer.from(body, "utf16le");
      assert.equal(codeOf(await request(target, "POST", "/sync/reconcile", { token, body: utf16 })), "malformed-frame");
      for (const bomb of BOMBS) codeOf(await request(target, "POST", "/sync/reconcile", { token, body: bomb }));
      const tooLarge = requestBytes("POST", "/sync/reconcile", {
        token,
        headers: { "Content-Type": "application/json", "Content-Length": "99999999" },
      });
      assert.equal(codeOf(await speak(target, tooLarge)), "frame-too-large");
      const chunk = `100000\r\n${" ".repeat(0x100000)}\r\n`;
      const chunked = requestBytes("POST", "/sync/reconcile", {
        token,
        headers: { "Content-Type": "application/json", "Transfer-Encoding": "chunked" },
      });
      assert.equal(
        codeOf(await speak(target, Buffer.concat([chunked, Buffer.from(chunk.repeat(6))]))),
        "frame-too-large",
      );
      await target.assertWell();
    });

    test("addresses that lead elsewhere", async () => {
      for (const path of [
        "/sync/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/sync/%00",
        "/sync/reconcile%00",
        "/sync/reconcile/",
        "/SYNC/RECONCILE",
        "/sync/events/../../metrics/x",
        "/%ff%fe",
        "/sync?x=%",
        "*",
        "http://evil.example/sync/nothing",
        `/${"a".repeat(8000)}`,
        "/sync;x=1",
        "/sync\\..\\x",
        "/__proto__",
        "/constructor",
      ]) {
        assert.match(
          codeOf(await request(target, "GET", path, { token: target.token })),
          /^(not-found|method-not-allowed)$/,
          path.slice(0, 60),
        );
        const upgrade = await dial(target, { path });
        assert.ok(
          upgrade.refused === null ? path.startsWith("/sync?") : upgrade.refused.status >= 400,
          path.slice(0, 60),
        );
        if (upgrade.refused !== null) codeOf(upgrade.refused);
        upgrade.leave();
      }
      await target.assertWell();
    });

    test("requests that are none, smuggled, split, or larger than any head", async () => {
      const { token } = target;
      const auth = `Authorization: Bearer ${token}`;
      const inner = `POST /sync/reconcile HTTP/1.1\r\nHost: x\r\n${auth}\r\nContent-Length: 0\r\n\r\n`;
      for (const [bytes, statuses] of [
        ["\u0000\u0001\u0002\r\n\r\n", [400]],
        ["GET\r\n\r\n", [400]],
        ["GET / HTTP/9.9\r\nHost: x\r\n\r\n", [400, 505]],
        ["GET /healthz HTTP/1.1\r\n\r\n", [400]],
        ["GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n", [400]],
        [`GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(40_000)}\r\n\r\n`, [431]],
        [`GET /healthz HTTP/1.1\r\nHost: x\r\n${"X: y\r\n".repeat(5000)}\r\n`, [200, 431]],
        [
          `POST /sync/reconcile HTTP/1.1\r\nHost: x\r\n${auth}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
          [400],
        ],
        [
          `POST /sync/reconcile HTTP/1.1\r\nHost: x\r\n${auth}\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`,
          [400],
        ],
        [`POST /sync/reconcile HTTP/1.1\r\nHost: x\r\n${auth}\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n`, [400, 415]],
        [`GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n`, [400]],
      ] as const) {
        const answer = await speak(target, bytes);
        assert.ok(
          (statuses as readonly number[]).includes(answer.status),
          `${JSON.stringify(bytes.slice(0, 60))}: ${answer.status} ${answer.body.slice(0, 100)}`,
        );
      }
      for (const headers of [
        { "Sec-WebSocket-Key": "short" },
        { "Sec-WebSocket-Key": "" },
        { "Sec-WebSocket-Version": "7" },
        { Upgrade: "h2c" },
        { "Sec-WebSocket-Protocol": "a,a,,b" },
        { "Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=999" },
      ] as ReadonlyArray<Record<string, string>>) {
        const peer = await dial(target, { headers });
        if (peer.refused !== null)
          assert.ok(peer.refused.status >= 400 && peer.refused.status < 500, JSON.stringify(headers));
        peer.leave();
      }
      await target.assertWell();
    });

    test("pages of foreign origins", async () => {
      const { token } = target;
      const body = JSON.stringify({ device_id: "mallory-http", mutations: [] });
      for (const origin of [
        "https://evil.example",
        "null",
        "",
        "file://",
        "https://localhost.evil.example",
        "https://evil.example/localhost",
        "http://localhost@evil.example",
        "http://127.0.0.1.evil.example",
        "http://[::ffff:7f00:1].evil.example",
        "javascript:alert(1)",
        "chrome-extension://abcdef",
      ]) {
        const headers = { Origin: origin, Host: "sync.example.com" };
        if (origin !== "") {
          assert.equal(
            codeOf(await request(target, "POST", "/sync/reconcile", { token, body, headers })),
            "origin-forbidden",
            origin,
          );
          assert.equal(
            codeOf(await request(target, "GET", "/sync/events?device=m", { token, headers })),
            "origin-forbidden",
            origin,
          );
        }
        const peer = await dial(target, { headers });
        assert.equal(peer.refused === null ? "accepted" : codeOf(peer.refused), "origin-forbidden", origin);
      }
      await target.assertWell();
    });

    test("presence over HTTP and streams with whatever a query can hold", async () => {
      const { token } = target;
      for (const value of NASTY_TEXTS) {
        const text = encodeURIComponent(value.slice(0, 3000));
        await openStream(target, `?device=mallory-sse&subscribe=${text}`);
        await openStream(
          target,
          `?device=mallory-sse&subscribe=${encodeURIComponent(`[{"collection":"tasks","where":${value.slice(0, 3000)}}]`)}`,
        );
        await openStream(target, `?device=mallory-sse&subscribe=${encodeURIComponent(`[${value.slice(0, 3000)}]`)}`);
        const answer = await request(target, "POST", "/sync/presence", {
          token,
          body: value,
          headers: { "Tidelock-Session": "s1" },
        });
        assert.equal(codeOf(answer), "not-found");
      }
      const many = JSON.stringify(Array.from({ length: 65 }, () => ({ collection: "tasks" })));
      assert.equal(
        await openStream(target, `?device=mallory-sse&subscribe=${encodeURIComponent(many)}`),
        "too-many-subscriptions",
      );
      await target.assertWell();
    });
  });
}
