import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { memoryStorage } from "../storage/memory.ts";
import { acme, createTasks, hosted, KeptBus } from "./hosted.fixture.ts";
import { resumeOutboxes } from "./outbox-resume.ts";
import { silentLogger } from "../observe/log.ts";

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
const names = (prefix: string, count: number): string[] => numbers(1, count).map((number) => `${prefix}${number}`);

describe("the relay of the server's outbox", () => {
  test("publishes every committed event, in order, once", async (t) => {
    const bus = new KeptBus();
    const { tenants } = hosted(t, { bus });
    const host = await tenants.load(acme);
    await Promise.all(names("d", 5).map((device) => createTasks(host, names(`${device}-`, 20), device)));
    await bus.until(() => bus.taken.length >= 100);
    assert.deepEqual(bus.taken, numbers(1, 100));
    assert.equal(host.relay.backlog, 0);
  });

  test("a bus that fails is tried again, and misses nothing", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const bus = new KeptBus();
    bus.failing = true;
    const { tenants, logged } = hosted(t, { bus });
    const host = await tenants.load(acme);
    await createTasks(host, names("a", 3));
    await bus.until(() => bus.attempts >= 1);
    await createTasks(host, names("b", 3), "d2");
    assert.equal(host.relay.backlog, 6);
    for (const attempt of [2, 3, 4]) {
      // Whatever the pause was, it is over after the longest.
      await new Promise((later) => setImmediate(later));
      t.mock.timers.tick(30_000);
      await bus.until(() => bus.attempts >= attempt);
    }
    assert.ok(logged.some((line) => line.includes("bus")));
    bus.failing = false;
    await new Promise((later) => setImmediate(later));
    t.mock.timers.tick(30_000);
    await bus.until(() => bus.taken.length >= 6);
    assert.deepEqual(bus.taken, numbers(1, 6));
  });

  test("goes on after a crash from what was saved, at least once", async (t) => {
    const storage = memoryStorage();
    const first = new KeptBus();
    const before = hosted(t, { storage, bus: first });
    await createTasks(await before.tenants.load(acme), names("a", 5));
    await first.until(() => first.taken.length >= 5);
    // The process ends before its progress was saved; only a part was.
    await storage.savePublished(acme, 2);

    const second = new KeptBus();
    const after = hosted(t, { storage, bus: second });
    await resumeOutboxes(storage, after.tenants, silentLogger);
    await second.until(() => second.taken.length >= 3);
    assert.deepEqual(second.taken, [3, 4, 5]);
  });

  test("saves its progress when the tenant is closed", async (t) => {
    const storage = memoryStorage();
    const bus = new KeptBus();
    const { tenants } = hosted(t, { storage, bus });
    await createTasks(await tenants.load(acme), names("a", 5));
    await bus.until(() => bus.taken.length >= 5);
    await tenants.close();
    assert.equal((await storage.openTenant(acme)).published, 5);
  });

  test("does not hold up those who write", async (t) => {
    const bus = new KeptBus();
    let answer: () => void = () => {};
    bus.publish = () => new Promise((taken) => (answer = taken));
    const { tenants } = hosted(t, { bus });
    const host = await tenants.load(acme);
    assert.ok((await createTasks(host, names("a", 3))).ok);
    assert.ok((await createTasks(host, names("b", 3), "d2")).ok);
    assert.equal(tenants.levels().serverOutbox, 6);
    bus.publish = async () => {};
    answer();
  });

  test("a bus that never answers does not keep the server from closing", async (t) => {
    const bus = new KeptBus();
    bus.publish = () => new Promise(() => {});
    const { tenants } = hosted(t, { bus });
    await createTasks(await tenants.load(acme), names("a", 3));
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const closing = tenants.close();
    for (let turn = 0; turn < 20; turn++) {
      await new Promise((later) => setImmediate(later));
      t.mock.timers.tick(1_000);
    }
    await closing;
  });
});
