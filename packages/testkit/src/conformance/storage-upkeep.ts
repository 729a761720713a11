/** Cases of the storage contract: watermarks, trimming, closing and opening again. */
import assert from "node:assert/strict";
import type { Storage } from "@tidelock/server/memory";
import { StorageModel } from "./storage-model.ts";
import { commit, D, E, events, full, receipt, record, row, type StorageDisk, T, tenant, U } from "./storage-samples.ts";

export async function movesWatermarks(storage: Storage): Promise<void> {
  await storage.openTenant(T);
  await storage.append([commit(T, 0, { events: events(0, 9), devices: [record(D, 5, 4, 1000)] })]);
  await storage.saveAcknowledged(
    T,
    new Map([
      [D, 7],
      [E, 7],
    ]),
    2000,
  );
  assert.deepEqual(await storage.readDevice(T, D), record(D, 5, 7, 2000));
  assert.equal(await storage.readDevice(T, E), null);
  await storage.saveAcknowledged(T, new Map([[D, 6]]), 1500);
  await storage.append([commit(T, 9, { devices: [record(D, 6, 4, 1800)] })]);
  assert.deepEqual(await storage.readDevice(T, D), record(D, 6, 7, 2000));
  await storage.saveAcknowledged(T, new Map(), 3000);
  assert.deepEqual(await storage.readDevice(T, D), record(D, 6, 7, 2000));
}

export async function movesPublished(storage: Storage): Promise<void> {
  await storage.openTenant(T);
  await storage.append([full(0, 1), full(2, 3)]);
  for (const [published, expected] of [
    [2, 2],
    [1, 2],
    [4, 4],
  ] as const) {
    await storage.savePublished(T, published);
    assert.equal((await storage.openTenant(T)).published, expected);
  }
}

export async function separatesTenants(storage: Storage): Promise<void> {
  const model = new StorageModel();
  const tenants = [T, U, tenant("acme2"), tenant("a")];
  for (const [index, each] of tenants.entries()) {
    await storage.openTenant(each);
    const own = { ...full(0, 1), tenant: each, entities: [row("tasks", "a", 1, `["of ${each}"]`)] };
    const more = { ...full(2, 3), tenant: each };
    const commits = index % 2 === 0 ? [own, more] : [own];
    await storage.append(commits);
    model.append(commits);
  }
  await storage.trim(U, 2);
  await storage.savePublished(tenant("a"), 1);
  model.trim(U, 2);
  model.savePublished(tenant("a"), 1);
  await model.expectIn(storage);
}

export async function trims(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  const commits = [
    full(0, 1),
    commit(T, 2, { events: events(2, 1), entities: [row("tasks", "a", 3, null)], receipts: [receipt(E, 1, 0)] }),
    commit(T, 3, { events: events(3, 1), entities: [row("tasks", "b", 4, null)], receipts: [receipt(E, 2, 4, "t2")] }),
    full(4, 5),
  ];
  await storage.append(commits);
  model.append(commits);
  for (const through of [0, 2, 3, 3, 1, 4, 1000]) {
    await storage.trim(T, through);
    model.trim(T, through);
    await model.expectIn(storage);
  }
  assert.deepEqual(await storage.readEvents(T, 0, 100), []);
  assert.equal((await storage.readDevice(T, D))?.decided, 6);
  await storage.append([full(6, 7)]);
  model.append([full(6, 7)]);
  await model.expectIn(storage);
  await storage.trim(tenant("nobody"), 5);
}

export async function trimsWholeTransactions(storage: Storage): Promise<void> {
  await storage.openTenant(T);
  await storage.append([commit(T, 0, { events: events(0, 2, 3, 2) })]);
  for (const [through, floor] of [
    [1, 0],
    [2, 2],
    [4, 2],
    [6, 5],
    [7, 7],
  ] as const) {
    await storage.trim(T, through);
    assert.equal((await storage.openTenant(T)).floor, floor);
    const [first] = await storage.readEvents(T, floor, 1);
    assert.equal(first?.offset, floor === 7 ? undefined : floor + 1);
  }
}

export async function keepsEverything(disk: StorageDisk): Promise<void> {
  const model = new StorageModel();
  let head = 0;
  let epoch: string | null = null;
  for (let session = 0; session < 4; session++) {
    const storage = disk.storage();
    await storage.open();
    const opened = await storage.openTenant(T);
    epoch ??= opened.epoch;
    assert.deepEqual([opened.epoch, opened.head], [epoch, head], "epoch and head after opening");
    await storage.append([full(head, head + 1)]);
    model.append([full(head, head + 1)]);
    head += 2;
    await storage.saveAcknowledged(T, new Map([[D, head]]), 1_772_366_400_000 + head);
    model.saveAcknowledged(T, new Map([[D, head]]), 1_772_366_400_000 + head);
    await storage.savePublished(T, head - 1);
    model.savePublished(T, head - 1);
    if (session === 2) {
      await storage.trim(T, 2);
      model.trim(T, 2);
    }
    await model.expectIn(storage);
    await storage.close();
  }
  const storage = disk.storage();
  await storage.open();
  await model.expectIn(storage);
  await storage.close();
}

export async function closesAfterAppends(disk: StorageDisk): Promise<void> {
  const model = new StorageModel();
  const storage = disk.storage();
  await storage.open();
  await storage.openTenant(T);
  const calls: Promise<void>[] = [];
  for (let head = 0; head < 20; head += 2) {
    calls.push(storage.append([full(head, head + 1)]));
    model.append([full(head, head + 1)]);
  }
  await storage.close();
  await Promise.all(calls);
  const again = disk.storage();
  await again.open();
  await model.expectIn(again);
  await again.close();
}
