/**
 * The outbox: every mutation that is not known to be in the device's confirmed state, in counter order, and those that
 * were rejected and wait for the user. A mutation is `queued` until its decision is known, then `decided` until the delta
 * that brings it has been integrated (so nothing flickers), then gone. A rejected one never blocks those behind it.
 */
import {
  assert,
  type Counter,
  type EntityId,
  type FieldSchema,
  type FieldValues,
  holdsReferences,
  isTemporaryId,
  mapReferences,
  type MutatorEffect,
  type Offset,
  referencesIn,
  type ResultDetail,
  type Schema,
} from "@tidelock/core";
import type { StoredMutation } from "./records.ts";

export class Outbox {
  readonly #schema: Schema;
  readonly #mutations = new Map<Counter, StoredMutation>();
  readonly #rejected = new Map<Counter, StoredMutation>();
  /** The mutations that name a temporary id, by that id. */
  readonly #naming = new Map<EntityId, Set<Counter>>();
  /** Counters of calls, in order. */
  readonly #calls = new Set<Counter>();
  #queued = 0;
  #lists: { outbox: readonly StoredMutation[] | null; rejected: readonly StoredMutation[] | null } = {
    outbox: null,
    rejected: null,
  };

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** Mutations whose decision is not known. */
  get queuedCount(): number {
    return this.#queued;
  }

  get rejectedCount(): number {
    return this.#rejected.size;
  }

  get size(): number {
    return this.#mutations.size;
  }

  /** When the oldest undecided mutation was made; `null` when there is none. */
  get oldestQueuedAt(): number | null {
    if (this.#queued === 0) return null;
    for (const mutation of this.#mutations.values()) if (mutation.state === "queued") return mutation.createdAt;
    return null;
  }

  get list(): readonly StoredMutation[] {
    this.#lists.outbox ??= [...this.#mutations.values()];
    return this.#lists.outbox;
  }

  get rejected(): readonly StoredMutation[] {
    this.#lists.rejected ??= [...this.#rejected.values()];
    return this.#lists.rejected;
  }

  get(counter: Counter): StoredMutation | undefined {
    return this.#mutations.get(counter);
  }

  isRejected(counter: Counter): boolean {
    return this.#rejected.has(counter);
  }

  all(): Iterable<StoredMutation> {
    return this.#mutations.values();
  }

  /** Calls that are not decided. */
  *calls(): Iterable<StoredMutation> {
    for (const counter of this.#calls) {
      const mutation = this.#mutations.get(counter);
      if (mutation?.state === "queued") yield mutation;
    }
  }

  get hasCalls(): boolean {
    return this.#calls.size > 0;
  }

  /** Appends, in counter order; rejected ones go to their own list. */
  add(mutation: StoredMutation): void {
    this.#lists = { outbox: null, rejected: null };
    if (mutation.state === "rejected") {
      this.#rejected.set(mutation.counter, mutation);
      return;
    }
    if (mutation.state === "queued") this.#queued += 1;
    this.#mutations.set(mutation.counter, mutation);
    this.#index(mutation);
  }

  #index(mutation: StoredMutation): void {
    if (mutation.operation === "call" && mutation.state === "queued") this.#calls.add(mutation.counter);
    for (const id of this.#temporaryIds(mutation)) {
      const naming = this.#naming.get(id) ?? new Set();
      this.#naming.set(id, naming.add(mutation.counter));
    }
  }

  #unindex(mutation: StoredMutation): void {
    for (const id of this.#temporaryIds(mutation)) {
      const naming = this.#naming.get(id);
      naming?.delete(mutation.counter);
      if (naming?.size === 0) this.#naming.delete(id);
    }
  }

  /** The fields of what a mutation carries that can name other entities. */
  #referenceFields({
    operation,
    collection,
  }: Pick<StoredMutation, "operation" | "collection">): readonly FieldSchema[] {
    const { collections, mutators } = this.#schema;
    if (operation === "call") return mutators.get(collection)?.args.filter(holdsReferences) ?? [];
    return collections.get(collection)?.references ?? [];
  }

  *#temporaryIds(mutation: StoredMutation): Iterable<EntityId> {
    for (const part of [mutation, ...(mutation.effects ?? [])]) {
      if (isTemporaryId(part.entity)) yield part.entity;
      for (const id of referencesIn(this.#referenceFields(part), part.fields)) if (isTemporaryId(id)) yield id;
    }
  }

  /** Replaces a mutation by what it has become. */
  replace(mutation: StoredMutation): void {
    const known = this.#mutations.get(mutation.counter);
    assert(known !== undefined, `mutation ${mutation.counter} is not in the outbox`);
    if (known.state === "queued") this.#queued -= 1;
    this.#unindex(known);
    if (mutation.state !== "queued" || mutation.operation !== "call") this.#calls.delete(mutation.counter);
    if (mutation.state === "rejected") this.#mutations.delete(mutation.counter);
    else {
      this.#mutations.set(mutation.counter, mutation);
      this.#index(mutation);
    }
    if (mutation.state === "rejected") this.#rejected.set(mutation.counter, mutation);
    if (mutation.state === "queued") this.#queued += 1;
    this.#lists = { outbox: null, rejected: null };
  }

  remove(counter: Counter): void {
    const known = this.#mutations.get(counter);
    if (known?.state === "queued") this.#queued -= 1;
    if (known !== undefined) this.#unindex(known);
    this.#calls.delete(counter);
    this.#mutations.delete(counter);
    this.#rejected.delete(counter);
    this.#lists = { outbox: null, rejected: null };
  }

  /** Those decided mutations that a checkpoint covers. */
  integrated(checkpoint: Offset): StoredMutation[] {
    const done: StoredMutation[] = [];
    for (const mutation of this.#mutations.values()) {
      if (mutation.state === "queued") break;
      if (mutation.offset <= checkpoint) done.push(mutation);
    }
    return done;
  }

  /** The mutations after `counter`, as a chain of whole transactions within the limits; always at least one. Stops at a gap. */
  chain(after: Counter, through: Counter, limit: number, characters: number): StoredMutation[] {
    const chain: StoredMutation[] = [];
    let whole = 0;
    let size = 0;
    for (let counter = after + 1; counter <= through; counter++) {
      const mutation = this.#mutations.get(counter);
      if (mutation === undefined || mutation.state !== "queued") break;
      chain.push(mutation);
      size += charactersOf([mutation]);
      if (whole > 0 && (chain.length > limit || size > characters)) break;
      if (mutation.remaining === 0) whole = chain.length;
    }
    chain.length = whole;
    return chain;
  }

  /**
   * Those mutations that name an entity by one id, rewritten to another: as their entity, or in a reference. From a
   * temporary id to the assigned one; the other way round, after all, when the log that assigned it is gone.
   */
  rewritten(from: EntityId, to: EntityId): Array<{ readonly before: StoredMutation; readonly after: StoredMutation }> {
    const changes: Array<{ before: StoredMutation; after: StoredMutation }> = [];
    const naming = isTemporaryId(from) ? (this.#naming.get(from) ?? []) : this.#mutations.keys();
    for (const counter of [...naming].sort((left, right) => left - right)) {
      const before = this.#mutations.get(counter);
      if (before === undefined) continue;
      const after = this.#renamed(before, from, to);
      if (after === before) continue;
      changes.push({ before, after });
    }
    return changes;
  }

  #renamed(mutation: StoredMutation, from: EntityId, to: EntityId): StoredMutation {
    const { effects } = mutation;
    const next = this.#renamedPart(mutation, from, to);
    const others = effects?.map((effect) => this.#renamedPart(effect, from, to));
    if (effects === undefined || others === undefined) return next;
    return others.every((effect, index) => effect === effects[index]) ? next : { ...next, effects: others };
  }

  #renamedPart<Part extends MutatorEffect | StoredMutation>(part: Part, from: EntityId, to: EntityId): Part {
    const fields = mapReferences(this.#referenceFields(part), part.fields, (id) => (id === from ? to : id));
    const entity = part.entity === from ? to : part.entity;
    return entity === part.entity && fields === part.fields ? part : { ...part, entity, fields };
  }
}

/** The size of mutations as JSON text, about and at most: a character of it has at most three bytes. */
export function charactersOf(mutations: Iterable<{ readonly fields: FieldValues }>): number {
  let size = 0;
  for (const { fields } of mutations) {
    for (const [name, value] of Object.entries(fields)) {
      const text = typeof value === "string" || (typeof value === "object" && value !== null);
      size += name.length + (text ? JSON.stringify(value).length : 0) + 32;
    }
    // Its names, numbers and stamp.
    size += 320;
  }
  return size;
}

/** A mutation once it is decided: where a field lost or waits for a person, what the server has is shown at once. */
export function decidedMutation(
  mutation: StoredMutation,
  outcome: "applied" | "merged" | "in-review",
  offset: Offset,
  detail: ResultDetail | null,
): StoredMutation {
  const decided: StoredMutation = { ...mutation, state: "decided", outcome, offset, detail };
  // Of a merged field one element was at stake: the change stands as it is until the delta brings the whole.
  const settled = (detail?.conflicts ?? []).filter(
    ({ field, winner, policy }) => field !== null && winner !== "incoming" && policy !== "set" && policy !== "list",
  );
  if (settled.length === 0 || mutation.effects !== undefined) return decided;
  const shown = new Map(Object.entries(mutation.fields));
  for (const { field, value } of settled) if (field !== null) shown.set(field, value);
  return { ...decided, shown: Object.fromEntries(shown) };
}

/** A decided mutation as it was before: the log that decided it is gone. */
export function undecidedMutation(mutation: StoredMutation): StoredMutation {
  const { shown: _shown, ...whole } = mutation;
  return { ...whole, state: "queued", offset: 0, outcome: null, detail: null };
}
