/**
 * Admission: one transaction against the state it meets. Decides for each mutation whether it is allowed and valid, has
 * concurrent writes settled field by field, and returns the events and the entities' new states, or why all of it is
 * refused.
 *
 * What stays true: a field conflicts only if its last write is not covered by what the author had seen; the author's own
 * earlier writes always are. A field that waits for a review takes no write but the decision: others join the candidates.
 * A transaction is admitted whole or not at all.
 */
import {
  changeProblem,
  type CollectionSchema,
  type Decision,
  type DomainEvent,
  type EntityState,
  type FieldSchema,
  type FieldWrite,
  isMerged,
  type JsonValue,
  MARK,
  MAX_MUTATION_BYTES,
  MAX_REVIEW_CHARACTERS,
  MAX_ROW_CHARACTERS,
  type Mutation,
  type Offset,
  type Outcome,
  REVIEW_NOTES,
  REVIEWS,
  sameJson,
  settleField,
} from "@tidelock/core";
import {
  type AdmissionContext,
  type Admitted,
  type Candidate,
  Draft,
  isRefused,
  keepMemory,
  QUIET,
  refuse,
  type Refused,
  writeRefusal,
} from "./admission.ts";
import { admitCall } from "./call.ts";
import { decideReview, reviewRefusal } from "./decide.ts";
import { admitDelete, updateDeleted } from "./deletion.ts";
import { encodeRow } from "./entity-codec.ts";
import { holdFields, type Held, refreshReviews } from "./reviews.ts";

export type Admission =
  | {
      readonly ok: true;
      readonly results: readonly Admitted[];
      readonly events: readonly DomainEvent[];
      readonly states: readonly EntityState[];
      /** The JSON text of each state's row, by the state's offset; `null` for a tombstone. */
      readonly rows: ReadonlyMap<Offset, string | null>;
      readonly faults: readonly string[];
    }
  | { readonly ok: false; readonly failing: number; readonly code: Refused["code"]; readonly message: string };

/** Admits a transaction, or says which of its mutations (`failing`, its position) was refused and why. */
export function admitTransaction(candidates: readonly Candidate[], context: AdmissionContext): Admission {
  const draft = new Draft(context);
  const results: Admitted[] = [];
  for (const [position, candidate] of candidates.entries()) {
    const step = admitOne(candidate, draft);
    if (isRefused(step)) return { ok: false, failing: position, code: step.code, message: step.message };
    results.push(step);
  }
  const states = [...draft.states.values()];
  const rows = new Map(states.map((state) => [state.at, encodeRow(state.values)]));
  for (const { at, collection, id } of states) {
    const size = rows.get(at)?.length ?? 0;
    if (size <= (collection === REVIEWS ? MAX_REVIEW_CHARACTERS : MAX_ROW_CHARACTERS)) continue;
    const message = `${collection} ${id} would have ${size} characters`;
    return { ok: false, failing: candidates.length - 1, code: "entity-too-large", message };
  }
  return { ok: true, results, events: closeTransaction(draft.events), states, rows, faults: draft.faults };
}

/** Counts `remaining` anew: a mutation may leave no event behind, or several. */
function closeTransaction(events: readonly DomainEvent[]): readonly DomainEvent[] {
  const last = events.length - 1;
  return events.map((event, index) =>
    event.remaining === last - index ? event : { ...event, remaining: last - index },
  );
}

/** Admits one mutation into a draft. */
export function admitOne(candidate: Candidate, draft: Draft): Admitted | Refused {
  const { mutation } = candidate;
  if (mutation.operation === "void") return refuse("withdrawn", "the device took it back before it was sent");
  if (mutation.operation === "call") return admitCall(candidate, draft, admitOne);
  if (mutation.operation === "decide") return decideReview(candidate, draft);
  const schema = draft.context.collections.get(mutation.collection);
  if (schema === undefined) return refuse("unknown-collection", `there is no collection ${mutation.collection}`);
  const problem = mutation.operation === "delete" ? null : fieldsProblem(schema, mutation);
  if (problem !== null) return problem;
  if (schema.isSystem) return annotateReview(candidate, schema, draft);
  switch (mutation.operation) {
    case "create":
      return admitCreate(candidate, schema, draft);
    case "update":
      return admitUpdate(candidate, schema, draft);
    case "delete":
      return admitDelete(candidate, schema, draft);
  }
}

