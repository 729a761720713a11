/** Functions of the application that never end, in a real server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { collection, defineRule, defineSchema, field, withMutators } from "@tidelock/core";
import { memoryStorage } from "../storage/memory.ts";
import { createServer } from "./create-server.ts";
import { Office } from "./inquiries.fixture.ts";
import { request } from "./served.fixture.ts";

const endless = defineRule<string>({
  name: "endless",
  version: 1,
  decide: ({ incoming }) => {
    while (incoming.value === "loop");
    return incoming.value;
  },
});
const tables = defineSchema({
  version: 1,
  collections: {
    tasks: collection({ title: field.string(), stage: field.string().default("").policy(endless) }),
  },
});
const schema = withMutators(tables, (mutator) => ({
  spin: mutator({
    args: { task: field.reference("tasks"), rounds: field.number() },
    run(tx, { task, rounds }) {
      for (let round = 0; round < rounds; round++) tx.tasks.get(task);
      tx.tasks.update(task, { title: "spun" });
    },
  }),
}));
const patience = { schema, ruleTimeoutMs: 5 };

test("[H17] a rule that never ends sends its field to review, and the tenant goes on", async (t) => {
  const office = await Office.open(t, patience);
  await office.disagree("t1", { stage: "a" }, { stage: "loop" });
  const { reviews } = await office.reviews();
  assert.deepEqual(
    reviews.map(({ field: name, candidates }) => [name, candidates.map(({ value }) => value)]),
    [["stage", ["a", "loop"]]],
  );
  assert.match(reviews[0]?.reason ?? "", /rule endless failed/);
  await office.disagree("t2", { stage: "a" }, { stage: "b" });
  assert.equal((await office.history("t2")).fields?.["stage"], "b");
});

test("[H17] a mutator that never ends is refused, and the tenant goes on", async (t) => {
  const faults: string[] = [];
  const note = (facts: object): void => void faults.push(JSON.stringify(facts));
  const logger = { debug() {}, info() {}, warn: note, error: note };
  const office = await Office.open(t, { ...patience, logger });
  await office.write("ana", "create", "t1", { payload: { title: "Water" } });
  const call = (name: string, rounds: number): object => ({
    temp_id: name,
    operation: "spin",
    payload: { task: "t1", rounds },
  });
  const answer = await request(office.served, "/sync/reconcile", {
    body: { device_id: "ana", mutations: [call("c1", 1e12), call("c2", 1)] },
  });
  const { applied, rejected } = (await answer.json()) as {
    readonly applied: ReadonlyArray<{ readonly temp_id: string }>;
    readonly rejected: ReadonlyArray<{ readonly temp_id: string; readonly code: string; readonly message: string }>;
  };
  assert.deepEqual(
    rejected.map(({ temp_id, code }) => [temp_id, code]),
    [["c1", "mutator-failed"]],
  );
  assert.match(faults.join("\n"), /longer than 5 ms/);
  assert.deepEqual(
    applied.map(({ temp_id }) => temp_id),
    ["c2"],
  );
  assert.equal((await office.history("t1")).fields?.["title"], "spun");
});

test("a time that cannot be is refused at once", () => {
  for (const ruleTimeoutMs of [-1, 1.5, 10_001, Number.NaN, Number.POSITIVE_INFINITY]) {
    const make = (): unknown =>
      createServer({
        schema,
        storage: memoryStorage(),
        logger: false,
        auth: { secret: "x".repeat(32) },
        ruleTimeoutMs,
      });
    assert.throws(make, /ruleTimeoutMs must be a whole number from 0 to 10000/);
  }
});
