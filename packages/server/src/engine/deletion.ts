/**
 * Updates against deletes. A delete whose author had seen every write of the entity takes effect; one that had not is
 * settled by the collection's `onDelete`, and so is an update whose author had not seen the delete.
 */
import {
  type CollectionSchema,
  type Contender,
  covers,
  type EntityId,
  type EntityState,
  type FieldWrite,
  type JsonValue,
  MARK,
  settleDelete,
  type Stamp,
  stampAfter,
  unseenWrites,
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
import { changesOf, type Living, recordUpdate, settleUpdate, unchanged, type Update, updateRefusal } from "./update.ts";
import { type Held, holdFields, recordReview, refreshReviews, readReview } from "./reviews.ts";

export function admitDelete(candidate: Candidate, schema: CollectionSchema, draft: Draft): Admitted | Refused {
  const { mutation } = candidate;
  const before = draft.read(schema.name, mutation.entity);
  if (before === null) return refuse("entity-not-found", `there is no ${schema.name} ${mutation.entity}`);
  if (before.values === null) {
    const denied = writeRefusal(draft, schema, "delete", before.id, null, null);
    return denied ?? { outcome: "applied", offset: before.at, conflicts: [] };
  }
  const living: Living = { ...before, values: before.values };
  const denied = writeRefusal(draft, schema, "delete", before.id, living.values, null);
  if (denied !== null) return denied;
  const review = draft.marks(before).get(WHOLE_ENTITY);
  const unseen = unseenOf(living, schema, candidate.seen, draft);
  if (unseen === null && review === undefined) return recordDelete(candidate, schema, living, null, draft);
  // A delete that conflicts with nothing joins an open review: it stands against what is accepted there.
  const [accepted] = review === undefined ? [] : (readReview(draft, review)?.candidates ?? []);
  const current = unseen ?? accepted ?? draft.contender(candidate, {});
  const policy = review === undefined ? schema.onDelete : "review";
  const decision = settleDelete(policy, "incoming", current, draft.contender(candidate, null));
  if (policy === "delete-wins") return recordDelete(candidate, schema, living, decision, draft);
  const held: Held[] = policy === "review" ? [{ field: WHOLE_ENTITY, decision, review: review ?? null }] : [];
  return recordUpdate(candidate, schema, living, { ...unchanged(living), decisions: [decision], held }, draft);
}

function contenderOf({ device, counter, user, offset, stamp }: FieldWrite, value: JsonValue): Contender {
  return { device, counter, user, offset, seen: null, stamp, value };
}

/** What of an entity an author had not seen, as one side of a conflict; `null` when he had seen all of it. */
export function unseenOf(state: Living, schema: CollectionSchema, seen: VersionVector, draft: Draft): Contender | null {
  // Where deletes win anyway, what a lost update wanted is in its own record.
  const quiet = schema.onDelete === "delete-wins" ? [] : draft.quietUpdates(state, seen);
  let latest: FieldWrite | null = quiet.at(-1) ?? null;
  const values: Array<[string, JsonValue]> = [];
  for (const [column, name] of draft.columns(schema.name).entries()) {
    if (name === MARK) continue;
    const last = unseenWrites(draft.field(schema, name, state), seen).at(-1);
    if (last === undefined) continue;
    values.push([name, state.values[column] ?? null]);
    if (latest === null || last.offset > latest.offset) latest = last;
  }
  return latest === null ? null : contenderOf(latest, Object.fromEntries(values));
}

/**
 * The entity goes, and with it the reviews that it waited for.
 * @param deciding the review whose decision this is: it is closed by that; and the decision's stamp
 */
export function recordDelete(
  candidate: Candidate,
  schema: CollectionSchema,
  living: Living,
  decision: ReturnType<typeof settleDelete> | null,
  draft: Draft,
  deciding: { readonly review: EntityId; readonly stamp: Stamp } | null = null,
): Admitted {
  const { id, values, writes, memory } = living;
  const marks = draft.marks(living);
  const unseen = unseenOf(living, schema, candidate.seen, draft);
  const stamp = deciding?.stamp ?? stampAfter(candidate.stamp, unseen ?? undefined);
  const decisions = decision === null ? [] : [decision];
  const columns = draft.columns(schema.name);
  const mark = columns.indexOf(MARK);
  const offset = draft.record(candidate, {
    kind: "deleted",
    schema,
    id,
    before: living,
    values: null,
    writes: [draft.write(candidate, stamp)],
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
    if (review !== deciding?.review && readReview(draft, review)?.status === "open")
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
  const denied = writeRefusal(draft, schema, "update", before.id, null, null);
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
