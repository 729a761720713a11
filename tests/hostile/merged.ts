/**
 * Fields that are merged by intent: changes of every odd shape, sums beyond what is exact, sets and lists at their bounds,
 * and crowds that make the server remember.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Actor, loggedBytes, stampAt, storedBytes } from "./actor.ts";
import { NASTY_NAMES, NASTY_TEXTS } from "./nasty.ts";
import type { Target } from "./target.ts";
import { request } from "./wire.ts";
import { ANA } from "./world.ts";

const MERGED = ["labels", "sizes", "watchers", "steps", "votes", "used"] as const;
const MIB = 1024 * 1024;

/** JSON texts of changes that no SDK makes. */
function oddChanges(): string[] {
  const parts = [...NASTY_TEXTS, "1e309", "-1e309", "9007199254740992", "0.1", '"NaN"', "true"];
  const steps = parts.flatMap((part) => [
    `["insert",${part},null,{}]`,
    `["insert","a",${part},{}]`,
    `["insert","a",null,${part}]`,
    `["insert","a",null,{"text":${part}}]`,
    `["insert","a",null,{"task":${part}}]`,
    `["move","a",${part}]`,
    `["edit","a",${part}]`,
    `["remove",${part}]`,
    `[${part},"a"]`,
    part,
  ]);
  return [
    ...parts,
    ...parts.flatMap((part) => [
      `[${part}]`,
      `{"add":${part}}`,
      `{"add":[${part}]}`,
      `{"remove":[${part}]}`,
      `{"add":[1],"remove":${part}}`,
      `{"ops":${part}}`,
      `{"id":${part}}`,
      `[{"id":${part}}]`,
      `[{"id":"a","text":${part}}]`,
      `{"add":1,"more":${part}}`,
    ]),
    ...steps.map((step) => `{"ops":[${step}]}`),
    '{"add":[1],"remove":[1]}',
    '{"add":["a","a","a"],"remove":[]}',
    '{"__proto__":[],"add":["a"]}',
    '{"ops":[["insert","a","a",{}]]}',
    '{"ops":[["move","a","a"]]}',
    '{"ops":[["insert","a","b",{}],["insert","b","a",{}],["move","a","b"],["move","b","a"]]}',
    '{"ops":[["insert","a",null,{}],["remove","a"],["insert","a",null,{}],["edit","a",{"text":"x"}],["remove","a"]]}',
    '{"ops":[["insert","a",null,{"id":"b"}]]}',
    '{"ops":[["insert","a",null,{"constructor":1}]]}',
    '{"ops":[["insert","a",null,{"__proto__":{"text":"x"}}]]}',
    '{"ops":[["insert","a",null,{"text":"x"},"more"]]}',
    '{"ops":[["splice","a",0]]}',
    '{"ops":[],"then":1}',
    '[{"id":"a"},{"id":"a","text":"again"}]',
    '[{"text":"without an id"}]',
    ...NASTY_NAMES.map((name) => `{"ops":[["insert",${JSON.stringify(name.slice(0, 200))},null,{}]]}`),
    ...NASTY_NAMES.map((name) => `{"add":[${JSON.stringify(name.slice(0, 200))}]}`),
    ...NASTY_NAMES.map((name) => `{"ops":[["insert","n",null,{${JSON.stringify(name.slice(0, 200))}:1}]]}`),
  ];
}

