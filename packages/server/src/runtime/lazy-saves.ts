/**
 * What need not be on disk at once: which offsets devices have acknowledged, and how far the bus has come. Gathered per
 * tenant, written every few seconds and at the end. Losing the last of it costs a device some repeated rows and the bus
 * some repeated events, nothing else; so a failure is logged and tried again with the next save.
 */
import type { DeviceId, Millis, Offset, TenantId } from "@tidelock/core";
import { errorFacts, type Logger } from "../observe/log.ts";
import type { Storage } from "../storage/storage.ts";

/** Longer would repeat more after a crash; shorter would write more. */
const SAVE_EVERY_MS = 3_000;

export class LazySaves {
  readonly #storage: Storage;
  readonly #tenant: TenantId;
  readonly #now: () => Millis;
  readonly #log: Logger;
  #acknowledged = new Map<DeviceId, Offset>();
  #published: Offset | null = null;
  #timer: NodeJS.Timeout | null = null;
  #saving: Promise<void> = Promise.resolve();

  constructor(storage: Storage, tenant: TenantId, now: () => Millis, log: Logger) {
    this.#storage = storage;
    this.#tenant = tenant;
    this.#now = now;
    this.#log = log;
  }

  acknowledged(offsets: ReadonlyMap<DeviceId, Offset>): void {
    for (const [device, offset] of offsets) {
      this.#acknowledged.set(device, Math.max(offset, this.#acknowledged.get(device) ?? 0));
    }
    this.#schedule();
  }

  published(offset: Offset): void {
    this.#published = offset;
    this.#schedule();
  }

  /** Writes what has gathered. */
  save(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#saving = this.#saving.then(() => this.#write());
    return this.#saving;
  }

  #schedule(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => void this.save(), SAVE_EVERY_MS);
    this.#timer.unref();
  }

  async #write(): Promise<void> {
    const acknowledged = this.#acknowledged;
    const published = this.#published;
    this.#acknowledged = new Map();
    this.#published = null;
    try {
      if (acknowledged.size > 0) await this.#storage.saveAcknowledged(this.#tenant, acknowledged, this.#now());
      if (published !== null) await this.#storage.savePublished(this.#tenant, published);
    } catch (error) {
      this.#log.warn({ tenant: this.#tenant, ...errorFacts(error) }, "progress was not saved; it will be tried again");
      for (const [device, offset] of acknowledged) {
        if ((this.#acknowledged.get(device) ?? 0) < offset) this.#acknowledged.set(device, offset);
      }
      this.#published ??= published;
    }
  }
}
