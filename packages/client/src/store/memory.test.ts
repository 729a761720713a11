import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type StoreDisk, storeContract } from "@tidelock/testkit/conformance";
import { MemoryStoreState, memoryStore } from "./memory.ts";

function memoryDisk(state = new MemoryStoreState()): StoreDisk {
  return {
    store: () => memoryStore(state),
    crash: async () => memoryDisk(state.clone()),
    remove: async () => {},
  };
}

describe("The memory store", () => {
  for (const { name, run } of storeContract(async () => memoryDisk())) test(name, run);

  test("says that it is gone when the program ends", () => {
    assert.equal(memoryStore().durability, "memory");
  });
});
