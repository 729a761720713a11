import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { makeStamp } from "@tidelock/core";
import { sampleCandidate, sampleReview } from "../queue/review.fixture.ts";
import { comparedWith, contendersOf, expiryCandidate, isGone, latestOf } from "./contenders.ts";

describe("contenders", () => {
  test("say which one stands, which is mine, which is the latest", () => {
    const [first, second] = contendersOf(sampleReview(), "tomas");
    assert.deepEqual([first?.number, first?.stands, first?.isMine, first?.isLatest], [1, true, false, false]);
    assert.deepEqual([second?.number, second?.stands, second?.isMine, second?.isLatest], [2, false, true, true]);
    assert.equal(second?.time, 12_000);
  });

  test("say what their authors had not seen: what was in the log before, and not what came later", () => {
    const early = sampleCandidate("noor", 1, { offset: 10 });
    const middle = sampleCandidate("tomas", 2, { offset: 12, seen: 9 as never });
    const late = sampleCandidate("jonas", 3, { offset: 14, seen: 11 as never });
    const unseen = contendersOf({ candidates: [early, middle, late] }, "mira").map(
      (contender) => contender.unseen?.map(({ user }) => user) ?? null,
    );
    assert.deepEqual(unseen, [null, ["noor"], ["tomas"]]);
  });

  test("are compared with what they started from, or else with what stands", () => {
    assert.equal(comparedWith(sampleReview()), 24.5);
    assert.equal(comparedWith(sampleReview({ base: [] })), 26);
    assert.equal(comparedWith(sampleReview({ base: [null] })), null);
  });

  test("of equal stamps the greater device is the later, as the server has it", () => {
    const stamp = makeStamp(5, 0);
    const [a, b] = [sampleCandidate("a", 1, { stamp }), sampleCandidate("b", 2, { stamp })];
    assert.equal(latestOf([a, b]), b);
    assert.equal(latestOf([b, a]), b);
    assert.equal(expiryCandidate({ candidates: [a, b], onExpiry: "keep" }), a);
    assert.equal(expiryCandidate({ candidates: [a, b], onExpiry: "latest" }), b);
  });

  test("of a whole entity say whether it is gone", () => {
    const [deleted, changed] = [sampleCandidate("noor", null), sampleCandidate("tomas", { seats: 1 })];
    assert.ok(isGone(sampleReview({ field: null, candidates: [deleted, changed] })));
    assert.ok(!isGone(sampleReview({ field: null, candidates: [changed, deleted] })));
    assert.ok(!isGone(sampleReview({ candidates: [deleted] })), "a field without a value is not gone");
  });
});
