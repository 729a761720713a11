/**
 * Keeps the log within the retention that the operator declared. Slow by intention: a device that has been away for longer
 * starts from a snapshot, and nobody waits for the space.
 *
 * What stays true: nothing is trimmed that the bus has not taken; a transaction is trimmed whole or not at all; a failure
 * costs this round only.
 */
import { decodeEvent, type Millis, type Offset, type TenantId } from "@tidelock/core";
import { errorFacts, type Logger } from "../observe/log.ts";
import type { Storage } from "../storage/storage.ts";
import type { Tenants } from "./tenants.ts";

/** What to keep of a tenant's log. With both, an event goes as soon as either lets it go. Default: everything. */
export interface Retention {
  /** The newest so many events. */
  readonly events?: number;
  /** Events of the last so many days. */
  readonly days?: number;
}

const EVERY_MS = 10 * 60_000;
const DAY_MS = 24 * 60 * 60_000;
/** Events looked at in one read. */
const PAGE = 1000;
/** Reads per tenant and round: a long backlog is worked off over several rounds. */
const MAX_PAGES = 200;

interface Log {
  readonly tenant: TenantId;
  readonly head: Offset;
  readonly floor: Offset;
  readonly published: Offset;
}

export class Trimmer {
  readonly #storage: Storage;
  readonly #tenants: Tenants;
  readonly #retention: Retention;
  readonly #log: Logger;
  readonly #now: () => Millis;
  readonly #timer: NodeJS.Timeout | null;
  #stopped = false;
  #round: Promise<void> = Promise.resolve();

  constructor(storage: Storage, tenants: Tenants, retention: Retention, log: Logger, now: () => Millis) {
    this.#storage = storage;
    this.#tenants = tenants;
    this.#retention = retention;
    this.#log = log;
    this.#now = now;
    const keepsAll = retention.events === undefined && retention.days === undefined;
    this.#timer = keepsAll ? null : setInterval(() => void this.run(), EVERY_MS);
    this.#timer?.unref();
  }

  /** One round over all tenants. */
  run(): Promise<void> {
    this.#round = this.#round.then(() => this.#trimAll());
    return this.#round;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#round;
  }

  async #trimAll(): Promise<void> {
    try {
      for (const tenant of await this.#storage.tenants()) {
        if (this.#stopped) return;
        await this.#trim(tenant);
      }
    } catch (error) {
      this.#log.warn(errorFacts(error), "the log was not trimmed; it will be tried again");
    }
  }

  async #trim(tenant: TenantId): Promise<void> {
    const log = await this.#positionOf(tenant);
    const through = Math.min(log.published, await this.#boundary(log));
    if (through <= log.floor) return;
    await this.#storage.trim(tenant, through);
    this.#tenants.host(tenant)?.trimmed(through);
    this.#log.info({ tenant, through, events: through - log.floor }, "the log was trimmed");
  }

  async #positionOf(tenant: TenantId): Promise<Log> {
    const host = this.#tenants.host(tenant);
    if (host === undefined) return { tenant, ...(await this.#storage.openTenant(tenant)) };
    return { tenant, head: host.head, floor: host.floor, published: host.relay.published };
  }

  /** The last offset that may go. */
  async #boundary(log: Log): Promise<Offset> {
    const { events, days } = this.#retention;
    const byCount = events === undefined ? 0 : log.head - events;
    const byAge = days === undefined ? 0 : await this.#lastBefore(log, this.#now() - days * DAY_MS);
    return this.#wholeTransaction(log, Math.max(byCount, byAge));
  }

  /** The last event that is older than `time`. */
  async #lastBefore(log: Log, time: Millis): Promise<Offset> {
    let after = log.floor;
    for (let page = 0; page < MAX_PAGES && !this.#stopped; page++) {
      const events = await this.#storage.readEvents(log.tenant, after, PAGE);
      const older = events.findIndex((event) => decodeEvent(event.offset, event.body).time >= time);
      if (older >= 0) return older === 0 ? after : (events[older - 1]?.offset ?? after);
      const last = events.at(-1);
      if (last === undefined) return after;
      after = last.offset;
    }
    return after;
  }

  /** The last end of a transaction at or before `through`. */
  async #wholeTransaction(log: Log, through: Offset): Promise<Offset> {
    if (through <= log.floor) return log.floor;
    const from = Math.max(log.floor, through - PAGE);
    const events = await this.#storage.readEvents(log.tenant, from, through - from);
    const end = events.findLast((event) => event.offset <= through && event.remaining === 0);
    return end?.offset ?? log.floor;
  }
}
