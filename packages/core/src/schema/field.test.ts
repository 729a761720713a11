import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { jsonProblem } from "../base/json.ts";
import { type AnyField, collection, defineSchema } from "./schema.ts";
import { field, fieldProblem, type FieldSchema, isFieldName } from "./field.ts";
import type { StandardSchema } from "./standard-schema.ts";

fc.configureGlobal({ seed: 12 });

function built(declared: AnyField): FieldSchema {
  const schema = defineSchema({ version: 1, collections: { c: collection({ f: declared }), other: collection({}) } });
  return schema.collections.get("c")!.byName.get("f")!;
}
function problem(declared: AnyField, value: unknown): string | null {
  return fieldProblem(built(declared), value);
}

/** What every kind of field takes and refuses. */
const kinds: ReadonlyArray<readonly [string, AnyField, readonly unknown[], readonly unknown[]]> = [
  ["string", field.string(), ["", "a", "😀", "\u0000", "__proto__"], ["a\ud800", 1, true, ["a"], {}]],
  ["number", field.number(), [0, -0, 1.5, 1e300, Number.MAX_SAFE_INTEGER], [NaN, Infinity, "1", true, 1n]],
  ["integer", field.integer(), [0, -5, Number.MAX_SAFE_INTEGER], [1.5, 2 ** 53, NaN, Infinity, "1", 1n]],
  ["boolean", field.boolean(), [true, false], [0, 1, "true"]],
  ["timestamp", field.timestamp(), [0, 1_772_366_400_000, -1], [1.5, "2026-03-01T12:00:00Z", new Date(0), NaN]],
  ["enum", field.enum(["todo", "done"]), ["todo", "done"], ["", "Todo", 0, ["todo"], "toString"]],
  [
    "reference",
    field.reference("other"),
    ["a", "tmp:d1:a", "018f3c2e-7b1a-7c3d-9e4f-0123456789ab"],
    ["", "a b", 1, "../x"],
  ],
  [
    "json",
    field.json(),
    [1, "a", [], {}, { a: [1, { b: null }] }],
    [undefined, NaN, [NaN], { a: () => 1 }, new Date(0), JSON.parse('{"__proto__":1}')],
  ],
];

describe("a field", () => {
  for (const [name, declared, accepted, refused] of kinds) {
    test(`${name} takes what it says and nothing else`, () => {
      for (const value of accepted) assert.equal(problem(declared, value), null, String(value));
      for (const value of [...refused, undefined])
        assert.equal(typeof problem(declared, value), "string", String(value));
    });

    test(`${name} takes null when it is optional, and only json takes it otherwise`, () => {
      assert.equal(problem(declared, null), name === "json" ? null : "must not be null");
      assert.equal(problem(declared.optional(), null), null);
      assert.equal(built(declared.optional()).default, null);
    });

    test(`${name} answers to anything, in words, and what it takes can be stored`, () => {
      const schema = built(declared);
      fc.assert(
        fc.property(
          fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
          (value) => {
            const words = fieldProblem(schema, value);
            if (words === null) assert.equal(jsonProblem(value, 32), null);
            else assert.match(words, /^(must|has) /);
          },
        ),
        { numRuns: 300 },
      );
    });
  }

  test("is made without changing the one it is made from", () => {
    const plain = field.string();
    const changed = plain.default("x").optional().policy("lww");
    assert.equal(built(plain).default, undefined);
    assert.equal(built(plain).optional, false);
    assert.deepEqual([built(changed).default, built(changed).optional], ["x", true]);
  });
});

describe("a validator of another library", () => {
  function validator(validate: StandardSchema<string>["~standard"]["validate"]): StandardSchema<string> {
    return { "~standard": { version: 1, vendor: "test", validate } };
  }
  const short = validator((value) =>
    (value as string).length <= 3
      ? { value: value as string }
      : { issues: [{ message: "is too long" }, { message: "really" }] },
  );

  test("is asked after the type has been checked, never for null", () => {
    const asked: unknown[] = [];
    const spy = validator((value) => {
      asked.push(value);
      return { value: "another" };
    });
    for (const value of ["a", 5, null, "b\ud800"]) problem(field.string().check(spy).optional(), value);
    assert.deepEqual(asked, ["a"]);
  });

  test("refuses with its own words", () => {
    assert.equal(problem(field.string().check(short), "abc"), null);
    assert.equal(problem(field.string().check(short), "abcd"), "is too long; really");
    assert.equal(
      problem(field.string().check(validator(() => ({ issues: [] }))), "a"),
      "is not accepted by its validator",
    );
  });

  test("that throws or waits refuses, and stops nothing", () => {
    const throwing = validator(() => {
      throw new Error("broken");
    });
    assert.equal(problem(field.string().check(throwing), "a"), "has a validator that threw an error");
    const waiting = validator(() => Promise.resolve({ value: "a" }));
    assert.match(problem(field.string().check(waiting), "a") ?? "", /asynchronous/);
  });
});

describe("the name of a field", () => {
  test("is a name that neither filters nor plain objects know", () => {
    for (const name of ["title", "eq", "in", "Id", "a.b", "_id".slice(1), "0"]) {
      assert.equal(isFieldName(name), name !== "id", name);
    }
    for (const name of [
      "id",
      "and",
      "or",
      "not",
      "__proto__",
      "_a",
      "",
      "a b",
      "x".repeat(65),
      ...Object.getOwnPropertyNames(Object.prototype),
    ]) {
      assert.equal(isFieldName(name), false, name);
    }
  });
});
