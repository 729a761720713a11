/**
 * One entity, live. While somebody listens and the entity is not on the device, it is asked for by its id; an entity that
 * some query already brings costs no subscription of its own. A temporary id goes on naming the entity after the server
 * gave it a final one.
 */
import { EVERYTHING, type EntityId, type Filter, isTemporaryId } from "@tidelock/core";
import type { EntityWatcher } from "./change-feed.ts";
import type { EntityResult, LiveEntity, Unsubscribe } from "./client.ts";
import { keepIfEqual, Watched } from "./notifier.ts";
import type { ReadContext } from "./read-context.ts";
import type { EntityView } from "./replica-view.ts";

type Result = EntityResult<EntityView>;

export class FollowedEntity extends Watched<Result> implements LiveEntity<EntityView>, EntityWatcher {
  readonly #context: ReadContext;
  readonly #collection: string;
  readonly #given: EntityId;
  #result: Result | undefined;
  #followed: EntityId | null = null;
  #unfollow: Unsubscribe = () => {};
  #leaveWire: Unsubscribe | null = null;
  #cancelLinger: Unsubscribe = () => {};

  constructor(context: ReadContext, collection: string, id: EntityId) {
    super(context.notifier);
    this.#context = context;
    this.#collection = collection;
    this.#given = id;
  }

  get id(): EntityId {
    return this.#context.replica.resolveId(this.#given);
  }

  get value(): Result {
    const { replica } = this.#context;
    const { id } = this;
    const isOpen = this.#context.isOpen();
    const data = (isOpen ? replica.get(this.#collection, id) : null) ?? undefined;
    const error = this.#context.subscriptionError(this.#collection, only(id));
    const status = data !== undefined ? "ready" : error !== null ? "error" : this.#isMissing() ? "missing" : "loading";
    const syncState = isOpen ? this.#context.syncState(this.#collection, id) : "synced";
    const next: Result = { data, syncState, status, error, isLoading: status === "loading" };
    this.#result = keepIfEqual(this.#result, next);
    return this.#result;
  }

  entityChanged(): void {
    this.#follow();
    this.changed();
  }

  protected override gained(): void {
    this.#cancelLinger();
    this.#follow();
  }

  protected override lost(): void {
    this.#unfollow();
    this.#followed = null;
    this.#cancelLinger = this.#context.linger(() => this.#release());
  }

  /** Follows the id that the entity has now, and asks for the entity when it is not here. */
  #follow(): void {
    const { id } = this;
    if (this.#followed !== id) {
      this.#unfollow();
      this.#followed = id;
      this.#unfollow = this.#context.feed.watchEntity(this.#collection, id, this);
    }
    if (this.#leaveWire !== null || !this.#context.isOpen() || isTemporaryId(id)) return;
    if (this.#context.replica.get(this.#collection, id) !== null) return;
    this.#leaveWire = this.#context.wire.retain(this.#collection, only(id));
  }

  #release(): void {
    if (this.isWatched) return;
    this.#leaveWire?.();
    this.#leaveWire = null;
  }

  #isMissing(): boolean {
    const { id } = this;
    const { replica } = this.#context;
    if (!this.#context.isOpen()) return false;
    if (isTemporaryId(id)) return true;
    return replica.isComplete(this.#collection, only(id)) || replica.isComplete(this.#collection, EVERYTHING);
  }
}

function only(id: EntityId): Filter {
  return { id };
}
