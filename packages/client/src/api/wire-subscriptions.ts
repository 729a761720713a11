/**
 * Standing interest on the wire: one subscription per collection and filter, however many readers it has. The last reader's
 * leaving ends it, but not while the device is offline: what an offline device forgets it cannot get back.
 */
import { type Filter, filterKey, type TidelockError } from "@tidelock/core";
import type { ReplicaInput } from "../engine/input.ts";
import type { Unsubscribe } from "./client.ts";

interface Interest {
  readonly collection: string;
  readonly filter: Filter;
  readers: number;
  /** Why the server does not serve it, if it does not. */
  error: TidelockError | null;
}

export interface WireSubscriptionsOptions {
  readonly dispatch: (input: ReplicaInput) => void;
  readonly isConnected: () => boolean;
}

export class WireSubscriptions {
  readonly #options: WireSubscriptionsOptions;
  readonly #interests = new Map<string, Interest>();

  constructor(options: WireSubscriptionsOptions) {
    this.#options = options;
  }

  /** Wants these entities, until the returned function is called. */
  retain(collection: string, filter: Filter): Unsubscribe {
    const key = `${collection}?${filterKey(filter)}`;
    const known = this.#interests.get(key);
    const held = known ?? { collection, filter, readers: 0, error: null };
    // Counted before anything is dispatched: what that announces may look for interests without readers.
    held.readers += 1;
    this.#interests.set(key, held);
    if (known === undefined) this.#options.dispatch({ type: "subscribe", collection, filter });
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      held.readers -= 1;
      this.endUnread();
    };
  }

  /** The server does not serve an interest. */
  refused(collection: string, filter: Filter, error: TidelockError): void {
    const held = this.#interests.get(`${collection}?${filterKey(filter)}`);
    if (held !== undefined) held.error = error;
  }

  /** Why the server does not serve an interest; `null` while it does. */
  errorOf(collection: string, filter: Filter): TidelockError | null {
    return this.#interests.get(`${collection}?${filterKey(filter)}`)?.error ?? null;
  }

  /** Ends the subscriptions without readers, if the device is connected. Called again when the connection changes. */
  endUnread(): void {
    if (!this.#options.isConnected()) return;
    for (const [key, { collection, filter, readers }] of this.#interests) {
      if (readers > 0) continue;
      this.#interests.delete(key);
      this.#options.dispatch({ type: "unsubscribe", collection, filter });
    }
  }
}
