/**
 * What changed, told to those who watch: by collection for queries, by entity for single entities. It passes on which
 * entities may look different and leaves the looking to them.
 */
import type { EntityId } from "@tidelock/core";
import type { Unsubscribe } from "./client.ts";

export interface CollectionWatcher {
  /** These entities changed, appeared or went away. */
  entitiesChanged(ids: ReadonlySet<EntityId>): void;
  /** The store was opened, or a subscription became whole, or lost that. */
  completenessChanged(): void;
}
export interface EntityWatcher {
  entityChanged(): void;
}

export class ChangeFeed {
  readonly #collections = new Map<string, Set<CollectionWatcher>>();
  readonly #entities = new Map<string, Map<string, Set<EntityWatcher>>>();

  watchCollection(collection: string, watcher: CollectionWatcher): Unsubscribe {
    const watchers = this.#collections.get(collection) ?? new Set();
    this.#collections.set(collection, watchers.add(watcher));
    return () => void watchers.delete(watcher);
  }

  watchEntity(collection: string, id: string, watcher: EntityWatcher): Unsubscribe {
    const byId = this.#entities.get(collection) ?? new Map<string, Set<EntityWatcher>>();
    this.#entities.set(collection, byId);
    const watchers = byId.get(id) ?? new Set();
    byId.set(id, watchers.add(watcher));
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && byId.get(id) === watchers) byId.delete(id);
    };
  }

  entitiesChanged(collection: string, ids: ReadonlySet<EntityId>): void {
    for (const watcher of this.#collections.get(collection) ?? []) watcher.entitiesChanged(ids);
    const byId: ReadonlyMap<string, ReadonlySet<EntityWatcher>> = this.#entities.get(collection) ?? new Map();
    const changed: ReadonlySet<string> = ids;
    if (byId.size < ids.size) {
      for (const [id, watchers] of byId) if (changed.has(id)) tell(watchers);
    } else {
      for (const id of ids) tell(byId.get(id));
    }
  }

  /** A temporary id became a final one: whoever watches the first one may want the second. */
  idAssigned(temporary: string): void {
    for (const byId of this.#entities.values()) tell(byId.get(temporary));
  }

  completenessChanged(): void {
    for (const watchers of this.#collections.values()) {
      for (const watcher of watchers) watcher.completenessChanged();
    }
    for (const byId of this.#entities.values()) for (const watchers of byId.values()) tell(watchers);
  }
}

function tell(watchers: ReadonlySet<EntityWatcher> | undefined): void {
  for (const watcher of watchers ?? []) watcher.entityChanged();
}
