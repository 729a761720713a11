/**
 * Messages that are well-formed and mean harm: names that are code or paths elsewhere, forged positions, disorder.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ServerMessage } from "@tidelock/core";
import { assertAnswered, fatalCode, openStream, task } from "./attack.ts";
import { NASTY_NAMES } from "./nasty.ts";
import type { Target } from "./target.ts";
import { codeOf, dial, request } from "./wire.ts";
import { tokenOf } from "./world.ts";

export function attackWithMeanings(target: Target): void {
  describe("names that mean something elsewhere", () => {
    test("in every id and name of a session", async () => {
      for (const name of NASTY_NAMES) {
        const hello = await dial(target);
        hello.say({ ...target.hello(), device: name });
        await hello.settled();
        hello.leave();
        const peer = await target.join({ device: "mallory-names" });
        const say = async (message: unknown): Promise<readonly ServerMessage[]> => {
          if (peer.ended === null) peer.say(message);
          return peer.ended === null ? peer.settled() : [];
        };
        await say({ type: "subscribe", id: 1, collection: "tasks", where: { [name]: 1 }, key: name.slice(0, 100) });
        await say({ type: "subscribe", id: 2, collection: "tasks", where: { title: { [name]: 1 } }, key: null });
        await say({ type: "presence", room: "lobby", action: "join", clock: 1, state: { [name]: name.slice(0, 100) } });
        peer.leave();
        for (const message of [
          { type: "subscribe", id: 3, collection: name, where: {}, key: null },
          { type: "presence", room: name, action: "join", clock: 2, state: {} },
          { type: "push", mutations: [[1, "create", name, "x1", {}, 0, "01a204038edc0000", 0]] },
          { type: "push", mutations: [[1, "create", "tasks", name, { title: name }, 0, "01a204038edc0000", 0]] },
          { type: "push", mutations: [[1, name, "tasks", "x2", { title: name }, 0, "01a204038edc0000", 0]] },
          {
            type: "push",
            mutations: [
              [1, "create", "tasks", `x-${target.newDevice()}`, { [name]: 1, title: "x" }, 0, "01a204038edc0000", 0],
            ],
          },
        ]) {
          const other = await target.join();
          other.say(message);
          const answer = await other.answer();
          assert.ok(
            answer !== null || other.ended?.reason !== "",
            `silence about ${JSON.stringify(message).slice(0, 200)}`,
          );
          other.leave();
        }
      }
      await target.assertWell();
    });

    test("in values: they are data, and come back as they were", async () => {
      const author = await target.join();
      const reader = await target.join({ subscriptions: [{ id: 1, collection: "notes", where: {}, key: null }] });
      await reader.next("snapshot-end");
      const values = NASTY_NAMES.filter((name) => name.length < 1000);
      author.say({
        type: "push",
        mutations: values.map((text, index) => [
          index + 1,
          "create",
          "notes",
          `tmp:mallory:${index}`,
          { text },
          0,
          "01a204038edc0000",
          0,
        ]),
      });
      const got: string[] = [];
      while (got.length < values.length) {
        const delta = await reader.next("delta");
        for (const change of delta?.changes ?? []) if (change[0] === 0) got.push(String(change[4][0]));
      }
      assert.deepEqual(got, values);
      assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
      await target.assertWell();
    });

    test("in every name of reconcile and server-sent events", async () => {
      for (const name of NASTY_NAMES) {
        const mutation = { temp_id: "m1", collection: "tasks", operation: "create", payload: { title: "x" } };
        for (const changes of [
          { temp_id: name },
          { entity_id: name },
          { collection: name },
          { operation: name },
          { version: name },
          { occurred_at: name },
          { payload: { title: "x", [name]: 1 } },
          { operation: "update", entity_id: "x1", payload: { [name]: name } },
        ]) {
          const body = JSON.stringify({ device_id: target.newDevice(), mutations: [{ ...mutation, ...changes }] });
          const answer = await request(target, "POST", "/sync/reconcile", { token: target.token, body });
          if (answer.status === 200) assertAnswered(answer.body, body);
          else codeOf(answer);
        }
        for (const member of ["device_id", "last_ack_version"]) {
          const body = JSON.stringify({ device_id: target.newDevice(), mutations: [], [member]: name });
          const answer = await request(target, "POST", "/sync/reconcile", { token: target.token, body });
          if (answer.status !== 200) codeOf(answer);
        }
        const text = encodeURIComponent(name.slice(0, 2000));
        const subscribe = encodeURIComponent(JSON.stringify([{ collection: name.slice(0, 2000) }]));
        for (const query of [
          `?device=${text}`,
          `?device=m1&checkpoint=${text}`,
          `?device=m1&schema=${text}`,
          `?device=m1&protocol=${text}`,
          `?device=m1&decided=${text}`,
          `?device=m1&subscribe=${text}`,
          `?device=m1&subscribe=${subscribe}`,
          `?device=m1&sdk=${text}`,
        ]) {
          await openStream(target, query);
        }
      }
      await target.assertWell();
    });
  });

  describe("forged positions", () => {
    test("of the future, of other logs, and versions of everybody else's mutations", async () => {
      const welcome = await (async () => {
        const peer = await dial(target);
        peer.say(target.hello());
        return peer.next("welcome");
      })();
      assert.ok(welcome !== null);
      const { epoch, head } = welcome;
      const everything = [
        { id: 1, collection: "secrets", where: {}, key: "*" },
        { id: 2, collection: "tasks", where: {}, key: "*" },
      ];
      for (const changes of [
        { epoch: "other", checkpoint: 5 },
        { epoch, checkpoint: head + 1000 },
        { epoch, checkpoint: Number.MAX_SAFE_INTEGER },
        { epoch: null, checkpoint: 3 },
        { epoch: "__proto__x", checkpoint: 0 },
        { epoch, checkpoint: 0, decided: Number.MAX_SAFE_INTEGER },
        { epoch, checkpoint: 0, subscriptions: everything },
        { epoch, checkpoint: 1, subscriptions: everything },
        { epoch, checkpoint: head, subscriptions: everything },
        {
          epoch,
          checkpoint: head,
          subscriptions: [{ id: 1, collection: "secrets", where: { owner: "ana" }, key: "secrets:1" }],
        },
        { protocol: [2, 9999] },
        { protocol: [9999, 1] },
        { schema: { version: 999_999, hash: "x" } },
      ]) {
        const peer = await dial(target);
        peer.say({ ...target.hello(), ...changes });
        peer.say({ type: "ack", offset: Number.MAX_SAFE_INTEGER });
        peer.say({ type: "unsubscribe", id: 999 });
        const answers = await peer.settled();
        assert.ok(
          answers.some(({ type }) => type === "welcome" || type === "refusal"),
          JSON.stringify(changes),
        );
        peer.leave();
      }
      const forged = [
        `${epoch}.${head + 1}`,
        `${epoch}.9007199254740991`,
        `${epoch}.9007199254740993`,
        `${epoch}.99999999999999999999`,
        `${epoch}.-1`,
        `${epoch}.01`,
        `${epoch}.0~ana:1`,
        `${epoch}.0~ana:9007199254740991`,
        `${epoch}.0~a:1~a:2`,
        `${epoch}.0${"~d:1".repeat(300)}`,
        `other.5`,
        `${epoch}.0!secrets!`,
        `${epoch}.0!secrets!ana-0`,
        `${epoch}.0!nothing!`,
        `${epoch}.0!__proto__!x`,
        `${epoch}.${head}!tasks!~~`,
        `${epoch}.999999!tasks!`,
        `${epoch}`,
        ".",
        "",
      ];
      for (const text of forged) {
        for (const body of [
          { device_id: "mallory-forger", last_ack_version: text, mutations: [] },
          {
            device_id: "mallory-forger",
            mutations: [
              {
                temp_id: target.newDevice(),
                collection: "tasks",
                operation: "update",
                entity_id: "task-of-ana",
                payload: { done: true },
                version: text,
              },
            ],
          },
        ]) {
          const answer = await request(target, "POST", "/sync/reconcile", {
            token: target.token,
            body: JSON.stringify(body),
          });
          if (answer.status === 200) assertAnswered(answer.body, JSON.stringify(body));
          else
            assert.match(
              codeOf(answer),
              /^(version-invalid|epoch-changed|checkpoint-expired|invalid-message)$/,
              text.slice(0, 80),
            );
        }
        const code = await openStream(target, `?device=${target.newDevice()}`, { "Last-Event-ID": text });
        assert.match(code, /^(welcome|version-invalid)$/, text.slice(0, 80));
      }
      await target.assertWell();
    });

    test("stamps from the end of time, and dates from before it", async () => {
      const stamps = ["ffffffffffffffff", "fffffffffffffff0", "0000000000000000", "0000000000000001"];
      const peer = await target.join();
      peer.say({
        type: "push",
        mutations: stamps.flatMap((stamp, index) => [
          [2 * index + 1, "create", "tasks", `stamp-${index}`, { title: "forged" }, 0, stamp, 0],
          [2 * index + 2, "update", "tasks", "task-of-ana", { title: `forged ${index}` }, 0, stamp, 0],
        ]),
      });
      assert.equal((await peer.decided(8)).length, 8);
      for (const date of [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59Z",
        "1969-12-31T23:59:59Z",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
      ]) {
        const body = JSON.stringify({
          device_id: target.newDevice(),
          mutations: [
            {
              temp_id: "m1",
              collection: "tasks",
              operation: "update",
              entity_id: "task-of-ana",
              payload: { done: true },
              occurred_at: date,
            },
          ],
        });
        const answer = await request(target, "POST", "/sync/reconcile", { token: target.token, body });
        if (answer.status === 200) assertAnswered(answer.body, body);
        else assert.equal(codeOf(answer), "invalid-message", date);
      }
      await target.assertWell();
    });

    test("a stamp of the far future locks nobody out of a field", async () => {
      const peer = await target.join();
      const id = `locked-${target.newDevice()}`;
      peer.say({
        type: "push",
        mutations: [[1, "create", "tasks", id, { title: "mine for ever" }, 0, "ffffffffffffffff", 0]],
      });
      const created = await peer.next("push-result");
      const seen = created?.results[0]?.[2] ?? 0;
      const honest = await target.join({ token: await tokenOf({ tenant: "acme", user: "bea" }) });
      honest.say({
        type: "push",
        mutations: [[1, "update", "tasks", id, { title: "no" }, seen, "0000000000000001", 0]],
      });
      const updated = await honest.next("push-result");
      assert.deepEqual(updated?.results[0]?.slice(0, 2), [1, "applied"]);
      await target.assertWell();
    });
  });

  describe("pushes out of order", () => {
    test("duplicates have one effect, gaps end the session, halves of transactions are refused whole", async () => {
      const device = target.newDevice();
      const id = `twice-${device}`;
      const peer = await target.join({ device });
      peer.say({ type: "push", mutations: [task(1, id)] });
      assert.deepEqual(
        (await peer.decided(1)).map(([, outcome]) => outcome),
        ["applied"],
      );
      for (let count = 0; count < 50; count++) peer.say({ type: "push", mutations: [task(1, id, `try ${count}`)] });
      for (const [counter, outcome, , detail] of await peer.decided(50)) {
        assert.deepEqual([counter, outcome, detail?.original], [1, "duplicate", "applied"]);
      }
      for (const [counters, code] of [
        [[3], "counter-gap"],
        [[Number.MAX_SAFE_INTEGER], "counter-gap"],
        [[2, 4], "counter-gap"],
        [[4, 3], "counter-gap"],
        [[4, 3, 2, 1], "counter-gap"],
        [[1, 3, 5], "counter-gap"],
      ] as const) {
        const other = await target.join({ device });
        other.say({ type: "push", mutations: counters.map((counter) => task(counter, `${id}-${counter}`)) });
        assert.equal(await fatalCode(other), code, String(counters));
      }
      await target.assertWell();
    });

    test("transactions without an end, counting up, down by two, or into the next push", async () => {
      const peer = await target.join();
      const device = target.newDevice();
      let counter = 0;
      const run = (...remaining: number[]): unknown[] =>
        remaining.map((left) => {
          counter += 1;
          return [...task(counter, `half-${device}-${counter}`).slice(0, 7), left];
        });
      for (const mutations of [run(1), run(2, 1), run(0, 1, 2), run(3, 1, 0), run(1, 1, 0), run(499), run(2, 0)]) {
        peer.say({ type: "push", mutations });
      }
      peer.say({ type: "push", mutations: run(0) });
      const rows = await peer.decided(counter);
      assert.equal(rows.length, counter, `ended as ${JSON.stringify(peer.ended)}`);
      assert.deepEqual(rows.at(-1)?.slice(0, 2), [counter, "applied"], "what is whole is not held up");
      const applied = rows.filter(([, outcome]) => outcome === "applied").map(([number]) => number);
      assert.deepEqual(applied, [4, counter]);
      await target.assertWell();
    });
  });
}
