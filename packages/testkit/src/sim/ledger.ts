/**
 * What a device wrote and what it was told of it, as seen from outside: from the inputs it was given, the batches that
 * reached its disk, and the effects that inform the application. Never from the replica's own account, which is checked
 * against this.
 */
import type { Counter } from "@tidelock/core";
import type { Intent, ReplicaEffect, StoreBatch, StoredMutation, StoredReplica } from "@tidelock/client/engine";
import type { Receipt } from "@tidelock/server/engine";
import { UNREADABLE } from "./domain.ts";
import { reading, renamed } from "./readings.ts";
import type { Authored } from "./sitting.ts";
import { demand } from "./violation.ts";

/** What became of a field that a mutation wrote: another value stands in its place, or it is no longer shown. */
export type Fate = { readonly value: unknown } | "gone";

/** A mutation of the device. */
export interface Entry {
  counter: Counter;
  /** The application's write that it is part of. */
  readonly write: number;
  readonly intent: Intent;
  /** As the replica made it; its version and stamp never change afterwards. */
  made: StoredMutation;
  /** Whether the device's disk has it. */
  onDisk: boolean;
  /** Whether the application was told that it is saved. */
  saved: boolean;
  state: "queued" | "decided" | "rejected" | "discarded";
  /** The device has integrated it once; a resync does not bring it back. */
  integrated: boolean;
  /** The server no longer knew how it was decided; the device may believe what it likes. */
  pruned: boolean;
  /** The fields of which the device knows that something else stands there; `null`: all of them. */
  fates: ReadonlyMap<string | null, Fate>;
}

export class Ledger {
  /** Under which id the device speaks; another one after its history could not be continued. */
  device: string;
  readonly user: string;
  readonly entries = new Map<Counter, Entry>();
  /** Everything that was made, by stamp: the name that stays when numbers change. */
  readonly #byStamp = new Map<string, Entry>();
  /** What keeps the places of those that the server could not read, by their stamps. */
  readonly #voids = new Map<string, Entry>();
  /** Temporary ids and the final ones that the device knows. */
  readonly assigned = new Map<string, string>();
  #highestOnDisk: Counter = 0;
  readonly #formerly: string[] = [];

  constructor(device: string, user: string) {
    this.device = device;
    this.user = user;
  }

  /** The replica has taken a write: what it added to its outbox must be what was asked for, in order. */
  wrote(write: number, intents: readonly Intent[], outbox: readonly StoredMutation[]): void {
    const fresh = outbox.slice(-intents.length);
    const first = this.#next();
    for (const [index, intent] of intents.entries()) {
      const made = fresh[index];
      const which = `write ${write} of ${this.device}`;
      demand(made !== undefined, "outbox", () => `${which} is not in the outbox`);
      const isAsAsked =
        made.counter === first + index &&
        made.operation === intent.operation &&
        made.collection === intent.collection &&
        made.remaining === intents.length - 1 - index &&
        made.state === "queued" &&
        made.entity === (this.assigned.get(intent.entity) ?? intent.entity) &&
        JSON.stringify(made.fields) === JSON.stringify(intent.fields);
      demand(isAsAsked, "outbox", () => `${which} became ${JSON.stringify(made)}, expected number ${first + index}`);
      const before = this.entries.get(made.counter - 1);
      const isLater = before === undefined || made.stamp > before.made.stamp;
      demand(isLater, "clock", () => `${which} is stamped ${made.stamp} after ${before?.made.stamp}`);
      const entry: Entry = {
        counter: made.counter,
        write,
        intent,
        made,
        onDisk: false,
        saved: false,
        state: "queued",
        integrated: false,
        pruned: false,
        fates: new Map(),
      };
      this.entries.set(made.counter, entry);
      this.#byStamp.set(made.stamp, entry);
    }
  }

  /** Transactions that are still to be sent, and that the server cannot read. */
  get unreadable(): number {
    const queued = [...this.entries.values()].filter(({ state }) => state === "queued");
    return new Set(queued.filter(({ made }) => isUnreadable(made)).map(({ write }) => write)).size;
  }

