import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, describe, test } from "node:test";
import { TidelockError } from "@tidelock/core";
import { type StoreDisk, storeContract } from "@tidelock/testkit/conformance";
import type { StoreBatch } from "./memory.ts";
import { sqliteStore } from "./sqlite.ts";

const root = mkdtempSync(join(tmpdir(), "tidelock-store-"));
after(() => rmSync(root, { recursive: true, force: true }));

function newFolder(): string {
  return mkdtempSync(join(root, "disk-"));
}

/** A crash is a copy of the files: commits happen whole within one turn, so a copy falls between two of them. */
function fileDisk(durability: "strict" | "relaxed", folder = newFolder()): StoreDisk {
  return {
    store: () => sqliteStore({ path: join(folder, "replica.db"), durability }),
    async crash() {
      const copy = newFolder();
      cpSync(folder, copy, { recursive: true });
      return fileDisk(durability, copy);
    },
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

const nothing: StoreBatch = { facts: null, clear: [], put: [], remove: [], putMutations: [], removeMutations: [] };

/** A program that commits one mutation after the other and prints the counter of each that resolved. */
const writer = `
  import { sqliteStore } from ${JSON.stringify(import.meta.resolve("./sqlite.ts"))};
  const store = sqliteStore({ path: process.argv[1], durability: "strict" });
  await store.open();
  for (let counter = 1; ; counter++) {
    const row = { collection: "tasks", id: "last", at: counter, values: ["x".repeat(counter % 3000)] };
    const batch = { facts: null, clear: [], remove: [], removeMutations: [] };
    await store.commit({ ...batch, put: [row], putMutations: [{ counter }] });
    console.log(counter);
  }
`;

function startWriter(path: string) {
  const flags = ["--conditions=@tidelock/source", "--input-type=module", "--eval", writer, path];
  return spawn(process.execPath, flags, { stdio: ["ignore", "pipe", "inherit"] });
}

describe("The SQLite store", () => {
  for (const durability of ["strict", "relaxed"] as const) {
    describe(`with ${durability} durability`, () => {
      for (const { name, run } of storeContract(async () => fileDisk(durability))) test(name, run);
    });
  }

  test("keeps what had resolved when its process is killed", async () => {
    for (const wanted of [1, 40, 400]) {
      const path = join(newFolder(), "replica.db");
      const child = startWriter(path);
      let printed = "";
      for await (const bytes of child.stdout) {
        printed += String(bytes);
        if (printed.split("\n").length > wanted) child.kill("SIGKILL");
      }
      const resolved = Number(printed.split("\n").at(-2));
      assert.ok(resolved >= wanted);

      const store = sqliteStore({ path });
      const { rows, mutations } = await store.open();
      await store.close();
      assert.ok(mutations.length >= resolved, `${resolved} had resolved, ${mutations.length} are there`);
      assert.deepEqual(
        mutations.map(({ counter }) => counter),
        Array.from({ length: mutations.length }, (_, index) => index + 1),
      );
      assert.equal(rows[0]?.at, mutations.length);
    }
  });

  test("refuses a file that another process holds, and takes it once that process is gone", async () => {
    const path = join(newFolder(), "replica.db");
    const child = startWriter(path);
    await once(child.stdout, "data");
    const store = sqliteStore({ path });
    await assert.rejects(store.open(), { code: "store-unavailable" });
    child.kill("SIGKILL");
    await once(child, "close");
    assert.notEqual((await store.open()).mutations.length, 0);
    await store.close();
  });

  test("refuses a file that another store of this process holds", async () => {
    const path = join(newFolder(), "replica.db");
    const first = sqliteStore({ path });
    await first.open();
    await assert.rejects(sqliteStore({ path }).open(), { code: "store-unavailable" });
    await first.commit({ ...nothing, removeMutations: [1] });
    await first.close();
  });

  test("makes one transaction of the commits of one turn", async () => {
    const path = join(newFolder(), "replica.db");
    const store = sqliteStore({ path });
    await store.open();
    const logBytes = (): number => statSync(`${path}-wal`).size;
    const putRow = (at: number): StoreBatch => {
      const row = { collection: "tasks", id: "a", at, values: [] };
      return { ...nothing, put: [row as unknown as StoreBatch["put"][number]] };
    };
    await store.commit(putRow(0));
    const before = logBytes();
    await Promise.all(Array.from({ length: 1000 }, (_, at) => store.commit(putRow(at))));
    // A transaction writes each changed page once; a thousand of them would write thousands of pages.
    assert.ok(logBytes() - before < 10 * 4200, `${logBytes() - before} bytes`);
    await store.close();
  });

  test("says store-quota when the disk is full, and holds what it held", async () => {
    const path = join(newFolder(), "replica.db");
    const small = sqliteStore({ path });
    await small.open();
    await small.commit({ ...nothing, put: [textRow("first", 10)] });
    await small.close();
    // The size bound of a file is kept in the connection; a full temporary file system is not for every machine.
    const exec = DatabaseSync.prototype.exec;
    DatabaseSync.prototype.exec = function (sql) {
      exec.call(this, sql.startsWith("BEGIN IMMEDIATE") ? `PRAGMA max_page_count = 16; ${sql}` : sql);
    };
    try {
      const store = sqliteStore({ path });
      await store.open();
      const commits = [textRow("small", 10), textRow("large", 200_000)].map((row) =>
        store.commit({ ...nothing, put: [row] }),
      );
      const outcomes = await Promise.allSettled(commits);
      // One transaction: it is true of both that nothing of them is there.
      for (const outcome of outcomes) assert.equal(outcome.status === "rejected" && outcome.reason.code, "store-quota");
      await store.commit({ ...nothing, put: [textRow("second", 10)] });
      await store.close();
    } finally {
      DatabaseSync.prototype.exec = exec;
    }
    const store = sqliteStore({ path });
    assert.deepEqual(
      (await store.open()).rows.map(({ id }) => id),
      ["first", "second"],
    );
    await store.close();
  });

  test("leaves nothing of a batch that cannot be written down", async () => {
    const path = join(newFolder(), "replica.db");
    const store = sqliteStore({ path });
    await store.open();
    const impossible = { ...textRow("impossible", 1), values: [1n] } as unknown as StoreBatch["put"][number];
    await assert.rejects(store.commit({ ...nothing, put: [textRow("before", 1), impossible] }), TidelockError);
    await store.commit({ ...nothing, put: [textRow("after", 1)] });
    await store.close();
    assert.deepEqual(
      (await store.open()).rows.map(({ id }) => id),
      ["after"],
    );
    await store.close();
  });

  test("says store-corrupt for what cannot be read", async () => {
    const noDatabase = join(newFolder(), "replica.db");
    writeFileSync(noDatabase, "this is a diary, not a database. ".repeat(1000));
    await assert.rejects(sqliteStore({ path: noDatabase }).open(), { code: "store-corrupt" });

    const cut = await filledFile();
    truncateSync(cut, 3 * 4096);
    await assert.rejects(sqliteStore({ path: cut }).open(), { code: "store-corrupt" });

    for (const damage of [
      "UPDATE rows SET row_values = '[1,'",
      "UPDATE facts SET facts = '7'",
      "UPDATE outbox SET mutation = '{}'",
    ]) {
      const path = await filledFile();
      alter(path, damage);
      await assert.rejects(sqliteStore({ path }).open(), { code: "store-corrupt" }, damage);
    }
  });

  test("says store-unavailable for what is not its own or cannot be opened, and leaves it alone", async () => {
    await assert.rejects(sqliteStore({ path: join(root, "no-such-folder", "replica.db") }).open(), {
      code: "store-unavailable",
    });

    const foreign = join(newFolder(), "photos.db");
    alter(foreign, "CREATE TABLE photos (id)");
    await assert.rejects(sqliteStore({ path: foreign }).open(), {
      code: "store-unavailable",
      message: /another application/,
    });

    const newer = await filledFile();
    alter(newer, "PRAGMA user_version = 99");
    await assert.rejects(sqliteStore({ path: newer }).open(), { code: "store-unavailable", message: /newer/ });
  });

  test("can be opened again after it was refused", async () => {
    const path = join(newFolder(), "replica.db");
    const holder = sqliteStore({ path });
    await holder.open();
    const store = sqliteStore({ path });
    await assert.rejects(store.open(), { code: "store-unavailable" });
    await holder.close();
    await store.open();
    await store.close();
  });

  test("says how durable it is", () => {
    assert.equal(sqliteStore({ path: "replica.db" }).durability, "durable");
    assert.equal(sqliteStore({ path: ":memory:" }).durability, "memory");
  });
});

function textRow(id: string, length: number): StoreBatch["put"][number] {
  return { collection: "tasks", id, at: 1, values: ["x".repeat(length)] } as unknown as StoreBatch["put"][number];
}

async function filledFile(): Promise<string> {
  const path = join(newFolder(), "replica.db");
  const store = sqliteStore({ path });
  await store.open();
  const rows = Array.from({ length: 100 }, (_, index) => textRow(`row-${index}`, 1000));
  const facts = { device: "device-1" } as unknown as StoreBatch["facts"];
  const mutation = { counter: 1 } as unknown as StoreBatch["putMutations"][number];
  await store.commit({ ...nothing, facts, put: rows, putMutations: [mutation] });
  await store.close();
  return path;
}

function alter(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}
