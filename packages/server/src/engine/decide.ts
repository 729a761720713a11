/**
 * Deciding a review: a mutation of its own that dominates every candidate. It writes the field, takes the mark away and
 * closes the review in one transaction. Two who decide at the same time cannot both win: the second finds it closed, and
 * is told by whom and how; and nobody decides over a candidate that he had not seen.
 */
import {
  boundedMessage,
  type Contender,
  type Decision,
  type EntityId,
  type EntityState,
  type FieldWrite,
  fieldProblem,
  type JsonObject,
  type JsonValue,
  MARK,
  parseEntityId,
  remember,
  type Review,
  type ReviewCandidate,
  type ReviewOutcome,
  REVIEWS,
  sameJson,
  type Stamp,
  nextStamp,
  WHOLE_ENTITY,
  covers,
} from "@tidelock/core";
import {
  type Admitted,
  askedRule,
  type Candidate,
  type Draft,
  isRefused,
  keepMemory,
  refuse,
  type Refused,
  writeRefusal,
} from "./admission.ts";
import { type Living, recordUpdate, unchanged, type Update, updateRefusal } from "./update.ts";
import { recordDelete, revive, unseenOf } from "./deletion.ts";
import { expiryChoice, recordReview, readReview, reviewOf } from "./reviews.ts";

/** What a reviewer chose. */
interface Choice {
  readonly kind: ReviewOutcome["kind"];
  /** The candidate that stands; `undefined` for a value of the reviewer's own. */
  readonly candidate: ReviewCandidate | undefined;
  readonly value: JsonValue;
}

export function decideReview(candidate: Candidate, draft: Draft): Admitted | Refused {
  const { mutation } = candidate;
  const review = readReview(draft, mutation.entity);
  if (review === null || mutation.collection !== REVIEWS)
    return refuse("entity-not-found", `there is no review ${mutation.entity}`);
  if (review.status === "closed") return refuse("review-closed", closedWords(review));
  if (candidate.isExpiry && (review.due === null || review.due > draft.context.now))
    return refuse("review-changed", "the review got more time meanwhile");
  const state = draft.read(REVIEWS, mutation.entity);
  const denied = state === null || candidate.isExpiry ? null : reviewRefusal(draft, state);
  if (denied !== null) return denied;
  const unseen = review.candidates.find((each) => !covers(candidate.seen, each));
  if (unseen !== undefined && !candidate.isExpiry) {
    return refuse("review-changed", `${unseen.user ?? unseen.device} put forward another value meanwhile`);
  }
  const choice = chosen(candidate, review);
  if (isRefused(choice)) return choice;
  const schema = draft.context.collections.get(review.collection);
  const entity = parseEntityId(review.entity);
  const target = entity === null ? null : draft.read(review.collection, entity);
  if (schema === undefined) return refuse("unknown-collection", `there is no collection ${review.collection} any more`);
  if (target === null) return decideForgotten(candidate, review, choice, draft);
  const context = { candidate, review, choice, schema, draft };
  const admitted = review.field === null ? decideEntity(context, target) : decideField(context, review.field, target);
  if (isRefused(admitted)) return admitted;
  closeReview(context, mutation.entity);
  return admitted;
}

/** The log no longer has the entity, which was deleted long ago: nothing is left to decide but that it stays so. */
function decideForgotten(candidate: Candidate, review: Review, choice: Choice, draft: Draft): Admitted | Refused {
  if (choice.value !== null && !candidate.isExpiry)
    return refuse("entity-not-found", `the log no longer has the ${review.collection} that was deleted; let it go`);
  const { user, device, now } = draft.context;
  const outcome: ReviewOutcome = {
    kind: candidate.isExpiry ? "expired" : choice.kind,
    candidate: choice.candidate?.id ?? null,
    value: null,
    user,
    device,
    time: now,
  };
  recordReview(candidate, candidate.mutation.entity, { status: "closed", closedAt: now, outcome }, draft);
  return { outcome: "applied", offset: draft.offset - 1, conflicts: [] };
}

function closedWords({ outcome }: Review): string {
  if (outcome === null) return "the review is closed";
  const { kind, user, value } = outcome;
  if (kind === "expired") return `the time was up: the field has ${brief(value)}`;
  if (kind === "deleted") return `${user} deleted the entity, which closed the review`;
  return boundedMessage(`${user} has decided already: the field has ${brief(value)}`);
}

