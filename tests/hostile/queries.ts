/**
 * The decision log, histories, reviews, the schema and the inbox over plain HTTP: with and without tokens, with whatever an
 * address or a body can hold.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Actor } from "./actor.ts";
import { BOMBS, NASTY_NAMES, NASTY_TEXTS, placesOf, textWith } from "./nasty.ts";
import type { Target } from "./target.ts";
import { type Answer, codeOf, request } from "./wire.ts";
import { ANA, MALLORY, OLGA, tokenOf } from "./world.ts";

const READS = [
  "/sync/conflicts",
  "/sync/conflicts/1.0",
  "/sync/history/tasks/task-of-ana",
  "/sync/reviews",
  "/sync/reviews/review:x:1:0.0",
  "/sync/schema",
];
const WRITES = ["/sync/reviews/review:x:1:0.0/decide", "/sync/reviews/review:x:1:0.0"];

/** JSON, with a type that no browser takes for anything else, and nothing to keep. */
function assertPlain({ head, status }: Answer, path: string): void {
  if (status === 204) return;
  assert.match(head, /^content-type: application\/json/im, path);
  assert.match(head, /^cache-control: no-store/im, path);
}

export function attackQueries(target: Target): void {
  describe("the record over HTTP", () => {
    test("without a token, with an expired one, or with one in the address, says nothing", async () => {
      const expired = await tokenOf(MALLORY, 1);
      for (const path of READS) {
        for (const [token, expected] of [
          [null, "token-missing"],
          [expired, "token-expired"],
          ["x.y.z", "token-invalid"],
        ] as const) {
          const answer = await request(target, "GET", path, { token });
          assert.equal(codeOf(answer), expected, path);
          assertPlain(answer, path);
        }
        assert.equal(codeOf(await request(target, "GET", `${path}?token=${target.token}`)), "token-missing");
      }
      const body = JSON.stringify({ device_id: "m", temp_id: "t", value: "x", version: "x.1", note: "x" });
      for (const path of WRITES) {
        assert.equal(codeOf(await request(target, "POST", path, { body })), "token-missing", path);
        assert.equal(codeOf(await request(target, "POST", path, { body, token: expired })), "token-expired", path);
      }
      await target.assertWell();
    });

    test("methods and origins that are not meant", async () => {
      const { token } = target;
      for (const path of [...READS, ...WRITES, "/inbox", "/inbox/", "/inbox/index.html"]) {
        for (const method of ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "POST", "HEAD", "OPTIONS"]) {
          if (method === "POST" && path.startsWith("/sync/reviews/")) continue;
          const answer = await request(target, method, path, { token });
          if (answer.status >= 400 && method !== "HEAD") codeOf(answer);
          assert.ok(
            answer.status >= 400 || ["OPTIONS", "HEAD"].includes(method),
            `${method} ${path}: ${answer.status}`,
          );
        }
        const headers = { Origin: "https://evil.example", Host: "sync.example.com" };
        assert.equal(codeOf(await request(target, "GET", path, { token, headers })), "origin-forbidden", path);
      }
      await target.assertWell();
    });

    test("parameters and ids of every kind are answered with a code, never with more than was asked", async () => {
      const mallory = await Actor.join(target);
      const values = [
        ...[
          "0",
          "-1",
          "NaN",
          "Infinity",
          "1e9",
          "201",
          "99999",
          "1.5",
          "+1",
          " 1",
          "0x10",
          "１",
          "9007199254740993",
          "null",
        ],
        ...["-1.0", "1.-1", "1.0.0", "9007199254740993.0", "1.99999999999", ".", "..", "%", "%00", "[object Object]"],
        ...NASTY_NAMES.map((name) => name.slice(0, 200)),
      ];
      // A user has some 200 such requests in a burst, so each goes once.
      const names = ["limit", "before", "after", "collection", "entity", "status", "winner", "assignee", "nothing"];
      const users = await Promise.all(
        Array.from({ length: 12 }, (_, index) => tokenOf({ tenant: "acme", user: `reader-${index}` })),
      );
      let asked = 0;
      for (const name of names) {
        for (const value of values) {
          const at = ["/sync/conflicts", "/sync/reviews", "/sync/history/tasks/task-of-ana"][asked % 3] ?? "";
          const token = users[asked % users.length] ?? "";
          asked += 1;
          const answer = await request(target, "GET", `${at}?${name}=${encodeURIComponent(value)}`, { token });
          assertPlain(answer, `${at} ${name} ${value}`);
          if (["limit", "status", "winner", "nothing"].includes(name))
            assert.notEqual(answer.status, 200, `${name}=${value}`);
          if (answer.status !== 200) {
            assert.match(
              codeOf(answer),
              /^(invalid-message|version-invalid|invalid-id|unknown-collection|rate-limited)$/,
              `${name}=${value}`,
            );
          }
        }
      }
      for (const value of values) {
        const part = encodeURIComponent(value);
        for (const path of [
          `/sync/conflicts/${part}`,
          `/sync/reviews/${part}`,
          `/sync/history/${part}/x`,
          `/sync/history/tasks/${part}`,
          `/sync/history/${part}/${part}`,
        ]) {
          const token = users[asked % users.length] ?? "";
          asked += 1;
          const answer = await request(target, "GET", path, { token });
          if (answer.status === 200) continue;
          assert.match(
            codeOf(answer),
            /^(not-found|invalid-id|invalid-message|entity-not-found|unknown-collection|rate-limited)$/,
            path.slice(0, 100),
          );
        }
      }
      for (const path of [
        "limit=1&limit=200",
        "collection=broken",
        "collection=tidelock.reviews",
        "token=x",
        "limit=5&x",
      ]) {
        const answer = await mallory.ask("GET", `/sync/conflicts?${path}`);
        if (answer.status !== 200) codeOf(answer);
      }
      assert.equal(codeOf(await mallory.ask("GET", "/sync/history/broken/x")), "rule-failed");
      await target.assertWell();
    });

    test("paging goes on from places of one's own only, and ends", async () => {
      const [ana, mallory] = [await Actor.join(target, ANA), await Actor.join(target)];
      await ana.write("create", "tasks", "paged", { title: "0" });
      await ana.push(
        Array.from({ length: 30 }, (_, index) => ana.mutation("update", "tasks", "paged", { title: `${index}` })),
      );
      const [, , hidden] = await ana.write("create", "vaults", "between", { owner: "ana" });
      for (const before of [hidden, hidden - 32, 1, Number.MAX_SAFE_INTEGER]) {
        const answer = await mallory.ask("GET", `/sync/history/tasks/paged?before=${before}`);
        assert.equal(codeOf(answer), "version-invalid", String(before));
      }
      let next: number | null = null;
      let pages = 0;
      do {
        const page: { next: number | null } = await mallory.get(
          `/sync/history/tasks/paged?limit=5${next === null ? "" : `&before=${next}`}`,
        );
        next = page.next;
        pages += 1;
      } while (next !== null && pages < 50);
      assert.ok(pages >= 7 && pages < 10, `${pages} pages`);
      await target.assertWell();
    });

    test("bodies of decisions and notes with something wrong in one place", async () => {
      const decision = { device_id: "mallory-decides", temp_id: "d1", version: "x.1", value: "x" };
      const notes = {
        device_id: "mallory-decides",
        temp_id: "n1",
        version: "x.1",
        note: "x",
        assignee: null,
        due: "2026-03-01T12:00:00Z",
        on_expiry: "keep",
      };
      const { token } = target;
      let sent = 0;
      for (const [path, body] of [
        ["/sync/reviews/review:x:1:0.0/decide", decision],
        ["/sync/reviews/review:x:1:0.0", notes],
      ] as const) {
        for (const place of placesOf(body)) {
          for (const instead of [...NASTY_TEXTS, null]) {
            sent += 1;
            const answer = await request(target, "POST", path, { token, body: textWith(body, place, instead) });
            assert.notEqual(answer.status, 200);
            codeOf(answer);
            assertPlain(answer, path);
          }
        }
        for (const bomb of BOMBS) codeOf(await request(target, "POST", path, { token, body: bomb }));
        for (const type of ["text/plain", "application/x-www-form-urlencoded", ""]) {
          const answer = await request(target, "POST", path, { token, body: "{}", headers: { "Content-Type": type } });
          assert.equal(codeOf(answer), "unsupported-media-type");
        }
      }
      assert.ok(sent > 250, `${sent}`);
      await target.assertWell();
    });

    test("a reader who asks too much is slowed down, and nobody else is", async () => {
      const token = await tokenOf({ tenant: "acme", user: "greedy" });
      const codes = await Promise.all(
        Array.from({ length: 300 }, async () => {
          const answer = await request(target, "GET", "/sync/conflicts?limit=200", { token });
          return answer.status === 200 ? "ok" : codeOf(answer);
        }),
      );
      assert.ok(codes.includes("overloaded") || codes.includes("rate-limited"), "nothing stopped it");
      const other = await tokenOf({ tenant: "acme", user: "modest" });
      assert.equal((await request(target, "GET", "/sync/reviews", { token: other })).status, 200);
      await target.assertWell();
    });

    test("the schema says who asks, and nothing of anybody else", async () => {
      for (const person of [MALLORY, OLGA]) {
        const actor = await Actor.join(target, person);
        const schema = await actor.get<{ user: string; tenant: string; collections: unknown[] }>("/sync/schema");
        assert.deepEqual([schema.user, schema.tenant], [person.user, person.tenant]);
        assert.doesNotMatch(JSON.stringify(schema), /=>|function|tidelock\.reviews/);
      }
      await target.assertWell();
    });

    test("the inbox is its own files, which may do nothing but what they need", async () => {
      const page = await request(target, "GET", "/inbox/");
      const isBuilt = page.status === 200;
      if (isBuilt) {
        const policy = /^content-security-policy: (.*)$/im.exec(page.head)?.[1] ?? "";
        assert.match(policy, /default-src 'none'/);
        assert.match(policy, /script-src 'self'(;|$)/);
        assert.match(policy, /connect-src 'self'(;|$)/);
        assert.match(policy, /frame-ancestors 'none'/);
        assert.doesNotMatch(policy, /unsafe|\*|data:|blob:/);
        assert.match(page.head, /^x-content-type-options: nosniff/im);
        assert.match(page.head, /^referrer-policy: no-referrer/im);
        assert.doesNotMatch(page.head, /^set-cookie/im);
        assert.doesNotMatch(page.body, /<script(?![^>]* src=)[^>]*>[^<]/, "no script in the page itself");
      }
      for (const name of [
        "..%2f..%2fpackage.json",
        "..%2findex.html",
        "%2e%2e%2f%2e%2e%2fpackage.json",
        "..",
        "%2e%2e",
        "..%5c..%5cpackage.json",
        "%00index.html",
        "index.html%00",
        "__proto__",
        "constructor",
        ".built",
        "%2fetc%2fpasswd",
        "index.html/",
        "INDEX.HTML",
        "%",
        "%ff",
        "x".repeat(4000),
      ]) {
        assert.equal(codeOf(await request(target, "GET", `/inbox/${name}`)), "not-found", name.slice(0, 60));
      }
      for (const query of ["?token=x", "?base=https://evil.example", "?<script>alert(1)</script>", "?%3Cscript%3E"]) {
        const answer = await request(target, "GET", `/inbox/${query}`);
        if (answer.status === 200)
          assert.equal(answer.body, page.body, "the page is the same whatever the address says");
      }
      const moved = await request(target, "GET", "/inbox?//evil.example/%0d%0aX-Injected: 1", {
        headers: { "Host": "evil.example", "X-Forwarded-Host": "evil.example" },
      });
      assert.doesNotMatch(moved.head, /evil|injected/i);
      await target.assertWell();
    });
  });
}
