import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../base/json.ts";
import { change } from "../crdt/change.ts";
import { type ErrorCode, TidelockError } from "../errors.ts";
import { parseDeviceId, parseEntityId } from "../ids.ts";
import { MAX_TRANSACTION_MUTATIONS } from "../limits.ts";
import { field } from "../schema/field.ts";
import { collection, defineSchema, type Fields } from "../schema/schema.ts";
import { REVIEWS } from "../schema/system.ts";
import { makeStamp } from "../time/hlc.ts";
import type { FieldValues } from "./mutation.ts";
import {
  argsProblem,
  initialChanges,
  type Mutator,
  type MutatorEffect,
  type MutatorEnvironment,
  MutatorRefusal,
  type MutatorTransaction,
  runMutator,
  withMutators,
} from "./mutator.ts";
import type { MutatorContext } from "../schema/mutator-schema.ts";

const tables = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string(),
      done: field.boolean().default(false),
      labels: field.set(field.string()),
      votes: field.counter(),
    }),
    cards: collection({ title: field.string().default("") }, { ids: "server" }),
  },
});
type Run = (transaction: MutatorTransaction<typeof tables>, args: JsonObject, context: MutatorContext) => unknown;

function mutator(run: Run, args: Fields = {}): Mutator {
  const { mutators } = withMutators(tables, (declare) => ({ act: declare({ args, run: run as never }) }));
  return mutators.get("act")!;
}

function environment(changes: Partial<MutatorEnvironment> = {}): MutatorEnvironment {
  return {
    collections: tables.collections,
    get: () => null,
    device: parseDeviceId("d1")!,
    counter: 7,
    stamp: makeStamp(1_772_366_400_000, 3),
    user: "ana",
    claims: {},
    location: "server",
    ...changes,
  };
}

const T1 = { id: "t1", title: "old", done: false, labels: ["a"], votes: 2 };

/** Runs a mutator on one task. */
function run(
  act: Run,
  changes: Partial<MutatorEnvironment> = {},
  args: FieldValues = {},
  declared: Fields = {},
): MutatorEffect[] {
  const get = (name: string, id: string): JsonObject | null => (name === "tasks" && id === "t1" ? T1 : null);
  return runMutator(mutator(act, declared), args, environment({ get, ...changes }));
}

function refused(code: ErrorCode, detail: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TidelockError, String(error));
    assert.equal(error.code, code);
    assert.match(error.detail, detail);
    return true;
  };
}

describe("a mutator writes", () => {
  test("what it creates, updates and deletes, in order", () => {
    const effects = run((tx) => {
      tx.tasks.update("t1", { title: "new", labels: change.add("b") });
      tx.tasks.create({ id: "t2", title: "two" });
      tx.tasks.delete("t1");
    });
    assert.deepEqual(effects, [
      { operation: "update", collection: "tasks", entity: "t1", fields: { title: "new", labels: { add: ["b"] } } },
      { operation: "create", collection: "tasks", entity: "t2", fields: { title: "two" } },
      { operation: "delete", collection: "tasks", entity: "t1", fields: {} },
    ]);
  });

  test("the first value of a counter as what is added to nothing", () => {
    const [effect] = run((tx) => tx.tasks.create({ id: "t2", title: "two", votes: 5 }));
    assert.deepEqual(effect?.fields, { title: "two", votes: { add: 5 } });
    assert.deepEqual(initialChanges(tables.collections.get("tasks")!, { votes: 5, labels: ["a"] }), {
      votes: { add: 5 },
      labels: ["a"],
    });
  });

  test("nothing of what it leaves undefined", () => {
    const [effect] = run((tx) => tx.tasks.update("t1", { title: undefined, done: true } as never));
    assert.deepEqual(effect?.fields, { done: true });
  });

  test("what fits its fields; the rest ends it", () => {
    assert.throws(
      () => run((tx) => tx.tasks.update("t1", { title: 5 } as never)),
      refused("invalid-value", /^tasks\.title must be text$/),
    );
    assert.throws(
      () => run((tx) => tx.tasks.update("t1", { votes: 5 } as never)),
      refused("invalid-value", /^tasks\.votes must /),
    );
    assert.throws(
      () => run((tx) => tx.tasks.create({ title: "x", colour: "red" } as never)),
      refused("unknown-field", /tasks has no field colour/),
    );
    for (const write of ["update", "delete", "get"] as const) {
      assert.throws(
        () => run((tx) => (tx.tasks[write] as (id: string, fields: object) => void)("a b", {})),
        refused("invalid-id", /"a b" cannot be an id/),
      );
    }
  });

  test("to its own collections, and not to the server's", () => {
    run((tx) => {
      assert.deepEqual(Object.keys(tx), ["tasks", "cards"]);
      assert.equal((tx as unknown as Record<string, unknown>)[REVIEWS], undefined);
    });
  });

  test(`at most ${MAX_TRANSACTION_MUTATIONS} times`, () => {
    const writes = (count: number): MutatorEffect[] =>
      run((tx) => {
        for (let index = 0; index < count; index++) tx.tasks.update("t1", { votes: change.increment() });
      });
    assert.equal(writes(MAX_TRANSACTION_MUTATIONS).length, MAX_TRANSACTION_MUTATIONS);
    assert.throws(() => writes(MAX_TRANSACTION_MUTATIONS + 1), refused("transaction-broken", /at most 500 times/));
  });
});

