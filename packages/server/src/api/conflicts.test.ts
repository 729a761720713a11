import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseVersion } from "@tidelock/core";
import { Office } from "./inquiries.fixture.ts";

const own = { tasks: { read: ({ user }: { readonly user: string }) => ({ owner: user }) } };

describe("GET /sync/conflicts", () => {
  test("says what stood against what, who wrote it having seen what, which rule decided and why", async (t) => {
    const office = await Office.open(t);
    await office.disagree("t1", { priority: 5 }, { priority: 3 });
    const { conflicts, next } = await office.conflicts();
    assert.equal(next, null);
    const [conflict] = conflicts;
    assert.ok(conflict !== undefined && conflicts.length === 1);
    assert.deepEqual(
      [conflict.collection, conflict.entity_id, conflict.field, conflict.policy, conflict.winner, conflict.value],
      ["tasks", "t1", "priority", "resolve/greatest", "current", 5],
    );
    assert.equal(conflict.policy_version, 1);
    assert.match(conflict.reason, /\w+ \w+/);
    const { current, incoming } = conflict;
    assert.deepEqual([current.user, current.device, current.value, current.offset], ["ana", "ana", 5, 1]);
    assert.deepEqual([incoming.user, incoming.device, incoming.value, incoming.offset], ["ben", "ben", 3, 2]);
    for (const side of [current, incoming]) {
      const version = parseVersion(side.version);
      assert.equal(version?.vector.floor, 0);
      assert.deepEqual([...(version?.vector.dots ?? [])], [[side.device, 1]]);
      assert.ok(Math.abs(Date.parse(side.time) - Date.parse(conflict.time)) < 60_000);
    }
    assert.deepEqual(await office.conflict(conflict.id), conflict);
  });

  test("finds decisions by collection, entity, field, policy and winner", async (t) => {
    const office = await Office.open(t);
    await office.disagree("t1", { priority: 5 }, { priority: 3 });
    await office.disagree("t2", { status: "done" }, { status: "dropped" });
    const found = async (parameters: string): Promise<string[]> =>
      (await office.conflicts(parameters)).conflicts.map((each) => `${each.entity_id}.${each.field}`);
    assert.deepEqual(await found("?policy=review"), ["t2.status"]);
    assert.deepEqual(await found("?policy=resolve/greatest"), ["t1.priority"]);
    assert.deepEqual(await found("?winner=review"), ["t2.status"]);
    assert.deepEqual(await found("?entity=t1"), ["t1.priority"]);
    assert.deepEqual(await found("?entity=t1&field=title"), []);
    assert.deepEqual(await found("?field=status&collection=tasks"), ["t2.status"]);
    assert.deepEqual(await found("?collection=notes"), []);
    assert.deepEqual(await found(""), ["t2.status", "t1.priority"]);
  });

  test("goes page by page from the newest to the oldest, each once", async (t) => {
    const office = await Office.open(t);
    await office.write("ana", "create", "t1", { payload: { title: "Water", priority: 100 } });
    for (let priority = 1; priority <= 7; priority++) {
      await office.write(`user${priority}`, "update", "t1", { payload: { priority } });
    }
    const values: unknown[] = [];
    let before = "";
    for (let more = true; more;) {
      const { conflicts, next } = await office.conflicts(`?limit=3${before}`);
      assert.ok(conflicts.length <= 3);
      values.push(...conflicts.map(({ incoming }) => incoming.value));
      before = `&before=${next}`;
      more = next !== null;
    }
    assert.deepEqual(values, [7, 6, 5, 4, 3, 2, 1]);
  });

  test("a large value ends a page early, and the next goes on", async (t) => {
    const office = await Office.open(t);
    const large = (letter: string): string => letter.repeat(250_000);
    await office.write("ana", "create", "t1", { payload: { title: large("z") }, occurred_at: "2026-01-01T00:00:00Z" });
    for (const letter of ["a", "b", "c", "d", "e"]) {
      const more = { payload: { title: large(letter) }, occurred_at: "2020-01-01T00:00:00Z" };
      await office.write(letter, "update", "t1", more);
    }
    const letters: unknown[] = [];
    for (let before: string | null = ""; before !== null;) {
      const { conflicts, next } = await office.conflicts(before === "" ? "" : `?before=${before}`);
      assert.ok(conflicts.length < 5);
      letters.push(...conflicts.map(({ incoming }) => String(incoming.value)[0]));
      before = next;
    }
    assert.deepEqual(letters, ["e", "d", "c", "b", "a"]);
  });

  test("what may not be read is not there: lists, one by its id, other tenants [H25]", async (t) => {
    const office = await Office.open(t, { rules: own });
    await office.disagree("t1", { priority: 5, owner: "ana" }, { priority: 3 });
    await office.disagree("t2", { priority: 5, owner: "ben" }, { priority: 3 });
    const anas = (await office.conflicts()).conflicts;
    assert.deepEqual(
      anas.map((each) => each.entity_id),
      ["t1"],
    );
    const bens = (await office.conflicts("", "acme/ben")).conflicts;
    assert.deepEqual(
      bens.map((each) => each.entity_id),
      ["t2"],
    );
    assert.deepEqual((await office.conflicts("?entity=t2")).conflicts, []);
    const id = bens[0]?.id;
    const hidden = await office.refusal(`/sync/conflicts/${id}`);
    const missing = await office.refusal(`/sync/conflicts/999.0`);
    assert.deepEqual(hidden.slice(0, 2), [404, "not-found"]);
    assert.deepEqual(missing.slice(0, 2), hidden.slice(0, 2));
    assert.equal(missing[2], hidden[2].replace(String(id), "999.0"));
    assert.deepEqual((await office.conflicts("", "other/ana")).conflicts, []);
    assert.deepEqual((await office.refusal(`/sync/conflicts/${id}`, { token: "other/ben" })).slice(0, 2), [
      404,
      "not-found",
    ]);
    // An entity that comes into view brings what was decided about it.
    await office.write("ben", "update", "t2", { payload: { owner: "ana" } });
    assert.equal((await office.conflict(String(id))).entity_id, "t2");
  });

  test("of a deleted entity the last row counts [H25]", async (t) => {
    const office = await Office.open(t, { rules: own });
    await office.disagree("t1", { priority: 5, owner: "ana" }, { priority: 3 });
    await office.write("ana", "delete", "t1");
    assert.equal((await office.conflicts("?field=priority")).conflicts.length, 1);
    assert.equal((await office.conflicts("", "acme/ben")).conflicts.length, 0);
  });

  test("who wrote to what had been deleted finds what became of that [H25]", async (t) => {
    const office = await Office.open(t, { rules: own });
    const created = await office.write("ana", "create", "t1", { payload: { title: "Water", owner: "ana" } });
    await office.write("ana", "delete", "t1");
    for (const title of ["late", "later"]) {
      await office.write("ben", "update", "t1", { payload: { title }, version: created });
    }
    const found = (await office.conflicts("?entity=t1")).conflicts;
    assert.deepEqual(
      found.map(({ field, policy, incoming }) => [field, policy, incoming.value]),
      [
        [null, "delete-wins", { title: "later" }],
        [null, "delete-wins", { title: "late" }],
      ],
    );
    assert.equal((await office.history("t1")).events.length, 4);
    assert.deepEqual((await office.conflicts("?entity=t1", "acme/ben")).conflicts, []);
  });

  test("a read rule that throws shows nothing", async (t) => {
    let isBroken = false;
    const read = (): boolean => {
      if (isBroken) throw new Error("secret");
      return true;
    };
    const office = await Office.open(t, { rules: { tasks: { read } } });
    await office.disagree("t1", { priority: 5 }, { priority: 3 });
    isBroken = true;
    assert.deepEqual((await office.conflicts()).conflicts, []);
    const [status, code, message] = await office.refusal("/sync/conflicts?collection=tasks");
    assert.deepEqual([status, code], [403, "rule-failed"]);
    assert.doesNotMatch(message, /secret/);
  });

  const hostile: ReadonlyArray<readonly [path: string, code: string, names: RegExp]> = [
    ["?limit=0", "invalid-message", /limit/],
    ["?limit=201", "invalid-message", /limit/],
    ["?limit=1e2", "invalid-message", /limit/],
    ["?limit=-1", "invalid-message", /limit/],
    ["?limit=5&limit=6", "invalid-message", /more than once/],
    ["?colection=tasks", "invalid-message", /colection.*collection/],
    ["?winner=nobody", "invalid-message", /winner/],
    ["?entity=a/b", "invalid-id", /entity/],
    ["?entity=", "invalid-id", /entity/],
    ["?field=", "invalid-message", /field/],
    [`?policy=${"x".repeat(129)}`, "invalid-message", /policy/],
    ["?before=1", "version-invalid", /before/],
    ["?before=0.0", "version-invalid", /before/],
    ["?before=9999999999999999.0", "version-invalid", /before/],
    ["?before=1.0%27%20OR%201=1", "version-invalid", /before/],
    ["?collection=nowhere", "unknown-collection", /nowhere/],
    ["?collection=__proto__", "unknown-collection", /__proto__/],
    ["?__proto__=1", "invalid-message", /__proto__/],
    ["/x", "invalid-id", /42\.0/],
    ["/1.0?limit=3", "invalid-message", /limit/],
    ["/%00", "invalid-id", /42\.0/],
    ["/%ff", "not-found", /./],
    ["/1.0/2", "not-found", /./],
    ["/", "not-found", /./],
  ];
  test("refuses what it cannot use, by the name of the parameter", async (t) => {
    const office = await Office.open(t);
    for (const [path, code, names] of hostile) {
      const [, got, message] = await office.refusal(`/sync/conflicts${path}`);
      assert.equal(got, code, path);
      assert.match(message, names, path);
    }
    assert.deepEqual((await office.conflicts("?before=1099511627776.7")).conflicts, []);
    assert.equal((await office.refusal("/sync/conflicts", { token: null }))[1], "token-missing");
    assert.equal((await office.refusal("/sync/conflicts?token=acme/ana", { token: null }))[1], "token-missing");
    assert.equal((await office.refusal("/sync/conflicts", { token: "nonsense" }))[1], "token-invalid");
    assert.equal((await office.refusal("/sync/conflicts", { body: {} }))[1], "method-not-allowed");
  });

  test("one user's reads are metered, and others go on", async (t) => {
    const office = await Office.open(t);
    const refused = new Set<string>();
    for (let round = 0; round < 400 && refused.size === 0; round++) {
      const codes = await Promise.all(
        [1, 2, 3, 4].map(async () => {
          const response = await fetch(`${office.served.url}/sync/conflicts`, {
            headers: { authorization: "Bearer acme/ana" },
          });
          if (response.ok) return null;
          assert.ok(Number(response.headers.get("retry-after")) >= 1);
          return ((await response.json()) as { error: { code: string } }).error.code;
        }),
      );
      for (const code of codes) if (code !== null) refused.add(code);
    }
    assert.deepEqual([...refused], ["rate-limited"]);
    assert.deepEqual((await office.conflicts("", "acme/ben")).conflicts, []);
  });
});
