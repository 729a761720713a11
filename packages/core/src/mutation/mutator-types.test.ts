/** What the compiler knows of mutators: every mistake below must be refused before anything runs. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { change } from "../crdt/change.ts";
import { field } from "../schema/field.ts";
import { collection, defineSchema } from "../schema/schema.ts";
import { type ArgsOf, type Mutator, type MutatorsOf, withMutators } from "./mutator.ts";

const tables = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string(),
      state: field.enum(["open", "closed"]).default("open"),
      labels: field.set(field.string()),
      votes: field.counter(),
    }),
  },
});

const schema = withMutators(tables, (mutator) => ({
  close: mutator({
    args: { task: field.reference("tasks"), note: field.string().optional(), times: field.integer().default(1) },
    run(tx, { task, note, times }, { refuse, user, location }) {
      isTrue<Same<typeof task, string>>(true);
      isTrue<Same<typeof note, string | null | undefined>>(true);
      isTrue<Same<typeof times, number | undefined>>(true);
      isTrue<Same<typeof user, string | null>>(true);
      isTrue<Same<typeof location, "device" | "server">>(true);
      const known = tx.tasks.get(task);
      if (known === undefined) return refuse("there is no such task");
      isTrue<Same<typeof known.state, "open" | "closed">>(true);
      isTrue<Same<typeof known.votes, number>>(true);
      tx.tasks.update(task, { state: "closed", labels: change.add("done"), votes: change.increment() });
    },
  }),
  tidy: mutator({ args: {}, run: () => {} }),
}));

type Same<Left, Right> =
  (<Value>() => Value extends Left ? 1 : 2) extends <Value>() => Value extends Right ? 1 : 2 ? true : false;
function isTrue<Answer extends true>(answer: Answer): void {
  assert.equal(answer, true);
}

/** Never called: only compiled. */
export function refused(): void {
  withMutators(tables, (mutator) => ({
    wrong: mutator({
      args: { task: field.reference("tasks") },
      run(tx, args) {
        // @ts-expect-error -- there is no such collection
        void tx.projects;
        // @ts-expect-error -- there is no such argument
        void args.project;
        // @ts-expect-error -- a title is text
        tx.tasks.update(args.task, { title: 5 });
        // @ts-expect-error -- not one of the words
        tx.tasks.update(args.task, { state: "ajar" });
        // @ts-expect-error -- a counter takes what is added
        tx.tasks.update(args.task, { votes: 5 });
        // @ts-expect-error -- the title must be given
        tx.tasks.create({ state: "open" });
        // @ts-expect-error -- there is no such field
        tx.tasks.create({ title: "a", colour: "red" });
        // @ts-expect-error -- what is read is not changed in place
        tx.tasks.get(args.task)!.title = "b";
        // @ts-expect-error -- ids are text
        tx.tasks.delete(5);
      },
    }),
  }));
}

describe("the types of mutators", () => {
  test("follow from their arguments and the schema", () => {
    type Declared = MutatorsOf<typeof schema>;
    isTrue<Same<keyof Declared, "close" | "tidy">>(true);
    type Close = Declared["close"] extends Mutator<infer Args> ? ArgsOf<Args> : never;
    const given: Close = { task: "t1" };
    const all: Close = { task: "t1", note: null, times: 2 };
    // @ts-expect-error -- the task must be given
    const none: Close = { note: "x" };
    // @ts-expect-error -- times is a number
    const odd: Close = { task: "t1", times: "2" };
    assert.ok([given, all, none, odd].length === 4);
    isTrue<Same<keyof MutatorsOf<typeof tables>, never>>(true);
  });
});
