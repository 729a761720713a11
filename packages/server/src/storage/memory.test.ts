import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assert as invariant, type Epoch, parseEntityId, parseEpoch, parseTenantId } from "@tidelock/core";
import { storageContract } from "@tidelock/testkit/conformance";
import { memoryStorage, MemoryStorageState } from "./memory.ts";

function countingEpochs(): () => Epoch {
  let count = 0;
  return () => {
    count += 1;
    const epoch = parseEpoch(`epoch-${count}-of-test`);
    invariant(epoch !== null, "a name");
    return epoch;
  };
}

describe("the storage in memory keeps the storage contract", () => {
  const makeDisk = async () => {
    const state = new MemoryStorageState(countingEpochs());
    return { storage: () => memoryStorage(state), remove: async () => {} };
  };
  for (const { name, run } of storageContract(makeDisk, { histories: 100 })) test(name, run);
});

test("a clone is what the storage was, and goes its own way", () => {
  const tenant = parseTenantId("t1")!;
  const state = new MemoryStorageState(countingEpochs());
  const { epoch } = state.openTenant(tenant);
  const event = { offset: 1, remaining: 0, body: "{}" };
  const of = { collection: "tasks", entity: parseEntityId("e1")!, field: null, policy: "lww", winner: "current" };
  const decision = { offset: 1, index: 0, ...of, time: 0, body: "{}" };
  const rest = { entities: [], receipts: [], decisions: [decision], devices: [], columns: [] };
  const before = state.clone();
  state.append([{ tenant, head: 0, events: [event], ...rest }]);
  const after = state.clone();
  state.trim(tenant, 1);
  assert.deepEqual(before.openTenant(tenant), { epoch, head: 0, floor: 0, published: 0, columns: new Map() });
  assert.deepEqual(before.readDecisions(tenant, {}, 10), []);
  assert.deepEqual(after.readEvents(tenant, 0, 10), [event]);
  assert.deepEqual(after.readDecisions(tenant, {}, 10), [decision]);
  assert.deepEqual(state.readEvents(tenant, 0, 10), []);
});

test("every new log in memory has another epoch", async () => {
  const tenant = parseTenantId("t1")!;
  const [left, right] = await Promise.all([memoryStorage().openTenant(tenant), memoryStorage().openTenant(tenant)]);
  assert.notEqual(left.epoch, right.epoch);
});
