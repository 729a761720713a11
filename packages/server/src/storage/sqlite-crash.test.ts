/** Processes that die or run out of disk while they write. This file is also the child that does so. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { parseDeviceId, parseEntityId, parseTenantId, TidelockError } from "@tidelock/core";
import type { Commit, StoredDecision } from "../engine/records.ts";
import { sqliteStorage, type Storage } from "./sqlite.ts";

const tenant = parseTenantId("acme")!;
const device = parseDeviceId("device-1")!;
const body = (offset: number): string => `{"offset":${offset},"pad":"${"x".repeat(24_000)}"}`;
const entityAt = (offset: number) => parseEntityId(`e${offset % 50}`)!;

/** Of the event at an offset: two, one or none. */
const decisionsOf = (offset: number): StoredDecision[] =>
  Array.from({ length: offset % 3 }, (_, index) => ({
    offset,
    index,
    collection: "tasks",
    entity: entityAt(offset),
    field: index === 0 ? "title" : null,
    policy: "lww",
    winner: "current",
    time: offset,
    body: `{"of":[${offset},${index}]}`,
  }));

function commitAfter(head: number): Commit {
  const offset = head + 1;
  return {
    tenant,
    head,
    events: [{ offset, remaining: 0, body: body(offset) }],
    entities: [{ collection: "tasks", id: entityAt(offset), at: offset, row: `[${offset}]`, meta: "{}" }],
    receipts: [{ device, counter: offset, name: null, outcome: "applied", offset, detail: null }],
    decisions: decisionsOf(offset),
    devices: [],
    columns: [],
  };
}

/** Appends, eight under way at a time, and says of each that resolved its offset; on a refusal its code, and what is there. */
async function appendForever(path: string): Promise<void> {
  const storage = sqliteStorage({ path });
  await storage.open();
  let { head } = await storage.openTenant(tenant);
  let isRefused = false;
  const writer = async (): Promise<void> => {
    while (!isRefused) {
      const commit = commitAfter(head);
      head += 1;
      try {
        await storage.append([commit]);
        process.stdout.write(`${commit.head + 1}\n`);
      } catch (error) {
        if (isRefused) return;
        isRefused = true;
        const code = error instanceof TidelockError ? error.code : String(error);
        process.stdout.write(`${code} at ${(await storage.openTenant(tenant)).head}\n`);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, writer));
  await storage.close();
}

if (process.argv[2] === "append") await appendForever(process.argv[3] ?? "");
else defineTests();

function startChild(path: string, shell?: string): ChildProcess {
  const command = [process.execPath, "--conditions=@tidelock/source", import.meta.filename, "append", path];
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const stdio = ["ignore", "pipe", "inherit"] as const;
  if (shell === undefined) return spawn(command[0]!, command.slice(1), { stdio: [...stdio], env });
  return spawn("sh", ["-c", `${shell} exec "$@"`, "sh", ...command], { stdio: [...stdio], env });
}

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tidelock-"));
  try {
    await run(join(folder, "data.db"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Everything up to the head is there and belongs together. Answers the head. */
async function expectWhole(storage: Storage): Promise<number> {
  const { head } = await storage.openTenant(tenant);
  const events = await storage.readEvents(tenant, 0, 1_000_000);
  assert.equal(events.length, head);
  for (const [index, event] of events.entries()) {
    assert.ok(event.offset === index + 1 && event.body === body(index + 1), `event ${index + 1}`);
  }
  const counters = (await storage.readReceipts(tenant, device, 0, 1_000_000)).map(({ counter }) => counter);
  assert.deepEqual(
    counters,
    events.map(({ offset }) => offset),
  );
  const decisions = await storage.readDecisions(tenant, {}, 1_000_000);
  assert.deepEqual(
    [...decisions].reverse(),
    events.flatMap(({ offset }) => decisionsOf(offset)),
  );
  const { offset, entities } = await storage.readPage(tenant, "tasks", null, 1000);
  assert.equal(offset, head);
  const last = events.slice(-50).map((event) => [entityAt(event.offset), event.offset, `[${event.offset}]`] as const);
  assert.deepEqual(entities.map(({ id, at, row }) => [id, at, row]).sort(), last.sort());
  return head;
}

function defineTests(): void {
  const options = { skip: process.platform === "win32" };

  test(
    "G01: kill -9 at any time loses nothing that was acknowledged, and gives the data file back",
    options,
    async () => {
      await inFolder(async (path) => {
        let head = 0;
        // The last round is long enough for a checkpoint, which comes about every 32 MB.
        for (const acknowledgements of [1, 25, 100, 200, 300, 1700]) {
          const child = startChild(path);
          const exited = once(child, "exit");
          let acknowledged = head;
          for await (const line of createInterface({ input: child.stdout! })) {
            assert.match(line, /^\d+$/);
            assert.equal(Number(line), acknowledged + 1, "appends resolve in order");
            acknowledged = Number(line);
            if (acknowledgements === 1700 && acknowledged === head + 1) {
              const storage = sqliteStorage({ path });
              await assert.rejects(storage.open(), { code: "data-in-use" });
            }
            if (acknowledged - head === acknowledgements) child.kill("SIGKILL");
          }
          assert.deepEqual(await exited, [null, "SIGKILL"]);
          const storage = sqliteStorage({ path });
          await storage.open();
          head = await expectWhole(storage);
          assert.ok(head >= acknowledged, `${acknowledged} was acknowledged, ${head} is there`);
          await storage.close();
        }
        assert.ok(head > 2000);
      });
    },
  );

  test(
    "G24: a disk that is full refuses appends, still answers reads, and keeps what was acknowledged",
    options,
    async () => {
      await inFolder(async (path) => {
        // Files of this process may not grow above 4 MiB.
        const child = startChild(path, "ulimit -f 8192; trap '' XFSZ;");
        const lines: string[] = [];
        for await (const line of createInterface({ input: child.stdout! })) lines.push(line);
        const acknowledged = Number(lines.at(-2));
        assert.ok(acknowledged > 50, `${acknowledged} appends fit`);
        assert.equal(lines.at(-1), `storage-unavailable at ${acknowledged}`);
        const storage = sqliteStorage({ path });
        await storage.open();
        assert.equal(await expectWhole(storage), acknowledged);
        await storage.append([commitAfter(acknowledged)]);
        assert.equal(await expectWhole(storage), acknowledged + 1);
        await storage.close();
      });
    },
  );
}
