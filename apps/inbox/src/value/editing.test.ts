import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { collection, defineSchema, type FieldSchema, field, type JsonValue } from "@tidelock/core";
import fc from "fast-check";
import { inputOf, isEditable, parseInput } from "./editing.ts";
import { prettyJson } from "./pretty-json.ts";

const schema = defineSchema({
  version: 1,
  collections: {
    boats: collection({
      text: field.string(),
      optional: field.string().optional(),
      number: field.number(),
      integer: field.integer(),
      flag: field.boolean(),
      time: field.timestamp(),
      word: field.enum(["one", "two"]),
      ref: field.reference("boats"),
      json: field.json(),
      tags: field.set(field.string()),
      steps: field.list({ text: field.string() }),
      trips: field.counter(),
    }),
  },
});
const of = (name: string): FieldSchema => schema.collections.get("boats")!.byName.get(name)!;
const parse = (name: string, text: string): JsonValue => {
  const parsed = parseInput(of(name), { text, isNothing: false });
  return parsed.kind === "value" ? parsed.value : `! ${parsed.problem}`;
};

describe("an input", () => {
  test("gives back the value that it was made from", () => {
    const now = Date.UTC(2026, 10, 22, 12, 30, 15, 250);
    for (const [name, value] of [
      ["text", "two\nlines "],
      ["text", ""],
      ["optional", null],
      ["number", -2.5],
      ["integer", 7],
      ["flag", true],
      ["flag", false],
      ["time", now],
      ["word", "two"],
      ["ref", "boat-1"],
      ["json", { a: [1, null, "x"] }],
      ["json", null],
    ] as const) {
      const parsed = parseInput(of(name), inputOf(of(name), value as JsonValue));
      assert.deepEqual(parsed, { kind: "value", value }, name);
    }
  });

  test("says why it cannot be sent", () => {
    for (const [name, text, problem] of [
      ["number", "", "Write a number."],
      ["number", "1e999", "It must be a finite number."],
      ["integer", "1.5", "It must be a whole number."],
      ["time", "", "Choose a date and a time."],
      ["word", "", "Choose one."],
      ["word", "three", "It must be one of one, two."],
      ["ref", "no id!", "It must be an entity id."],
      ["text", "\ud800", "It must be well-formed text without lone surrogates."],
    ] as const)
      assert.equal(parse(name, text), `! ${problem}`);
    assert.match(String(parse("json", "{")), /^! This is no JSON/);
    const nothing = parseInput(of("text"), { text: "x", isNothing: true });
    assert.deepEqual(nothing, { kind: "problem", problem: "It must not be null." });
  });

  test("takes a decimal comma", () => {
    assert.equal(parse("number", "24,50"), 24.5);
    assert.equal(parse("number", "1,234,5"), "! It must be a finite number.");
  });

  test("is there for whole values, not for those that are merged", () => {
    for (const name of ["text", "number", "integer", "flag", "time", "word", "ref", "json"])
      assert.ok(isEditable(of(name)));
    for (const name of ["tags", "steps", "trips"]) assert.ok(!isEditable(of(name)));
  });
});

describe("JSON for eyes", () => {
  test("has on one line what fits there", () => {
    assert.equal(
      prettyJson({ zones: ["A", "B"], size: { w: 1, h: 2 }, no: [], none: {} }),
      ["{", '  "zones": ["A", "B"],', '  "size": { "w": 1, "h": 2 },', '  "no": [],', '  "none": {}', "}"].join("\n"),
    );
    assert.equal(prettyJson([[1, 2], [3]]), "[[1, 2], [3]]");
    assert.equal(prettyJson("a\nb"), '"a\\nb"');
  });

  test("is the same JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.deepEqual(JSON.parse(prettyJson(value as JsonValue)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
