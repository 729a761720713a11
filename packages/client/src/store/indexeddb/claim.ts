/**
 * The database while it is ours: read once, then only appended to, record by record.
 *
 * What stays true: what is remembered here is what the disk holds as of record `last`; a transaction that fails changes
 * neither. A connection that ends in the middle is opened again once, and the last record tells whether the transaction had
 * made it, so that nothing is written twice or into an emptied database. Where a number is taken, another store has claimed
 * the database since, and this claim has ended.
 */
import { TidelockError } from "@tidelock/core";
import type { StoredReplica } from "../../engine/records.ts";
import { type Database, resultOf, storeError, type Stores } from "./database.ts";
import {
  checkBucketKey,
  checkJournalRecord,
  corrupt,
  decodeBucket,
  encodeBuckets,
  encodeChanges,
  type JournalRecord,
} from "./format.ts";
import { type BucketEdit, type BucketRewrite, changeItems, type Contents, type Plan, Tables } from "./tables.ts";

interface RecordSize {
  readonly number: number;
  readonly characters: number;
}

const NOTHING: Plan = { cleared: [], settled: [], edits: [], journaled: new Map(), keepFrom: 0 };

export class Claim {
  readonly tables: Tables;
  readonly #database: Database;
  /** Number of the record that claimed the database; 0 until there was space to write one. */
  #writer = 0;
  #last: number;
  /** As JSON. */
  #facts: string | null;
  /** The records that are there. */
  #journal: RecordSize[];

  private constructor(database: Database, { journal, journalNumbers }: Contents, tables: Tables) {
    this.#database = database;
    this.tables = tables;
    this.#journal = journal.map((record, position) => sizeOf(journalNumbers[position] ?? 0, record));
    this.#last = journalNumbers.at(-1) ?? 0;
    this.#facts = journal.findLast(({ facts }) => facts !== null)?.facts ?? null;
  }

  /** Reads everything and claims the database; again, if another store wrote in between. */
  static async make(database: Database): Promise<{ claim: Claim; replica: StoredReplica }> {
    for (;;) {
      const contents = await database.transact("readonly", readContents);
      const { tables, replica } = Tables.load(contents);
      const claim = new Claim(database, contents, tables);
      try {
        await claim.append(NOTHING, null);
        return { claim, replica };
      } catch (error) {
        // A full disk can still be read; the first commit that fits will claim it.
        if (storeError(error).code === "store-quota") return { claim, replica };
        if (!(error instanceof ClaimEnded)) throw error;
      }
    }
  }

  get journalRecords(): number {
    return this.#journal.length;
  }

  get journalCharacters(): number {
    return this.#journal.reduce((sum, { characters }) => sum + characters, 0);
  }

  get last(): number {
    return this.#last;
  }

  /** Writes a plan and the facts, `null` where they stay, in one transaction. */
  async append(plan: Plan, facts: string | null): Promise<void> {
    const number = this.#last + 1;
    const changes = encodeChanges({ settled: plan.settled, tables: plan.journaled });
    const record: JournalRecord = { writer: this.#writer || number, facts, changes };
    let rewrites: BucketRewrite[] = [];
    const write = (): Promise<void> =>
      this.#database.transact("readwrite", async (stores) => {
        rewrites = await writePlan(stores, plan, number, record);
      });
    try {
      await write().catch(async (error: unknown) => {
        if (!this.#database.isLost && !isConnectionError(error)) throw error;
        const isWritten = await this.#recover(number, record);
        if (!isWritten) await write();
      });
    } catch (error) {
      throw isNumberTaken(error) ? new ClaimEnded("another tab has opened the store since", error) : error;
    }
    this.tables.complete(plan, number, rewrites);
    this.#writer = record.writer;
    this.#last = number;
    this.#facts = facts ?? this.#facts;
    this.#journal.push(sizeOf(number, record));
    if (plan.keepFrom > 0) this.#journal = this.#journal.filter((each) => each.number >= plan.keepFrom);
  }

