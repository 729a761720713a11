import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { JsonValue } from "../base/json.ts";
import type { EntityId } from "../ids.ts";
import { collection, defineSchema } from "../schema/schema.ts";
import { field } from "../schema/field.ts";
import type { FieldValues } from "./mutation.ts";
import { holdsReferences, mapReferences, referencesIn } from "./references.ts";

fc.configureGlobal({ seed: 31 });

const schema = defineSchema({
  version: 1,
  collections: {
    people: collection({}),
    tasks: collection({
      owner: field.reference("people").optional(),
      watchers: field.set(field.reference("people")),
      steps: field.list({ text: field.string().default(""), who: field.reference("people").optional() }),
      labels: field.set(field.string()),
      notes: field.list({ text: field.string() }),
      parent: field.string().default(""),
      extra: field.json().optional(),
    }),
  },
}).collections.get("tasks")!;
const { references } = schema;

function found(values: object): readonly string[] {
  return [...referencesIn(references, values as FieldValues)];
}
/** With `new-` in front of every id that is a reference. */
function renamed(values: object): FieldValues {
  return mapReferences(references, values as FieldValues, (id) => `new-${id}` as EntityId);
}

describe("the fields that can hold references", () => {
  test("are references, sets of them, and lists whose items have some", () => {
    assert.deepEqual(
      references.map(({ name }) => name),
      ["owner", "watchers", "steps"],
    );
    assert.equal(schema.fields.filter(holdsReferences).length, 3);
  });
});

/** What a mutation may write, the references in it, and what it is with others in their places. */
const written: ReadonlyArray<readonly [string, object, readonly string[], object]> = [
  ["a reference", { owner: "p1" }, ["p1"], { owner: "new-p1" }],
  ["no reference", { owner: null }, [], { owner: null }],
  ["a set", { watchers: ["p1", "p2"] }, ["p1", "p2"], { watchers: ["new-p1", "new-p2"] }],
  [
    "what a set gains and loses",
    { watchers: { add: ["p1"], remove: ["p2", "p3"] } },
    ["p1", "p2", "p3"],
    { watchers: { add: ["new-p1"], remove: ["new-p2", "new-p3"] } },
  ],
  [
    "a list",
    { steps: [{ id: "s1", text: "p9", who: "p1" }, { id: "s2" }, { id: "s3", who: null }] },
    ["p1"],
    { steps: [{ id: "s1", text: "p9", who: "new-p1" }, { id: "s2" }, { id: "s3", who: null }] },
  ],
  [
    "the steps of a list, whose ids and places are no references",
    {
      steps: {
        ops: [
          ["insert", "s1", "s0", { text: "p9", who: "p1" }],
          ["move", "s1", "s2"],
          ["edit", "s1", { who: "p2" }],
          ["remove", "s1"],
        ],
      },
    },
    ["p1", "p2"],
    {
      steps: {
        ops: [
          ["insert", "s1", "s0", { text: "p9", who: "new-p1" }],
          ["move", "s1", "s2"],
          ["edit", "s1", { who: "new-p2" }],
          ["remove", "s1"],
        ],
      },
    },
  ],
  [
    "ids elsewhere, which are only text",
    { parent: "p1", labels: ["p2"], notes: [{ id: "n1", text: "p3" }], extra: { owner: "p4" } },
    [],
    { parent: "p1", labels: ["p2"], notes: [{ id: "n1", text: "p3" }], extra: { owner: "p4" } },
  ],
  [
    "several at once, in the order of the fields",
    { steps: [{ id: "s1", who: "p3" }], watchers: ["p2"], owner: "p1" },
    ["p1", "p2", "p3"],
    { steps: [{ id: "s1", who: "new-p3" }], watchers: ["new-p2"], owner: "new-p1" },
  ],
];

describe("references in what is written", () => {
  for (const [what, values, ids, others] of written) {
    test(`are found in ${what}`, () => {
      assert.deepEqual(found(values), ids);
    });

    test(`are replaced in ${what}, and what was written is left as it is`, () => {
      const before = structuredClone(values);
      assert.deepEqual(renamed(values), others);
      assert.deepEqual(values, before);
    });
  }

  test("leave the same object behind when none is replaced", () => {
    for (const [, values] of written) {
      assert.equal(
        mapReferences(references, values as FieldValues, (id) => id),
        values,
      );
    }
  });

  test("leave the parts alone that have none", () => {
    const values = { owner: "p1", steps: [{ id: "s1", text: "x" }], extra: { a: 1 } };
    const next = renamed(values);
    assert.equal(next["steps"], values.steps);
    assert.equal(next["extra"], values.extra);
  });

  test("are looked at one field after the other: who stops early asks no more", () => {
    const [first] = referencesIn(references, { owner: "p1", watchers: ["p2"] });
    assert.equal(first, "p1");
  });
});

describe("values that nobody has checked", () => {
  const odd: readonly unknown[] = [
    5,
    true,
    "",
    "a b",
    "../x",
    "x".repeat(129),
    [],
    {},
    [[["p1"]]],
    { add: "p1", remove: 7 },
    { add: [["p1"], { id: "p1" }, 5, null] },
    { ops: "p1" },
    { ops: ["p1", 7, null, [], ["insert"], ["insert", "s1", null, ["p1"]], { who: "p1" }] },
    [null, 7, "p1", [{ who: "p1" }]],
    [{ who: { who: "p1" } }, { who: ["p1"] }],
    JSON.parse('{"__proto__":{"who":"p1"},"add":{"__proto__":1}}'),
  ];

  test("are never an error, and stay as they are where there is nothing to replace", () => {
    for (const value of odd) {
      for (const { name } of references) {
        const values = { [name]: value } as FieldValues;
        const ids = found(values);
        const next = renamed(values);
        if (ids.length === 0) assert.equal(next, values, JSON.stringify(value));
        assert.deepEqual(
          found(next),
          ids.map((id) => `new-${id}`),
        );
      }
    }
  });

  test("that are inherited are not looked at", () => {
    assert.deepEqual(found(Object.create({ owner: "p1" }) as object), []);
  });

  test("answer what is found with what is replaced, whatever they are", () => {
    let replaced = 0;
    const leaf = fc.oneof(fc.constantFrom<JsonValue>("p1", "p2", "tmp:d1:1"), fc.jsonValue({ maxDepth: 2 }) as never);
    const step = fc.tuple(fc.constantFrom("insert", "edit"), leaf, fc.record({ who: leaf, text: leaf }));
    const value: fc.Arbitrary<unknown> = fc.oneof(
      leaf,
      fc.array(leaf),
      fc.record({ add: fc.array(leaf), remove: leaf }, { requiredKeys: [] }),
      fc.array(fc.record({ id: leaf, who: leaf }, { requiredKeys: [] })),
      fc.record({ ops: fc.array(step) }),
    );
    fc.assert(
      fc.property(fc.record({ owner: value, watchers: value, steps: value }, { requiredKeys: [] }), (values) => {
        const before = JSON.stringify(values);
        const ids = found(values);
        assert.deepEqual(
          found(renamed(values)),
          ids.map((id) => `new-${id}`),
        );
        assert.equal(JSON.stringify(values), before);
        replaced += ids.length;
      }),
      { numRuns: 500 },
    );
    assert.ok(replaced > 300, `only ${replaced} references`);
  });
});
