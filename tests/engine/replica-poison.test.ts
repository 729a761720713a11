/** What the server cannot read of what a device sends, and that it holds up nothing. Rule R17. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MutationRow } from "@tidelock/core";
import { entity } from "./names.ts";
import { ReplicaRig } from "./replica-rig.ts";
import { schema } from "./schema.ts";

function connected(): ReplicaRig {
  const rig = new ReplicaRig(schema);
  rig.subscribe("tasks");
  rig.connect();
  rig.snapshot(1, 0, []);
  return rig;
}

/** The mutations of each push since `from` messages were said. */
function pushes(rig: ReplicaRig, from: number = 0): ReadonlyArray<readonly MutationRow[]> {
  return rig.said.slice(from).flatMap((message) => (message.type === "push" ? [message.mutations] : []));
}
const counters = (rows: readonly MutationRow[]): readonly number[] => rows.map(([counter]) => counter);

/**
 * A server that ends the connection whenever it is sent a task whose title it cannot read, and applies everything else.
 * Answers how often it was connected to, at most `most` times.
 */
function serve(rig: ReplicaRig, most: number = 50): number {
  let decided = 0;
  let offset = 0;
  let heard = 0;
  for (let connections = 1; connections <= most; connections++) {
    for (let sent = pushes(rig, heard); sent.length > 0; sent = pushes(rig, heard)) {
      heard = rig.said.length;
      for (const rows of sent) {
        if (rig.timers.has("reconnect")) break;
        if (rows.some(([, , , , fields]) => fields["title"] === "unreadable")) {
          rig.endOver("invalid-message", "push.mutations[0][4].title must be readable");
          break;
        }
        for (const [counter, operation] of rows) {
          decided += 1;
          assert.equal(counter, decided, "a gap");
          if (operation === "void") rig.result([counter, "rejected", 0, WITHDRAWN]);
          else rig.result([counter, "applied", (offset += 1)]);
        }
      }
    }
    if (!rig.timers.has("reconnect")) return connections;
    rig.connect({ decided, head: offset });
  }
  return most;
}
const WITHDRAWN = { code: "withdrawn", message: "" } as const;

const titles = (rig: ReplicaRig): readonly unknown[] => rig.replica.outbox.map(({ fields }) => fields["title"]);
const aside = (rig: ReplicaRig): readonly unknown[] =>
  rig.replica.rejected.map(({ entity: id, detail }) => [id, detail?.code]);

