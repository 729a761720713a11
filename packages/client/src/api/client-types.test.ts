/** What the compiler knows of a client: every mistake below must be refused before anything runs. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { change, collection, defineSchema, field, greatest, type Review, review, withMutators } from "@tidelock/core";
import type { Client, LiveQuery, Write, WriteResult } from "./client.ts";
import { createClient } from "./create-client.ts";
import type { Query } from "./query.ts";

const schema = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string(),
      done: field.boolean().default(false),
      priority: field.integer().optional(),
      state: field.enum(["open", "closed"]).default("open"),
      notes: field.json<{ text: string }[]>().default([]),
    }),
    lists: collection({ name: field.string() }, { ids: "server" }),
  },
});
type AppClient = Client<typeof schema>;

const merging = withMutators(
  defineSchema({
    version: 1,
    collections: {
      cards: collection({
        labels: field.set(field.enum(["red", "blue"])),
        steps: field.list({ text: field.string(), done: field.boolean().default(false) }),
        votes: field.counter(),
        due: field.timestamp().optional().policy(review()),
        bid: field.number().default(0).policy(greatest()),
      }),
    },
  }),
  (mutator) => ({
    move: mutator({
      args: { card: field.reference("cards"), to: field.enum(["left", "right"]), fast: field.boolean().default(false) },
      run(tx, { card, to, fast }) {
        isTrue<Same<typeof to, "left" | "right">>(true);
        isTrue<Same<typeof fast, boolean | undefined>>(true);
        // @ts-expect-error -- there is no such field
        tx.cards.update(card, { place: to });
      },
    }),
  }),
);
type MergingClient = Client<typeof merging>;

type Same<Left, Right> =
  (<Value>() => Value extends Left ? 1 : 2) extends <Value>() => Value extends Right ? 1 : 2 ? true : false;
function isTrue<Answer extends true>(answer: Answer): void {
  assert.equal(answer, true);
}

interface Task {
  readonly id: string;
  readonly title: string;
  readonly done: boolean;
  readonly priority: number | null;
  readonly state: "open" | "closed";
  readonly notes: { text: string }[];
}
type Flat<Value> = { readonly [Key in keyof Value]: Value[Key] };

/** Never called: only compiled. */
export function refused(client: AppClient): void {
  // @ts-expect-error -- the title must be given
  client.tasks.create({});
  // @ts-expect-error -- a title is text
  client.tasks.create({ title: 5 });
  // @ts-expect-error -- there is no such field
  client.tasks.create({ title: "a", colour: "red" });
  // @ts-expect-error -- not one of the words
  client.tasks.update("t1", { state: "ajar" });
  // @ts-expect-error -- the title is never null
  client.tasks.update("t1", { title: null });
  // @ts-expect-error -- there is no such collection
  void client.projects;
  // @ts-expect-error -- there is no such field
  client.tasks.where({ colour: "red" });
  // @ts-expect-error -- done is true or false
  client.tasks.where({ done: "yes" });
  // @ts-expect-error -- not one of the words
  client.tasks.where({ state: { in: ["ajar"] } });
  // @ts-expect-error -- booleans have no order
  client.tasks.where({ done: { gt: true } });
  // @ts-expect-error -- there is no such field
  client.tasks.orderBy("colour");
  // @ts-expect-error -- a query for lists is none for tasks
  client.tasks.live(client.lists.all());
  // @ts-expect-error -- entities are not changed in place
  client.tasks.query().data[0]!.title = "b";
  // @ts-expect-error -- there is no such event
  client.on("nothing", () => {});
  client.transaction((transaction) => {
    // @ts-expect-error -- the name must be given
    transaction.lists.create({});
  });
  // @ts-expect-error -- presence is JSON
  client.presence.join("board", { when: new Date() });
}

/** Never called: only compiled. */
export function refusedOfMerging(client: MergingClient): void {
  // @ts-expect-error -- not one of the words
  client.cards.update("c1", { labels: change.add("green") });
  // @ts-expect-error -- a counter is changed by adding to it
  client.cards.update("c1", { votes: 3 });
  // @ts-expect-error -- a set has this element or not
  client.cards.where({ labels: { gt: "red" } });
  // @ts-expect-error -- there is no such mutator
  void client.mutate.shake;
  // @ts-expect-error -- where to must be given
  client.mutate.move({ card: "c1" });
  // @ts-expect-error -- not one of the words
  client.mutate.move({ card: "c1", to: "up" });
  // @ts-expect-error -- only its notes can be changed
  client.conflicts.annotate("r1", { status: "closed" });
  // @ts-expect-error -- a rule for numbers
  field.string().policy(greatest());
  // @ts-expect-error -- reviews are read, not written
  void client.conflicts.reviews.update;
}

describe("the types of a client", () => {
  it("follow from sets, lists, counters and mutators", () => {
    const of = (client: MergingClient): void => {
      client.cards.create({ labels: ["red"], votes: 2, steps: [{ id: "s1", text: "a", done: true }] });
      client.cards.update("c1", { labels: change.remove("red"), votes: change.increment(), due: null });
      client.cards.update("c1", { labels: ["blue"], steps: change.moveItem("s1", null) });
      client.cards.where({ labels: { contains: "red" }, votes: { gte: 1 } });
      const card = client.cards.get("c1");
      isTrue<Same<NonNullable<typeof card>["labels"], readonly ("red" | "blue")[]>>(true);
      isTrue<Same<NonNullable<typeof card>["steps"][number]["done"], boolean>>(true);
      isTrue<Same<ReturnType<typeof client.mutate.move>, Write>>(true);
      isTrue<Same<(typeof client.conflicts.open.data)[number], Review>>(true);
    };
    assert.equal(typeof of, "function");
  });

  it("follow from the schema", async () => {
    const client = createClient({ url: "http://localhost", schema, auth: "token", autoConnect: false, transports: [] });
    const write = client.tasks.create({ title: "a", priority: 1, notes: [{ text: "b" }] });
    isTrue<Same<typeof write, Write>>(true);
    isTrue<Same<Awaited<typeof write.synced>, WriteResult>>(true);
    await write.saved;
    const task = client.tasks.get(write.id);
    isTrue<Same<Flat<NonNullable<typeof task>>, Flat<Task>>>(true);
    const live = client.tasks.query({
      where: { state: { in: ["open"] }, or: [{ priority: null }, { priority: { gte: 1 } }] },
    });
    isTrue<typeof live extends LiveQuery<infer Entity> ? Same<Flat<Entity>, Flat<Task>> : false>(true);
    assert.equal(live.data[0]?.notes[0]?.text, "b");
    const query = client.tasks.where({ title: "a" }).orderBy("priority", "desc").limit(1);
    isTrue<typeof query extends Query<infer Entity> ? Same<Flat<Entity>, Flat<Task>> : false>(true);
    const room = client.presence.join("board", { x: 1 });
    isTrue<Same<(typeof room.others)[number]["state"], { x: number }>>(true);
    await client.close();
  });
});
