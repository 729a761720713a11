/**
 * Updates against deletes. A delete whose author had seen every write of the entity takes effect; one that had not is
 * settled by the collection's `onDelete`, and so is an update whose author had not seen the delete.
 */
import {
  type CollectionSchema,
  type Columns,
  type Contender,
  covers,
  type EntityId,
  type EntityState,
  type FieldWrite,
  type JsonObject,
  type JsonValue,
  MARK,
  settleDelete,
  stampAfter,
  type VersionVector,
  WHOLE_ENTITY,
} from "@tidelock/core";
import {
  type Admitted,
  type Candidate,
  type Draft,
  isRefused,
  refuse,
  type Refused,
  writeRefusal,
} from "./admission.ts";
import { changesOf, type Living, recordUpdate, settleUpdate, type Update, updateRefusal } from "./admit.ts";
import { type Held, holdFields, recordReview, refreshReviews, readReview } from "./reviews.ts";

export function admitDelete(candidate: Candidate, schema: CollectionSchema, draft: Draft): Admitted | Refused {
  const { mutation } = candidate;
  const before = draft.read(schema.name, mutation.entity);
  if (before === null) return refuse("entity-not-found", `there is no ${schema.name} ${mutation.entity}`);
  if (before.values === null) {
    const denied = writeRefusal(draft, schema, "delete", null, null);
    return denied ?? { outcome: "applied", offset: before.at, conflicts: [] };
  }
  const living: Living = { ...before, values: before.values };
  const denied = writeRefusal(draft, schema, "delete", draft.object(schema, before.id, living.values), null);
  if (denied !== null) return denied;
  const review = draft.marks(before).get(WHOLE_ENTITY);
  const latest = latestUnseen(living, candidate.seen);
  if (latest === null && review === undefined) return recordDelete(candidate, schema, living, null, draft);
  const unseen = unseenValues(living, draft.columns(schema.name), candidate.seen);
  const current = latest === null ? draft.contender(candidate, unseen) : contenderOf(latest, unseen);
  const policy = review === undefined ? schema.onDelete : "review";
  const decision = settleDelete(policy, "incoming", current, draft.contender(candidate, null));
  if (policy === "delete-wins") return recordDelete(candidate, schema, living, decision, draft);
  const held: Held[] = policy === "review" ? [{ field: WHOLE_ENTITY, decision, review: review ?? null }] : [];
  return recordUpdate(candidate, schema, living, { ...unchanged(living), decisions: [decision], held }, draft);
}

function contenderOf({ device, counter, user, offset, stamp }: FieldWrite, value: JsonValue): Contender {
  return { device, counter, user, offset, seen: null, stamp, value };
}

function unchanged(living: Living): Update {
  const { values, writes, memory } = living;
  return {
    values: [...values],
    writes: [...writes],
    memory: new Map(memory),
    changed: [],
    was: [],
    decisions: [],
    held: [],
    faults: [],
  };
}

/** The entity's last write that the author had not seen. */
function latestUnseen(state: Living, seen: VersionVector): FieldWrite | null {
  return state.writes.reduce<FieldWrite | null>((latest, write) => {
    if (write === undefined || covers(seen, write)) return latest;
    return latest === null || write.offset > latest.offset ? write : latest;
  }, null);
}

function unseenValues(state: Living, columns: Columns, seen: VersionVector): JsonObject {
  const values: Array<[string, JsonValue]> = [];
  for (const [column, name] of columns.entries()) {
    const write = state.writes[column];
    if (name !== MARK && write !== undefined && !covers(seen, write)) values.push([name, state.values[column] ?? null]);
  }
  return Object.fromEntries(values);
}

/**
 * The entity goes, and with it the reviews that it waited for.
 * @param deciding the review whose decision this is: it is closed by that
 */