describe("a push that the server cannot read", () => {
  test("[R17] of one transaction is set aside with the server's reason, and its number sent empty", () => {
    const rig = connected();
    rig.create("t1", { title: "unreadable" });
    rig.endOver("invalid-message", "push.mutations[0][4].title must be readable");
    assert.deepEqual(
      rig.replica.rejected.map(({ operation, entity: id, fields, detail }) => [operation, id, fields, detail]),
      [
        [
          "create",
          "t1",
          { title: "unreadable" },
          { code: "invalid-message", message: "push.mutations[0][4].title must be readable" },
        ],
      ],
    );
    assert.deepEqual(rig.ids(), []);
    assert.equal(rig.replica.syncState("tasks", entity("t1")), "rejected");
    const before = rig.said.length;
    rig.connect();
    assert.deepEqual(
      pushes(rig, before)
        .flat()
        .map(([counter, operation, , , fields]) => [counter, operation, fields]),
      [[1, "void", {}]],
    );
  });

  test("[R17] is told to whoever wrote it, once, with the number under which it is kept", () => {
    const rig = connected();
    rig.create("t1", { title: "unreadable" });
    rig.endOver("frame-too-large", "too much");
    rig.connect();
    rig.result([1, "rejected", 0, WITHDRAWN]);
    const [decided, ...more] = rig
      .of("decided")
      .filter(({ outcome, detail }) => outcome === "rejected" && detail.code !== "withdrawn");
    assert.deepEqual([decided?.counter, decided?.detail.code, more], [1, "frame-too-large", []]);
    assert.deepEqual(
      rig.replica.rejected.map(({ counter }) => counter),
      [decided?.kept],
    );
    rig.input({ type: "discard", counter: decided?.kept ?? 0 });
    assert.deepEqual([rig.replica.rejected, rig.replica.outbox], [[], []]);
    assert.deepEqual(rig.restart().replica.rejected, []);
  });

  test("[R17] leaves nothing of its empty number behind once the server has it", () => {
    const rig = connected();
    rig.create("t1", { title: "unreadable" });
    rig.create("t2", { title: "fine" });
    serve(rig);
    assert.deepEqual(aside(rig), [["t1", "invalid-message"]]);
    assert.deepEqual(titles(rig), ["fine"]);
    assert.equal(rig.replica.status.pendingCount, 0);
    const again = rig.restart();
    assert.deepEqual(aside(again), [["t1", "invalid-message"]]);
    assert.deepEqual(titles(again), ["fine"]);
  });

  for (const size of [1, 2, 10, 40]) {
    test(`[R17] is found among ${size}, wherever it is: all others are applied`, () => {
      for (const place of new Set([0, Math.floor(size / 2), size - 1])) {
        const rig = connected();
        rig.lose();
        for (let index = 0; index < size; index++) {
          rig.create(`t${index}`, { title: index === place ? "unreadable" : `${index}` });
        }
        rig.connect();
        const rounds = serve(rig, 4 * size + 10);
        assert.ok(rounds < 4 * size + 10, `it was sent for ever: ${rounds}`);
        assert.deepEqual(aside(rig), [[`t${place}`, "invalid-message"]]);
        assert.equal(rig.replica.status.pendingCount, 0);
        assert.equal(titles(rig).length, size - 1);
      }
    });
  }

  test("[R17] is found when there are several, each with its own reason", () => {
    const rig = connected();
    rig.lose();
    for (let index = 0; index < 9; index++) {
      rig.create(`t${index}`, { title: index % 3 === 1 ? "unreadable" : `${index}` });
    }
    rig.connect();
    serve(rig, 100);
    assert.deepEqual(rig.replica.rejected.map(({ entity: id }) => id).sort(), ["t1", "t4", "t7"]);
    assert.equal(new Set(rig.replica.rejected.map(({ counter }) => counter)).size, 3);
    assert.equal(rig.replica.status.pendingCount, 0);
  });

  test("[R17] is looked for by halves, one push at a time, until what was sent is answered", () => {
    const rig = connected();
    rig.lose();
    for (const id of ["t1", "t2", "t3"]) rig.create(id, { title: id });
    rig.connect();
    assert.deepEqual(pushes(rig).map(counters), [[1, 2, 3]]);
    rig.endOver("invalid-message");
    assert.deepEqual([aside(rig), rig.replica.outbox.length], [[], 3], "nobody is blamed yet");
    const before = rig.said.length;
    rig.connect();
    rig.create("t4", { title: "t4" });
    assert.deepEqual(pushes(rig, before).map(counters), [[1, 2]]);
    rig.result([1, "applied", 1]);
    assert.deepEqual(pushes(rig, before).map(counters), [[1, 2]], "one push at a time");
    rig.result([2, "applied", 2]);
    assert.deepEqual(pushes(rig, before).map(counters), [[1, 2], [3]]);
    rig.result([3, "applied", 3]);
    rig.create("t5", { title: "t5" });
    assert.deepEqual(pushes(rig, before).map(counters), [[1, 2], [3], [4], [5]]);
    assert.deepEqual(aside(rig), []);
  });

  test("[R17] sets its whole transaction aside", () => {
    const rig = connected();
    rig.write(
      { operation: "create", collection: "tasks", entity: entity("t1"), fields: { title: "unreadable" } },
      { operation: "create", collection: "tasks", entity: entity("t2"), fields: { title: "with it" } },
    );
    rig.endOver("invalid-message");
    assert.deepEqual(
      rig.replica.rejected.map(({ entity: id }) => id),
      ["t1", "t2"],
    );
    assert.deepEqual(rig.ids(), []);
    const before = rig.said.length;
    rig.connect();
    assert.deepEqual(
      pushes(rig, before).map((rows) =>
        rows.map(([counter, operation, , , , , , remaining]) => [counter, operation, remaining]),
      ),
      [
        [
          [1, "void", 1],
          [2, "void", 0],
        ],
      ],
    );
  });

  test("[R17] goes on without it after a restart", () => {
    const rig = connected();
    rig.create("t1", { title: "unreadable" });
    rig.endOver("malformed-frame");
    const again = rig.restart();
    assert.deepEqual(aside(again), [["t1", "malformed-frame"]]);
    again.subscribe("tasks");
    again.connect();
    assert.deepEqual(
      pushes(again)
        .flat()
        .map(([counter, operation]) => [counter, operation]),
      [[1, "void"]],
    );
    again.result([1, "rejected", 0, WITHDRAWN]);
    again.create("t2", { title: "fine" });
    assert.deepEqual(counters(pushes(again).flat()), [1, 2]);
    assert.deepEqual(again.replica.rejected.length, 1);
  });

  test("[R17] that names what was never created holds up nothing either", () => {
    const rig = connected();
    rig.create("tmp:d1:1", { title: "unreadable" }, "cards");
    rig.endOver("invalid-message");
    rig.connect();
    rig.create("tmp:d1:2", { parent: "tmp:d1:1" }, "cards");
    rig.result([1, "rejected", 0, WITHDRAWN]);
    assert.deepEqual(counters(pushes(rig).flat()), [1, 1, 2]);
    rig.result([2, "rejected", 0, { code: "entity-not-found", message: "" }]);
    assert.equal(rig.replica.rejected.length, 2);
    assert.equal(rig.replica.status.pendingCount, 0);
  });
});

