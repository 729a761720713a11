/** A data file on its way to another version of the schema, with the server killed at every step of it. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { collection, defineSchema, field, lens, migrations, type Schema } from "@tidelock/core";
import { createServer, type ServerOptions, type TidelockServer } from "@tidelock/server";
import { memoryStorage } from "@tidelock/server/memory";
import { sqliteStorage } from "@tidelock/server/sqlite";

type Storage = ServerOptions["storage"];

const one = defineSchema({
  version: 1,
  collections: { tasks: collection({ name: field.string(), urgent: field.boolean().default(false) }) },
});
const two = defineSchema({
  version: 2,
  collections: { tasks: collection({ title: field.string(), priority: field.integer() }) },
  migrations: migrations({
    2: {
      tasks: {
        renamed: { title: "name" },
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
  }),
});
const ROWS = 450;
/** The appends of this migration: its beginning, three pages, its end. */
const APPENDS = 5;

function serve(schema: Schema, storage: Storage): TidelockServer {
  return createServer({ schema, storage, logger: false, authenticate: (user) => ({ tenant: "acme", user }) });
}

async function reconcile(server: TidelockServer, body: object): Promise<Response> {
  return server.fetch(
    new Request("http://localhost/sync/reconcile", {
      method: "POST",
      headers: { "authorization": "Bearer ana", "content-type": "application/json" },
      body: JSON.stringify({ device_id: "plain", mutations: [], ...body }),
    }),
  );
}

async function fill(storage: Storage): Promise<void> {
  const server = serve(one, storage);
  const mutations = Array.from({ length: ROWS }, (_, row) => ({
    temp_id: `m${row}`,
    entity_id: `t${String(row).padStart(3, "0")}`,
    collection: "tasks",
    operation: "create",
    payload: { name: `task ${row}`, urgent: row % 2 === 0 },
  }));
  assert.equal((await reconcile(server, { mutations })).status, 200);
  await server.close();
}

/** Every task by id, as the server answers a first download. */
async function tasksOf(server: TidelockServer): Promise<Map<string, unknown>> {
  const tasks = new Map<string, unknown>();
  for (let position: string | null = null, more = true; more;) {
    const response = await reconcile(server, { device_id: "reader", last_ack_version: position });
    assert.equal(response.status, 200);
    const answer = (await response.json()) as {
      readonly state: ReadonlyArray<{
        readonly collection: string;
        readonly entity_id: string;
        readonly fields: unknown;
      }>;
      readonly checkpoint: string;
      readonly has_more: boolean;
    };
    for (const { collection: of, entity_id: id, fields } of answer.state) if (of === "tasks") tasks.set(id, fields);
    position = answer.checkpoint;
    more = answer.has_more;
  }
  return tasks;
}

const expected = new Map(
  Array.from({ length: ROWS }, (_, row) => [
    `t${String(row).padStart(3, "0")}`,
    { title: `task ${row}`, priority: row % 2 === 0 ? 3 : 1 },
  ]),
);

/** A storage that dies: append number `at` is lost, or done and never answered. */
function dying(storage: Storage, at: number, how: "lost" | "unanswered"): Storage & { readonly dead: boolean } {
  let appends = 0;
  let dead = false;
  return new Proxy(storage as Storage & { readonly dead: boolean }, {
    get(target, name) {
      if (name === "dead") return dead;
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== "append") return value.bind(target);
      return async (...parameters: Parameters<Storage["append"]>) => {
        if (dead) throw new Error("the process is dead");
        appends += 1;
        dead = appends > at;
        if (!dead) return target.append(...parameters);
        if (how === "unanswered") await target.append(...parameters);
        throw new Error("the process was killed");
      };
    },
  });
}

describe("a data file that is migrated while its server is killed", () => {
  const folder = mkdtempSync(join(tmpdir(), "tidelock-migration-"));
  test.before(() => fill(sqliteStorage({ path: join(folder, "first", "data.db") })));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  const copyOfFirst = (name: string): string => {
    cpSync(join(folder, "first"), join(folder, name), { recursive: true });
    return join(folder, name);
  };

  for (const how of ["lost", "unanswered"] as const) {
    for (let at = 0; at < APPENDS; at++) {
      test(`[H26] at append ${at + 1}, ${how}, ends with the same rows`, async () => {
        const home = copyOfFirst(`${how}-${at}`);
        const storage = dying(sqliteStorage({ path: join(home, "data.db") }), at, how);
        const killed = serve(two, storage);
        assert.equal((await reconcile(killed, {})).status, 503);
        assert.equal(storage.dead, true);
        // What a dead process leaves behind is what its files are now.
        const remains = join(folder, `${how}-${at}-remains`);
        cpSync(home, remains, { recursive: true });
        await killed.close();

        const again = serve(two, sqliteStorage({ path: join(remains, "data.db") }));
        assert.deepEqual(await tasksOf(again), expected);
        await again.close();
      });
    }
  }

  test("[H26] is served by the older version until the first step is on disk, and not after", async () => {
    for (const [at, status] of [
      [0, 200],
      [1, 503],
    ] as const) {
      const path = join(copyOfFirst(`older-${at}`), "data.db");
      const killed = serve(two, dying(sqliteStorage({ path }), at, "lost"));
      await reconcile(killed, {});
      await killed.close();
      const older = serve(one, sqliteStorage({ path }));
      assert.equal((await reconcile(older, {})).status, status);
      await older.close();
    }
  });
});

test("[H26] a storage in memory is migrated by the same steps", async () => {
  const storage = memoryStorage();
  // It outlives its servers.
  const kept: Storage = Object.assign(Object.create(storage) as Storage, {
    open: async () => {},
    close: async () => {},
  });
  await storage.open();
  await fill(kept);
  // Each start goes on where the one before was killed: its beginning, one page more, and in the end only the last note.
  for (let at = 0; at < APPENDS - 1; at++) {
    const killed = serve(two, dying(kept, at, "lost"));
    assert.equal((await reconcile(killed, {})).status, 503);
    await killed.close();
  }
  const server = serve(two, kept);
  assert.deepEqual(await tasksOf(server), expected);
  await server.close();
});
