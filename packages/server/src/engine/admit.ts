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
  completeChange,
  type DomainEvent,
  type EntityState,
  type JsonValue,
  MAX_MUTATION_BYTES,
  MAX_REVIEW_CHARACTERS,
  MAX_ROW_CHARACTERS,
  type Mutation,
  type Offset,
  REVIEW_NOTES,
  REVIEWS,
  settleField,
} from "@tidelock/core";
import {
  type AdmissionContext,
  type Admitted,
  type Candidate,
  Draft,
  isRefused,
  keepMemory,
  refuse,
  type Refused,
  writeRefusal,
} from "./admission.ts";
import { admitCall } from "./call.ts";
import { decideReview, reviewRefusal } from "./decide.ts";
import { admitDelete, updateDeleted } from "./deletion.ts";
import { encodeRow } from "./entity-codec.ts";
import { changesOf, recordUpdate, settleUpdate, updateRefusal } from "./update.ts";

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
  if (mutation.operation === "call" || mutation.operation === "decide") {
    const size = JSON.stringify(mutation.fields).length;
    if (size > MAX_MUTATION_BYTES)
      return refuse("mutation-too-large", `${size} characters; the most is ${MAX_MUTATION_BYTES}`);
    return mutation.operation === "call" ? admitCall(candidate, draft, admitOne) : decideReview(candidate, draft);
  }
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
  let memory: ReadonlyMap<string, JsonValue> = new Map();
  for (const [name, value] of Object.entries(mutation.fields)) {
    const field = schema.byName.get(name);
    if (field === undefined) continue;
    const column = columns.indexOf(name);
    const state = { value: values[column] ?? null, write: undefined, memory: undefined };
    const settled = settleField(
      schema.name,
      field,
      state,
      draft.incoming(candidate, completeChange(field, value)),
      draft.context.limit,
    );
    if (settled.kind !== "written") return refuse("invalid-value", `${schema.name}.${name} ${problemOf(settled)}`);
    values[column] = settled.value;
    memory = keepMemory(memory, name, settled.memory, settled.others);
  }
  const denied = writeRefusal(draft, schema, "create", id, null, values);
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

// ── update ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function admitUpdate(candidate: Candidate, schema: CollectionSchema, draft: Draft): Admitted | Refused {
  const { mutation } = candidate;
  const before = draft.read(schema.name, mutation.entity);
  if (before === null) return refuse("entity-not-found", `there is no ${schema.name} ${mutation.entity}`);
  if (before.values === null) return updateDeleted(candidate, schema, before, draft);
  const update = settleUpdate(candidate, schema, { ...before, values: before.values }, draft);
  // Who may not write the entity at all hears that, and not what is in it.
  if (isRefused(update))
    return writeRefusal(draft, schema, "update", before.id, before.values, before.values) ?? update;
  const denied = updateRefusal(draft, schema, before, update);
  if (denied !== null) return denied;
  return recordUpdate(candidate, schema, before, update, draft);
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
  if (before === null || before.values === null)
    return refuse("entity-not-found", `there is no review ${mutation.entity}`);
  const denied = reviewRefusal(draft, before);
  if (denied !== null) return denied;
  const update = settleUpdate(candidate, schema, { ...before, values: before.values }, draft);
  return isRefused(update) ? update : recordUpdate(candidate, schema, before, update, draft);
}