  #entryOf({ operation, stamp }: StoredMutation): Entry | undefined {
    return operation === "void" ? this.#voids.get(stamp) : this.#byStamp.get(stamp);
  }

  /** The server could not read a mutation: it is kept under a number of its own, and nothing is sent in its place. */
  #setAside(entry: Entry, kept: Counter, held: readonly StoredMutation[]): void {
    const { counter } = entry;
    const made = held.find((mutation) => mutation.counter === counter);
    demand(made?.operation === "void", "outbox", () => `nothing keeps the place of ${this.device}#${counter}`);
    const intent: Intent = { operation: "void", collection: made.collection, entity: made.entity, fields: {} };
    const empty: Entry = { ...entry, intent, made, write: 0, onDisk: false, saved: false, state: "queued" };
    this.#voids.set(made.stamp, empty);
    this.entries.set(counter, empty);
    entry.counter = kept;
    entry.state = "rejected";
    this.entries.set(kept, entry);
  }

  /**
   * The log, or the device's id, is another one: what the device still holds is numbered and decided anew. Nothing that
   * was saved may be missing, unless `isSettled` says that the log has it.
   * @param highest the number that the device's disk says was given last
   */
  adopt(
    device: string,
    held: readonly StoredMutation[],
    isSettled: (entry: Entry) => boolean,
    highest: Counter = 0,
  ): void {
    const before = [...this.entries.values()];
    if (device !== this.device) {
      this.#highestOnDisk = highest;
      this.#formerly.unshift(this.device);
    }
    this.device = device;
    this.entries.clear();
    const kept = new Set<Entry>();
    for (const mutation of held) {
      const entry = this.#entryOf(mutation);
      demand(entry !== undefined, "outbox", () => `${device} holds ${JSON.stringify(mutation)}, which nobody made`);
      kept.add(entry);
      demand(isFaithful(entry.intent, mutation), "outbox", () => {
        return `${device} holds ${JSON.stringify(mutation)} for ${JSON.stringify(entry.intent)}`;
      });
      Object.assign(entry, { counter: mutation.counter, made: mutation, state: mutation.state, integrated: false });
      entry.pruned = mutation.detail?.code === "result-pruned";
      entry.fates = fatesIn(entry.intent, mutation.detail);
      // What is offered again has its temporary id until another one is given.
      if (entry.state === "queued" && entry.intent.operation === "create") this.assigned.delete(entry.intent.entity);
      this.entries.set(entry.counter, entry);
      if (entry.onDisk) this.#highestOnDisk = Math.max(this.#highestOnDisk, entry.counter);
    }
    for (const entry of before) {
      const isGone = kept.has(entry) || !entry.saved || entry.state === "discarded" || isSettled(entry);
      demand(isGone, "saved", () => `${device} no longer holds what was ${entry.counter}, stamped ${entry.made.stamp}`);
    }
  }

  /** What is decided and no longer held was integrated; for when nothing can be said of the log that it was in. */
  noteIntegrated(held: readonly StoredMutation[]): void {
    const stamps = new Set(held.map(({ stamp }) => stamp));
    for (const entry of this.entries.values()) {
      if (entry.state === "decided" && !stamps.has(entry.made.stamp)) entry.integrated = true;
    }
  }

  #next(): Counter {
    return Math.max(this.#highestOnDisk, ...this.entries.keys()) + 1;
  }

  /** Writes that the store refused: they are taken back, and later ones take their numbers. */
  failed(writes: ReadonlySet<number>): void {
    if (writes.size === 0) return;
    const kept = [...this.entries.values()].filter((entry) => !writes.has(entry.write));
    this.entries.clear();
    const isFixed = ({ onDisk, intent }: Entry): boolean => onDisk || intent.operation === "void";
    for (const entry of kept.filter(isFixed)) this.entries.set(entry.counter, entry);
    for (const entry of kept.filter((each) => !isFixed(each))) {
      entry.counter = this.#next();
      this.entries.set(entry.counter, entry);
    }
  }

  stored(batch: StoreBatch): void {
    for (const mutation of batch.putMutations) {
      const entry = this.entries.get(mutation.counter);
      demand(
        entry !== undefined,
        "outbox",
        () => `${this.device} stores the mutation ${mutation.counter}, which nobody made`,
      );
      entry.onDisk = true;
      this.#highestOnDisk = Math.max(this.#highestOnDisk, mutation.counter);
    }
  }

  /** Forgets what was decided and integrated for good: the disk says so at its checkpoint, and does not hold it any more. */
  prune(stored: StoredReplica, offsetOf: (counter: Counter) => number | null): void {
    const held = new Set(stored.mutations.map(({ counter }) => counter));
    for (const { counter, state } of this.entries.values()) {
      const offset = offsetOf(counter);
      const isIntegrated = state === "decided" && offset !== null && offset <= (stored.facts?.checkpoint ?? 0);
      if (isIntegrated && !held.has(counter)) this.entries.delete(counter);
    }
  }

  /** @param held the outbox as it is now */
  heard(effect: ReplicaEffect, held: readonly StoredMutation[]): void {
    switch (effect.type) {
      case "write-saved":
        for (const entry of this.entries.values()) if (entry.write === effect.write) entry.saved = true;
        return;
      case "decided": {
        const entry = this.entries.get(effect.counter);
        demand(
          entry !== undefined,
          "outbox",
          () => `${this.device} was told of mutation ${effect.counter}, which nobody made`,
        );
        if (effect.kept !== undefined) return this.#setAside(entry, effect.kept, held);
        entry.state = effect.outcome === "rejected" ? "rejected" : "decided";
        entry.pruned = effect.detail.code === "result-pruned";
        entry.fates = fatesIn(entry.intent, effect.detail);
        if (entry.intent.operation === "void") this.entries.delete(effect.counter);
        return;
      }
      case "assigned":
        this.assigned.set(effect.temporary, effect.entity);
        return;
      default:
        return;
    }
  }

  /** The process died: what was not on the disk is gone. What the application was told is saved must be there. */
  died(): void {
    for (const entry of this.entries.values()) {
      if (entry.onDisk) continue;
      demand(!entry.saved, "saved", () => `${this.device}#${entry.counter} was called saved, and was not on the disk`);
      this.entries.delete(entry.counter);
    }
  }

  /** The process has read its disk: from here on it knows what the disk knew. */
  loaded(stored: StoredReplica, offsetOf: (counter: Counter) => number | null): void {
    const held = new Map(stored.mutations.map((mutation) => [mutation.counter, mutation]));
    const checkpoint = stored.facts?.checkpoint ?? 0;
    // A resync voids the checkpoint until every subscription is whole again, or for good when there is none.
    const subscriptions = stored.facts?.subscriptions ?? [];
    const isResyncing = subscriptions.length === 0 || subscriptions.some(({ key }) => key === null);
    this.assigned.clear();
    for (const [temporary, entity] of stored.facts?.assigned ?? []) this.assigned.set(temporary, entity);
    this.#takeBack(stored.mutations);
    for (const entry of this.entries.values()) {
      const mutation = held.get(entry.counter);
      if (mutation !== undefined) {
        entry.state = mutation.state;
        entry.integrated = false;
        entry.pruned = mutation.detail?.code === "result-pruned";
        entry.fates = fatesIn(entry.intent, mutation.detail);
        continue;
      }
      if (entry.state === "discarded" || entry.pruned || (entry.integrated && isResyncing)) continue;
      const offset = offsetOf(entry.counter);
      const isIntegrated = offset !== null && offset > 0 && offset <= checkpoint;
      demand(isIntegrated, "saved", () => {
        return `${this.device}#${entry.counter} is not on the disk any more, and not integrated at ${checkpoint}`;
      });
      entry.state = "decided";
      entry.integrated = true;
    }
  }

  /** The process died before the disk had it that these were set aside, or decided: they are what they were. */
  #takeBack(held: readonly StoredMutation[]): void {
    for (const mutation of held) {
      const entry = this.#entryOf(mutation);
      if (entry === undefined || this.entries.get(mutation.counter) === entry) continue;
      if (this.entries.get(entry.counter) === entry) this.entries.delete(entry.counter);
      entry.counter = mutation.counter;
      this.entries.set(mutation.counter, entry);
    }
  }

  /**
   * What it wrote under a counter, for the model; `null` when it never did, or could not have sent it yet.
   * @param roles as whom its author may have been taken
   */
  authored({ counter }: Receipt, roles: readonly string[]): Authored | null {
    const entry = this.entries.get(counter);
    if (entry === undefined || !entry.onDisk) return null;
    const { made, intent } = entry;
    const isTemporary = intent.operation === "create" && intent.entity.startsWith("tmp:");
    return {
      device: this.device,
      counter,
      user: this.user,
      roles,
      operation: intent.operation,
      collection: intent.collection,
      entity: isTemporary ? intent.entity : made.entity,
      fields: intent.operation === "delete" ? {} : made.fields,
      floor: made.seen,
      dots: new Map(),
      stamp: made.stamp,
      occurredAt: null,
      remaining: made.remaining,
      temporary: isTemporary ? intent.entity : null,
      formerly: this.#formerly,
      isExpiry: false,
    };
  }
}

