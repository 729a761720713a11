/**
 * The connection to one IndexedDB database, and transactions as promises that keep only what the disk has.
 *
 * A transaction resolves on `complete` alone: requests succeed before the disk has anything, and may still be undone. A
 * connection can end at any time (another tab upgrades or deletes the database, the browser evicts it or its process
 * dies); `isLost` tells the caller, who may open again. It does not know what is written.
 */
import { TidelockError } from "@tidelock/core";

export interface Stores {
  readonly buckets: IDBObjectStore;
  readonly journal: IDBObjectStore;
}

/** Version of the format; IndexedDB refuses a database of a later one. */
const FORMAT_VERSION = 1;
const STORE_NAMES = ["buckets", "journal"] as const;

export class Database {
  readonly #name: string;
  readonly #durability: IDBTransactionDurability;
  #connection: IDBDatabase | null = null;
  /** Set when another tab needs the database to be let go; opening it again would stand in its way. */
  #yielded = false;

  constructor(name: string, durability: IDBTransactionDurability) {
    this.#name = name;
    this.#durability = durability;
  }

  get isOpen(): boolean {
    return this.#connection !== null;
  }

  /** The connection ended by itself, and may be opened again. */
  get isLost(): boolean {
    return this.#connection === null && !this.#yielded;
  }

  /** Opens the database, made when it does not exist. A connection that there was is closed. */
  async open(): Promise<void> {
    this.close();
    const connection = await connect(this.#name);
    this.#yielded = false;
    this.#connection = connection;
    const forget = (): void => {
      if (this.#connection === connection) this.#connection = null;
    };
    connection.addEventListener("versionchange", () => {
      this.#yielded = true;
      forget();
      connection.close();
    });
    connection.addEventListener("close", forget);
  }

  close(): void {
    this.#connection?.close();
    this.#connection = null;
  }

  /** Runs `work` in a transaction of its own. When `work` rejects, or the disk refuses, nothing of it is there. */
  transact<Result>(mode: "readonly" | "readwrite", work: (stores: Stores) => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#connection === null) {
        const why = this.#yielded ? "another tab is upgrading or deleting the database" : "the database is closed";
        throw new TidelockError("store-unavailable", why);
      }
      const transaction = this.#connection.transaction(STORE_NAMES, mode, { durability: this.#durability });
      let outcome: { readonly result: Result } | undefined;
      let failure: unknown;
      transaction.addEventListener("complete", () => {
        if (outcome !== undefined) resolve(outcome.result);
        else reject(failure ?? new TidelockError("store-unavailable", "the transaction ended before its work"));
      });
      transaction.addEventListener("abort", () => {
        reject(failure ?? transaction.error ?? new DOMException("the transaction was aborted", "AbortError"));
      });
      const [buckets, journal] = [transaction.objectStore("buckets"), transaction.objectStore("journal")];
      const finish = (result: Result): void => {
        outcome = { result };
        // Without waiting for the browser to find out that nothing more comes.
        unlessEnded(() => transaction.commit());
      };
      const fail = (error: unknown): void => {
        failure = error;
        unlessEnded(() => transaction.abort());
      };
      void work({ buckets, journal }).then(finish, fail);
    });
  }
}

/** A request as a promise. Awaiting it keeps its transaction alive; awaiting anything else ends it. */
export function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () =>
      reject(request.error ?? new DOMException("a request failed", "UnknownError")),
    );
  });
}

/** What an error of IndexedDB means to the user of a store. */
export function storeError(error: unknown): TidelockError {
  if (error instanceof TidelockError) return error;
  const name = error instanceof Error ? error.name : "";
  const detail = error instanceof Error ? `${name}: ${error.message}` : String(error);
  const cause = { cause: error };
  switch (name) {
    case "QuotaExceededError":
      return new TidelockError("store-quota", detail, cause);
    case "NotReadableError":
      return new TidelockError("store-corrupt", detail, cause);
    case "VersionError":
      return new TidelockError(
        "store-unavailable",
        "the database was written by a newer version; reload the page",
        cause,
      );
    default:
      return new TidelockError("store-unavailable", detail, cause);
  }
}

function connect(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    // Absent in some private modes and runtimes, whatever the types say.
    const factory = globalThis.indexedDB as IDBFactory | undefined;
    if (factory === undefined) throw new TidelockError("store-unavailable", "there is no IndexedDB here");
    const request = factory.open(name, FORMAT_VERSION);
    let isRefused = false;
    request.addEventListener("upgradeneeded", () => {
      for (const store of STORE_NAMES) request.result.createObjectStore(store);
    });
    request.addEventListener("blocked", () => {
      isRefused = true;
      reject(
        new TidelockError("store-unavailable", "another tab holds an older version of the database open; close it"),
      );
    });
    request.addEventListener("error", () => reject(request.error ?? new DOMException("cannot open", "UnknownError")));
    request.addEventListener("success", () => {
      if (isRefused) request.result.close();
      else resolve(request.result);
    });
  });
}

/** A transaction that has ended by itself says so with its events; that it can no longer be ended is no news. */
function unlessEnded(end: () => void): void {
  try {
    end();
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "InvalidStateError")) throw error;
  }
}
