/**
 * Updates: each written field against what it has, and what becomes of the entity and of its reviews.
 *
 * What stays true: a field that waits for a review takes no write but the decision; others join the candidates.
 */
import {
  type CollectionSchema,
  completeChange,
  type Decision,
  type EntityState,
  type FieldSchema,
  type FieldWrite,
  isMerged,
  type JsonValue,
  MARK,
  type Mutation,
  type Outcome,
  sameJson,
  settleField,
  unseenWrites,
} from "@tidelock/core";
import {
  type Admitted,
  type Candidate,
  type Draft,
  isRefused,
  keepMemory,
  QUIET,
  refuse,
  type Refused,
  writeRefusal,
} from "./admission.ts";
import { type Held, holdFields, refreshReviews } from "./reviews.ts";

/** What a mutation says of fields whose writes are merged. */
export function changesOf(schema: CollectionSchema, mutation: Mutation): Mutation["fields"] | null {
  if (!schema.hasMerged) return null;
  const changes = Object.entries(mutation.fields).filter(([name]) => {
    const field = schema.byName.get(name);
    return field !== undefined && isMerged(field);
  });
  return changes.length === 0 ? null : Object.fromEntries(changes);
}

/** An entity that is there. */
export type Living = EntityState & { readonly values: readonly JsonValue[] };

/** What an update makes of an entity. */
export interface Update {
  readonly values: JsonValue[];
  readonly writes: Array<FieldWrite | undefined>;
  memory: ReadonlyMap<string, JsonValue>;
  readonly changed: string[];
  readonly was: JsonValue[];
  readonly decisions: Decision[];
  /** Values that wait for a person. */
  readonly held: Held[];
  /** Writes that stand no more, and that the author had not seen. */
  readonly replaced: FieldWrite[];
  /** Whether the author wrote what was there already. */
  isQuiet: boolean;
  /** What rules of the application did wrong. */
  readonly faults: string[];
}

/** An update that changes nothing of an entity. */
export function unchanged({ values, writes, memory }: Living): Update {
  return {
    values: [...values],
    writes: [...writes],
    memory,
    changed: [],
    was: [],
    decisions: [],
    held: [],
    replaced: [],
    isQuiet: false,
    faults: [],
  };
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
  const update = unchanged(before);
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
  if (schema.onDelete !== "delete-wins") noteQuiet(candidate, before, update, draft);
  return update;
}

/**
 * Where a value lost, waits, or was replaced by somebody who had not seen it, no field says that its update was: a delete
 * that has not seen it must know all the same.
 */
function noteQuiet(candidate: Candidate, before: Living, update: Update, draft: Draft): void {
  const quiet = [...draft.quietUpdates(before, candidate.seen), ...update.replaced];
  const lost = update.decisions.some(({ winner }) => winner === "current");
  if (update.isQuiet || lost || update.held.length > 0) quiet.push(draft.write(candidate, candidate.stamp));
  const once = new Map(quiet.map((write) => [`${write.device} ${write.counter}`, write]));
  const inOrder = [...once.values()].sort((left, right) => left.offset - right.offset);
  update.memory = keepMemory(update.memory, QUIET, undefined, inOrder);
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
  const settled = settleField(
    schema.name,
    field,
    state,
    draft.incoming(candidate, completeChange(field, value)),
    draft.context.limit,
  );
  switch (settled.kind) {
    case "refused":
      return refuse("invalid-value", `${schema.name}.${name} ${settled.problem}`);
    case "same":
      update.isQuiet = true;
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
      if (schema.onDelete !== "delete-wins") {
        const unseen = unseenWrites(state, candidate.seen);
        update.replaced.push(...unseen.filter((write) => !settled.others.includes(write)));
      }
      update.decisions.push(...settled.decisions);
      update.values[column] = settled.value;
      update.writes[column] = draft.write(candidate, settled.stamp);
      update.memory = keepMemory(update.memory, name, settled.memory, settled.others);
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
  const { id, values: from } = before;
  const after = writeRefusal(draft, schema, "update", id, from, update.values);
  if (after !== null || update.held.length === 0) return after;
  const columns = draft.columns(schema.name);
  const wanted = [...update.values];
  for (const { field, decision } of update.held) wanted[columns.indexOf(field)] = decision.incoming.value;
  return writeRefusal(draft, schema, "update", id, from, wanted);
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