function fieldsProblem(schema: CollectionSchema, mutation: Mutation): Refused | null {
  let size = 0;
  for (const [name, value] of Object.entries(mutation.fields)) {
    const field = schema.byName.get(name);
    if (field === undefined) return refuse("unknown-field", `${schema.name} has no field ${name}`);
    const problem = changeProblem(field, value);
    if (problem !== null) return refuse("invalid-value", `${schema.name}.${name} ${problem}`);
    size +=
      typeof value === "string"
        ? value.length
        : value === null || typeof value !== "object"
          ? 8
          : JSON.stringify(value).length;
  }
  if (size > MAX_MUTATION_BYTES)
    return refuse("mutation-too-large", `${size} characters; the most is ${MAX_MUTATION_BYTES}`);
  return null;
}

// ── create ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function admitCreate(candidate: Candidate, schema: CollectionSchema, draft: Draft): Admitted | Refused {
  const { mutation, assigned } = candidate;
  if (schema.ids === "server" && assigned === null) {
    return refuse("invalid-id", `ids of ${schema.name} are assigned by the server: create with a temporary id`);
  }
  if (assigned === null && mutation.entity.startsWith("tmp:")) {
    return refuse("invalid-id", `ids of ${schema.name} are made by the client: ${mutation.entity} is temporary`);
  }
  const id = assigned ?? mutation.entity;
  const existing = draft.read(schema.name, id);
  if (existing !== null) {
    return existing.values === null
      ? refuse("entity-deleted", `${schema.name} ${id} has been deleted`)
      : refuse("entity-exists", `${schema.name} ${id} exists already`);
  }
  for (const field of schema.fields) {
    if (field.default === undefined && !Object.hasOwn(mutation.fields, field.name)) {
      return refuse("invalid-value", `${schema.name}.${field.name} must be given`);
    }
  }
  const columns = draft.columns(schema.name);
  const values: JsonValue[] = columns.map((name) => schema.byName.get(name)?.default ?? null);
  const memory = new Map<string, JsonValue>();
  for (const [name, value] of Object.entries(mutation.fields)) {
    const field = schema.byName.get(name);
    if (field === undefined) continue;
    const column = columns.indexOf(name);
    const state = { value: values[column] ?? null, write: undefined, memory: undefined };
    const settled = settleField(schema.name, field, state, draft.incoming(candidate, value), draft.context.limit);
    if (settled.kind !== "written") return refuse("invalid-value", `${schema.name}.${name} ${problemOf(settled)}`);
    values[column] = settled.value;
    keepMemory(memory, name, settled.memory, settled.others);
  }
  const denied = writeRefusal(draft, schema, "create", null, draft.object(schema, id, values));
  if (denied !== null) return denied;
  const write = draft.write(candidate, candidate.stamp);
  const offset = draft.record(candidate, {
    kind: "created",
    schema,
    id,
    before: null,
    values,
    writes: columns.map(() => write),
    changed: columns.filter((name) => Object.hasOwn(mutation.fields, name)),
    was: [],
    memory,
    changes: changesOf(schema, mutation),
  });
  return { outcome: "applied", offset, conflicts: [] };
}

function problemOf(settled: { readonly kind: string; readonly problem?: string }): string {
  return settled.problem ?? "cannot be settled";
}

