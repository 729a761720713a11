import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ConflictRecord, ContenderRecord, HistoryList } from "../../engine/inquiry-records.ts";
import { restorePlan } from "./restore-plan.ts";

const side: ContenderRecord = {
  device: "laptop",
  user: "ana",
  offset: 1,
  version: "e1.0~laptop:1",
  time: "2026-03-01T12:00:00.000Z",
  value: "a",
};
const conflict: ConflictRecord = {
  id: "2.0",
  collection: "tasks",
  entity_id: "t1",
  field: "title",
  policy: "lww",
  policy_version: 1,
  winner: "incoming",
  value: "b",
  reason: "later",
  current: side,
  incoming: { ...side, user: "ben", value: "b" },
  time: "2026-03-01T12:00:00.000Z",
};
const present: HistoryList = {
  collection: "tasks",
  entity_id: "t1",
  version: "e1.5~laptop:1",
  deleted: false,
  fields: { title: "c" },
  reviews: {},
  events: [],
  next: null,
  complete: true,
};
const deleted: HistoryList = { ...present, deleted: true, fields: null };

describe("what brings a value back", () => {
  test("the one that lost, over what is there now", () => {
    assert.deepEqual(restorePlan(conflict, present, undefined), {
      operation: "update",
      payload: { title: "a" },
      does: 'write "a" of ana as the title of tasks t1',
      replaces: '"c"',
    });
    const other = restorePlan({ ...conflict, winner: "current" }, present, undefined);
    assert.deepEqual(other.operation === "update" && other.payload, { title: "b" });
    const chosen = restorePlan(conflict, present, "incoming");
    assert.deepEqual(chosen.operation === "update" && chosen.payload, { title: "b" });
  });

  test("where neither lost alone, a side must be named", () => {
    for (const winner of ["merged", "review"] as const) {
      assert.throws(() => restorePlan({ ...conflict, winner }, present, undefined), /neither lost/);
      assert.equal(restorePlan({ ...conflict, winner }, present, "current").operation, "update");
    }
  });

  test("a change of a set is made again as a change", () => {
    const current = { ...side, value: { add: ["x"] } };
    const plan = restorePlan({ ...conflict, policy: "set", field: "labels", current }, present, undefined);
    assert.deepEqual(plan.operation === "update" && plan.payload, { labels: { add: ["x"] } });
  });

  test("nothing is written twice", () => {
    const plan = restorePlan(conflict, { ...present, fields: { title: "a" } }, undefined);
    assert.deepEqual(plan, { operation: "nothing", because: 'the title of tasks t1 is "a" already' });
    const again = { ...conflict, field: null, winner: "incoming", current: { ...side, value: null } } as const;
    assert.equal(restorePlan(again, deleted, undefined).operation, "nothing");
  });

  test("an update that lost against a delete, and a delete that lost against an update", () => {
    const lostDelete = { ...conflict, field: null, current: { ...side, value: null } };
    assert.deepEqual(restorePlan(lostDelete, present, undefined), {
      operation: "delete",
      payload: {},
      does: "delete tasks t1, as ana did",
      replaces: null,
    });
    const lostUpdate = { ...conflict, field: null, current: { ...side, value: { title: "a", done: true } } };
    const plan = restorePlan(lostUpdate, present, undefined);
    assert.deepEqual(plan.operation === "update" && plan.payload, { title: "a", done: true });
  });

  test("what is deleted does not come back, and what was written is told", () => {
    assert.throws(
      () => restorePlan(conflict, deleted, undefined),
      (error: Error & { code?: string; fix?: string }) => {
        assert.equal(error.code, "entity-deleted");
        assert.match(error.fix ?? "", /Create a new one with what was written: title="a"$/);
        return true;
      },
    );
  });

  test("what waits for a person is decided there", () => {
    for (const [field, mark] of [
      ["title", "title"],
      [null, "*"],
    ] as const) {
      const waiting = { ...present, reviews: { [mark]: "review:phone:1:0.1" } };
      assert.throws(
        () => restorePlan({ ...conflict, field }, waiting, undefined),
        (error: Error & { fix?: string }) => /reviews decide review:phone:1:0\.1/.test(error.fix ?? ""),
      );
    }
  });
});
