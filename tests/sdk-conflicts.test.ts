/** Conflicts as an application meets them: real clients, a real server, a real socket. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Client, createClient, type Live } from "@tidelock/client";
import {
  authorRole,
  change,
  collection,
  defineSchema,
  field,
  review,
  type TidelockError,
  withMutators,
} from "@tidelock/core";
import { createServer, type TidelockServer } from "@tidelock/server";
import { memoryStorage } from "@tidelock/server/memory";

const tables = defineSchema({
  version: 1,
  collections: {
    tasks: collection(
      {
        title: field.string(),
        due: field.timestamp().optional().policy(review()),
        priority: field
          .enum(["low", "high"])
          .default("low")
          .policy(authorRole({ claim: "role", order: ["member", "lead"] })),
        labels: field.set(field.string()),
        votes: field.counter(),
        steps: field.list({ text: field.string(), done: field.boolean().default(false) }),
      },
      { onDelete: "update-wins" },
    ),
  },
});
const schema = withMutators(tables, (mutator) => ({
  close: mutator({
    args: { task: field.reference("tasks") },
    run(tx, { task }, { refuse }) {
      const it = tx.tasks.get(task);
      if (it === undefined) return refuse("there is no such task");
      if (it.steps.some(({ done }) => !done)) refuse("a step is open");
      tx.tasks.update(task, { title: `${it.title} (closed)`, labels: change.add("closed") });
    },
  }),
}));
type AppClient = Client<typeof schema>;

/** Resolves when the condition holds; looks again whenever one of the values has changed. */
function when(lives: readonly Live<unknown>[], holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stops: Array<() => void> = [];
    const look = (): void => {
      if (!holds()) return;
      for (const stop of stops) stop();
      resolve();
    };
    stops.push(...lives.map((live) => live.subscribe(look)));
    look();
  });
}

