/**
 * P7. A device that was offline has 10,000 mutations on 1,000 entities in its outbox, on its disk; it connects. How long
 * until another device has them all? Real clients on both sides; each mutation is decided, durable and answered.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@tidelock/client";
import { sqliteStore } from "@tidelock/client/sqlite";
import { Countdown, withTimeout } from "../measure.ts";
import { withServer } from "../process.ts";
import { item, itemId, schema } from "../schema.ts";
import { benchToken } from "../token.ts";

export interface OfflineResult {
  /** Milliseconds to make the mutations offline, until all are on the device's disk. */
  readonly localMs: number;
  /** Milliseconds from going online until another device has all. */
  readonly pushMs: number;
  /** Milliseconds from going online until every mutation is answered. */
  readonly answeredMs: number;
}

export function offlinePush(mutations: number, entities: number): Promise<OfflineResult> {
  return withServer(async ({ url }) => {
    const folder = mkdtempSync(join(tmpdir(), "tidelock-bench-"));
    const options = { url, schema };
    const writer = createClient({
      ...options,
      auth: () => benchToken("writer"),
      store: sqliteStore({ path: join(folder, "writer.db") }),
      autoConnect: false,
    });
    const reader = createClient({ ...options, auth: () => benchToken("reader") });
    await Promise.all([writer.opened, reader.opened]);
    const seen = reader.items.query({});
    const complete = new Countdown(1);
    const finalRank = mutations - entities;
    const check = (): void => {
      if (!seen.isComplete) return;
      complete.done(0);
      if (seen.data.length === entities && seen.data.every((entity) => entity.rank >= finalRank)) complete.done(1);
    };
    seen.subscribe(check);
    await withTimeout(untilConnected(reader), 20, "connecting");

    const began = performance.now();
    const saved: Array<Promise<unknown>> = [];
    const synced: Array<Promise<unknown>> = [];
    for (let index = 0; index < mutations; index++) {
      const id = itemId(index % entities);
      const write =
        index < entities ? writer.items.create({ id, ...item(index) }) : writer.items.update(id, { rank: index });
      saved.push(write.saved);
      synced.push(write.synced);
    }
    await Promise.all(saved);
    const localMs = performance.now() - began;

    const online = performance.now();
    writer.goOnline();
    await withTimeout(complete.finished, 60, "the offline push");
    const pushMs = performance.now() - online;
    await Promise.all(synced);
    const answeredMs = performance.now() - online;
    await writer.close();
    await reader.close();
    rmSync(folder, { recursive: true, force: true });
    return { localMs, pushMs, answeredMs };
  });
}

function untilConnected(client: {
  readonly connection: { readonly value: { readonly phase: string }; subscribe(listener: () => void): () => void };
}): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (client.connection.value.phase === "connected") resolve();
    };
    client.connection.subscribe(check);
    check();
  });
}
