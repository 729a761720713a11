/**
 * The data file of the SQLite storage: its format, how it is opened, and how an older one becomes a current one.
 *
 * A data file is an SQLite database in WAL mode. `application_id` is "TDLK"; `user_version` is the number of the last
 * migration that has run. Offsets and counters are as in `core/ids.ts`; times are milliseconds since 1970; JSON is kept
 * as the text that the engine wrote. Names are interned as small integers, so that keys are short.
 *
 *   tenants      one log each: `name`, `epoch`, `head` (offset of the last event), `floor` (events up to it are trimmed),
 *                `published` (events up to it are on the bus)
 *   collections  `name` within a `tenant`; `columns`: JSON list of column names, null until the engine has given them
 *   devices      `name` within a `tenant`, its `user` (null: known by a receipt only), the highest counter `decided`, the
 *                highest offset `acknowledged`, `seen_at` in ms
 *   events       `key` = tenant × 2^40 + offset, so a log is one run of the table's own tree: no second index is written.
 *                2^23 tenants with 2^40 events each fit. `remaining` events of the same transaction follow; `body` JSON
 *   entities     by `collection` and `id`: `at` (offset of the last event), `row` (JSON list of values in column order, null
 *                for a tombstone), `meta` (JSON of the engine). `row` comes before `meta`, so that a snapshot never reads it
 *   receipts     by `device` and `counter`: `name` (what a plain HTTP client calls the mutation) or null, `outcome` (position
 *                in `OUTCOMES`), `offset` of the event (0 when rejected), `settled_at` (that offset; the
 *                largest when rejected or named: a trim that reaches it forgets the receipt), `detail` JSON or null
 *   decisions    by `event` (the key of its event, which may be trimmed) and `position` among the event's decisions:
 *                `collection`, `entity`, `field` (null: the whole entity was at stake), `policy`, `winner`, `time` in ms,
 *                `body` JSON. Never deleted. Each index is in the order of the log below its first column, and holds what
 *                a query by that column may ask besides, so that only decisions that fit are read from the table.
 *                Format 1 had none
 *
 * What stays true: a migration and its new number are one transaction, so a process that is killed in it leaves the old
 * format whole. A file of the future is never written to.
 *
 * Beside the file lie SQLite's own `-wal` and `-shm`, and `-lock`: an empty database in which the owner holds an open
 * exclusive transaction. The operating system ends it with the process, however that dies. Locking the data file itself
 * (`locking_mode=EXCLUSIVE`) would also keep out the storage's own second connection.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { type Outcome, TidelockError } from "@tidelock/core";

/** The outcome of a receipt is stored as its position here; new ones come at the end. */
export const OUTCOMES: readonly Outcome[] = ["applied", "duplicate", "merged", "in-review", "rejected"];

const APPLICATION_ID = 0x54444c4b;

/** Migration n is at position n - 1. A released one is never changed. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE tenants (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    epoch TEXT NOT NULL,
    head INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    published INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE collections (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    name TEXT NOT NULL,
    columns TEXT,
    UNIQUE (tenant, name)
  ) STRICT;
  CREATE TABLE devices (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    name TEXT NOT NULL,
    user TEXT,
    decided INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    UNIQUE (tenant, name)
  ) STRICT;
  CREATE TABLE events (
    key INTEGER PRIMARY KEY,
    remaining INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE entities (
    collection INTEGER NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    row TEXT,
    meta TEXT NOT NULL,
    PRIMARY KEY (collection, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tombstones ON entities (collection, at) WHERE row IS NULL;
  CREATE TABLE receipts (
    device INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    name TEXT,
    outcome INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    settled_at INTEGER NOT NULL,
    detail TEXT,
    PRIMARY KEY (device, counter)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX receipt_names ON receipts (device, name) WHERE name IS NOT NULL;
  PRAGMA application_id = ${APPLICATION_ID};
  `,
  `
  CREATE TABLE decisions (
    event INTEGER NOT NULL,
    position INTEGER NOT NULL,
    collection INTEGER NOT NULL,
    entity TEXT NOT NULL,
    field TEXT,
    policy TEXT NOT NULL,
    winner TEXT NOT NULL,
    time INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX decisions_by_entity ON decisions (entity, event, position, collection, field, policy, winner);
  CREATE INDEX decisions_by_collection ON decisions (collection, event, position, field, policy, winner);
  CREATE INDEX decisions_by_policy ON decisions (policy, event, position, field, winner);
  CREATE INDEX decisions_by_winner ON decisions (winner, event, position, field);
  CREATE INDEX decisions_in_order ON decisions (event, position, field);
  `,
];

/** Milliseconds to wait for a lock. Only a process that is just ending, or a backup, holds one for a moment. */
const BUSY_TIMEOUT_MS = 500;
/** SQLite's primary result codes. */
const SQLITE_BUSY = 5;

