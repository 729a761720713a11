import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TidelockError } from "../errors.ts";
import { evolutionOf, introducedBy, legacyOf } from "./evolution.ts";
import { field } from "./field.ts";
import { type CollectionMigration, lens, migrations } from "./migration.ts";
import { collection, columnNames, defineSchema } from "./schema.ts";

const urgency = lens({
  from: { urgent: field.boolean().default(false) },
  to: { priority: field.integer() },
  up: ({ urgent }) => ({ priority: urgent ? 3 : 1 }),
  down: ({ priority }) => ({ urgent: priority >= 3 }),
});

const fields = {
  title: field.string(),
  priority: field.integer(),
  size: field.integer(),
  done: field.boolean().default(false),
};

const whole: CollectionMigration = {
  renamed: { title: "name" },
  removed: { color: field.string().default("") },
  changed: [urgency],
  added: { size: (task) => String(task["name"]).length },
};

const define = (migration: unknown, version = 2, declared = fields): ReturnType<typeof defineSchema> =>
  defineSchema({
    version,
    collections: { tasks: collection(declared) },
    migrations: migrations({ 2: { tasks: migration as CollectionMigration } }),
  });

describe("a migration", () => {
  test("says what the fields of the version before were, and what came of them", () => {
    const tasks = define(whole).collections.get("tasks")!;
    const { lastStep, steps, legacy } = evolutionOf(tasks);
    assert.equal(steps.length, 1);
    assert.deepEqual(
      lastStep?.before.map(({ name, type }) => [name, type]),
      [
        ["done", "boolean"],
        ["name", "string"],
        ["urgent", "boolean"],
        ["color", "string"],
      ],
    );
    assert.deepEqual(
      legacy.map(({ name }) => name),
      ["name", "urgent", "color"],
    );
    assert.deepEqual(
      introducedBy(lastStep!).map(({ name }) => name),
      ["title", "priority", "size"],
    );
    assert.deepEqual(legacyOf(lastStep!), legacy);
    assert.deepEqual(columnNames(tasks), ["title", "priority", "size", "done", "name", "urgent", "color"]);
  });

  test("leads through every version to the fields that there are", () => {
    const ranked = lens({
      from: { priority: field.integer() },
      to: { rank: field.enum(["low", "high"]) },
      up: ({ priority }) => ({ rank: priority > 1 ? "high" : "low" }),
      down: ({ rank }) => ({ priority: rank === "high" ? 3 : 1 }),
    });
    const { collections } = defineSchema({
      version: 4,
      collections: { tasks: collection({ label: field.string(), rank: field.enum(["low", "high"]) }) },
      migrations: migrations({
        2: { tasks: { renamed: { title: "name" }, changed: [urgency] } },
        4: { tasks: { renamed: { label: "title" }, changed: [ranked] } },
      }),
    });
    const { steps, lastStep, legacy } = evolutionOf(collections.get("tasks")!);
    assert.deepEqual(
      steps.map(({ version, before }) => [version, before.map(({ name }) => name)]),
      [
        [2, ["name", "urgent"]],
        [4, ["title", "priority"]],
      ],
    );
    assert.equal(lastStep, steps[1]);
    assert.deepEqual(
      legacy.map(({ name }) => name),
      ["title", "priority"],
    );
  });

  test("leaves nothing behind once a further version is there in which nothing became of the fields", () => {
    const tasks = define(whole, 3).collections.get("tasks")!;
    const { lastStep, legacy, steps } = evolutionOf(tasks);
    assert.deepEqual([lastStep, legacy, steps.length], [null, [], 1]);
    assert.deepEqual(columnNames(tasks), ["title", "priority", "size", "done"]);
  });

  test("is part of the schema's hash; a schema without any has the hash that it always had", () => {
    const plain = defineSchema({ version: 2, collections: { tasks: collection(fields) } });
    const empty = defineSchema({
      version: 2,
      collections: { tasks: collection(fields) },
      migrations: migrations({ 2: { tasks: {} } }),
    });
    assert.equal(empty.hash, plain.hash);
    assert.notEqual(define(whole).hash, plain.hash);
    assert.notEqual(define({ renamed: { title: "name" } }).hash, define({ renamed: { title: "label" } }).hash);
  });

  test("is typed by the fields of its lens", () => {
    lens({
      from: { a: field.string() },
      to: { b: field.integer() },
      // @ts-expect-error -- a number is wanted
      up: ({ a }) => ({ b: a }),
      // @ts-expect-error -- there is no c
      down: ({ c }) => ({ a: String(c) }),
    });
    const collections = { tasks: collection(fields) };
    // @ts-expect-error -- no such collection
    assert.throws(() => defineSchema({ version: 2, collections, migrations: migrations({ 2: { gone: {} } }) }));
  });
});

