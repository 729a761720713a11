/**
 * Writing: what the application asks for becomes mutations with a number, a stamp and what the device had seen. They enter
 * the outbox and the view at once, and the store with the next batch.
 */
import { type Counter, ERRORS, holdsReferences, mapReferences, MAX_TRANSACTION_MUTATIONS } from "@tidelock/core";
import type { Calls } from "./calls.ts";
import type { Intent } from "./input.ts";
import { charactersOf } from "./outbox.ts";
import type { ReplicaState } from "./replica-state.ts";

/** Characters of a push, about; also the most that one transaction may have. */
export const MAX_PUSH_CHARACTERS: number = 1024 * 1024;
/** Mutations that an outbox may hold. */
const MAX_OUTBOX = 200_000;

export class Writing {
  readonly #state: ReplicaState;
  readonly #calls: Calls;

  constructor(state: ReplicaState, calls: Calls) {
    this.#state = state;
    this.#calls = calls;
  }

  mutate(write: number, intents: readonly Intent[]): void {
    const refusal = this.#writeRefusal(intents);
    if (refusal !== null) {
      this.#state.emit({ type: "write-failed", write, ...refusal });
      return;
    }
    const state = this.#state;
    const [first] = intents;
    if (first?.operation === "call") return this.#onCall(write, first);
    const counters: Counter[] = [];
    for (const [index, intent] of intents.entries()) {
      state.counter += 1;
      counters.push(state.counter);
      state.take({
        counter: state.counter,
        operation: intent.operation,
        collection: intent.collection,
        entity: this.#state.identities.resolve(intent.entity),
        fields: this.#resolved(intent),
        seen: state.checkpoint,
        stamp: state.clock.tick(state.now),
        remaining: intents.length - 1 - index,
        state: "queued",
        offset: 0,
        outcome: null,
        detail: null,
        createdAt: state.now,
        ...(intent.effects === undefined ? {} : { effects: intent.effects }),
      });
    }
    state.pending.writes.set(write, counters);
    state.pending.touchFacts();
  }

  /** A mutator is called: what it refuses here is not sent. */
  #onCall(write: number, intent: Intent): void {
    const state = this.#state;
    const call = {
      counter: state.counter + 1,
      operation: intent.operation,
      collection: intent.collection,
      entity: intent.entity,
      fields: this.#resolved(intent),
      seen: state.checkpoint,
      stamp: state.clock.tick(state.now),
      remaining: 0,
    };
    const effects = this.#calls.run(call);
    if ("code" in effects) return state.emit({ type: "write-failed", write, ...effects });
    state.counter += 1;
    const fresh = { state: "queued", offset: 0, outcome: null, detail: null, createdAt: state.now } as const;
    state.take({ ...call, ...fresh, effects });
    state.pending.writes.set(write, [call.counter]);
    state.pending.touchFacts();
  }

  /** The fields of an intent, with references to temporary ids that were assigned meanwhile as what they became. */
  #resolved({ operation, collection, fields }: Intent): Intent["fields"] {
    const { collections, mutators } = this.#state.schema;
    const references =
      operation === "call"
        ? (mutators.get(collection)?.args.filter(holdsReferences) ?? [])
        : (collections.get(collection)?.references ?? []);
    return mapReferences(references, fields, (id) => this.#state.identities.resolve(id));
  }

  #writeRefusal(
    intents: readonly Intent[],
  ): { code: "outbox-full" | "mutation-too-large" | "transaction-broken"; message: string } | null {
    if (intents.length > 1 && intents.some(({ operation }) => operation === "call")) {
      return { code: "transaction-broken", message: "a call is a transaction of its own" };
    }
    if (this.#state.outbox.size + intents.length > MAX_OUTBOX) {
      return { code: "outbox-full", message: ERRORS["outbox-full"].message };
    }
    if (intents.length <= MAX_TRANSACTION_MUTATIONS && charactersOf(intents) <= MAX_PUSH_CHARACTERS) return null;
    const message = `a transaction has at most ${MAX_TRANSACTION_MUTATIONS} mutations and ${MAX_PUSH_CHARACTERS} characters`;
    return { code: "mutation-too-large", message };
  }

  discard(counter: Counter): void {
    const state = this.#state;
    const mutation = state.outbox.rejected.find((known) => known.counter === counter);
    if (mutation === undefined) return;
    state.outbox.remove(counter);
    state.pending.removeMutation(counter);
    state.touchWritten(mutation);
  }
}