describe("conflicts between real clients", () => {
  let server: TidelockServer;
  let url = "";
  const clients: AppClient[] = [];

  before(async () => {
    server = createServer({
      schema,
      storage: memoryStorage(),
      logger: false,
      authenticate: (token) => ({
        tenant: "acme",
        user: token,
        claims: { role: token === "lena" ? "lead" : "member" },
      }),
      rules: { tasks: { review: ({ user }) => user !== "guest" || "guests do not decide" } },
    });
    const { port } = await server.listen(0);
    url = `http://127.0.0.1:${port}`;
  });
  after(async () => {
    for (const client of clients) await client.close();
    await server.close();
  });

  async function open(user: string): Promise<AppClient> {
    const client = createClient({ url, schema, auth: user });
    clients.push(client);
    await client.opened;
    const tasks = client.tasks.query();
    tasks.subscribe(() => {});
    client.conflicts.open.subscribe(() => {});
    await Promise.all([tasks.whenComplete(), client.conflicts.open.whenComplete()]);
    return client;
  }
  const sees = (client: AppClient, holds: () => boolean): Promise<void> =>
    when([client.tasks.query(), client.conflicts.open, client.status], holds);

  it("each field by its policy, a review decided by one of two, and mutators on both sides", async () => {
    const [ana, lena, rev] = [await open("ana"), await open("lena"), await open("rev")];
    const created = ana.tasks.create({
      title: "Paint",
      labels: ["a"],
      votes: 2,
      steps: [{ id: "s1", text: "buy", done: false }],
    });
    await created.synced;
    const { id } = created;
    for (const client of [lena, rev]) await sees(client, () => client.tasks.get(id) !== undefined);

    ana.goOffline();
    lena.goOffline();
    const mine = ana.tasks.update(id, {
      due: 1000,
      priority: "low",
      labels: change.add("x"),
      votes: change.increment(3),
      steps: change.editItem("s1", { done: true }),
    });
    const theirs = lena.tasks.update(id, {
      due: 2000,
      priority: "high",
      labels: { remove: ["a"], add: ["y"] },
      votes: change.decrement(),
      steps: change.insertItem({ id: "s2", text: "brush", done: false }, "s1"),
    });
    assert.deepEqual(ana.tasks.get(id)?.labels, ["a", "x"]);
    assert.equal(ana.tasks.get(id)?.votes, 5);
    lena.goOnline();
    assert.equal((await theirs.synced).outcome, "applied");
    ana.goOnline();
    assert.equal((await mine.synced).outcome, "in-review");

    for (const client of [ana, lena, rev]) await sees(client, () => client.conflicts.open.data.length === 1);
    const merged = {
      id,
      title: "Paint",
      due: 2000,
      priority: "high",
      labels: ["x", "y"],
      votes: 4,
      steps: [
        { id: "s1", text: "buy", done: true },
        { id: "s2", text: "brush", done: false },
      ],
    };
    for (const client of [ana, lena, rev]) {
      await sees(client, () => client.tasks.syncState(id) === "in-review");
      assert.deepEqual(client.tasks.get(id), merged);
      assert.deepEqual([...client.conflicts.of("tasks", id).keys()], ["due"]);
    }
    const recent = ana.conflicts.recent.value.map(({ decision, isLost }) => [decision.field, decision.winner, isLost]);
    assert.deepEqual(recent, [
      ["due", "review", false],
      ["priority", "current", true],
    ]);

    const [waiting] = rev.conflicts.open.data;
    assert.ok(waiting !== undefined);
    assert.deepEqual(
      waiting.candidates.map(({ user, value }) => [user, value]),
      [
        ["lena", 2000],
        ["ana", 1000],
      ],
    );
    assert.deepEqual(waiting.base, [null]);
    const guest = await open("guest");
    await sees(guest, () => guest.conflicts.open.data.length === 1);
    await assert.rejects(guest.conflicts.decide(waiting.id, { value: 7 }).synced, /guests do not decide/);
    const first = rev.conflicts.decide(waiting.id, { candidate: waiting.candidates[1]?.id ?? "" });
    const second = lena.conflicts.decide(waiting.id, { value: 5 });
    assert.equal(rev.tasks.get(id)?.due, 1000, "at once, here");
    assert.equal((await first.synced).outcome, "applied");
    await assert.rejects(second.synced, (error: TidelockError) => {
      assert.deepEqual([error.code, error.detail], ["review-closed", "rev has decided already: the field has 1000"]);
      return true;
    });
    for (const client of [ana, lena, rev]) {
      await sees(client, () => client.conflicts.of("tasks", id).size === 0 && client.tasks.get(id)?.due === 1000);
      assert.equal(client.conflicts.open.data.length, 0);
    }

    const refused = ana.mutate.close({ task: id });
    await assert.rejects(refused.saved, /a step is open/);
    assert.equal(ana.tasks.get(id)?.title, "Paint");
    await ana.tasks.update(id, {
      steps: change.all(change.editItem("s2", { done: true }), change.moveItem("s2", null)),
    }).synced;
    const closed = ana.mutate.close({ task: id });
    assert.equal(ana.tasks.get(id)?.title, "Paint (closed)", "at once, here");
    await closed.synced;
    await sees(rev, () => rev.tasks.get(id)?.title === "Paint (closed)");
    assert.deepEqual(
      rev.tasks.get(id)?.steps.map(({ id: step }) => step),
      ["s2", "s1"],
    );
    assert.equal(rev.tasks.live(rev.tasks.where({ labels: { contains: "closed" } })).data.length, 1);

    const lost = ana.conflicts.recent.value.find(({ decision }) => decision.field === "priority");
    assert.ok(lost !== undefined);
    await ana.conflicts.restore(lost).synced;
    await sees(rev, () => rev.tasks.get(id)?.priority === "low");
  });

  it("an update that meets a delete brings the entity back where updates win", async () => {
    const [ana, bo] = [await open("ana"), await open("bo")];
    const { id, synced } = ana.tasks.create({ title: "Fence" });
    await synced;
    await sees(bo, () => bo.tasks.get(id) !== undefined);
    bo.goOffline();
    const update = bo.tasks.update(id, { title: "Fence, green" });
    await ana.tasks.delete(id).synced;
    bo.goOnline();
    assert.equal((await update.synced).outcome, "merged");
    await sees(ana, () => ana.tasks.get(id)?.title === "Fence, green");
  });

  it("a refused create takes along what could not stand without it, and all of it can be tried again", async () => {
    const [ana] = [await open("ana")];
    const { id, synced } = ana.tasks.create({ title: "Once" });
    await synced;
    await ana.tasks.delete(id).synced;
    await sees(ana, () => ana.tasks.get(id) === undefined);
    const again = ana.tasks.create({ id, title: "Twice" });
    const more = ana.tasks.update(id, { title: "Twice, and more" });
    await assert.rejects(again.synced, /entity-deleted/);
    await assert.rejects(more.synced);
    const [first, second] = ana.rejected.value;
    assert.deepEqual([first?.causedBy, second?.causedBy], [null, first?.counter]);
    const work = ana.rejected.export();
    assert.equal(work.rejected.length, 2);
    ana.rejected.discard(first?.counter ?? 0);
    assert.deepEqual(ana.rejected.value, []);
  });
});
