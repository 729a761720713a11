/**
 * Calls: a mutator of the application runs on the state that its mutation meets, and what it writes is admitted write by
 * write, with the user's rights, in one transaction. Its author has seen what it reads, so it conflicts with nothing.
 *
 * A mutator may read any entity, and which ones shows only when it runs: reading one that is not in memory throws
 * `NotLoaded`, and it runs again when the entity is there. It is pure, so it comes to the same point.
 */
import {
  argsProblem,
  boundedMessage,
  type EntityId,
  type Mutation,
  type MutatorEffect,
  MutatorRefusal,
  referencesIn,
  runMutator,
  TidelockError,
} from "@tidelock/core";
import { type Admitted, type Candidate, type Draft, isRefused, refuse, type Refused } from "./admission.ts";

/** The entity must be read from the disk first. */
export class NotLoaded extends Error {
  override readonly name = "NotLoaded";
  readonly collection: string;
  readonly id: EntityId;

  constructor(collection: string, id: EntityId) {
    super(`${collection} ${id} is not in memory`);
    this.collection = collection;
    this.id = id;
  }
}

/** What a call writes, or why it cannot. Throws `NotLoaded`. */
export function callEffects(mutation: Mutation, draft: Draft): readonly MutatorEffect[] | Refused {
  const mutator = draft.context.mutators.get(mutation.collection);
  if (mutator === undefined) return refuse("unknown-mutator", `there is no mutator ${mutation.collection}`);
  const problem = argsProblem(mutator, mutation.fields);
  if (problem !== null) return refuse("invalid-value", problem);
  const { device, user, rule, limit, collections } = draft.context;
  try {
    return limit(() =>
      runMutator(mutator, mutation.fields, {
        collections,
        get: (collection, id) => {
          const schema = collections.get(collection);
          const values = draft.read(collection, id)?.values ?? null;
          return schema === undefined || values === null ? null : draft.object(schema, id, values);
        },
        device,
        counter: mutation.counter,
        stamp: mutation.stamp,
        user,
        claims: rule.claims,
        location: "server",
      }),
    );
  } catch (error) {
    if (error instanceof NotLoaded) throw error;
    if (error instanceof MutatorRefusal) return refuse("mutator-refused", boundedMessage(error.message));
    if (error instanceof TidelockError) return refuse(error.code, boundedMessage(error.detail));
    const message = error instanceof Error ? error.message : "it threw something that is no error";
    return refuse("mutator-failed", `${mutation.collection} threw: ${message}`);
  }
}

export function admitCall(
  candidate: Candidate,
  draft: Draft,
  admit: (candidate: Candidate, draft: Draft) => Admitted | Refused,
): Admitted | Refused {
  const { mutation } = candidate;
  const effects = callEffects(mutation, draft);
  if (!Array.isArray(effects)) return effects as Refused;
  draft.call = [mutation.collection, mutation.fields];
  const first = draft.offset;
  let isHeld = false;
  let isMerged = false;
  for (const { operation, collection, entity, fields } of effects as readonly MutatorEffect[]) {
    const schema = draft.context.collections.get(collection);
    for (const id of referencesIn(schema?.references ?? [], fields)) {
      if (id.startsWith("tmp:"))
        return refuse("entity-not-found", `${collection} refers to ${id}, which was never created`);
    }
    const step = admit(
      {
        ...candidate,
        mutation: { ...mutation, operation, collection, entity, fields, seen: draft.offset - 1 },
        seen: { floor: draft.offset - 1, dots: candidate.seen.dots },
        assigned: operation === "create" && schema?.ids === "server" ? entity : null,
      },
      draft,
    );
    if (isRefused(step)) return step;
    isMerged ||= step.conflicts.length > 0;
    isHeld ||= step.outcome === "in-review";
  }
  draft.call = null;
  // The author need not be one who may read what the mutator reads: what met there is in the log, not in the answer.
  // The first of its events: every row that it wrote is at least that new.
  const offset = draft.offset > first ? first : first - 1;
  return { outcome: isHeld ? "in-review" : isMerged ? "merged" : "applied", offset, conflicts: [] };
}
