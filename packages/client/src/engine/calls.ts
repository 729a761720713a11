/**
 * Calls on the device: a mutator runs on what is seen here, and what it writes is shown at once. When the confirmed state
 * under it moves, it runs again, in its place among the device's other mutations: rebased like them. The server runs it
 * with its own state and has the last word.
 */
import {
  argsProblem,
  type EntityId,
  type ErrorCode,
  type FieldValues,
  MutatorRefusal,
  runMutator,
  sameJson,
  type JsonValue,
  type MutatorEffect,
  TidelockError,
} from "@tidelock/core";
import type { StoredMutation } from "./records.ts";
import type { ReplicaState } from "./replica-state.ts";

/** Calls that are run again after one input. Those beyond it keep what they showed until the server has decided them. */
const MAX_RERUNS = 500;

type Call = Pick<StoredMutation, "counter" | "collection" | "fields" | "stamp">;

export class Calls {
  readonly #state: ReplicaState;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  /** What a call writes, or why it cannot. */
  run(call: Call): readonly MutatorEffect[] | { readonly code: ErrorCode; readonly message: string } {
    const state = this.#state;
    const { schema, device, user, view } = state;
    const mutator = schema.mutators.get(call.collection);
    if (mutator === undefined || device === null)
      return { code: "unknown-mutator", message: `there is no mutator ${call.collection}` };
    const problem = argsProblem(mutator, call.fields);
    if (problem !== null) return { code: "invalid-value", message: problem };
    try {
      return runMutator(mutator, call.fields, {
        collections: schema.collections,
        get: (collection, id) => view.before(collection, state.identities.resolve(id), call.counter),
        device,
        counter: call.counter,
        stamp: call.stamp,
        user,
        claims: {},
        location: "device",
      }).map((effect) => ({ ...effect, entity: state.identities.resolve(effect.entity) }));
    } catch (error) {
      if (error instanceof MutatorRefusal) return { code: "mutator-refused", message: error.message };
      if (error instanceof TidelockError) return { code: error.code, message: error.detail };
      return { code: "mutator-failed", message: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Runs the calls that are not decided again, on the state that they meet now. */
  rebase(): void {
    let runs = 0;
    for (const mutation of [...this.#state.outbox.calls()]) {
      runs += 1;
      if (runs > MAX_RERUNS) return;
      const effects = this.run(mutation);
      // One that would be refused now shows nothing; the server says whether it is.
      const next = "code" in effects ? [] : effects;
      if (sameEffects(next, mutation.effects ?? [])) continue;
      this.#state.change({ ...mutation, effects: next });
    }
  }
}

function sameEffects(left: readonly MutatorEffect[], right: readonly MutatorEffect[]): boolean {
  return left.length === right.length && left.every((effect, index) => sameJson(plain(effect), plain(right[index])));
}

function plain(effect: MutatorEffect | undefined): JsonValue {
  if (effect === undefined) return null;
  const {
    operation,
    collection,
    entity,
    fields,
  }: { operation: string; collection: string; entity: EntityId; fields: FieldValues } = effect;
  return [operation, collection, entity, fields];
}
