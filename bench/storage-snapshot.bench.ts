/**
 * A snapshot of 100,000 entities out of the SQLite storage: time until the last chunk is here, CPU of the whole process,
 * and how long the main loop was held up; with everything, and with a filter that lets a fifth through.
 *
 *     node --conditions=@tidelock/source bench/storage-snapshot.bench.ts [entities] [rounds]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { assert, parseEntityId, parseTenantId } from "@tidelock/core";
import { sqliteStorage } from "@tidelock/server/sqlite";

const entities = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.argv[3] ?? 7);
const tenant = valid(parseTenantId("acme"));
const columns = ["title", "done", "priority", "due", "assignee"];
const meta = '[[["device-1",12345,12345,"0123456789abcdef"]],[["device-1",12345]],"ana@example.org"]';

function valid<Id>(id: Id | null): Id {
  assert(id !== null, "a valid id");
  return id;
}

const folder = mkdtempSync(join(tmpdir(), "tidelock-bench-"));
const storage = sqliteStorage({ path: join(folder, "data.db") });
await storage.open();
await storage.openTenant(tenant);
for (let head = 0; head < entities; head += 1000) {
  const offsets = Array.from({ length: 1000 }, (_, index) => head + index + 1);
  const rows = offsets.map((at) => ({
    collection: "tasks",
    id: valid(parseEntityId(`0192aaaa-bbbb-7ccc-8ddd-${String((at * 7919) % entities).padStart(12, "0")}`)),
    at,
    row: JSON.stringify([`a title of usual length ${at}`, false, at % 5, null, "ana"]),
    meta,
  }));
  const events = offsets.map((offset) => ({ offset, remaining: 0, body: "{}" }));
  await storage.append([
    { tenant, head, events, entities: rows, receipts: [], decisions: [], devices: [], columns: [] },
  ]);
}

for (const [name, filter] of [
  ["everything", {}],
  ["priority = 1", { priority: 1 }],
] as const) {
  const times: number[] = [];
  const cpu: number[] = [];
  const held: number[] = [];
  let text = "";
  for (let round = 0; round <= rounds; round++) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const before = process.cpuUsage();
    const start = performance.now();
    const snapshot = await storage.snapshot(tenant, "tasks", filter, columns);
    const elapsed = performance.now() - start;
    const used = process.cpuUsage(before);
    delay.disable();
    const characters = snapshot.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    text = `${snapshot.count} rows, ${(characters / 1e6).toFixed(1)} MB in ${snapshot.chunks.length} chunks`;
    if (round === 0) continue;
    times.push(elapsed);
    cpu.push((used.user + used.system) / 1000);
    held.push(delay.max / 1e6);
  }
  const shown = (values: number[]): string => {
    values.sort((left, right) => left - right);
    return `${values[values.length >> 1]?.toFixed(0)} ms (${values[0]?.toFixed(0)}–${values.at(-1)?.toFixed(0)})`;
  };
  console.log(`${name}: ${text}; ${shown(times)}, CPU ${shown(cpu)}, longest hold of the main loop ${shown(held)}`);
}
await storage.close();
rmSync(folder, { recursive: true });
