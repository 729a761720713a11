import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seededRandom } from "@tidelock/core";
import fc from "fast-check";
import { positionBetween } from "./position.ts";

fc.configureGlobal({ seed: 7 });

function randomFrom(seed: number): () => number {
  const random = seededRandom(seed);
  return () => random.next();
}

describe("a position", () => {
  test("is between its neighbours, however often the same gap is split", () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.nat(), { minLength: 1, maxLength: 200 }), (seed, places) => {
        const random = randomFrom(seed);
        const positions: string[] = [];
        for (const place of places) {
          const index = place % (positions.length + 1);
          const [before, after] = [positions[index - 1] ?? null, positions[index] ?? null];
          const position = positionBetween(before, after, random);
          assert.ok(before === null || before < position, `${before} < ${position}`);
          assert.ok(after === null || position < after, `${position} < ${after}`);
          positions.splice(index, 0, position);
        }
      }),
    );
  });

  test("stays short when cards are added at one end", () => {
    for (const end of ["first", "last"]) {
      const random = randomFrom(1);
      let position = positionBetween(null, null, random);
      for (let count = 0; count < 1000; count++) {
        position = end === "last" ? positionBetween(position, null, random) : positionBetween(null, position, random);
      }
      assert.ok(position.length < 40, `${end}: ${position}`);
    }
  });

  test("differs when two people choose the same gap at once", () => {
    const chosen = new Set(Array.from({ length: 100 }, (_, seed) => positionBetween("A", "B", randomFrom(seed))));
    assert.ok(chosen.size > 90, `${chosen.size} of 100`);
  });

  test("comes after the first of two equal neighbours, and after any text", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        assert.equal(typeof positionBetween(before, after, randomFrom(3)), "string");
      }),
    );
    assert.ok(positionBetween("V", "V", randomFrom(3)) > "V");
    assert.ok(positionBetween("V", "V0", randomFrom(3)) > "V");
  });
});
