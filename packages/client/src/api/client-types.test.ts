/** What the compiler knows of a client: every mistake below must be refused before anything runs. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { collection, defineSchema, field } from "@tidelock/core";
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

describe("the types of a client", () => {
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
