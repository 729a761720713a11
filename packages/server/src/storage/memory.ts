/**
 * A storage in memory, for tests and for servers whose data may be gone after a restart: every start is a new epoch.
 * "Durable" means here: as long as the process lives. The content and all semantics are in `memory-state.ts`.
 */
import { randomBytes } from "node:crypto";
import { assert, type Epoch, parseEpoch } from "@tidelock/core";
import { MemoryStorageState } from "./memory-state.ts";
import type { Storage } from "./storage.ts";

export { MemoryStorageState } from "./memory-state.ts";
export { StaleHead, type Storage } from "./storage.ts";
export type * from "../engine/records.ts";

/** Storages made over the same state see the same data, as if it were a file. */
export function memoryStorage(state = new MemoryStorageState(randomEpoch)): Storage {
  return {
    open: async () => {},
    close: async () => {},
    tenants: async () => state.tenants(),
    openTenant: async (tenant) => state.openTenant(tenant),
    append: async (commits) => state.append(commits),
    readEntities: async (tenant, keys) => state.readEntities(tenant, keys),
    readEvents: async (tenant, after, limit) => state.readEvents(tenant, after, limit),
    readDevice: async (tenant, device) => state.readDevice(tenant, device),
    readReceipts: async (tenant, device, after, limit) => state.readReceipts(tenant, device, after, limit),
    findReceipts: async (tenant, device, names) => state.findReceipts(tenant, device, names),
    snapshot: async (tenant, collection, filter, columns, defaults) =>
      state.snapshot(tenant, collection, filter, columns, defaults),
    readPage: async (tenant, collection, after, limit) => state.readPage(tenant, collection, after, limit),
    readEventsAt: async (tenant, offsets) => state.readEventsAt(tenant, offsets),
    readDecisions: async (tenant, query, limit) => state.readDecisions(tenant, query, limit),
    saveAcknowledged: async (tenant, acknowledged, now) => state.saveAcknowledged(tenant, acknowledged, now),
    savePublished: async (tenant, published) => state.savePublished(tenant, published),
    trim: async (tenant, through) => state.trim(tenant, through),
  };
}

export function randomEpoch(): Epoch {
  const epoch = parseEpoch(randomBytes(10).toString("hex"));
  assert(epoch !== null, "hexadecimal digits are a name");
  return epoch;
}
