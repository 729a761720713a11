/**
 * The loader: what transactions need of the disk before they can be admitted. It runs ahead of the planner, for all that
 * wait, so that one read serves many.
 *
 * What stays true: nothing is admitted before all that it can touch is in memory; what is planned already is newer than
 * what the disk has, and is never overwritten by it.
 */
import {
  type DeviceId,
  type EntityId,
  type EntityState,
  isTemporaryId,
  MARK,
  marksOf,
  type Mutation,
  type MutatorEffect,
  parseEntityId,
  referencesIn,
  type ResultDetail,
  REVIEWS,
} from "@tidelock/core";
import { type AdmissionContext, Draft } from "./admission.ts";
import { type Aliases, MAX_ALIASES } from "./aliases.ts";
import { callEffects, NotLoaded } from "./call.ts";
import type { EntityCache } from "./entity-cache.ts";
import { decodeEntity } from "./entity-codec.ts";
import type { Names } from "./names.ts";
import { nameOf, type Transaction } from "./transaction.ts";
import type { HubContext } from "./ports.ts";
import type { Receipt, StoredEntity } from "./records.ts";
import { reviewOf } from "./reviews.ts";
import { type Known, knownAfter, Unfinished } from "./translate.ts";
import { upcast } from "./upcast.ts";

/** Reads for one transaction. Each brings all that is known to be missing; a mutator may find out one by one. */
const MAX_ROUNDS = 500;

type EntityKey = readonly [collection: string, id: EntityId];

export interface LoaderParts {
  readonly context: HubContext;
  readonly cache: EntityCache;
  readonly aliases: Aliases;
  readonly names: Names;
  /** What an admission at this moment would work with. */
  readonly declarations: (transaction: Transaction) => Omit<AdmissionContext, "read">;
}

export class Loader {
  readonly #context: HubContext;
  readonly #cache: EntityCache;
  readonly #aliases: Aliases;
  readonly #names: Names;
  readonly #declarations: LoaderParts["declarations"];
  /** Reads under way. Nothing is planned before all of them have answered. */
  #reads = 0;
  /** A read failed, and the next `retry` tries again. */
  #failed = false;
  /** How often something was read for a transaction. */
  readonly #rounds = new WeakMap<Transaction, number>();

  constructor({ context, cache, aliases, names, declarations }: LoaderParts) {
    this.#context = context;
    this.#cache = cache;
    this.#aliases = aliases;
    this.#names = names;
    this.#declarations = declarations;
  }

  get idle(): boolean {
    return this.#reads === 0;
  }

  /** Reads again what could not be read. Called now and then. */
  retry(): void {
    this.#failed = false;
  }

  /** Takes in what the disk says of the names of a device: those without a receipt are free. */
  learnNames(device: DeviceId, names: Iterable<string>, receipts: readonly Receipt[]): void {
    for (const { name, detail } of receipts) {
      const entity = detail === null ? null : parseEntityId((JSON.parse(detail) as ResultDetail).entity);
      if (name !== null) this.#aliases.learn(device, name, entity, true);
    }
    for (const name of names) this.#aliases.learn(device, name, null, false);
  }

  /** Whether everything that the first of the transactions needs is in memory; when not, reads it for all. */
  load(transaction: Transaction, queue: readonly Transaction[], position: number): boolean {
    if (this.#missingNames(transaction).length === 0 && this.#missingEntities(transaction).length === 0) {
      this.#finish(transaction);
      // What a migration makes may name others.
      if (this.#missingNames(transaction).length === 0) return true;
    }
    if (this.#reads > 0 || this.#failed) return false;
    const rounds = (this.#rounds.get(transaction) ?? 0) + 1;
    this.#rounds.set(transaction, rounds);
    // A call that wants something else each time it is run would never be ready.
    if (rounds > MAX_ROUNDS) return true;
    const waiting = queue.slice(position, position + this.#context.bounds.maxAppendMutations);
    const names = this.#namesToLoad(waiting);
    for (const [device, missing] of names) this.#loadNames(device, [...missing]);
    if (names.size === 0) this.#loadEntities(waiting.flatMap((other) => this.#missingEntities(other)));
    return false;
  }

  /** The names that the first transaction lacks, and of the others no more than can be remembered. */
  #namesToLoad(waiting: readonly Transaction[]): Map<DeviceId, Set<string>> {
    const names = new Map<DeviceId, Set<string>>();
    let count = 0;
    for (const transaction of waiting) {
      const { device } = transaction.device;
      for (const name of this.#missingNames(transaction)) {
        names.set(device, (names.get(device) ?? new Set()).add(name));
        count += 1;
      }
      if (count > MAX_ALIASES / 2) break;
    }
    return names;
  }

  #loadNames(device: DeviceId, names: readonly string[]): void {
    this.#reads += 1;
    this.#context.read({ kind: "receipts-by-name", device, names }, (result) => {
      this.#reads -= 1;
      if (result === null) this.#failed = true;
      else this.learnNames(device, names, result.receipts);
    });
  }