function brief(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** Whether the user may decide or annotate a review. */
export function reviewRefusal(draft: Draft, state: EntityState): Refused | null {
  const review = reviewOf(state.id, state.values ?? [], draft.columns(REVIEWS));
  const { rules, rule: context } = draft.context;
  const rule = Object.hasOwn(rules, review.collection) ? rules[review.collection]?.review : undefined;
  if (rule === undefined) return null;
  const entity: JsonObject = review.row;
  return askedRule(review.collection, `reviewing ${review.collection} is not allowed`, () =>
    rule(context, { review, entity }),
  );
}

function chosen({ mutation, isExpiry }: Candidate, review: Review): Choice | Refused {
  if (isExpiry) {
    const candidate = expiryChoice(review, review.onExpiry);
    return { kind: "expired", candidate, value: candidate?.value ?? null };
  }
  const { fields } = mutation;
  const names = Object.keys(fields);
  if (names.length === 1 && Object.hasOwn(fields, "candidate")) {
    const candidate = review.candidates.find(({ id }) => id === fields["candidate"]);
    if (candidate !== undefined) return { kind: "pick", candidate, value: candidate.value };
    return refuse("invalid-value", `the review has no candidate ${brief(fields["candidate"] ?? null)}`);
  }
  if (names.length === 1 && Object.hasOwn(fields, "value") && review.field !== null) {
    return { kind: "edit", candidate: undefined, value: fields["value"] ?? null };
  }
  return refuse("invalid-value", 'a decision is { "candidate": id }, or { "value": value } for a field');
}

interface Deciding {
  readonly candidate: Candidate;
  readonly review: Review;
  readonly choice: Choice;
  readonly schema: NonNullable<ReturnType<Draft["context"]["collections"]["get"]>>;
  readonly draft: Draft;
}

/** The decision's stamp: later than every candidate's. */
function stampOver(candidate: Candidate, { candidates }: Review): Stamp {
  return candidates.reduce((stamp, each) => (each.stamp < stamp ? stamp : nextStamp(each.stamp)), candidate.stamp);
}

function decideField(
  { candidate, review, choice, schema, draft }: Deciding,
  name: string,
  target: EntityState,
): Admitted | Refused {
  const field = schema.byName.get(name);
  const columns = draft.columns(schema.name);
  const column = columns.indexOf(name);
  if (target.values === null || field === undefined || column < 0)
    return refuse("entity-not-found", `${schema.name} ${target.id} has no ${name} any more`);
  if (field.type === "reference" && String(choice.value).startsWith("tmp:"))
    return refuse("invalid-value", `${schema.name}.${name} takes a final id in a decision`);
  const problem = fieldProblem(field, choice.value);
  if (problem !== null) return refuse("invalid-value", `${schema.name}.${name} ${problem}`);
  const old = target.values[column] ?? null;
  const write: FieldWrite = draft.write(candidate, stampOver(candidate, review));
  const isChanged = !sameJson(old, choice.value);
  const values = target.values.map((value, index) => (index === column ? choice.value : value));
  // The decision is a write like any other: what was before it, and with which claims it was made, counts next time.
  const state = draft.field(schema, name, { ...target, values: target.values });
  const remembered = remember(field, state, draft.incoming(candidate, choice.value));
  const memory = keepMemory(target.memory, name, remembered, []);
  const update: Update = {
    values,
    writes: target.writes.map((other, index) => (index === column ? write : other)),
    memory,
    changed: isChanged ? [name] : [],
    was: isChanged ? [old] : [],
    decisions: [decisionOf({ candidate, review, choice, schema, draft }, old)],
    held: [],
    replaced: [],
    isQuiet: false,
    faults: [],
  };
  unmark(update, columns, draft.marks(target), name);
  const denied = candidate.isExpiry ? null : updateRefusal(draft, schema, target, update);
  if (denied !== null) return denied;
  return applied(recordUpdate(candidate, schema, target, update, draft));
}

/** To its author a decision is not a conflict that was merged: it is what was asked for. */
function applied(admitted: Admitted | Refused): Admitted | Refused {
  return isRefused(admitted) ? admitted : { ...admitted, outcome: "applied", conflicts: [] };
}

function unmark(update: Update, columns: readonly string[], marks: ReadonlyMap<string, EntityId>, name: string): void {
  const column = columns.indexOf(MARK);
  const rest = [...marks].filter(([field]) => field !== name);
  update.was.push(update.values[column] ?? null);
  update.changed.push(MARK);
  update.values[column] = rest.length === 0 ? null : Object.fromEntries(rest);
}

/** The record of what a person decided. */
function decisionOf({ candidate, review, choice, draft }: Deciding, old: JsonValue): Decision {
  const [accepted] = review.candidates;
  // Where the accepted value stays, it stood against the last of the others: that one can be brought back from the record.
  const chosen = choice.candidate?.id === accepted?.id ? review.candidates.at(-1) : choice.candidate;
  const incoming = chosen === undefined ? draft.contender(candidate, choice.value) : contenderOf(chosen);
  const stays = choice.candidate !== undefined && choice.candidate.id === accepted?.id;
  const who = candidate.isExpiry ? "the time was up" : `${draft.context.user} decided`;
  const what =
    choice.candidate === undefined
      ? "on another value"
      : stays
        ? "that it stays"
        : `for ${choice.candidate.user ?? choice.candidate.device}`;
  const [base] = review.base;
  return {
    field: review.field,
    policy: "review",
    policyVersion: review.policyVersion,
    winner: stays ? "current" : choice.candidate === undefined ? "merged" : "incoming",
    value: review.field === null ? null : choice.value,
    reason: boundedMessage(`${who}: ${what}, of ${review.candidates.length} values`),
    ...(base === undefined ? {} : { base }),
    current: accepted === undefined ? { ...incoming, value: old } : contenderOf(accepted),
    incoming,
  };
}

function contenderOf({ device, counter, user, offset, seen, stamp, value }: ReviewCandidate): Contender {
  return { device, counter, user, offset, seen, stamp, value };
}

/** The record of a delete that was chosen: against it stands all that its author had not seen, also what came since. */
function deletingDecision(context: Deciding, living: Living): Decision {
  const decision = decisionOf(context, null);
  const { choice, schema, draft } = context;
  if (choice.candidate === undefined) return decision;
  const { seen, device, counter } = choice.candidate;
  const unseen = unseenOf(living, schema, { floor: seen ?? 0, dots: new Map([[device, counter - 1]]) }, draft);
  return unseen === null ? decision : { ...decision, current: unseen };
}

/** An update against a delete: the candidate that is `null` is the delete. */
function decideEntity(context: Deciding, target: EntityState): Admitted | Refused {
  const { candidate, choice, schema, draft } = context;
  const wantsDelete = choice.value === null;
  const columns = draft.columns(schema.name);
  if (target.values !== null) {
    const living: Living = { ...target, values: target.values };
    if (wantsDelete) {
      const denied = candidate.isExpiry ? null : writeRefusal(draft, schema, "delete", target.id, living.values, null);
      if (denied !== null) return denied;
      if (!candidate.isExpiry && unseenOf(living, schema, candidate.seen, draft) !== null)
        return refuse("review-changed", `the ${schema.name} was changed after you looked at it`);
      const deciding = { review: candidate.mutation.entity, stamp: stampOver(candidate, context.review) };
      return applied(recordDelete(candidate, schema, living, deletingDecision(context, living), draft, deciding));
    }
    const update: Update = { ...unchanged(living), decisions: [decisionOf(context, null)] };
    unmark(update, columns, draft.marks(target), WHOLE_ENTITY);
    return applied(recordUpdate(candidate, schema, target, update, draft));
  }
  const { buried } = target;
  const tombstone = { ...target, memory: new Map([...target.memory].filter(([name]) => name !== MARK)) };
  if (wantsDelete || buried === null) {
    const offset = draft.record(candidate, {
      kind: "updated",
      schema,
      id: target.id,
      before: target,
      values: null,
      writes: target.writes,
      changed: [],
      was: [],
      decisions: [decisionOf(context, null)],
      memory: tombstone.memory,
      buried,
    });
    return { outcome: "applied", offset, conflicts: [] };
  }
  // The update that a person wants back is written anew, over all that was known of the entity.
  const fields = choice.value as JsonObject;
  const again = {
    ...candidate,
    mutation: { ...candidate.mutation, fields },
    stamp: stampOver(candidate, context.review),
  };
  const revived = revive(again, schema, tombstone, draft);
  if (isRefused(revived)) return revived;
  const denied = candidate.isExpiry ? null : updateRefusal(draft, schema, tombstone, revived);
  if (denied !== null) return denied;
  const decisions = [decisionOf(context, null), ...revived.decisions];
  return applied(recordUpdate(candidate, schema, tombstone, { ...revived, decisions }, draft));
}

function closeReview({ candidate, choice, draft }: Deciding, id: EntityId): void {
  const { user, device, now } = draft.context;
  const outcome: ReviewOutcome = {
    kind: choice.kind,
    candidate: choice.candidate?.id ?? null,
    value: choice.value,
    user,
    device,
    time: now,
  };
  recordReview(candidate, id, { status: "closed", closedAt: now, outcome, ...rowOf(draft, id) }, draft);
}

/** What the entity is after the decision. */
function rowOf(draft: Draft, id: EntityId): Partial<Review> {
  const review = readReview(draft, id);
  const schema = review === null ? undefined : draft.context.collections.get(review.collection);
  const entity = review === null ? null : parseEntityId(review.entity);
  if (schema === undefined || entity === null) return {};
  const values = draft.read(schema.name, entity)?.values ?? null;
  return values === null ? {} : { row: draft.object(schema, entity, values) };
}
