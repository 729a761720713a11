import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { jsonProblem } from "../base/json.ts";
import { change } from "../crdt/change.ts";
import { TidelockError } from "../errors.ts";
import { MAX_ELEMENTS } from "../limits.ts";
import { changeProblem } from "../mutation/apply.ts";
import { defineRule } from "../resolve/rule.ts";
import { greatest } from "../resolve/rules.ts";
import { type AnyField, collection, type CreateOf, defineSchema, type EntityOf, type UpdateOf } from "./schema.ts";
import {
  field,
  fieldProblem,
  type FieldSchema,
  isFieldName,
  isMerged,
  type Policy,
  policyName,
  review,
} from "./field.ts";
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

/** Fields whose writes are merged: what a whole value of each may be. */
const merged: ReadonlyArray<readonly [string, AnyField, readonly unknown[], readonly unknown[]]> = [
  [
    "set",
    field.set(field.enum(["home", "work"])),
    [[], ["home"], ["home", "work"]],
    [null, "home", {}, ["garden"], [5], [null], [["home"]], { add: ["home"] }],
  ],
  [
    "list",
    field.list({ text: field.string(), done: field.boolean().default(false) }),
    [[], [{ id: "i1" }], [{ id: "i1", text: "x", done: true }]],
    [null, {}, "x", [{}], [{ id: "a b" }], [{ id: "i1", text: 5 }], [{ id: "i1", colour: "red" }], [[]], ["i1"]],
  ],
  ["counter", field.counter(), [0, -5, Number.MAX_SAFE_INTEGER], [null, 1.5, NaN, 2 ** 53, "1", { add: 1 }]],
  ["gcounter", field.gcounter(), [0, 5], [null, 1.5, "1"]],
];

describe("a field that is merged by intent", () => {
  for (const [name, declared, accepted, refused] of merged) {
    test(`${name} takes what it says and nothing else`, () => {
      for (const value of accepted) assert.equal(problem(declared, value), null, JSON.stringify(value));
      for (const value of [...refused, undefined]) {
        assert.match(problem(declared, value) ?? "accepted", /^(must|has) /, JSON.stringify(value));
      }
    });

    test(`${name} need not be given, and is then empty`, () => {
      assert.deepEqual(built(declared).default, name === "set" || name === "list" ? [] : 0);
    });

    test(`${name} has the policy, the default and the checks of its kind, and no others`, () => {
      const others: ReadonlyArray<readonly [() => unknown, RegExp]> = [
        [() => declared.optional(), /cannot be optional/],
        [() => declared.default([]), /cannot be given a default/],
        [() => declared.policy("lww"), /cannot be given another policy/],
        [() => declared.policy(review()), /cannot be given another policy/],
        [() => declared.check({ "~standard": { version: 1, vendor: "t", validate: () => ({ value: 1 }) } }), /a check/],
      ];
      for (const [declare, reason] of others) refusedDeclaration(declare, reason);
      assert.equal(isMerged(built(declared)), true);
    });
  }

  test("is told apart from one whose values replace each other", () => {
    for (const [, declared] of kinds) assert.equal(isMerged(built(declared)), false);
  });

  test("set has elements that are text, numbers, moments, words or references", () => {
    const fine: readonly AnyField[] = [
      field.string(),
      field.number(),
      field.integer(),
      field.timestamp(),
      field.enum(["a"]),
      field.reference("other"),
    ];
    for (const element of fine) assert.equal(built(field.set(element as never)).element?.type, element.definition.type);
    const odd: readonly AnyField[] = [field.boolean(), field.json(), field.set(field.string()), field.counter()];
    for (const element of odd) refusedDeclaration(() => field.set(element as never), /a set of .* cannot be declared/);
  });

  test("set has a bias, which is to remove", () => {
    assert.deepEqual(built(field.set(field.string())).policy, { kind: "set", bias: "remove" });
    assert.deepEqual(built(field.set(field.string(), { bias: "add" })).policy, { kind: "set", bias: "add" });
  });

  test("set checks its elements as their field does", () => {
    const short = field.string().check({
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) => (String(value).length < 4 ? { value: "" } : { issues: [{ message: "is too long" }] }),
      },
    });
    assert.equal(problem(field.set(short), ["abc"]), null);
    assert.equal(problem(field.set(short), ["abc", "abcd"]), "has an element that is too long");
  });

  test("list has items whose properties have names, and are not merged themselves", () => {
    const declare = (property: string, of: AnyField): unknown => built(field.list({ [property]: of }));
    for (const name of ["id", "or", "a b", "toString", "tidelock.x"]) {
      refusedDeclaration(() => declare(name, field.string()), /items of c\.f cannot have a /);
    }
    for (const [, nested] of merged) refusedDeclaration(() => declare("p", nested), /c\.f has a .* in its items/);
    assert.deepEqual(
      built(field.list({ text: field.string() })).item.map(({ name, type }) => [name, type]),
      [["text", "string"]],
    );
  });

  test(`set and list have at most ${MAX_ELEMENTS} elements`, () => {
    const many = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
    assert.equal(problem(field.set(field.integer()), many(MAX_ELEMENTS)), null);
    assert.match(problem(field.set(field.integer()), many(MAX_ELEMENTS + 1)) ?? "", /at most 1000/);
    const items = (count: number): readonly object[] => many(count).map((index) => ({ id: `i${index}` }));
    assert.equal(problem(field.list({}), items(MAX_ELEMENTS)), null);
    assert.match(problem(field.list({}), items(MAX_ELEMENTS + 1)) ?? "", /at most 1000/);
  });

  test("answers to anything, in words", () => {
    const schemas = merged.map(([, declared]) => built(declared));
    fc.assert(
      fc.property(
        fc.constantFrom(...schemas),
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
        (schema, value) => {
          const words = fieldProblem(schema, value);
          if (words === null) assert.equal(jsonProblem(value, 32), null);
          else assert.match(words, /^(must|has) /);
        },
      ),
      { numRuns: 500 },
    );
  });
});

