import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { memoryStorage } from "../storage/memory.ts";
import { StaleHead, type Storage } from "../storage/storage.ts";
import type { HubMachine } from "./host-ports.ts";
import { acme, createTasks, hosted, openSession, other } from "./hosted.fixture.ts";

/** A hub that throws at the next input when told to. */
function breakable(): { broken: boolean; wrap: (hub: HubMachine) => HubMachine } {
  const state = {
    broken: false,
    wrap: (hub: HubMachine): HubMachine => ({
      handle: (input, now) => {
        if (state.broken) throw new Error("an invariant is broken");
        return hub.handle(input, now);
      },
      get head() {
        return hub.head;
      },
      get idle() {
        return hub.idle;
      },
      get backlog() {
        return hub.backlog;
      },
    }),
  };
  return state;
}

describe("loading", () => {
  test("those who ask at once get the same hub", async (t) => {
    const { tenants } = hosted(t);
    const [first, second] = await Promise.all([tenants.load(acme), tenants.load(acme)]);
    assert.equal(first, second);
    assert.equal(await tenants.load(acme), first);
    assert.notEqual(await tenants.load(other), first);
  });

  test("a storage that fails refuses with a retryable code, and is asked again", async (t) => {
    const storage = memoryStorage();
    let failing = true;
    const flaky: Storage = {
      ...storage,
      openTenant: (tenant) => (failing ? Promise.reject(new Error("disk")) : storage.openTenant(tenant)),
    };
    const { tenants } = hosted(t, { storage: flaky });
    await assert.rejects(tenants.load(acme), { code: "storage-unavailable", retryable: true });
    failing = false;
    await tenants.load(acme);
  });
});

describe("a hub that throws", () => {
  test("stops its tenant only: sessions are sent away, others go on, the next load is a new hub", async (t) => {
    const breaks = breakable();
    const { tenants, metrics, logged } = hosted(t, {
      wrapHub: (tenant, hub) => (tenant === acme ? breaks.wrap(hub) : hub),
    });
    const [mine, theirs] = [await tenants.load(acme), await tenants.load(other)];
    await createTasks(mine, ["before"]);
    const { sink } = await openSession(mine, "s1");
    const { sink: untouched } = await openSession(theirs, "s2");
    breaks.broken = true;
    const answer = await createTasks(mine, ["lost"]);
    assert.deepEqual([answer.ok, !answer.ok && answer.code], [false, "internal"]);
    assert.equal(sink.ended, "internal");
    assert.equal(untouched.ended, null);
    assert.equal(metrics.tenantFailures.get("internal"), 1);
    assert.equal(logged.length, 1);

    breaks.broken = false;
    const again = await tenants.load(acme);
    assert.notEqual(again, mine);
    assert.equal(again.head, 1);
    assert.ok((await createTasks(again, ["after"])).ok);
    assert.ok((await createTasks(theirs, ["fine"])).ok);
  });

  test("nothing more is handled by what has failed", async (t) => {
    const breaks = breakable();
    const { tenants } = hosted(t, { wrapHub: (_tenant, hub) => breaks.wrap(hub) });
    const host = await tenants.load(acme);
    breaks.broken = true;
    await createTasks(host, ["a"]);
    breaks.broken = false;
    const answer = await createTasks(host, ["b"]);
    assert.equal(answer.ok, false);
    const { sink } = await openSession(host, "s1");
    assert.equal(sink.ended, "internal");
    assert.equal(sink.messages.length, 0);
  });

  test("that goes on throwing is loaded later and later", async (t) => {
    const breaks = breakable();
    const state = hosted(t, { wrapHub: (_tenant, hub) => breaks.wrap(hub) });
    breaks.broken = true;
    await createTasks(await state.tenants.load(acme), ["a"]);
    await createTasks(await state.tenants.load(acme), ["a"]);
    await assert.rejects(state.tenants.load(acme), { code: "internal" });
    state.clock += 250;
    await createTasks(await state.tenants.load(acme), ["a"]);
    state.clock += 250;
    await assert.rejects(state.tenants.load(acme), { code: "internal" });
    state.clock += 250;
    breaks.broken = false;
    await state.tenants.load(acme);
  });
});

