/**
 * The client behind its public face: puts the runtime, the replica and everything that reads from it together, and passes
 * on what a turn announces. It decides nothing: the replica does.
 */
import { type DeviceId, type EntityId, MAX_TRANSACTION_MUTATIONS, type Schema, TidelockError } from "@tidelock/core";
import type { Intent, ReplicaInput } from "../engine/input.ts";
import type { StoredMutation } from "../engine/records.ts";
import { type Announcement, type Machine, Runtime, type TokenSource } from "../runtime/run-effects.ts";
import type { System } from "../runtime/system.ts";
import type { Store } from "../store/store.ts";
import type { Transport } from "../transport/transport.ts";
import { ChangeFeed } from "./change-feed.ts";
import { ConflictDesk } from "./conflict-desk.ts";
import type { ConflictNotice, HistoryPage } from "./conflicts.ts";
import type {
  ClientEvents,
  ConnectionStatus,
  Live,
  OutboxEntry,
  RejectedEntry,
  RejectedWrites,
  SyncStatus,
  TransactionWrite,
  Unsubscribe,
  Write,
} from "./client.ts";
import { EntityCollection, TransactionSide } from "./collection-client.ts";
import { callIntent, type GivenValues, IdSource, knownId } from "./intents.ts";
import { LiveQueries } from "./live-query.ts";
import { Derived, keepIfEqual, keepIfSame, Notifier } from "./notifier.ts";
import type { ReadContext } from "./read-context.ts";
import type { ReplicaView } from "./replica-view.ts";
import { causeOf, Rejections } from "./rejected-writes.ts";
import { Rooms } from "./rooms.ts";
import type { ServerLog } from "./server-log.ts";
import { connectionStatusOf, MutationEntries, syncStatusOf } from "./sync-status.ts";
import { WireSubscriptions } from "./wire-subscriptions.ts";
import { Writes } from "./writes.ts";

/** Events in one page of a history, unless another number is asked for. */
const HISTORY_PAGE = 50;

export interface ClientCoreOptions<Source extends Schema> {
  readonly schema: Source;
  readonly replica: Machine & ReplicaView;
  readonly store: Store;
  readonly transports: readonly Transport[];
  readonly auth: TokenSource;
  readonly system: System;
  /** The id that this device takes when its store is new. */
  readonly newDevice: DeviceId;
  readonly lingerMs: number;
  readonly autoConnect: boolean;
  /** Where the server's log is read: `https://host/base/sync`. Throws `config-invalid`. */
  readonly httpAddress: () => string;
}

type Listeners = { readonly [Name in keyof ClientEvents]: Set<(detail: ClientEvents[Name]) => void> };

export class ClientCore<Source extends Schema> {
  readonly schema: Source;
  readonly opened: Promise<void>;
  readonly status: Live<SyncStatus>;
  readonly connection: Live<ConnectionStatus>;
  readonly outbox: Live<readonly OutboxEntry[]>;
  readonly rejected: RejectedWrites;
  readonly presence: Rooms;
  readonly conflicts: ConflictDesk;
  readonly mutate: Readonly<Record<string, (args?: GivenValues) => Write>>;