function refusedDeclaration(declare: () => unknown, reason: RegExp): void {
  assert.throws(declare, (error) => {
    assert.ok(error instanceof TidelockError);
    assert.equal(error.code, "schema-invalid");
    assert.match(error.detail, reason);
    return true;
  });
}

describe("the policy of a field", () => {
  const policyOf = (declared: AnyField): Policy => built(declared).policy;

  test("is lww when nothing is said", () => {
    assert.deepEqual(policyOf(field.string()), { kind: "lww" });
    assert.deepEqual(policyOf(field.string().policy(review()).policy("lww")), { kind: "lww" });
  });

  test("may be a review, with a time and what happens when it is up", () => {
    assert.deepEqual(review(), { kind: "review", dueAfterMs: null, onExpiry: "keep" });
    assert.deepEqual(policyOf(field.string().policy(review({ dueAfterMs: 1000, onExpiry: "latest" }))), {
      kind: "review",
      dueAfterMs: 1000,
      onExpiry: "latest",
    });
    for (const dueAfterMs of [0, -1, 1.5, NaN, Infinity]) {
      refusedDeclaration(() => review({ dueAfterMs }), /dueAfterMs must be a number of milliseconds/);
    }
  });

  test("may be a rule, and has its name in records", () => {
    const policy = policyOf(field.number().policy(greatest()));
    assert.equal(policy.kind, "resolve");
    assert.equal(policyName(policy), "resolve/greatest");
    assert.equal(policyName(review()), "review");
    assert.equal(policyName({ kind: "lww" }), "lww");
  });
});

describe("a change", () => {
  test("says what its author did, in the form of the wire", () => {
    assert.deepEqual(change.add("a", "b"), { add: ["a", "b"] });
    assert.deepEqual(change.remove(1), { remove: [1] });
    assert.deepEqual([change.increment(), change.increment(5)], [{ add: 1 }, { add: 5 }]);
    assert.deepEqual([change.decrement(), change.decrement(5)], [{ add: -1 }, { add: -5 }]);
    assert.deepEqual(change.insertItem({ id: "i1", text: "x" }, null), {
      ops: [["insert", "i1", null, { text: "x" }]],
    });
    assert.deepEqual(change.moveItem("i1", "i2"), { ops: [["move", "i1", "i2"]] });
    assert.deepEqual(change.editItem("i1", { text: "y" }), { ops: [["edit", "i1", { text: "y" }]] });
    assert.deepEqual(change.removeItem("i1"), { ops: [["remove", "i1"]] });
    assert.deepEqual(change.all(change.removeItem("i1"), change.moveItem("i2", null)), {
      ops: [
        ["remove", "i1"],
        ["move", "i2", null],
      ],
    });
  });

  test("of every kind fits its field, and no field of another kind", () => {
    const [labels, steps, votes] = [
      field.set(field.string()),
      field.list({ text: field.string() }),
      field.counter(),
    ].map((declared) => built(declared));
    const changes: ReadonlyArray<readonly [unknown, FieldSchema | undefined]> = [
      [change.add("a"), labels],
      [change.remove("a"), labels],
      [change.increment(), votes],
      [change.decrement(2), votes],
      [change.insertItem({ id: "i1", text: "x" }, null), steps],
      [change.moveItem("i1", null), steps],
      [change.editItem("i1", { text: "y" }), steps],
      [change.removeItem("i1"), steps],
    ];
    for (const [one, its] of changes) {
      for (const schema of [labels, steps, votes]) {
        assert.equal(changeProblem(schema!, one) === null, schema === its, JSON.stringify(one));
      }
    }
  });
});

