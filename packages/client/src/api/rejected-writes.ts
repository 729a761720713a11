/**
 * Writes that the server refused: what failed with what, and the ways out. A refused transaction is tried again as one;
 * a refused create takes along what was written to it or about it since, which could not stand without it.
 */
import {
  type EntityId,
  holdsReferences,
  type JsonValue,
  referencesIn,
  type Schema,
  TidelockError,
} from "@tidelock/core";
import type { Intent } from "../engine/input.ts";
import type { StoredMutation } from "../engine/records.ts";
import type { Live, RejectedEntry, RejectedWrites, TransactionWrite, UnsentWork, Write } from "./client.ts";
import { checkedFields, type GivenValues } from "./intents.ts";
import type { MutationEntries } from "./sync-status.ts";

export interface RejectionsOptions {
  readonly schema: Schema;
  readonly replica: {
    readonly device: string | null;
    readonly outbox: readonly StoredMutation[];
    readonly rejected: readonly StoredMutation[];
    resolveId(id: EntityId): EntityId;
  };
  readonly live: Live<readonly RejectedEntry[]>;
  readonly entries: MutationEntries;
  readonly now: () => number;
  readonly discard: (counter: number) => void;
  readonly write: (intents: readonly Intent[]) => TransactionWrite;
}

export class Rejections implements RejectedWrites {
  readonly #options: RejectionsOptions;

  constructor(options: RejectionsOptions) {
    this.#options = options;
  }

  get value(): readonly RejectedEntry[] {
    return this.#options.live.value;
  }

  subscribe(listener: (value: readonly RejectedEntry[]) => void): () => void {
    return this.#options.live.subscribe(listener);
  }

  discard(counter: number): void {
    for (const mutation of this.#withDependents(this.#find(counter))) this.#options.discard(mutation.counter);
  }

  retry(counter: number): Write {
    return this.#again(this.#find(counter), null);
  }

  edit(counter: number, values: GivenValues): Write {
    const mutation = this.#find(counter);
    const schema = this.#options.schema.collections.get(mutation.collection);
    if (schema === undefined || (mutation.operation !== "create" && mutation.operation !== "update"))
      throw new TidelockError("invalid-value", `a refused ${mutation.operation} can be tried again, but not edited`);
    return this.#again(mutation, { ...mutation.fields, ...checkedFields(schema, values) });
  }

  export(): UnsentWork {
    const { replica, schema, now } = this.#options;
    const entryOf = ({
      counter,
      operation,
      collection,
      entity,
      fields,
      createdAt,
      detail,
    }: StoredMutation): JsonValue => ({
      counter,
      operation,
      collection,
      id: entity,
      fields,
      createdAt,
      ...(detail?.code === undefined ? {} : { code: detail.code, message: detail.message ?? "" }),
    });
    const unsent = replica.outbox.filter(({ state, operation }) => state === "queued" && operation !== "void");
    return {
      device: replica.device,
      schemaVersion: schema.version,
      exportedAt: now(),
      outbox: unsent.map(entryOf),
      rejected: replica.rejected.map(entryOf),
    };
  }

  #find(counter: number): StoredMutation {
    const mutation = this.#options.replica.rejected.find((candidate) => candidate.counter === counter);
    if (mutation === undefined)
      throw new TidelockError("entity-not-found", `no refused mutation has the number ${counter}`);
    return mutation;
  }

  #again(wanted: StoredMutation, fields: StoredMutation["fields"] | null): Write {
    const { replica, discard, write } = this.#options;
    let found: Write | null = null;
    for (const group of transactionsOf(this.#withDependents(wanted))) {
      const intents = group.map((mutation): Intent => {
        const { operation, collection, entity, effects } = mutation;
        return {
          operation,
          collection,
          entity: replica.resolveId(entity),
          fields: mutation === wanted && fields !== null ? fields : mutation.fields,
          ...(effects === undefined || operation === "call" ? {} : { effects }),
        };
      });
      const handle = write(intents);
      const index = group.indexOf(wanted);
      if (index >= 0) found = stepOf(handle, index);
    }
    // What the device itself refuses at once is not forgotten.
    if (found !== null && (found as Write).state === "failed") return found;
    for (const mutation of this.#withDependents(wanted)) discard(mutation.counter);
    if (found === null) throw new TidelockError("internal", "a refused mutation belongs to no transaction");
    return found;
  }

  /** The transaction of a refused mutation, and everything refused that could not stand without it; oldest first. */
  #withDependents(wanted: StoredMutation): readonly StoredMutation[] {
    const all = inOrder(this.#options.replica.rejected);
    const chosen = new Set<StoredMutation>();
    const groups = transactionsOf(all);
    const take = (mutation: StoredMutation): void => {
      if (chosen.has(mutation)) return;
      const group = groups.find((members) => members.includes(mutation)) ?? [mutation];
      for (const member of group) chosen.add(member);
      const made = new Set(group.filter(({ operation }) => operation === "create").map(({ entity }) => entity));
      if (made.size === 0) return;
      for (const other of all) if (!chosen.has(other) && this.#needs(other, made)) take(other);
    };
    take(wanted);
    return all.filter((mutation) => chosen.has(mutation));
  }

  #needs(mutation: StoredMutation, entities: ReadonlySet<EntityId>): boolean {
    return needsOf(mutation, this.#options.schema).some((id) => entities.has(id));
  }
}

/** The entities without which a mutation cannot stand: its own, and those that it refers to. */
function needsOf({ operation, collection, entity, fields }: StoredMutation, schema: Schema): readonly EntityId[] {
  const fieldsOf =
    operation === "call"
      ? (schema.mutators.get(collection)?.args.filter(holdsReferences) ?? [])
      : (schema.collections.get(collection)?.references ?? []);
  const named = [...referencesIn(fieldsOf, fields)];
  return operation === "create" || operation === "call" ? named : [entity, ...named];
}

/** The refused create without which a refused mutation could not stand; `null` when it failed by itself. */
export function causeOf(
  mutation: StoredMutation,
  rejected: readonly StoredMutation[],
  schema: Schema,
): StoredMutation | null {
  const needs = new Set(needsOf(mutation, schema));
  return (
    rejected.find((other) => other !== mutation && other.operation === "create" && needs.has(other.entity)) ?? null
  );
}

/** By stamp: a device's stamps only grow, whatever became of its counters. */
function inOrder(mutations: readonly StoredMutation[]): readonly StoredMutation[] {
  return [...mutations].sort((left, right) => (left.stamp < right.stamp ? -1 : 1));
}

/** Mutations in order, cut into the transactions that they were. */
function transactionsOf(mutations: readonly StoredMutation[]): ReadonlyArray<readonly StoredMutation[]> {
  const groups: StoredMutation[][] = [];
  for (const mutation of mutations) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const goesOn =
      last !== undefined && last.createdAt === mutation.createdAt && last.remaining === mutation.remaining + 1;
    if (goesOn) group?.push(mutation);
    else groups.push([mutation]);
  }
  return groups;
}

/** One step of a transaction as a write of its own. */
function stepOf(handle: TransactionWrite, index: number): Write {
  return {
    get id() {
      return handle.ids[index] ?? "";
    },
    get state() {
      return handle.state;
    },
    get saved() {
      return handle.saved;
    },
    get synced() {
      const synced = handle.synced.then((results) => {
        const result = results[index];
        if (result === undefined) throw new TidelockError("internal", "a write was decided without a result");
        return result;
      });
      synced.catch(() => {});
      return synced;
    },
  };
}
