/** What a device shows of conflicts and reviews. Rules R14 and R15. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Decision, type JsonValue, MARK, type ResultDetail, type Winner } from "@tidelock/core";
import { deals } from "./deals.ts";
import { device, entity, stampAt, user } from "./names.ts";
import { epoch, ReplicaRig } from "./replica-rig.ts";

/** A device that is connected and has all deals: one, as of offset 1. */
function connected(columns: Readonly<Record<string, JsonValue>> = {}, collection: string = "deals"): ReplicaRig {
  const rig = new ReplicaRig(deals);
  rig.subscribe(collection);
  rig.connect();
  rig.snapshot(1, 0, [], collection);
  rig.delta(1, rig.put(collection, "d1", 1, { title: "old", ...columns }));
  return rig;
}

interface Conflict {
  readonly field: string | null;
  readonly winner: Winner;
  readonly value: JsonValue;
  readonly mine: JsonValue;
  readonly policy?: string;
}

/** A result that says how a field, or the whole entity, was settled. */
function settled({ field, winner, value, mine, policy = "lww" }: Conflict): ResultDetail {
  const side = { counter: 1, seen: null, stamp: stampAt(1) };
  const decision: Decision = {
    ...{ field, policy, policyVersion: 1, winner, value, reason: "because" },
    current: { ...side, device: device("d2"), user: user("bob"), offset: 2, value },
    incoming: { ...side, device: device("d1"), user: user("ana"), offset: 3, value: mine },
  };
  return { conflicts: [decision] };
}

describe("a field that lost", () => {
  test("[R14] shows what the server has as soon as the result says so, before any delta", () => {
    const rig = connected();
    rig.update("d1", { title: "mine", owner: "ana" }, "deals");
    rig.delta(2, rig.patch("deals", "d1", 2, { title: "theirs" }));
    assert.equal(rig.get("d1", "deals")?.["title"], "mine");
    rig.result([1, "merged", 3, settled({ field: "title", winner: "current", value: "theirs", mine: "mine" })]);
    assert.deepEqual([rig.get("d1", "deals")?.["title"], rig.get("d1", "deals")?.["owner"]], ["theirs", "ana"]);
    rig.delta(3, rig.patch("deals", "d1", 3, { owner: "ana" }));
    assert.deepEqual([rig.get("d1", "deals")?.["title"], rig.get("d1", "deals")?.["owner"]], ["theirs", "ana"]);
    assert.deepEqual(rig.replica.outbox, []);
  });

  test("[R14] shows what the result says of it also where the confirmed row is older than both writes", () => {
    const rig = connected({ amount: 1 });
    rig.update("d1", { title: "mine" }, "deals");
    rig.result([1, "merged", 3, settled({ field: "title", winner: "current", value: "theirs", mine: "mine" })]);
    assert.equal(rig.get("d1", "deals")?.["title"], "theirs");
    rig.update("d1", { amount: 20 }, "deals");
    rig.result([2, "in-review", 5, settled({ field: "amount", winner: "review", value: 10, mine: 20 })]);
    assert.equal(rig.get("d1", "deals")?.["amount"], 10);
    rig.delta(6, rig.patch("deals", "d1", 5, { title: "theirs", amount: 10, [MARK]: { amount: "review:d1:2:0.2" } }));
    assert.deepEqual([rig.get("d1", "deals")?.["title"], rig.get("d1", "deals")?.["amount"]], ["theirs", 10]);
    assert.deepEqual(rig.replica.outbox, []);
  });

  test("[R14] of a set or list shows the change as it was made, until the delta brings the whole", () => {
    const rig = connected({ labels: ["a"], steps: [{ id: "s1", text: "one" }] });
    rig.update("d1", { labels: { add: ["b"] } }, "deals");
    const { conflicts } = settled({
      field: "labels",
      winner: "current",
      value: null,
      mine: { add: ["b"] },
      policy: "set",
    });
    rig.result([1, "merged", 3, { conflicts: conflicts! }]);
    assert.deepEqual(rig.get("d1", "deals")?.["labels"], ["a", "b"]);
  });

  test("[R12] is offered again as it was written, when the log that decided it is gone", () => {
    const rig = connected();
    rig.update("d1", { title: "mine", owner: "ana" }, "deals");
    rig.result([1, "merged", 3, settled({ field: "title", winner: "current", value: "theirs", mine: "mine" })]);
    rig.lose();
    rig.connect({ epoch: epoch(2), decided: 0 });
    const push = rig.said.findLast((message) => message.type === "push");
    assert.deepEqual(
      push?.mutations.map(([, operation, , , fields]) => [operation, fields]),
      [["update", { title: "mine", owner: "ana" }]],
    );
  });

  test("[R14] is told to whoever shows it, in the turn of the result", () => {
    const rig = connected();
    rig.update("d1", { title: "mine" }, "deals");
    const before = rig.of("changed").length;
    rig.result([1, "merged", 3, settled({ field: "title", winner: "current", value: "old", mine: "mine" })]);
    const [changed, ...more] = rig.of("changed").slice(before);
    assert.deepEqual([...(changed?.entities.get("deals") ?? [])], ["d1"]);
    assert.deepEqual(more, []);
  });

  test("[R14] does not come back after a restart", () => {
    const rig = connected();
    rig.update("d1", { title: "mine" }, "deals");
    rig.result([1, "merged", 3, settled({ field: "title", winner: "current", value: "old", mine: "mine" })]);
    assert.equal(rig.restart().get("d1", "deals")?.["title"], "old");
  });

  test("[R14] does not take with it what was written after it", () => {
    const rig = connected();
    rig.update("d1", { title: "mine" }, "deals");
    rig.update("d1", { title: "mine again" }, "deals");
    rig.result([1, "merged", 3, settled({ field: "title", winner: "current", value: "old", mine: "mine" })]);
    assert.equal(rig.get("d1", "deals")?.["title"], "mine again");
  });
});