/** What stands in place of what was written: of values only, because changes that are merged stand as they are. */
function fatesIn(
  { operation, collection }: Intent,
  detail: StoredMutation["detail"],
): ReadonlyMap<string | null, Fate> {
  const fates = new Map<string | null, Fate>();
  if (operation === "call" || operation === "decide") return fates;
  for (const { field, winner, value } of detail?.conflicts ?? []) {
    const by = field === null ? "lww" : reading(collection, field)?.settling.by;
    if (winner === "incoming" || by === "set" || by === "list" || by === "counter") continue;
    fates.set(field, field === null ? "gone" : { value });
  }
  return fates;
}

/** Whether there is something in it that the server's gateway cannot read. */
export function isUnreadable({ fields }: Pick<StoredMutation, "fields">): boolean {
  return JSON.stringify(fields).includes(`"${UNREADABLE}"`);
}

/** Whether a mutation still says what was asked for: the names of entities may change, and fields that lost may be left out. */
function isFaithful({ collection, fields }: Intent, mutation: StoredMutation): boolean {
  const nameless = (values: Intent["fields"]): Readonly<Record<string, unknown>> =>
    renamed(collection, values, () => "");
  const [asked, held] = [nameless(fields), nameless(mutation.fields)];
  return Object.entries(held).every(([name, value]) => JSON.stringify(value) === JSON.stringify(asked[name]));
}
