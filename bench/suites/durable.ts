/**
 * P5 and P4. Durable mutations per second, each decided, in its own receipt, fsynced before the answer, and visible on
 * another device; against raw SQLite group commit in the same run. Then the latency of one at a time.
 */
import { sqliteLimit } from "../limits/sqlite.ts";
import { Countdown, percentile, withTimeout } from "../measure.ts";
import { withServer } from "../process.ts";
import { item, itemId } from "../schema.ts";
import { type Place, ThinDevice } from "../thin.ts";

const ENTITIES = 10_000;
const OUTSTANDING = 256;

export interface DurableResult {
  readonly lean100: number;
  readonly lean1000: number;
  readonly indexed100: number;
  readonly indexed1000: number;
  readonly engine: number;
  readonly engineWide: number;
  readonly latencyP50: number;
  readonly latencyP99: number;
}

export async function durable(mutations: number): Promise<DurableResult> {
  const lean100 = sqliteLimit("lean", 100, mutations);
  const lean1000 = sqliteLimit("lean", 1000, mutations);
  const indexed100 = sqliteLimit("indexed", 100, mutations);
  const indexed1000 = sqliteLimit("indexed", 1000, mutations);
  const engine = await rate(mutations, OUTSTANDING, 1);
  const engineWide = await rate(mutations, 4096, 16);
  const latency = await latencies(1000);
  return {
    lean100,
    lean1000,
    indexed100,
    indexed1000,
    engine,
    engineWide,
    latencyP50: percentile(latency, 0.5),
    latencyP99: percentile(latency, 0.99),
  };
}

/** Fills the collection, in pushes of 500. Answers where the log then ends. */
export async function seed(url: string, entities: number): Promise<Place> {
  const all = new Countdown(entities);
  const device = await ThinDevice.connect(url, {
    name: "seeder",
    subscribe: false,
    onResults: (count, rejected) => {
      if (rejected > 0) throw new Error("seeding was rejected");
      all.done(count);
      send();
    },
  });
  let next = 0;
  let sent = 0;
  function send(): void {
    while (next < entities && sent - (entities - all.left) < 4000) {
      const chunk = Array.from({ length: Math.min(500, entities - next) }, (_, index) => ({
        id: itemId(next + index),
        fields: { ...item(next + index) },
      }));
      next += chunk.length;
      sent += chunk.length;
      device.push("create", chunk);
    }
  }
  send();
  await withTimeout(all.finished, 120, "seeding");
  device.close();
  if (device.epoch === null) throw new Error("the server gave no epoch");
  return { epoch: device.epoch, offset: entities };
}

function rate(mutations: number, outstanding: number, perPush: number): Promise<number> {
  return withServer(async ({ url }) => {
    const from = await seed(url, ENTITIES);
    const visible = new Countdown(mutations);
    const watcher = await ThinDevice.connect(url, {
      name: "watcher",
      subscribe: true,
      from,
      onDelta: (events) => visible.done(events),
    });
    let sent = 0;
    let answered = 0;
    const writer = await ThinDevice.connect(url, {
      name: "writer",
      subscribe: false,
      onResults: (count, rejected) => {
        if (rejected > 0) throw new Error("a mutation was rejected");
        answered += count;
        fill();
      },
    });
    function fill(): void {
      while (sent < mutations && sent - answered < outstanding) {
        const from = sent;
        const entities = Array.from({ length: perPush }, (_, index) => ({
          id: itemId((from + index) % ENTITIES),
          fields: { rank: from + index + 1_000_000 },
        }));
        sent += perPush;
        writer.push("update", entities);
      }
    }
    const began = performance.now();
    fill();
    await withTimeout(visible.finished, 120, "durable mutations");
    const seconds = (performance.now() - began) / 1000;
    watcher.close();
    writer.close();
    return mutations / seconds;
  });
}

/** Milliseconds from the push on one device to the delta on another, one at a time. */
function latencies(count: number): Promise<number[]> {
  return withServer(async ({ url }) => {
    const from = await seed(url, 100);
    const times: number[] = [];
    let began = 0;
    let arrived: () => void = () => {};
    const watcher = await ThinDevice.connect(url, {
      name: "watcher",
      subscribe: true,
      from,
      onDelta: () => {
        times.push(performance.now() - began);
        arrived();
      },
    });
    const writer = await ThinDevice.connect(url, { name: "writer", subscribe: false });
    for (let index = 0; index < count; index++) {
      const next = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      began = performance.now();
      writer.push("update", [{ id: itemId(index % 100), fields: { rank: index + 1_000_000 } }]);
      await withTimeout(next, 10, "one delta");
    }
    watcher.close();
    writer.close();
    return times.slice(count / 10);
  });
}