describe("a mutator reads", () => {
  test("what is there, and undefined where nothing is", () => {
    run((tx) => {
      assert.deepEqual(tx.tasks.get("t1"), T1);
      assert.equal(tx.tasks.get("t9"), undefined);
      assert.equal(tx.cards.get("t1"), undefined);
    });
  });

  test("its own writes", () => {
    run((tx) => {
      tx.tasks.update("t1", { votes: change.increment(3), labels: change.remove("a") });
      tx.tasks.update("t1", { votes: change.increment() });
      assert.deepEqual(tx.tasks.get("t1"), { ...T1, votes: 6, labels: [] });
      const id = tx.tasks.create({ title: "two", votes: 1 });
      assert.deepEqual(tx.tasks.get(id), { id, title: "two", done: false, labels: [], votes: 1 });
      tx.tasks.delete(id);
      assert.equal(tx.tasks.get(id), undefined);
      tx.tasks.delete("t1");
      assert.equal(tx.tasks.get("t1"), undefined);
    });
  });

  test("without seeing the writes of another run", () => {
    run((tx) => tx.tasks.delete("t1"));
    run((tx) => assert.deepEqual(tx.tasks.get("t1"), T1));
  });

  test("its own copy: what it does to the object changes nothing", () => {
    const effects = run((tx) => {
      const task = tx.tasks.get("t1") as { title: string };
      task.title = "scribbled";
      assert.equal(tx.tasks.get("t1")?.title, "old");
    });
    assert.deepEqual([effects, T1.title], [[], "old"]);
  });

  test("copies, all the way down: nothing that it does to them reaches the state or its arguments", () => {
    const state = { ...T1, labels: ["a"] };
    const args = { list: [{ deep: [1] }] };
    const declared = { list: field.json<Array<{ deep: number[] }>>() };
    const seen: unknown[] = [];
    const act: Run = (tx, given) => {
      const list = given["list"] as unknown as Array<{ deep: number[] }>;
      list[0]!.deep.push(2);
      (tx.tasks.get("t1")!.labels as string[]).push("scribbled");
      seen.push(tx.tasks.get("t1")?.labels, list);
    };
    run(act, { get: () => state }, args, declared);
    run(act, { get: () => state }, args, declared);
    assert.deepEqual(seen, [["a"], [{ deep: [1, 2] }], ["a"], [{ deep: [1, 2] }]]);
    assert.deepEqual([state.labels, args], [["a"], { list: [{ deep: [1] }] }]);
  });

  test("who, when and where it is run for", () => {
    const seen = (changes: Partial<MutatorEnvironment>): Partial<MutatorContext> => {
      let context: Partial<MutatorContext> = {};
      run((_, __, { refuse: _refuse, ...rest }) => void (context = rest), changes);
      return context;
    };
    assert.deepEqual(seen({ claims: { role: "lead" } }), {
      user: "ana",
      claims: { role: "lead" },
      time: 1_772_366_400_000,
      location: "server",
    });
    assert.deepEqual(seen({ user: null, location: "device" }), {
      user: null,
      claims: {},
      time: 1_772_366_400_000,
      location: "device",
    });
  });
});

