/**
 * Where everything is: per table, the keys at which its buckets start, and the changes that are in the journal only
 * (*pending*). Plans what a commit or a fold writes, and learns of it when the transaction is complete.
 *
 * What stays true: a key belongs to the last bucket that starts at or before it, or to the first; pending changes are in
 * the order in which they were last made; nothing changes here while a transaction is under way, so that one that fails
 * leaves no trace. It knows no transaction and reads no bucket.
 */
import type { StoreBatch, StoredMutation, StoredReplica, StoredRow } from "../../engine/records.ts";
import {
  type Changes,
  changesOf,
  decodeBucket,
  decodeChanges,
  decodeFacts,
  type BucketKey,
  type Item,
  type JournalRecord,
  type Key,
  mutationOf,
  OUTBOX,
  rowOf,
  type TableChanges,
} from "./format.ts";

/** Changes to one bucket, or to a table that has none: then `start` is `null`. */
export interface BucketEdit {
  readonly table: string;
  readonly start: Key | null;
  readonly changes: Changes;
}

/** What one transaction writes besides its journal record's facts. */
export interface Plan {
  /** Tables whose buckets are deleted first. */
  readonly cleared: readonly string[];
  /** Tables whose pending changes and buckets are one after this. */
  readonly settled: readonly string[];
  readonly edits: readonly BucketEdit[];
  /** For the journal. */
  readonly journaled: TableChanges;
  /** Journal records with smaller numbers are no longer needed. */
  readonly keepFrom: number;
}

/** A bucket that became others, or none. */
export interface BucketRewrite {
  readonly edit: BucketEdit;
  readonly starts: readonly Key[];
}

/** What the database holds, as it was read. Keys and values belong together by position. */
export interface Contents {
  readonly bucketKeys: readonly BucketKey[];
  readonly buckets: readonly unknown[];
  readonly journalNumbers: readonly number[];
  readonly journal: readonly JournalRecord[];
}

interface Pending {
  readonly item: Item | null;
  /** Number of the journal record that holds it. */
  readonly record: number;
}

interface Table {
  readonly starts: Key[];
  readonly pending: Map<Key, Pending>;
}

/** A commit of at least so many changes to a table, … */
const DIRECT_CHANGES = 500;
/** … and so many per bucket that it meets, skips the journal: rewriting the buckets is cheaper than doing it later. */
const DIRECT_CHANGES_PER_BUCKET = 50;

export class Tables {
  readonly #tables = new Map<string, Table>();

