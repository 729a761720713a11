/** The IndexedDB store in a real Chromium: its contract, its speed (printed, not asserted), and death in mid-write. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeProfile, type PageServer, servePage, startBrowser } from "./chromium.ts";
import type { IndexedDbPage } from "./indexeddb-page.ts";

/** The functions of the page, as the page sees them. */
declare const page: IndexedDbPage;

describe("The IndexedDB store in Chromium", { timeout: 240_000 }, () => {
  const profile = makeProfile();
  let server: PageServer;
  before(async () => {
    server = await servePage(join(import.meta.dirname, "indexeddb-page.ts"));
  });
  after(async () => {
    await server.close();
    profile.remove();
  });

  test("keeps the store contract", async () => {
    const browser = await startBrowser(profile.path, server.url);
    try {
      const tab = await browser.openPage();
      const { ran, failed } = await tab.evaluate(() => page.runContract());
      assert.ok(ran.length >= 15);
      assert.deepEqual(failed, {});
    } finally {
      await browser.kill();
    }
  });

  test("holds whole commits, and all that had resolved, when the browser is killed", async () => {
    const deaths = [
      { durability: "relaxed", wanted: 1 },
      { durability: "relaxed", wanted: 90 },
      { durability: "strict", wanted: 25 },
    ] as const;
    const resolved = new Map<string, number>();
    for (const { durability, wanted } of deaths) {
      const database = `killed-${durability}-${wanted}`;
      resolved.set(database, await writeAndKill(database, durability, wanted));
    }
    const browser = await startBrowser(profile.path, server.url);
    try {
      const tab = await browser.openPage();
      for (const [database, number] of resolved) {
        const found = await tab.evaluate((name) => page.findNumber(name), database);
        assert.equal(typeof found, "number", String(found));
        assert.ok(Number(found) >= number, `${number} had resolved, ${found} is there`);
      }
    } finally {
      await browser.kill();
    }
  });

  test("loads and commits fast (printed)", async () => {
    const browser = await startBrowser(profile.path, server.url);
    try {
      const first = await browser.openPage();
      const written = await first.evaluate(() => page.writeSnapshot(100_000));
      await first.close();
      const loads: number[] = [];
      for (let run = 0; run < 5; run++) {
        const tab = await browser.openPage();
        const { rows, spent } = await tab.evaluate(() => page.measureOpen());
        assert.equal(rows, 100_000);
        loads.push(spent);
        await tab.close();
      }
      const tab = await browser.openPage();
      const relaxed = await tab.evaluate(() => page.measureCommits(300, "relaxed"));
      const strict = await tab.evaluate(() => page.measureCommits(300, "strict"));
      const burst = await tab.evaluate(() => page.measureBurst(10_000));
      console.log(`100,000 rows: written ${written.toFixed(0)} ms, loaded ${describeTimes(loads)}`);
      console.log(`small commit: relaxed ${describeTimes(relaxed)}, strict ${describeTimes(strict)}`);
      console.log(`10,000 commits of a mutation each, not awaited: ${burst.toFixed(0)} ms`);
    } finally {
      await browser.kill();
    }
  });

  /** Answers the number of the last commit that is known to have resolved. */
  async function writeAndKill(database: string, durability: "relaxed" | "strict", wanted: number): Promise<number> {
    const browser = await startBrowser(profile.path, server.url);
    let resolved = 0;
    try {
      const tab = await browser.openPage();
      const enough = new Promise<void>((resolve) => {
        tab.on("console", (message) => {
          resolved = Math.max(resolved, Number(/^resolved (\d+)$/.exec(message.text())?.[1] ?? 0));
          if (resolved >= wanted) resolve();
        });
      });
      const writing = tab.evaluate(([name, durability]) => page.writeForever(name, durability), [
        database,
        durability,
      ] as const);
      // It ends only when something is wrong, or when the browser is killed.
      writing.catch(() => {});
      await Promise.race([enough, writing]);
    } finally {
      await browser.kill();
    }
    return resolved;
  }
});

function describeTimes(times: readonly number[]): string {
  const sorted = times.toSorted((left, right) => left - right);
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(2);
  const mean = times.reduce((sum, each) => sum + each, 0) / times.length;
  return `median ${at(0.5)}, p95 ${at(0.95)}, mean ${mean.toFixed(2)} ms`;
}
