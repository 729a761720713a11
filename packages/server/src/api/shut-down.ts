/**
 * Closing in good order and in bounded time: no new work; everybody is sent away; what was accepted reaches the disk; the
 * bus and the storage are closed. Whoever does not leave in time is cut off: devices resume where they were.
 */
import type { Server } from "node:http";
import type { Millis } from "@tidelock/core";
import type { Bus } from "../bus/bus.ts";
import type { Sweep } from "../gateway/sweep.ts";
import { errorFacts, type Logger } from "../observe/log.ts";
import type { Tenants } from "../runtime/tenants.ts";
import type { Trimmer } from "../runtime/trimmer.ts";
import type { Storage } from "../storage/storage.ts";

/** Time for sessions to leave. */
const LEAVE_MS = 3_000;
/** Time for the disk, the bus and lazy saves. */
const FINISH_MS = 10_000;

export interface Closing {
  readonly server: Server | null;
  readonly tenants: Tenants;
  readonly trimmer: Trimmer;
  readonly sweep: Sweep;
  readonly bus: Bus;
  readonly storage: Storage;
  readonly isOpen: boolean;
  readonly log: Logger;
}

export async function shutDown({ server, tenants, trimmer, sweep, bus, storage, isOpen, log }: Closing): Promise<void> {
  const step = async (name: string, limitMs: Millis, work: () => Promise<void>): Promise<void> => {
    try {
      if (!(await inTime(work(), limitMs))) log.warn({ step: name }, "closing took too long; going on");
    } catch (error) {
      log.warn({ step: name, ...errorFacts(error) }, "closing met an error; going on");
    }
  };
  const noNewSockets = new Promise<void>((done) => (server === null ? done() : server.close(() => done())));
  sweep.dismissAll();
  tenants.drain();
  await step("sessions", LEAVE_MS, () => sweep.emptied());
  sweep.cutAll("shutting-down");
  await step("trimming", FINISH_MS, () => trimmer.stop());
  await step("tenants", FINISH_MS, () => tenants.close());
  server?.closeAllConnections();
  await step("sockets", LEAVE_MS, () => noNewSockets);
  sweep.close();
  if (!isOpen) return;
  await step("bus", FINISH_MS, () => bus.close());
  // Not bounded: a storage that is closed half-way is what must not be.
  await storage.close();
}

async function inTime(work: Promise<void>, limitMs: Millis): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
