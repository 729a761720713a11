/**
 * Entities that were needed lately, with what is planned but not yet on disk. An entity that does not exist is known too
 * (`null`), so that creates need one read at most. Bounded; entities of a commit under way are never dropped.
 */
import type { EntityId, EntityState, Offset } from "@tidelock/core";

export class EntityCache {
  /** By collection, then id; the oldest use first. */
  readonly #collections = new Map<string, Map<EntityId, EntityState | null>>();
  readonly #maxEntities: number;

  constructor(maxEntities: number) {
    this.#maxEntities = maxEntities;
  }

  has(collection: string, id: EntityId): boolean {
    return this.#collections.get(collection)?.has(id) ?? false;
  }

  /** The entity, `null` when there is none. Only for entities that `has` knows. */
  get(collection: string, id: EntityId): EntityState | null {
    return this.#collections.get(collection)?.get(id) ?? null;
  }

  /** Makes this the newest entry. */
  set(collection: string, id: EntityId, state: EntityState | null): void {
    let entities = this.#collections.get(collection);
    if (entities === undefined) {
      entities = new Map();
      this.#collections.set(collection, entities);
    }
    entities.delete(id);
    entities.set(id, state);
  }

  /** Forgets the oldest entries of each collection beyond the bound, except those newer than what is on disk. */
  shrink(durable: Offset): void {
    for (const entities of this.#collections.values()) {
      let excess = entities.size - this.#maxEntities;
      if (excess <= 0) continue;
      for (const [id, state] of entities) {
        if (excess <= 0) break;
        if (state !== null && state.at > durable) continue;
        entities.delete(id);
        excess -= 1;
      }
    }
  }
}
