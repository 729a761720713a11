/**
 * Live queries: a query's results, kept up to date by what changed instead of being computed again.
 *
 * What stays true: `value` is what filtering, sorting and cutting the replica's entities would give at that moment, and is
 * the same object, with the same `data`, while that has not changed. Work is done on reading, or once per turn for
 * listeners; a query that nobody reads costs nothing but a list of what to look at.
 *
 * A live query is *attached* (follows changes, keeps its sorted set) from its first reading until `lingerMs` after its last
 * listener, and holds its subscription on the wire from its first listener on for as long.
 */
import { type EntityId, EVERYTHING, TidelockError } from "@tidelock/core";
import type { CollectionWatcher } from "./change-feed.ts";
import type { LiveQuery, QueryResult, Unsubscribe } from "./client.ts";
import { comparatorOf, matcherOf } from "./matching.ts";
import { keepIfEqual, keepIfSame, Watched } from "./notifier.ts";
import { OrderedViews, type ViewList } from "./ordered-views.ts";
import type { Query } from "./query.ts";
import type { ReadContext } from "./read-context.ts";
import type { EntityView } from "./replica-view.ts";

type Result = QueryResult<EntityView>;

/** The live queries that are attached, by the key of their query, so that equal queries are one. */
export class LiveQueries {
  readonly #context: ReadContext;
  readonly #attached = new Map<string, FollowedQuery>();

  constructor(context: ReadContext) {
    this.#context = context;
  }

  of<Entity>(query: Query<Entity>): LiveQuery<Entity> {
    const followed = this.#attached.get(query.key) ?? new FollowedQuery(this.#context, query, this.#attached);
    // The views that the replica gives for the query's collection are its entities.
    return followed as unknown as LiveQuery<Entity>;
  }
}

/** What a result says; its list is turned into an array when `data` is read. */
interface Facts {
  readonly shown: ViewList;
  readonly total: number;
  readonly status: Result["status"];
  readonly error: TidelockError | null;
  readonly isComplete: boolean;
}

const NOTHING: Facts = { shown: { array: [] }, total: 0, status: "loading", error: null, isComplete: false };

function resultOf({ shown, total, status, error, isComplete }: Facts): Result {
  return {
    get data() {
      return shown.array;
    },
    total,
    status,
    error,
    isLoading: status === "loading",
    isComplete,
  };
}

class FollowedQuery extends Watched<Result> implements LiveQuery<EntityView>, CollectionWatcher {
  readonly query: Query<EntityView>;
  readonly #context: ReadContext;
  readonly #attached: Map<string, FollowedQuery>;
  readonly #matches: (view: EntityView) => boolean;
  #views: OrderedViews | null = null;
  /** Sets of entities to look at before the next reading. */
  #changed: Array<ReadonlySet<EntityId>> = [];
  #isStale = true;
  #shown: ViewList = NOTHING.shown;
  #facts: Facts = NOTHING;
  #result: Result = resultOf(NOTHING);
  #detach: Unsubscribe = () => {};
  #leaveWire: Unsubscribe | null = null;
  #cancelLinger: Unsubscribe = () => {};

  constructor(context: ReadContext, query: Query<unknown>, attached: Map<string, FollowedQuery>) {
    super(context.notifier);
    this.#context = context;
    this.#attached = attached;
    this.query = query as Query<EntityView>;
    this.#matches = matcherOf(query.description.filter);
  }

  get value(): Result {
    if (this.#views === null) this.#attach();
    if (this.#isStale) this.#refresh();
    return this.#result;
  }

  get data(): readonly EntityView[] {
    return this.value.data;
  }
  get total(): number {
    return this.value.total;
  }
  get status(): Result["status"] {
    return this.value.status;
  }
  get error(): TidelockError | null {
    return this.value.error;
  }
  get isLoading(): boolean {
    return this.value.isLoading;
  }
  get isComplete(): boolean {
    return this.value.isComplete;
  }

  whenComplete(): Promise<readonly EntityView[]> {
    return new Promise((resolve, reject) => {
      let stop: Unsubscribe = () => {};
      const settle = (result: Result): void => {
        if (result.error === null && !result.isComplete) return;
        stop();
        if (result.error === null) resolve(result.data);
        else reject(result.error);
      };
      const unsubscribe = this.subscribe(settle);
      const stopWaiting = this.#context.onClosed(() => {
        stop();
        reject(new TidelockError("client-closed"));
      });
      stop = () => {
        unsubscribe();
        stopWaiting();
      };
      settle(this.value);
    });
  }

  entitiesChanged(ids: ReadonlySet<EntityId>): void {
    this.#changed.push(ids);
    this.completenessChanged();
  }

  completenessChanged(): void {
    this.#isStale = true;
    this.changed();
  }

  protected override gained(): void {
    const { collection, filter } = this.query.description;
    this.#cancelLinger();
    this.#leaveWire ??= this.#context.wire.retain(collection, filter);
  }

  protected override lost(): void {
    this.#linger();
  }

  #attach(): void {
    const { collection, order } = this.query.description;
    this.#views = new OrderedViews(comparatorOf(order));
    this.#isStale = true;
    this.#changed = this.#context.isOpen() ? [new Set(this.#context.replica.ids(collection))] : [];
    this.#detach = this.#context.feed.watchCollection(collection, this);
    if (!this.#attached.has(this.query.key)) this.#attached.set(this.query.key, this);
    if (!this.isWatched) this.#linger();
  }

  #linger(): void {
    this.#cancelLinger();
    this.#cancelLinger = this.#context.linger(() => {
      if (!this.isWatched) this.#release();
    });
  }

  #release(): void {
    this.#detach();
    this.#leaveWire?.();
    this.#leaveWire = null;
    this.#views = null;
    this.#changed = [];
    if (this.#attached.get(this.query.key) === this) this.#attached.delete(this.query.key);
  }

  #refresh(): void {
    const { replica } = this.#context;
    const { collection, filter } = this.query.description;
    const views = this.#views;
    if (views === null) return;
    this.#isStale = false;
    const changes = this.#changes();
    if (changes.size > 0 && views.apply(changes)) this.#shown = this.#cut(views);
    const error = this.#context.subscriptionError(collection, filter);
    const isComplete =
      this.#context.isOpen() && (replica.isComplete(collection, filter) || replica.isComplete(collection, EVERYTHING));
    const isReady = isComplete || views.size > 0;
    const status = error !== null ? "error" : isReady ? "ready" : "loading";
    const next: Facts = { shown: this.#shown, total: views.size, status, error, isComplete };
    const kept = keepIfEqual(this.#facts, next);
    if (kept === this.#facts) return;
    this.#facts = kept;
    this.#result = resultOf(kept);
  }

  /** The entities to show. A change outside of a window leaves its list the same; without a window every change shows. */
  #cut(views: OrderedViews): ViewList {
    const { limit, offset } = this.query.description;
    if (limit === null && offset === 0) return views.all;
    const array = views.window(offset, limit ?? views.size);
    return keepIfSame(this.#shown.array, array) === array ? { array } : this.#shown;
  }

  /** What the entities to look at are now, for this query: a view, or `null` when it is not among the results. */
  #changes(): Map<string, EntityView | null> {
    const { replica } = this.#context;
    const { collection } = this.query.description;
    const changes = new Map<string, EntityView | null>();
    for (const ids of this.#changed) {
      for (const id of ids) {
        const view = replica.get(collection, id);
        // A temporary id that was replaced leads to the entity under its final id, which is changed by itself.
        changes.set(id, view !== null && view.id === id && this.#matches(view) ? view : null);
      }
    }
    this.#changed = [];
    return changes;
  }
}
