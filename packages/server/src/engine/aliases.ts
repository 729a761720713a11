/**
 * Names that devices gave to their mutations: temporary ids, with the ids assigned in their place, and the names of plain
 * HTTP clients. A name is taken once per device.
 *
 * What stays true: what is known here is newer than what the disk says; a name that is not on disk yet is never forgotten.
 * Otherwise bounded: the oldest go first, and are read again when they are needed.
 */
import type { DeviceId, EntityId } from "@tidelock/core";

/** Names remembered, about. */
export const MAX_ALIASES = 20_000;

interface Alias {
  /** What the name stands for; `null`: nothing. */
  readonly entity: EntityId | null;
  /** Whether a mutation has the name already. */
  readonly isTaken: boolean;
  /** The append that brings it to the disk. */
  readonly append: number;
}

export class Aliases {
  readonly #names = new Map<string, Alias>();

  has(device: DeviceId, name: string): boolean {
    return this.#names.has(`${device} ${name}`);
  }

  isTaken(device: DeviceId, name: string): boolean {
    return this.#names.get(`${device} ${name}`)?.isTaken ?? false;
  }

  /** The id assigned in place of a temporary one; any other id as it is. */
  resolve(device: DeviceId, id: EntityId): EntityId {
    return this.#names.size === 0 ? id : (this.#names.get(`${device} ${id}`)?.entity ?? id);
  }

  /** Takes in what the disk says of a name, unless more is known. */
  learn(device: DeviceId, name: string, entity: EntityId | null, isTaken: boolean): void {
    const key = `${device} ${name}`;
    if (!this.#names.has(key)) this.#names.set(key, { entity, isTaken, append: 0 });
  }

  /** A name gets its meaning, or loses it again when its create is refused. */
  note(device: DeviceId, name: string, entity: EntityId | null, append: number): void {
    this.#set(`${device} ${name}`, { entity, isTaken: this.isTaken(device, name), append });
  }

  /** A mutation has the name from now on. */
  take(device: DeviceId, name: string, append: number): void {
    const key = `${device} ${name}`;
    this.#set(key, { entity: this.#names.get(key)?.entity ?? null, isTaken: true, append });
  }

  #set(key: string, alias: Alias): void {
    this.#names.delete(key);
    this.#names.set(key, alias);
  }

  /** Forgets the oldest beyond the bound, except those of appends after `durable`. */
  shrink(durable: number): void {
    let excess = this.#names.size - MAX_ALIASES;
    for (const [key, { append }] of this.#names) {
      if (excess <= 0) return;
      if (append > durable) continue;
      this.#names.delete(key);
      excess -= 1;
    }
  }
}
