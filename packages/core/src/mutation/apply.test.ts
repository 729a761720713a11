import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { JsonValue } from "../base/json.ts";
import { change } from "../crdt/change.ts";
import { field } from "../schema/field.ts";
import { type AnyField, collection, defineSchema } from "../schema/schema.ts";
import { applyChange, applyMutation, changeProblem, type EntityValues } from "./apply.ts";
import type { FieldValues } from "./mutation.ts";

fc.configureGlobal({ seed: 32 });

const tasks = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string(),
      note: field.string().optional(),
      done: field.boolean().default(false),
      labels: field.set(field.enum(["home", "work", "urgent"])),
      steps: field.list({ text: field.string(), done: field.boolean().default(false) }),
      votes: field.counter(),
      used: field.gcounter(),
    }),
  },
}).collections.get("tasks")!;

function problem(name: string, value: unknown): string | null {
  return changeProblem(tasks.byName.get(name)!, value);
}
function applied(name: string, value: JsonValue, written: unknown): JsonValue {
  assert.equal(problem(name, written), null);
  return applyChange(tasks.byName.get(name)!, value, written as JsonValue);
}

describe("what can be written", () => {
  test("to a plain field is a value of it", () => {
    assert.equal(problem("title", "x"), null);
    assert.equal(problem("title", 5), "must be text");
    assert.equal(problem("title", null), "must not be null");
    assert.equal(problem("note", null), null);
  });

  test("to a set is a list of its elements, or what is added and removed", () => {
    for (const fine of [[], ["home"], {}, change.add("home", "work"), change.remove("home"), { add: [], remove: [] }]) {
      assert.equal(problem("labels", fine), null, JSON.stringify(fine));
    }
    for (const odd of [null, "home", 5, ["garden"], { add: "home" }, { ad: ["home"] }, change.add("garden")]) {
      assert.match(problem("labels", odd) ?? "", /^(must|has) /, JSON.stringify(odd));
    }
  });

  test("to a set is also the removal of what it once allowed", () => {
    assert.equal(problem("labels", { remove: ["garden"] }), null);
  });

  test("to a list is a list of whole items, or steps", () => {
    const fine = [
      [],
      [{ id: "s1", text: "x" }],
      change.insertItem({ id: "s1", text: "x", done: true }, null),
      change.moveItem("s1", "s2"),
      change.editItem("s1", { done: true }),
      change.removeItem("s1"),
      change.all(change.removeItem("s1"), change.moveItem("s2", null)),
    ];
    for (const each of fine) assert.equal(problem("steps", each), null, JSON.stringify(each));
    const odd = [
      null,
      {},
      "s1",
      [{ text: "no id" }],
      { ops: [["insert", "s1", null, { text: 5 }]] },
      { ops: [["edit", "s1", { colour: "red" }]] },
      { ops: [["fold", "s1"]] },
      { ops: [["move", "s1", "s1"]] },
    ];
    for (const each of odd) assert.match(problem("steps", each) ?? "", /^(must|has) /, JSON.stringify(each));
  });

  test("to a list is no item without what an item must have; an edit may leave it out", () => {
    const missing = "has an item without text";
    assert.equal(problem("steps", [{ id: "s1", done: true }]), missing);
    assert.equal(problem("steps", change.insertItem({ id: "s1", done: true }, null)), missing);
    assert.equal(problem("steps", change.editItem("s1", { done: true })), null);
  });

  test("to a counter is what is added; one that grows is never lowered", () => {
    for (const name of ["votes", "used"]) {
      assert.equal(problem(name, change.increment()), null);
      for (const odd of [null, 5, {}, { add: 1.5 }, { add: "1" }, { add: 1, more: 1 }, [1]]) {
        assert.match(problem(name, odd) ?? "", /^must /, JSON.stringify(odd));
      }
    }
    assert.equal(problem("votes", change.decrement(3)), null);
    assert.equal(problem("used", change.decrement(3)), "must not shrink");
  });

  test("is anything: nothing is an error, and what fits can be applied", () => {
    let fitted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...tasks.fields),
        fc.oneof(fc.anything({ withBigInt: true, withDate: true }), fc.constantFrom<unknown>([], {}, { add: 1 })),
        (schema, odd) => {
          const words = changeProblem(schema, odd);
          if (words === null) {
            fitted += 1;
            applyChange(schema, schema.default ?? null, odd as JsonValue);
          } else assert.match(words, /^(must|has) /);
        },
      ),
      { numRuns: 1000 },
    );
    assert.ok(fitted > 50, `only ${fitted} fitted`);
  });
});