export function recordDelete(
  candidate: Candidate,
  schema: CollectionSchema,
  living: Living,
  decision: ReturnType<typeof settleDelete> | null,
  draft: Draft,
  deciding: EntityId | null = null,
): Admitted {
  const { id, values, writes, memory } = living;
  const marks = draft.marks(living);
  const latest = latestUnseen(living, candidate.seen);
  const decisions = decision === null ? [] : [decision];
  const columns = draft.columns(schema.name);
  const mark = columns.indexOf(MARK);
  const offset = draft.record(candidate, {
    kind: "deleted",
    schema,
    id,
    before: living,
    values: null,
    writes: [draft.write(candidate, stampAfter(candidate.stamp, latest ?? undefined))],
    changed: columns,
    was: values,
    decisions,
    // Whoever may want it back gets it back without the reviews that end here.
    buried:
      schema.onDelete === "delete-wins"
        ? null
        : { values: values.map((value, column) => (column === mark ? null : value)), writes, memory },
  });
  const { device, user, now } = draft.context;
  for (const review of marks.values()) {
    const outcome = { kind: "deleted" as const, candidate: null, value: null, user, device, time: now };
    if (review !== deciding && readReview(draft, review)?.status === "open")
      recordReview(candidate, review, { status: "closed", closedAt: now, outcome }, draft);
  }
  return { outcome: decisions.length === 0 ? "applied" : "merged", offset, conflicts: decisions };
}

/** An update of an entity that is deleted. */
export function updateDeleted(
  candidate: Candidate,
  schema: CollectionSchema,
  before: EntityState,
  draft: Draft,
): Admitted | Refused {
  const { mutation, seen } = candidate;
  const deletion = before.writes[0];
  if (deletion === undefined || covers(seen, deletion)) {
    return refuse("entity-deleted", `${mutation.collection} ${before.id} has been deleted`);
  }
  const review = draft.marks(before).get(WHOLE_ENTITY);
  // What was deleted before its collection wanted such entities back is gone.
  const policy = before.buried === null ? "delete-wins" : schema.onDelete;
  const incoming = draft.contender(candidate, { ...mutation.fields });
  const decision = settleDelete(policy, "current", contenderOf(deletion, null), incoming);
  if (policy === "update-wins") {
    const revived = revive(candidate, schema, before, draft);
    if (isRefused(revived)) return revived;
    const denied = updateRefusal(draft, schema, before, revived);
    if (denied !== null) return denied;
    return recordUpdate(candidate, schema, before, { ...revived, decisions: [decision, ...revived.decisions] }, draft);
  }
  const denied = writeRefusal(draft, schema, "update", null, null);
  if (denied !== null) return denied;
  const held: Held[] = policy === "review" ? [{ field: WHOLE_ENTITY, decision, review: review ?? null }] : [];
  const reviews = holdFields(candidate, schema, before, held, draft);
  if (isRefused(reviews)) return reviews;
  const offset = draft.record(candidate, {
    kind: "updated",
    schema,
    id: before.id,
    before,
    values: null,
    writes: before.writes,
    changed: [],
    was: [],
    decisions: [decision],
    // A tombstone has no column for its mark.
    memory: reviews.mark === null ? before.memory : new Map([...before.memory, [MARK, reviews.mark]]),
    buried: before.buried,
    changes: changesOf(schema, mutation),
  });
  refreshReviews(candidate, schema, before.id, reviews.changes, draft);
  return { outcome: policy === "review" ? "in-review" : "merged", offset, conflicts: [decision] };
}

/** What a deleted entity was, with an update on it. */
export function revive(
  candidate: Candidate,
  schema: CollectionSchema,
  before: EntityState,
  draft: Draft,
): Update | Refused {
  const { buried } = before;
  if (buried === null) return refuse("entity-deleted", `${schema.name} ${before.id} has been deleted`);
  const { values, writes, memory } = buried;
  return settleUpdate(candidate, schema, { ...before, values, writes, memory }, draft);
}
