/** A device whose history the server cannot continue goes on as another one: whatever is on its way meanwhile. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ReplicaRig } from "./replica-rig.ts";
import { schema } from "./schema.ts";

/** A device with one rejected mutation (number 2) and nothing else. */
function withRejection(): ReplicaRig {
  const rig = new ReplicaRig(schema);
  rig.create("t1");
  rig.update("t1", { title: "refused" });
  rig.connect();
  rig.result([1, "applied", 1], [2, "rejected", 0, { code: "forbidden", message: "no" }]);
  rig.hear({ type: "delta", from: 0, to: 1, time: rig.now, changes: [] });
  return rig;
}

describe("another device", () => {
  test("[R12] what was rejected before keeps its place, and giving it up takes nothing else along", () => {
    const rig = withRejection();
    rig.lose();
    rig.connect({ decided: 0 });
    rig.connect({ decided: 0 });
    rig.create("t2");
    rig.create("t3");
    assert.deepEqual(rig.pushed.slice(-2), [1, 2]);
    const [rejected] = rig.replica.rejected;
    assert.equal(rejected?.fields["title"], "refused");
    rig.input({ type: "discard", counter: rejected?.counter ?? 0 });
    assert.deepEqual(rig.replica.rejected, []);
    assert.deepEqual(
      rig.replica.outbox.map(({ counter, entity }) => [counter, entity]),
      [
        [1, "t2"],
        [2, "t3"],
      ],
    );
    assert.deepEqual(
      rig.restart().replica.outbox.map(({ counter }) => counter),
      [1, 2],
    );
  });

  test("[R7] what was rejected before is on the disk beside what the new device makes", () => {
    const rig = withRejection();
    rig.lose();
    rig.connect({ decided: 0 });
    rig.connect({ decided: 0 });
    rig.create("t2");
    rig.create("t3");
    const again = rig.restart();
    assert.equal(again.replica.rejected[0]?.fields["title"], "refused");
    assert.equal(again.replica.outbox.length, 2);
    again.connect({ decided: 0 });
    assert.deepEqual(again.pushed, [1, 2]);
  });

  test("[R12] becoming another device twice keeps what both have rejected", () => {
    const rig = withRejection();
    rig.lose();
    rig.connect({ decided: 0 });
    rig.connect({ decided: 0 });
    rig.create("t2");
    rig.result([1, "rejected", 0, { code: "forbidden", message: "no" }]);
    rig.lose();
    rig.connect({ decided: 0 });
    rig.connect({ decided: 0 });
    assert.equal(rig.replica.rejected.length, 2);
    assert.equal(rig.restart().replica.rejected.length, 2);
  });

  test("[R1] a batch that was on its way does not count for the new numbers", () => {
    const rig = new ReplicaRig(schema);
    rig.connect();
    rig.create("t1");
    rig.result([1, "applied", 1]);
    rig.hear({ type: "delta", from: 0, to: 1, time: rig.now, changes: [] });
    rig.lose();
    rig.isDiskSlow = true;
    rig.create("t2");
    // The server was restored and knows nothing of number 1.
    rig.connect({ decided: 0 });
    rig.connect({ decided: 0 });
    const [first] = rig.writing;
    assert.ok(first !== undefined);
    rig.disk.apply(first.content);
    rig.writing.shift();
    rig.input({ type: "persisted", batch: first.batch });
    assert.deepEqual(rig.pushed, [1], "number 1 of the new device is not on its disk yet");
    rig.store();
    assert.deepEqual(rig.pushed, [1, 1]);
  });

  test("[R6] a write that the store refuses after the change is the one that is taken back", () => {
    const rig = new ReplicaRig(schema);
    rig.connect();
    rig.create("t1");
    rig.result([1, "applied", 1]);
    rig.hear({ type: "delta", from: 0, to: 1, time: rig.now, changes: [] });
    rig.lose();
    rig.create("t2");
    rig.isDiskSlow = true;
    const write = rig.create("t3");
    rig.connect({ decided: 0 });
    assert.equal(rig.replica.outbox.length, 2);
    rig.refuse();
    assert.deepEqual(
      rig.of("write-failed").map((effect) => effect.write),
      [write],
    );
    assert.deepEqual(
      rig.replica.outbox.map(({ counter, entity }) => [counter, entity]),
      [[1, "t2"]],
    );
    assert.equal(rig.get("t3"), null);
  });
});
