/** Reviews at the hub: how one opens, who joins it, and that it is decided once. Rules H16 and H18 to H20. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { change, MARK, MAX_CANDIDATES, REVIEWS } from "@tidelock/core";
import { deals } from "./deals.ts";
import { eventsOf, marksOn, openReview, reviewOf, reviewsOf, rowOf, wishes } from "./hub-log.ts";
import { call, create, decide, HubRig, plain, remove, type RigOptions, update } from "./hub-rig.ts";
import { device, entity, tenant, user } from "./names.ts";

const on = { collection: "deals" };

/** Three devices, of three users, and a deal of 1 that all have seen, at offset 1. */
function started(options: Partial<RigOptions> = {}): HubRig {
  const rig = new HubRig({ schema: deals, ...options });
  for (const name of ["ana", "bob", "cyd"]) {
    rig.open(name, {}, { user: user(name) });
    rig.subscribe(name, 1, "deals");
    rig.subscribe(name, 2, REVIEWS);
  }
  rig.push("ana", create(1, "d1", { amount: 1 }, on));
  return rig;
}

/** Ana has made it 10, and Bob, who had not seen that, 20: offsets 2, and 3 with the review at 4. */
function disputed(options: Partial<RigOptions> = {}): HubRig {
  const rig = started(options);
  rig.push("ana", update(2, "d1", { amount: 10 }, { ...on, seen: 1 }));
  rig.push("bob", update(1, "d1", { amount: 20 }, { ...on, seen: 1 }));
  return rig;
}

const last = <Item>(items: readonly Item[]): Item => items.at(-1)!;