describe("a field that won, or was merged", () => {
  test("[R5] stays as it is", () => {
    const rig = connected();
    rig.update("d1", { title: "mine" }, "deals");
    rig.delta(2, rig.patch("deals", "d1", 2, { title: "theirs" }));
    rig.result([1, "merged", 3, settled({ field: "title", winner: "incoming", value: "mine", mine: "mine" })]);
    assert.equal(rig.get("d1", "deals")?.["title"], "mine");
  });

  test("[R14] shows the value that was made of both", () => {
    const rig = connected();
    rig.update("d1", { fragile: "mine" }, "deals");
    const made = { field: "fragile", winner: "merged", value: "theirs+mine", mine: "mine" } as const;
    rig.result([1, "merged", 3, settled({ ...made, policy: "resolve/fragile" })]);
    assert.equal(rig.get("d1", "deals")?.["fragile"], "theirs+mine");
  });

  test("[R5] is merged once: what the row holds is not added again", () => {
    const rig = connected({ votes: 1, labels: ["a"] });
    rig.update("d1", { votes: { add: 2 }, labels: { add: ["b"] } }, "deals");
    const shown = (): unknown[] => [rig.get("d1", "deals")?.["votes"], rig.get("d1", "deals")?.["labels"]];
    assert.deepEqual(shown(), [3, ["a", "b"]]);
    rig.delta(2, rig.patch("deals", "d1", 2, { votes: 11 }));
    assert.deepEqual(shown(), [13, ["a", "b"]]);
    rig.result([1, "applied", 3]);
    assert.deepEqual(shown(), [13, ["a", "b"]]);
    rig.delta(3, rig.patch("deals", "d1", 3, { votes: 13, labels: ["a", "b"] }));
    assert.deepEqual(shown(), [13, ["a", "b"]]);
    assert.deepEqual(rig.replica.outbox, []);
  });

  test("[R5] of a list is shown over whatever the server has meanwhile", () => {
    const rig = connected({ steps: [{ id: "s1", text: "one" }] });
    const insert = { ops: [["insert", "s2", "s1", { text: "two" }]] };
    rig.update("d1", { steps: insert }, "deals");
    rig.delta(
      2,
      rig.patch("deals", "d1", 2, {
        steps: [
          { id: "s0", text: "zero" },
          { id: "s1", text: "one" },
        ],
      }),
    );
    const steps = (rig.get("d1", "deals")?.["steps"] ?? []) as ReadonlyArray<{ readonly id: string }>;
    assert.deepEqual(
      steps.map(({ id }) => id),
      ["s0", "s1", "s2"],
    );
  });
});

