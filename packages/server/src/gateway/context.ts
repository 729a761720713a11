/** What all connections of a server share. */
import type { Millis, Schema, ServerLimits } from "@tidelock/core";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Admission } from "./admission.ts";
import type { Verify } from "./identity.ts";
import type { Origins } from "./origin.ts";
import type { Tenants } from "./tenant-port.ts";
import type { Turn } from "./turn.ts";

/** Where to get a newer application, and from which version of its schema on one is served at all. */
export interface UpgradePolicy {
  /** Applications with an older schema are refused with `upgrade-required`; those below the server's are only told. */
  readonly requiredSchema?: number;
  readonly message: string;
  readonly url: string;
}

export interface GatewayContext {
  readonly schema: Schema;
  readonly tenants: Tenants;
  readonly verify: Verify;
  readonly limits: ServerLimits;
  readonly origins: Origins;
  readonly upgrade: UpgradePolicy | null;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly admission: Admission;
  readonly turn: Turn;
  readonly now: () => Millis;
  /** Whether the server still takes new connections and requests. */
  readonly accepting: () => boolean;
}