describe("a conflict that nothing may decide", () => {
  test("[H18] is held in the transaction that opens its review and marks the entity", () => {
    const rig = disputed();
    const events = eventsOf(rig);
    assert.deepEqual(
      events
        .slice(2)
        .map(({ offset, kind, collection, device: by, remaining }) => [offset, kind, collection, by, remaining]),
      [
        [3, "updated", "deals", "bob", 1],
        [4, "created", REVIEWS, "bob", 0],
      ],
    );
    const [review] = reviewsOf(rig);
    assert.equal(rowOf(rig, "deals", "d1")?.["amount"], 10);
    assert.deepEqual(rowOf(rig, "deals", "d1")?.[MARK], { amount: review?.id });
  });

  test("[H18] is told to everyone at once: the entity's mark and the review in one delta", () => {
    const rig = disputed();
    for (const name of ["ana", "bob", "cyd"]) {
      const delta = last(rig.of(name, "delta"));
      const [review] = reviewsOf(rig);
      const columns = rig.disk.openTenant(tenant).columns.get("deals") ?? [];
      assert.deepEqual([delta.from, delta.to], [2, 4]);
      assert.deepEqual(
        delta.changes.map(([kind, collection, id]) => [kind, collection, id]),
        [
          [1, "deals", "d1"],
          [0, REVIEWS, review?.id],
        ],
      );
      assert.deepEqual(delta.changes[0]?.[4], [columns.indexOf(MARK), { amount: review?.id }]);
    }
  });

  test("[H18] tells its author that it waits, with both values and what they started from", () => {
    const rig = disputed();
    const [counter, outcome, offset, detail] = last(rig.results("bob"));
    const [conflict] = detail?.conflicts ?? [];
    assert.deepEqual([counter, outcome, offset], [1, "in-review", 3]);
    assert.deepEqual([conflict?.field, conflict?.winner, conflict?.value, conflict?.base], ["amount", "review", 10, 1]);
    assert.deepEqual([conflict?.current.value, conflict?.incoming.value], [10, 20]);
  });

  test("[H18] opens a review that says all that a person needs", () => {
    const rig = disputed();
    rig.now += 5;
    const review = openReview(rig, "d1", "amount");
    const { candidates, row, reason, ...rest } = review;
    assert.deepEqual(rest, {
      id: review.id,
      collection: "deals",
      entity: "d1",
      field: "amount",
      status: "open",
      policy: "review",
      policyVersion: 1,
      base: [1],
      assignee: null,
      note: null,
      due: null,
      onExpiry: "keep",
      openedAt: rig.now - 5,
      closedAt: null,
      outcome: null,
    });
    assert.match(reason, /a person decides/);
    assert.deepEqual([row["id"], row["amount"], Object.hasOwn(row, MARK)], ["d1", 10, false]);
    assert.deepEqual(
      candidates.map(({ id, user: by, offset, seen, value }) => [id, by, offset, seen, value]),
      [
        ["ana:2", "ana", 2, null, 10],
        ["bob:1", "bob", 3, 1, 20],
      ],
    );
  });

  test("[H18] opens one review for each field, and goes ahead with the others", () => {
    const rig = started();
    rig.push("ana", update(2, "d1", { amount: 10, price: 11, title: "ana's" }, { ...on, seen: 1 }));
    const wanted = { amount: 20, price: 21, title: "bob's", votes: change.increment() };
    rig.push("bob", update(1, "d1", { ...wanted, votes: { add: 1 } }, { ...on, seen: 1, at: 50 }));
    const row = rowOf(rig, "deals", "d1");
    assert.deepEqual([row?.["amount"], row?.["price"], row?.["title"], row?.["votes"]], [10, 11, "bob's", 1]);
    assert.deepEqual([...marksOn(rig, "deals", "d1").keys()], ["amount", "price"]);
    assert.equal(reviewsOf(rig).length, 2);
    assert.deepEqual(
      eventsOf(rig)
        .slice(2)
        .map(({ collection, remaining }) => [collection, remaining]),
      [
        ["deals", 2],
        [REVIEWS, 1],
        [REVIEWS, 0],
      ],
    );
  });

  test("[H18] has a review whose name follows from its mutation: the same history opens the same reviews", () => {
    assert.deepEqual(reviewsOf(disputed()), reviewsOf(disputed()));
    const [review] = reviewsOf(disputed());
    assert.match(review?.id ?? "", /^review:bob:1:/);
  });

  test("[H18] is whole with the rest of its transaction, or not at all", () => {
    const rig = started();
    rig.push("ana", update(2, "d1", { amount: 10 }, { ...on, seen: 1 }));
    rig.push("bob", update(1, "d1", { amount: 20 }, { ...on, seen: 1, remaining: 1 }), update(2, "none", {}, on));
    assert.deepEqual([reviewsOf(rig), rig.hub.head], [[], 2]);
    rig.push("bob", update(3, "d1", { amount: 20 }, { ...on, seen: 1, remaining: 1 }), create(4, "d2", {}, on));
    assert.deepEqual(
      eventsOf(rig)
        .slice(2)
        .map(({ collection, entity: id, remaining }) => [collection, id, remaining]),
      [
        ["deals", "d1", 2],
        [REVIEWS, openReview(rig, "d1", "amount").id, 1],
        ["deals", "d2", 0],
      ],
    );
  });
});