describe("a field that waits for a review", () => {
  test("[R14] shows what the server has, not what was written here", () => {
    const rig = connected({ amount: 1 });
    rig.update("d1", { amount: 20, title: "mine" }, "deals");
    assert.equal(rig.get("d1", "deals")?.["amount"], 20);
    rig.delta(2, rig.patch("deals", "d1", 2, { amount: 10 }));
    const held = settled({ field: "amount", winner: "review", value: 10, mine: 20, policy: "review" });
    rig.result([1, "in-review", 3, held]);
    assert.deepEqual([rig.get("d1", "deals")?.["amount"], rig.get("d1", "deals")?.["title"]], [10, "mine"]);
    assert.deepEqual(
      rig.of("decided").map(({ counter, outcome, detail }) => [counter, outcome, detail]),
      [[1, "in-review", held]],
    );
  });

  test("[R15] marks its entity: it is in review here, whoever wrote it", () => {
    const rig = connected();
    assert.equal(rig.replica.syncState("deals", entity("d1")), "synced");
    const before = rig.of("changed").length;
    rig.delta(2, rig.patch("deals", "d1", 2, { [MARK]: { amount: "review:d2:1:0.2" } }));
    assert.equal(rig.replica.syncState("deals", entity("d1")), "in-review");
    assert.deepEqual([...rig.replica.marks("deals", entity("d1"))], [["amount", "review:d2:1:0.2"]]);
    assert.equal(rig.of("changed").length, before + 1);
  });

  test("[R15] is marked from a snapshot, and after a restart", () => {
    const rig = new ReplicaRig(deals);
    rig.subscribe("deals");
    rig.connect();
    const [, , , , values] = rig.put("deals", "d1", 4, { [MARK]: { amount: "review:d2:1:0.2" } }) as unknown as [
      ...[number, string, string, number],
      JsonValue[],
    ];
    rig.snapshot(1, 4, [["d1", 4, values]], "deals");
    assert.equal(rig.replica.syncState("deals", entity("d1")), "in-review");
    assert.equal(rig.restart().replica.syncState("deals", entity("d1")), "in-review");
  });

  test("[R15] is shown without its mark among the values", () => {
    const rig = connected({ [MARK]: { amount: "review:d2:1:0.2" } });
    assert.deepEqual(Object.keys(rig.get("d1", "deals") ?? {}), [
      "id",
      ...deals.collections.get("deals")!.fields.map(({ name }) => name),
    ]);
  });

  test("[R15] is in review after what this device has to say of it", () => {
    const rig = connected({ [MARK]: { amount: "review:d2:1:0.2" } });
    rig.isDiskSlow = true;
    rig.update("d1", { title: "mine" }, "deals");
    const states = [rig.replica.syncState("deals", entity("d1"))];
    rig.isDiskSlow = false;
    rig.store();
    states.push(rig.replica.syncState("deals", entity("d1")));
    rig.result([1, "rejected", 0, { code: "forbidden", message: "no" }]);
    states.push(rig.replica.syncState("deals", entity("d1")));
    rig.input({ type: "discard", counter: 1 });
    states.push(rig.replica.syncState("deals", entity("d1")));
    assert.deepEqual(states, ["pending", "syncing", "rejected", "in-review"]);
  });

  test("[R15] loses its mark with the decision", () => {
    const rig = connected({ amount: 10, [MARK]: { amount: "review:d2:1:0.2", price: "review:d2:1:0.3" } });
    rig.delta(2, rig.patch("deals", "d1", 2, { amount: 20, [MARK]: { price: "review:d2:1:0.3" } }));
    assert.deepEqual(
      [rig.replica.syncState("deals", entity("d1")), [...rig.replica.marks("deals", entity("d1")).keys()]],
      ["in-review", ["price"]],
    );
    rig.delta(3, rig.patch("deals", "d1", 3, { [MARK]: null }));
    assert.equal(rig.replica.syncState("deals", entity("d1")), "synced");
    assert.equal(rig.get("d1", "deals")?.["amount"], 20);
  });

  test("[R15] is marked wherever the server has the column, and in no collection that has none", () => {
    const rig = new ReplicaRig(deals);
    rig.subscribe("deals");
    const order = ["title", MARK, "amount", "gone", "owner"];
    rig.connect({ columns: { deals: order, people: ["name"] } });
    rig.snapshot(1, 4, [["d1", 4, ["x", { amount: "review:d2:1:0.2" }, 7, null, "ana"]]], "deals");
    assert.equal(rig.replica.syncState("deals", entity("d1")), "in-review");
    assert.deepEqual([rig.get("d1", "deals")?.["amount"], rig.get("d1", "deals")?.["owner"]], [7, "ana"]);
    assert.equal(rig.replica.marks("people", entity("p1")).size, 0);
    assert.equal(rig.replica.marks("nothing", entity("p1")).size, 0);
  });

  test("[R15] is not marked by what no server would send", () => {
    for (const odd of [true, "amount", 5, [], ["amount"], {}, { amount: 5 }, { amount: "a b" }]) {
      const rig = connected({ [MARK]: odd as JsonValue });
      assert.equal(rig.replica.syncState("deals", entity("d1")), "synced", JSON.stringify(odd));
    }
  });
});

