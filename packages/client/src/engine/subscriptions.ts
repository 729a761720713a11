/**
 * Subscriptions of a replica: what the device keeps a copy of. A subscription is whole when its snapshot and everything
 * after it up to the checkpoint are there; rows of a snapshot under way are kept aside until its end, so that nobody sees
 * half of it (promise G12).
 */
import {
  compileFilter,
  type EntityId,
  type Filter,
  filterKey,
  type JsonObject,
  type JsonValue,
  type Matcher,
} from "@tidelock/core";
import type { StoredSubscription } from "./records.ts";
import type { ConfirmedRow } from "./view.ts";

/** Subscriptions kept from earlier runs, at most; the ones longest unused go first. */
const MAX_REMEMBERED = 32;

export interface Subscription {
  readonly id: number;
  readonly collection: string;
  readonly filter: Filter;
  /** Canonical text of the filter. */
  readonly text: string;
  /** The server's name for what it has sent; `null` while it is not whole. */
  key: string | null;
  /** A snapshot under way: its key, and the rows so far. */
  staged: { readonly key: string; readonly rows: Map<EntityId, ConfirmedRow> } | null;
}

export class Subscriptions {
  readonly #byName = new Map<string, Subscription>();
  readonly #byId = new Map<number, Subscription>();
  /** Compiled filters by collection, made when needed. */
  readonly #matchers = new Map<string, Matcher[]>();
  /** Given up, but the server has not confirmed it: what it wanted is still in the stream. */
  readonly #ending = new Map<number, Subscription>();
  #lastId = 0;

  static nameOf(collection: string, filter: Filter): string {
    return `${collection} ${filterKey(filter)}`;
  }

  get all(): Iterable<Subscription> {
    return this.#byName.values();
  }

  get(collection: string, filter: Filter): Subscription | undefined {
    return this.#byName.get(Subscriptions.nameOf(collection, filter));
  }

  byId(id: number): Subscription | undefined {
    return this.#byId.get(id);
  }

  /** The subscription, new or known; it becomes the one used last. */
  add(collection: string, filter: Filter, key: string | null = null): Subscription {
    const name = Subscriptions.nameOf(collection, filter);
    const known = this.#byName.get(name);
    if (known !== undefined) {
      this.#byName.delete(name);
      this.#byName.set(name, known);
      return known;
    }
    this.#matchers.delete(collection);
    this.#lastId += 1;
    const added: Subscription = { id: this.#lastId, collection, filter, text: filterKey(filter), key, staged: null };
    this.#byName.set(name, added);
    this.#byId.set(added.id, added);
    return added;
  }

  remove(subscription: Subscription): void {
    this.#matchers.delete(subscription.collection);
    this.#byName.delete(Subscriptions.nameOf(subscription.collection, subscription.filter));
    this.#byId.delete(subscription.id);
  }

  /** The application gave the subscription up; the server will confirm it. Until then its rows are kept up to date. */
  end(subscription: Subscription): void {
    this.remove(subscription);
    this.#ending.set(subscription.id, subscription);
    this.#matchers.delete(subscription.collection);
  }

  /** The server confirmed an end: the collection whose rows may leave now; `null` when there is none. */
  ended(id: number): string | null {
    const subscription = this.#ending.get(id);
    if (subscription === undefined) return null;
    this.#ending.delete(id);
    this.#matchers.delete(subscription.collection);
    return subscription.collection;
  }

  /** The connection is gone, and with it what was to be confirmed: the collections whose rows may leave now. */
  endAll(): Set<string> {
    const collections = new Set([...this.#ending.values()].map((subscription) => subscription.collection));
    for (const id of [...this.#ending.keys()]) this.ended(id);
    return collections;
  }

  /** What earlier runs subscribed to. */
  load(stored: readonly StoredSubscription[]): void {
    for (const { collection, filter, key } of stored.slice(-MAX_REMEMBERED)) {
      this.add(collection, JSON.parse(filter) as Filter & JsonObject, key);
    }
  }

  stored(): StoredSubscription[] {
    return [...this.#byName.values()].map(({ collection, text, key }) => ({ collection, filter: text, key }));
  }

  /** Nothing is whole any more. */
  reset(): void {
    for (const subscription of this.#byName.values()) {
      subscription.key = null;
      subscription.staged = null;
    }
  }

  /** What was under way when the connection broke is lost. */
  dropStaged(): void {
    for (const subscription of this.#byName.values()) subscription.staged = null;
  }

  /** Whether any subscription of the collection wants a row. */
  wants(collection: string, id: EntityId, values: readonly JsonValue[], columns: readonly string[]): boolean {
    let matchers = this.#matchers.get(collection);
    if (matchers === undefined) {
      matchers = [];
      for (const subscription of [...this.#byName.values(), ...this.#ending.values()]) {
        if (subscription.collection === collection) matchers.push(compileFilter(subscription.filter, columns));
      }
      this.#matchers.set(collection, matchers);
    }
    return matchers.some((matches) => matches(id, values));
  }

  /** The columns changed: filters find their fields elsewhere. */
  columnsChanged(): void {
    this.#matchers.clear();
  }
}