describe("what lost", () => {
  test("[H16] is in the event that brought it, with both sides, policy, version and reason", () => {
    const rig = started();
    rig.push(
      "ana",
      update(2, "d1", { title: "ana's", rank: "high", labels: { add: ["x"] } }, { ...on, seen: 1, at: 10 }),
    );
    rig.push("cyd", update(1, "d1", { labels: { remove: ["x"] } }, { ...on, seen: 1, at: 20 }));
    rig.push(
      "bob",
      update(1, "d1", { title: "bob's", rank: "low", labels: { add: ["x"] } }, { ...on, seen: 1, at: 15 }),
    );
    const event = last(eventsOf(rig));
    const records = event.decisions.map(({ field, policy, policyVersion, winner, value }) => [
      ...[field, policy, policyVersion, winner, value],
    ]);
    assert.deepEqual(records, [
      ["title", "lww", 1, "incoming", "bob's"],
      ["rank", "resolve/priority-order", 1, "current", "high"],
      ["labels", "set", 1, "current", null],
    ]);
    const [title, rank, labels] = event.decisions;
    assert.deepEqual([title?.current.value, title?.current.device, title?.current.user], ["ana's", "ana", "ana"]);
    assert.deepEqual([title?.incoming.value, title?.incoming.offset, title?.incoming.seen], ["bob's", 4, 1]);
    assert.deepEqual([labels?.current.device, labels?.incoming.device, labels?.incoming.user], ["cyd", "bob", "bob"]);
    assert.deepEqual([rank?.current.value, rank?.incoming.value, rank?.base], ["high", "low", "low"]);
    for (const { reason } of event.decisions) assert.match(reason, /\w+\W+\w+ \w+/);
  });

  test("[H16] is found again by entity, field, policy and winner", () => {
    const rig = disputed();
    rig.push("bob", update(2, "d1", { title: "b", rank: "high" }, { ...on, seen: 1 }));
    rig.push("cyd", update(1, "d1", { title: "c", rank: "normal" }, { ...on, seen: 1, at: 50 }));
    const found = (
      where: Parameters<typeof rig.disk.readDecisions>[1],
    ): readonly (readonly [number, string | null])[] =>
      rig.disk.readDecisions(tenant, where, 100).map(({ offset, field }) => [offset, field]);
    assert.deepEqual(found({ entity: entity("d1") }).length, 3);
    assert.deepEqual(found({ policy: "review" }), [[3, "amount"]]);
    assert.deepEqual(found({ winner: "current" }), [[7, "rank"]]);
    assert.deepEqual(found({ field: "title" }), [[7, "title"]]);
  });

  test("[H16] in a review is in the records of both its opening and its decision", () => {
    const rig = disputed();
    const review = openReview(rig, "d1", "amount");
    rig.push("cyd", decide(1, review.id, { candidate: "bob:1" }, { seen: 4 }));
    const [opened, decided] = eventsOf(rig).flatMap(({ decisions }) => decisions);
    assert.deepEqual([opened?.winner, opened?.incoming.value], ["review", 20]);
    assert.deepEqual([decided?.winner, decided?.value, decided?.current.value, decided?.base], ["incoming", 20, 10, 1]);
    assert.deepEqual([decided?.current.user, decided?.incoming.user], ["ana", "bob"]);
    assert.equal(decided?.reason, "cyd decided: for bob, of 2 values");
  });
});

