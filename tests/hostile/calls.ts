/**
 * Calls of mutators that do not exist, that do what no mutator should, and with arguments from an attacker; and rules that
 * loop, throw or answer nonsense while others work.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Actor, loggedBytes } from "./actor.ts";
import { pingsUntil } from "./merged.ts";
import { NASTY_NAMES, NASTY_TEXTS } from "./nasty.ts";
import type { Target } from "./target.ts";
import { codeOf, request } from "./wire.ts";
import { ANA, OLGA } from "./world.ts";

async function titleOf(actor: Actor, id: string): Promise<unknown> {
  return (await actor.get<{ fields: Record<string, unknown> }>(`/sync/history/tasks/${id}?limit=1`)).fields["title"];
}

export function attackCalls(target: Target): void {
  describe("calls", () => {
    test("of mutators that do not exist, over every way", async () => {
      const names = NASTY_NAMES.filter((name) => /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name));
      let mallory = await Actor.join(target);
      for (const name of [
        ...names,
        "create",
        "decide",
        "void",
        "call",
        "valueOf",
        "then",
        "tasks",
        "tidelock.reviews",
        "Wild",
      ]) {
        const code = await mallory.attempt("call", name, name, { how: "create" });
        assert.match(code, /^(unknown-mutator|entity-not-found)$/, name);
        // Only the name in the place of the collection counts.
        assert.match(await mallory.attempt("call", name, "wild", {}), /^(unknown-mutator|entity-not-found)$/);
      }
      for (const name of NASTY_NAMES) {
        const mutation = { temp_id: "m1", operation: name, payload: { how: "create" } };
        const body = JSON.stringify({ device_id: target.newDevice(), mutations: [mutation] });
        const answer = await request(target, "POST", "/sync/reconcile", { token: target.token, body });
        if (answer.status !== 200) codeOf(answer);
        else assert.match(answer.body, /"code":"(unknown-operation|unknown-mutator)"/, name);
        mallory.peer.say({
          type: "push",
          mutations: [[mallory.counter + 1, "call", name, name, {}, 0, "01a204038edc0000", 0]],
        });
        const [row] = await mallory.peer.decided(1);
        mallory.counter += 1;
        if (row === undefined) mallory = await Actor.join(target);
      }
      await target.assertWell();
    });

    test("with whatever arguments can be", async () => {
      let mallory = await Actor.join(target);
      for (const text of NASTY_TEXTS) {
        for (const args of [
          text,
          `{"how":${text}}`,
          `{"how":"x","more":${text}}`,
          `{"how":"x",${JSON.stringify(text.slice(0, 50))}:1}`,
        ]) {
          mallory.peer.say(
            `{"type":"push","mutations":[[${mallory.counter + 1},"call","wild","wild",${args},0,"01a204038edc0000",0]]}`,
          );
          const [row] = await mallory.peer.decided(1);
          mallory.counter += 1;
          if (row === undefined) {
            assert.match(mallory.peer.ended?.reason ?? "", /^(malformed-frame|invalid-message)$/, args.slice(0, 200));
            mallory = await Actor.join(target);
          } else assert.match(row[3]?.code ?? row[1], /^(applied|invalid-value)$/, args.slice(0, 200));
        }
      }
      for (const id of [...NASTY_NAMES.filter((name) => !name.startsWith("tmp:")), "task-of-olga", "review:x:1:0.0"]) {
        for (const how of ["title", "create"]) {
          const code = await mallory.attempt("call", "wild", "wild", { how, task: id.slice(0, 500), more: "x" });
          assert.match(code, /^(applied|entity-not-found|entity-exists|invalid-id)$/, `${how} ${id.slice(0, 80)}`);
        }
      }
      await target.assertWell();
    });

    test("arguments of any size stop at the bound of a mutation", async () => {
      const mallory = await Actor.join(target);
      const before = loggedBytes(target);
      const codes = [
        await mallory.attempt("call", "wild", "wild", { how: "note", more: "y".repeat(2_000_000) }),
        await mallory.attempt("call", "wild", "wild", { how: "h".repeat(2_000_000) }),
      ];
      const growth = loggedBytes(target).events - before.events;
      assert.ok(growth < 300_000, `${growth} bytes in the log`);
      assert.deepEqual(codes, ["mutation-too-large", "mutation-too-large"]);
      await target.assertWell();
    });

    test("of a mutator that loops, throws, waits, writes for ever, or changes what it reads", async () => {
      const mallory = await Actor.join(target);
      const id = "called";
      await mallory.write("create", "tasks", id, { title: "as it was", more: { x: 1 } });
      for (const [how, expected] of [
        ["loop", "mutator-failed"],
        ["throw", "mutator-failed"],
        ["throw nothing", "mutator-failed"],
        ["refuse", "mutator-refused"],
        ["refuse and go on", "mutator-refused"],
        ["promise", "transaction-broken"],
        ["thenable", "applied"],
        ["many", "transaction-broken"],
        ["change what it reads", "applied"],
        ["read odd ids", "applied"],
        ["odd values", "invalid-value"],
        ["system", "applied"],
      ] as const) {
        const row = await mallory.write("call", "wild", "wild", { how, task: id });
        assert.match(row[3]?.code ?? row[1], new RegExp(expected), how);
        assert.ok((row[3]?.message ?? "").length <= 4000, how);
        assert.equal(await titleOf(mallory, id), "as it was", how);
      }
      assert.equal(await mallory.attempt("call", "wild", "wild", { how: "later", task: id }), "applied");
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(await titleOf(mallory, id), "now");
      await target.assertWell();
    });

    test("a mutator that catches the bound of its writes has not written", async () => {
      const mallory = await Actor.join(target);
      await mallory.write("create", "tasks", "caught", { title: "as it was" });
      const code = await mallory.attempt("call", "wild", "wild", { how: "many, caught", task: "caught" });
      assert.match(code, /^(transaction-broken|mutator-failed)$/);
      assert.equal(await titleOf(mallory, "caught"), "as it was");
      await target.assertWell();
    });

    test("a mutator that reads a thousand entities", async () => {
      try {
        const mallory = await Actor.join(target);
        const code = await mallory.attempt("call", "wild", "wild", { how: "read a thousand", task: "none" });
        assert.match(code, /^(applied|transaction-broken|mutator-failed)$/);
      } finally {
        await target.assertWell();
      }
    });

    test("a call that writes to a temporary id", async () => {
      try {
        const mallory = await Actor.join(target);
        for (const task of ["tmp:a:1", "tmp:a:b:c", `tmp:${mallory.device}:1`]) {
          for (const how of ["title", "create"]) {
            const code = await mallory.attempt("call", "wild", "wild", { how, task, more: "x" });
            assert.match(code, /^(entity-not-found|invalid-id)$/, `${how} ${task}`);
          }
        }
      } finally {
        await target.assertWell();
      }
    });

    test("in transactions are refused whole, and so is what is around them", async () => {
      const mallory = await Actor.join(target);
      await mallory.write("create", "tasks", "around", { title: "as it was" });
      for (const order of [0, 1, 2]) {
        const mutations = [0, 1, 2].map((place) =>
          place === order
            ? mallory.mutation(
                "call",
                "wild",
                "wild",
                { how: "title", task: "around", more: "called" },
                { remaining: 2 - place },
              )
            : mallory.mutation("update", "tasks", "around", { title: "around" }, { remaining: 2 - place }),
        );
        const rows = await mallory.push(mutations);
        assert.deepEqual([...new Set(rows.map(([, outcome]) => outcome))], ["rejected"]);
      }
      assert.equal(await titleOf(mallory, "around"), "as it was");
      const device = target.newDevice();
      const call = { operation: "wild", payload: { how: "title", task: "around", more: "called" } };
      const mutations = [
        { temp_id: "a", ...call, remaining: 1 },
        { temp_id: "b", ...call, remaining: 0 },
      ];
      const answer = await mallory.ask("POST", "/sync/reconcile", {
        body: JSON.stringify({ device_id: device, mutations }),
      });
      assert.equal((JSON.parse(answer.body) as { rejected: unknown[] }).rejected.length, 2, answer.body);
      assert.equal(await titleOf(mallory, "around"), "as it was");
      await target.assertWell();
    });
  });

  describe("rules that break", () => {
    test("whatever a rule does, a person decides, and nobody else notices", async () => {
      const ana = await Actor.join(target, ANA);
      const ways = [
        "loop",
        "throw",
        "throw nothing",
        "promise",
        "nothing",
        "function",
        "circle",
        "getter",
        "deep",
        "huge",
        "stack",
      ];
      for (const [index, way] of ways.entries()) {
        const [one, two] = [await Actor.join(target), await Actor.join(target)];
        await one.write("create", "ruled", `ruled-${index}`, { value: "as it was" });
        const [, outcome, , detail] = await two.write("update", "ruled", `ruled-${index}`, { value: way });
        if (outcome !== "rejected") assert.equal(outcome, "in-review", `${way}: ${JSON.stringify(detail)}`);
        else assert.match(detail?.code ?? "", /^(entity-too-large|invalid-value)$/, way);
        one.leave();
        two.leave();
      }
      assert.equal(await ana.attempt("create", "tasks", "after-the-rules", { title: "x" }), "applied");
      await target.assertWell();
    });

    for (const [what, prepare] of [
      [
        "a push full of mutators that loop",
        (mallory: Actor) =>
          Promise.resolve(Array.from({ length: 8 }, () => mallory.mutation("call", "wild", "wild", { how: "loop" }))),
      ],
      [
        "a push full of conflicts whose rule loops",
        async (mallory: Actor) => {
          const other = await Actor.join(target);
          await other.push(
            Array.from({ length: 8 }, (_, index) =>
              other.mutation("create", "ruled", `loop-${index}`, { value: "as it was" }),
            ),
          );
          return Array.from({ length: 8 }, (_, index) =>
            mallory.mutation("update", "ruled", `loop-${index}`, { value: "loop" }),
          );
        },
      ],
    ] as const) {
      test(`${what} lets others have their answers in between`, async () => {
        const [ana, olga] = [await Actor.join(target, ANA), await Actor.join(target, OLGA)];
        const mallory = await Actor.join(target);
        const mutations = await prepare(mallory);
        const work = mallory.push(mutations);
        const [hers] = await Promise.all([pingsUntil(olga, work), work]);
        assert.equal(hers.result.length, mutations.length);
        assert.ok(hers.count >= mutations.length / 2, `${hers.count} answers during ${mutations.length} loops`);
        assert.equal(await ana.attempt("create", "tasks", `after-${mallory.device}`, { title: "x" }), "applied");
        await target.assertWell();
      });
    }
  });
}
