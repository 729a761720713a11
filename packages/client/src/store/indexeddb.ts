/**
 * The IndexedDB store: a replica on a browser's disk. The engine holds every row in memory, so this store never looks
 * anything up: it appends what changed, and reads everything once.
 *
 * Format 1, in the database `tidelock/<name>`, two object stores without indexes:
 *
 * - `buckets`: the rows and the outbox, about 500 to a record, because IndexedDB's cost is per record. Key `[table, start]`:
 *   the table is a collection, or "" for the outbox, and no other bucket of the table starts between `start` and the keys
 *   in it. Value: JSON of `[[id, at, values], …]`, or of `[[counter, mutation], …]`, in key order.
 * - `journal`: one record per transaction, numbered 1, 2, 3, … without gaps. Value `{ writer, facts, changes }`: the record
 *   number with which the writing store had claimed the database; the facts as JSON, `null` where they stay; and what
 *   changed, as JSON of `[settled, [[table, items, removed keys], …]]`, `null` where nothing did.
 *
 * The state is the buckets with the journal replayed over them. A table in `settled` is whole in its buckets as of that
 * record: earlier records say nothing about it any more. The facts are the last that are not `null`.
 *
 * What stays true:
 * - One transaction per group of commits: a journal record, and for clears and large batches the buckets themselves.
 * - *Folding* moves the oldest pending changes into a few buckets at a time, each time in one transaction, while nobody
 *   commits (or in between, when the journal has grown too long). Replaying a record over buckets that have it already
 *   changes nothing, so it may be interrupted anywhere. Records that are folded are deleted; the last one never is.
 * - Numbers are added, never overwritten, and `open` adds one: a store in another tab that still believes the database to
 *   be its own finds its next number taken, writes nothing, and says `store-unavailable`. The last to open it has it.
 *
 * `strict` syncs the disk at every commit; `relaxed`, as browsers do by default, survives the end of the browser but
 * perhaps not of the machine. It does not know who leads among tabs, and asks for no persistence: that is the application's.
 */
import { TidelockError } from "@tidelock/core";
import type { StoreBatch, StoredReplica } from "../engine/records.ts";
import { GroupCommit } from "./group-commit.ts";
import { Claim, ClaimEnded } from "./indexeddb/claim.ts";
import { Database, storeError } from "./indexeddb/database.ts";
import type { Durability, Store } from "./store.ts";

export interface IndexedDbStoreOptions {
  /** One database per name and origin. */
  readonly name: string;
  /** Default `relaxed`. */
  readonly durability?: "relaxed" | "strict";
  /** When the journal is folded; see `JournalBounds`. */
  readonly journal?: Partial<JournalBounds>;
}

/** A longer journal makes starting slower and folding rarer. Folding begins when one of these is reached. */
export interface JournalBounds {
  readonly records: number;
  /** Rows and mutations whose last change is in the journal only. */
  readonly pending: number;
  readonly characters: number;
  /** At so many times the bounds it is folded between commits, too. */
  readonly overdue: number;
}

export function indexedDbStore(options: IndexedDbStoreOptions): Store {
  return new IndexedDbStore(options);
}

const DEFAULT_BOUNDS: JournalBounds = { records: 1000, pending: 4000, characters: 4_000_000, overdue: 4 };
/** Buckets in one fold: a commit that comes meanwhile waits for so many to be rewritten. */
const FOLD_BUCKETS = 4;
/** Milliseconds without commits before folding begins. */
const QUIET_MS = 50;

class IndexedDbStore implements Store {
  #durability: Durability = "best-effort";
  readonly #bounds: JournalBounds;
  readonly #database: Database;
  readonly #group = new GroupCommit({
    write: (batches) => this.#write(batches),
    schedule: (flush) => queueMicrotask(flush),
  });
  /** Why nothing can be committed, or the claim that lets us. */
  #state: TidelockError | Claim = new TidelockError("store-unavailable", "the store is not open");
  #foldTimer: ReturnType<typeof setTimeout> | undefined;
  /** What is being folded: everything up to this record. */
  #foldUntil = 0;

  constructor({ name, durability = "relaxed", journal }: IndexedDbStoreOptions) {
    this.#database = new Database(`tidelock/${name}`, durability);
    this.#bounds = { ...DEFAULT_BOUNDS, ...journal };
  }

  get durability(): Durability {
    return this.#durability;
  }

  async open(): Promise<StoredReplica> {
    await this.#group.flush();
    return this.#group.alone(async () => {
      try {
        await this.#database.open();
        const { claim, replica } = await Claim.make(this.#database);
        this.#durability = await askDurability();
        this.#state = claim;
        this.#foldWhenQuiet(claim);
        return replica;
      } catch (error) {
        this.#database.close();
        throw this.#end(storeError(error));
      }
    });
  }

  commit(batch: StoreBatch): Promise<void> {
    return this.#group.commit(batch);
  }

  async close(): Promise<void> {
    await this.#group.flush();
    await this.#group.alone(async () => {
      this.#end(new TidelockError("store-unavailable", "the store is closed"));
      this.#database.close();
    });
  }

  async #write(batches: readonly StoreBatch[]): Promise<void> {
    const claim = this.#state;
    if (!(claim instanceof Claim)) throw claim;
    const facts = batches.findLast((batch) => batch.facts !== null)?.facts;
    try {
      await claim.append(claim.tables.planCommit(batches), facts === undefined ? null : JSON.stringify(facts));
    } catch (error) {
      throw this.#judge(error);
    }
    // After these commits have resolved, and before those that wait.
    if (this.#isDue(claim, this.#bounds.overdue)) void this.#group.alone(() => this.#fold(claim));
    else this.#foldWhenQuiet(claim);
  }

  /** One step of folding. When it fails nothing is lost, and the next commit plans it again. */
  async #fold(claim: Claim): Promise<void> {
    if (this.#state !== claim) return;
    if (this.#isDue(claim)) this.#foldUntil = claim.last;
    try {
      await claim.fold(FOLD_BUCKETS);
      this.#foldWhenQuiet(claim);
    } catch (error) {
      this.#judge(error);
    }
  }

  #foldWhenQuiet(claim: Claim): void {
    clearTimeout(this.#foldTimer);
    if (!this.#isDue(claim) && claim.tables.oldestRecord > this.#foldUntil) return;
    this.#foldTimer = setTimeout(() => void this.#group.alone(() => this.#fold(claim)), QUIET_MS);
  }

  #isDue(claim: Claim, times = 1): boolean {
    const { records, pending, characters } = this.#bounds;
    // The last record stays, however long the facts in it are.
    if (claim.journalRecords <= 1) return false;
    const isLong = claim.journalRecords >= records * times || claim.journalCharacters >= characters * times;
    return isLong || claim.tables.pendingCount >= pending * times;
  }

  /** What an error means for the commit that met it, and for those to come. */
  #judge(error: unknown): TidelockError {
    const known = storeError(error);
    return known instanceof ClaimEnded || known.code === "store-corrupt" ? this.#end(known) : known;
  }

  #end(why: TidelockError): TidelockError {
    clearTimeout(this.#foldTimer);
    this.#state = why;
    return why;
  }
}

/** Whether the browser has promised not to evict the origin's data. */
async function askDurability(): Promise<Durability> {
  const storage = globalThis.navigator?.storage as StorageManager | undefined;
  const isPersisted = await storage?.persisted?.().catch(() => false);
  return isPersisted === true ? "durable" : "best-effort";
}
