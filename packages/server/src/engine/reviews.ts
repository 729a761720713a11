/**
 * Reviews as entities: how a value that waits for a person becomes a candidate, and how a review keeps up with its entity.
 *
 * What stays true: the event that holds a value and the review that shows it are in one transaction; a review's `row` is
 * what its entity is, so that whoever may read the one may read the other; each device has one candidate in a review, its
 * last; a review's id follows from the mutation that opened it, so that the same history opens the same reviews.
 */
import {
  type CollectionSchema,
  type Contender,
  type Decision,
  type EntityId,
  type EntityState,
  type ExpiryOutcome,
  type JsonObject,
  type JsonValue,
  MAX_CANDIDATE_CHARACTERS,
  MAX_CANDIDATES,
  parseEntityId,
  type Review,
  type ReviewCandidate,
  REVIEWS,
  REVIEWS_SCHEMA,
  sameJson,
  WHOLE_ENTITY,
} from "@tidelock/core";
import { type Candidate, type Draft, refuse, type Refused } from "./admission.ts";

/** A value that waits for a person: `review` is the open one that it joins, `null` when it opens one. */
export interface Held {
  readonly field: string;
  readonly decision: Decision;
  readonly review: EntityId | null;
}

/** What a review becomes: all of it when it opens, else the fields that change. */
export type ReviewChange = readonly [id: EntityId, fields: Partial<Review>];

/** The reviews of the held values, and the entity's mark afterwards; `null` when that stays. */
export function holdFields(
  candidate: Candidate,
  schema: CollectionSchema,
  before: EntityState,
  held: readonly Held[],
  draft: Draft,
): { readonly mark: JsonObject | null; readonly changes: readonly ReviewChange[] } | Refused {
  const changes: ReviewChange[] = [];
  const opened: Array<[string, EntityId]> = [];
  for (const { field, decision, review } of held) {
    if (review === null) {
      const id = newReviewId(candidate, schema, field, draft);
      if (id === null) return refuse("internal", `no review of ${schema.name}.${field} can be named`);
      opened.push([field, id]);
      changes.push([id, openedReview(schema, before.id, field, decision, draft)]);
    } else {
      const change = joinedReview(review, decision.incoming, draft);
      if ("code" in change) return change;
      changes.push([review, change]);
    }
  }
  const mark = opened.length === 0 ? null : Object.fromEntries([...draft.marks(before), ...opened]);
  return { mark, changes };
}

/** One mutation opens one review for each place: its device and counter, the event within it, and the column. */
function newReviewId(candidate: Candidate, schema: CollectionSchema, field: string, draft: Draft): EntityId | null {
  const column = field === WHOLE_ENTITY ? "all" : draft.columns(schema.name).indexOf(field);
  return parseEntityId(`review:${draft.context.device}:${candidate.mutation.counter}:${draft.events.length}.${column}`);
}

function openedReview(
  schema: CollectionSchema,
  entity: EntityId,
  field: string,
  decision: Decision,
  draft: Draft,
): Partial<Review> {
  const { now } = draft.context;
  const policy = schema.byName.get(field)?.policy;
  const terms = policy?.kind === "review" ? policy : { dueAfterMs: null, onExpiry: "keep" as const };
  return {
    collection: schema.name,
    entity,
    field: field === WHOLE_ENTITY ? null : field,
    status: "open",
    policy: decision.policy,
    policyVersion: decision.policyVersion,
    reason: decision.reason,
    base: decision.base === undefined ? [] : [decision.base],
    candidates: [candidateOf(decision.current), candidateOf(decision.incoming)],
    due: terms.dueAfterMs === null ? null : now + terms.dueAfterMs,
    onExpiry: terms.onExpiry,
    openedAt: now,
  };
}

function candidateOf({ device, counter, user, offset, seen, stamp, value }: Contender): ReviewCandidate {
  return { id: `${device}:${counter}`, device, counter, user, offset, seen, stamp, value };
}