// ── types ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const typed = defineSchema({
  version: 1,
  collections: {
    people: collection({}),
    tasks: collection({
      labels: field.set(field.enum(["home", "work"])),
      sizes: field.set(field.integer()),
      watchers: field.set(field.reference("people")),
      steps: field.list({ text: field.string(), done: field.boolean().default(false) }),
      votes: field.counter(),
      used: field.gcounter(),
      points: field.number().optional(),
    }),
  },
});
type Task = EntityOf<typeof typed, "tasks">;
type Create = CreateOf<typeof typed, "tasks">;
type Update = UpdateOf<typeof typed, "tasks">;

type Same<Left, Right> =
  (<Value>() => Value extends Left ? 1 : 2) extends <Value>() => Value extends Right ? 1 : 2 ? true : false;
function isTrue<Answer extends true>(answer: Answer): void {
  assert.equal(answer, true);
}

/** Never called, only compiled: every mistake must be refused before anything runs. */
export const refusedTypes = (): readonly unknown[] => [
  // @ts-expect-error -- not one of the words
  { labels: ["garden"] } satisfies Update,
  // @ts-expect-error -- not one of the words
  { labels: change.add("garden") } satisfies Update,
  // @ts-expect-error -- sizes are numbers
  { sizes: change.add("1") } satisfies Update,
  // @ts-expect-error -- a counter takes what is added
  { votes: 5 } satisfies Update,
  // @ts-expect-error -- that is a set's change
  { votes: change.add(5) } satisfies Update,
  // @ts-expect-error -- a list is no set
  { steps: change.add("s1") } satisfies Update,
  // @ts-expect-error -- an item has an id
  { steps: [{ text: "x", done: false }] } satisfies Update,
  // @ts-expect-error -- an item's id is text
  change.insertItem({ id: 5, text: "x" }, null),
  // @ts-expect-error -- a set is never null
  { labels: null } satisfies Create,
  // @ts-expect-error -- the elements of a set are declared by a field of text or numbers
  field.set(field.boolean()),
  // @ts-expect-error -- a rule for numbers cannot decide text
  field.string().policy(greatest()),
  // @ts-expect-error -- a rule for text cannot decide numbers
  field.number().policy(defineRule<string>({ name: "mine", version: 1, decide: () => "x" })),
];

describe("the types of fields that are merged", () => {
  test("are values to read, and values or changes to write", () => {
    isTrue<Same<Task["labels"], readonly ("home" | "work")[]>>(true);
    isTrue<Same<Task["sizes"], readonly number[]>>(true);
    isTrue<Same<Task["watchers"], readonly string[]>>(true);
    isTrue<Same<Task["votes"], number>>(true);
    isTrue<Same<Task["steps"][number]["done"], boolean>>(true);
    isTrue<Same<Task["steps"][number]["id"], string>>(true);
    const created: Create = { votes: 3, labels: ["home"] };
    const updates: readonly Update[] = [
      { labels: ["home"] },
      { labels: change.add("home"), sizes: change.remove(1, 2), watchers: change.add("p1") },
      { votes: change.decrement(), used: change.increment(2) },
      { steps: change.all(change.insertItem({ id: "s1", text: "x" }, null), change.removeItem("s2")) },
      { steps: [{ id: "s1", text: "x", done: true }] },
    ];
    assert.deepEqual([created.votes, updates.length], [3, 5]);
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
