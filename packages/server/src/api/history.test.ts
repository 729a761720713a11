import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseVersion } from "@tidelock/core";
import { memoryStorage } from "../storage/memory.ts";
import { Office } from "./inquiries.fixture.ts";

describe("GET /sync/history/{collection}/{entity}", () => {
  test("tells an entity's life, newest first: who, when, and what each field was and is", async (t) => {
    const office = await Office.open(t);
    const created = await office.write("ana", "create", "t1", { payload: { title: "Water", priority: 2 } });
    await office.write("ben", "update", "t1", { payload: { title: "Water them" }, version: created });
    await office.write("ana", "create", "t2", { payload: { title: "Another" } });
    await office.write("cleo", "delete", "t1", { version: created });
    const { events, ...rest } = await office.history("t1");
    assert.deepEqual(
      events.map(({ offset, kind, user, device }) => [offset, kind, user, device]),
      [
        [4, "deleted", "cleo", "cleo"],
        [2, "updated", "ben", "ben"],
        [1, "created", "ana", "ana"],
      ],
    );
    const [deleted, updated, made] = events;
    assert.deepEqual(updated?.changed, { title: { was: "Water", now: "Water them" } });
    assert.deepEqual(deleted?.changed["title"], { was: "Water them", now: null });
    assert.deepEqual(made?.changed["priority"], { was: null, now: 2 });
    assert.equal(parseVersion(updated?.version)?.vector.floor, 1);
    assert.deepEqual(
      [rest.collection, rest.entity_id, rest.deleted, rest.fields, rest.next, rest.complete],
      ["tasks", "t1", true, null, null, true],
    );
  });

  test("says what the entity is, with a version that a write over it can send back", async (t) => {
    const office = await Office.open(t);
    await office.disagree("t1", { priority: 5 }, { priority: 3 });
    const { version, fields } = await office.history("t1");
    assert.deepEqual(fields, { title: "Water", owner: "ana", status: "open", priority: 5 });
    await office.write("cleo", "update", "t1", { payload: { priority: 3 }, version });
    const after = await office.history("t1");
    assert.equal(after.fields?.["priority"], 3);
    assert.deepEqual(after.events[0]?.decisions, []);
    assert.equal(after.events[1]?.decisions[0]?.id, (await office.conflicts()).conflicts[0]?.id);
  });

  test("names the reviews that it waits for, also when it is deleted meanwhile", async (t) => {
    const office = await Office.open(t);
    await office.disagree("t1", { status: "done" }, { status: "dropped" });
    const [review] = (await office.reviews("?entity=t1")).reviews;
    assert.deepEqual((await office.history("t1")).reviews, { status: review?.id });
    assert.deepEqual((await office.reviews("?entity=t2")).reviews, []);
    await office.write("ana", "delete", "t1", { version: (await office.history("t1")).version });
    assert.deepEqual((await office.history("t1")).reviews, {});
  });

  test("goes page by page, each event once", async (t) => {
    const office = await Office.open(t);
    let version = await office.write("ana", "create", "t1", { payload: { title: "0" } });
    for (let title = 1; title <= 6; title++) {
      version = await office.write("ana", "update", "t1", { payload: { title: String(title) }, version });
    }
    const titles: unknown[] = [];
    for (let before: number | null = 0; before !== null;) {
      const page = await office.history("t1", `?limit=3${before === 0 ? "" : `&before=${before}`}`);
      assert.ok(page.events.length <= 3 && page.complete);
      titles.push(...page.events.map(({ changed }) => changed["title"]?.now));
      before = page.next;
    }
    assert.deepEqual(titles, ["6", "5", "4", "3", "2", "1", "0"]);
  });

  test("a log that was trimmed says that something is missing, and who wrote it is not invented", async (t) => {
    const storage = memoryStorage();
    const office = await Office.open(t, { storage });
    const created = await office.write("ana", "create", "t1", { payload: { title: "Water", priority: 5 } });
    await office.write("ana", "update", "t1", { payload: { title: "Water them" }, version: created });
    await office.write("ben", "update", "t1", { payload: { priority: 3 } });
    const tenant = (await storage.tenants())[0];
    assert.ok(tenant !== undefined);
    await storage.trim(tenant, 2);
    const page = await office.history("t1");
    assert.deepEqual([page.events.map(({ offset }) => offset), page.next, page.complete], [[3], null, false]);
    const [conflict] = (await office.conflicts()).conflicts;
    // The record has the user of a field's last write, but what he had seen is only in the event.
    assert.deepEqual([conflict?.current.offset, conflict?.current.version], [1, null]);
    const below = await office.history("t1", "?before=2");
    assert.deepEqual([below.events, below.next, below.complete], [[], null, false]);
  });

  test("an entity that the user may not read is like one that does not exist [H25]", async (t) => {
    const office = await Office.open(t, { rules: { tasks: { read: ({ user }) => ({ owner: user }) } } });
    await office.write("ana", "create", "t1", { payload: { title: "Water", owner: "ana" } });
    await office.write("ben", "create", "t2", { payload: { title: "Secret", owner: "ben" } });
    const hidden = await office.refusal("/sync/history/tasks/t2");
    const missing = await office.refusal("/sync/history/tasks/t9");
    assert.deepEqual(hidden, [404, "entity-not-found", "there is no tasks t2 that you may read"]);
    assert.deepEqual(missing, [404, "entity-not-found", "there is no tasks t9 that you may read"]);
    // Nor can its events be reached through another entity's history.
    assert.equal((await office.refusal("/sync/history/tasks/t1?before=2"))[1], "version-invalid");
    await office.write("ben", "delete", "t2");
    assert.deepEqual((await office.refusal("/sync/history/tasks/t2")).slice(0, 2), [404, "entity-not-found"]);
    assert.equal((await office.history("t2", "", "acme/ben")).deleted, true);
    assert.deepEqual((await office.refusal("/sync/history/tasks/t1", { token: "other/ana" })).slice(0, 2), [
      404,
      "entity-not-found",
    ]);
  });

  test("refuses what it cannot use, by the name of the parameter", async (t) => {
    const office = await Office.open(t);
    await office.write("ana", "create", "t1", { payload: { title: "Water" } });
    await office.write("ana", "create", "t2", { payload: { title: "Water" } });
    for (const [path, code, names] of [
      ["nowhere/t1", "unknown-collection", /nowhere/],
      ["constructor/t1", "unknown-collection", /constructor/],
      ["tasks/a%2Fb", "invalid-id", /entity/],
      ["tasks/%20", "invalid-id", /entity/],
      ["tasks/t1?before=0", "version-invalid", /before/],
      ["tasks/t1?before=2", "version-invalid", /before/],
      ["tasks/t2?before=1", "version-invalid", /before/],
      ["tasks/t1?before=1099511627777", "version-invalid", /before/],
      ["tasks/t1?before=x", "version-invalid", /before/],
      ["tasks/t1?after=1", "invalid-message", /after/],
      ["tasks/t1/x", "not-found", /./],
      ["tasks", "not-found", /./],
    ] as const) {
      const [, got, message] = await office.refusal(`/sync/history/${path}`);
      assert.equal(got, code, path);
      assert.match(message, names, path);
    }
  });
});
