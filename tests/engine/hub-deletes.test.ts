/** Updates against deletes: each of the three ways, both orders of arrival, and reviews of what is deleted. Rule H8. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MARK, REVIEWS, WHOLE_ENTITY } from "@tidelock/core";
import type { CollectionRules } from "@tidelock/server/engine";
import { deals } from "./deals.ts";
import { eventsOf, marksOn, openReview, reviewOf, reviewsOf, rowOf, wishes } from "./hub-log.ts";
import { create, decide, HubRig, remove, type RigOptions, update } from "./hub-rig.ts";
import { tenant, user } from "./names.ts";

const last = <Item>(items: readonly Item[]): Item => items.at(-1)!;

interface Told {
  readonly outcome: string | undefined;
  readonly winner: string | undefined;
  readonly reason: string | undefined;
}
function told(rig: HubRig, name: string): Told {
  const [, outcome, , detail] = last(rig.results(name));
  const conflict = detail?.conflicts?.find(({ field }) => field === null);
  return { outcome, winner: conflict?.winner, reason: conflict?.reason };
}

/** Ana, Bob and Cyd, and one entity of a collection, at offset 1, that all have seen. */
function started(collection: string, options: Partial<RigOptions> = {}): HubRig {
  const rig = new HubRig({ schema: deals, ...options });
  for (const name of ["ana", "bob", "cyd"]) {
    rig.open(name, {}, { user: user(name) });
    rig.subscribe(name, 1, collection);
    rig.subscribe(name, 2, REVIEWS);
  }
  rig.push("ana", create(1, "e1", { title: "old" }, { collection }));
  return rig;
}

/** Ana updates and Bob deletes; neither had seen the other. */
function met(collection: string, first: "update" | "delete", options: Partial<RigOptions> = {}): HubRig {
  const rig = started(collection, options);
  const more = { collection, seen: 1 };
  const byAna = (): void => rig.push("ana", update(2, "e1", { title: "new" }, { ...more, at: 10 }));
  const byBob = (): void => rig.push("bob", remove(1, "e1", { ...more, at: 20 }));
  if (first === "update") byAna();
  byBob();
  if (first === "delete") byAna();
  return rig;
}

describe("delete-wins", () => {
  test("[H8] the entity is gone, whichever came first, and its record has what was lost", () => {
    for (const first of ["update", "delete"] as const) {
      const rig = met("deals", first);
      assert.equal(rowOf(rig, "deals", "e1"), null);
      const author = first === "update" ? "bob" : "ana";
      assert.equal(told(rig, author).outcome, "merged");
      assert.match(told(rig, author).reason ?? "", /deleted stays deleted$/);
      const [decision] = last(eventsOf(rig)).decisions;
      assert.deepEqual(
        [decision?.field, decision?.policy, decision?.winner],
        [null, "delete-wins", first === "update" ? "incoming" : "current"],
      );
      const update = first === "update" ? decision?.current : decision?.incoming;
      assert.deepEqual([update?.value, update?.user], [{ title: "new" }, "ana"]);
    }
  });

  test("[H8] by somebody who had seen everything is no conflict", () => {
    const rig = started("deals");
    rig.push("bob", remove(1, "e1", { collection: "deals", seen: 1 }));
    assert.deepEqual(rig.results("bob"), [[1, "applied", 2]]);
    rig.push("cyd", remove(1, "e1", { collection: "deals", seen: 1 }));
    assert.equal(told(rig, "cyd").outcome, "applied");
    rig.push("ana", update(2, "e1", { title: "new" }, { collection: "deals", seen: 2 }));
    assert.equal(last(rig.results("ana"))[3]?.code, "entity-deleted");
    assert.equal(rig.hub.head, 2);
  });

  test("[H16] keeps what was lost whole, however deep it is, and the author can read it", () => {
    let deep: unknown = [1];
    for (let level = 2; level < 32; level++) deep = [deep];
    const rig = started("deals");
    rig.push("ana", update(2, "e1", { extra: deep as never }, { collection: "deals", seen: 1 }));
    rig.push("bob", remove(1, "e1", { collection: "deals", seen: 1 }));
    assert.deepEqual(last(rig.results("bob"))[3]?.conflicts?.[0]?.current.value, { extra: deep });
  });
});

