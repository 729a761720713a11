/** What an older version of the application has left in the store, as this one keeps it. */
import {
  boundedMessage,
  type Filter,
  filterKey,
  type JsonObject,
  type ResultDetail,
  type Schema,
} from "@tidelock/core";
import type { StoredMutation, StoredReplica, StoredSubscription } from "./records.ts";

/** What became of a stored mutation. */
export interface UpgradedMutation {
  readonly before: StoredMutation;
  readonly mutation: StoredMutation;
  /** Why a queued one cannot be sent: it is set aside as it was written. */
  readonly failure: ResultDetail | null;
  /** What it wrote to fields that are gone for good: kept beside it, refused. */
  readonly rest: StoredMutation | null;
}

export function upgradedSubscriptions(
  subscriptions: readonly StoredSubscription[],
  { migrations, version }: Schema,
  from: number,
): readonly StoredSubscription[] {
  if (migrations === undefined || from === version) return subscriptions;
  return subscriptions.map((subscription) => {
    const filter = JSON.parse(subscription.filter) as Filter & JsonObject;
    return { ...subscription, filter: filterKey(migrations.filter(subscription.collection, filter, from)) };
  });
}

export function upgradedMutations(stored: StoredReplica, schema: Schema, from: number): readonly UpgradedMutation[] {
  const { mutations, rows, facts } = stored;
  const upgraded =
    from === schema.version
      ? undefined
      : schema.migrations?.mutations({ columns: facts?.columns ?? {}, rows, mutations }, from);
  if (upgraded === undefined)
    return mutations.map((mutation) => ({ before: mutation, mutation, failure: null, rest: null }));
  return upgraded.map(({ before, mutation, problem, rest }) => {
    const { state, detail } = before;
    const first = detail?.code === undefined ? "" : `; it had been refused with ${detail.code}`;
    return {
      before,
      // A refused one stays refused, for both reasons; one in the log waits for what the server made of it.
      mutation: problem !== null && state === "rejected" ? refused(before, `${problem}${first}`) : mutation,
      failure: problem !== null && state === "queued" ? detailOf(problem) : null,
      rest: rest === null ? null : refused({ ...before, fields: rest }, "no server takes these fields any more"),
    };
  });
}

function detailOf(message: string): ResultDetail {
  return { code: "migration-failed", message: boundedMessage(message) };
}

function refused(mutation: StoredMutation, message: string): StoredMutation {
  return { ...mutation, state: "rejected", outcome: "rejected", detail: detailOf(message) };
}
