/** The replica's rules, each in the fewest words that show it. Their numbers are those of the engine's SPEC.md. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { entity } from "./names.ts";
import { epoch, ReplicaRig } from "./replica-rig.ts";
import { schema } from "./schema.ts";

/** A device that is connected, and whose only subscription, of all tasks, is whole. */
function connected(): ReplicaRig {
  const rig = new ReplicaRig(schema);
  rig.subscribe("tasks");
  rig.connect();
  rig.snapshot(1, 0, []);
  return rig;
}

describe("sending", () => {
  test("[R1] a mutation is sent only when it is on the device's disk", () => {
    const rig = connected();
    rig.isDiskSlow = true;
    rig.create("t1");
    assert.deepEqual(rig.pushed, []);
    rig.store();
    assert.deepEqual(rig.pushed, [1]);
  });

  test("[R2] mutations are sent in order, and after a reconnect from the counter that the welcome names", () => {
    const rig = connected();
    for (const id of ["t1", "t2", "t3"]) rig.create(id);
    rig.lose();
    rig.connect({ decided: 1, results: [[1, "applied", 1]] });
    assert.deepEqual(rig.pushed, [1, 2, 3, 2, 3]);
  });

  test("[R2] a transaction is sent in one push", () => {
    const rig = connected();
    rig.lose();
    for (let start = 0; start < 3; start++) {
      rig.write(
        ...Array.from({ length: 400 }, (_, index) => ({
          operation: "create" as const,
          collection: "tasks",
          entity: entity(`t${start}-${index}`),
          fields: {},
        })),
      );
    }
    rig.connect();
    const pushes = rig.said.filter((message) => message.type === "push");
    for (const { mutations } of pushes) assert.equal(mutations.at(-1)?.[7], 0);
    assert.equal(rig.pushed.length, 1200);
  });

  test("[R7] a rejected mutation is set aside with its reason, and those behind it go on", () => {
    const rig = connected();
    rig.create("t1", { title: "bad" });
    rig.create("t2");
    rig.result([1, "rejected", 0, { code: "forbidden", message: "no" }], [2, "applied", 1]);
    assert.deepEqual(
      rig.replica.rejected.map(({ entity: id, detail }) => [id, detail?.code]),
      [["t1", "forbidden"]],
    );
    assert.deepEqual(rig.ids(), ["t2"]);
    assert.equal(rig.restart().replica.rejected.length, 1);
  });
});

describe("integrating", () => {
  test("[R3] the checkpoint on the disk is that of the rows beside it", () => {
    const rig = connected();
    rig.isDiskSlow = true;
    for (let offset = 1; offset <= 3; offset++) {
      const change = [0, "tasks", entity(`t${offset}`), offset, ["", false, "", null]] as const;
      rig.hear({ type: "delta", from: offset - 1, to: offset, time: rig.now, changes: [change] });
    }
    assert.equal(rig.replica.checkpoint?.offset, 3);
    const stored = rig.disk.read();
    assert.equal(stored.facts?.checkpoint, stored.rows.length);
    rig.store();
    assert.equal(rig.disk.read().facts?.checkpoint, 3);
    assert.equal(rig.disk.read().rows.length, 3);
  });

  test("[R3] the checkpoint goes back only when the server says resync", () => {
    const rig = connected();
    rig.hear({ type: "delta", from: 0, to: 5, time: rig.now, changes: [] });
    rig.hear({ type: "delta", from: 0, to: 2, time: rig.now, changes: [] });
    assert.equal(rig.replica.checkpoint?.offset, 5);
    rig.hear({ type: "resync", reason: "checkpoint-expired", epoch: epoch(1) });
    assert.equal(rig.replica.checkpoint?.offset, 0);
  });

  test("[R4] a delta that does not join ends the connection and is not applied", () => {
    const rig = connected();
    const change = [0, "tasks", entity("t9"), 9, ["", false, "", null]] as const;
    rig.hear({ type: "delta", from: 8, to: 9, time: rig.now, changes: [change] });
    assert.equal(rig.of("disconnect").length, 1);
    assert.deepEqual(rig.ids(), []);
    assert.ok(rig.timers.has("reconnect"));
  });

  test("[R5] a decided mutation stays in view until its delta has come", () => {
    const rig = connected();
    rig.create("t1", { title: "mine" });
    rig.result([1, "applied", 1]);
    assert.equal(rig.get("t1")?.["title"], "mine");
    const change = [0, "tasks", entity("t1"), 1, ["mine", false, "", null]] as const;
    rig.hear({ type: "delta", from: 0, to: 1, time: rig.now, changes: [change] });
    assert.equal(rig.get("t1")?.["title"], "mine");
    assert.deepEqual(rig.replica.outbox, []);
  });

  test("[R8] rows of a snapshot are seen at its end, all at once", () => {
    const rig = new ReplicaRig(schema);
    rig.subscribe("tasks");
    rig.connect();
    rig.hear({ type: "snapshot", subscription: 1, collection: "tasks", offset: 4, key: "key" });
    const rows = ["t1", "t2"].map((id) => [entity(id), 4, ["", false, "", null]] as const);
    rig.hear({ type: "rows", collection: "tasks", offset: 4, rows });
    rig.hear({ type: "delta", from: 0, to: 4, time: rig.now, changes: [] });
    assert.deepEqual(rig.ids(), []);
    rig.hear({ type: "snapshot-end", subscription: 1, offset: 4 });
    assert.deepEqual(rig.ids(), ["t1", "t2"]);
  });

  test("[R9] a change that a row already holds is not applied again", () => {
    const rig = new ReplicaRig(schema);
    rig.subscribe("tasks");
    rig.subscribe("marks");
    rig.connect();
    rig.snapshot(1, 2, [["t1", 2, ["second", false, "", null]]]);
    rig.hear({ type: "snapshot", subscription: 2, collection: "marks", offset: 2, key: "key" });
    rig.hear({
      type: "delta",
      from: 2,
      to: 3,
      time: rig.now,
      changes: [[1, "tasks", entity("t1"), 1, [0, "first"]]],
    });
    assert.equal(rig.get("t1")?.["title"], "second");
  });

  test("[R11] an assigned id replaces the temporary one everywhere, and the list keeps its key", () => {
    const rig = new ReplicaRig(schema);
    rig.connect();
    rig.create("tmp:d1:1", { title: "parent" }, "cards");
    rig.create("tmp:d1:2", { parent: "tmp:d1:1" }, "cards");
    rig.lose();
    rig.update("tmp:d1:1", { title: "renamed" }, "cards");
    rig.connect({ decided: 1, results: [[1, "applied", 1, { entity: entity("c1") }]] });
    assert.equal(rig.get("c1", "cards")?.["title"], "renamed");
    assert.equal(rig.get("tmp:d1:2", "cards")?.["parent"], "c1");
    assert.equal(rig.replica.keyOf(entity("c1")), "tmp:d1:1");
    const push = rig.said.findLast((message) => message.type === "push");
    assert.deepEqual(
      push?.mutations.map(([counter, , , id, fields]) => [counter, id, fields]),
      [
        [2, "tmp:d1:2", { parent: "c1" }],
        [3, "c1", { title: "renamed" }],
      ],
    );
  });
});

