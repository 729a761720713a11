import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  boolean,
  dictionary,
  integer,
  json,
  list,
  literal,
  nullable,
  object,
  oneWordOf,
  optional,
  parsed,
  type Shape,
  text,
  tuple,
  union,
} from "./shape.ts";

fc.configureGlobal({ seed: 13 });

type Ping = { readonly type: "ping"; readonly nonce: number };
type Note = { readonly type: "note"; readonly words?: readonly string[] | undefined };
const note: Shape<Note> = object<Note>({ type: literal("note"), words: optional(list(text(3), 2)) });
const message = union<Ping | Note>({ ping: object<Ping>({ type: literal("ping"), nonce: integer(0) }), note });
const pair = tuple<readonly [string, number, boolean?]>(text(3), integer(1, 5), optional(boolean));

describe("a shape says where and why a value does not have it", () => {
  const cases: ReadonlyArray<readonly [Shape<unknown>, unknown, string]> = [
    [literal("a"), "b", 'x must be "a"'],
    [oneWordOf(["a", "b"]), "toString", "x must be one of a, b"],
    [text(2), "abc", "x must have at most 2 characters"],
    [text(2), "\ud800", "x must be well-formed text"],
    [text(2), 1, "x must be text"],
    [integer(1, 5), 6, "x must be a whole number from 1 to 5"],
    [integer(1, 5), 1.5, "x must be a whole number from 1 to 5"],
    [integer(0), 2 ** 53, `x must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`],
    [boolean, 0, "x must be true or false"],
    [json, [NaN], "x must be plain JSON (not-finite)"],
    [nullable(boolean), undefined, "x must be true or false"],
    [parsed((value) => (value === "id" ? value : null), "an id"), "other", "x must be an id"],
    [list(boolean, 2), {}, "x must be a list"],
    [list(boolean, 2), [true, true, true], "x must have at most 2 items"],
    [list(list(boolean, 2), 2), [[], [true, 1]], "x[1][1] must be true or false"],
    [dictionary(boolean, 1), [], "x must be an object"],
    [dictionary(boolean, 1), { a: true, b: true }, "x must have at most 1 members"],
    [dictionary(boolean, 1), { a: 1 }, "x.a must be true or false"],
    [dictionary(json, 1), JSON.parse('{"__proto__":1}'), "x must not have a member called __proto__"],
    [dictionary(json, 1), { "\ud800": 1 }, "x must have members with well-formed names"],
    [pair, ["a"], "x must be a list of 2 to 3 items"],
    [pair, ["a", 1, true, 1], "x must be a list of 2 to 3 items"],
    [pair, ["a", 0], "x[1] must be a whole number from 1 to 5"],
    [pair, ["a", 1, null], "x[2] must be true or false"],
    [note, { type: "note", words: ["a", "long word"] }, "x.words[1] must have at most 3 characters"],
    [note, null, "x must be an object"],
    [note, JSON.parse('{"type":"note","__proto__":{}}'), "x must not have a member called __proto__"],
    [message, { type: "pang" }, "type must be one of ping, note"],
    [message, { type: "ping" }, `x.nonce must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`],
    [message, [], "x must be an object with a type"],
  ];
  for (const [shape, value, words] of cases) {
    test(words, () => assert.equal(shape.problem(value, "x"), words));
  }

  test("at the top, without a name for the whole", () => {
    assert.equal(message.problem(null, ""), "a message must be an object with a type");
    assert.equal(message.problem({ type: "note", words: 1 }, ""), "words must be a list");
  });
});

describe("a shape accepts", () => {
  test("members that it does not know, and optional ones that are missing", () => {
    for (const value of [{ type: "note" }, { type: "note", words: undefined }, { type: "note", more: { deep: [1] } }]) {
      assert.equal(message.problem(value, ""), null);
    }
    for (const value of [
      ["a", 1],
      ["a", 1, true],
      ["a", 1, undefined],
    ])
      assert.equal(pair.problem(value, ""), null);
  });

  test("only members of the object itself", () => {
    assert.notEqual(message.problem(Object.create({ type: "ping", nonce: 1 }), ""), null);
    const inherits = Object.assign(Object.create({ nonce: 1 }), { type: "ping" });
    assert.notEqual(message.problem(inherits, ""), null);
  });

  test("nothing by accident: anything at all is answered without a throw", () => {
    const shapes = [message, pair, note, dictionary(json, 3), list(nullable(text(5)), 3)];
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true }), (value) => {
        for (const shape of shapes) {
          const problem = shape.problem(value, "");
          assert.ok(problem === null || problem.length > 0);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("the JSON Schema of a shape", () => {
  test("says the same as its check", () => {
    assert.deepEqual(message.jsonSchema, {
      oneOf: [
        {
          type: "object",
          properties: {
            type: { const: "ping" },
            nonce: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
          },
          required: ["type", "nonce"],
        },
        {
          type: "object",
          properties: {
            type: { const: "note" },
            words: { type: "array", items: { type: "string", maxLength: 3 }, maxItems: 2 },
          },
          required: ["type"],
        },
      ],
      discriminator: { propertyName: "type" },
    });
    assert.deepEqual(pair.jsonSchema, {
      type: "array",
      prefixItems: [{ type: "string", maxLength: 3 }, { type: "integer", minimum: 1, maximum: 5 }, { type: "boolean" }],
      minItems: 2,
      maxItems: 3,
    });
    assert.deepEqual(nullable(dictionary(json, 2)).jsonSchema, {
      anyOf: [{ type: "object", additionalProperties: {}, maxProperties: 2 }, { type: "null" }],
    });
  });
});
