/**
 * The storage of a server of one machine: an SQLite file, written by a thread of its own so that neither the disk nor
 * SQL ever holds up the main loop. The format of the file is described in `sqlite-format.ts`.
 *
 * - `append` resolves after the sync of its transaction (WAL, `synchronous = FULL`). What queues up while the disk is busy
 *   is one transaction; a commit with a stale head does not hurt the others.
 * - Everything goes through the writer in the order of the calls, reads included, so that they see the appends before
 *   them. Snapshots, pages and decisions have a thread and a connection of their own, started with the first one.
 * - A disk that is full or fails rejects what it did not take with `storage-unavailable`; later calls are tried again.
 *   When `append` failed that way, read the tenant again before the next plan.
 *
 * It does not know what is in rows, events, decisions and receipts.
 */
import { TidelockError, type TenantId } from "@tidelock/core";
import { assertWhole } from "./commit-check.ts";
import { flatten, type ReaderOperations, type Call, type WriterOperations } from "./sqlite-messages.ts";
import { SqliteThread } from "./sqlite-thread.ts";
import type { Storage } from "./storage.ts";

export { StaleHead, type Storage } from "./storage.ts";

export interface SqliteOptions {
  /** The data file; made with its folders when there is none. Beside it come files named `-wal`, `-shm` and `-lock`. */
  readonly path: string;
}

export function sqliteStorage({ path }: SqliteOptions): Storage {
  if (path === "" || path === ":memory:") {
    throw new TidelockError(
      "config-invalid",
      "the SQLite storage needs a file; use `memoryStorage()` for one in memory",
    );
  }
  const threads = new Threads(path);
  const write: Threads["write"] = (request) => threads.write(request);

  return {
    open: () => threads.open(),
    close: () => threads.close(),
    tenants: () => write(["tenants"]),
    openTenant: (tenant) => write(["openTenant", tenant]),
    append: async (commits) => {
      for (const commit of commits) assertWhole(commit);
      if (commits.length > 0) await write(["append", flatten(commits)]);
    },
    readEntities: (tenant, keys) => write(["readEntities", tenant, keys]),
    readEvents: (tenant, after, limit) => write(["readEvents", tenant, after, limit]),
    readEventsAt: (tenant, offsets) => write(["readEventsAt", tenant, offsets]),
    readDevice: (tenant, device) => write(["readDevice", tenant, device]),
    readReceipts: (tenant, device, after, limit) => write(["readReceipts", tenant, device, after, limit]),
    findReceipts: (tenant, device, names) => write(["findReceipts", tenant, device, names]),
    snapshot: async (tenant, collection, filter, columns, defaults = []) => {
      const chunks: string[] = [];
      const keep = (chunk: string): void => void chunks.push(chunk);
      const { offset, count } = await threads.read(["snapshot", tenant, collection, filter, columns, defaults], keep);
      return { offset, count, chunks };
    },
    readPage: (tenant, collection, after, limit) => threads.read(["readPage", tenant, collection, after, limit]),
    readDecisions: (tenant, query, limit) => threads.read(["readDecisions", tenant, query, limit]),
    saveAcknowledged: (tenant, acknowledged, now) => write(["saveAcknowledged", tenant, acknowledged, now]),
    savePublished: (tenant, published) => write(["savePublished", tenant, published]),
    trim: (tenant, through) => trim(threads, tenant, through),
  };
}

/** The floor is raised at once; what lies below is deleted in portions, between which appends take their turn. */
async function trim(threads: Threads, tenant: TenantId, through: number): Promise<void> {
  await threads.write(["raiseFloor", tenant, through]);
  let device: string | null = "";
  while (device !== null) device = await threads.write(["sweep", tenant, device]);
}

/** The two threads over one file. */
class Threads {
  readonly #path: string;
  #writer: Promise<SqliteThread<WriterOperations>> | null = null;
  #reader: Promise<SqliteThread<ReaderOperations>> | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<void> {
    this.#writer ??= this.#startWriter();
    await this.#writer;
  }

  /** Waits for what was called before, folds the log into the file and gives the lock back. */
  async close(): Promise<void> {
    const starting = [this.#writer, this.#reader] as const;
    this.#writer = null;
    this.#reader = null;
    const [writer, reader] = await Promise.all([starting[0]?.catch(() => null), starting[1]?.catch(() => null)]);
    if (reader?.isAlive === true) await reader.call(["close"]);
    await reader?.ended();
    if (writer?.isAlive === true) await writer.call(["close"]);
    await writer?.ended();
  }

  async write<Name extends keyof WriterOperations>(
    request: Call<WriterOperations, Name>,
  ): Promise<ReturnType<WriterOperations[Name]>> {
    if (this.#writer === null) throw notOpen();
    const writer = await this.#writer;
    return writer.call(request);
  }

  async read<Name extends keyof ReaderOperations>(
    request: Call<ReaderOperations, Name>,
    onChunk?: (text: string) => void,
  ): Promise<ReturnType<ReaderOperations[Name]>> {
    if (this.#writer === null) throw notOpen();
    this.#reader ??= this.#startReader();
    const reader = await this.#reader;
    return reader.call(request, onChunk);
  }

  async #startWriter(): Promise<SqliteThread<WriterOperations>> {
    const writer = new SqliteThread<WriterOperations>("writer", () => {});
    try {
      await writer.call(["open", this.#path]);
      return writer;
    } catch (error) {
      this.#writer = null;
      await writer.terminate();
      throw error;
    }
  }

  /** A reader that fails is replaced by the next call. */
  async #startReader(): Promise<SqliteThread<ReaderOperations>> {
    const reader = new SqliteThread<ReaderOperations>("reader", () => (this.#reader = null));
    try {
      await reader.call(["open", this.#path]);
      return reader;
    } catch (error) {
      await reader.terminate();
      throw error;
    }
  }
}

function notOpen(): TidelockError {
  return new TidelockError("storage-unavailable", "the storage is not open");
}
