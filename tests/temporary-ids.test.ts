/** Temporary ids from one end to the other: families made offline, over a reload, named wherever a schema lets one name them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Client, createClient, type Live } from "@tidelock/client";
import { sqliteStore } from "@tidelock/client/sqlite";
import { change, collection, defineSchema, field, withMutators } from "@tidelock/core";
import { createServer, type TidelockServer } from "@tidelock/server";
import { memoryStorage } from "@tidelock/server/memory";

const tables = defineSchema({
  version: 1,
  collections: {
    projects: collection({ name: field.string() }, { ids: "server" }),
    tasks: collection(
      {
        title: field.string(),
        project: field.reference("projects"),
        parent: field.reference("tasks").optional(),
        blockedBy: field.set(field.reference("tasks")),
        steps: field.list({ about: field.reference("tasks").optional() }),
      },
      { ids: "server" },
    ),
  },
});
const schema = withMutators(tables, (mutator) => ({
  adopt: mutator({
    args: { child: field.reference("tasks"), parent: field.reference("tasks") },
    run: (tx, { child, parent }) => tx.tasks.update(child, { parent }),
  }),
}));
type AppClient = Client<typeof schema>;

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

describe("temporary ids", () => {
  const folder = mkdtempSync(join(tmpdir(), "tidelock-ids-"));
  const clients: AppClient[] = [];
  let server: TidelockServer;
  let url = "";

  before(async () => {
    const authenticate = (token: string): { tenant: string; user: string } => ({ tenant: "acme", user: token });
    server = createServer({ schema, storage: memoryStorage(), logger: false, authenticate });
    const { port } = await server.listen(0);
    url = `http://127.0.0.1:${port}`;
  });
  after(async () => {
    for (const client of clients) await client.close();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  async function open(user: string, name: string, autoConnect: boolean): Promise<AppClient> {
    const store = sqliteStore({ path: join(folder, `${name}.db`) });
    const client = createClient({ url, schema, auth: user, store, autoConnect });
    clients.push(client);
    await client.opened;
    client.tasks.query().subscribe(() => {});
    client.projects.query().subscribe(() => {});
    return client;
  }

  it("are replaced everywhere: entities, references, sets, lists and calls that wait; list keys stay", async () => {
    const first = await open("ana", "ana", false);
    const project = first.projects.create({ name: "House" });
    const parent = first.tasks.create({ title: "Roof", project: project.id });
    const child = first.tasks.create({ title: "Tiles", project: project.id, parent: parent.id });
    const grandchild = first.tasks.create({ title: "Order them", project: project.id, parent: child.id });
    first.tasks.update(parent.id, { blockedBy: change.add(child.id, grandchild.id) });
    first.tasks.update(grandchild.id, {
      steps: change.insertItem({ id: "s1", about: parent.id }, null),
    });
    const called = first.mutate.adopt({ child: grandchild.id, parent: parent.id });
    await called.saved;
    assert.equal(first.tasks.get(grandchild.id)?.parent, parent.id);
    const ids = [project.id, parent.id, child.id, grandchild.id];
    assert.ok(ids.every((id) => id.startsWith("tmp:")));
    // As if the page were closed: everything is in the store, and nothing has been sent.
    await first.close();

    const again = await open("ana", "ana", false);
    assert.equal(again.tasks.get(grandchild.id)?.parent, parent.id, "the call is shown again after a reload");
    assert.deepEqual(again.outbox.value.length, 7);
    again.goOnline();
    await when([again.status, again.tasks.query()], () => {
      return again.status.value.state === "synced" && again.tasks.query().data.length === 3;
    });

    const other = await open("bo", "bo", true);
    await Promise.all([other.tasks.query().whenComplete(), other.projects.query().whenComplete()]);
    const byTitle = new Map(other.tasks.query().data.map((task) => [task.title, task]));
    const [roof, tiles, order] = ["Roof", "Tiles", "Order them"].map((title) => byTitle.get(title));
    assert.ok(roof !== undefined && tiles !== undefined && order !== undefined);
    assert.ok(!JSON.stringify(other.tasks.query().data).includes("tmp:"));
    assert.deepEqual(
      [roof.project, tiles.project, tiles.parent, order.parent],
      [other.projects.query().data[0]?.id, roof.project, roof.id, roof.id],
    );
    assert.deepEqual([...roof.blockedBy].sort(), [tiles.id, order.id].sort());
    assert.deepEqual(order.steps, [{ id: "s1", about: roof.id }]);

    // The old names go on working on the device that gave them, and lists keep their keys.
    assert.equal(again.tasks.get(parent.id)?.id, roof.id);
    assert.equal(again.tasks.keyOf(roof.id), parent.id);
    assert.ok(!JSON.stringify(again.tasks.query().data).includes("tmp:"));
    const more = again.tasks.create({ title: "Gutter", project: project.id, parent: child.id });
    await more.synced;
    assert.equal(again.tasks.get(more.id)?.parent, tiles.id);
  });
});
