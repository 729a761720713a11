import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { collection, defineSchema, field, type JsonValue, type Review } from "@tidelock/core";
import { sampleCandidate, sampleReview } from "../queue/review.fixture.ts";
import { bulkChoices, bulkSentence } from "./bulk.ts";
import { type Choice, decisionOf, effectOf, effectWords, undoOf } from "./choice.ts";

const schema = defineSchema({
  version: 1,
  collections: { fares: collection({ price: field.number(), text: field.string(), zone: field.enum(["north_pier"]) }) },
});
const pick = (review: Review, number: number): Choice => ({ kind: "pick", candidate: review.candidates[number - 1]! });
const edit = (value: JsonValue): Choice => ({ kind: "edit", value });
const words = (review: Review, choice: Choice): string =>
  effectWords(review, choice, {
    field: schema.collections.get("fares")?.byName.get(review.field ?? ""),
    title: "Day ticket",
    nameOf: (user) => user ?? "somebody",
  });

const gone = sampleReview({
  field: null,
  candidates: [sampleCandidate("noor", null), sampleCandidate("tomas", { a: 1 })],
});
const living = sampleReview({
  field: null,
  candidates: [sampleCandidate("tomas", { a: 1 }), sampleCandidate("noor", null)],
});

describe("a choice", () => {
  test("is sent as a candidate's id, or as a value", () => {
    const review = sampleReview();
    assert.deepEqual(decisionOf(pick(review, 2)), { candidate: "tomas-tablet:1" });
    assert.deepEqual(decisionOf(edit({ a: [1] })), { value: { a: [1] } });
  });

  test("keeps, changes, deletes or revives", () => {
    const review = sampleReview();
    assert.equal(effectOf(review, pick(review, 1)), "keep");
    assert.equal(effectOf(review, pick(review, 2)), "change");
    assert.equal(effectOf(review, edit(26)), "keep", "also where the same value is written again");
    assert.equal(effectOf(living, pick(living, 1)), "keep");
    assert.equal(effectOf(living, pick(living, 2)), "delete");
    assert.equal(effectOf(gone, pick(gone, 1)), "keep");
    assert.equal(effectOf(gone, pick(gone, 2)), "revive");
  });

  test("says what it would do, in words", () => {
    const review = sampleReview();
    assert.equal(words(review, pick(review, 1)), "Price stays 26");
    assert.equal(words(review, pick(review, 2)), "Price becomes 22.5");
    assert.equal(words(living, pick(living, 2)), "“Day ticket” is deleted");
    assert.equal(words(living, pick(living, 1)), "“Day ticket” stays, with what was changed");
    assert.equal(words(gone, pick(gone, 1)), "“Day ticket” stays deleted");
    assert.equal(words(gone, pick(gone, 2)), "“Day ticket” comes back, with what was changed");
    const text = (value: JsonValue): Review =>
      sampleReview({ field: "text", candidates: [sampleCandidate("noor", "old"), sampleCandidate("tomas", value)] });
    assert.equal(words(text("short"), pick(text("short"), 2)), "Text becomes “short”");
    assert.equal(words(text("long ".repeat(20)), pick(text("long ".repeat(20)), 2)), "Text becomes what tomas wrote");
    assert.equal(words(text("x"), edit("two\nlines")), "Text becomes what you wrote");
    assert.equal(words(text(""), pick(text(""), 2)), "Text becomes empty text");
    assert.equal(words(text(null), pick(text(null), 2)), "Text becomes nothing");
    const zone = sampleReview({
      field: "zone",
      candidates: [sampleCandidate("a", "x"), sampleCandidate("b", "north_pier")],
    });
    assert.equal(words(zone, pick(zone, 2)), "Zone becomes North pier");
  });

  test("can be taken back where something can be put back, and only there", () => {
    const review = sampleReview();
    assert.deepEqual(undoOf(review, pick(review, 2)), { kind: "write", field: "price", value: 26 });
    assert.equal(undoOf(review, pick(review, 1)), null, "nothing has changed");
    assert.deepEqual(undoOf(gone, pick(gone, 2)), { kind: "delete" });
    assert.equal(undoOf(living, pick(living, 2)), null, "deleted ids are not used again");
  });
});

describe("choices for many", () => {
  test("keep what stands, or take what was written last", () => {
    const review = sampleReview();
    assert.deepEqual(bulkChoices([review], "keep")[0]?.choice, pick(review, 1));
    assert.deepEqual(bulkChoices([review], "latest")[0]?.choice, pick(review, 2));
  });

  test("say beforehand what they would do, and warn of what is for good", () => {
    const plain = bulkSentence(bulkChoices([sampleReview(), sampleReview()], "latest"), "latest");
    assert.deepEqual([plain.title, plain.isDangerous], ["Take the latest value in 2 reviews?", false]);
    assert.match(plain.text, /^2 take the latest value\./);
    const latest = { ...living, candidates: [living.candidates[0]!, sampleCandidate("noor", null, { offset: 99 })] };
    const dangerous = bulkSentence(bulkChoices([latest], "latest"), "latest");
    assert.ok(dangerous.isDangerous);
    assert.match(dangerous.text, /1 is deleted, which cannot be undone/);
  });
});
