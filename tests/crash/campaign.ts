/**
 * Campaigns against real processes: a server that is killed with -9 again and again while devices push, and a device that
 * is killed with its outbox full. The judge is the log itself, read from the data file at the end.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { createClient } from "@tidelock/client";
import { sqliteStore } from "@tidelock/client/sqlite";
import { decodeEvent, type DomainEvent, parseTenantId, seededRandom } from "@tidelock/core";
import { sqliteStorage } from "@tidelock/server/sqlite";
import { Process } from "./processes.ts";
import { schema, SECRET } from "./schema.ts";

/** For each device how many writes it has without an answer: those with few keep the disk busy between the waves of others. */
const WINDOWS = [1, 3, 12, 40, 120];

export function tokenOf(user: string): Promise<string> {
  return new SignJWT({ tenant: "crash" })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setExpirationTime("2h")
    .sign(new TextEncoder().encode(SECRET));
}

/** Every event of the campaigns' tenant, from the data file. No server may hold it. */
export async function readLog(path: string): Promise<DomainEvent[]> {
  const storage = sqliteStorage({ path });
  await storage.open();
  const tenant = parseTenantId("crash");
  assert(tenant !== null);
  const { head } = await storage.openTenant(tenant);
  const events: DomainEvent[] = [];
  while (events.length < head) {
    const stored = await storage.readEvents(tenant, events.length, 1000);
    events.push(...stored.map((event) => decodeEvent(event.offset, event.body)));
  }
  await storage.close();
  return events;
}

export interface ServerCampaign {
  readonly kills: number;
  readonly acknowledged: number;
  readonly events: number;
  /** Mutations that were on their way at the moment of a kill, in all. */
  readonly inFlight: number;
}

/** Kills the server `kills` times while devices push; then checks that what was acknowledged is there, and once. */
export async function killServer(kills: number, seed: number, plant: "" | "early" = ""): Promise<ServerCampaign> {
  const folder = mkdtempSync(join(tmpdir(), "tidelock-crash-"));
  const data = join(folder, "crash.db");
  const random = seededRandom(seed);
  let server = new Process("server.ts", [data, "0", plant]);
  const url = await server.lineAfter("listening ");
  const port = new URL(url).port;
  const acknowledged = new Set<string>();
  const failures: unknown[] = [];
  let wake: () => void = () => {};
  let open = 0;
  const state = { isStopped: false };

  const writers = await Promise.all(
    WINDOWS.map(async (window, index) => {
      const token = await tokenOf(`user-${index}`);
      const client = createClient({ url, schema, auth: token });
      await client.opened;
      let next = 0;
      let waiting = 0;
      const settle = (): void => {
        waiting -= 1;
        open -= 1;
        wake();
        write();
      };
      const write = (): void => {
        while (!state.isStopped && waiting < window) {
          const id = `d${index}-${next++}`;
          const writes = [
            client.notes.create({ id, text: `first ${id}` }),
            client.notes.update(id, { edits: next }),
            client.parts.create({ note: id, text: `part of ${id}` }),
          ];
          waiting += writes.length;
          open += writes.length;
          for (const [kind, made] of writes.entries()) {
            void made.synced.then(
              ({ outcome }) => {
                assert(
                  outcome === "applied" || outcome === "duplicate" || outcome === "merged",
                  `${id} was ${outcome}`,
                );
                acknowledged.add(`${id}/${kind}`);
                return settle();
              },
              (error: unknown) => {
                failures.push(error);
                return settle();
              },
            );
          }
        }
      };
      write();
      return client;
    }),
  );

  const reach = (count: number): Promise<void> =>
    new Promise((resolve) => {
      wake = () => {
        if (acknowledged.size >= count || failures.length > 0) resolve();
      };
      wake();
    });
  let inFlight = 0;
  for (let kill = 0; kill < kills; kill++) {
    await reach(acknowledged.size + 1 + random.below(400));
    inFlight += open;
    await server.kill();
    server = new Process("server.ts", [data, port, plant]);
    await server.lineAfter("listening ");
  }
  state.isStopped = true;
  await new Promise<void>((resolve) => {
    wake = () => {
      if (open === 0) resolve();
    };
    wake();
  });
  for (const client of writers) await client.close();
  await server.kill();
  const events = await readLog(data);
  rmSync(folder, { recursive: true, force: true });
  assert.deepEqual(failures, [], "no mutation is refused");
  checkLog(events, acknowledged);
  return { kills, acknowledged: acknowledged.size, events: events.length, inFlight };
}

/** Everything acknowledged is in the log, and nothing is there twice or out of a device's order. */
function checkLog(events: readonly DomainEvent[], acknowledged: ReadonlySet<string>): void {
  const effects = new Map<string, number>();
  const counters = new Map<string, number>();
  for (const [index, event] of events.entries()) {
    assert.equal(event.offset, index + 1, "offsets are gapless");
    const before = counters.get(event.device) ?? 0;
    assert.ok(event.counter > before, `${event.device} has ${event.counter} after ${before}`);
    counters.set(event.device, event.counter);
    const note = event.collection === "parts" ? String(event.row?.[0]) : event.entity;
    const kind = event.collection === "parts" ? 2 : event.kind === "created" ? 0 : 1;
    effects.set(`${note}/${kind}`, (effects.get(`${note}/${kind}`) ?? 0) + 1);
  }
  for (const [effect, count] of effects) assert.equal(count, 1, `${effect} took effect ${count} times`);
  for (const effect of acknowledged) assert.ok(effects.has(effect), `${effect} was acknowledged and is lost`);
}

export interface DeviceCampaign {
  readonly kills: number;
  readonly saved: number;
}

/** Kills a device again and again while no server answers; then its outbox must arrive whole, once, in order. */
export async function killDevice(kills: number, seed: number): Promise<DeviceCampaign> {
  const folder = mkdtempSync(join(tmpdir(), "tidelock-crash-"));
  const [data, store] = [join(folder, "crash.db"), join(folder, "device.db")];
  const random = seededRandom(seed);
  const token = await tokenOf("ana");
  const probe = new Process("server.ts", [data, "0"]);
  const url = await probe.lineAfter("listening ");
  await probe.kill();
  const expected = new Set<string>();
  let first = 0;
  for (let kill = 0; kill < kills; kill++) {
    const device = new Process("device.ts", [store, url, "ana", token, String(first)]);
    await device.lineAfter("opened");
    const target = 5 + random.below(60);
    const numbers: number[] = [];
    for (let count = 0; count < target; count++) numbers.push(Number(await device.lineAfter("saved ")));
    await device.kill();
    for (const number of numbers) expected.add(`ana-${number}`);
    // The note after the last may be saved as well: its line did not come. The next run uses other names.
    first += 1000;
  }
  const server = new Process("server.ts", [data, new URL(url).port]);
  await server.lineAfter("listening ");
  const client = createClient({ url, schema, auth: token, store: sqliteStore({ path: store }) });
  await client.opened;
  await new Promise<void>((resolve) => {
    const check = (): void => {
      if (client.status.value.pendingCount === 0) resolve();
    };
    client.status.subscribe(check);
    check();
  });
  await client.close();
  await server.kill();
  const events = await readLog(data);
  rmSync(folder, { recursive: true, force: true });
  const created = new Set(events.filter((event) => event.kind === "created").map((event) => event.entity as string));
  checkLog(events, new Set([...expected].map((id) => `${id}/0`)));
  for (const id of expected) assert.ok(created.has(id), `${id} was saved on the device and is lost`);
  return { kills, saved: expected.size };
}
