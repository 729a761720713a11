/** For tests of the runtime: tenants over a storage in memory, whose hubs, storage and bus can be made to fail. */
import type { TestContext } from "node:test";
import {
  collection,
  DEFAULT_LIMITS,
  defineSchema,
  type DomainEvent,
  field,
  type Millis,
  parseClientMessage,
  parseDeviceId,
  parseEntityId,
  parseSessionId,
  parseTenantId,
  parseUserId,
  seededRandom,
  type SessionId,
  type TenantId,
} from "@tidelock/core";
import type { Bus, BusEvent } from "../bus/bus.ts";
import { memoryBus } from "../bus/memory.ts";
import type { OutboundMessage, ReconcileAnswer } from "../engine/effect.ts";
import { Hub } from "../engine/hub.ts";
import type { ReconcileBody } from "../engine/input.ts";
import type { SessionSink } from "../gateway/tenant-port.ts";
import { Turn } from "../gateway/turn.ts";
import type { Logger } from "../observe/log.ts";
import { Metrics } from "../observe/metrics.ts";
import { memoryStorage } from "../storage/memory.ts";
import type { Storage } from "../storage/storage.ts";
import type { HostPorts, HubMachine } from "./host-ports.ts";
import { SnapshotCache } from "./snapshot-cache.ts";
import type { TenantHost } from "./tenant-host.ts";
import { Tenants } from "./tenants.ts";

export const schema = defineSchema({ version: 1, collections: { tasks: collection({ title: field.string() }) } });
export const acme = must(parseTenantId("acme"));
export const other = must(parseTenantId("other"));
export const ana = { user: must(parseUserId("ana")), claims: {}, expires: null };

export function must<Value>(value: Value | null | undefined): Value {
  if (value === null || value === undefined) throw new Error("a fixture is wrong");
  return value;
}

export interface Hosted {
  readonly tenants: Tenants;
  readonly storage: Storage;
  readonly metrics: Metrics;
  readonly turn: Turn;
  /** Warnings and errors of the log. */
  readonly logged: string[];
  clock: Millis;
}

export interface HostedChanges {
  readonly storage?: Storage;
  readonly bus?: Bus;
  /** Wraps a tenant's hub. */
  readonly wrapHub?: (tenant: TenantId, hub: HubMachine) => HubMachine;
}

export function hosted(test: TestContext, changes: HostedChanges = {}): Hosted {
  const { storage = memoryStorage(), bus = memoryBus(), wrapHub = (_tenant, hub) => hub } = changes;
  const logged: string[] = [];
  const note = (_facts: object, message: string): void => void logged.push(message);
  const log: Logger = { debug: () => {}, info: () => {}, warn: note, error: note };
  const metrics = new Metrics();
  const turn = new Turn();
  const ports: HostPorts = {
    storage,
    bus,
    snapshots: new SnapshotCache(1_000_000),
    turn,
    metrics,
    log,
    now: () => state.clock,
    makeHub: (tenant, record) =>
      wrapHub(tenant, new Hub({ tenant, record, schema, limits: DEFAULT_LIMITS, random: seededRandom(1) })),
    retryAfterMs: () => 100,
  };
  const state: Hosted = { tenants: new Tenants(ports), storage, metrics, turn, logged, clock: 1_700_000_000_000 };
  test.after(async () => {
    await state.tenants.close();
    metrics.close();
  });
  return state;
}

/** A session's way out that keeps what it was given. */
export class KeptSink implements SessionSink {
  readonly messages: OutboundMessage[] = [];
  ended: string | null = null;
  readonly #wakes: Array<() => void> = [];

  send(message: OutboundMessage): void {
    this.messages.push(message);
    for (const wake of this.#wakes.splice(0)) wake();
  }

  close(code: string): void {
    this.ended ??= code;
    for (const wake of this.#wakes.splice(0)) wake();
  }

  goAway(code: string): void {
    this.close(code);
  }

  whenDrained(): void {}

  /** Resolves when a message of the type was sent, or the session ended. */
  async until(type: OutboundMessage["type"] | "end"): Promise<void> {
    while (this.ended === null && !this.messages.some((message) => message.type === type)) {
      await new Promise<void>((wake) => this.#wakes.push(wake));
    }
  }
}

export async function openSession(host: TenantHost, name: string): Promise<{ session: SessionId; sink: KeptSink }> {
  const session = must(parseSessionId(name));
  const sink = new KeptSink();
  const parsed = parseClientMessage({
    type: "hello",
    protocol: [1, 1],
    schema: { version: 1, hash: schema.hash },
    sdk: "test",
    device: `device-${name}`,
    token: "",
    epoch: null,
    checkpoint: 0,
    decided: 0,
    subscriptions: [{ id: 1, collection: "tasks", where: {}, key: null }],
  });
  if (!parsed.ok || parsed.message.type !== "hello") throw new Error("a fixture is wrong");
  host.attach(session, sink);
  host.input({ type: "session-opened", session, principal: ana, hello: parsed.message });
  await sink.until("snapshot-end");
  return { session, sink };
}

/** Creates tasks with these names, as one reconcile of one device. */
export function createTasks(host: TenantHost, names: readonly string[], device = "writer"): Promise<ReconcileAnswer> {
  const body: ReconcileBody = {
    device: must(parseDeviceId(device)),
    checkpoint: null,
    mutations: names.map((name) => ({
      name,
      operation: "create",
      collection: "tasks",
      entity: must(parseEntityId(name)),
      payload: { title: name },
      version: null,
      occurredAt: 0,
      remaining: 0,
    })),
  };
  return host.reconcile(ana, body);
}

/** A bus that keeps the offsets that it took, and fails while `failing` is set. */
export class KeptBus implements Bus {
  readonly taken: number[] = [];
  failing = false;
  attempts = 0;
  readonly #wakes: Array<() => void> = [];

  async open(): Promise<void> {}
  async close(): Promise<void> {}
  subscribe(): () => void {
    return () => {};
  }

  async publish(events: readonly BusEvent[]): Promise<void> {
    this.attempts += 1;
    for (const wake of this.#wakes.splice(0)) wake();
    if (this.failing) throw new Error("the bus is away");
    this.taken.push(...events.map(({ event }: { readonly event: DomainEvent }) => event.offset));
    for (const wake of this.#wakes.splice(0)) wake();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((wake) => this.#wakes.push(wake));
  }
}
