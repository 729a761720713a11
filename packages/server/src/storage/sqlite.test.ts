import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { parseDeviceId, parseEntityId, parseEpoch, parseTenantId } from "@tidelock/core";
import { storageContract } from "@tidelock/testkit/conformance";
import type { Commit, StoredDecision } from "../engine/records.ts";
import { migrate, MIGRATIONS, openToWrite } from "./sqlite-format.ts";
import { flatten } from "./sqlite-messages.ts";
import { SqliteWriter } from "./sqlite-writer.ts";
import { sqliteStorage } from "./sqlite.ts";

describe("the SQLite storage keeps the storage contract", () => {
  const makeDisk = async () => {
    const folder = mkdtempSync(join(tmpdir(), "tidelock-"));
    return {
      storage: () => sqliteStorage({ path: join(folder, "data.db") }),
      remove: async () => rmSync(folder, { recursive: true }),
    };
  };
  for (const { name, run } of storageContract(makeDisk, { histories: 6 })) test(name, run);
});

const tenant = parseTenantId("acme")!;

/** A commit of one event and one entity that is as long as asked for. */
function commitAfter(head: number, length = 10): Commit {
  const entity = {
    collection: "tasks",
    id: parseEntityId(`e${head}`)!,
    at: head + 1,
    row: `["${"x".repeat(length)}"]`,
    meta: "",
  };
  const event = { offset: head + 1, remaining: 0, body: "{}" };
  return { tenant, head, events: [event], entities: [entity], receipts: [], decisions: [], devices: [], columns: [] };
}

function decisionAt(offset: number): StoredDecision {
  const about = { collection: "tasks", entity: parseEntityId(`e${offset % 100}`)!, field: "title", policy: "lww" };
  return { offset, index: 0, ...about, winner: "current", time: offset, body: "{}" };
}