describe("a migration is refused with schema-invalid when", () => {
  const text = field.string();
  const step = { from: { old: text }, to: { title: text }, up: () => ({}), down: () => ({}) };
  for (const [what, declare, reason] of [
    [
      "it leads to a version that is not there yet",
      () => defineAt(3),
      /migration to version 3; migrations lead to versions from 2 to 2/,
    ],
    ["it leads to the first version", () => defineAt(1), /migration to version 1/],
    ["its version is no number", () => defineAt("x" as unknown as number), /migration to version x/],
    [
      "its collection is not declared",
      () => defineFor("notes"),
      /migrates notes, which is not declared; a collection keeps its name/,
    ],
    [
      "it knows another word",
      () => define({ dropped: {} }),
      /knows renamed, removed, changed and added, not "dropped"/,
    ],
    [
      "it renames to a field that is not there",
      () => define({ renamed: { label: "name" } }),
      /speaks of label, which version 2 does not have/,
    ],
    ["an old name cannot be one", () => define({ renamed: { title: "or" } }), /says that title was called "or"/],
    [
      "an old name is taken by a field that there is",
      () => define({ renamed: { title: "done" } }),
      /tasks\.done was another field before version 2; a name has one meaning/,
    ],
    [
      "two fields have one old name",
      () => define({ renamed: { title: "name" }, removed: { name: text.default("") } }),
      /tasks\.name was another field before version 2/,
    ],
    [
      "a new field comes from two",
      () => define({ renamed: { title: "name" }, changed: [{ ...step }] }),
      /says twice where title comes from/,
    ],
    [
      "a removed field has no default",
      () => define({ removed: { color: text } }),
      /removes color, which has no default/,
    ],
    [
      "a removed field's default does not fit",
      () => define({ removed: { n: field.integer().default(0.5) } }),
      /default of tasks\.n must be a whole number/,
    ],
    [
      "a lens has no way down",
      () => define({ changed: [{ ...step, down: undefined }] }),
      /has a lens of old that has no `down`/,
    ],
    [
      "a lens has no way up",
      () => define({ changed: [{ ...step, up: undefined }] }),
      /has a lens of old that has no `up`/,
    ],
    [
      "a lens comes from nothing",
      () => define({ changed: [{ ...step, from: {} }] }),
      /without old or without new fields/,
    ],
    [
      "a lens keeps a name",
      () => define({ changed: [{ ...step, from: { title: text } }] }),
      /tasks\.title was another field before version 2/,
    ],
    [
      "a lens leads to another type than the field has",
      () => define({ changed: [{ ...step, to: { title: field.integer() } }] }),
      /a lens to title as another field/,
    ],
    [
      "a lens changes what is merged by intent",
      () => define({ changed: [{ ...step, from: { old: field.counter() } }] }),
      /changes old, a counter/,
    ],
    [
      "a new field has neither a default nor a way up",
      () => define({ added: { size: undefined } }),
      /adds size without saying which value it has/,
    ],
    [
      "a new field is merged by intent",
      () => define({ added: { tags: () => [] } }, 2, { ...fields, tags: field.set(text) } as never),
      /adds tags, a set/,
    ],
    ["a name of an older version comes back", () => defineTwice(), /tasks\.name was another field before version 2/],
  ] as ReadonlyArray<readonly [string, () => unknown, RegExp]>) {
    test(what, () => {
      assert.throws(declare, (error) => {
        assert.ok(error instanceof TidelockError);
        assert.equal(error.code, "schema-invalid");
        assert.match(error.detail, reason);
        return true;
      });
    });
  }

  function defineAt(version: number): unknown {
    return defineSchema({
      version: 2,
      collections: { tasks: collection(fields) },
      migrations: migrations({ [version]: {} }),
    });
  }
  function defineFor(name: string): unknown {
    return defineSchema({
      version: 2,
      collections: { tasks: collection(fields) },
      migrations: migrations({ 2: { [name as "tasks"]: {} } }),
    });
  }
  function defineTwice(): unknown {
    return defineSchema({
      version: 3,
      collections: { tasks: collection({ title: text, name: text.default("") }) },
      migrations: migrations({ 2: { tasks: { renamed: { title: "name" } } } }),
    });
  }
});