describe("the reviews of what is deleted", () => {
  const on = { collection: "deals" };
  function disputed(options: Partial<RigOptions> = {}): HubRig {
    const rig = started("deals", options);
    rig.push("ana", update(2, "e1", { amount: 10, price: 11 }, { ...on, seen: 1 }));
    rig.push("bob", update(1, "e1", { amount: 20, price: 21 }, { ...on, seen: 1 }));
    return rig;
  }

  test("[H20] are closed with it, in one transaction, and keep what it was", () => {
    const rig = disputed();
    const ids = reviewsOf(rig).map(({ id }) => id);
    rig.now += 7;
    rig.push("cyd", remove(1, "e1", { ...on, seen: rig.hub.head }));
    assert.deepEqual(
      eventsOf(rig)
        .slice(-3)
        .map(({ kind, collection, remaining }) => [kind, collection, remaining]),
      [
        ["deleted", "deals", 2],
        ["updated", REVIEWS, 1],
        ["updated", REVIEWS, 0],
      ],
    );
    for (const id of ids) {
      const { status, closedAt, outcome, row, candidates } = reviewOf(rig, id);
      assert.deepEqual([status, closedAt, row["title"], candidates.length], ["closed", rig.now, "old", 2]);
      assert.deepEqual(outcome, {
        ...{ kind: "deleted", candidate: null, value: null, user: "cyd", device: "cyd", time: rig.now },
      });
    }
  });

  test("[H20] are decided no more: who comes after the delete is told of it", () => {
    const rig = disputed();
    const { id } = openReview(rig, "e1", "amount");
    rig.push("cyd", remove(1, "e1", { ...on, seen: rig.hub.head }));
    rig.push("bob", decide(2, id, { candidate: "bob:1" }, { seen: 5 }));
    const [, , , detail] = last(rig.results("bob"));
    assert.deepEqual(
      [detail?.code, detail?.message],
      ["review-closed", "cyd deleted the entity, which closed the review"],
    );
  });

  test("[H8] take no candidate afterwards: a write of somebody who had not seen the delete is settled as such", () => {
    const rig = disputed();
    const before = reviewsOf(rig).map(({ candidates }) => candidates.length);
    rig.push("cyd", remove(1, "e1", { ...on, seen: rig.hub.head }));
    rig.push("ana", update(3, "e1", { amount: 12 }, { ...on, seen: 5 }));
    assert.equal(told(rig, "ana").outcome, "merged");
    assert.deepEqual(
      reviewsOf(rig).map(({ candidates }) => candidates.length),
      before,
    );
  });

  test("[H8] go also by a delete of somebody who had not seen them", () => {
    const rig = disputed();
    rig.push("cyd", remove(1, "e1", { ...on, seen: 1 }));
    assert.equal(rowOf(rig, "deals", "e1"), null);
    assert.deepEqual(
      reviewsOf(rig).map(({ status }) => status),
      ["closed", "closed"],
    );
  });
});

