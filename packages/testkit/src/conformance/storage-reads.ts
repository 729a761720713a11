/** Cases of the storage contract: what comes back, by which door, as of which moment. */
import assert from "node:assert/strict";
import { type EntityId, type Filter, NOTHING } from "@tidelock/core";
import type { Commit, Storage } from "@tidelock/server/memory";
import { expectHostileDecisions } from "./storage-decisions.ts";
import { StorageModel } from "./storage-model.ts";
import { commit, D, decision, E, entity, events, receipt, row, T } from "./storage-samples.ts";

export async function readsWholeTransactions(storage: Storage): Promise<void> {
  await storage.openTenant(T);
  const log = events(0, 1, 3, 1, 4, 1);
  await storage.append([commit(T, 0, { events: log.slice(0, 5) })]);
  await storage.append([commit(T, 5, { events: log.slice(5) })]);
  const read = async (after: number, limit: number): Promise<number[]> =>
    (await storage.readEvents(T, after, limit)).map(({ offset }) => offset);
  assert.deepEqual(await read(0, 1), [1]);
  assert.deepEqual(await read(0, 2), [1, 2, 3, 4]);
  assert.deepEqual(await read(0, 4), [1, 2, 3, 4]);
  assert.deepEqual(await read(4, 1), [5]);
  assert.deepEqual(await read(5, 2), [6, 7, 8, 9]);
  assert.deepEqual(await read(2, 1), [3, 4]);
  assert.deepEqual(await read(9, 100), [10]);
  assert.deepEqual(await read(10, 100), []);
  assert.deepEqual(await read(11, 100), []);
  assert.deepEqual(await storage.readEvents(T, 0, 1000), log);
  let checkpoint = 0;
  for (let reads = 0; checkpoint < 10; reads++) {
    assert.ok(reads < 10, "reading on and on reaches the head");
    checkpoint = (await storage.readEvents(T, checkpoint, 2)).at(-1)?.offset ?? checkpoint;
  }
}

/** JSON texts that a storage could be tempted to rewrite. */
const TEXTS = [
  JSON.stringify(['quote " backslash \\ slash / tab \t line \n separator \u2028']),
  JSON.stringify(["\u0000 zero", "\u007f", "\ufffd", "\ufeff", "e\u0301", "é"]),
  '["\\u0000\\ud83d\\ude00 \\ud83d escapes stay escapes \\/"]',
  JSON.stringify(["👩‍👩‍👧‍👦 𝒳 🇪🇺", "مرحبا", "שלום", "日本語"]),
  '[ 1.0, 1e2, -0, 12345678901234567890, {"b":1,"a":2,"b":3} ,"x"]',
  JSON.stringify(["x".repeat(200 * 1024), "ü".repeat(1000)]),
  JSON.stringify(["日".repeat(70 * 1024)]),
];

export async function keepsText(storage: Storage): Promise<void> {
  await expectTexts(storage, TEXTS);
}

const HOSTILE = [
  "'; DROP TABLE entities; --",
  '"); DELETE FROM events; --',
  "../../etc/passwd",
  "..\\..\\windows",
  "%s %d %n ${x} $1 ?1 :a @b",
  "__proto__",
  "constructor",
  "NULL",
  "1e999",
  "]}",
  '"],["b",1,[',
  "\u0000",
  " ",
];

export async function keepsHostileText(storage: Storage): Promise<void> {
  await expectTexts(
    storage,
    HOSTILE.map((text) => JSON.stringify([text])),
  );
  const counter = (index: number): number => 100 + index;
  const head = (await storage.openTenant(T)).head;
  const receipts = HOSTILE.map((name, index) => receipt(D, counter(index), 0, name, name));
  await storage.append([commit(T, head, { receipts })]);
  assert.deepEqual(await storage.readReceipts(T, D, 99, 100), receipts);
  for (const expected of receipts) {
    assert.deepEqual(await storage.findReceipts(T, D, [expected.name ?? ""]), [expected]);
  }
  await expectHostileDecisions(storage, head, HOSTILE);
}

/** Stores each text as body of an event and of a decision, row, meta and detail, and reads it back by every door. */
async function expectTexts(storage: Storage, texts: readonly string[]): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  for (const [index, text] of texts.entries()) {
    const next = commit(T, index, {
      events: [{ offset: index + 1, remaining: 0, body: text }],
      entities: [{ ...row("tasks", `e${index}`, index + 1, text), meta: text }],
      receipts: [{ ...receipt(D, index + 1, index + 1, `n${index}`), detail: text }],
      decisions: [decision(index + 1, 0, { body: text })],
    });
    await storage.append([next]);
    model.append([next]);
  }
  await model.expectIn(storage);
}

