import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { json } from "../protocol/messages.fuzz.ts";
import { canonicalJson, type JsonValue, jsonProblem, sameJson } from "./json.ts";

fc.configureGlobal({ seed: 4 });

describe("a value from outside", () => {
  for (const [what, value, problem] of [
    ["a scalar at no depth", 1, null],
    ["an empty list at no depth", [], "too-deep"],
    ["undefined", undefined, "not-json"],
    ["a function", () => 1, "not-json"],
    ["a symbol", Symbol("s"), "not-json"],
    ["a bigint", 1n, "not-json"],
    ["NaN", NaN, "not-finite"],
    ["infinity", -Infinity, "not-finite"],
    ["a lone surrogate", "a\ud800", "ill-formed-text"],
  ] as const) {
    test(`${what}: ${problem ?? "accepted"}`, () => assert.equal(jsonProblem(value, 0), problem));
  }

  test("is looked through to its leaves", () => {
    for (const [value, problem] of [
      [[[NaN]], "not-finite"],
      [{ a: { b: undefined } }, "not-json"],
      [{ "\udc00": 1 }, "ill-formed-text"],
      [JSON.parse('{"a":[{"__proto__":1}]}'), "forbidden-key"],
      [[new Date(0)], "not-json"],
      [[new Map()], "not-json"],
      [[Object.create({ inherited: 1 })], "not-json"],
      // oxlint-disable-next-line no-sparse-arrays -- a hole is what the test is about
      [[1, , 2], "not-json"],
      [Object.create(null), null],
      [{ constructor: 1, toString: "x" }, null],
    ] as const) {
      assert.equal(jsonProblem(value, 5), problem);
    }
  });

  test("may have as many levels as allowed and not one more, however deep it is", () => {
    const nested = (levels: number): unknown => {
      let value: unknown = 1;
      for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
      return value;
    };
    assert.equal(jsonProblem(nested(5), 5), null);
    assert.equal(jsonProblem(nested(6), 5), "too-deep");
    assert.equal(jsonProblem(nested(1_000_000), 32), "too-deep");
  });

  test("is accepted when it is JSON", () => {
    fc.assert(fc.property(json, (value) => assert.equal(jsonProblem(value, 10), null)));
  });
});

describe("canonical JSON", () => {
  test("is JSON of the same value", () => {
    fc.assert(fc.property(json, (value) => assert.deepEqual(JSON.parse(canonicalJson(value)), value)));
  });

  test("does not depend on the order of members", () => {
    const shuffled = (value: JsonValue): JsonValue => {
      if (Array.isArray(value)) return value.map(shuffled);
      if (value === null || typeof value !== "object") return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, member]) => [key, shuffled(member)]),
      );
    };
    fc.assert(fc.property(json, (value) => assert.equal(canonicalJson(shuffled(value)), canonicalJson(value))));
  });

  test("sorts by code unit, writes zero without sign, leaves out what is undefined", () => {
    assert.equal(
      canonicalJson({ "b": 1, "a": [-0, 1e21], "\uff5e": 1, "\u{1f600}": 2, "B": null }),
      '{"B":null,"a":[0,1e+21],"b":1,"😀":2,"～":1}',
    );
    assert.equal(canonicalJson({ a: undefined, b: 1 } as unknown as JsonValue), '{"b":1}');
  });

  test("is the same exactly for values that are the same", () => {
    fc.assert(
      fc.property(json, json, (left, right) => {
        assert.equal(sameJson(left, right), canonicalJson(left) === canonicalJson(right));
        assert.equal(sameJson(left, structuredClone(left)), true);
      }),
    );
    assert.equal(sameJson([1], { 0: 1 }), false);
    assert.equal(sameJson(null, false), false);
    assert.equal(sameJson("1", 1), false);
    assert.equal(sameJson({}, []), false);
  });
});
