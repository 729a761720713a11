/**
 * The tenants of a process: loaded on first use, let go when nobody has used them for a while, loaded again after a
 * failure (later and later, if failures go on), drained at the end.
 *
 * What stays true: there is at most one running hub per tenant, and a hub is made only after its predecessor's last append
 * has ended.
 */
import { type Millis, type TenantId, TidelockError } from "@tidelock/core";
import type { Tenants as TenantsPort } from "../gateway/tenant-port.ts";
import { RowsBehind } from "../engine/rows-version.ts";
import { errorFacts } from "../observe/log.ts";
import type { Levels } from "../observe/metrics.ts";
import type { HostPorts } from "./host-ports.ts";
import { TenantHost } from "./tenant-host.ts";
import { migrateRows } from "./tenant-migration.ts";

/** Time without use after which a tenant is let go. Shorter would read its state again more often. */
const UNUSED_MS = 5 * 60_000;
const SWEEP_EVERY_MS = 30_000;
/** A tenant that failed is loaded again at once; after more failures within this time, with growing pauses. */
const FAILURE_MEMORY_MS = 60_000;
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 30_000;

interface Failures {
  readonly count: number;
  readonly at: Millis;
  /** The last append of the host that failed. */
  readonly settled: Promise<void>;
}

export class Tenants implements TenantsPort {
  readonly #ports: HostPorts;
  readonly #hosts = new Map<TenantId, TenantHost>();
  readonly #loading = new Map<TenantId, Promise<TenantHost>>();
  /** Tenants that are being let go. */
  readonly #closing = new Map<TenantId, Promise<void>>();
  readonly #failures = new Map<TenantId, Failures>();
  readonly #timer: NodeJS.Timeout;
  #accepting = true;

  constructor(ports: HostPorts) {
    this.#ports = ports;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_EVERY_MS);
    this.#timer.unref();
  }

  async load(tenant: TenantId): Promise<TenantHost> {
    if (!this.#accepting) throw new TidelockError("shutting-down");
    const host = this.#hosts.get(tenant);
    if (host !== undefined) {
      host.touch(this.#ports.now());
      return host;
    }
    const loading = this.#loading.get(tenant);
    if (loading !== undefined) return loading;
    const load = this.#load(tenant).finally(() => this.#loading.delete(tenant));
    this.#loading.set(tenant, load);
    return load;
  }

  /** The tenants in memory. */
  hosts(): Iterable<TenantHost> {
    return this.#hosts.values();
  }

  host(tenant: TenantId): TenantHost | undefined {
    return this.#hosts.get(tenant);
  }

  levels(): Levels {
    let commitQueue = 0;
    let serverOutbox = 0;
    for (const host of this.#hosts.values()) {
      commitQueue += host.backlog;
      serverOutbox += host.relay.backlog;
    }
    return { commitQueue, serverOutbox, tenants: this.#hosts.size, snapshotCacheBytes: this.#ports.snapshots.bytes };
  }

  /** Sends all sessions away; loads nothing more. */
  drain(): void {
    this.#accepting = false;
    for (const host of this.#hosts.values()) host.drain();
  }

  /** Ends all tenants in good order. */
  async close(): Promise<void> {
    this.#accepting = false;
    clearInterval(this.#timer);
    await Promise.allSettled(this.#loading.values());
    await Promise.allSettled([...this.#hosts.values()].map((host) => host.close()));
    await Promise.allSettled(this.#closing.values());
    await Promise.allSettled([...this.#failures.values()].map(({ settled }) => settled));
    this.#hosts.clear();
  }

  async #load(tenant: TenantId): Promise<TenantHost> {
    const { now, log } = this.#ports;
    await this.#closing.get(tenant);
    await this.#waitForFailed(tenant);
    let host: TenantHost;
    try {
      host = await this.#makeHost(tenant);
    } catch (error) {
      log.error({ tenant, ...errorFacts(error) }, "the tenant could not be loaded");
      throw new TidelockError("storage-unavailable", "", { cause: error });
    }
    host.touch(now());
    if (!this.#accepting) {
      await host.close();
      throw new TidelockError("shutting-down");
    }
    this.#hosts.set(tenant, host);
    return host;
  }

  /** A hub is made of rows of its own schema's version: older ones are migrated first. */
  async #makeHost(tenant: TenantId): Promise<TenantHost> {
    const make = async (): Promise<TenantHost> => {
      const record = await this.#ports.storage.openTenant(tenant);
      return new TenantHost(this.#ports, tenant, record, (failed) => this.#forget(failed));
    };
    try {
      return await make();
    } catch (error) {
      if (!(error instanceof RowsBehind)) throw error;
      await migrateRows(this.#ports, tenant, error.schema);
      return make();
    }
  }

  async #waitForFailed(tenant: TenantId): Promise<void> {
    const failures = this.#failures.get(tenant);
    if (failures === undefined) return;
    const since = this.#ports.now() - failures.at;
    const pauseMs = failures.count < 2 ? 0 : Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures.count - 2));
    if (since < pauseMs)
      throw new TidelockError("internal", "the tenant has failed and will be loaded again in a moment");
    await failures.settled;
    if (since > FAILURE_MEMORY_MS) this.#failures.delete(tenant);
  }

  #forget(failed: TenantHost): void {
    const { tenant } = failed;
    if (this.#hosts.get(tenant) === failed) this.#hosts.delete(tenant);
    const before = this.#failures.get(tenant);
    const at = this.#ports.now();
    const recent = before !== undefined && at - before.at <= FAILURE_MEMORY_MS;
    this.#failures.set(tenant, { count: recent ? before.count + 1 : 1, at, settled: failed.settled() });
    this.#ports.snapshots.forgetTenant(tenant);
  }

  #sweep(): void {
    const now = this.#ports.now();
    for (const [tenant, host] of this.#hosts) {
      if (host.unusedSince(now) < UNUSED_MS) continue;
      this.#hosts.delete(tenant);
      // Whoever asks for it meanwhile waits until it has been saved.
      const closed = host.close().finally(() => this.#closing.delete(tenant));
      this.#closing.set(tenant, closed);
    }
    for (const [tenant, { at }] of this.#failures) if (now - at > FAILURE_MEMORY_MS) this.#failures.delete(tenant);
  }
}
