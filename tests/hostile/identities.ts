/**
 * Who is who: forged tokens, and what belongs to another tenant or another user.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type JWTHeaderParameters, SignJWT } from "jose";
import { assertAnswered, everything, fatalCode, openStream } from "./attack.ts";
import type { Target } from "./target.ts";
import { codeOf, dial, request } from "./wire.ts";
import { MALLORY, OLGA, SECRET, tokenOf } from "./world.ts";

export function attackIdentities(target: Target): void {
  describe("tokens", () => {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { tenant: OLGA.tenant, sub: OLGA.user, exp: 4e9 };

    /** What an attacker has instead of the secret. */
    async function forgeries(): Promise<ReadonlyArray<readonly [string, RegExp]>> {
      const [head = "", body = "", signature = ""] = target.token.split(".");
      const unsigned = `${part({ alg: "none", typ: "JWT" })}.${part(claims)}`;
      const sign = (header: JWTHeaderParameters, key: string): Promise<string> =>
        new SignJWT(claims).setProtectedHeader(header).sign(new TextEncoder().encode(key));
      return [
        [`${unsigned}.`, /^token-(invalid|missing)$/],
        [unsigned, /^token-invalid$/],
        [`${part({ alg: "NONE" })}.${part(claims)}.`, /^token-invalid$/],
        [`${part({ alg: "none" })}.${part(claims)}.${signature}`, /^token-invalid$/],
        [`${head}.${part(claims)}.${signature}`, /^token-invalid$/],
        [`${head}.${body}.${signature.slice(0, -2)}`, /^token-invalid$/],
        [`${head}.${body}.`, /^token-invalid$/],
        [`${head}.${body}.${signature}.${signature}`, /^token-invalid$/],
        [await sign({ alg: "HS256" }, "a guessed secret of thirty-two bytes and more"), /^token-invalid$/],
        [await sign({ alg: "HS512" }, SECRET), /^token-invalid$/],
        [await sign({ alg: "HS256", kid: "../../../../dev/null" }, "x".repeat(32)), /^token-invalid$/],
        [
          await sign({ alg: "HS256", jwk: { kty: "oct", k: "eA" } } as JWTHeaderParameters, "x".repeat(32)),
          /^token-invalid$/,
        ],
        [
          await sign({ alg: "HS256", jku: `http://127.0.0.1:${target.port}/openapi.json` }, "x".repeat(32)),
          /^token-invalid$/,
        ],
        [await tokenOf(MALLORY, 1), /^token-expired$/],
        [await tokenOf({ tenant: "../acme", user: "mallory" }), /^token-invalid$/],
        [await tokenOf({ tenant: "acme", user: 'a"b' }), /^token-invalid$/],
        [await tokenOf({ tenant: "", user: "" }), /^token-invalid$/],
        ["undefined", /^token-invalid$/],
        ["null", /^token-invalid$/],
        ["x".repeat(16_000), /^token-invalid$/],
        ["a.b.c", /^token-invalid$/],
        ["..", /^token-invalid$/],
      ];
    }

    test("forged, without a signature, of another algorithm, expired or misshapen are refused everywhere", async () => {
      for (const [token, expected] of await forgeries()) {
        const peer = await dial(target);
        peer.say(target.hello({ token }));
        assert.match(await fatalCode(peer), expected, token.slice(0, 80));
        const session = await target.join({ device: "mallory-refresh" });
        session.say({ type: "auth", token });
        const refusal = await session.next("refusal");
        assert.match(refusal?.code ?? "", expected, token.slice(0, 80));
        assert.equal(refusal?.fatal, false, "the old token still holds");
        session.leave();
        if (token.length > 10_000) continue;
        const body = JSON.stringify({ device_id: "mallory-http", mutations: [] });
        for (const answer of [
          await request(target, "POST", "/sync/reconcile", { token, body }),
          await request(target, "POST", "/sync/presence", { token, body: "{}" }),
          await request(target, "GET", "/sync/events?device=mallory-http", { token }),
        ]) {
          assert.match(codeOf(answer), expected, token.slice(0, 80));
        }
      }
      await target.assertWell();
    });

    test("missing, in the address, in a cookie, twice, or of another scheme", async () => {
      const body = JSON.stringify({ device_id: "mallory-http", mutations: [] });
      const { token } = target;
      for (const name of ["token", "access_token", "authorization"]) {
        for (const path of [`/sync/events?device=m&${name}=${token}`, `/sync/reconcile?${name}=${token}`]) {
          const method = path.startsWith("/sync/events") ? "GET" : "POST";
          const options = method === "GET" ? {} : { body };
          assert.equal(codeOf(await request(target, method, path, options)), "token-missing");
          assert.equal(codeOf(await request(target, method, path, { ...options, token })), "token-missing");
        }
        const upgraded = await dial(target, { path: `/sync?${name}=${token}` });
        assert.equal(upgraded.refused === null ? "accepted" : codeOf(upgraded.refused), "token-missing");
      }
      for (const headers of [
        {},
        { Cookie: `token=${token}` },
        { Authorization: token },
        { Authorization: `Basic ${token}` },
        { Authorization: "Bearer" },
        { Authorization: "Bearer  " },
        { Authorization: `Bearer ${token} ${token}` },
        { Authorization: `Bearer ${token}, Bearer ${token}` },
        { "X-Authorization": `Bearer ${token}` },
      ]) {
        assert.equal(codeOf(await request(target, "POST", "/sync/reconcile", { body, headers })), "token-missing");
        assert.equal(codeOf(await request(target, "GET", "/sync/events?device=m", { headers })), "token-missing");
      }
      await target.assertWell();
    });

    test("of somebody else, in a session that is open, end it", async () => {
      for (const person of [OLGA, { tenant: "acme", user: "ana" }]) {
        const peer = await target.join();
        peer.say({ type: "auth", token: await tokenOf(person) });
        assert.equal(await fatalCode(peer), "forbidden");
      }
      await target.assertWell();
    });
  });

  describe("what belongs to others", () => {
    test("the other tenant's ids, devices and rooms mean nothing here", async () => {
      const foreign = ["task-of-olga", "olga-0"];
      const peer = await target.join({ subscriptions: everything(null) });
      const mutations = foreign.flatMap((id) => [
        ["update", "tasks", id, { title: "mine" }],
        ["delete", "tasks", id, {}],
        ["update", "secrets", id, { text: "mine" }],
        ["delete", "secrets", id, {}],
      ]);
      peer.say({
        type: "push",
        mutations: mutations.map((parts, index) => [index + 1, ...parts, 0, "01a204038edc0000", 0]),
      });
      for (const [, outcome, , detail] of await peer.decided(mutations.length)) {
        assert.deepEqual([outcome, detail?.code], ["rejected", "entity-not-found"]);
      }
      peer.say({ type: "presence", room: "board", action: "join", clock: 1, state: {} });
      const room = await peer.next("presence");
      assert.deepEqual(room?.members.map(([, , user]) => user).sort(), ["ana", "mallory"]);
      const answer = await request(target, "POST", "/sync/reconcile", {
        token: target.token,
        body: JSON.stringify({ device_id: target.newDevice(), mutations: [], tenant: OLGA.tenant, user: OLGA.user }),
      });
      assert.equal(answer.status, 200);
      await target.assertWell();
    });

    test("another user's device is taken, and another user's session takes no presence", async () => {
      const device = target.newDevice();
      const bea = await tokenOf({ tenant: "acme", user: "bea" });
      const hers = await target.join({ token: bea, device });
      const peer = await dial(target);
      peer.say(target.hello({ device }));
      assert.equal(await fatalCode(peer), "device-taken");
      const body = JSON.stringify({ device_id: device, mutations: [] });
      assert.equal(
        codeOf(await request(target, "POST", "/sync/reconcile", { token: target.token, body })),
        "device-taken",
      );
      assert.equal(await openStream(target, `?device=${device}`), "device-taken");
      assert.equal(hers.ended, null, "hers goes on");
      const presence = JSON.stringify({ room: "board", action: "join", clock: 1, state: {} });
      for (const session of ["s00000000000000000000000000000", "../x", "", "__proto__"]) {
        const headers = { "Tidelock-Session": session };
        const answer = await request(target, "POST", "/sync/presence", {
          token: target.token,
          body: presence,
          headers,
        });
        assert.equal(codeOf(answer), "not-found");
      }
      await target.assertWell();
    });

    test("what nobody but its reader may see is not told to those who write to it", async () => {
      for (const [operation, fields] of [
        ["update", { text: "overwritten" }],
        ["update", { to: "mallory" }],
        ["create", { to: "mallory", text: "x" }],
        ["delete", {}],
        ["update", { text: "after its end" }],
      ] as const) {
        const peer = await target.join({ subscriptions: everything(null) });
        peer.say({
          type: "push",
          mutations: [[1, operation, "letters", "letter-to-ana", fields, 0, "0000000000000001", 0]],
        });
        assert.equal((await peer.decided(1)).length, 1);
        peer.leave();
        const body = JSON.stringify({
          device_id: target.newDevice(),
          mutations: [{ temp_id: "m1", collection: "letters", operation, entity_id: "letter-to-ana", payload: fields }],
        });
        const answer = await request(target, "POST", "/sync/reconcile", { token: target.token, body });
        assertAnswered(answer.body, body);
      }
      await target.assertWell();
    });

    test("hidden rows come by no filter, key, checkpoint, page, conflict or reference", async () => {
      const filters = [
        {},
        { owner: "ana" },
        { owner: { ne: "mallory" } },
        { or: [{}, { owner: "ana" }] },
        { not: { owner: "mallory" } },
        { id: "ana-0" },
        { text: { gte: "" } },
        { and: [] },
      ];
      for (const where of filters) {
        for (const key of [null, "*", "secrets:x"]) {
          const peer = await target.join({
            device: "mallory-filters",
            subscriptions: [{ id: 1, collection: "secrets", where, key }],
          });
          await peer.settled();
          peer.leave();
        }
        await openStream(
          target,
          `?device=mallory-filters&subscribe=${encodeURIComponent(JSON.stringify([{ collection: "secrets", where }]))}`,
        );
      }
      const peer = await target.join();
      const rows: unknown[][] = [
        ["update", "secrets", "ana-0", { text: "mine" }],
        ["update", "secrets", "ana-0", { owner: "mallory" }],
        ["delete", "secrets", "ana-0", {}],
        ["create", "secrets", "ana-0", { owner: "mallory", text: "x" }],
        ["create", "tasks", `points-${target.newDevice()}`, { title: "x", parent: "ana-0" }],
        ["create", "broken", "b1", { text: "x" }],
      ];
      peer.say({ type: "push", mutations: rows.map((row, index) => [index + 1, ...row, 0, "ffffffffffffffff", 0]) });
      const codes = (await peer.decided(rows.length)).map(([, outcome, , detail]) => detail?.code ?? outcome);
      assert.deepEqual(codes, ["forbidden", "forbidden", "forbidden", "entity-exists", "applied", "rule-failed"]);
      peer.say({ type: "subscribe", id: 5, collection: "broken", where: {}, key: null });
      assert.equal((await peer.next("refusal"))?.code, "rule-failed");
      peer.say({ type: "presence", room: "closed", action: "join", clock: 1, state: {} });
      assert.equal((await peer.next("refusal"))?.code, "forbidden");
      await downloadAll(target);
      await target.assertWell();
    });
  });
}

/** A first download over reconcile, page by page. */
async function downloadAll(target: Target): Promise<void> {
  let position: string | null = null;
  for (let page = 0; page < 50; page++) {
    const body: string = JSON.stringify({ device_id: "mallory-loads", last_ack_version: position, mutations: [] });
    const answer = await request(target, "POST", "/sync/reconcile", { token: target.token, body });
    assert.equal(answer.status, 200, answer.body);
    const { checkpoint, has_more: hasMore } = JSON.parse(answer.body) as { checkpoint: string; has_more: boolean };
    if (!hasMore) return;
    position = checkpoint;
  }
  assert.fail("the download did not end");
}