describe("update-wins", () => {
  test("[H8] the entity stays when the update was there, and the delete's author is told", () => {
    const rig = met("lasting", "update");
    assert.equal(rowOf(rig, "lasting", "e1")?.["title"], "new");
    const { outcome, winner, reason } = told(rig, "bob");
    assert.deepEqual([outcome, winner], ["merged", "current"]);
    assert.match(reason ?? "", /it stays$/);
    const [decision] = last(eventsOf(rig)).decisions;
    assert.deepEqual([decision?.policy, decision?.current.value], ["update-wins", { title: "new" }]);
  });

  test("[H8] the entity comes back when the delete was there: as it was, with the update on it", () => {
    const rig = started("lasting");
    rig.push("cyd", update(1, "e1", { done: true }, { collection: "lasting", seen: 1 }));
    rig.push("bob", remove(1, "e1", { collection: "lasting", seen: 2 }));
    assert.equal(rowOf(rig, "lasting", "e1"), null);
    rig.push("ana", update(2, "e1", { title: "new" }, { collection: "lasting", seen: 2 }));
    assert.deepEqual(rowOf(rig, "lasting", "e1"), { title: "new", done: true });
    const { outcome, winner, reason } = told(rig, "ana");
    assert.deepEqual([outcome, winner], ["merged", "incoming"]);
    assert.match(reason ?? "", /it is back$/);
    assert.equal(last(eventsOf(rig)).kind, "created");
    const delta = last(rig.of("cyd", "delta"));
    assert.deepEqual(
      delta.changes.map(([kind, , id]) => [kind, id]),
      [[0, "e1"]],
    );
  });

  test("[H8] ends with the same entity in both orders", () => {
    const [one, other] = (["update", "delete"] as const).map((first) => rowOf(met("lasting", first), "lasting", "e1"));
    assert.deepEqual(one, other);
    assert.notEqual(one, null);
  });

  test("[H8] a field that was written before the delete is settled by its own policy when the entity comes back", () => {
    const rig = started("lasting");
    const on = { collection: "lasting" };
    rig.push("cyd", update(1, "e1", { title: "cyd's" }, { ...on, seen: 1, at: 50 }));
    rig.push("bob", remove(1, "e1", { ...on, seen: 2, at: 60 }));
    rig.push("ana", update(2, "e1", { title: "ana's", done: true }, { ...on, seen: 1, at: 40 }));
    assert.deepEqual(rowOf(rig, "lasting", "e1"), { title: "cyd's", done: true });
    const conflicts = last(rig.results("ana"))[3]?.conflicts ?? [];
    assert.deepEqual(
      conflicts.map(({ field, winner }) => [field, winner]),
      [
        [null, "incoming"],
        ["title", "current"],
      ],
    );
  });

  test("[H8] does not bring back what somebody deleted again, or deleted who had seen everything", () => {
    const rig = met("lasting", "delete");
    rig.push("bob", remove(2, "e1", { collection: "lasting", seen: rig.hub.head }));
    assert.equal(rowOf(rig, "lasting", "e1"), null);
    rig.push("cyd", update(1, "e1", { title: "late" }, { collection: "lasting", seen: rig.hub.head }));
    assert.equal(last(rig.results("cyd"))[3]?.code, "entity-deleted");
    rig.push("ana", create(3, "e1", {}, { collection: "lasting", seen: rig.hub.head }));
    assert.equal(last(rig.results("ana"))[3]?.code, "entity-deleted");
  });

  test("[H8] is asked of the write rule, with what the entity would be", () => {
    const asked: unknown[] = [];
    const write: CollectionRules["write"] = ({ user: name }, { operation, before, after }) => {
      asked.push([name, operation, before, after]);
      return name !== "ana" || operation === "create" || "not by you";
    };
    const rig = met("lasting", "delete", { rules: { lasting: { write } } });
    assert.deepEqual([last(rig.results("ana"))[1], last(rig.results("ana"))[3]?.message], ["rejected", "not by you"]);
    assert.deepEqual(last(asked as unknown[][]), ["ana", "update", null, { id: "e1", title: "new", done: false }]);
    assert.equal(rowOf(rig, "lasting", "e1"), null);
  });

  test("[H8] works over a restart, from what is buried on the disk", () => {
    const before = started("lasting");
    before.push("bob", remove(1, "e1", { collection: "lasting", seen: 1 }));
    const rig = new HubRig({ schema: deals, disk: before.disk });
    rig.open("ana", {}, { user: user("ana") });
    rig.push("ana", update(2, "e1", { done: true }, { collection: "lasting", seen: 1 }));
    assert.deepEqual(rowOf(rig, "lasting", "e1"), { title: "old", done: true });
  });
});