export function attackMergedFields(target: Target): void {
  describe("merged fields", () => {
    test("changes of every odd shape are refused with a code, or mean what they say", async () => {
      const counts = new Map<string, number>();
      const note = (code: string): void => void counts.set(code, (counts.get(code) ?? 0) + 1);
      let actor = await Actor.join(target);
      await actor.write("create", "boards", "odd", {});
      let sent = 0;
      const say = async (field: string, changes: readonly string[]): Promise<void> => {
        const mutations = changes.map((change) => {
          sent += 1;
          actor.counter += 1;
          // Every second one creates.
          const place = sent % 2 === 0 ? '"update","boards","odd"' : `"create","boards","odd-${sent}"`;
          return `[${actor.counter},${place},{"${field}":${change}},0,"01a204038edc0000",0]`;
        });
        actor.peer.say(`{"type":"push","mutations":[${mutations.join(",")}]}`);
        const rows = await actor.peer.decided(changes.length);
        if (rows.length === 0) {
          assert.match(
            actor.peer.ended?.reason ?? "",
            /^(malformed-frame|invalid-message)$/,
            changes.join(" ").slice(0, 200),
          );
          note("unreadable");
          actor = await Actor.join(target);
          return;
        }
        for (const [index, [, outcome, , detail]] of rows.entries()) {
          note(detail?.code ?? outcome);
          if (outcome !== "rejected") continue;
          const change = changes[index]?.slice(0, 200) ?? "";
          assert.match(detail?.code ?? "", /^(invalid-value|entity-not-found|mutation-too-large)$/, change);
        }
      };
      const [plain, unreadable] = [oddChanges().filter(isPlain), oddChanges().filter((change) => !isPlain(change))];
      for (const field of MERGED) {
        for (let start = 0; start < plain.length; start += 50) await say(field, plain.slice(start, start + 50));
      }
      for (const change of unreadable) await say("steps", [change]);
      assert.ok(sent > 3000, `${sent}`);
      for (const kind of ["applied", "merged", "invalid-value", "entity-not-found", "unreadable"])
        assert.ok(counts.has(kind), `no ${kind} among ${[...counts.keys()].join(", ")}`);
      assertSound(await rowOf(actor, "odd"));
      await target.assertWell();
    });

    test("the same in reconcile", async () => {
      const { token } = target;
      const device = target.newDevice();
      const changes = oddChanges();
      for (let start = 0; start < changes.length; start += 50) {
        for (const field of ["watchers", "steps", "votes"]) {
          const whole = changes.slice(start, start + 50).filter((text) => isPlain(text));
          const mutations = whole.map(
            (change, index) =>
              `{"temp_id":"${field}-${start + index}","collection":"boards","operation":"update","entity_id":"odd","payload":{"${field}":${change}}}`,
          );
          const body = `{"device_id":"${device}","mutations":[${mutations.join(",")}]}`;
          const answer = await request(target, "POST", "/sync/reconcile", { token, body });
          assert.match(String(answer.status), /^(200|400)$/, answer.body.slice(0, 300));
        }
      }
      await target.assertWell();
    });

    test("a counter is always a whole number that is exact", async () => {
      const actor = await Actor.join(target);
      const limit = Number.MAX_SAFE_INTEGER;
      await actor.write("create", "boards", "sum", { votes: { add: limit }, used: { add: limit } });
      assert.equal(await actor.attempt("update", "boards", "sum", { votes: { add: 1 } }), "invalid-value");
      assert.equal(await actor.attempt("update", "boards", "sum", { used: { add: 1 } }), "invalid-value");
      assert.equal(await actor.attempt("update", "boards", "sum", { used: { add: -1 } }), "invalid-value");
      assert.equal(await actor.attempt("update", "boards", "sum", { votes: { add: -limit } }), "applied");
      assert.equal(await actor.attempt("update", "boards", "sum", { votes: { add: -limit } }), "applied");
      assert.equal(await actor.attempt("update", "boards", "sum", { votes: { add: -1 } }), "invalid-value");
      for (const add of ["1e308", "-9007199254740992", "0.5", "[1]", '"1"', "null", '{"valueOf":1}']) {
        const change = JSON.parse(add) as unknown;
        assert.equal(await actor.attempt("update", "boards", "sum", { votes: { add: change } }), "invalid-value", add);
      }
      const row = await rowOf(actor, "sum");
      assert.deepEqual([row["votes"], row["used"]], [-limit, limit]);
      await target.assertWell();
    });

    test("a set stops at its elements, a list at its items, a row at its size, whoever adds how many at a time", async () => {
      const actor = await Actor.join(target);
      await actor.write("create", "boards", "full", {});
      const codes = new Set<string>();
      for (let start = 0; start < 1400; start += 70) {
        const numbers = Array.from({ length: 70 }, (_, index) => start + index);
        codes.add(await actor.attempt("update", "boards", "full", { sizes: { add: numbers } }));
        const ops = numbers.map((number) => ["insert", `i${number}`, null, {}]);
        codes.add(await actor.attempt("update", "boards", "full", { steps: { ops } }));
      }
      assert.deepEqual([...codes].sort(), ["applied", "invalid-value"]);
      const row = await rowOf(actor, "full");
      assert.equal((row["sizes"] as unknown[]).length, 980);
      assert.equal((row["steps"] as unknown[]).length, 980);
      const many = Array.from({ length: 2001 }, (_, index) => ["insert", "same", null, { text: `${index}` }]);
      assert.equal(await actor.attempt("update", "boards", "full", { steps: { ops: many } }), "invalid-value");
      const million = Array.from({ length: 500_000 }, (_, index) => index);
      assert.equal(await actor.attempt("update", "boards", "full", { sizes: { add: million } }), "invalid-value");
      const grown: string[] = [];
      for (let count = 0; count < 8; count++) {
        const step = { text: "x".repeat(200_000) };
        grown.push(
          await actor.attempt("update", "boards", "full", { steps: { ops: [["insert", `l${count}`, null, step]] } }),
        );
      }
      assert.ok(grown.includes("applied") && grown.at(-1) === "entity-too-large", grown.join(" "));
      assert.ok(storedBytes(target, "full").row <= MIB);
      await target.assertWell();
    });

    test("what is remembered of removed elements and items does not outgrow a row", async () => {
      const actor = await Actor.join(target);
      await actor.write("create", "boards", "past", {});
      // They never were there: that, too, is remembered.
      const labels = Array.from({ length: 8 }, (_, index) => `${index}`.padEnd(200_000, "y"));
      await actor.push(
        labels.map((label) => actor.mutation("update", "boards", "past", { labels: { remove: [label] } })),
      );
      const set = storedBytes(target, "past").meta;
      const other = await Actor.join(target);
      const ids = Array.from({ length: 8 }, (_, index) => `i${index}`);
      const ops = ids.map((id) => ["insert", id, null, { text: "" }]);
      const [, , offset] = await actor.write("update", "boards", "past", { steps: { ops } });
      const text = "z".repeat(100_000);
      await actor.push(
        ids.map((id) => actor.mutation("update", "boards", "past", { steps: { ops: [["edit", id, { text }]] } })),
      );
      const removed = { steps: { ops: ids.map((id) => ["remove", id]) } };
      await other.write("update", "boards", "past", removed, { seen: offset });
      const list = storedBytes(target, "past").meta - set;
      assert.ok(set <= MIB && list <= MIB / 2, `${set} bytes of a set and ${list} of a list are kept beside the row`);
      await target.assertWell();
    });

    test("hundreds of devices that write one set, list and counter leave little behind", async () => {
      const actor = await Actor.join(target);
      await actor.write("create", "boards", "crowd", { title: "a crowd" });
      const steps = Array.from({ length: 5 }, (_, index) => ["insert", `i${index}`, null, { text: `${index}` }]);
      await actor.write("update", "boards", "crowd", { steps: { ops: steps } });
      const { token } = target;
      const devices = Array.from({ length: 600 }, (_, index) => index);
      const sizes: number[] = [];
      for (let start = 0; start < devices.length; start += 40) {
        await Promise.all(
          devices.slice(start, start + 40).map(async (index) => {
            const element = `e${index % 5}`;
            const item = `i${index % 5}`;
            const payload = {
              title: `from ${index}`,
              labels: index % 3 === 0 ? { remove: [element] } : { add: [element] },
              votes: { add: 1 },
              steps: {
                ops: [
                  ["insert", item, `i${(index + 2) % 5}`, { text: `${index}` }],
                  ...(index % 3 === 0 ? [["remove", item]] : []),
                ],
              },
            };
            const mutation = { temp_id: "m1", collection: "boards", operation: "update", entity_id: "crowd", payload };
            const occurred = { ...mutation, occurred_at: new Date(1e12 + ((index * 7919) % 5000)).toISOString() };
            const body = JSON.stringify({ device_id: `crowd-${index}`, mutations: [occurred] });
            const answer = await request(target, "POST", "/sync/reconcile", { token, body });
            assert.equal(answer.status, 200, answer.body.slice(0, 200));
            const { rejected } = JSON.parse(answer.body) as { rejected: unknown[] };
            assert.deepEqual(rejected, []);
          }),
        );
        if (start % 200 === 0) sizes.push(storedBytes(target, "crowd").meta);
      }
      const [half = 0, last = 0] = [sizes[Math.floor(sizes.length / 2)], sizes.at(-1)];
      assert.ok(last <= MIB / 8 && last <= half * 1.25, `${half} bytes, then ${last}`);
      const row = await rowOf(actor, "crowd");
      assert.equal(row["votes"], 600, "every addition counts, once");
      await target.assertWell();
    });

    test("a change that contradicts a crowd costs the log in proportion to what was said", async () => {
      const many = Array.from({ length: 300 }, (_, index) => index);
      const actor = await Actor.join(target);
      await actor.write("create", "boards", "contrary", {});
      for (let count = 0; count < 10; count++) {
        const other = await Actor.join(target);
        await other.write("update", "boards", "contrary", { sizes: { remove: many } }, { stamp: stampAt(count) });
        other.leave();
      }
      const before = loggedBytes(target);
      const said = JSON.stringify({ sizes: { add: many } }).length;
      await actor.write("update", "boards", "contrary", { sizes: { add: many } }, { stamp: stampAt(100) });
      const after = loggedBytes(target);
      const growth = after.events - before.events + after.decisions - before.decisions;
      assert.ok(growth <= MIB, `a change of ${said} bytes added ${growth} to the log`);
      await target.assertWell();
    });

    test("a push of nothing but temporary ids holds nobody up", async () => {
      const ana = await Actor.join(target, ANA);
      const actor = await Actor.join(target);
      const ids = (from: number): string[] =>
        Array.from({ length: 700 }, (_, index) => `tmp:a:${(from + index).toString(36)}`);
      const mutations = Array.from({ length: 100 }, (_, index) =>
        actor.mutation(
          "create",
          "boards",
          `temporary-${index}`,
          { watchers: ids(index * 700) },
          { remaining: 99 - index },
        ),
      );
      actor.peer.say({ type: "push", mutations });
      const answered = await pingsUntil(ana, actor.peer.decided(mutations.length));
      assert.ok(answered.count >= 2, `Ana had ${answered.count} answers meanwhile`);
      const [first] = answered.result;
      assert.equal(first?.[1], "rejected");
      await target.assertWell();
    });
  });
}