/** Takes the data file for this process. Closing the database that is returned, or the death of the process, gives it back. */
export function lockDataFile(path: string): DatabaseSync {
  makeFolder(dirname(resolve(path)));
  const lock = new DatabaseSync(`${existsSync(path) ? realpathSync(path) : path}-lock`, { timeout: BUSY_TIMEOUT_MS });
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (sqliteCode(error) === SQLITE_BUSY) throw new TidelockError("data-in-use", path, { cause: error });
    throw error;
  }
}

/** The connection that writes, and that brings an older file up to date. */
export function openToWrite(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    assertKnownFormat(database, path, MIGRATIONS.length);
    // FULL syncs the log at every commit; fullfsync reaches the medium on macOS as well. Rare checkpoints were measured
    // to be worth a third of the throughput; the log then grows to about 32 MiB. Cache: 64 MiB.
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA fullfsync = ON;
      PRAGMA checkpoint_fullfsync = ON;
      PRAGMA wal_autocheckpoint = 8000;
      PRAGMA cache_size = -65536;
    `);
    migrate(database, MIGRATIONS);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A second connection that only reads. The file must have been opened to write before. */
export function openToRead(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  database.exec("PRAGMA query_only = ON; PRAGMA cache_size = -16384;");
  return database;
}

/** Runs the migrations that the file has not seen. Killed at any step and run again, it ends with the same format. */
export function migrate(database: DatabaseSync, migrations: readonly string[]): void {
  for (const [index, migration] of migrations.entries()) {
    if (pragma(database, "user_version") > index) continue;
    database.exec("BEGIN EXCLUSIVE");
    try {
      database.exec(migration);
      database.exec(`PRAGMA user_version = ${index + 1}`);
      database.exec("COMMIT");
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }
}

function assertKnownFormat(database: DatabaseSync, path: string, newest: number): void {
  const format = pragma(database, "user_version");
  const application = pragma(database, "application_id");
  const tables = integer(database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()?.["tables"]);
  if (application !== APPLICATION_ID && (tables > 0 || format > 0)) {
    throw new TidelockError("storage-unavailable", `${path} is a database of another program`);
  }
  if (format > newest) {
    throw new TidelockError("data-newer", `${path} has format ${format}; this version reads up to ${newest}`);
  }
}

function pragma(database: DatabaseSync, name: "user_version" | "application_id"): number {
  return integer(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** Makes a folder so that it survives a power loss: a new name is durable when the folder that holds it is synced. */
function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true });
  if (first === undefined || process.platform === "win32") return;
  for (let each = folder; each.length >= dirname(first).length; each = dirname(each)) {
    const descriptor = openSync(each, "r");
    fsyncSync(descriptor);
    closeSync(descriptor);
    if (each === dirname(each)) return;
  }
}

/** SQLite's primary result code of an error, or `null` when the error is not SQLite's. */
export function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  return error.errcode & 0xff;
}

/** A column that holds text. */
export function text(value: SQLOutputValue | undefined): string {
  return typeof value === "string" ? value : damaged(value);
}

/** A column that holds text or nothing. */
export function textOrNull(value: SQLOutputValue | undefined): string | null {
  return value === null ? null : text(value);
}

/** A column that holds an integer. */
export function integer(value: SQLOutputValue | undefined): number {
  return typeof value === "number" ? value : damaged(value);
}

/** What a stored name was parsed to; a name that cannot be parsed was not written by a storage. */
export function intact<Parsed>(parsed: Parsed | null | undefined): Parsed {
  return parsed ?? damaged(parsed);
}

function damaged(value: unknown): never {
  throw new TidelockError("storage-unavailable", `the data file is damaged: found ${typeof value} in the wrong place`);
}
