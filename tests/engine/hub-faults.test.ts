/** What goes wrong in rules of applications, in the engine itself, and what it may harm. Rules H17 and H24. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ERRORS, MARK, type TimeLimit } from "@tidelock/core";
import type { CollectionRules, HubEffect, Rules } from "@tidelock/server/engine";
import { deals } from "./deals.ts";
import { eventsOf, openReview, reviewsOf, rowOf, wishes } from "./hub-log.ts";
import { call, create, decide, HubRig, plain, type RigOptions, update } from "./hub-rig.ts";
import { device, entity, user } from "./names.ts";

const on = { collection: "deals" };
const last = <Item>(items: readonly Item[]): Item => items.at(-1)!;

function started(options: Partial<RigOptions> = {}): HubRig {
  const rig = new HubRig({ schema: deals, ...options });
  for (const name of ["ana", "bob"]) {
    rig.open(name, {}, { user: user(name) });
    rig.subscribe(name, 1, "deals");
  }
  rig.push("ana", create(1, "d1", { fragile: "old" }, on));
  return rig;
}

function logs(rig: HubRig): ReadonlyArray<Extract<HubEffect, { type: "log" }>> {
  return rig.effects.filter((effect) => effect.type === "log");
}

describe("a rule for conflicts", () => {
  /** Ana writes "new"; Bob, who has not seen that, writes something else, and a title. */
  function conflicted(value: string, options: Partial<RigOptions> = {}): HubRig {
    const rig = started(options);
    rig.push("ana", update(2, "d1", { fragile: "new" }, { ...on, seen: 1 }));
    rig.push("bob", update(1, "d1", { fragile: value, title: "bob's" }, { ...on, seen: 1 }));
    return rig;
  }

  test("[H17] that is sound decides", () => {
    const rig = conflicted("other");
    assert.equal(rowOf(rig, "deals", "d1")?.["fragile"], "new+other");
    assert.deepEqual(logs(rig), []);
    const [decision] = last(eventsOf(rig)).decisions;
    assert.deepEqual([decision?.policy, decision?.winner, decision?.base], ["resolve/fragile", "merged", "old"]);
  });

  for (const [value, fault] of [
    ["throw", "the rule fell over"],
    ["nonsense", "its answer must be text"],
  ] as const) {
    test(`[H17] that answers with "${value}" sends its field to review, and nothing else`, () => {
      const rig = conflicted(value);
      const row = rowOf(rig, "deals", "d1");
      assert.deepEqual([row?.["fragile"], row?.["title"], last(rig.results("bob"))[1]], ["new", "bob's", "in-review"]);
      const review = openReview(rig, "d1", "fragile");
      assert.deepEqual([review.policy, review.policyVersion, review.base], ["resolve/fragile", 1, ["old"]]);
      assert.deepEqual(wishes(review), [
        ["ana", "new"],
        ["bob", value],
      ]);
      assert.deepEqual(row?.[MARK], { fragile: review.id });
      rig.push("bob", decide(2, review.id, { value: "settled" }, { seen: rig.hub.head }));
      assert.equal(rowOf(rig, "deals", "d1")?.["fragile"], "settled");
    });

    test(`[H17] that answers with "${value}" is told of in the operator's log, with its field`, () => {
      const rig = conflicted(value);
      assert.deepEqual(
        logs(rig).map(({ level, message, facts }) => [level, message, facts]),
        [["error", "a conflict rule failed", { problem: `deals.fragile: ${fault}` }]],
      );
    });
  }

  test("[H17] tells nobody else what it threw", () => {
    const rig = conflicted("throw");
    const heard = JSON.stringify([rig.messages("ana"), rig.messages("bob"), reviewsOf(rig)]);
    assert.equal(heard.includes("fell over"), false);
    assert.ok(heard.includes("the rule fragile failed, so a person decides"));
  });

  test("[H17] that takes too long sends its field to review", () => {
    const limit: TimeLimit = () => {
      throw new Error("it took longer than 50 ms");
    };
    const rig = conflicted("other", { limit });
    assert.deepEqual(wishes(openReview(rig, "d1", "fragile")).length, 2);
    assert.deepEqual(
      logs(rig).map(({ facts }) => facts),
      [{ problem: "deals.fragile: it took longer than 50 ms" }],
    );
  });

  test("[H17] that wants a person is nobody's fault", () => {
    const rig = started();
    rig.push("ana", update(2, "d1", { state: "offered" }, { ...on, seen: 1 }));
    rig.push("ana", update(3, "d1", { state: "open" }, { ...on, seen: 2 }));
    rig.push("bob", update(1, "d1", { state: "won" }, { ...on, seen: 2 }));
    const review = openReview(rig, "d1", "state");
    assert.equal(review.reason, 'one went back to "open" from "offered" while the other set "won"');
    assert.deepEqual([review.policy, review.base, review.due], ["resolve/forward-only", ["offered"], null]);
    assert.deepEqual(logs(rig), []);
  });

  test("[H17] is not asked while its field waits: what comes meanwhile joins", () => {
    const rig = conflicted("throw");
    rig.push("ana", update(3, "d1", { fragile: "third" }, { ...on, seen: 2 }));
    assert.deepEqual(wishes(openReview(rig, "d1", "fragile")).length, 3);
    assert.equal(logs(rig).length, 1);
  });
});