/** A write joins an open review. What its device had put forward before makes way for it; what the field has stays. */
function joinedReview(id: EntityId, incoming: Contender, draft: Draft): Partial<Review> | Refused {
  const review = readReview(draft, id);
  if (review === null) return refuse("entity-not-found", `there is no review ${id}`);
  const [accepted, ...others] = review.candidates;
  const rest = others.filter(({ device }) => device !== incoming.device);
  const candidates = [...(accepted === undefined ? [] : [accepted]), ...rest, candidateOf(incoming)];
  if (candidates.length > MAX_CANDIDATES || JSON.stringify(candidates).length > MAX_CANDIDATE_CHARACTERS) {
    return refuse("review-full", `${review.candidates.length} values wait for the decision of ${id}`);
  }
  return { candidates };
}

/**
 * Records what becomes of reviews, and brings the entity's other open reviews up to date with it. Called after the
 * entity's own event.
 */
export function refreshReviews(
  candidate: Candidate,
  schema: CollectionSchema,
  entity: EntityId,
  changes: readonly ReviewChange[],
  draft: Draft,
): void {
  if (!schema.isReviewable) return;
  const state = draft.read(schema.name, entity);
  if (state === null) return;
  const values = state.values ?? state.buried?.values ?? null;
  const row = values === null ? null : draft.object(schema, entity, values);
  const all = new Map<EntityId, Partial<Review>>(changes);
  for (const id of draft.marks(state).values()) if (!all.has(id)) all.set(id, {});
  for (const [id, fields] of all) recordReview(candidate, id, row === null ? fields : { ...fields, row }, draft);
}

/** Records a review's event, unless nothing of it changes. */
export function recordReview(candidate: Candidate, id: EntityId, fields: Partial<Review>, draft: Draft): void {
  const columns = draft.columns(REVIEWS);
  const before = draft.read(REVIEWS, id);
  const given: ReadonlyMap<string, unknown> = new Map(Object.entries(fields));
  const old = before?.values ?? columns.map((name) => REVIEWS_SCHEMA.byName.get(name)?.default ?? null);
  const values = columns.map((name, column) => (given.get(name) ?? old[column] ?? null) as JsonValue);
  const changed = columns.filter((_, column) => !sameJson(values[column] ?? null, old[column] ?? null));
  if (before !== null && changed.length === 0) return;
  const write = draft.write(candidate, candidate.stamp);
  draft.record(candidate, {
    kind: before === null ? "created" : "updated",
    schema: REVIEWS_SCHEMA,
    id,
    before,
    values,
    writes: columns.map((name, column) => (changed.includes(name) ? write : (before?.writes[column] ?? write))),
    changed,
    was: before === null ? [] : changed.map((name) => old[columns.indexOf(name)] ?? null),
    ...(before === null ? {} : { memory: before.memory }),
  });
}

/** A review as its fields say; `null` when there is none. */
export function readReview(draft: Draft, id: EntityId): Review | null {
  const values = draft.read(REVIEWS, id)?.values ?? null;
  return values === null ? null : reviewOf(id, values, draft.columns(REVIEWS));
}

/** Only the server writes reviews, so a row of theirs is one. */
export function reviewOf(id: EntityId, values: readonly JsonValue[], columns: readonly string[]): Review {
  const fields = columns.map((name, column): [string, JsonValue] => [name, values[column] ?? null]);
  return { id, ...Object.fromEntries(fields) } as unknown as Review;
}

/** The candidate that stands when the time is up. */
export function expiryChoice({ candidates }: Review, onExpiry: ExpiryOutcome): ReviewCandidate | undefined {
  if (onExpiry === "keep") return candidates[0];
  return candidates.reduce<ReviewCandidate | undefined>((latest, each) => {
    if (latest === undefined || each.stamp > latest.stamp) return each;
    return each.stamp === latest.stamp && each.device > latest.device ? each : latest;
  }, undefined);
}