describe("trouble", () => {
  test("[R6] a write that the store refuses is taken back, and those after it are numbered without a gap", () => {
    const rig = connected();
    rig.isDiskSlow = true;
    const write = rig.create("t1");
    rig.create("t2");
    rig.refuse();
    assert.deepEqual(
      rig.of("write-failed").map((effect) => [effect.write, effect.code]),
      [[write, "store-quota"]],
    );
    assert.deepEqual(rig.ids(), ["t2"]);
    rig.fire("store");
    rig.store();
    assert.deepEqual(rig.pushed, [1]);
    assert.deepEqual(
      rig.of("write-saved").map((effect) => effect.write),
      [2],
    );
  });

  test("[R10] whatever ends a connection, another attempt is planned", () => {
    const ends: ReadonlyArray<(rig: ReplicaRig) => void> = [
      (rig) => rig.lose(),
      (rig) => rig.hear({ type: "goaway", reason: "shutting-down", retryAfterMs: 100 }),
      (rig) => rig.hear({ type: "refusal", code: "overloaded", message: "", fatal: true }),
      (rig) => rig.hear({ type: "refusal", code: "token-expired", message: "", fatal: true }),
      (rig) => {
        for (let beat = 0; beat < 4; beat++) rig.fire("heartbeat");
      },
    ];
    for (const end of ends) {
      const rig = connected();
      rig.create("t1");
      end(rig);
      assert.ok(rig.timers.has("reconnect"));
      rig.fire("reconnect");
      assert.equal(rig.hellos.length, 2);
    }
  });

  test("[R10] a store that refused is tried again", () => {
    const rig = connected();
    rig.isDiskSlow = true;
    rig.hear({ type: "delta", from: 0, to: 1, time: rig.now, changes: [] });
    rig.refuse();
    assert.ok(rig.timers.has("store"));
    rig.isDiskSlow = false;
    rig.fire("store");
    assert.equal(rig.disk.read().facts?.checkpoint, 1);
  });

  test("[R12] a device whose history the server has lost offers again what was not decided, under another id", () => {
    const rig = connected();
    rig.create("t1");
    rig.result([1, "applied", 1]);
    rig.hear({ type: "delta", from: 0, to: 1, time: rig.now, changes: [] });
    rig.create("t2");
    rig.lose();
    rig.connect({ decided: 0 });
    assert.notEqual(rig.replica.device, "d1");
    rig.connect({ decided: 0 });
    assert.deepEqual(
      rig.replica.outbox.map(({ counter, entity: id }) => [counter, id]),
      [[1, "t2"]],
    );
    assert.equal(rig.hellos.at(-1)?.device, rig.replica.device);
  });

  test("[R13] a store of another user is neither sent nor renewed", () => {
    const rig = new ReplicaRig(schema);
    rig.create("t1");
    rig.input({ type: "go-online" });
    rig.hear({ type: "refusal", code: "device-taken", message: "", fatal: true });
    assert.deepEqual(rig.said, []);
    assert.equal(rig.timers.has("reconnect"), false);
    assert.equal(rig.replica.device, "d1");
    assert.equal(rig.replica.outbox.length, 1);
    assert.equal(rig.replica.status.phase, "offline");
  });
});
