/** The last changes that the server has taken: what the outbox held a moment ago. Kept for the page only. */
import type { OutboxEntry } from "@tidelock/client";
import type { BoardClient } from "../session/open-client.ts";

export interface SyncedEntry extends OutboxEntry {
  readonly syncedAt: number;
}

const MAX_ENTRIES = 12;

export class RecentlySynced {
  #list: readonly SyncedEntry[] = [];
  readonly #listeners = new Set<() => void>();

  constructor(client: BoardClient) {
    let last = client.outbox.value;
    client.outbox.subscribe((entries) => {
      const waiting = new Set(entries.map(({ counter }) => counter));
      for (const { counter } of client.rejected.value) waiting.add(counter);
      const synced = last.filter(({ counter }) => !waiting.has(counter));
      last = entries;
      if (synced.length > 0) this.#add(synced);
    });
  }

  readonly get = (): readonly SyncedEntry[] => this.#list;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  #add(entries: readonly OutboxEntry[]): void {
    const syncedAt = Date.now();
    const added = entries.map((entry) => ({ ...entry, syncedAt })).reverse();
    this.#list = [...added, ...this.#list].slice(0, MAX_ENTRIES);
    for (const listener of this.#listeners) listener();
  }
}