  /** Moves the oldest pending changes into at most `limit` buckets. */
  fold(limit: number): Promise<void> {
    return this.append(this.tables.planFold(limit, this.#last + 1), this.#facts);
  }

  /** Opens the database again. Answers whether the record that was under way is there. */
  async #recover(number: number, record: JournalRecord): Promise<boolean> {
    await this.#database.open();
    const [lastNumber, last] = await this.#database.transact("readonly", readLast);
    if (lastNumber === number && last?.writer === record.writer) return true;
    if (lastNumber === this.#last && (last === null || this.#writer === 0 || last.writer === this.#writer))
      return false;
    const why =
      lastNumber < this.#last ? "its content was deleted by the browser or the user" : "another tab has opened it";
    throw new ClaimEnded(`the database was closed, and ${why}`);
  }
}

/** The database is not ours any more, or not what it was. Only opening the store again helps. */
export class ClaimEnded extends TidelockError {
  constructor(why: string, cause?: unknown) {
    super("store-unavailable", `${why}; open the store again`, { cause });
  }
}

function isNumberTaken(error: unknown): boolean {
  return error instanceof DOMException && error.name === "ConstraintError";
}

/** Errors after which a new connection may work: the old one was closed, or its process in the browser died. */
function isConnectionError(error: unknown): boolean {
  return error instanceof DOMException && ["AbortError", "InvalidStateError", "UnknownError"].includes(error.name);
}

function sizeOf(number: number, { facts, changes }: JournalRecord): RecordSize {
  return { number, characters: (facts?.length ?? 0) + (changes?.length ?? 0) };
}

async function readContents({ buckets, journal }: Stores): Promise<Contents> {
  const [bucketKeys, texts, numbers, records] = await Promise.all([
    resultOf(buckets.getAllKeys()),
    resultOf<unknown[]>(buckets.getAll()),
    resultOf(journal.getAllKeys()),
    resultOf<unknown[]>(journal.getAll()),
  ]);
  for (const [position, number] of numbers.entries()) {
    const before = numbers[position - 1];
    if (typeof number !== "number" || (typeof before === "number" && number !== before + 1)) {
      throw corrupt("the journal has a gap");
    }
  }
  return {
    bucketKeys: bucketKeys.map(checkBucketKey),
    buckets: texts,
    journalNumbers: numbers.map(Number),
    journal: records.map(checkJournalRecord),
  };
}

async function readLast({ journal }: Stores): Promise<[number: number, record: JournalRecord | null]> {
  const cursor = await resultOf(journal.openCursor(null, "prev"));
  return cursor === null ? [0, null] : [Number(cursor.key), checkJournalRecord(cursor.value)];
}

async function writePlan(
  { buckets, journal }: Stores,
  plan: Plan,
  number: number,
  record: JournalRecord,
): Promise<BucketRewrite[]> {
  journal.add(record, number);
  if (plan.keepFrom > 0) journal.delete(IDBKeyRange.upperBound(plan.keepFrom, true));
  // Of all keys in a list that begins with the table, a list is the last.
  for (const table of plan.cleared) buckets.delete(IDBKeyRange.bound([table], [table, []]));
  return Promise.all(plan.edits.map((edit) => rewriteBucket(buckets, edit)));
}

async function rewriteBucket(buckets: IDBObjectStore, edit: BucketEdit): Promise<BucketRewrite> {
  const { table, start, changes } = edit;
  const items = start === null ? [] : decodeBucket(table, await resultOf<unknown>(buckets.get([table, start])));
  const made = encodeBuckets(changeItems(items, changes));
  const starts = made.map(([first], position) =>
    // Its old start may be before all that is in it now, and stays; the bucket's neighbours need not know.
    position === 0 && start !== null && start < first ? start : first,
  );
  if (start !== null && starts[0] !== start) buckets.delete([table, start]);
  for (const [position, [first, text]] of made.entries()) buckets.put(text, [table, starts[position] ?? first]);
  return { edit, starts };
}
