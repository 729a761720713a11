import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { JsonValue } from "../base/json.ts";
import type { Filter } from "../filter/filter.ts";
import { type CollectionSchema, completeRow } from "./collection-schema.ts";
import { evolutionOf, type Step } from "./evolution.ts";
import { FieldRaiser, lower, lowerValues, raise, renameFilter, renames, servedCollections } from "./evolve.ts";
import { field } from "./field.ts";
import { lens, migrations } from "./migration.ts";
import { collection, defineSchema } from "./schema.ts";

const LEVELS = ["low", "middle", "high"] as const;

const schema = defineSchema({
  version: 3,
  collections: {
    tasks: collection({
      title: field.string(),
      level: field.enum(LEVELS),
      tags: field.set(field.string()),
      person: field.string().default(""),
      size: field.integer(),
      done: field.boolean().default(false),
    }),
  },
  migrations: migrations({
    2: {
      tasks: {
        renamed: { title: "name", tags: "labels" },
        changed: [
          lens({
            from: { urgent: field.boolean().default(false) },
            to: { priority: field.integer() },
            up: ({ urgent }) => ({ priority: urgent ? 3 : 1 }),
            down: ({ priority }) => ({ urgent: priority >= 3 }),
          }),
        ],
      },
    },
    3: {
      tasks: {
        removed: { color: field.string().default("grey") },
        changed: [
          lens({
            from: { priority: field.integer() },
            to: { level: field.enum(LEVELS) },
            up: ({ priority }) => ({ level: LEVELS[Math.min(2, Math.max(0, priority - 1))] ?? "low" }),
            down: ({ level }) => ({ priority: LEVELS.indexOf(level) + 1 }),
          }),
          lens({
            from: { given: field.string().default(""), family: field.string().default("") },
            to: { person: field.string().default("") },
            up({ given, family }) {
              if (family === "?") throw new Error("nobody is called so");
              return { person: `${given} ${family}` };
            },
            down: ({ person }) => ({ given: person.split(" ")[0] ?? "", family: person.split(" ")[1] ?? "" }),
          }),
        ],
        added: { size: (task) => String(task["title"]).length },
      },
    },
  }),
});
const tasks: CollectionSchema = schema.collections.get("tasks")!;
const [toSecond, toThird] = evolutionOf(tasks).steps as readonly [Step, Step];
const raiser = new FieldRaiser("tasks", toThird);
const word = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !/[ ?]/.test(text) && text.isWellFormed());

describe("a lens", () => {
  test("that claims so gives an old application back what it wrote", () => {
    const olds: ReadonlyArray<fc.Arbitrary<Record<string, JsonValue>>> = [
      fc.record({ urgent: fc.boolean() }),
      fc.record({ priority: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ given: word, family: word }),
    ];
    const lenses = [...toSecond.lenses, ...toThird.lenses].filter(({ isRename }) => !isRename);
    for (const [index, each] of lenses.entries()) {
      fc.assert(
        fc.property(olds[index]!, (old) => {
          const raised = raise(each, old);
          assert.ok("values" in raised);
          assert.deepEqual(lower(each, raised.values), { values: { ...old } });
        }),
      );
    }
  });

  test("of a renaming is the identity both ways, for every value", () => {
    for (const each of toSecond.lenses.filter(({ isRename }) => isRename)) {
      const [old, now] = [each.from[0]!.name, each.to[0]!.name];
      fc.assert(
        fc.property(fc.jsonValue(), (value) => {
          assert.deepEqual(raise(each, { [old]: value as JsonValue }), { values: { [now]: value } });
          assert.deepEqual(lower(each, { [now]: value as JsonValue }), { values: { [old]: value } });
        }),
      );
    }
  });

  test("is asked for all of its fields, and each must fit", () => {
    const of = (up: () => unknown): ReturnType<typeof raise> => raise({ ...toThird.lenses[0]!, up }, { priority: 1 });
    assert.deepEqual(
      of(() => ({ level: "high", more: 1 })),
      { values: { level: "high" } },
    );
    for (const [up, problem] of [
      [() => ({ level: "huge" }), /up of priority failed: level must be one of low, middle, high/],
      [() => ({}), /level is missing/],
      [() => null, /level is missing/],
      [() => Promise.resolve({ level: "low" }), /level is missing/],
      [
        () => {
          throw new Error("oh");
        },
        /up of priority threw: oh/,
      ],
    ] as const) {
      const made = of(up);
      assert.ok("problem" in made);
      assert.match(made.problem, problem);
    }
  });
});