describe("onDelete: review", () => {
  test("[H18] a delete that meets an update: the entity stays, marked as a whole, until a person decides", () => {
    const rig = met("pinned", "update");
    assert.equal(told(rig, "bob").outcome, "in-review");
    assert.equal(rowOf(rig, "pinned", "e1")?.["title"], "new");
    const review = openReview(rig, "e1", null);
    assert.deepEqual([...marksOn(rig, "pinned", "e1")], [[WHOLE_ENTITY, review.id]]);
    assert.deepEqual(wishes(review), [
      ["ana", { title: "new" }],
      ["bob", null],
    ]);
    assert.match(review.reason, /a person decides whether it goes$/);
    assert.deepEqual([review.row["title"], review.policy, review.field], ["new", "review", null]);
  });

  test("[H18] an update that meets a delete: the entity stays gone until a person decides", () => {
    const rig = met("pinned", "delete");
    assert.equal(told(rig, "ana").outcome, "in-review");
    assert.equal(rowOf(rig, "pinned", "e1"), null);
    const review = openReview(rig, "e1", null);
    assert.deepEqual(wishes(review), [
      ["bob", null],
      ["ana", { title: "new" }],
    ]);
    assert.match(review.reason, /a person decides whether it comes back$/);
    assert.equal(review.row["title"], "old");
    const delta = last(rig.of("cyd", "delta"));
    assert.deepEqual(
      delta.changes.map(([kind, collection]) => [kind, collection]),
      [[0, REVIEWS]],
    );
  });

  test("[H20] the person's decision: it goes, or it stays, whichever was there first", () => {
    for (const first of ["update", "delete"] as const) {
      for (const [candidate, isThere] of [
        ["ana:2", true],
        ["bob:1", false],
      ] as const) {
        const rig = met("pinned", first);
        const { id } = openReview(rig, "e1", null);
        rig.push("cyd", decide(1, id, { candidate }, { seen: rig.hub.head }));
        assert.deepEqual(last(rig.results("cyd"))[1], "applied");
        const row = rowOf(rig, "pinned", "e1");
        assert.deepEqual(row, isThere ? { title: "new", amount: 0, [MARK]: null } : null);
        const { status, outcome } = reviewOf(rig, id);
        assert.deepEqual([status, outcome?.kind, outcome?.candidate], ["closed", "pick", candidate]);
        assert.equal(marksOn(rig, "pinned", "e1").size, 0);
        // The same afterwards as if there never had been a question.
        const seen = rig.hub.head;
        rig.push("ana", update(3, "e1", { title: "newer" }, { collection: "pinned", seen }));
        assert.equal(last(rig.results("ana"))[1], isThere ? "applied" : "rejected", `${first} ${candidate}`);
      }
    }
  });

  test("[H20] an entity cannot be edited into something else: one of the candidates is chosen", () => {
    for (const first of ["update", "delete"] as const) {
      const rig = met("pinned", first);
      rig.push("cyd", decide(1, openReview(rig, "e1", null).id, { value: { title: "x" } }, { seen: rig.hub.head }));
      assert.equal(last(rig.results("cyd"))[3]?.code, "invalid-value");
    }
  });

  test("[H19] more deletes and updates join, one of each device", () => {
    const gone = met("pinned", "delete");
    gone.push("cyd", update(1, "e1", { amount: 5 }, { collection: "pinned", seen: 1 }));
    gone.push("ana", update(3, "e1", { title: "newest" }, { collection: "pinned", seen: 1 }));
    assert.deepEqual(wishes(openReview(gone, "e1", null)), [
      ["bob", null],
      ["cyd", { amount: 5 }],
      ["ana", { title: "newest" }],
    ]);
    const there = met("pinned", "update");
    there.push("cyd", remove(1, "e1", { collection: "pinned", seen: there.hub.head }));
    assert.equal(last(there.results("cyd"))[1], "in-review");
    assert.deepEqual(wishes(openReview(there, "e1", null)), [
      ["ana", { title: "new" }],
      ["bob", null],
      ["cyd", null],
    ]);
    assert.notEqual(rowOf(there, "pinned", "e1"), null);
  });

  test("[H19] an entity that waits as a whole takes updates: it is only its end that is asked about", () => {
    const rig = met("pinned", "update");
    rig.push("cyd", update(1, "e1", { amount: 5 }, { collection: "pinned", seen: rig.hub.head }));
    assert.equal(last(rig.results("cyd"))[1], "applied");
    assert.equal(openReview(rig, "e1", null).row["amount"], 5);
    rig.push("cyd", decide(2, openReview(rig, "e1", null).id, { candidate: "ana:2" }, { seen: rig.hub.head }));
    assert.deepEqual(rowOf(rig, "pinned", "e1"), { title: "new", amount: 5, [MARK]: null });
  });

  test("[H20] a delete is not chosen over a change that who decides has not seen", () => {
    const rig = met("pinned", "update");
    const { id } = openReview(rig, "e1", null);
    const seen = rig.hub.head;
    rig.push("ana", update(3, "e1", { amount: 5 }, { collection: "pinned", seen }));
    rig.push("cyd", decide(1, id, { candidate: "bob:1" }, { seen }));
    assert.equal(last(rig.results("cyd"))[3]?.code, "review-changed");
    rig.push("cyd", decide(2, id, { candidate: "bob:1" }, { seen: rig.hub.head }));
    assert.equal(rowOf(rig, "pinned", "e1"), null);
    // All that the delete took away is in its record.
    const [decision] = last(eventsOf(rig).filter(({ collection }) => collection === "pinned")).decisions;
    assert.deepEqual([decision?.winner, decision?.current.value], ["incoming", { title: "new", amount: 5 }]);
  });

  test("[H20] what comes back is settled field by field against what it was", () => {
    const rig = started("pinned");
    const on = { collection: "pinned" };
    rig.push("cyd", update(1, "e1", { amount: 7 }, { ...on, seen: 1 }));
    rig.push("bob", remove(1, "e1", { ...on, seen: 2 }));
    rig.push("ana", update(2, "e1", { title: "new" }, { ...on, seen: 2 }));
    rig.push("cyd", decide(2, openReview(rig, "e1", null).id, { candidate: "ana:2" }, { seen: rig.hub.head }));
    assert.deepEqual(rowOf(rig, "pinned", "e1"), { title: "new", amount: 7, [MARK]: null });
    const change = last(rig.of("ana", "delta")).changes[0];
    assert.deepEqual([change?.[0], change?.[2]], [0, "e1"]);
  });

  test("[H20] the write rule is asked about what the decision does", () => {
    const write: CollectionRules["write"] = ({ user: name }, { operation }) =>
      name !== "cyd" || operation !== "delete" || "you delete nothing";
    const rig = met("pinned", "update", { rules: { pinned: { write } } });
    const { id } = openReview(rig, "e1", null);
    rig.push("cyd", decide(1, id, { candidate: "bob:1" }, { seen: rig.hub.head }));
    assert.equal(last(rig.results("cyd"))[3]?.message, "you delete nothing");
    assert.equal(reviewOf(rig, id).status, "open");
    rig.push("ana", decide(3, id, { candidate: "bob:1" }, { seen: rig.hub.head }));
    assert.equal(rowOf(rig, "pinned", "e1"), null);
  });

  test("[H8] one that is deleted by who had seen everything is gone, and stays gone", () => {
    const rig = started("pinned");
    rig.push("bob", remove(1, "e1", { collection: "pinned", seen: 1 }));
    assert.equal(last(rig.results("bob"))[1], "applied");
    rig.push("ana", update(2, "e1", { title: "new" }, { collection: "pinned", seen: 2 }));
    assert.equal(last(rig.results("ana"))[3]?.code, "entity-deleted");
    assert.equal(reviewsOf(rig).length, 0);
  });

  test("[H20] over a restart, from what the disk has of the tombstone and its mark", () => {
    const before = met("pinned", "delete");
    const { id } = openReview(before, "e1", null);
    const rig = new HubRig({ schema: deals, disk: before.disk });
    rig.open("cyd", {}, { user: user("cyd") });
    rig.push("cyd", update(1, "e1", { amount: 5 }, { collection: "pinned", seen: 1 }));
    assert.equal(reviewOf(rig, id).candidates.length, 3);
    rig.push("cyd", decide(2, id, { candidate: "ana:2" }, { seen: rig.hub.head }));
    assert.deepEqual(rowOf(rig, "pinned", "e1"), { title: "new", amount: 0, [MARK]: null });
    assert.equal(rig.disk.readDecisions(tenant, { field: undefined, policy: "review" }, 10).length, 3);
  });
});