export async function keepsTombstones(storage: Storage): Promise<void> {
  await storage.openTenant(T);
  await storage.append([
    commit(T, 0, { events: events(0, 2), entities: [row("tasks", "a", 1), row("tasks", "b", 2)] }),
  ]);
  await storage.append([commit(T, 2, { events: events(2, 1), entities: [row("tasks", "a", 3, null)] })]);
  assert.deepEqual(await storage.readEntities(T, [["tasks", entity("a")]]), [row("tasks", "a", 3, null)]);
  assert.equal((await storage.snapshot(T, "tasks", {}, [])).count, 1);
  assert.deepEqual((await storage.readPage(T, "tasks", null, 10)).entities, [row("tasks", "b", 2)]);
  await storage.append([commit(T, 3, { events: events(3, 1), entities: [row("tasks", "a", 4)] })]);
  assert.equal((await storage.snapshot(T, "tasks", {}, [])).count, 2);
  assert.deepEqual((await storage.readPage(T, "tasks", null, 1)).entities, [row("tasks", "a", 4)]);
}

interface Rows {
  readonly type: string;
  readonly collection: string;
  readonly offset: number;
  readonly rows: readonly (readonly [string, number, readonly unknown[]])[];
}

/** The rows of a snapshot; every chunk must be a message on its own. */
async function rowsOf(storage: Storage, filter: Filter, columns: readonly string[]): Promise<Rows["rows"]> {
  const snapshot = await storage.snapshot(T, "tasks", filter, columns);
  const rows: Rows["rows"][number][] = [];
  for (const chunk of snapshot.chunks) {
    const message: Rows = JSON.parse(chunk);
    assert.deepEqual([message.type, message.collection, message.offset], ["rows", "tasks", snapshot.offset]);
    assert.deepEqual(Object.keys(message), ["type", "collection", "offset", "rows"]);
    assert.ok(message.rows.length > 0, "no chunk is empty");
    rows.push(...message.rows);
  }
  assert.equal(rows.length, snapshot.count);
  return rows;
}

export async function takesSnapshots(storage: Storage): Promise<void> {
  await storage.openTenant(T);
  const ids = Array.from(
    { length: 3000 },
    (_, index) => `${"aZ09"[index % 4]}_${(index * 7919) % 3000}.${"x:-"[index % 3]}`,
  );
  const entities = ids.map((id, index) =>
    row("tasks", id, index + 1, JSON.stringify([id, "x".repeat(index % 200), index])),
  );
  await storage.append([commit(T, 0, { events: events(0, ...ids.map(() => 1)), entities })]);
  const rows = await rowsOf(storage, {}, []);
  const sorted = [...entities].sort((left, right) => (left.id < right.id ? -1 : 1));
  assert.equal(rows.length, sorted.length);
  for (const [index, { id, at, row }] of sorted.entries()) {
    assert.deepEqual(rows[index], [id, at, JSON.parse(row ?? "null")]);
  }
  const { offset, chunks } = await storage.snapshot(T, "tasks", {}, []);
  assert.equal(offset, 3000);
  assert.ok(chunks.length > 1 && chunks.every((chunk) => chunk.length < 256 * 1024), "chunks are of about 128 KiB");
  assert.deepEqual(await storage.snapshot(T, "other", {}, []), { offset: 3000, count: 0, chunks: [] });
}

export async function filtersSnapshots(storage: Storage): Promise<void> {
  await storage.openTenant(T);
  const values = Array.from({ length: 40 }, (_, index) => [`t${index}`, index % 5, index % 2 === 0 ? null : "ana"]);
  const entities = values.map((each, index) =>
    row("tasks", `e${String(index).padStart(2, "0")}`, index + 1, JSON.stringify(each)),
  );
  await storage.append([commit(T, 0, { events: events(0, ...values.map(() => 1)), entities })]);
  const columns = ["title", "priority", "assignee"];
  const found = async (filter: Filter, list = columns): Promise<string[]> =>
    (await rowsOf(storage, filter, list)).map(([id]) => id);
  assert.equal((await found({})).length, 40);
  assert.deepEqual(await found({ priority: { gte: 3 }, assignee: "ana" }), [
    "e03",
    "e09",
    "e13",
    "e19",
    "e23",
    "e29",
    "e33",
    "e39",
  ]);
  assert.deepEqual(await found({ priority: 1 }, ["priority", "title"]), [], "columns say where a field is");
  assert.deepEqual(await found({ id: { in: ["e07", "e05"] } }), ["e05", "e07"]);
  assert.deepEqual(await found({ later: null, title: "t4" }, [...columns, "later"]), ["e04"]);
  assert.deepEqual(await found(NOTHING), []);
}