describe("a field that waits for a review", () => {
  test("[H19] takes no write: a third device's joins the candidates, and so does one that had seen everything", () => {
    const rig = disputed();
    rig.push("cyd", update(1, "d1", { amount: 30 }, { ...on, seen: 1 }));
    assert.equal(last(rig.results("cyd"))[1], "in-review");
    rig.push("ana", update(3, "d1", { amount: 40 }, { ...on, seen: rig.hub.head }));
    assert.equal(last(rig.results("ana"))[1], "in-review");
    assert.equal(rowOf(rig, "deals", "d1")?.["amount"], 10);
    assert.equal(reviewsOf(rig).length, 1);
    assert.deepEqual(wishes(openReview(rig, "d1", "amount")), [
      ["ana", 10],
      ["bob", 20],
      ["cyd", 30],
      ["ana", 40],
    ]);
  });

  test("[H19] has one candidate of each device besides what it has: the device's last", () => {
    const rig = disputed();
    rig.push("bob", update(2, "d1", { amount: 21 }, { ...on, seen: 4 }));
    rig.push("cyd", update(1, "d1", { amount: 30 }, { ...on, seen: 4 }));
    rig.push("bob", update(3, "d1", { amount: 22, remaining: 1 } as never, { ...on, seen: 4 }));
    assert.equal(last(rig.results("bob"))[1], "rejected");
    rig.push(
      "bob",
      update(4, "d1", { amount: 22 }, { ...on, seen: 4, remaining: 1 }),
      update(5, "d1", { amount: 23 }, { ...on, seen: 4 }),
    );
    assert.deepEqual(wishes(openReview(rig, "d1", "amount")), [
      ["ana", 10],
      ["cyd", 30],
      ["bob", 23],
    ]);
    assert.equal(last(openReview(rig, "d1", "amount").candidates).id, "bob:5");
  });

  test("[H19] holds also a write of the value that it has, so that its author is heard", () => {
    const rig = disputed();
    rig.push("cyd", update(1, "d1", { amount: 10 }, { ...on, seen: 4 }));
    assert.deepEqual(wishes(openReview(rig, "d1", "amount")).length, 3);
  });

  test("[H19] holds the write of a mutator", () => {
    const rig = disputed();
    rig.push("cyd", call(1, "price", { deal: "d1", amount: 50 }, { seen: 4 }));
    assert.equal(last(rig.results("cyd"))[1], "in-review");
    assert.equal(rowOf(rig, "deals", "d1")?.["amount"], 10);
    assert.deepEqual(last(wishes(openReview(rig, "d1", "amount"))), ["cyd", 50]);
  });

  test("[H19] does not hold up the entity's other fields", () => {
    const rig = disputed();
    rig.push("cyd", update(1, "d1", { title: "new", amount: 30 }, { ...on, seen: 4 }));
    assert.equal(rowOf(rig, "deals", "d1")?.["title"], "new");
    rig.push("cyd", update(2, "d1", { title: "newer" }, { ...on, seen: 4 }));
    assert.equal(last(rig.results("cyd"))[1], "applied");
    assert.deepEqual([...marksOn(rig, "deals", "d1").keys()], ["amount"]);
  });

  test("[H19] keeps its reviews up with the entity: their row is what it is", () => {
    const rig = disputed();
    rig.push("cyd", update(1, "d1", { title: "new" }, { ...on, seen: 4 }));
    assert.equal(openReview(rig, "d1", "amount").row["title"], "new");
    assert.deepEqual(
      eventsOf(rig)
        .slice(-2)
        .map(({ collection, changed, remaining }) => [collection, changed, remaining]),
      [
        ["deals", ["title"], 1],
        [REVIEWS, ["row"], 0],
      ],
    );
  });

  test(`[H19] takes ${MAX_CANDIDATES} candidates; of those who come later only who is among them is heard`, () => {
    const rig = disputed();
    for (let number = 3; number <= MAX_CANDIDATES + 1; number++) {
      const more = { operation: "update", entity: entity("d1"), payload: { amount: number }, ...on };
      rig.reconcile({ device: device(`n${number}`), mutations: [plain("m", more)] });
    }
    assert.equal(openReview(rig, "d1", "amount").candidates.length, MAX_CANDIDATES);
    const codes = [...rig.answers.values()].flatMap((answer) => (answer.ok ? answer.body.rejected : []));
    assert.deepEqual(
      codes.map(({ code }) => code),
      ["review-full"],
    );
    rig.push("bob", update(2, "d1", { amount: 99 }, { ...on, seen: 4 }));
    assert.deepEqual(last(wishes(openReview(rig, "d1", "amount"))), ["bob", 99]);
  });

  test("[H19] is held back from a write rule that would refuse what its author wants", () => {
    const write = (_: unknown, { after }: { after: { readonly amount?: unknown } | null }): boolean | string =>
      Number(after?.amount) <= 20 || "too much";
    const rig = disputed({ rules: { deals: { write: write as never } } });
    rig.push("cyd", update(1, "d1", { amount: 30 }, { ...on, seen: 1 }));
    assert.deepEqual([last(rig.results("cyd"))[1], last(rig.results("cyd"))[3]?.message], ["rejected", "too much"]);
    assert.equal(openReview(rig, "d1", "amount").candidates.length, 2);
  });
});