describe("a row", () => {
  const columns = [
    "name",
    "labels",
    "urgent",
    "color",
    "given",
    "family",
    "title",
    "tags",
    "level",
    "person",
    "size",
    "done",
  ];

  test("of any older version has the values that follow from what it has", () => {
    const oldest = completeRow(["Water", ["a"], true, "red", "Ada", "Byron"], columns, tasks);
    assert.deepEqual(oldest.slice(6), ["Water", ["a"], "high", "Ada Byron", 5, false]);
    const second = ["title", "tags", "priority", "color", "given", "family", "level", "person", "size", "done"];
    assert.deepEqual(completeRow(["W", [], 2, "red", "", ""], second, tasks).slice(6), ["middle", " ", 1, false]);
  });

  test("keeps what it says itself, whatever would follow from older fields", () => {
    const values = ["Water", ["a"], true, "red", "Ada", "Byron", "Fire", ["b"], "low"];
    assert.deepEqual(completeRow(values, columns, tasks), [...values, "Ada Byron", 4, false]);
    assert.equal(completeRow(values, columns.slice(0, 9), tasks), values);
  });

  test("takes an old field that it does not have for its default", () => {
    assert.deepEqual(completeRow(["Water"], ["name", "title", "level"], tasks), ["Water", "Water", "low"]);
  });

  test("has a default, or nothing, where a migration fails, which is told", () => {
    const problems: string[] = [];
    const values = ["Water", [], true, "red", "Ada", "?"];
    const whole = completeRow(values, columns, tasks, (problem) => void problems.push(problem));
    assert.deepEqual(whole.slice(6), ["Water", [], "high", "", 5, false]);
    assert.deepEqual(problems, ["up of given, family threw: nobody is called so"]);
  });

  test("has the old fields as well, where a server needs them and it never had them", () => {
    const whole = completeRow(
      ["Water", "middle", "Ada Byron"],
      ["title", "level", "person", "priority", "given", "family", "color"],
      tasks,
    );
    assert.deepEqual(whole.slice(3), [2, "Ada", "Byron", "grey"]);
  });
});

describe("a mutation of the version before", () => {
  const entity = new Map<string, JsonValue>([
    ["title", "Water"],
    ["level", "middle"],
    ["priority", 2],
    ["person", "Ada Byron"],
    ["given", "Ada"],
    ["family", "Byron"],
  ]);

  test("writes what its fields became, and nothing else", () => {
    assert.deepEqual(raiser.raise("update", { title: "a", priority: 3 }, entity), {
      fields: { title: "a", level: "high" },
    });
    assert.deepEqual(raiser.raise("update", { color: "red" }, entity), { fields: { color: "red" } });
    assert.deepEqual(raiser.raise("delete", {}, entity), { fields: {} });
    assert.deepEqual(new FieldRaiser("tasks", toSecond).rename({ labels: { add: ["x"] }, done: true }), {
      tags: { add: ["x"] },
      done: true,
    });
  });

  test("is completed by what the entity has, and by defaults where there is none", () => {
    assert.deepEqual(raiser.raise("update", { family: "Lovelace" }, entity), { fields: { person: "Ada Lovelace" } });
    assert.deepEqual(raiser.raise("update", { family: "Lovelace" }, null), { fields: { person: " Lovelace" } });
    assert.equal(raiser.needsEntity("update", { family: "x" }), true);
    assert.equal(raiser.needsEntity("update", { title: "x" }), false);
    assert.equal(raiser.needsEntity("create", { family: "x" }), false);
  });

  test("that writes what there is already leaves the new fields as they are, though they say more", () => {
    const wide = new Map([...entity, ["person", "Ada Byron of London"]] as const);
    assert.deepEqual(raiser.raise("update", { given: "Ada", family: "Byron" }, wide), {
      fields: { person: "Ada Byron of London" },
    });
  });

  test("that creates gives every new field a value", () => {
    const raised = raiser.raise("create", { title: "Water", priority: 1, color: "red", given: "Ada" }, null);
    assert.deepEqual(raised, { fields: { title: "Water", color: "red", level: "low", person: "Ada ", size: 5 } });
  });

  test("that cannot be translated says why", () => {
    assert.deepEqual(raiser.raise("update", { family: "?" }, entity), {
      code: "migration-failed",
      message: "tasks from version 2 to 3: up of given, family threw: nobody is called so",
    });
    assert.deepEqual(raiser.raise("create", { title: "x" }, null), {
      code: "invalid-value",
      message: "tasks.priority must be given",
    });
    assert.deepEqual(raiser.raise("update", { priority: "high" }, entity), {
      code: "invalid-value",
      message: "tasks.priority must be a whole number",
    });
  });
});

describe("for the version before", () => {
  test("values go by the old names; what is not known of a pair is left out", () => {
    const values = { title: "a", level: "high", tags: ["x"], size: 1, done: true };
    assert.deepEqual(lowerValues(toThird, values), { title: "a", tags: ["x"], done: true, priority: 3 });
    assert.deepEqual(lowerValues(toSecond, { title: "a", priority: 3 }), { name: "a", urgent: true });
  });

  test("a server finds its fields, and takes those that were removed", () => {
    const served = servedCollections(schema.collections).get("tasks");
    assert.deepEqual(
      ["priority", "given", "family", "color"].map((name) => served?.byName.has(name)),
      [true, true, true, true],
    );
    assert.equal(served?.byName.has("urgent"), false);
    assert.equal(tasks.byName.has("priority"), false);
    assert.deepEqual(served?.fields, tasks.fields);
  });
});

test("filters are renamed all the way down", () => {
  const filter: Filter = { name: "a", or: [{ labels: null }, { not: { name: { ne: "b" } } }], and: [{ done: true }] };
  assert.deepEqual(renameFilter(filter, renames(toSecond, "up")), {
    title: "a",
    or: [{ tags: null }, { not: { title: { ne: "b" } } }],
    and: [{ done: true }],
  });
  assert.deepEqual(
    [...renames(toSecond, "down")],
    [
      ["title", "name"],
      ["tags", "labels"],
    ],
  );
});
