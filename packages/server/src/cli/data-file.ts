/**
 * A data file seen from outside: read only, beside a running server or without one. The format is the storage's own
 * (`storage/sqlite-format.ts`); what is read here is its log, its columns, and whether somebody holds it.
 */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { decodeEvent, type DomainEvent, type Offset } from "@tidelock/core";
import { integer, openToWrite, sqliteCode, text, textOrNull } from "../storage/sqlite-format.ts";
import { shortPath } from "./dev-secret.ts";
import { AdvisedError, words } from "./failure.ts";

/** SQLite's primary result codes. */
const SQLITE_BUSY = 5;
const SQLITE_CANTOPEN = 14;
const BUSY_TIMEOUT_MS = 500;

export interface TenantLog {
  readonly key: number;
  readonly name: string;
  readonly epoch: string;
  /** Offset of the last event. */
  readonly head: Offset;
  /** Events up to this offset have been trimmed. */
  readonly floor: Offset;
}

export class DataFile {
  readonly path: string;
  readonly #database: DatabaseSync;

  private constructor(path: string, database: DatabaseSync) {
    this.path = path;
    this.#database = database;
  }

  /** Throws `storage-unavailable` with the reason. */
  static open(path: string): DataFile {
    if (!existsSync(path))
      throw unavailable(path, "does not exist", "Check the path; `tidelock dev` makes .tidelock/dev.db.");
    let file: DataFile | null = null;
    try {
      file = new DataFile(path, openReadOnly(path));
      if (pragma(file.#database, "application_id") !== currentFormat().applicationId) {
        throw unavailable(path, "is no data file of Tidelock", "Check the path: the file belongs to another program.");
      }
      return file;
    } catch (error) {
      file?.close();
      if (error instanceof AdvisedError) throw error;
      throw unavailable(
        path,
        `cannot be read: ${words(error)}`,
        "Check the path and its permissions; `tidelock doctor --data` looks closer.",
      );
    }
  }

  close(): void {
    this.#database.close();
  }

  /** The number of the last migration that has run. */
  get format(): number {
    return pragma(this.#database, "user_version");
  }

  /** Changes when another connection has committed. */
  get dataVersion(): number {
    return pragma(this.#database, "data_version");
  }

  tenants(): readonly TenantLog[] {
    const rows = this.#database.prepare("SELECT id, name, epoch, head, floor FROM tenants ORDER BY name").all();
    return rows.map((row) => ({
      key: integer(row["id"]),
      name: text(row["name"]),
      epoch: text(row["epoch"]),
      head: integer(row["head"]),
      floor: integer(row["floor"]),
    }));
  }

  /** The columns of a tenant's collections; rows of events hold their values in this order. */
  columnsOf(tenant: TenantLog): ReadonlyMap<string, readonly string[]> {
    const rows = this.#database.prepare("SELECT name, columns FROM collections WHERE tenant = ?").all(tenant.key);
    return new Map(rows.map((row) => [text(row["name"]), JSON.parse(textOrNull(row["columns"] ?? null) ?? "[]")]));
  }

  /** Events after an offset, oldest first, at most `limit`. */
  events(tenant: TenantLog, after: Offset, limit: number): readonly DomainEvent[] {
    const select = this.#database.prepare(`
      SELECT key & ${2 ** 40 - 1} AS offset, body FROM events
      WHERE key > ((?1 << 40) | ?2) AND key < ((?1 + 1) << 40) ORDER BY key LIMIT ?3`);
    return select.all(tenant.key, after, limit).map((row) => decodeEvent(integer(row["offset"]), text(row["body"])));
  }
}

/** What a data file of this version says of itself, from one that is made in memory. */
export function currentFormat(): { readonly applicationId: number; readonly format: number } {
  const database = openToWrite(":memory:");
  try {
    return { applicationId: pragma(database, "application_id"), format: pragma(database, "user_version") };
  } finally {
    database.close();
  }
}

function pragma(database: DatabaseSync, name: "application_id" | "user_version" | "data_version"): number {
  return integer(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** Whether a server holds the file: it keeps an exclusive lock on the empty database beside it while it lives. */
export function isHeld(path: string): boolean {
  if (!existsSync(`${path}-lock`)) return false;
  const lock = new DatabaseSync(`${path}-lock`, { readOnly: true });
  try {
    lock.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    if (sqliteCode(error) === SQLITE_BUSY) return true;
    throw error;
  } finally {
    lock.close();
  }
}

/** In a folder that may not be written SQLite cannot make its shared memory; a file that nobody holds needs none. */
export function openReadOnly(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return database;
  } catch (error) {
    database.close();
    if (sqliteCode(error) !== SQLITE_CANTOPEN || existsSync(`${path}-wal`)) throw error;
    return new DatabaseSync(new URL(`${pathToFileURL(path).href}?immutable=1`), { readOnly: true });
  }
}

function unavailable(path: string, problem: string, advice: string): AdvisedError {
  return new AdvisedError("storage-unavailable", `${shortPath(path)} ${problem}`, advice);
}