describe("nobody is blamed", () => {
  test("[R17] for the end of a connection over anything else", () => {
    for (const code of ["overloaded", "token-expired", "storage-unavailable", "counter-gap", "rate-limited"] as const) {
      const rig = connected();
      rig.create("t1", { title: "fine" });
      rig.endOver(code);
      assert.deepEqual([aside(rig), titles(rig)], [[], ["fine"]], code);
    }
  });

  test("[R17] when nothing is unanswered", () => {
    const rig = connected();
    rig.create("t1", { title: "fine" });
    rig.result([1, "applied", 1]);
    rig.endOver("invalid-message");
    assert.deepEqual([aside(rig), titles(rig)], [[], ["fine"]]);
  });

  test("[R17] before the device is welcomed: then it was its hello", () => {
    const rig = new ReplicaRig(schema);
    rig.create("t1", { title: "fine" });
    rig.input({ type: "go-online" });
    rig.input({ type: "connected", connection: rig.connection });
    rig.endOver("invalid-message");
    assert.deepEqual([aside(rig), titles(rig)], [[], ["fine"]]);
  });

  test("[R17] for what the server refuses without ending the connection", () => {
    const rig = connected();
    rig.create("t1", { title: "fine" });
    rig.hear({ type: "refusal", code: "invalid-message", message: "", fatal: false, about: { subscription: 9 } });
    assert.deepEqual([aside(rig), titles(rig)], [[], ["fine"]]);
  });

  test("[R17] again for the empty numbers themselves", () => {
    const rig = connected();
    rig.create("t1", { title: "unreadable" });
    rig.endOver("invalid-message");
    for (let round = 0; round < 5; round++) {
      rig.connect();
      rig.endOver("invalid-message");
    }
    assert.deepEqual(aside(rig), [["t1", "invalid-message"]]);
    assert.ok(rig.timers.has("reconnect"));
  });
});