async function withPath(run: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tidelock-"));
  try {
    await run(join(folder, "data.db"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("the data file", () => {
  test("has one owner; a second one is told so, and can have it when the first is closed", async () => {
    await withPath(async (path) => {
      const [first, second] = [sqliteStorage({ path }), sqliteStorage({ path })];
      await first.open();
      await assert.rejects(second.open(), { code: "data-in-use" });
      symlinkSync(path, `${path}-link`);
      await assert.rejects(sqliteStorage({ path: `${path}-link` }).open(), { code: "data-in-use" });
      await first.openTenant(tenant);
      await first.append([commitAfter(0)]);
      await first.close();
      await second.open();
      assert.equal((await second.openTenant(tenant)).head, 1);
      await second.close();
    });
  });

  test("of a newer version is refused and left as it is", async () => {
    await withPath(async (path) => {
      const storage = sqliteStorage({ path });
      await storage.open();
      await storage.close();
      const database = new DatabaseSync(path);
      database.exec("PRAGMA user_version = 1000; PRAGMA wal_checkpoint(TRUNCATE)");
      database.close();
      const before = readFileSync(path);
      await assert.rejects(storage.open(), { code: "data-newer", detail: /format 1000/ });
      assert.deepEqual(readFileSync(path), before);
    });
  });

  test("of another program, or of none, is refused and left as it is", async () => {
    await withPath(async (path) => {
      const database = new DatabaseSync(path);
      database.exec("CREATE TABLE bookmarks (url TEXT)");
      database.close();
      const before = readFileSync(path);
      await assert.rejects(sqliteStorage({ path }).open(), { code: "storage-unavailable", detail: /another program/ });
      assert.deepEqual(readFileSync(path), before);
      writeFileSync(path, "This is a text and no database at all, and it is long enough for a header. ".repeat(20));
      await assert.rejects(sqliteStorage({ path }).open(), { code: "storage-unavailable", detail: /not a database/ });
      await assert.rejects(sqliteStorage({ path: join(path, "..") }).open(), { code: "storage-unavailable" });
      assert.throws(() => sqliteStorage({ path: ":memory:" }), { code: "config-invalid" });
    });
  });

  test("is asked for nothing while it is closed", async () => {
    await withPath(async (path) => {
      const storage = sqliteStorage({ path });
      await assert.rejects(storage.tenants(), { code: "storage-unavailable" });
      await storage.open();
      await storage.snapshot(tenant, "tasks", {}, []);
      await storage.close();
      await storage.close();
      await assert.rejects(storage.append([commitAfter(0)]), { code: "storage-unavailable" });
      await assert.rejects(storage.snapshot(tenant, "tasks", {}, []), { code: "storage-unavailable" });
      assert.deepEqual(readdirSync(join(path, "..")).sort(), ["data.db", "data.db-lock"]);
    });
  });
});

test("G29: a migration that is cut off at any step leaves the old format, and finishes when it runs again", async () => {
  await withPath(async (path) => {
    const step = "SELECT step();";
    const migrations = [
      `${step} CREATE TABLE a (x INTEGER) STRICT; ${step}
       INSERT INTO a SELECT value FROM json_each('[${Array.from({ length: 3000 }, (_, x) => x).join()}]'); ${step}`,
      `ALTER TABLE a ADD COLUMN y TEXT; ${step} UPDATE a SET y = hex(zeroblob(200)) || x; ${step} CREATE INDEX i ON a (y); ${step}`,
      `${step} CREATE TABLE b (z TEXT) STRICT; INSERT INTO b SELECT y FROM a; DROP INDEX i; ${step} DROP TABLE a; ${step}`,
    ];
    const contentOf = (database: DatabaseSync): unknown => [
      database.prepare("PRAGMA user_version").get(),
      database.prepare("SELECT sql FROM sqlite_schema").all(),
      database.prepare("SELECT count(*), min(z), max(z) FROM b").get(),
      database.prepare("PRAGMA integrity_check").get(),
    ];
    const open = (at: string, onStep: () => void): DatabaseSync => {
      const database = new DatabaseSync(at);
      // So small a cache lets pages of an unfinished transaction reach the log.
      database.exec("PRAGMA journal_mode = WAL; PRAGMA cache_size = 3");
      database.function("step", () => (onStep(), null));
      return database;
    };
    const images: string[] = [];
    const database = open(path, () => {
      const image = `${path}.${images.length}`;
      for (const ending of ["", "-wal"]) copyFileSync(path + ending, image + ending);
      images.push(image);
    });
    migrate(database, migrations);
    const expected = contentOf(database);
    database.close();
    assert.equal(images.length, 9);
    for (const image of images) {
      const found = open(image, () => {});
      migrate(found, migrations);
      assert.deepEqual(contentOf(found), expected, image);
      found.close();
    }
  });
});

test("G29: a data file of format 1 is brought up to date with what it has, also when that was cut off before", async () => {
  await withPath(async (path) => {
    const old = new DatabaseSync(path);
    old.exec("PRAGMA journal_mode = WAL; PRAGMA cache_size = 3");
    migrate(old, MIGRATIONS.slice(0, 1));
    old.exec(`
      INSERT INTO tenants (name, epoch, head, floor, published) VALUES ('acme', 'epoch-of-a-test', 2, 1, 2);
      INSERT INTO collections (tenant, name, columns) VALUES (1, 'tasks', '["title"]');
      INSERT INTO events (key, remaining, body) VALUES ((1 << 40) | 2, 0, '{"n":2}');
      INSERT INTO entities (collection, id, at, row, meta) VALUES (1, 'e1', 2, '["x"]', '{}');`);
    assert.deepEqual({ ...old.prepare("PRAGMA user_version").get() }, { user_version: 1 });
    const images: string[] = [];
    const copy = (): void => {
      const image = `${path}.${images.length}`;
      for (const ending of ["", "-wal"]) copyFileSync(path + ending, image + ending);
      images.push(image);
    };
    copy();
    old.exec("BEGIN EXCLUSIVE");
    for (const statement of MIGRATIONS[1]!.split(";")) {
      old.exec(statement);
      copy();
    }
    old.exec("PRAGMA user_version = 2");
    copy();
    old.exec("COMMIT");
    copy();
    old.close();
    assert.ok(images.length > 8);
    for (const image of images) {
      const storage = sqliteStorage({ path: image });
      await storage.open();
      const { epoch, head, floor, columns } = await storage.openTenant(tenant);
      assert.deepEqual([epoch, head, floor, [...columns]], ["epoch-of-a-test", 2, 1, [["tasks", ["title"]]]]);
      const event = { offset: 2, remaining: 0, body: '{"n":2}' };
      assert.deepEqual(await storage.readEvents(tenant, 0, 10), [event]);
      assert.deepEqual(await storage.readEventsAt(tenant, [1, 2, 3]), [event]);
      assert.equal((await storage.readPage(tenant, "tasks", null, 10)).entities.length, 1);
      assert.deepEqual(await storage.readDecisions(tenant, {}, 10), []);
      await storage.append([{ ...commitAfter(2), decisions: [decisionAt(3)] }]);
      assert.deepEqual(await storage.readDecisions(tenant, { collection: "tasks" }, 10), [decisionAt(3)]);
      await storage.close();
    }
  });
});

/** The writer without its thread. */
function withWriter(path: string, run: (perform: SqliteWriter["perform"], database: DatabaseSync) => void): void {
  const database = openToWrite(path);
  const writer = new SqliteWriter(database, () => parseEpoch("epoch-of-a-test")!);
  run((requests) => writer.perform(requests), database);
  database.close();
}

test("what did not fit on the disk is refused by itself, and fits when there is room again", async () => {
  await withPath(async (path) => {
    withWriter(path, (perform, database) => {
      perform([{ number: 1, request: ["openTenant", tenant] }]);
      database.exec("PRAGMA max_page_count = 40");
      const [small, large, after] = [commitAfter(0), commitAfter(1, 1_000_000), commitAfter(1)];
      const together = perform(
        [small, large, after].map((commit, number) => ({ number, request: ["append", flatten([commit])] })),
      );
      assert.deepEqual(
        together.map((reply) => (reply.type === "failed" ? reply.failure.kind : reply.type)),
        ["done", "storage-unavailable", "done"],
      );
      database.exec("PRAGMA max_page_count = 10000");
      const again = perform([{ number: 4, request: ["append", flatten([commitAfter(2, 1_000_000)])] }]);
      assert.equal(again[0]?.type, "done");
    });
  });
});

test("G29: a trim that was cut off is finished by the next; nothing below the floor is read in between", async () => {
  await withPath(async (path) => {
    const count = (database: DatabaseSync): unknown =>
      database.prepare("SELECT count(*) AS n FROM events").get()?.["n"];
    withWriter(path, (perform, database) => {
      perform([{ number: 1, request: ["openTenant", tenant] }]);
      for (let head = 0; head < 9; head++) perform([{ number: 2, request: ["append", flatten([commitAfter(head)])] }]);
      perform([{ number: 3, request: ["raiseFloor", tenant, 5] }]);
      assert.equal(count(database), 9);
    });
    const storage = sqliteStorage({ path });
    await storage.open();
    assert.deepEqual(
      (await storage.readEvents(tenant, 0, 100)).map(({ offset }) => offset),
      [6, 7, 8, 9],
    );
    const at = await storage.readEventsAt(tenant, [5, 6]);
    assert.deepEqual(
      at.map(({ offset }) => offset),
      [6],
    );
    await storage.trim(tenant, 5);
    await storage.close();
    withWriter(path, (_, database) => assert.equal(count(database), 4));
  });
});

test("a trim of many rows goes in portions, and appends take their turn in between", async () => {
  await withPath(async (path) => {
    const device = parseDeviceId("device-1")!;
    const storage = sqliteStorage({ path });
    await storage.open();
    await storage.openTenant(tenant);
    const rows = Array.from({ length: 9000 }, (_, index) => index + 1);
    const dead = rows.map((at) => ({ collection: "tasks", id: parseEntityId(`dead${at}`)!, at, row: null, meta: "" }));
    await storage.append([
      {
        ...commitAfter(0),
        events: rows.map((offset) => ({ offset, remaining: 0, body: "{}" })),
        entities: dead,
        receipts: rows.map((offset) => ({
          device,
          counter: offset,
          name: null,
          outcome: "applied",
          offset,
          detail: null,
        })),
      },
    ]);
    const state = { isTrimmed: false };
    const trimmed = storage.trim(tenant, 8999).then(() => (state.isTrimmed = true));
    let between = 0;
    for (let head = 9000; !state.isTrimmed; head++) {
      await storage.append([commitAfter(head)]);
      between += 1;
    }
    await trimmed;
    assert.ok(between > 3, `${between} appends in between`);
    assert.equal((await storage.readEvents(tenant, 0, 1))[0]?.offset, 9000);
    const left = await storage.readEntities(
      tenant,
      dead.map(({ collection, id }) => [collection, id]),
    );
    assert.deepEqual(
      left.map(({ at }) => at),
      [9000],
    );
    assert.deepEqual(
      (await storage.readReceipts(tenant, device, 0, 10)).map(({ offset }) => offset),
      [9000],
    );
    await storage.close();
  });
});
