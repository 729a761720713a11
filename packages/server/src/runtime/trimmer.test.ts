import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { silentLogger } from "../observe/log.ts";
import { memoryStorage } from "../storage/memory.ts";
import { acme, createTasks, type Hosted, hosted, KeptBus } from "./hosted.fixture.ts";
import { type Retention, Trimmer } from "./trimmer.ts";

const DAY_MS = 24 * 60 * 60_000;

async function filled(t: TestContext, bus: KeptBus = new KeptBus()): Promise<Hosted> {
  const state = hosted(t, { storage: memoryStorage(), bus });
  const host = await state.tenants.load(acme);
  for (let day = 0; day < 10; day++) {
    await createTasks(host, [`day${day}a`, `day${day}b`], `d${day}`);
    state.clock += DAY_MS;
  }
  if (!bus.failing) await bus.until(() => bus.taken.length >= 20);
  return state;
}

async function floorAfter(state: Hosted, retention: Retention): Promise<number> {
  const trimmer = new Trimmer(state.storage, state.tenants, retention, silentLogger, () => state.clock);
  await trimmer.run();
  await trimmer.stop();
  return (await state.storage.openTenant(acme)).floor;
}

describe("retention of the log", () => {
  test("keeps the newest events", async (t) => assert.equal(await floorAfter(await filled(t), { events: 5 }), 15));
  test("keeps the last days", async (t) => assert.equal(await floorAfter(await filled(t), { days: 3 }), 14));
  test("with both, either lets go", async (t) => {
    assert.equal(await floorAfter(await filled(t), { events: 5, days: 8 }), 15);
    assert.equal(await floorAfter(await filled(t), { events: 18, days: 3 }), 14);
  });
  test("keeps all when nothing is said", async (t) => assert.equal(await floorAfter(await filled(t), {}), 0));
  test("keeps all that is young enough", async (t) =>
    assert.equal(await floorAfter(await filled(t), { events: 50, days: 50 }), 0));

  test("the hub is told, and devices from before get a snapshot", async (t) => {
    const state = await filled(t);
    await floorAfter(state, { events: 5 });
    const host = await state.tenants.load(acme);
    assert.equal(host.floor, 15);
    const answer = await host.reconcile(
      { user: (await import("./hosted.fixture.ts")).ana.user, claims: {}, expires: null },
      {
        device: "late" as never,
        checkpoint: { epoch: host.epoch, offset: 3, page: null },
        mutations: [],
      },
    );
    assert.equal(!answer.ok && answer.code, "checkpoint-expired");
  });

  test("nothing goes that the bus has not taken", async (t) => {
    const bus = new KeptBus();
    bus.failing = true;
    assert.equal(await floorAfter(await filled(t, bus), { events: 5 }), 0);
  });

  test("tenants that nobody uses are trimmed too", async (t) => {
    const state = await filled(t);
    await state.tenants.close();
    assert.equal(await floorAfter(state, { events: 5 }), 15);
  });
});
