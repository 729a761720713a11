/**
 * The limit of durable writes: node:sqlite alone, in this process, with one event (284 bytes), one entity and one dedupe
 * row per mutation, `batch` mutations per transaction, WAL, synchronous=FULL; 10,000 entities in random order, 100 devices.
 * No parsing, no conflict check, no socket.
 *
 * `lean` keys events by tenant and offset, as the engine's storage does. `indexed` keys them by one running number with a
 * secondary index on (scope, number), which is how the published figures that the targets refer to were measured.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { seededRandom } from "@tidelock/core";

const EVENTS = {
  lean: "CREATE TABLE event (scope INTEGER, seq INTEGER, body TEXT, PRIMARY KEY (scope, seq)) STRICT, WITHOUT ROWID",
  indexed:
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, scope INTEGER, body TEXT) STRICT; CREATE INDEX event_scope ON event (scope, seq)",
};

/** Mutations per second. */
export function sqliteLimit(kind: keyof typeof EVENTS, batch: number, total: number): number {
  const folder = mkdtempSync(join(tmpdir(), "tidelock-limit-"));
  const database = new DatabaseSync(join(folder, "limit.db"));
  database.exec(`
    PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=8000; PRAGMA cache_size=-65536;
    ${EVENTS[kind]};
    CREATE TABLE entity (scope INTEGER, id TEXT, seq INTEGER, body TEXT, PRIMARY KEY (scope, id)) STRICT, WITHOUT ROWID;
    CREATE TABLE dedupe (scope INTEGER, device INTEGER, counter INTEGER, seq INTEGER, PRIMARY KEY (scope, device, counter)) STRICT, WITHOUT ROWID;
  `);
  const event = database.prepare("INSERT INTO event (scope, seq, body) VALUES (?, ?, ?)");
  const entity = database.prepare(
    "INSERT INTO entity VALUES (?, ?, ?, ?) ON CONFLICT (scope, id) DO UPDATE SET seq = excluded.seq, body = excluded.body",
  );
  const dedupe = database.prepare("INSERT INTO dedupe VALUES (?, ?, ?, ?)");
  const body = JSON.stringify({ pad: "x".repeat(274) });
  const row = JSON.stringify({ pad: "x".repeat(100) });
  const random = seededRandom(1);
  const scopes = kind === "lean" ? 1 : 50;
  let sequence = 0;
  const write = (transactions: number): void => {
    for (let count = 0; count < transactions; count++) writeOne();
  };
  const writeOne = (): void => {
    database.exec("BEGIN IMMEDIATE");
    for (let index = 0; index < batch; index++) {
      sequence += 1;
      const scope = random.below(scopes);
      event.run(scope, sequence, body);
      entity.run(scope, `item-${String(random.below(10_000)).padStart(7, "0")}`, sequence, row);
      dedupe.run(scope, random.below(100), sequence, sequence);
    }
    database.exec("COMMIT");
  };
  write(Math.ceil(10_000 / batch));
  const transactions = Math.ceil(total / batch);
  const began = performance.now();
  write(transactions);
  const rate = (transactions * batch) / ((performance.now() - began) / 1000);
  database.close();
  rmSync(folder, { recursive: true, force: true });
  return rate;
}