describe("the decision of a review", () => {
  test("[H20] for a candidate writes the field, takes the mark away and closes the review, in one transaction", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    rig.now += 1000;
    rig.push("cyd", decide(1, id, { candidate: "bob:1" }, { seen: 4 }));
    assert.deepEqual(rig.results("cyd"), [[1, "applied", 5]]);
    assert.deepEqual([rowOf(rig, "deals", "d1")?.["amount"], rowOf(rig, "deals", "d1")?.[MARK]], [20, null]);
    const { status, closedAt, outcome, row } = reviewOf(rig, id);
    assert.deepEqual([status, closedAt, row["amount"]], ["closed", rig.now, 20]);
    assert.deepEqual(outcome, {
      ...{ kind: "pick", candidate: "bob:1", value: 20, user: "cyd", device: "cyd", time: rig.now },
    });
    assert.deepEqual(
      eventsOf(rig)
        .slice(4)
        .map(({ collection, changed, remaining }) => [collection, changed, remaining]),
      [
        ["deals", ["amount", MARK], 1],
        [REVIEWS, ["status", "closedAt", "outcome", "row"], 0],
      ],
    );
    for (const name of ["ana", "bob", "cyd"]) assert.deepEqual([last(rig.of(name, "delta")).to], [6]);
  });

  test("[H20] for what the field has leaves it so, and says so", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    rig.push("bob", decide(2, id, { candidate: "ana:2" }, { seen: 4 }));
    assert.deepEqual([rowOf(rig, "deals", "d1")?.["amount"], rowOf(rig, "deals", "d1")?.[MARK]], [10, null]);
    const [decision] = last(eventsOf(rig).filter(({ collection }) => collection === "deals")).decisions;
    assert.deepEqual([decision?.winner, decision?.reason], ["current", "bob decided: that it stays, of 2 values"]);
  });

  test("[H20] for another value writes that", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    rig.push("ana", decide(3, id, { value: 15 }, { seen: 4 }));
    assert.equal(rowOf(rig, "deals", "d1")?.["amount"], 15);
    const { outcome } = reviewOf(rig, id);
    assert.deepEqual([outcome?.kind, outcome?.candidate, outcome?.value], ["edit", null, 15]);
    const [decision] = last(eventsOf(rig).filter(({ collection }) => collection === "deals")).decisions;
    assert.deepEqual([decision?.winner, decision?.value, decision?.incoming.device], ["merged", 15, "ana"]);
  });

  test("[H20] leaves the other reviews of the entity open, and up to date", () => {
    const rig = started();
    rig.push("ana", update(2, "d1", { amount: 10, price: 11 }, { ...on, seen: 1 }));
    rig.push("bob", update(1, "d1", { amount: 20, price: 21 }, { ...on, seen: 1 }));
    rig.push("cyd", decide(1, openReview(rig, "d1", "amount").id, { candidate: "bob:1" }, { seen: rig.hub.head }));
    assert.deepEqual([...marksOn(rig, "deals", "d1").keys()], ["price"]);
    assert.equal(openReview(rig, "d1", "price").row["amount"], 20);
    rig.push("cyd", decide(2, openReview(rig, "d1", "price").id, { candidate: "ana:2" }, { seen: rig.hub.head }));
    assert.equal(rowOf(rig, "deals", "d1")?.[MARK], null);
  });

  test("[H20] is made once: the second to decide is refused, and told what was decided", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    rig.push("ana", decide(3, id, { candidate: "ana:2" }, { seen: 4 }));
    rig.push("bob", decide(2, id, { candidate: "bob:1" }, { seen: 4 }));
    const [, outcome, , detail] = last(rig.results("bob"));
    assert.deepEqual([outcome, detail?.code], ["rejected", "review-closed"]);
    assert.equal(detail?.message, "ana has decided already: the field has 10");
    assert.equal(rowOf(rig, "deals", "d1")?.["amount"], 10);
    assert.equal(reviewOf(rig, id).outcome?.user, "ana");
  });

  test("[H20] of two that are under way at the same time is the first", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    rig.holds = (asked) => asked.type === "append";
    rig.push("ana", decide(3, id, { value: 15 }, { seen: 4 }));
    rig.push("bob", decide(2, id, { value: 16 }, { seen: 4 }));
    rig.releaseAll();
    assert.deepEqual([rig.results("ana").at(-1)?.[1], rig.results("bob").at(-1)?.[1]], ["applied", "rejected"]);
    assert.equal(rowOf(rig, "deals", "d1")?.["amount"], 15);
  });

  test("[H20] is nobody's who has not seen every candidate, and whose was not seen is said", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    rig.push("cyd", update(1, "d1", { amount: 30 }, { ...on, seen: 4 }));
    rig.push("ana", decide(3, id, { candidate: "bob:1" }, { seen: 4 }));
    const [, outcome, , detail] = last(rig.results("ana"));
    assert.deepEqual([outcome, detail?.code], ["rejected", "review-changed"]);
    assert.equal(detail?.message, "cyd put forward another value meanwhile");
    assert.equal(reviewOf(rig, id).status, "open");
    rig.push("ana", decide(4, id, { candidate: "bob:1" }, { seen: rig.hub.head }));
    assert.deepEqual([last(rig.results("ana"))[1], rowOf(rig, "deals", "d1")?.["amount"]], ["applied", 20]);
  });

  test("[H20] may be its own last candidate's, which it has seen before the log has it", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    rig.push(
      "cyd",
      update(1, "d1", { amount: 30 }, { ...on, seen: 4 }),
      decide(2, id, { candidate: "cyd:1" }, { seen: 4 }),
    );
    assert.deepEqual(
      rig.results("cyd").map(([, outcome]) => outcome),
      ["in-review", "applied"],
    );
    assert.equal(rowOf(rig, "deals", "d1")?.["amount"], 30);
  });

  test("[H20] goes before every candidate, whatever the clock of who decides says", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    rig.push("cyd", decide(1, id, { candidate: "ana:2" }, { seen: 4, at: -1e9 }));
    // Had not seen the decision: another conflict, in which the decided value is what the field has.
    rig.push("bob", update(2, "d1", { amount: 25 }, { ...on, seen: 4 }));
    const again = openReview(rig, "d1", "amount");
    assert.notEqual(again.id, id);
    assert.deepEqual(wishes(again), [
      ["cyd", 10],
      ["bob", 25],
    ]);
    const stamps = reviewOf(rig, id).candidates.map(({ stamp }) => stamp);
    for (const stamp of stamps) assert.ok(again.candidates[0]!.stamp > stamp);
    // Who had seen it writes as ever.
    rig.push("ana", decide(3, again.id, { value: 26 }, { seen: rig.hub.head }));
    rig.push("ana", update(4, "d1", { amount: 27 }, { ...on, seen: rig.hub.head }));
    assert.deepEqual([last(rig.results("ana"))[1], rowOf(rig, "deals", "d1")?.["amount"]], ["applied", 27]);
  });

  test("[H20] is refused when it says nothing that could stand", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    const cases: ReadonlyArray<readonly [string, Parameters<typeof decide>[2], string]> = [
      [id, {}, "invalid-value"],
      [id, { candidate: "eve:1" }, "invalid-value"],
      [id, { candidate: { id: "bob:1" } }, "invalid-value"],
      [id, { candidate: "bob:1", value: 20 }, "invalid-value"],
      [id, { value: "twenty" }, "invalid-value"],
      [id, { value: null }, "invalid-value"],
      ["review:bob:1:9.9", { candidate: "bob:1" }, "entity-not-found"],
      ["d1", { candidate: "bob:1" }, "entity-not-found"],
    ];
    for (const [index, [review, fields, code]] of cases.entries()) {
      rig.push("cyd", decide(index + 1, review, fields, { seen: 4 }));
      const [, outcome, , detail] = last(rig.results("cyd"));
      assert.deepEqual([outcome, detail?.code], ["rejected", code], JSON.stringify(fields));
    }
    rig.push("cyd", decide(cases.length + 1, id, { candidate: "bob:1" }, { seen: 4, collection: "deals" }));
    assert.equal(last(rig.results("cyd"))[3]?.code, "entity-not-found");
    assert.equal(reviewOf(rig, id).status, "open");
  });

  test("[H20] of a reference takes a final id, and none that stands for nothing yet", () => {
    const rig = started();
    rig.push("ana", update(2, "d1", { buyer: "p1" }, { ...on, seen: 1 }));
    rig.push("bob", update(1, "d1", { buyer: "p2" }, { ...on, seen: 1 }));
    const { id } = openReview(rig, "d1", "buyer");
    rig.push("cyd", decide(1, id, { value: "tmp:cyd:1" }, { seen: 4 }));
    assert.equal(last(rig.results("cyd"))[3]?.code, "invalid-value");
    rig.push("cyd", decide(2, id, { value: null }, { seen: 4 }));
    assert.deepEqual([last(rig.results("cyd"))[1], rowOf(rig, "deals", "d1")?.["buyer"]], ["applied", null]);
  });

  test("[H20] may be part of a transaction, and is refused with it", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    rig.push(
      "cyd",
      decide(1, id, { candidate: "bob:1" }, { seen: 4, remaining: 1 }),
      update(2, "none", {}, { ...on, seen: 4 }),
    );
    assert.equal(reviewOf(rig, id).status, "open");
    rig.push(
      "cyd",
      decide(3, id, { candidate: "bob:1" }, { seen: 4, remaining: 1 }),
      update(4, "d1", { title: "settled" }, { ...on, seen: 4 }),
    );
    assert.equal(reviewOf(rig, id).status, "closed");
    assert.deepEqual([rowOf(rig, "deals", "d1")?.["title"], rowOf(rig, "deals", "d1")?.["amount"]], ["settled", 20]);
  });

  test("[H20] may come over plain HTTP, from somebody who says what he had seen", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    const decision = { operation: "decide", collection: REVIEWS, entity: entity(id), payload: { candidate: "bob:1" } };
    const blind = rig.reconcile({ mutations: [plain("m1", decision)] });
    const seeing = rig.reconcile({ mutations: [plain("m2", { ...decision, version: "epoch-1.4" })] });
    const late = rig.reconcile({ mutations: [plain("m3", { ...decision, version: "epoch-1.4" })] });
    const bodies = [blind, seeing, late].map((request) => {
      const answer = rig.answers.get(request);
      assert.ok(answer?.ok);
      return [answer.body.applied.map(({ outcome }) => outcome), answer.body.rejected.map(({ code }) => code)];
    });
    assert.deepEqual(bodies, [
      [[], ["review-changed"]],
      [["applied"], []],
      [[], ["review-closed"]],
    ]);
  });

  test("[H2] that is pushed again gets its first answer", () => {
    const rig = disputed();
    const { id } = openReview(rig, "d1", "amount");
    const decision = decide(1, id, { candidate: "bob:1" }, { seen: 4 });
    rig.push("cyd", decision);
    rig.push("cyd", decision);
    assert.deepEqual(
      rig.results("cyd").map(([, outcome, offset, detail]) => [outcome, offset, detail?.original]),
      [
        ["applied", 5, undefined],
        ["duplicate", 5, "applied"],
      ],
    );
  });

  test("[H20] needs the review and its entity, which are read from the disk when they are not in memory", () => {
    const before = disputed();
    const { id } = openReview(before, "d1", "amount");
    const rig = new HubRig({ schema: deals, disk: before.disk });
    rig.open("cyd", {}, { user: user("cyd") });
    rig.push("cyd", decide(1, id, { candidate: "bob:1" }, { seen: 4 }));
    assert.deepEqual([rig.results("cyd")[0]?.[1], rowOf(rig, "deals", "d1")?.["amount"]], ["applied", 20]);
    const another = new HubRig({ schema: deals, disk: disputed().disk });
    another.open("cyd", {}, { user: user("cyd") });
    another.push("cyd", update(1, "d1", { amount: 30 }, { ...on, seen: 1 }), remove(2, "d1", { ...on, seen: 4 }));
    assert.deepEqual(
      reviewsOf(another).map(({ status, candidates }) => [status, candidates.length]),
      [["closed", 3]],
    );
  });
});
