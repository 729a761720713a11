/**
 * Entities that were needed lately, with what is planned but not yet on disk. An entity that does not exist is known too
 * (`null`), so that creates need one read at most. Bounded; entities of a commit under way are never dropped.
 */
import type { EntityId, EntityState, Offset } from "@tidelock/core";

export class EntityCache {
  readonly #entities = new Map<string, EntityState | null>();
  readonly #maxEntities: number;

  constructor(maxEntities: number) {
    this.#maxEntities = maxEntities;
  }

  static key(collection: string, id: EntityId): string {
    return `${collection}/${id}`;
  }

  has(collection: string, id: EntityId): boolean {
    return this.#entities.has(EntityCache.key(collection, id));
  }

  /** The entity, `null` when there is none. Only for entities that `has` knows. */
  get(collection: string, id: EntityId): EntityState | null {
    return this.#entities.get(EntityCache.key(collection, id)) ?? null;
  }

  /** Makes this the newest entry. */
  set(collection: string, id: EntityId, state: EntityState | null): void {
    const key = EntityCache.key(collection, id);
    this.#entities.delete(key);
    this.#entities.set(key, state);
  }

  /** Forgets the oldest entries beyond the bound, except those newer than what is on disk. */
  shrink(durable: Offset): void {
    if (this.#entities.size <= this.#maxEntities) return;
    let excess = this.#entities.size - this.#maxEntities;
    for (const [key, state] of this.#entities) {
      if (excess <= 0) break;
      if (state !== null && state.at > durable) continue;
      this.#entities.delete(key);
      excess -= 1;
    }
  }
}
