/** Rows and the mutations over them: what is seen, and what it is kept by. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { entity } from "./names.ts";
import { epoch, ReplicaRig } from "./replica-rig.ts";
import { schema } from "./schema.ts";

describe("rows", () => {
  test("[R11] a reference to a temporary id that was assigned meanwhile is written as what it became", () => {
    const rig = new ReplicaRig(schema);
    rig.connect();
    rig.create("tmp:d1:a", {}, "cards");
    rig.result([1, "applied", 1, { entity: entity("c1") }]);
    rig.create("tmp:d1:b", { parent: "tmp:d1:a" }, "cards");
    assert.equal(rig.get("tmp:d1:b", "cards")?.["parent"], "c1");
    const push = rig.said.findLast((message) => message.type === "push");
    assert.deepEqual(push?.mutations[0]?.[4], { parent: "c1" });
  });

  test("[R5] a result that comes after its delta does not hide a write that a snapshot will bring", () => {
    const rig = new ReplicaRig(schema);
    rig.subscribe("marks");
    rig.subscribe("tasks");
    rig.connect();
    rig.snapshot(1, 0, [], "marks");
    rig.hear({ type: "snapshot", subscription: 2, collection: "tasks", offset: 0, key: "key" });
    rig.create("t1", { title: "mine" });
    rig.hear({ type: "delta", from: 0, to: 1, time: rig.now, changes: [] });
    rig.result([1, "applied", 1]);
    assert.equal(rig.get("t1")?.["title"], "mine");
    rig.hear({
      type: "delta",
      from: 0,
      to: 1,
      subscription: 2,
      time: rig.now,
      changes: [[0, "tasks", entity("t1"), 1, ["mine", false, "", null]]],
    });
    rig.hear({ type: "snapshot-end", subscription: 2, offset: 1 });
    assert.equal(rig.get("t1")?.["title"], "mine");
    assert.deepEqual(rig.replica.outbox, []);
  });

  test("[R8] a row from before its collection had all of its columns matches by the defaults", () => {
    const rig = new ReplicaRig(schema);
    rig.subscribe("tasks", { title: "new" });
    rig.subscribe("tasks", { done: false });
    rig.connect();
    rig.snapshot(1, 3, [["t0", 3, ["new", true, "", null]]]);
    rig.snapshot(2, 3, [["t1", 2, ["old"]]]);
    assert.deepEqual(rig.ids(), ["t0", "t1"]);
    assert.equal(rig.get("t1")?.["done"], false);
    rig.input({ type: "unsubscribe", collection: "tasks", filter: { title: "new" } });
    rig.hear({ type: "unsubscribed", subscription: 1 });
    assert.deepEqual(rig.ids(), ["t1"]);
  });

  test("[R9] a patch beyond the end of such a row fills the gap with the defaults", () => {
    const rig = new ReplicaRig(schema);
    rig.subscribe("tasks");
    rig.connect();
    rig.snapshot(1, 3, [["t1", 3, ["old"]]]);
    rig.hear({
      type: "delta",
      from: 3,
      to: 4,
      time: rig.now,
      changes: [[1, "tasks", entity("t1"), 4, [2, "bob"]]],
    });
    const [row] = rig.disk.read().rows;
    assert.deepEqual(JSON.parse(JSON.stringify(row?.values)), ["old", false, "bob", null]);
  });

  test("[R3] what is acknowledged after a resync is of the log that the server has", () => {
    const rig = new ReplicaRig(schema);
    rig.subscribe("tasks");
    rig.connect();
    rig.snapshot(1, 500, []);
    rig.fire("ack");
    rig.lose();
    rig.isDiskSlow = true;
    rig.connect({ epoch: epoch(2), head: 10 });
    rig.hear({ type: "resync", reason: "epoch-changed", epoch: epoch(2) });
    if (rig.timers.has("ack")) rig.fire("ack");
    assert.deepEqual(
      rig.said.filter((message) => message.type === "ack").map(({ offset }) => offset),
      [500],
    );
  });
});