export async function pinsSnapshots(storage: Storage): Promise<void> {
  const ids = Array.from({ length: 400 }, (_, index) => `e${index}`);
  const rounds = 30;
  await storage.openTenant(T);
  const round = (number: number): Commit => {
    const head = number * ids.length;
    const entities = ids.map((id, index) => row("tasks", id, head + index + 1, `[${number},"${"x".repeat(400)}"]`));
    return commit(T, head, { events: events(head, ids.length), entities });
  };
  await storage.append([round(0)]);
  const appends: Promise<void>[] = [];
  const offsets: number[] = [];
  for (let number = 1; number < rounds; number++) {
    appends.push(storage.append([round(number)]));
    if (number % 3 !== 0) continue;
    await appends.at(-2);
    const resolved = (number - 1) * ids.length;
    const snapshot = await storage.snapshot(T, "tasks", {}, []);
    const page = await storage.readPage(T, "tasks", null, 1000);
    const rows = snapshot.chunks.flatMap((chunk): Rows["rows"] => JSON.parse(chunk).rows);
    const expected = new Set([snapshot.offset / ids.length - 1]);
    assert.deepEqual(new Set(rows.map(([, , [value]]) => value)), expected, "all rows are of the snapshot's moment");
    const ofPage = new Set(page.entities.map((each) => JSON.parse(each.row ?? "null")[0]));
    assert.deepEqual(ofPage, new Set([page.offset / ids.length - 1]), "all rows are of the page's moment");
    assert.equal(snapshot.count, ids.length);
    assert.ok(snapshot.offset >= resolved && page.offset >= resolved, "reads see every append that has resolved");
    offsets.push(snapshot.offset);
  }
  await Promise.all(appends);
  assert.ok(new Set(offsets).size > 1, "the log moved between the snapshots");
  assert.equal((await storage.snapshot(T, "tasks", {}, [])).offset, rounds * ids.length);
}

export async function readsPages(storage: Storage): Promise<void> {
  await storage.openTenant(T);
  const entities = ["b", "B", "a:1", "a.1", "a", "9", "c"].map((id, index) => row("tasks", id, index + 1));
  await storage.append([commit(T, 0, { events: events(0, 7), entities: [...entities, row("notes", "n", 7)] })]);
  await storage.append([commit(T, 7, { events: events(7, 1), entities: [row("tasks", "a:1", 8, null)] })]);
  const sorted = ["9", "B", "a", "a.1", "b", "c"];
  const seen: string[] = [];
  for (let after = null as EntityId | null, pages = 0; pages < 4; pages++) {
    const page = await storage.readPage(T, "tasks", after, 2);
    assert.equal(page.offset, 8);
    assert.equal(page.entities.length, pages < 3 ? 2 : 0);
    for (const each of page.entities)
      assert.deepEqual(
        each,
        entities.find(({ id }) => id === each.id),
      );
    seen.push(...page.entities.map(({ id }) => id));
    after = page.entities.at(-1)?.id ?? after;
  }
  assert.deepEqual(seen, sorted);
  assert.deepEqual(
    (await storage.readPage(T, "tasks", entity("a.0"), 1)).entities.map(({ id }) => id),
    ["a.1"],
  );
}

export async function readsReceipts(storage: Storage): Promise<void> {
  await storage.openTenant(T);
  const mine = [1, 2, 3, 4, 5].map((counter) =>
    receipt(D, counter, counter % 2 === 0 ? 0 : 1, counter > 3 ? null : `t${counter}`),
  );
  const theirs = [receipt(E, 1, 1, "t1")];
  await storage.append([commit(T, 0, { events: events(0, 1), receipts: [...mine, ...theirs] })]);
  assert.deepEqual(await storage.readReceipts(T, D, 0, 100), mine);
  assert.deepEqual(await storage.readReceipts(T, D, 2, 2), mine.slice(2, 4));
  assert.deepEqual(await storage.readReceipts(T, D, 5, 100), []);
  const found = await storage.findReceipts(T, D, ["t3", "t1", "t9", "t1"]);
  assert.deepEqual(
    [...found].sort((left, right) => left.counter - right.counter),
    [mine[0], mine[2]],
  );
  assert.deepEqual(await storage.findReceipts(T, E, ["t1", "t2"]), theirs);
  assert.deepEqual(await storage.findReceipts(T, D, []), []);
}
