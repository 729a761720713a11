/**
 * Snapshots that were read once and can be sent to the next device as they are: least recently used first out, bounded in
 * bytes. A snapshot of an earlier moment serves as long as the log since then is short, because a subscription is brought
 * up from its snapshot's offset anyway; so a thousand devices that start at once cost one read.
 *
 * What stays true: what is returned is of one moment and names it; requests for the same while one is being read share
 * that read; nothing older than the log's floor is returned.
 */
import { filterKey, type Offset, type TenantId } from "@tidelock/core";
import type { ReadRequest } from "../engine/input.ts";
import type { Snapshot } from "../engine/records.ts";

export type SnapshotRequest = Extract<ReadRequest, { readonly kind: "snapshot" }>;

/** Events that may have happened since a snapshot that is used again. More would be sent to each device one by one. */
const MAX_BEHIND = 2000;

interface Entry {
  readonly snapshot: Snapshot;
  readonly bytes: number;
}

export class SnapshotCache {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, Entry>();
  readonly #reading = new Map<string, { readonly since: Offset; readonly snapshot: Promise<Snapshot> }>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @param head the log's head now, and @param floor how far back it reaches */
  get(
    tenant: TenantId,
    request: SnapshotRequest,
    position: { readonly head: Offset; readonly floor: Offset },
    read: () => Promise<Snapshot>,
  ): Promise<Snapshot> {
    const key = `${tenant} ${request.collection} ${filterKey(request.filter)} ${request.columns.join(",")}`;
    const oldest = Math.max(position.floor, position.head - MAX_BEHIND);
    const known = this.#entries.get(key);
    if (known !== undefined && known.snapshot.offset >= oldest) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return Promise.resolve(known.snapshot);
    }
    const reading = this.#reading.get(key);
    if (reading !== undefined && reading.since >= oldest) return reading.snapshot;
    const snapshot = this.#read(key, read);
    this.#reading.set(key, { since: position.head, snapshot });
    return snapshot;
  }

  async #read(key: string, read: () => Promise<Snapshot>): Promise<Snapshot> {
    try {
      const snapshot = await read();
      this.#keep(key, snapshot);
      return snapshot;
    } finally {
      this.#reading.delete(key);
    }
  }

  #keep(key: string, snapshot: Snapshot): void {
    const bytes = snapshot.chunks.reduce((sum, chunk) => sum + chunk.length, 2 * key.length + 200);
    this.#forget(key);
    if (bytes > this.#maxBytes) return;
    this.#entries.set(key, { snapshot, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#forget(oldest);
    }
  }

  /** Forgets a tenant's snapshots. */
  forgetTenant(tenant: TenantId): void {
    for (const key of this.#entries.keys()) if (key.startsWith(`${tenant} `)) this.#forget(key);
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