/** How many pings of somebody else are answered, one after the other, while something goes on. */
export async function pingsUntil<Result>(
  innocent: Actor,
  work: Promise<Result>,
): Promise<{ readonly count: number; readonly result: Result }> {
  const state = { isDone: false };
  const done = work.finally(() => (state.isDone = true));
  let count = 0;
  while (!state.isDone) {
    await innocent.peer.settled(count);
    count += 1;
  }
  return { count, result: await done };
}

async function rowOf(actor: Actor, id: string): Promise<Record<string, unknown>> {
  return (await actor.get<{ fields: Record<string, unknown> }>(`/sync/history/boards/${id}?limit=1`)).fields;
}

/** What stands in a row is what its fields say, whatever was written. */
function assertSound(row: Record<string, unknown>): void {
  const isExact = (value: unknown): boolean => Number.isSafeInteger(value);
  assert.ok(isExact(row["votes"]) && isExact(row["used"]) && Number(row["used"]) >= 0);
  assert.ok((row["labels"] as unknown[]).every((label) => typeof label === "string"));
  assert.ok((row["sizes"] as unknown[]).every(isExact));
  assert.ok((row["watchers"] as unknown[]).every((id) => typeof id === "string" && !id.startsWith("tmp:")));
  const steps = row["steps"] as ReadonlyArray<Record<string, unknown>>;
  assert.equal(new Set(steps.map(({ id }) => id)).size, steps.length);
  for (const step of steps) assert.ok(Object.keys(step).every((name) => ["id", "text", "more", "task"].includes(name)));
}

/** Whether a JSON text is one that a whole body may hold. */
function isPlain(text: string): boolean {
  return !/__proto__"|1e999|1e309|ud800|\[{10}/.test(text);
}