describe("a mutator's arguments", () => {
  const declared = {
    task: field.reference("tasks"),
    text: field.string().default("none"),
    note: field.string().optional(),
    labels: field.set(field.string()),
  };
  const act = mutator(() => {}, declared);

  test("have what is not given as its default", () => {
    const given = (args: FieldValues): JsonObject => {
      let seen: JsonObject = {};
      run((_, all) => void (seen = all), {}, args, declared);
      return seen;
    };
    assert.deepEqual(given({ task: "t1" }), { task: "t1", text: "none", note: null, labels: [] });
    assert.deepEqual(given({ task: "t1", text: "", note: "n", labels: ["a"] }), {
      ...{ task: "t1", text: "", note: "n", labels: ["a"] },
    });
  });

  test("are what was given, also when that is null or false", () => {
    const names = { n: field.integer().default(5).optional(), yes: field.boolean().default(true) };
    let seen: JsonObject = {};
    run((_, all) => void (seen = all), {}, { n: null, yes: false }, names);
    assert.deepEqual(seen, { n: null, yes: false });
    run((_, all) => void (seen = all), {}, {}, names);
    assert.deepEqual(seen, { n: 5, yes: true });
  });

  test("are refused in words when one is missing, unknown or of another type", () => {
    assert.equal(argsProblem(act, { task: "t1" }), null);
    assert.equal(argsProblem(act, { task: "t1", note: null }), null);
    assert.equal(argsProblem(act, {}), "act needs task");
    assert.equal(argsProblem(act, { task: "t1", colour: 1 }), 'act takes no "colour"');
    assert.equal(argsProblem(act, { task: "a b" }), "task must be an entity id");
    assert.equal(argsProblem(act, { task: "t1", text: null }), "text must not be null");
    assert.equal(argsProblem(act, { task: "t1", labels: "a" }), "labels must be a list");
    assert.equal(argsProblem(act, JSON.parse('{"task":"t1","__proto__":1}')), 'act takes no "__proto__"');
    assert.equal(argsProblem(act, Object.create({ task: "t1" }) as FieldValues), "act needs task");
  });
});

describe("a mutator ends", () => {
  test("when it refuses, with its reason and no effects", () => {
    const act: Run = (tx, _, { refuse }) => {
      tx.tasks.delete("t1");
      refuse("not today");
      assert.fail("it went on");
    };
    assert.throws(() => run(act), { name: "MutatorRefusal", message: "not today" });
    assert.throws(() => run((_, __, { refuse }) => refuse({ toString: () => "an object" } as never)), MutatorRefusal);
  });

  test("when it refuses, also when it catches that", () => {
    const act: Run = (tx, _, { refuse }) => {
      try {
        refuse("not today");
      } catch {
        tx.tasks.delete("t1");
      }
    };
    assert.throws(() => run(act), { name: "MutatorRefusal", message: "not today" });
  });

  test("when it throws, with what it threw", () => {
    const thrown = new RangeError("broken");
    assert.throws(
      () =>
        run(() => {
          throw thrown;
        }),
      (error) => error === thrown,
    );
  });

  test("when what it reads from throws", () => {
    const notThere = new Error("not in memory");
    const get = (): never => {
      throw notThere;
    };
    const acts: readonly Run[] = [
      (tx) => tx.tasks.get("t1"),
      (tx) => {
        try {
          tx.tasks.get("t1");
        } catch {
          tx.tasks.delete("t1");
        }
      },
      (tx, _, { refuse }) => {
        try {
          tx.tasks.get("t1");
        } catch {
          refuse("cannot read it");
        }
      },
    ];
    for (const act of acts) {
      assert.throws(
        () => run(act, { get }),
        (error) => error === notThere,
      );
    }
  });

  test("when it returns a promise: it must not wait, and a rejection of it is nobody's", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    assert.throws(
      () =>
        run(async (tx) => {
          tx.tasks.delete("t1");
          await Promise.resolve();
          throw new Error("later");
        }),
      refused("transaction-broken", /must not wait: it returned a promise/),
    );
    await new Promise((done) => setImmediate(done));
    process.off("unhandledRejection", note);
    assert.deepEqual(unhandled, []);
  });

  test("when its function returns: what is written later is refused, and not among its effects", () => {
    let kept: MutatorTransaction<typeof tables> | undefined;
    const effects = run((tx) => {
      kept = tx;
      tx.tasks.update("t1", { done: true });
    });
    assert.throws(() => kept?.tasks.delete("t1"), refused("transaction-broken", /ends when its function returns/));
    assert.equal(effects.length, 1);
  });
});

