/**
 * The SQLite store: a replica in one file, for Node, on the SQLite that Node brings.
 *
 * Format (`user_version` 1): `facts` one row of JSON; `rows` one row per entity, its values as a JSON array; `outbox` one
 * row per mutation, as JSON. Write-ahead log, exclusive locking: the file belongs to one process from `open` to `close` or
 * death, and a second one is refused at once. One transaction per group of commits.
 *
 * `strict` syncs the disk before a commit resolves: it survives power loss. `relaxed` survives the end of the program, and
 * of the machine up to the last few commits. SQLite here works synchronously, so a commit holds the event loop while the
 * disk writes; the commits of one turn of the loop are one transaction, so that ten thousand of them cost one sync.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { type Counter, TidelockError } from "@tidelock/core";
import type { StoreBatch, StoredFacts, StoredMutation, StoredReplica, StoredRow } from "../engine/records.ts";
import { GroupCommit } from "./group-commit.ts";
import type { Durability, Store } from "./store.ts";

export interface SqliteStoreOptions {
  /** The file; made when it does not exist. Its folder must exist. `:memory:` is gone at `close`. */
  readonly path: string;
  /** Default `strict`. */
  readonly durability?: "strict" | "relaxed";
}

export function sqliteStore(options: SqliteStoreOptions): Store {
  return new SqliteStore(options);
}

/** Written into the file's header ("Tide"), so that the file of another application is not taken for ours. */
const APPLICATION_ID = 0x54696465;
const FORMAT_VERSION = 1;
/** Pages in the log before they are moved into the file. Fewer cost more syncs; more make the log file larger. */
const CHECKPOINT_PAGES = 4000;

const TABLES = `
  CREATE TABLE IF NOT EXISTS facts (id INTEGER PRIMARY KEY CHECK (id = 1), facts TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS rows (
    collection TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, row_values TEXT NOT NULL,
    PRIMARY KEY (collection, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outbox (counter INTEGER PRIMARY KEY, mutation TEXT NOT NULL) STRICT;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT_VERSION};
`;

class SqliteStore implements Store {
  readonly durability: Durability;
  readonly #path: string;
  readonly #synchronous: "FULL" | "NORMAL";
  readonly #group = new GroupCommit({
    write: (batches) => this.#write(batches),
    // After the turn's callbacks and microtasks: what one turn commits is one transaction.
    schedule: (flush) => void setImmediate(flush),
  });
  #file: OpenFile | null = null;

  constructor({ path, durability = "strict" }: SqliteStoreOptions) {
    this.#path = path;
    this.#synchronous = durability === "strict" ? "FULL" : "NORMAL";
    this.durability = path === ":memory:" ? "memory" : "durable";
  }

  async open(): Promise<StoredReplica> {
    await this.#group.flush();
    try {
      this.#file ??= new OpenFile(this.#path, this.#synchronous);
      return this.#file.read();
    } catch (error) {
      throw storeError(error);
    }
  }

  commit(batch: StoreBatch): Promise<void> {
    return this.#group.commit(batch);
  }

  async close(): Promise<void> {
    await this.#group.flush();
    this.#file?.close();
    this.#file = null;
  }

  #write(batches: readonly StoreBatch[]): void {
    if (this.#file === null) throw new TidelockError("store-unavailable", "the store is not open");
    try {
      this.#file.write(batches);
    } catch (error) {
      throw storeError(error);
    }
  }
}

/** The file while it is ours. */
class OpenFile {
  readonly #database: DatabaseSync;
  readonly #statements: Readonly<Record<keyof typeof STATEMENTS, StatementSync>>;