/** What a mutation says of fields whose writes are merged. */
export function changesOf(schema: CollectionSchema, mutation: Mutation): Mutation["fields"] | null {
  const changes = Object.entries(mutation.fields).filter(([name]) => {
    const field = schema.byName.get(name);
    return field !== undefined && isMerged(field);
  });
  return changes.length === 0 ? null : Object.fromEntries(changes);
}

// ── update ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function admitUpdate(candidate: Candidate, schema: CollectionSchema, draft: Draft): Admitted | Refused {
  const { mutation } = candidate;
  const before = draft.read(schema.name, mutation.entity);
  if (before === null) return refuse("entity-not-found", `there is no ${schema.name} ${mutation.entity}`);
  if (before.values === null) return updateDeleted(candidate, schema, before, draft);
  const update = settleUpdate(candidate, schema, { ...before, values: before.values }, draft);
  if (isRefused(update)) return update;
  const denied = updateRefusal(draft, schema, before, update);
  if (denied !== null) return denied;
  return recordUpdate(candidate, schema, before, update, draft);
}

/** An entity that is there. */
export type Living = EntityState & { readonly values: readonly JsonValue[] };

/** What an update makes of an entity. */
export interface Update {
  readonly values: JsonValue[];
  readonly writes: Array<FieldWrite | undefined>;
  readonly memory: Map<string, JsonValue>;
  readonly changed: string[];
  readonly was: JsonValue[];
  readonly decisions: Decision[];
  /** Values that wait for a person. */
  readonly held: Held[];
  /** What rules of the application did wrong. */
  readonly faults: string[];
}

/** Settles every field that a mutation writes. */
export function settleUpdate(
  candidate: Candidate,
  schema: CollectionSchema,
  before: Living,
  draft: Draft,
): Update | Refused {
  const columns = draft.columns(schema.name);
  const marks = draft.marks(before);
  const update: Update = {
    values: [...before.values],
    writes: [...before.writes],
    memory: new Map(before.memory),
    changed: [],
    was: [],
    decisions: [],
    held: [],
    faults: [],
  };
  for (const [name, value] of Object.entries(candidate.mutation.fields)) {
    const column = columns.indexOf(name);
    const field = schema.byName.get(name);
    if (column < 0 || field === undefined) return refuse("unknown-field", `${schema.name} has no field ${name}`);
    const review = marks.get(name);
    if (review !== undefined) {
      const decision = joining(field, before.values[column] ?? null, before.writes[column], candidate, value, draft);
      update.decisions.push(decision);
      update.held.push({ field: name, decision, review });
      continue;
    }
    const problem = settleOne(candidate, schema, field, column, value, update, draft);
    if (problem !== null) return problem;
  }
  // Where a value lost or waits, no field says that this update was: a delete that has not seen it must know all the same.
  const isQuiet = update.held.length > 0 || update.decisions.some(({ winner }) => winner === "current");
  const quiet = draft.quietUpdates(before, candidate.seen);
  keepMemory(update.memory, QUIET, undefined, isQuiet ? [...quiet, draft.write(candidate, candidate.stamp)] : quiet);
  return update;
}

function settleOne(
  candidate: Candidate,
  schema: CollectionSchema,
  field: FieldSchema,
  column: number,
  value: JsonValue,
  update: Update,
  draft: Draft,
): Refused | null {
  const { name } = field;
  const old = update.values[column] ?? null;
  const state = draft.field(schema, name, update);
  const settled = settleField(schema.name, field, state, draft.incoming(candidate, value), draft.context.limit);
  switch (settled.kind) {
    case "refused":
      return refuse("invalid-value", `${schema.name}.${name} ${settled.problem}`);
    case "same":
      return null;
    case "kept":
      update.decisions.push(settled.decision);
      return null;
    case "held":
      update.decisions.push(settled.decision);
      update.held.push({ field: name, decision: settled.decision, review: null });
      if (settled.fault !== null) update.faults.push(`${schema.name}.${name}: ${settled.fault}`);
      return null;
    case "written":
      update.decisions.push(...settled.decisions);
      update.values[column] = settled.value;
      update.writes[column] = draft.write(candidate, settled.stamp);
      keepMemory(update.memory, name, settled.memory, settled.others);
      if (!sameJson(old, settled.value)) {
        update.changed.push(name);
        update.was.push(old);
      }
      return null;
  }
}

