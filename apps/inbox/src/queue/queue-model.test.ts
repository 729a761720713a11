import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { collection, defineSchema, field, type Review, review as byReview } from "@tidelock/core";
import { NOTHING_MARKED, markedTo, stillThere, toggled } from "./marking.ts";
import { sampleReview } from "./review.fixture.ts";
import { collectionCounts, EVERYTHING, grouped, inOrder, matches, urgencyOf } from "./queue-model.ts";

const HOUR_MS = 60 * 60 * 1000;
const NOON = new Date(2026, 10, 22, 12).getTime();
const schema = defineSchema({
  version: 1,
  collections: { fares: collection({ name: field.string(), price: field.number().policy(byReview()) }) },
});
const at = (id: string, changes: Partial<Review>): Review => sampleReview({ id, ...changes });
const ids = (reviews: readonly Review[]): string[] => reviews.map(({ id }) => id);

describe("the order of reviews", () => {
  test("is by the time that is left, then by age; those without a time come last", () => {
    const reviews = [
      at("a", { due: null, openedAt: 1 }),
      at("b", { due: NOON + 2, openedAt: 5 }),
      at("c", { due: NOON + 1, openedAt: 9 }),
      at("d", { due: NOON + 2, openedAt: 4 }),
      at("e", { due: null, openedAt: 0 }),
    ];
    assert.deepEqual(ids(inOrder(reviews)), ["c", "d", "b", "e", "a"]);
  });

  test("does not depend on the order that they come in", () => {
    const reviews = [at("b", {}), at("a", {}), at("c", {})];
    assert.deepEqual(ids(inOrder(reviews)), ids(inOrder(reviews.toReversed())));
  });
});

describe("groups", () => {
  test("are by urgency, of the days where the reader is", () => {
    const urgency = (due: number | null): string => urgencyOf({ due }, NOON);
    assert.equal(urgency(NOON), "overdue");
    assert.equal(urgency(NOON + 11 * HOUR_MS), "today");
    assert.equal(urgency(NOON + 13 * HOUR_MS), "week");
    assert.equal(urgency(NOON + 10 * 24 * HOUR_MS), "later");
    assert.equal(urgency(null), "never");
  });

  test("come in the order of their urgency, without empty ones", () => {
    const reviews = [at("a", { due: null }), at("b", { due: NOON - 1 }), at("c", { due: NOON + 1 })];
    const names = grouped(reviews, "due", NOON).map(({ name, reviews: members }) => [name, ...ids(members)]);
    assert.deepEqual(names, [
      ["Overdue", "b"],
      ["Due today", "c"],
      ["No time limit", "a"],
    ]);
  });

  test("can be by collection", () => {
    const reviews = [at("a", { collection: "tasks" }), at("b", { collection: "fareZones" })];
    assert.deepEqual(
      grouped(reviews, "collection", NOON).map(({ name }) => name),
      ["Fare zones", "Tasks"],
    );
    assert.deepEqual(collectionCounts([...reviews, at("c", { collection: "tasks" })]), [
      ["fareZones", 1],
      ["tasks", 2],
    ]);
  });
});

describe("a filter", () => {
  const lets = (changes: Partial<Review>, filter: Partial<typeof EVERYTHING>): boolean =>
    matches(at("a", changes), { ...EVERYTHING, ...filter }, "mira", schema);

  test("tells one's own from nobody's and others'", () => {
    for (const [assignee, expected] of [
      ["mira", [true, true, false]],
      ["noor", [true, false, false]],
      [null, [true, false, true]],
    ] as const) {
      assert.deepEqual(
        (["all", "mine", "nobody"] as const).map((assigned) => lets({ assignee }, { assigned })),
        expected,
      );
    }
  });

  test("finds words in titles, fields, values, names and notes, all of them", () => {
    const changes: Partial<Review> = { note: "Ask the harbour" };
    for (const words of ["day", "PRICE", "harbour noor", " 26  ticket ", "fares"])
      assert.ok(lets(changes, { words }), words);
    for (const words of ["night", "harbour night"]) assert.ok(!lets(changes, { words }), words);
  });

  test("can be of one collection", () => {
    assert.ok(lets({}, { collection: "fares" }));
    assert.ok(!lets({}, { collection: "tasks" }));
  });
});

describe("marking", () => {
  const order = ["a", "b", "c", "d", "e"];
  const marked = ({ ids: set }: typeof NOTHING_MARKED): string => order.filter((id) => set.has(id)).join("");

  test("goes one by one, and from the last one on", () => {
    const one = toggled(NOTHING_MARKED, "b");
    assert.equal(marked(one), "b");
    assert.equal(marked(markedTo(one, "d", order)), "bcd");
    assert.equal(marked(markedTo(toggled(one, "e"), "c", order)), "bcde", "backwards as well");
    assert.equal(marked(toggled(one, "b")), "");
  });

  test("takes the row alone where there is nothing to begin from", () => {
    assert.equal(marked(markedTo(NOTHING_MARKED, "c", order)), "c");
    assert.equal(marked(markedTo({ ids: new Set(), anchor: "gone" }, "c", order)), "c");
  });

  test("loses what is gone from the list", () => {
    const some = markedTo(toggled(NOTHING_MARKED, "b"), "d", order);
    assert.equal(stillThere(some, order), some);
    assert.equal(marked(stillThere(some, ["a", "c", "e"])), "c");
    assert.equal(stillThere(some, ["a", "c", "e"]).anchor, null);
  });
});
