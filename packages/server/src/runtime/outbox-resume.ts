/**
 * At the start: tenants whose committed events had not all reached the bus when the process ended are loaded, which
 * publishes the rest. Others stay on disk until somebody asks for them.
 */
import { errorFacts, type Logger } from "../observe/log.ts";
import type { Storage } from "../storage/storage.ts";
import type { Tenants } from "./tenants.ts";

export async function resumeOutboxes(storage: Storage, tenants: Tenants, log: Logger): Promise<void> {
  try {
    for (const tenant of await storage.tenants()) {
      if (tenants.host(tenant) !== undefined) continue;
      const { published, head } = await storage.openTenant(tenant);
      if (published < head) await tenants.load(tenant);
    }
  } catch (error) {
    log.warn(errorFacts(error), "not every outbox was resumed; the rest will be when their tenants are used");
  }
}