  constructor(path: string, synchronous: "FULL" | "NORMAL") {
    this.#database = new DatabaseSync(path);
    try {
      this.#claim(synchronous);
      this.#statements = prepareAll(this.#database);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  read(): StoredReplica {
    const { readFacts, readRows, readOutbox } = this.#statements;
    const [facts] = readFacts.all() as { facts: string }[];
    const rows: StoredRow[] = [];
    for (const { collection, id, at, row_values } of readRows.iterate() as Iterable<RowRecord>) {
      rows.push({ collection, id, at, values: parseArray(row_values) });
    }
    const mutations = (readOutbox.all() as { mutation: string }[]).map(({ mutation }) => parseMutation(mutation));
    return { facts: facts === undefined ? null : parseFacts(facts.facts), rows, mutations };
  }

  /** One transaction. */
  write(batches: readonly StoreBatch[]): void {
    const database = this.#database;
    database.exec("BEGIN IMMEDIATE");
    try {
      for (const batch of batches) this.#writeContent(batch);
      const facts = batches.findLast((batch) => batch.facts !== null)?.facts;
      if (facts !== undefined) this.#statements.putFacts.run(JSON.stringify(facts));
      database.exec("COMMIT");
    } catch (error) {
      // SQLite has already rolled back after some errors, such as a full disk.
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  /** All of a batch but its facts, of which only a group's last count. */
  #writeContent(batch: StoreBatch): void {
    const { clear, putRow, removeRow, putMutation, removeMutation } = this.#statements;
    for (const collection of batch.clear) clear.run(collection);
    for (const { collection, id, at, values } of batch.put) putRow.run(collection, id, at, JSON.stringify(values));
    for (const [collection, id] of batch.remove) removeRow.run(collection, id);
    for (const mutation of batch.putMutations) putMutation.run(mutation.counter, JSON.stringify(mutation));
    for (const counter of batch.removeMutations) removeMutation.run(counter);
  }

  close(): void {
    this.#database.close();
  }

  /** Takes the file for this process, and makes the tables of a new one. */
  #claim(synchronous: "FULL" | "NORMAL"): void {
    const database = this.#database;
    // Before the first read, so that even the index of the log is private to this process.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    const application = pragma(database, "application_id");
    const version = pragma(database, "user_version");
    const isNew =
      application === 0 && version === 0 && database.prepare("SELECT 1 FROM sqlite_schema").get() === undefined;
    if (!isNew && application !== APPLICATION_ID) {
      throw new TidelockError("store-unavailable", "the file is a database of another application");
    }
    if (version > FORMAT_VERSION) {
      throw new TidelockError("store-unavailable", "the file was written by a newer version; install that version");
    }
    database.exec("PRAGMA journal_mode = WAL");
    database.exec(`PRAGMA synchronous = ${synchronous}`);
    database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    // Exclusive locks are taken at the first use and kept: this is where a second process is refused.
    database.exec(`BEGIN IMMEDIATE; ${isNew ? TABLES : ""} COMMIT`);
  }
}

interface RowRecord {
  readonly collection: string;
  readonly id: StoredRow["id"];
  readonly at: number;
  readonly row_values: string;
}

const STATEMENTS = {
  readFacts: "SELECT facts FROM facts",
  readRows: "SELECT collection, id, at, row_values FROM rows",
  readOutbox: "SELECT mutation FROM outbox ORDER BY counter",
  putFacts: "INSERT OR REPLACE INTO facts VALUES (1, ?)",
  clear: "DELETE FROM rows WHERE collection = ?",
  putRow: "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)",
  removeRow: "DELETE FROM rows WHERE collection = ? AND id = ?",
  putMutation: "INSERT OR REPLACE INTO outbox VALUES (?, ?)",
  removeMutation: "DELETE FROM outbox WHERE counter = ?",
} as const;

function prepareAll(database: DatabaseSync): Record<keyof typeof STATEMENTS, StatementSync> {
  const entries = Object.entries(STATEMENTS).map(([name, text]) => [name, database.prepare(text)]);
  return Object.fromEntries(entries) as Record<keyof typeof STATEMENTS, StatementSync>;
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function parseArray(text: string): StoredRow["values"] {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new SyntaxError("a row's values are not a list");
  return value;
}

function parseFacts(text: string): StoredFacts {
  const value = JSON.parse(text) as StoredFacts | null;
  if (value === null || typeof value.device !== "string") throw new SyntaxError("the facts name no device");
  return value;
}

function parseMutation(text: string): StoredMutation {
  const value = JSON.parse(text) as StoredMutation | null;
  if (value === null || !Number.isSafeInteger(value.counter satisfies Counter)) {
    throw new SyntaxError("a mutation has no counter");
  }
  return value;
}

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

function storeError(error: unknown): TidelockError {
  if (error instanceof TidelockError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const cause = { cause: error };
  if (error instanceof SyntaxError) return new TidelockError("store-corrupt", detail, cause);
  switch (resultCode(error)) {
    case SQLITE_FULL:
      return new TidelockError("store-quota", detail, cause);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new TidelockError("store-corrupt", detail, cause);
    case SQLITE_BUSY:
      return new TidelockError(
        "store-unavailable",
        "another process, or another store of this one, has the file open",
        cause,
      );
    default:
      return new TidelockError("store-unavailable", detail, cause);
  }
}

function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  // The upper bits say where it happened.
  return error.errcode & 0xff;
}
