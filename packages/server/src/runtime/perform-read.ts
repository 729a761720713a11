/** What a hub asks to read, as calls of the storage. */
import { MAX_COUNTER, type TenantId, unreachable } from "@tidelock/core";
import type { ReadRequest, ReadResult } from "../engine/input.ts";
import type { Snapshot } from "../engine/records.ts";
import type { Storage } from "../storage/storage.ts";
import type { SnapshotRequest } from "./snapshot-cache.ts";

/** Receipts that a device's hello can ask for; a device with more unknown results learns the rest by pushing again. */
const MAX_RECEIPTS = 100_000;

export async function performRead(
  storage: Storage,
  tenant: TenantId,
  request: ReadRequest,
  snapshot: (request: SnapshotRequest) => Promise<Snapshot>,
): Promise<ReadResult> {
  const { kind } = request;
  switch (kind) {
    case "entities":
      return { kind, entities: await storage.readEntities(tenant, request.keys) };
    case "events":
      return { kind, events: await storage.readEvents(tenant, request.after, request.limit) };
    case "device": {
      const [record, receipts] = await Promise.all([
        storage.readDevice(tenant, request.device),
        // Beyond the last counter there are none: the hub asks for the record alone.
        request.receiptsAfter >= MAX_COUNTER
          ? []
          : storage.readReceipts(tenant, request.device, request.receiptsAfter, MAX_RECEIPTS),
      ]);
      return { kind, record, receipts };
    }
    case "receipts-by-name":
      return { kind, receipts: await storage.findReceipts(tenant, request.device, request.names) };
    case "receipts":
      return { kind, receipts: await storage.readReceipts(tenant, request.device, request.after, request.limit) };
    case "snapshot":
      return { kind, snapshot: await snapshot(request) };
    case "page":
      return { kind, ...(await storage.readPage(tenant, request.collection, request.after, request.limit)) };
    case "decisions":
      return { kind, decisions: await storage.readDecisions(tenant, request.where, request.limit) };
    case "events-at":
      return { kind, events: await storage.readEventsAt(tenant, request.offsets) };
    default:
      return unreachable(request);
  }
}