describe("the id of what a mutator creates", () => {
  const ids = (changes: Partial<MutatorEnvironment> = {}): readonly string[] => {
    let made: string[] = [];
    run(
      (tx) => void (made = [tx.tasks.create({ title: "a" }), tx.cards.create({}), tx.tasks.create({ title: "b" })]),
      changes,
    );
    return made;
  };

  test("is a UUIDv7 of the moment when the user acted, another for each", () => {
    const made = ids();
    assert.equal(new Set(made).size, 3);
    for (const id of made) {
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.notEqual(parseEntityId(id), null);
      assert.equal(Number.parseInt(id.replace("-", "").slice(0, 12), 16), 1_772_366_400_000);
    }
  });

  test("is the same on the device and on the server", () => {
    assert.deepEqual(ids({ location: "device", user: null }), ids({ claims: { role: "lead" } }));
  });

  test("is another for every call and every device", () => {
    const calls = [
      ids(),
      ids({ counter: 8 }),
      ids({ device: parseDeviceId("d2")! }),
      ids({ device: parseDeviceId("d")!, counter: 17 }),
      ids({ device: parseDeviceId("d1.7")!, counter: 0 }),
    ];
    assert.equal(new Set(calls.flat()).size, 15);
  });

  test("is the caller's own where clients make ids, and never where the server does", () => {
    const [task, card] = run((tx) => {
      assert.equal(tx.tasks.create({ id: "mine", title: "a" }), "mine");
      assert.notEqual(tx.cards.create({ id: "mine" }), "mine");
    });
    assert.equal(task?.entity, "mine");
    assert.notEqual(card?.entity, "mine");
    assert.throws(() => run((tx) => tx.tasks.create({ id: "a b", title: "a" })), refused("invalid-id", /"a b"/));
  });

  test("does not hit upon one that another counter or place gives: fifty thousand of them", () => {
    const seen = new Set<string>();
    for (let counter = 1; counter <= 100; counter++) {
      runMutator(
        mutator((tx) => {
          for (let index = 0; index < 500; index++) seen.add(tx.cards.create({}));
        }),
        {},
        environment({ counter }),
      );
    }
    assert.equal(seen.size, 50_000);
  });
});

describe("mutators of a schema", () => {
  test("are known by their names, and leave the schema as it was", () => {
    const schema = withMutators(tables, (declare) => ({ one: declare({ args: {}, run: () => {} }) }));
    assert.deepEqual([...schema.mutators.keys()], ["one"]);
    assert.equal(schema.mutators.get("one")?.name, "one");
    assert.equal(tables.mutators.size, 0);
    assert.deepEqual([schema.hash, schema.collections], [tables.hash, tables.collections]);
  });

  test("are refused with schema-invalid when an argument's name cannot be used, or it refers to nothing", () => {
    const declare = (args: Fields): unknown => withMutators(tables, (one) => ({ act: one({ args, run: () => {} }) }));
    for (const name of ["id", "or", "toString", "a b", "tidelock.x"]) {
      assert.throws(
        () => declare({ [name]: field.string() }),
        refused("schema-invalid", /act cannot have an argument called/),
      );
    }
    for (const lost of [field.reference("gone"), field.set(field.reference("gone"))]) {
      assert.throws(() => declare({ to: lost }), refused("schema-invalid", /act\.to refers to gone/));
    }
  });

  test("are refused with schema-invalid when their names cannot be used", () => {
    const operations = ["create", "update", "delete", "decide", "call", "void"];
    for (const name of ["", "a b", "toString", "__proto__", "x".repeat(65), ...operations]) {
      assert.throws(
        () => withMutators(tables, (declare) => Object.fromEntries([[name, declare({ args: {}, run: () => {} })]])),
        refused("schema-invalid", /a mutator cannot be called/),
      );
    }
  });
});
