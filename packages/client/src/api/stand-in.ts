/** A stand-in for a replica with what reads from it, for tests and benchmarks: entities are set by hand. */
import { type EntityId, parseEntityId, TidelockError, type JsonValue } from "@tidelock/core";
import { VirtualSystem } from "../runtime/virtual-system.ts";
import { ChangeFeed } from "./change-feed.ts";
import { Notifier } from "./notifier.ts";
import type { ReadContext } from "./read-context.ts";
import type { EntityView } from "./replica-view.ts";
import { WireSubscriptions } from "./wire-subscriptions.ts";

export class StandIn {
  readonly system = new VirtualSystem(1);
  readonly context: ReadContext;
  /** What was subscribed to and given up, in words. */
  readonly wire: string[] = [];
  isComplete = false;
  readonly #collections = new Map<string, Map<EntityId, EntityView>>();
  readonly #feed = new ChangeFeed();
  readonly #notifier = new Notifier((error) => this.system.reportError(error));

  constructor() {
    this.context = {
      replica: {
        device: null,
        status: {
          phase: "connected",
          pendingCount: 0,
          oldestPendingAt: null,
          lastError: null,
          lastSyncedAt: null,
          rejectedCount: 0,
          retryAt: null,
          upgrade: null,
        },
        outbox: [],
        rejected: [],
        get: (collection, id) => this.#of(collection).get(id) ?? null,
        ids: (collection) => this.#of(collection).keys(),
        syncState: () => "synced",
        marks: () => new Map(),
        isComplete: () => this.isComplete,
        presence: () => [],
        resolveId: (id) => id,
        keyOf: (id) => id,
      },
      feed: this.#feed,
      wire: new WireSubscriptions({
        dispatch: (input) => void this.wire.push(input.type),
        isConnected: () => true,
      }),
      notifier: this.#notifier,
      linger: (end) => this.system.setTimer(end, 1000),
      syncState: () => "synced",
      isOpen: () => true,
      subscriptionError: () => null,
      onClosed: () => () => {},
    };
  }

  get(collection: string, id: string): EntityView | null {
    return this.#of(collection).get(idOf(id)) ?? null;
  }

  all(collection: string): EntityView[] {
    return [...this.#of(collection).values()];
  }

  /** Makes an entity what `fields` say; `null` takes it away. Listeners hear at the next `flush`. */
  set(collection: string, name: string, fields: Readonly<Record<string, JsonValue>> | null): void {
    const id = idOf(name);
    if (fields === null) this.#of(collection).delete(id);
    else this.#of(collection).set(id, Object.freeze({ id, ...fields }));
    this.#feed.entitiesChanged(collection, new Set([id]));
  }

  /** Everything that the server has is here. */
  complete(): void {
    this.isComplete = true;
    this.#feed.completenessChanged();
    this.#notifier.flush();
  }

  flush(): void {
    this.#notifier.flush();
  }

  #of(collection: string): Map<EntityId, EntityView> {
    let entities = this.#collections.get(collection);
    if (entities === undefined) {
      entities = new Map();
      this.#collections.set(collection, entities);
    }
    return entities;
  }
}

function idOf(name: string): EntityId {
  const id = parseEntityId(name);
  if (id === null) throw new TidelockError("invalid-id", name);
  return id;
}
