/** What all tenants of a process share, and the machine that each of them runs. */
import type { Millis, Offset, TenantId } from "@tidelock/core";
import type { Bus } from "../bus/bus.ts";
import type { HubEffect } from "../engine/effect.ts";
import type { HubInput } from "../engine/input.ts";
import type { TenantRecord } from "../engine/records.ts";
import type { Turn } from "../gateway/turn.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Storage } from "../storage/storage.ts";
import type { SnapshotCache } from "./snapshot-cache.ts";

/** A tenant's hub, as `engine/hub.ts` makes it. */
export interface HubMachine {
  handle(input: HubInput, now: Millis): readonly HubEffect[];
  readonly head: Offset;
  /** Nothing is under way and nobody is here. */
  readonly idle: boolean;
  /** Mutations waiting for the disk. */
  readonly backlog: number;
}

export interface HostPorts {
  readonly storage: Storage;
  readonly bus: Bus;
  readonly snapshots: SnapshotCache;
  readonly turn: Turn;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly now: () => Millis;
  readonly makeHub: (tenant: TenantId, record: TenantRecord) => HubMachine;
  /** When those who are sent away should come back: spread out, so that they do not come at once. */
  readonly retryAfterMs: () => Millis;
}