  /** Reads a database, and remembers where everything is. */
  static load(contents: Contents): { tables: Tables; replica: StoredReplica } {
    const tables = new Tables();
    for (const [name, start] of contents.bucketKeys) tables.#table(name).starts.push(start);
    let factsText: string | null = null;
    for (const [position, { facts, changes }] of contents.journal.entries()) {
      factsText = facts ?? factsText;
      const { settled, tables: changed } = decodeChanges(changes);
      for (const table of settled) tables.#table(table).pending.clear();
      tables.#addPending(changed, contents.journalNumbers[position] ?? 0);
    }
    const facts = factsText === null ? null : decodeFacts(factsText);
    return { tables, replica: { facts, ...tables.#readAll(contents) } };
  }

  get pendingCount(): number {
    let count = 0;
    for (const { pending } of this.#tables.values()) count += pending.size;
    return count;
  }

  /** Number of the oldest journal record that holds a pending change, `Infinity` when none does. */
  get oldestRecord(): number {
    let oldest = Infinity;
    for (const { pending } of this.#tables.values()) {
      const [first] = pending.values();
      if (first !== undefined && first.record < oldest) oldest = first.record;
    }
    return oldest;
  }

  /** How to write batches, one after the other, all or none. */
  planCommit(batches: readonly StoreBatch[]): Plan {
    const settled: string[] = [];
    const edits: BucketEdit[] = [];
    const journaled = new Map<string, Changes>();
    const { cleared, tables } = changesOf(batches);
    for (const [name, changes] of tables) {
      const table = this.#table(name);
      if (cleared.has(name)) {
        settled.push(name);
        if (changes.size > 0) edits.push({ table: name, start: null, changes });
      } else if (isDense(changes, table.starts)) {
        settled.push(name);
        const pending = Array.from(table.pending, ([key, { item }]): [Key, Item | null] => [key, item]);
        edits.push(...editsOf(name, table.starts, new Map([...pending, ...changes])));
      } else {
        journaled.set(name, changes);
      }
    }
    return { cleared: [...cleared], settled, edits, journaled, keepFrom: 0 };
  }

  /** How to fold the oldest pending changes into at most `limit` buckets. `record` will be the fold's own number. */
  planFold(limit: number, record: number): Plan {
    const oldest = this.oldestRecord;
    const edits: BucketEdit[] = [];
    let keepFrom = record;
    for (const [name, { starts, pending }] of this.#tables) {
      const [first] = pending.values();
      if (first === undefined) continue;
      const chosen = new Map<number, Map<Key, Item | null>>();
      for (const [key, { item, record }] of pending) {
        const index = bucketOf(starts, key);
        let changes = chosen.get(index);
        if (changes === undefined && first.record === oldest && edits.length + chosen.size < limit) {
          changes = new Map();
          chosen.set(index, changes);
        }
        if (changes === undefined) keepFrom = Math.min(keepFrom, record);
        else changes.set(key, item);
      }
      for (const [index, changes] of chosen) edits.push({ table: name, start: starts[index] ?? null, changes });
    }
    return { cleared: [], settled: [], edits, journaled: new Map(), keepFrom };
  }

  /** A plan was written, with the journal record of this number. */
  complete(plan: Plan, record: number, rewrites: readonly BucketRewrite[]): void {
    for (const name of plan.cleared) this.#table(name).starts.length = 0;
    for (const name of plan.settled) this.#table(name).pending.clear();
    for (const { edit, starts: made } of rewrites) {
      const { starts, pending } = this.#table(edit.table);
      for (const key of edit.changes.keys()) pending.delete(key);
      const index = edit.start === null ? 0 : starts.indexOf(edit.start);
      starts.splice(index, edit.start === null ? 0 : 1, ...made);
    }
    this.#addPending(plan.journaled, record);
  }

  #addPending(changed: TableChanges, record: number): void {
    for (const [name, changes] of changed) {
      const { starts, pending } = this.#table(name);
      for (const [key, item] of changes) {
        pending.delete(key);
        // A mutation that was sent before it ever reached a bucket leaves nothing to fold.
        if (item !== null || starts.length > 0) pending.set(key, { item, record });
      }
    }
  }

  /** Rows and mutations: of buckets where nothing pending says otherwise, then what is pending. */
  #readAll({ bucketKeys, buckets }: Contents): { rows: StoredRow[]; mutations: StoredMutation[] } {
    const rows: StoredRow[] = [];
    const mutations: StoredMutation[] = [];
    const add = (name: string, item: Item): void => {
      if (name === OUTBOX) mutations.push(mutationOf(item));
      else rows.push(rowOf(name, item));
    };
    for (const [position, bucketKey] of bucketKeys.entries()) {
      const [name] = bucketKey;
      const { pending } = this.#table(name);
      for (const item of decodeBucket(name, buckets[position])) {
        if (pending.size === 0 || !pending.has(item[0])) add(name, item);
      }
    }
    for (const [name, { pending }] of this.#tables) {
      for (const { item } of pending.values()) if (item !== null) add(name, item);
    }
    mutations.sort((left, right) => left.counter - right.counter);
    return { rows, mutations };
  }

  #table(name: string): Table {
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = { starts: [], pending: new Map() };
      this.#tables.set(name, table);
    }
    return table;
  }
}

/** The items of a bucket after changes, in key order. */
export function changeItems(items: readonly Item[], changes: Changes): Item[] {
  const merged = new Map(items.map((item): [Key, Item] => [item[0], item]));
  let added = false;
  for (const [key, item] of changes) {
    if (item === null) {
      merged.delete(key);
    } else {
      added ||= !merged.has(key);
      merged.set(key, item);
    }
  }
  const changed = [...merged.values()];
  return added ? changed.sort(([left], [right]) => (left < right ? -1 : 1)) : changed;
}

/** Position of the bucket that a key belongs to; 0 also where there is none yet. */
function bucketOf(starts: readonly Key[], key: Key): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const start = starts[middle];
    if (start !== undefined && start <= key) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

function editsOf(table: string, starts: readonly Key[], changes: Changes): BucketEdit[] {
  const perBucket = new Map<number, Map<Key, Item | null>>();
  for (const [key, item] of changes) {
    const index = bucketOf(starts, key);
    const edit = perBucket.get(index);
    if (edit === undefined) perBucket.set(index, new Map([[key, item]]));
    else edit.set(key, item);
  }
  return Array.from(perBucket, ([index, edit]) => ({ table, start: starts[index] ?? null, changes: edit }));
}

function isDense(changes: Changes, starts: readonly Key[]): boolean {
  if (changes.size < DIRECT_CHANGES) return false;
  const met = new Set<number>();
  for (const key of changes.keys()) met.add(bucketOf(starts, key));
  return changes.size >= met.size * DIRECT_CHANGES_PER_BUCKET;
}