  readonly #options: ClientCoreOptions<Source>;
  readonly #runtime: Runtime;
  readonly #notifier: Notifier;
  readonly #feed = new ChangeFeed();
  readonly #writes: Writes;
  readonly #wire: WireSubscriptions;
  readonly #context: ReadContext;
  readonly #ids: IdSource;
  readonly #entries = new MutationEntries();
  readonly #totals: ReadonlyArray<Derived<SyncStatus> | Derived<ConnectionStatus>>;
  readonly #lists: ReadonlyArray<Derived<readonly OutboxEntry[]> | Derived<readonly RejectedEntry[]>>;
  #willTellLists = false;
  readonly #closeListeners = new Set<() => void>();
  readonly #lingering = new Set<() => void>();
  readonly #listeners: Listeners = {
    trouble: new Set(),
    upgrade: new Set(),
    rejected: new Set(),
    conflict: new Set(),
    assigned: new Set(),
  };
  #isOpen = false;
  #isClosed = false;

  constructor(options: ClientCoreOptions<Source>) {
    const { schema, replica, store, system } = options;
    this.#options = options;
    this.schema = schema;
    this.#notifier = new Notifier((error) => system.reportError(error));
    this.#runtime = new Runtime({
      machine: { handle: (input, now) => this.#handle(input, now) },
      store,
      transports: options.transports,
      auth: options.auth,
      system,
      device: options.newDevice,
      announce: (announcements) => this.#announce(announcements),
    });
    const dispatch = (input: ReplicaInput): void => this.#runtime.dispatch(input);
    const resolveId = (id: EntityId): EntityId => replica.resolveId(id);
    this.#writes = new Writes({
      resolveId,
      dispatch: (write, intents) => dispatch({ type: "mutate", write, intents }),
    });
    this.#wire = new WireSubscriptions({ dispatch, isConnected: () => replica.status.phase === "connected" });
    this.#ids = new IdSource(system, () => this.#device() ?? options.newDevice);
    this.presence = new Rooms({ replica, notifier: this.#notifier, dispatch });

    const isOpen = (): boolean => this.#isOpen;
    const status = new Derived<SyncStatus>(this.#notifier, (last) =>
      keepIfEqual(last, syncStatusOf(replica.status, this.#isOpen, store.durability)),
    );
    const connection = new Derived<ConnectionStatus>(this.#notifier, (last) =>
      keepIfEqual(last, connectionStatusOf(replica.status, this.#runtime.isStopped, this.#runtime.transportName)),
    );
    const outbox = new Derived<readonly OutboxEntry[]>(this.#notifier, (last) =>
      keepIfSame(
        last,
        replica.outbox.map((mutation) => this.#entries.outboxEntry(mutation)),
      ),
    );
    const rejected = new Derived<readonly RejectedEntry[]>(this.#notifier, (last) =>
      keepIfSame(
        last,
        replica.rejected.map((mutation) => this.#rejectedEntry(mutation)),
      ),
    );
    this.#totals = [status, connection];
    this.#lists = [outbox, rejected];
    this.status = status;
    this.connection = connection;
    this.outbox = outbox;
    this.rejected = new Rejections({
      schema,
      replica,
      live: rejected,
      entries: this.#entries,
      now: () => system.now(),
      discard: (counter) => dispatch({ type: "discard", counter }),
      write: (intents) => {
        this.#assertUsable();
        return this.#writes.transaction(intents);
      },
    });

    this.#context = {
      replica,
      feed: this.#feed,
      wire: this.#wire,
      notifier: this.#notifier,
      linger: (end) => this.#linger(end),
      syncState: (collection, id) => {
        const state = replica.syncState(collection, id);
        return state === "synced" && this.conflicts.hasLost(collection, id) ? "conflicted" : state;
      },
      isOpen,
      subscriptionError: (collection, filter) => this.#wire.errorOf(collection, filter),
      onClosed: (listener) => this.#onClosed(listener),
    };
    const queries = new LiveQueries(this.#context);
    const write = (intent: Intent): Write => this.#write(intent);
    this.conflicts = new ConflictDesk({
      schema,
      context: this.#context,
      queries,
      ids: this.#ids,
      serverLog: () => this.#serverLog(),
      write,
    });
    this.mutate = Object.fromEntries(
      [...schema.mutators.keys()].map((name) => [name, (args = {}) => write(callIntent(schema, name, args))]),
    );
    for (const [name, of] of schema.collections) {
      if (of.isSystem) continue;
      if (name in this) throw new TidelockError("schema-invalid", `a collection cannot be called ${name}`);
      const value = new EntityCollection({ schema: of, context: this.#context, queries, ids: this.#ids, write });
      Object.defineProperty(this, name, { value, enumerable: true });
    }
    this.opened = this.#open();
    // Told as `trouble` as well: who does not wait for `opened` is not punished for it.
    this.opened.catch(() => {});
  }

  get device(): string | null {
    return this.#device();
  }

  transaction(run: (transaction: Readonly<Record<string, TransactionSide>>) => void): TransactionWrite {
    this.#assertUsable();
    const intents: Intent[] = [];
    let isOver = false;
    const gather = (intent: Intent): void => {
      if (isOver) throw new TidelockError("transaction-broken", "a transaction ends when its function returns");
      intents.push(intent);
    };
    const sides = [...this.schema.collections]
      .filter(([, { isSystem }]) => !isSystem)
      .map(
        ([name, schema]) =>
          [name, new TransactionSide({ schema, context: this.#context, ids: this.#ids }, gather)] as const,
      );
    const returned: unknown = run(Object.fromEntries(sides));
    isOver = true;
    if (returned instanceof Promise) {
      throw new TidelockError(
        "transaction-broken",
        "the function of a transaction must not wait: it returned a promise",
      );
    }
    if (intents.length > MAX_TRANSACTION_MUTATIONS) {
      throw new TidelockError("transaction-broken", `a transaction has at most ${MAX_TRANSACTION_MUTATIONS} steps`);
    }
    return this.#writes.transaction(intents);
  }

  /** The events of an entity, newest first, from the server's log. */
  history(
    collection: string,
    id: string,
    options: { readonly before?: string; readonly limit?: number } = {},
  ): Promise<HistoryPage> {
    const schema = this.schema.collections.get(collection);
    if (schema === undefined)
      return Promise.reject(new TidelockError("unknown-collection", `there is no collection ${collection}`));
    const entity = this.#options.replica.resolveId(knownId(schema, id));
    const { before, limit = HISTORY_PAGE } = options;
    return this.#serverLog().then((log) => log.history(collection, entity, before, limit));
  }

  /** Few applications read it, and then rarely: it is loaded when it is first asked for. */
  async #serverLog(): Promise<ServerLog> {
    const { ServerLog: Log } = await import("./server-log.ts");
    const { httpAddress, auth } = this.#options;
    return new Log({ base: httpAddress, auth, fetch: (...request) => fetch(...request) });
  }

  goOnline(): void {
    this.#assertUsable();
    this.#runtime.dispatch({ type: "go-online" });
  }

  goOffline(): void {
    this.#runtime.dispatch({ type: "go-offline" });
  }

  on<Name extends keyof ClientEvents>(event: Name, listener: (detail: ClientEvents[Name]) => void): Unsubscribe {
    const listeners: Set<(detail: ClientEvents[Name]) => void> = this.#listeners[event];
    const own = (detail: ClientEvents[Name]): void => listener(detail);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // What was written before the store was open is saved before it is closed.
    await this.opened.catch(() => {});
    try {
      await this.#runtime.close();
    } finally {
      this.#end();
    }
  }

  async #open(): Promise<void> {
    // The caller of the constructor gets the client before anything happens to it.
    await Promise.resolve();
    if (this.#options.autoConnect) this.#runtime.dispatch({ type: "go-online" });
    try {
      await this.#runtime.start();
    } catch (error) {
      const code = error instanceof TidelockError ? error.code : "store-unavailable";
      this.#announce([{ type: "trouble", code, message: error instanceof Error ? error.message : String(error) }]);
      this.#end(new TidelockError(code, "the device's store could not be opened", { cause: error }));
      throw error;
    }
  }

  /** Everything that still waits for something will wait in vain. */
  #end(error?: TidelockError): void {
    this.#isClosed = true;
    this.#writes.close(error);
    for (const cancel of this.#lingering) cancel();
    this.#lingering.clear();
    for (const listener of this.#closeListeners) listener();
    this.#closeListeners.clear();
    for (const derived of [...this.#totals, ...this.#lists]) derived.invalidate();
    this.#notifier.flush();
  }

  #write(intent: Intent): Write {
    this.#assertUsable();
    return this.#writes.single(intent);
  }

  #assertUsable(): void {
    if (this.#isClosed || this.#runtime.isStopped) throw new TidelockError("client-closed");
  }

  #device(): DeviceId | null {
    return this.#isOpen ? this.#options.replica.device : null;
  }

  #linger(end: () => void): Unsubscribe {
    if (this.#isClosed) return () => {};
    const { system, lingerMs } = this.#options;
    const stop = system.setTimer(() => {
      this.#lingering.delete(cancel);
      end();
    }, lingerMs);
    const cancel = (): void => {
      this.#lingering.delete(cancel);
      stop();
    };
    this.#lingering.add(cancel);
    return cancel;
  }

  #onClosed(listener: () => void): Unsubscribe {
    if (this.#isClosed) queueMicrotask(listener);
    else this.#closeListeners.add(listener);
    return () => void this.#closeListeners.delete(listener);
  }

  /** The machine, as the runtime sees it. On the way, the handles of writes learn the numbers of their mutations. */
  #handle(input: ReplicaInput, now: number): ReturnType<Machine["handle"]> {
    const { replica } = this.#options;
    const { device } = replica;
    const effects = replica.handle(input, now);
    if (input.type === "loaded") this.#markOpen();
    for (const effect of effects) {
      if (effect.type === "write-failed")
        this.#writes.failed(effect.write, new TidelockError(effect.code, effect.message));
    }
    if (input.type === "persisted" || input.type === "persist-failed") this.#writes.number(replica.outbox);
    if (input.type === "persist-failed" || (device !== null && replica.device !== device)) {
      this.#writes.renumber(replica.outbox);
    }
    return effects;
  }

  #markOpen(): void {
    this.#isOpen = true;
    for (const collection of this.schema.collections.keys()) {
      this.#feed.entitiesChanged(collection, new Set(this.#options.replica.ids(collection)));
    }
    this.#feed.completenessChanged();
    for (const total of this.#totals) total.invalidate();
  }

  #announce(announcements: readonly Announcement[]): void {
    for (const announcement of announcements) this.#absorb(announcement);
    this.#expireLists();
    this.#notifier.flush();
  }

  /** Lists are as long as the outbox: many writes in one go are told to their listeners together, afterwards. */
  #expireLists(): void {
    for (const list of this.#lists) list.expire();
    if (this.#willTellLists || !this.#lists.some(({ isWatched }) => isWatched)) return;
    this.#willTellLists = true;
    queueMicrotask(() => {
      this.#willTellLists = false;
      for (const list of this.#lists) list.invalidate();
      this.#notifier.flush();
    });
  }

  #absorb(announcement: Announcement): void {
    switch (announcement.type) {
      case "changed":
        for (const [collection, ids] of announcement.entities) this.#feed.entitiesChanged(collection, ids);
        return;
      case "subscriptions-changed":
        return this.#feed.completenessChanged();
      case "subscription-refused": {
        const { collection, filter, code, message } = announcement;
        this.#wire.refused(collection, filter, new TidelockError(code, message));
        return this.#feed.completenessChanged();
      }
      case "status-changed":
        for (const total of this.#totals) total.invalidate();
        return this.#wire.endUnread();
      case "presence-changed":
        return this.presence.changed(announcement.room);
      case "write-saved":
        return this.#writes.saved(announcement.write);
      case "write-failed":
        return;
      case "decided":
        this.#writes.decided(announcement.counter, announcement.outcome, announcement.detail);
        if (announcement.outcome === "rejected") this.#tellRejected(announcement.kept ?? announcement.counter);
        return this.#noteConflicts(announcement);
      case "assigned":
        this.#feed.idAssigned(announcement.temporary);
        return this.#tell("assigned", { temporary: announcement.temporary, id: announcement.entity });
      case "upgrade": {
        const { required, message, url } = announcement;
        return this.#tell("upgrade", { required, message, url });
      }
      case "trouble":
        return this.#tell("trouble", { code: announcement.code, message: announcement.message });
    }
  }

  #noteConflicts({ counter, collection, entity, detail }: Extract<Announcement, { type: "decided" }>): void {
    const at = this.#options.system.now();
    const notices = (detail.conflicts ?? []).map((decision, index): ConflictNotice => ({
      key: `${counter}.${index}`,
      collection,
      id: entity,
      decision,
      isLost: decision.winner === "current" || decision.winner === "merged",
      at,
    }));
    if (notices.length === 0) return;
    this.conflicts.noted(notices);
    this.#feed.entitiesChanged(collection, new Set([entity]));
    for (const notice of notices) this.#tell("conflict", notice);
  }

  #tellRejected(counter: number): void {
    const mutation = this.#options.replica.rejected.find((candidate) => candidate.counter === counter);
    if (mutation !== undefined) this.#tell("rejected", this.#rejectedEntry(mutation));
  }

  #rejectedEntry(mutation: StoredMutation): RejectedEntry {
    const { replica, schema } = this.#options;
    return this.#entries.rejectedEntry(mutation, causeOf(mutation, replica.rejected, schema)?.counter ?? null);
  }

  /** Listeners of events hear in the flush, like all others, so that they meet a client that is up to date. */
  #tell<Name extends keyof ClientEvents>(event: Name, detail: ClientEvents[Name]): void {
    this.#notifier.mark({ notify: () => this.#notifier.call(this.#listeners[event], detail) });
  }
}
