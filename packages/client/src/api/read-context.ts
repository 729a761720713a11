/** What live queries and live entities share: the replica, what changed, the wire, and who listens. */
import type { EntityId, Filter, TidelockError } from "@tidelock/core";
import type { ChangeFeed } from "./change-feed.ts";
import type { SyncState, Unsubscribe } from "./client.ts";
import type { Notifier } from "./notifier.ts";
import type { ReplicaView } from "./replica-view.ts";
import type { WireSubscriptions } from "./wire-subscriptions.ts";

export interface ReadContext {
  readonly replica: ReplicaView;
  readonly feed: ChangeFeed;
  readonly wire: WireSubscriptions;
  readonly notifier: Notifier;
  /** Runs `end` when interest that has lost its last reader has outlived it long enough; never after the client's close. */
  linger(end: () => void): Unsubscribe;
  /** How far an entity's writes have come, conflicts that nobody has taken note of included. */
  syncState(collection: string, id: EntityId): SyncState;
  /** Whether the store has been read. */
  isOpen(): boolean;
  /** Why the server refused to serve a filter, if it did. */
  subscriptionError(collection: string, filter: Filter): TidelockError | null;
  /** Calls `listener` when the client is closed; at once when it is. */
  onClosed(listener: () => void): Unsubscribe;
}
