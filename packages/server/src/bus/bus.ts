/**
 * The bus port: committed events to other parts of the system.
 *
 * What every bus promises: per tenant, events arrive in offset order, each at least once. A bus may lose everything it
 * holds: the log is the truth, every event carries its dense offset, and a subscriber that sees a gap reads the log.
 */
import type { DomainEvent, TenantId } from "@tidelock/core";

export interface BusEvent {
  readonly tenant: TenantId;
  readonly event: DomainEvent;
}

export interface Bus {
  open(): Promise<void>;
  close(): Promise<void>;
  /** Resolves when the bus has taken the events over. */
  publish(events: readonly BusEvent[]): Promise<void>;
  /** Calls `handler` for each event published from now on. Returns the way to stop. */
  subscribe(tenant: TenantId, handler: (event: BusEvent) => void): () => void;
}
