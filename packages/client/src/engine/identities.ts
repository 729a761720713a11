/** Temporary ids and the ids that the server assigned in their place. */
import type { EntityId } from "@tidelock/core";

/** Pairs remembered, at most; the oldest go first. By then nothing on the device names the temporary id any more. */
const MAX_PAIRS = 5_000;

export class Identities {
  readonly #assigned = new Map<EntityId, EntityId>();
  readonly #first = new Map<EntityId, EntityId>();

  note(temporary: EntityId, entity: EntityId): void {
    this.#assigned.set(temporary, entity);
    this.#first.set(entity, temporary);
    if (this.#assigned.size <= MAX_PAIRS) return;
    for (const [oldest, its] of this.#assigned) {
      this.#assigned.delete(oldest);
      this.#first.delete(its);
      return;
    }
  }

  /** The id that was assigned in place of this one is void. */
  forget(temporary: EntityId): void {
    const entity = this.#assigned.get(temporary);
    this.#assigned.delete(temporary);
    if (entity !== undefined) this.#first.delete(entity);
  }

  /** The assigned id in place of a temporary one; any other id as it is. */
  resolve(id: EntityId): EntityId {
    return this.#assigned.get(id) ?? id;
  }

  /** The first id that the entity had on this device. */
  first(id: EntityId): EntityId {
    return this.#first.get(id) ?? id;
  }

  stored(): Array<readonly [EntityId, EntityId]> {
    return [...this.#assigned];
  }
}