describe("a mutation that the engine cannot admit", () => {
  /** A fault within admission itself, which no rule of an application can cause. */
  function poisoned(collection: string): Rules {
    const rules: CollectionRules = {
      get write(): never {
        throw new Error("the engine fell over");
      },
    };
    return { [collection]: rules };
  }

  test("[H24] is refused with `internal`, and those before and behind it are admitted", () => {
    const rig = started({ rules: poisoned("lasting") });
    rig.push(
      "ana",
      update(2, "d1", { title: "before" }, { ...on, seen: 1 }),
      create(3, "l1", {}, { collection: "lasting" }),
      update(4, "d1", { title: "behind" }, { ...on, seen: 1 }),
    );
    assert.deepEqual(
      rig
        .results("ana")
        .slice(1)
        .map(([counter, outcome, , detail]) => [counter, outcome, detail?.code, detail?.message]),
      [
        [2, "applied", undefined, undefined],
        [3, "rejected", "internal", ERRORS["internal"].message],
        [4, "applied", undefined, undefined],
      ],
    );
    assert.equal(rig.closed.size, 0);
    assert.equal(rowOf(rig, "deals", "d1")?.["title"], "behind");
  });

  test("[H24] does not come back for ever: it is on the disk as refused, and answered so again", () => {
    const rig = started({ rules: poisoned("lasting") });
    const poison = create(2, "l1", {}, { collection: "lasting" });
    rig.push("ana", poison);
    rig.open("again", { device: device("ana"), decided: 1, epoch: null }, { user: user("ana") });
    assert.deepEqual(
      rig.of("again", "welcome")[0]?.results.map(([counter, outcome, , detail]) => [counter, outcome, detail?.code]),
      [[2, "rejected", "internal"]],
    );
    rig.push("again", poison, update(3, "d1", { title: "next" }, { ...on, seen: 1 }));
    assert.deepEqual(
      rig.results("again").map(([counter, outcome]) => [counter, outcome]),
      [
        [2, "duplicate"],
        [3, "applied"],
      ],
    );
  });

  test("[H24] refuses the whole of its transaction, and leaves nothing of it behind", () => {
    const rig = started({ rules: poisoned("lasting") });
    rig.push(
      "ana",
      update(2, "d1", { title: "half" }, { ...on, seen: 1, remaining: 1 }),
      create(3, "l1", {}, { collection: "lasting" }),
    );
    assert.deepEqual(
      rig
        .results("ana")
        .slice(1)
        .map(([, outcome]) => outcome),
      ["rejected", "rejected"],
    );
    rig.push("bob", update(1, "d1", { votes: { add: 1 } }, { ...on, seen: 1 }));
    assert.equal(rowOf(rig, "deals", "d1")?.["title"], "");
    assert.equal(rig.hub.head, 2);
  });

  test("[H24] is told of in the operator's log with what happened, and there alone", () => {
    const rig = started({ rules: poisoned("lasting") });
    rig.push("ana", create(2, "l1", {}, { collection: "lasting" }));
    const [log, ...more] = logs(rig);
    assert.deepEqual([log?.level, log?.message, more], ["error", "a mutation could not be admitted", []]);
    assert.match(String(log?.facts["problem"]), /the engine fell over/);
    assert.equal(JSON.stringify(rig.messages("ana")).includes("fell over"), false);
  });

  test("[H24] over plain HTTP is refused the same way", () => {
    const rig = started({ rules: poisoned("lasting") });
    const mutations = [
      plain("m1", { collection: "lasting", entity: entity("l1") }),
      plain("m2", { ...on, entity: entity("d2") }),
    ];
    for (const expected of [["applied"], ["duplicate"]]) {
      const answer = rig.answers.get(rig.reconcile({ mutations }));
      assert.ok(answer?.ok);
      assert.deepEqual(
        answer.body.rejected.map(({ temp_id: name, code }) => [name, code]),
        [["m1", "internal"]],
      );
      assert.deepEqual(
        answer.body.applied.map(({ outcome }) => outcome),
        expected,
      );
    }
  });

  test("[H24] may be a call, or a decision", () => {
    const rig = started({ rules: poisoned("people") });
    rig.push("ana", call(2, "open", { title: "x" }, { seen: 1 }));
    assert.equal(last(rig.results("ana"))[3]?.code, "internal");
    rig.push("ana", update(3, "d1", { amount: 10 }, { ...on, seen: 1 }));
    rig.push("bob", update(1, "d1", { amount: 20 }, { ...on, seen: 1 }));
    const { id } = openReview(rig, "d1", "amount");
    const broken = new HubRig({
      schema: deals,
      disk: rig.disk,
      rules: {
        deals: {
          get review(): never {
            throw new Error("the engine fell over");
          },
        },
      },
    });
    broken.open("bob", {}, { user: user("bob") });
    broken.push(
      "bob",
      decide(2, id, { value: 1 }, { seen: 4 }),
      update(3, "d1", { title: "next" }, { ...on, seen: 4 }),
    );
    assert.deepEqual(
      broken.results("bob").map(([, outcome, , detail]) => [outcome, detail?.code]),
      [
        ["rejected", "internal"],
        ["applied", undefined],
      ],
    );
  });
});