describe("an update against a delete", () => {
  test("[R14] a delete that waits for a person shows the entity again, marked as a whole with the delta", () => {
    const rig = connected({}, "pinned");
    rig.remove("d1", "pinned");
    assert.equal(rig.get("d1", "pinned"), null);
    const held = settled({ field: null, winner: "review", value: null, mine: null, policy: "review" });
    rig.result([1, "in-review", 3, held]);
    assert.equal(rig.get("d1", "pinned")?.["title"], "old");
    rig.delta(3, rig.patch("pinned", "d1", 3, { [MARK]: { "*": "review:d1:1:0.all" } }));
    assert.deepEqual([...rig.replica.marks("pinned", entity("d1")).keys()], ["*"]);
    assert.deepEqual([...rig.ids("pinned")], ["d1"]);
  });

  test("[R14] a delete that lost to an update shows the entity, as it is now", () => {
    const rig = connected({}, "lasting");
    rig.remove("d1", "lasting");
    rig.delta(2, rig.patch("lasting", "d1", 2, { title: "theirs" }));
    assert.equal(rig.get("d1", "lasting"), null);
    const lost = settled({ field: null, winner: "current", value: null, mine: null, policy: "update-wins" });
    rig.result([1, "merged", 3, lost]);
    assert.equal(rig.get("d1", "lasting")?.["title"], "theirs");
  });

  test("[R14] a delete that won is one", () => {
    const rig = connected();
    rig.remove("d1", "deals");
    rig.delta(2, rig.patch("deals", "d1", 2, { title: "theirs" }));
    const won = settled({ field: null, winner: "incoming", value: null, mine: null, policy: "delete-wins" });
    rig.result([1, "merged", 3, won]);
    assert.equal(rig.get("d1", "deals"), null);
    rig.delta(3, [2, "deals", entity("d1"), 3]);
    assert.deepEqual([rig.get("d1", "deals"), rig.replica.outbox], [null, []]);
  });

  test("[R14] an update that met a delete shows nothing, whether it lost or waits", () => {
    for (const winner of ["current", "review"] as const) {
      const rig = connected({}, "pinned");
      rig.update("d1", { title: "mine" }, "pinned");
      rig.delta(2, [2, "pinned", entity("d1"), 2]);
      assert.equal(rig.get("d1", "pinned"), null);
      const detail = settled({ field: null, winner, value: null, mine: { title: "mine" }, policy: "review" });
      rig.result([1, winner === "review" ? "in-review" : "merged", 3, detail]);
      rig.delta(3);
      assert.deepEqual([rig.get("d1", "pinned"), rig.replica.outbox], [null, []]);
    }
  });

  test("[R14] an update that brought the entity back shows it with the delta", () => {
    const rig = connected({}, "lasting");
    rig.update("d1", { title: "mine" }, "lasting");
    rig.delta(2, [2, "lasting", entity("d1"), 2]);
    const won = settled({
      field: null,
      winner: "incoming",
      value: null,
      mine: { title: "mine" },
      policy: "update-wins",
    });
    rig.result([1, "merged", 3, won]);
    rig.delta(3, rig.put("lasting", "d1", 3, { title: "mine", done: true }));
    assert.deepEqual({ ...rig.get("d1", "lasting") }, { id: "d1", title: "mine", done: true });
  });
});
