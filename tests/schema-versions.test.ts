/** One data file, two versions of an application: real servers and clients, over sockets, through an upgrade of both. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { type Client, createClient, type Live } from "@tidelock/client";
import { memoryStore, MemoryStoreState } from "@tidelock/client/memory";
import { sqliteStore } from "@tidelock/client/sqlite";
import { collection, defineSchema, field, lens, migrations, type Schema, TidelockError } from "@tidelock/core";
import { createServer, type ServerOptions, type TidelockServer } from "@tidelock/server";
import { sqliteStorage } from "@tidelock/server/sqlite";

const one = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      name: field.string(),
      urgent: field.boolean().default(false),
      color: field.string().default("grey"),
    }),
  },
});
const toTwo = {
  tasks: {
    renamed: { title: "name" },
    removed: { color: field.string().default("grey") },
    changed: [
      lens({
        from: { urgent: field.boolean().default(false) },
        to: { priority: field.integer() },
        up: ({ urgent }) => ({ priority: urgent ? 3 : 1 }),
        down: ({ priority }) => ({ urgent: priority >= 3 }),
      }),
    ],
    added: { size: (task: { readonly [name: string]: unknown }) => String(task["name"]).length },
  },
};
const two = defineSchema({
  version: 2,
  collections: {
    tasks: collection({ title: field.string(), priority: field.integer(), size: field.integer() }),
  },
  migrations: migrations({ 2: toTwo }),
});
const three = defineSchema({
  version: 3,
  collections: {
    tasks: collection({ title: field.string(), priority: field.integer(), size: field.integer() }),
  },
  migrations: migrations({ 2: toTwo }),
});

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

/** A folder, and servers and clients that end with the test. */
class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), "tidelock-versions-"));
  readonly #servers: TidelockServer[] = [];
  readonly #clients: Array<{ close(): Promise<void> }> = [];
  #port = 0;

  constructor(test: TestContext) {
    test.after(async () => {
      for (const client of this.#clients) await client.close();
      for (const server of this.#servers) await server.close();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** A server on the data file, at the same address as the one before it. */
  async serve(schema: Schema, more: Partial<ServerOptions> = {}): Promise<TidelockServer> {
    const server = createServer({
      schema,
      storage: sqliteStorage({ path: join(this.folder, "data.db") }),
      logger: false,
      authenticate: (token) => ({ tenant: "acme", user: token }),
      ...more,
    });
    this.#servers.push(server);
    this.#port = (await server.listen(this.#port)).port;
    return server;
  }

  client<Source extends Schema>(
    name: string,
    schema: Source,
    more: Partial<Parameters<typeof createClient<Source>>[0]> = {},
  ): Client<Source> {
    const client = createClient({
      url: `http://127.0.0.1:${this.#port}`,
      schema,
      auth: "ana",
      store: sqliteStore({ path: join(this.folder, `${name}.db`) }),
      ...more,
    });
    this.#clients.push(client);
    return client;
  }
}

describe("an application and its server, from one version to the next", () => {
  test("old and new devices work together, and what was written offline in the old version arrives from the new one", async (context) => {
    const stage = new Stage(context);
    const first = await stage.serve(one);
    const laptop = stage.client("laptop", one);
    const phone = stage.client("phone", one);
    const onLaptop = laptop.tasks.query();
    const onPhone = phone.tasks.query();
    const stop = onPhone.subscribe(() => {});
    await laptop.tasks.create({ id: "t1", name: "Water the plants", urgent: true }).synced;
    await laptop.tasks.create({ id: "t2", name: "Feed the cat" }).synced;
    await when([onPhone], () => onPhone.isComplete && onPhone.data.length === 2);

    // The phone goes offline, and is used there.
    phone.goOffline();
    await phone.tasks.update("t1", { name: "Water them all", urgent: false }).saved;
    await phone.tasks.update("t2", { color: "red" }).saved;
    await phone.tasks.create({ id: "t3", name: "New here" }).saved;
    stop();
    await phone.close();

    // The server is renewed; the laptop is not, and goes on.
    await first.close();
    await stage.serve(two);
    const reader = stage.client("reader", two, { store: memoryStore() });
    const onReader = reader.tasks.query();
    onReader.subscribe(() => {});
    onLaptop.subscribe(() => {});
    await when([laptop.connection], () => laptop.connection.value.isConnected);
    await laptop.tasks.update("t2", { urgent: true }).synced;
    await when([onReader], () => reader.tasks.get("t2")?.priority === 3);
    assert.deepEqual(reader.tasks.get("t1"), { id: "t1", title: "Water the plants", priority: 3, size: 16 });
    await reader.tasks.update("t2", { title: "Feed the cats" }).synced;
    await when([onLaptop], () => laptop.tasks.get("t2")?.name === "Feed the cats");

    // The phone's application is renewed while it is still offline.
    const renewed = stage.client("phone", two, { autoConnect: false });
    await renewed.opened;
    const onRenewed = renewed.tasks.query();
    assert.deepEqual(renewed.tasks.get("t1"), { id: "t1", title: "Water them all", priority: 1, size: 16 });
    assert.deepEqual(renewed.tasks.get("t3"), { id: "t3", title: "New here", priority: 1, size: 8 });
    assert.equal(onRenewed.data.length, 3);
    assert.equal(renewed.status.value.pendingCount, 3);
    renewed.goOnline();
    await when([renewed.status], () => renewed.status.value.state === "synced");
    assert.deepEqual(renewed.rejected.value, []);
    await when(
      [onLaptop],
      () => laptop.tasks.get("t1")?.name === "Water them all" && laptop.tasks.get("t3") !== undefined,
    );
    assert.deepEqual(laptop.tasks.get("t1"), { id: "t1", name: "Water them all", urgent: false, color: "grey" });
    await when([onLaptop], () => laptop.tasks.get("t2")?.color === "red");
    await when([onReader], () => reader.tasks.get("t3")?.size === 8);
  });

  test("an old device over plain HTTP is understood as well", async (context) => {
    const stage = new Stage(context);
    await stage.serve(two);
    const old = stage.client("old", one, { transports: ["sse"], store: memoryStore() });
    const reader = stage.client("reader", two, { store: memoryStore() });
    const onReader = reader.tasks.query();
    onReader.subscribe(() => {});
    await old.tasks.create({ id: "t1", name: "by HTTP", urgent: true }).synced;
    await when([onReader], () => reader.tasks.get("t1")?.title === "by HTTP" && reader.tasks.get("t1")?.priority === 3);
  });

  test("a renewed device waits for a server that is not, and an old one is told where there is a newer one", async (context) => {
    const stage = new Stage(context);
    const first = await stage.serve(one);
    const ahead = stage.client("ahead", two, { store: memoryStore() });
    const write = ahead.tasks.create({ id: "t1", title: "waits", priority: 1, size: 1 });
    await when([ahead.connection], () => ahead.connection.value.lastError?.code === "schema-ahead");
    assert.equal(ahead.status.value.pendingCount, 1);
    await first.close();
    const second = await stage.serve(two);
    assert.equal((await write.synced).outcome, "applied");

    const old = stage.client("old", one);
    await old.tasks.create({ id: "t2", name: "seen by the server" }).synced;
    old.goOffline();
    await old.tasks.create({ id: "t3", name: "kept" }).saved;
    await second.close();
    await stage.serve(three, { upgrade: { message: "There is a newer version.", url: "https://example.com/app" } });
    old.goOnline();
    await when([old.connection], () => old.connection.value.phase === "upgrade-required");
    assert.deepEqual(old.connection.value.upgrade, {
      required: true,
      message: "There is a newer version.",
      url: "https://example.com/app",
    });
    assert.deepEqual(
      old.outbox.value.map(({ fields }) => fields),
      [{ name: "kept" }],
    );
    await old.close();
    const renewed = stage.client("old", three);
    const onRenewed = renewed.tasks.query();
    onRenewed.subscribe(() => {});
    await when([renewed.status, onRenewed], () => renewed.status.value.state === "synced" && onRenewed.isComplete);
    assert.deepEqual(renewed.tasks.get("t3"), { id: "t3", title: "kept", priority: 1, size: 4 });
    assert.deepEqual(renewed.rejected.value, []);
  });

  test("an older application leaves the store of a newer one alone", async (context) => {
    const stage = new Stage(context);
    const state = new MemoryStoreState();
    const newer = stage.client("device", two, { store: memoryStore(state), autoConnect: false });
    await newer.tasks.create({ id: "t1", title: "a", priority: 1, size: 1 }).saved;
    await newer.close();
    const before = JSON.stringify(state.read());
    const older = stage.client("device", one, { store: memoryStore(state), autoConnect: false });
    const troubles: string[] = [];
    older.on("trouble", ({ code }) => troubles.push(code));
    await assert.rejects(older.opened, (error) => error instanceof TidelockError && error.code === "store-newer");
    assert.deepEqual(troubles, ["store-newer"]);
    assert.throws(() => older.tasks.create({ name: "b" }), /client-closed/);
    assert.equal(JSON.stringify(state.read()), before);
  });
});