describe("a field after a write", () => {
  test("has the value, or what the change makes of the one it had", () => {
    assert.equal(applied("title", "old", "new"), "new");
    assert.deepEqual(applied("labels", ["home"], change.add("work")), ["home", "work"]);
    assert.deepEqual(applied("labels", ["home", "work"], change.remove("home")), ["work"]);
    assert.deepEqual(applied("labels", ["home"], ["work"]), ["work"]);
    assert.equal(applied("votes", 5, change.decrement(7)), -2);
    const steps = applied("steps", [{ id: "s1", text: "x" }], change.insertItem({ id: "s2", text: "y" }, "s1"));
    assert.deepEqual(steps, [
      { id: "s1", text: "x" },
      { id: "s2", text: "y" },
    ]);
  });

  test("is built on nothing where there is no value of its kind", () => {
    for (const odd of [null, "x", {}]) {
      assert.deepEqual(applied("labels", odd, change.add("home")), ["home"]);
      assert.equal(applied("votes", odd, change.increment(2)), 2);
    }
  });
});

describe("an entity after a mutation", () => {
  const apply = (entity: EntityValues | null, operation: string, fields: FieldValues = {}): EntityValues | null =>
    applyMutation(tasks, "t1", entity, { operation, fields });
  const fresh = { id: "t1", title: "x", note: null, done: false, labels: [], steps: [], votes: 0, used: 0 };

  test("that creates it has its id, what was given and the defaults", () => {
    assert.deepEqual(apply(null, "create", { title: "x" }), fresh);
    const given = { title: "x", labels: ["work", "home"], votes: { add: 3 } };
    assert.deepEqual(apply(null, "create", given), { ...fresh, labels: ["home", "work"], votes: 3 });
  });

  test("that updates it has what was given, changed in place, and the rest as it was", () => {
    const entity: EntityValues = { ...fresh, note: "n" };
    const next = apply(entity, "update", { done: true, votes: { add: -1 } });
    assert.equal(next, entity);
    assert.deepEqual(next, { ...fresh, note: "n", done: true, votes: -1 });
  });

  test("that deletes it is none", () => {
    assert.equal(apply({ ...fresh }, "delete"), null);
    assert.equal(apply(null, "delete"), null);
  });

  test("that updates what is not there is none", () => {
    assert.equal(apply(null, "update", { title: "x" }), null);
  });

  test("that names what the schema does not know has nothing of it", () => {
    const odd = JSON.parse('{"title":"x","colour":"red","__proto__":{"done":true}}') as FieldValues;
    assert.deepEqual(apply(null, "create", odd), fresh);
    assert.deepEqual(apply({ ...fresh }, "update", Object.create({ title: "y" }) as FieldValues), fresh);
  });

  test("is what many mutations make of it one by one, with no change to what they say", () => {
    const step = fc.oneof(
      fc.constantFrom<FieldValues>({ title: "y" }, { done: true }, { note: null }),
      fc.integer({ min: -3, max: 3 }).map((add): FieldValues => ({ votes: { add } })),
      fc.constantFrom("home", "work", "urgent").map((each): FieldValues => ({ labels: { add: [each] } })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
        const before = JSON.stringify(steps);
        let entity = apply(null, "create", { title: "x" });
        for (const fields of steps) entity = apply(entity, "update", fields);
        assert.equal(JSON.stringify(steps), before);
        const votes = steps.reduce((sum, each) => sum + ((each["votes"] as { add: number } | undefined)?.add ?? 0), 0);
        assert.equal(entity?.["votes"], votes);
        const labels = new Set(steps.flatMap((each) => (each["labels"] as { add: string[] } | undefined)?.add ?? []));
        assert.deepEqual(entity?.["labels"], [...labels].sort());
      }),
    );
  });
});

test("every kind of field says what cannot be written to it in words that follow its name", () => {
  const kinds: readonly AnyField[] = [field.set(field.string()), field.list({}), field.counter(), field.gcounter()];
  for (const declared of kinds) {
    assert.match(changeProblem({ name: "f", ...declared.definition }, undefined) ?? "", /^must /);
  }
});
