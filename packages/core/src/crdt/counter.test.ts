import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { JsonValue } from "../base/json.ts";
import { json } from "../protocol/messages.fuzz.ts";
import { changeCounter, type CounterChange, counterChangeProblem } from "./counter.ts";

fc.configureGlobal({ seed: 33 });

function sumOf(value: JsonValue, changes: readonly CounterChange[], grows = false): number {
  let sum = value;
  for (const change of changes) {
    const result = changeCounter(sum, change, grows);
    assert.ok("value" in result);
    sum = result.value;
  }
  return Number(sum);
}

describe("a counter", () => {
  test("is the sum of all contributions, in whatever order they arrive", () => {
    const contributions = fc.array(fc.integer().map((add) => ({ add })));
    fc.assert(
      fc.property(contributions, fc.infiniteStream(fc.nat()), (changes, picks) => {
        const left = [...changes];
        const shuffled = changes.map(() => left.splice(picks.next().value! % left.length, 1)[0]!);
        const sum = sumOf(10, changes);
        assert.equal(sumOf(10, shuffled), sum);
        assert.equal(
          sum,
          changes.reduce((total, { add }) => total + add, 10),
        );
      }),
    );
  });

  test("starts at zero where there was no number", () => {
    for (const value of [null, "7", [], {}, true]) assert.equal(sumOf(value, [{ add: 2 }]), 2);
    assert.equal(sumOf(null, [{ add: 0 }]), 0);
  });

  test("never leaves the range in which sums are exact", () => {
    const problem = "would leave the range of exact whole numbers";
    const most = Number.MAX_SAFE_INTEGER;
    assert.deepEqual(changeCounter(most, { add: 1 }, false), { problem });
    assert.deepEqual(changeCounter(-most, { add: -1 }, false), { problem });
    assert.deepEqual(changeCounter(most, { add: most }, false), { problem });
    assert.deepEqual(changeCounter(most - 1, { add: 1 }, false), { value: most });
    assert.deepEqual(changeCounter(-most, { add: most }, false), { value: 0 });
  });

  test("that only grows refuses to shrink", () => {
    assert.deepEqual(changeCounter(5, { add: -1 }, true), { problem: "must not shrink" });
    assert.deepEqual(changeCounter(5, { add: 0 }, true), { value: 5 });
    assert.equal(sumOf(0, [{ add: 1 }, { add: 2 }], true), 3);
  });
});

describe("a hostile change of a counter", () => {
  const refused: readonly unknown[] = [
    ...[null, undefined, 1, "1", true, [], [1], {}, { add: null }, { add: "1" }, { add: [1] }, { add: {} }],
    ...[{ add: 0.5 }, { add: NaN }, { add: Infinity }, { add: 2 ** 53 }, { add: 1, sub: 1 }, { sub: 1 }],
    JSON.parse('{"__proto__": 1}'),
    JSON.parse('{"add": 1, "__proto__": 1}'),
  ];
  for (const change of refused) {
    test(`is refused: ${JSON.stringify(change)}`, () => {
      assert.match(counterChangeProblem(change, false) ?? "accepted", /^must /);
    });
  }

  test("is told apart from a sound one without throwing", () => {
    let accepted = 0;
    const near = fc.oneof(
      json,
      json.map((add) => ({ add })),
      fc.integer().map((add) => ({ add })),
    );
    fc.assert(
      fc.property(near, fc.boolean(), (change, grows) => {
        if (counterChangeProblem(change, grows) !== null) return;
        accepted += 1;
        assert.ok("value" in changeCounter(0, change as CounterChange, grows));
      }),
      { numRuns: 1000 },
    );
    assert.ok(accepted > 200, `only ${accepted} accepted`);
  });
});