  #loadEntities(missing: readonly EntityKey[]): void {
    const keys = [...new Map(missing.map((key) => [key.join("/"), key])).values()];
    this.#reads += 1;
    this.#context.read({ kind: "entities", keys }, (result) => {
      this.#reads -= 1;
      if (result === null) {
        this.#failed = true;
        return;
      }
      for (const [collection, id] of keys) {
        if (!this.#cache.has(collection, id)) this.#cache.set(collection, id, null);
      }
      for (const stored of result.entities) {
        // What is planned already is newer than what the disk has.
        if (this.#cache.get(stored.collection, stored.id) !== null) continue;
        this.#cache.set(stored.collection, stored.id, this.#decode(stored));
      }
    });
  }

  #decode(stored: StoredEntity): EntityState {
    const columns = this.#context.columns.get(stored.collection) ?? [];
    const schema = this.#context.collections.get(stored.collection);
    const state = decodeEntity(stored, columns.length);
    return schema === undefined ? state : upcast(state, columns, schema);
  }

  /** Translates what could not be translated before its entity was known. Called right before the admission. */
  #finish({ device: { device }, mutations }: Transaction): void {
    if (!mutations.some((pushed) => pushed instanceof Unfinished)) return;
    const known = new Map<string, Known | null>();
    for (const pushed of mutations) {
      const { collection, entity } = pushed.mutation;
      const schema = this.#context.collections.get(collection);
      if (schema === undefined) continue;
      const id = this.#names.resolve(device, entity);
      const key = `${collection}/${id}`;
      const before = known.get(key) ?? this.#knownOf(collection, id);
      if (pushed instanceof Unfinished) pushed.finish(before);
      known.set(key, knownAfter(schema, before, pushed.mutation));
    }
  }

  #knownOf(collection: string, id: EntityId): Known | null {
    const state = this.#cache.has(collection, id) ? this.#cache.get(collection, id) : null;
    const values = state?.values ?? state?.buried?.values ?? null;
    const columns = this.#context.columns.get(collection) ?? [];
    return values === null ? null : new Map(columns.map((name, column) => [name, values[column] ?? null]));
  }

  #missingNames({ device: { device }, mutations }: Transaction): string[] {
    // What the transaction itself creates needs no reading.
    const made = new Set<string>();
    for (const { mutation } of mutations) if (mutation.operation === "create") made.add(mutation.entity);
    const names = new Set<string>();
    for (const pushed of mutations) {
      const { mutation } = pushed;
      const own = nameOf(pushed);
      if (own !== null && this.#isUnknown(device, own)) names.add(own);
      const isMade = mutation.operation === "create" || made.has(mutation.entity);
      if (!isMade && this.#isUnknown(device, mutation.entity)) names.add(mutation.entity);
      for (const value of referencesIn(this.#names.referenceFields(mutation), mutation.fields)) {
        if (!made.has(value) && this.#isUnknown(device, value)) names.add(value);
      }
    }
    return [...names];
  }

  #isUnknown(device: DeviceId, name: string): boolean {
    return name.startsWith("tmp:") && !this.#aliases.has(device, name);
  }

  #missingEntities(transaction: Transaction): EntityKey[] {
    const { device, mutations } = transaction;
    const keys: EntityKey[] = [];
    for (const { mutation, assign } of mutations) {
      if (mutation.operation === "call") {
        // A call stands alone; what it needs shows when it runs.
        if (mutations.length === 1) keys.push(...this.#missingOfCall(transaction, mutation));
      } else if (!assign)
        keys.push(...this.#missingOf(mutation.collection, this.#names.resolve(device.device, mutation.entity)));
    }
    return keys;
  }

  /** What of an entity is not in memory: itself; for a review its entity, and for an entity its open reviews. */
  #missingOf(collection: string, id: EntityId): EntityKey[] {
    const schema = this.#context.collections.get(collection);
    if (schema === undefined || isTemporaryId(id)) return [];
    if (!this.#cache.has(collection, id)) return [[collection, id]];
    if (!schema.isReviewable && collection !== REVIEWS) return [];
    const state = this.#cache.get(collection, id);
    if (state === null) return [];
    const related = collection === REVIEWS ? this.#reviewed(state) : this.#reviewsOf(state);
    return related.filter(([other, key]) => !this.#cache.has(other, key));
  }

  #reviewsOf(state: EntityState): EntityKey[] {
    const column = this.#context.columns.get(state.collection)?.indexOf(MARK) ?? -1;
    const mark = state.values === null ? state.memory.get(MARK) : state.values[column];
    return [...marksOf(mark).values()].map((id) => [REVIEWS, id]);
  }

  /** The entity that a review is about. Its other reviews are needed as well: they follow it. */
  #reviewed({ id, values }: EntityState): EntityKey[] {
    if (values === null) return [];
    const review = reviewOf(id, values, this.#context.columns.get(REVIEWS) ?? []);
    const entity = parseEntityId(review.entity);
    if (entity === null || !this.#context.collections.has(review.collection)) return [];
    const target = this.#cache.has(review.collection, entity) ? this.#cache.get(review.collection, entity) : null;
    return [[review.collection, entity], ...(target === null ? [] : this.#reviewsOf(target))];
  }

  /** Runs a call to see what it reads and writes. */
  #missingOfCall(transaction: Transaction, mutation: Mutation): EntityKey[] {
    const { device: name } = transaction.device;
    if (!this.#context.mutators.has(mutation.collection)) return [];
    const draft = new Draft({
      ...this.#declarations(transaction),
      read: (collection, id) => {
        if (!this.#cache.has(collection, id)) throw new NotLoaded(collection, id);
        return this.#cache.get(collection, id);
      },
    });
    try {
      const effects = callEffects(this.#names.resolveIds(name, mutation, null), draft);
      if (!Array.isArray(effects)) return [];
      return (effects as readonly MutatorEffect[]).flatMap(({ collection, entity }) =>
        this.#missingOf(collection, entity),
      );
    } catch (error) {
      if (error instanceof NotLoaded)
        return this.#context.collections.has(error.collection) ? [[error.collection, error.id]] : [];
      // What else goes wrong shows again when it is admitted, and is dealt with there.
      return [];
    }
  }
}
