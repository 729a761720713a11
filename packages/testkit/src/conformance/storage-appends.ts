/** Cases of the storage contract: what is written, and what is refused. */
import assert from "node:assert/strict";
import { StaleHead, type Storage } from "@tidelock/server/memory";
import { StorageModel } from "./storage-model.ts";
import { commit, D, decision, E, entity, events, full, receipt, record, row, T, tenant, U } from "./storage-samples.ts";

export async function makesLogs(storage: Storage): Promise<void> {
  assert.deepEqual(await storage.tenants(), []);
  const first = await storage.openTenant(T);
  assert.match(first.epoch, /^[A-Za-z0-9][A-Za-z0-9_.-]{9,63}$/);
  assert.deepEqual(
    { ...first, columns: [...first.columns] },
    { epoch: first.epoch, head: 0, floor: 0, published: 0, columns: [] },
  );
  assert.equal((await storage.openTenant(T)).epoch, first.epoch);
  assert.notEqual((await storage.openTenant(U)).epoch, first.epoch);
  assert.deepEqual([...(await storage.tenants())].sort(), [U, T]);
  assert.deepEqual(await storage.readEvents(T, 0, 10), []);
  assert.deepEqual(await storage.readEntities(T, [["tasks", entity("a")]]), []);
  assert.deepEqual(await storage.readDevice(T, D), null);
  assert.deepEqual(await storage.readReceipts(T, D, 0, 10), []);
  assert.deepEqual(await storage.findReceipts(T, D, ["t1"]), []);
  assert.deepEqual(await storage.readEventsAt(T, [0, 1]), []);
  assert.deepEqual(await storage.readDecisions(T, {}, 10), []);
  assert.deepEqual(await storage.snapshot(T, "tasks", {}, []), { offset: 0, count: 0, chunks: [] });
  assert.deepEqual(await storage.readPage(T, "tasks", null, 10), { offset: 0, entities: [] });
}

export async function readsEverything(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  for (const each of [full(0, 1), full(2, 3), full(4, 5)]) {
    await storage.append([each]);
    model.append([each]);
    await model.expectIn(storage);
  }
}

export async function appendsWithoutEvents(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  model.tenant(T);
  const only = commit(T, 0, { receipts: [receipt(D, 1, 0)], devices: [record(D, 1, 0)] });
  for (const commits of [[], [only], [commit(T, 0)], [full(0, 2)], [commit(T, 2, { columns: [["tags", ["name"]]] })]]) {
    await storage.append(commits);
    model.append(commits);
    await model.expectIn(storage);
  }
}

export async function fencesHeads(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  await storage.append([full(0, 1)]);
  model.append([full(0, 1)]);
  for (const head of [0, 1, 3, 4]) {
    await assert.rejects(storage.append([full(head, 7)]), StaleHead, `head ${head} instead of 2`);
    await assert.rejects(storage.append([commit(T, head)]), StaleHead, `head ${head} instead of 2, without events`);
  }
  await assert.rejects(storage.append([commit(tenant("nobody"), 0, { events: events(0, 1) })]), StaleHead);
  await model.expectIn(storage);
}

export async function appendsTogether(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  await storage.openTenant(U);
  const both = [full(0, 1), { ...full(0, 1), tenant: U }];
  await storage.append(both);
  model.append(both);
  await model.expectIn(storage);
  await assert.rejects(storage.append([full(2, 3), { ...full(1, 3), tenant: U }]), StaleHead);
  await assert.rejects(storage.append([{ ...full(0, 3), tenant: U }, full(2, 3)]), StaleHead);
  await model.expectIn(storage);
}

export async function appendsInSequence(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  await storage.append([full(0, 1), full(2, 3), full(4, 5)]);
  model.append([full(0, 1), full(2, 3), full(4, 5)]);
  await assert.rejects(storage.append([full(6, 7), full(6, 9)]), StaleHead);
  await model.expectIn(storage);
}

export async function keepsOrder(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  await storage.openTenant(U);
  const calls: Promise<void>[] = [];
  const outcomes: string[] = [];
  const note = (call: Promise<void>, label: string): void => {
    calls.push(
      call.then(
        () => void outcomes.push(label),
        (error: Error) => void outcomes.push(`${label} ${error.name}`),
      ),
    );
  };
  for (let head = 0; head < 60; head += 2) {
    const next = [full(head, head + 1), { ...full(head, head + 1), tenant: U }];
    note(storage.append(next), `${head}`);
    model.append(next);
    if (head % 6 === 0) note(storage.append([full(head, 1000 + head)]), `stale ${head}`);
  }
  await Promise.all(calls);
  const stale = outcomes.filter((outcome) => outcome.startsWith("stale"));
  assert.deepEqual(
    stale,
    [0, 6, 12, 18, 24, 30, 36, 42, 48, 54].map((head) => `stale ${head} StaleHead`),
  );
  const done = outcomes.filter((outcome) => !outcome.startsWith("stale"));
  assert.deepEqual(
    done,
    Array.from({ length: 30 }, (_, index) => `${index * 2}`),
  );
  await model.expectIn(storage);
}

export async function refusesGaps(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  await storage.append([full(0, 1)]);
  model.append([full(0, 1)]);
  const [first, second] = events(2, 2);
  assert.ok(first !== undefined && second !== undefined);
  const broken = [
    events(3, 1),
    events(1, 1),
    [second],
    [first],
    [first, { ...second, offset: 5 }],
    [
      { ...first, remaining: 0 },
      { ...second, offset: 3 },
    ],
    [{ ...first, remaining: 2 }, second],
  ];
  for (const wrong of broken) {
    const bad = commit(T, 2, { events: wrong, entities: [row("tasks", "b", 3)], receipts: [receipt(D, 3, 3)] });
    await assert.rejects(storage.append([bad]), `events ${JSON.stringify(wrong)}`);
    await assert.rejects(storage.append([full(2, 3), { ...bad, head: 4 }]), "an append with one broken commit");
  }
  await model.expectIn(storage);
}

export async function decidesOnce(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  await storage.append([full(0, 1)]);
  model.append([full(0, 1)]);
  const twice = [
    [receipt(D, 1, 3)],
    [receipt(D, 9, 3, "t1")],
    [receipt(D, 7, 3), receipt(D, 7, 0)],
    [receipt(D, 7, 3, "t7"), receipt(D, 8, 0, "t7")],
  ];
  const calls = twice.map((receipts) => {
    const parts = {
      events: events(2, 1),
      entities: [row("tasks", "z", 3)],
      columns: [["tags", ["x"]]] as const,
      decisions: [decision(3)],
      receipts,
    };
    return assert.rejects(storage.append([commit(T, 2, parts)]), JSON.stringify(receipts));
  });
  const good = commit(T, 2, { events: events(2, 1), receipts: [receipt(D, 3, 3, "t3"), receipt(E, 1, 3, "t1")] });
  calls.push(storage.append([good]));
  await Promise.all(calls);
  model.append([good]);
  await model.expectIn(storage);
}
