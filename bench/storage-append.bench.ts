/**
 * The append path of the SQLite storage beside its limit: node:sqlite in this thread, with the same tables, rows, settings
 * and transactions, and nothing else. In turn, on one disk; medians of the rounds.
 *
 *     node --conditions=@tidelock/source bench/storage-append.bench.ts [rounds] [mutations per round]
 *
 * One mutation is one event of about 300 bytes, one entity out of 10,000 and one receipt. "one at a time" waits for each
 * append before the next; "two" keeps a second one under way, as a hub under load does.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { performance } from "node:perf_hooks";
import { assert, parseDeviceId, parseEntityId, parseTenantId, parseUserId } from "@tidelock/core";
import { sqliteStorage } from "@tidelock/server/sqlite";

type Storage = ReturnType<typeof sqliteStorage>;
type Commit = Parameters<Storage["append"]>[0][number];

const rounds = Number(process.argv[2] ?? 5);
const total = Number(process.argv[3] ?? 40_000);
const tenant = valid(parseTenantId("acme"));
const device = valid(parseDeviceId("device-1"));
const user = valid(parseUserId("ana@example.org"));
const ids = Array.from({ length: 10_000 }, (_, index) =>
  valid(parseEntityId(`0192aaaa-bbbb-7ccc-8ddd-${String((index * 7919) % 10_000).padStart(12, "0")}`)),
);

function valid<Id>(id: Id | null | undefined): Id {
  assert(id !== null && id !== undefined, "a valid id");
  return id;
}

/** Commits of `size` mutations each. */
function makeCommits(size: number): Commit[] {
  const commits: Commit[] = [];
  const random = seeded();
  for (let head = 0; head < total; head += size) {
    const offsets = Array.from({ length: size }, (_, index) => head + index + 1);
    const chosen = [...new Set(offsets.map(() => valid(ids[Math.floor(random() * ids.length)])))];
    commits.push({
      tenant,
      head,
      events: offsets.map((offset) => ({ offset, remaining: 0, body: body(offset) })),
      entities: chosen.map((id, index) => ({ collection: "tasks", id, at: head + index + 1, row: row(index), meta })),
      receipts: offsets.map((offset) => ({
        device,
        counter: offset,
        name: null,
        outcome: "applied",
        offset,
        detail: null,
      })),
      devices: [{ device, user, decided: head + size, acknowledged: head, seenAt: 1_772_366_400_000 }],
      decisions: [],
      columns: [],
    });
  }
  return commits;
}

const meta = '[[["device-1",12345,12345,"0123456789abcdef"]],[["device-1",12345]],"ana@example.org"]';
const row = (index: number): string => JSON.stringify([`a title of usual length ${index}`, false, 3, null, "ana"]);
const body = (offset: number): string =>
  `{"offset":${offset},"kind":"updated","collection":"tasks","entity":"0192aaaa-bbbb-7ccc-8ddd-000000000000","device":"device-1",` +
  `"counter":${offset},"stamp":"0123456789abcdef","time":1772366400000,"seen":${offset - 1},"previous":${offset - 9},` +
  `"changed":["title"],"was":["before"],"row":${row(offset)}}`;

function seeded(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) / 2 ** 23;
  };
}

/** The same rows in the same transactions without a thread. Answers the milliseconds. */
function writeRaw(path: string, commits: readonly Commit[]): number {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8000; PRAGMA cache_size = -65536");
  database.exec("INSERT INTO collections (tenant, name) VALUES (1, 'tasks')");
  database.exec("INSERT INTO devices (tenant, name, decided, acknowledged, seen_at) VALUES (1, 'device-1', 0, 0, 0)");
  const begin = database.prepare("BEGIN IMMEDIATE");
  const commit = database.prepare("COMMIT");
  const event = database.prepare("INSERT INTO events VALUES ((1 << 40) | ?, ?, ?)");
  const entity = database.prepare(
    "INSERT INTO entities VALUES (1, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, row = excluded.row, meta = excluded.meta",
  );
  const receipt = database.prepare("INSERT INTO receipts VALUES (1, ?, ?, 0, ?, ?, ?)");
  const devices = database.prepare(
    "UPDATE devices SET user = ?, decided = ?, acknowledged = ?, seen_at = ? WHERE id = 1",
  );
  const head = database.prepare("UPDATE tenants SET head = ? WHERE id = 1");
  const start = performance.now();
  for (const each of commits) {
    begin.run();
    for (const { offset, remaining, body } of each.events) event.run(offset, remaining, body);
    for (const { id, at, row, meta } of each.entities) entity.run(id, at, row, meta);
    for (const { counter, name, offset, detail } of each.receipts) receipt.run(counter, name, offset, offset, detail);
    for (const { user, decided, acknowledged, seenAt } of each.devices)
      devices.run(user, decided, acknowledged, seenAt);
    head.run(each.head + each.events.length);
    commit.run();
  }
  const elapsed = performance.now() - start;
  database.close();
  return elapsed;
}

/** Answers the milliseconds. */
async function writeStorage(storage: Storage, commits: readonly Commit[], underWay: number): Promise<number> {
  const next = commits.values();
  const start = performance.now();
  const writer = async (): Promise<void> => {
    for (const commit of next) await storage.append([commit]);
  };
  await Promise.all(Array.from({ length: underWay }, writer));
  return performance.now() - start;
}

async function measure(mode: string, commits: readonly Commit[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "tidelock-bench-"));
  const path = join(folder, "data.db");
  const storage = sqliteStorage({ path });
  await storage.open();
  await storage.openTenant(tenant);
  let elapsed: number;
  if (mode === "raw") {
    await storage.close();
    elapsed = writeRaw(path, commits);
  } else {
    elapsed = await writeStorage(storage, commits, mode === "two" ? 2 : 1);
    await storage.close();
  }
  rmSync(folder, { recursive: true });
  return commits.length === 0 ? 0 : (total / elapsed) * 1000;
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1] ?? 0;
}

for (const size of [1, 10, 100, 1000]) {
  const all = makeCommits(size);
  const commits = all.slice(0, size === 1 ? 4000 : size === 10 ? 2000 : all.length);
  const share = (commits.length * size) / total;
  const rates: Record<string, number[]> = { raw: [], one: [], two: [] };
  for (let round = 0; round <= rounds; round++) {
    for (const [mode, values] of Object.entries(rates)) {
      const rate = (await measure(mode, commits)) * share;
      if (round > 0) values.push(rate);
    }
  }
  const [raw = [], one = [], two = []] = [rates["raw"], rates["one"], rates["two"]];
  const k = (values: readonly number[]): string =>
    `${(median(values) / 1000).toFixed(1)}k (${(Math.min(...values) / 1000).toFixed(0)}–${(Math.max(...values) / 1000).toFixed(0)})`;
  const ratio = (values: readonly number[]): string =>
    median(values.map((value, index) => value / (raw[index] ?? value))).toFixed(2);
  console.log(
    `${size} per commit: raw ${k(raw)}/s, one at a time ${k(one)}/s = ${ratio(one)}, two ${k(two)}/s = ${ratio(two)}`,
  );
}
