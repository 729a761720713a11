/**
 * What is written: items, buckets and journal records, as text and back. The format is documented in `../indexeddb.ts`.
 *
 * Pure. Whatever cannot be read is `store-corrupt`; nothing here guesses.
 */
import { type EntityId, TidelockError } from "@tidelock/core";
import type { StoreBatch, StoredFacts, StoredMutation, StoredRow } from "../../engine/records.ts";

/** An entity's id, or a mutation's counter. */
export type Key = string | number;
/** One record of a table: `[id, at, values]` of a row, or `[counter, mutation]`. */
export type Item = readonly [key: Key, ...content: unknown[]];
/** What became of items: the new one, or `null` where it was removed. */
export type Changes = ReadonlyMap<Key, Item | null>;
/** Changes by table: a collection's name, or `OUTBOX`. */
export type TableChanges = ReadonlyMap<string, Changes>;

/** The table of the mutations. No collection has an empty name. */
export const OUTBOX = "";

/** Key of a bucket's record in the database: its table, and a key that no item of it is before. */
export type BucketKey = readonly [table: string, start: Key];

export interface JournalRecord {
  /** The number of the record with which the store that wrote this one had claimed the database. */
  readonly writer: number;
  readonly facts: string | null;
  readonly changes: string | null;
}

export interface JournalChanges {
  /** Tables of which the buckets hold everything as of this record. */
  readonly settled: readonly string[];
  readonly tables: TableChanges;
}

/** Items in a bucket when it is made, and at most. Larger buckets load faster, and cost more when one item changes. */
const BUCKET_ITEMS = 500;
const MAX_BUCKET_ITEMS = 1000;
/** Characters of a bucket above which it is split, so that large rows do not make a change expensive. */
const MAX_BUCKET_CHARACTERS = 256 * 1024;

/** What batches do one after the other: the tables that they clear, and then the last word on every key. */
export function changesOf(batches: readonly StoreBatch[]): { cleared: Set<string>; tables: TableChanges } {
  const cleared = new Set<string>();
  const tables = new Map<string, Map<Key, Item | null>>();
  const table = (name: string): Map<Key, Item | null> => {
    const found = tables.get(name) ?? new Map<Key, Item | null>();
    tables.set(name, found);
    return found;
  };
  for (const { clear, put, remove, putMutations, removeMutations } of batches) {
    for (const name of clear) {
      cleared.add(name);
      tables.set(name, new Map());
    }
    for (const { collection, id, at, values } of put) table(collection).set(id, [id, at, values]);
    for (const [collection, id] of remove) table(collection).set(id, null);
    for (const mutation of putMutations) table(OUTBOX).set(mutation.counter, [mutation.counter, mutation]);
    for (const counter of removeMutations) table(OUTBOX).set(counter, null);
  }
  return { cleared, tables };
}

/** As `[settled, [[table, items, removed keys], …]]`. */
export function encodeChanges({ settled, tables }: JournalChanges): string | null {
  if (settled.length === 0 && tables.size === 0) return null;
  const encoded = Array.from(tables, ([table, changes]) => {
    const items: Item[] = [];
    const removed: Key[] = [];
    for (const [key, item] of changes) {
      if (item === null) removed.push(key);
      else items.push(item);
    }
    return [table, items, removed];
  });
  return JSON.stringify([settled, encoded]);
}

export function decodeChanges(text: string | null): JournalChanges {
  if (text === null) return { settled: [], tables: new Map() };
  const [settled, encoded] = parseList(text, "a journal record");
  const tables = new Map<string, Map<Key, Item | null>>();
  for (const [name, items, removed] of listOf(encoded, "the tables of a journal record") as unknown[][]) {
    const changes = new Map<Key, Item | null>();
    for (const item of listOf(items, "the items of a journal record"))
      changes.set(checkItem(name, item)[0], item as Item);
    for (const key of listOf(removed, "the removals of a journal record")) changes.set(key as Key, null);
    tables.set(String(name), changes);
  }
  return { settled: listOf(settled, "the settled tables of a journal record").map(String), tables };
}

/** Splits items, in key order, into buckets: the key that each starts with, and its text. */
export function encodeBuckets(items: readonly Item[]): (readonly [start: Key, text: string])[] {
  const [first] = items;
  if (first === undefined) return [];
  const parts = items.length > MAX_BUCKET_ITEMS ? Math.ceil(items.length / BUCKET_ITEMS) : 1;
  if (parts > 1) return split(items, parts);
  const text = JSON.stringify(items);
  if (text.length > MAX_BUCKET_CHARACTERS && items.length > 1) return split(items, 2);
  return [[first[0], text]];
}

function split(items: readonly Item[], parts: number): (readonly [start: Key, text: string])[] {
  const size = Math.ceil(items.length / parts);
  return Array.from({ length: parts }, (_, part) => encodeBuckets(items.slice(part * size, (part + 1) * size))).flat();
}

export function decodeBucket(table: string, text: unknown): Item[] {
  if (typeof text !== "string") throw corrupt("a bucket is missing or is not text");
  const items = parseList(text, "a bucket");
  for (const item of items) checkItem(table, item);
  return items as Item[];
}

export function rowOf(collection: string, item: Item): StoredRow {
  const [id, at, values] = item as unknown as [EntityId, number, StoredRow["values"]];
  return { collection, id, at, values };
}

export function mutationOf(item: Item): StoredMutation {
  return item[1] as StoredMutation;
}

export function decodeFacts(text: string): StoredFacts {
  const facts = parse(text, "the facts") as StoredFacts | null;
  if (facts === null || typeof facts.device !== "string") throw corrupt("the facts name no device");
  return facts;
}

export function checkJournalRecord(value: unknown): JournalRecord {
  const { writer, facts, changes } = (value ?? {}) as Partial<JournalRecord>;
  const isText = (part: unknown): part is string | null => part === null || typeof part === "string";
  if (typeof writer !== "number" || !isText(facts) || !isText(changes))
    throw corrupt("a journal record has another form");
  return { writer, facts, changes };
}

export function checkBucketKey(key: unknown): BucketKey {
  const [table, start] = Array.isArray(key) ? (key as unknown[]) : [];
  const isKey = typeof start === "string" || typeof start === "number";
  if (typeof table !== "string" || !isKey) throw corrupt("a bucket has another key than a table and a start");
  return [table, start];
}

export function corrupt(detail: string, cause?: unknown): TidelockError {
  return new TidelockError("store-corrupt", detail, { cause });
}

function checkItem(table: unknown, item: unknown): Item {
  const [key, second, third] = Array.isArray(item) ? (item as unknown[]) : [];
  const fits =
    table === OUTBOX
      ? typeof key === "number" && typeof second === "object" && second !== null
      : typeof key === "string" && typeof second === "number" && Array.isArray(third);
  if (!fits) throw corrupt(`an item of ${table === OUTBOX ? "the outbox" : String(table)} has another form`);
  return item as Item;
}

function parseList(text: string, what: string): unknown[] {
  return listOf(parse(text, what), what);
}

function listOf(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw corrupt(`${what} is not a list`);
  return value;
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw corrupt(`${what} is not JSON`, error);
  }
}