/** A write of a field that waits for a review. */
function joining(
  field: FieldSchema,
  value: JsonValue,
  write: FieldWrite | undefined,
  candidate: Candidate,
  wanted: JsonValue,
  draft: Draft,
): Decision {
  const incoming = draft.contender(candidate, wanted);
  const current = write === undefined ? { ...incoming, value } : { ...write, seen: null, value };
  return {
    field: field.name,
    policy: "review",
    policyVersion: 1,
    winner: "review",
    value,
    reason: "the field waits for a review; this value joins its candidates",
    current,
    incoming,
  };
}

/** Whether the write rule takes what the update does, and also what its author wanted of fields that wait for a review. */
export function updateRefusal(
  draft: Draft,
  schema: CollectionSchema,
  before: EntityState,
  update: Update,
): Refused | null {
  const { id } = before;
  const from = before.values === null ? null : draft.object(schema, id, before.values);
  const after = writeRefusal(draft, schema, "update", from, draft.object(schema, id, update.values));
  if (after !== null || update.held.length === 0) return after;
  const columns = draft.columns(schema.name);
  const wanted = [...update.values];
  for (const { field, decision } of update.held) wanted[columns.indexOf(field)] = decision.incoming.value;
  return writeRefusal(draft, schema, "update", from, draft.object(schema, id, wanted));
}

/** Records an update, with the reviews that it opens, joins or must bring up to date. */
export function recordUpdate(
  candidate: Candidate,
  schema: CollectionSchema,
  before: EntityState,
  update: Update,
  draft: Draft,
): Admitted | Refused {
  const { values, writes, memory, changed, was, decisions, held } = update;
  draft.faults.push(...update.faults);
  const reviews = holdFields(candidate, schema, before, held, draft);
  if (isRefused(reviews)) return reviews;
  if (reviews.mark !== null) {
    const column = draft.columns(schema.name).indexOf(MARK);
    was.push(values[column] ?? null);
    changed.push(MARK);
    values[column] = reviews.mark;
  }
  const offset = draft.record(candidate, {
    kind: before.values === null ? "created" : "updated",
    schema,
    id: before.id,
    before,
    values,
    writes,
    changed,
    was: before.values === null ? [] : was,
    decisions,
    memory,
    changes: changesOf(schema, candidate.mutation),
  });
  refreshReviews(candidate, schema, before.id, reviews.changes, draft);
  const outcome: Outcome = held.length > 0 ? "in-review" : decisions.length > 0 ? "merged" : "applied";
  return { outcome, offset, conflicts: decisions };
}

// ── reviews ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** People may say who looks after a review, until when, and what they think of it; all else is the server's. */
function annotateReview(candidate: Candidate, schema: CollectionSchema, draft: Draft): Admitted | Refused {
  const { mutation } = candidate;
  const foreign = Object.keys(mutation.fields).find((name) => !REVIEW_NOTES.has(name));
  if (mutation.operation !== "update" || foreign !== undefined) {
    const what = foreign === undefined ? `${mutation.operation} of a review` : `the ${foreign} of a review`;
    return refuse("forbidden", `${what} is the server's; decide it, or change its assignee, note or due time`);
  }
  const before = draft.read(REVIEWS, mutation.entity);
  if (before?.values == null) return refuse("entity-not-found", `there is no review ${mutation.entity}`);
  const denied = reviewRefusal(draft, before);
  if (denied !== null) return denied;
  const update = settleUpdate(candidate, schema, { ...before, values: before.values }, draft);
  return isRefused(update) ? update : recordUpdate(candidate, schema, before, update, draft);
}