describe("an append that fails", () => {
  const failingOnce = (error: Error): Storage => {
    const storage = memoryStorage();
    let failures = 0;
    return {
      ...storage,
      append: async (commits) => {
        if (failures > 0 || commits.every(({ events }) => events.length === 0)) return storage.append(commits);
        failures += 1;
        throw error;
      },
    };
  };

  for (const [name, error, reason] of [
    ["because the disk is full", new Error("ENOSPC"), "storage-unavailable"],
    ["because another writer was faster", new StaleHead("head"), "stale-head"],
  ] as const) {
    test(`${name}: nobody is told that it worked, and the tenant is read anew`, async (t) => {
      const { tenants, metrics } = hosted(t, { storage: failingOnce(error) });
      const host = await tenants.load(acme);
      const { sink } = await openSession(host, "s1");
      const answer = await createTasks(host, ["a"]);
      assert.equal(answer.ok, false);
      await sink.until("end");
      assert.equal(sink.ended, "storage-unavailable");
      assert.ok(!sink.messages.some(({ type }) => type === "delta"));
      assert.equal(metrics.tenantFailures.get(reason), 1);
      const again = await tenants.load(acme);
      const retried = await createTasks(again, ["a"]);
      assert.equal(retried.ok && retried.body.applied[0]?.outcome, "applied");
      assert.equal(again.head, 1);
    });
  }

  test("the next hub is made only when the append of the last one has ended", async (t) => {
    const storage = memoryStorage();
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    let started: () => void = () => {};
    const underWay = new Promise<void>((resolve) => (started = resolve));
    const slow: Storage = {
      ...storage,
      append: async (commits) => {
        if (commits.some(({ events }) => events.length > 0)) {
          started();
          await held;
        }
        return storage.append(commits);
      },
    };
    const breaks = breakable();
    const { tenants } = hosted(t, { storage: slow, wrapHub: (_tenant, hub) => breaks.wrap(hub) });
    const host = await tenants.load(acme);
    void createTasks(host, ["under-way"]);
    await underWay;
    breaks.broken = true;
    assert.equal((await createTasks(host, ["x"], "d2")).ok, false);
    breaks.broken = false;
    const loading = tenants.load(acme);
    release();
    assert.equal((await loading).head, 1);
  });
});

describe("letting go", () => {
  test("a tenant that nobody uses is let go, and comes back with everything", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const state = hosted(t);
    const host = await state.tenants.load(acme);
    await createTasks(host, ["a"]);
    const sweep = (): void => t.mock.timers.tick(30_000);
    state.clock += 60_000;
    sweep();
    assert.equal(await state.tenants.load(acme), host);
    sweep();
    state.clock += 5 * 60_000;
    sweep();
    const again = await state.tenants.load(acme);
    assert.notEqual(again, host);
    assert.equal(again.head, 1);
  });

  test("a tenant with a session stays", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const state = hosted(t);
    const host = await state.tenants.load(acme);
    await openSession(host, "s1");
    for (let minute = 0; minute < 30; minute++) {
      state.clock += 60_000;
      t.mock.timers.tick(30_000);
    }
    assert.equal(await state.tenants.load(acme), host);
  });
});

describe("closing", () => {
  test("what was accepted reaches the disk, sessions are sent away, nothing is loaded any more", async (t) => {
    const storage = memoryStorage();
    const { tenants } = hosted(t, { storage });
    const host = await tenants.load(acme);
    const { sink } = await openSession(host, "s1");
    const answers = [createTasks(host, ["a"]), createTasks(host, ["b"], "d2")];
    tenants.drain();
    assert.equal(sink.ended, "shutting-down");
    await tenants.close();
    await Promise.all(answers);
    await assert.rejects(tenants.load(acme), { code: "shutting-down" });
    const decided = await storage.openTenant(acme);
    for (const answer of await Promise.all(answers)) if (answer.ok) assert.ok(decided.head > 0);
  });
});
