/**
 * Admission: one transaction against the state it meets. Decides for each mutation whether it is allowed and valid,
 * settles concurrent writes field by field, and returns the events and the entities' new states, or why all of it is
 * refused. Pure: reads entities through a function, writes nothing.
 *
 * What stays true: a field conflicts only if its last write is not covered by what the author had seen; the author's own
 * earlier writes always are. Deleted stays deleted. A transaction is admitted whole or not at all.
 */
import {
  addDot,
  type CollectionSchema,
  type Columns,
  type Contender,
  covers,
  type Decision,
  deleteWins,
  type DeviceId,
  type DomainEvent,
  EMPTY_ENTITY_VECTOR,
  type EntityId,
  type EntityState,
  type ErrorCode,
  type FieldWrite,
  fieldProblem,
  type JsonObject,
  type JsonValue,
  MAX_MUTATION_BYTES,
  type Millis,
  type Mutation,
  nextStamp,
  type Offset,
  type Outcome,
  resolveField,
  sameJson,
  type Stamp,
  type UserId,
  type VersionVector,
} from "@tidelock/core";
import type { RuleContext, Rules } from "./rules.ts";

/** A mutation ready to be admitted: temporary ids resolved, drift settled. */
export interface Candidate {
  readonly mutation: Mutation;
  /** What the author had seen; the device's own earlier mutations included. */
  readonly seen: VersionVector;
  readonly stamp: Stamp;
  readonly claimed: Stamp | null;
  /** For a create where the server assigns ids: the id that it got. */
  readonly assigned: EntityId | null;
}

export interface AdmissionContext {
  readonly device: DeviceId;
  readonly user: UserId;
  readonly rule: RuleContext;
  readonly rules: Rules;
  readonly collections: ReadonlyMap<string, CollectionSchema>;
  readonly columns: ReadonlyMap<string, Columns>;
  /** The offset that the first event gets is this plus one. */
  readonly head: Offset;
  readonly now: Millis;
  /** The entity as it is; every entity that the transaction names has been loaded. */
  readonly read: (collection: string, id: EntityId) => EntityState | null;
}

export interface Admitted {
  readonly outcome: Outcome;
  readonly offset: Offset;
  readonly conflicts: readonly Decision[];
}

export type Admission =
  | {
      readonly ok: true;
      readonly results: readonly Admitted[];
      readonly events: readonly DomainEvent[];
      readonly states: readonly EntityState[];
    }
  | { readonly ok: false; readonly failing: number; readonly code: ErrorCode; readonly message: string };

interface Step {
  readonly result: Admitted;
  readonly event: DomainEvent | null;
  readonly state: EntityState | null;
}
interface Refused {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Admits a transaction, or says which of its mutations (`failing`, its position) was refused and why. */
export function admitTransaction(candidates: readonly Candidate[], context: AdmissionContext): Admission {
  const results: Admitted[] = [];
  const events: DomainEvent[] = [];
  const states = new Map<string, EntityState>();
  const read = (collection: string, id: EntityId): EntityState | null =>
    states.get(`${collection}/${id}`) ?? context.read(collection, id);
  for (const [position, candidate] of candidates.entries()) {
    const step = admitOne(candidate, { ...context, read, head: context.head + events.length });
    if ("code" in step) return { ok: false, failing: position, code: step.code, message: step.message };
    results.push(step.result);
    if (step.event !== null) events.push(step.event);
    if (step.state !== null) states.set(`${step.state.collection}/${step.state.id}`, step.state);
  }
  return { ok: true, results, events: closeTransaction(events), states: [...states.values()] };
}

/** Counts `remaining` anew: a mutation that needed no event leaves none behind. */
function closeTransaction(events: readonly DomainEvent[]): readonly DomainEvent[] {
  const last = events.length - 1;
  return events.map((event, index) =>
    event.remaining === last - index ? event : { ...event, remaining: last - index },
  );
}

function admitOne(candidate: Candidate, context: AdmissionContext): Step | Refused {
  const { mutation } = candidate;
  const schema = context.collections.get(mutation.collection);
  if (schema === undefined) return refuse("unknown-collection", `there is no collection ${mutation.collection}`);
  const problem = mutation.operation === "delete" ? null : fieldsProblem(schema, mutation);
  if (problem !== null) return problem;
  switch (mutation.operation) {
    case "create":
      return admitCreate(candidate, schema, context);
    case "update":
      return admitUpdate(candidate, schema, context);
    case "delete":
      return admitDelete(candidate, schema, context);
  }
}

function refuse(code: ErrorCode, message: string): Refused {
  return { code, message };
}

function fieldsProblem(schema: CollectionSchema, mutation: Mutation): Refused | null {
  let size = 0;
  for (const [name, value] of Object.entries(mutation.fields)) {
    const field = schema.byName.get(name);
    if (field === undefined) return refuse("unknown-field", `${schema.name} has no field ${name}`);
    const problem = fieldProblem(field, value);
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

function admitCreate(candidate: Candidate, schema: CollectionSchema, context: AdmissionContext): Step | Refused {
  const { mutation, assigned } = candidate;
  if (schema.ids === "server" && assigned === null) {
    return refuse("invalid-id", `ids of ${schema.name} are assigned by the server: create with a temporary id`);
  }
  if (assigned === null && mutation.entity.startsWith("tmp:")) {
    return refuse("invalid-id", `ids of ${schema.name} are made by the client: ${mutation.entity} is temporary`);
  }
  const id = assigned ?? mutation.entity;
  const existing = context.read(schema.name, id);
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
  const columns = context.columns.get(schema.name) ?? [];
  const values = columns.map((name) => givenValue(mutation.fields, name) ?? schema.byName.get(name)?.default ?? null);
  const denied = checkRule(context, mutation, null, { schema, id, values, columns });
  if (denied !== null) return denied;
  const write = writeOf(candidate, context, candidate.stamp);
  return step(candidate, context, {
    before: null,
    values,
    writes: columns.map(() => write),
    changed: columns.filter((name) => Object.hasOwn(mutation.fields, name)),
    was: [],
    decisions: [],
    id,
  });
}

function givenValue(fields: Readonly<Record<string, JsonValue>>, name: string): JsonValue | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function admitUpdate(candidate: Candidate, schema: CollectionSchema, context: AdmissionContext): Step | Refused {
  const { mutation, seen } = candidate;
  const before = context.read(schema.name, mutation.entity);
  if (before === null) return refuse("entity-not-found", `there is no ${schema.name} ${mutation.entity}`);
  if (before.values === null) return updateOfDeleted(candidate, before, context);
  const columns = context.columns.get(schema.name) ?? [];
  const values = [...before.values];
  const writes = [...before.writes];
  const changed: string[] = [];
  const was: JsonValue[] = [];
  const decisions: Decision[] = [];
  for (const [name, value] of Object.entries(mutation.fields)) {
    const column = columns.indexOf(name);
    const field = schema.byName.get(name);
    if (column < 0 || field === undefined) return refuse("unknown-field", `${schema.name} has no field ${name}`);
    const old = before.values[column] ?? null;
    const last = before.writes[column];
    if (last !== undefined && !covers(seen, last) && !sameJson(old, value)) {
      const current: Contender = { device: last.device, counter: last.counter, stamp: last.stamp, value: old };
      const incoming = contender(candidate, context, value);
      const decision = resolveField(name, field.policy, current, incoming);
      decisions.push(decision);
      if (decision.winner === "current") continue;
      writes[column] = writeOf(candidate, context, candidate.stamp);
    } else {
      writes[column] = writeOf(candidate, context, stampAfter(candidate.stamp, last));
    }
    values[column] = value;
    if (!sameJson(old, value)) {
      changed.push(name);
      was.push(old);
    }
  }
  const denied = checkRule(
    context,
    mutation,
    { schema, id: before.id, values: before.values, columns },
    { schema, id: before.id, values, columns },
  );
  if (denied !== null) return denied;
  return step(candidate, context, { before, values, writes, changed, was, decisions, id: before.id });
}

/** A write that had seen its predecessor stands, and its stamp is later than the predecessor's, whatever the clocks say. */
function stampAfter(stamp: Stamp, last: FieldWrite | undefined): Stamp {
  return last === undefined || stamp > last.stamp ? stamp : nextStamp(last.stamp);
}

function updateOfDeleted(candidate: Candidate, before: EntityState, context: AdmissionContext): Step | Refused {
  const { mutation, seen } = candidate;
  const deletion = before.writes[0];
  if (deletion === undefined || covers(seen, deletion)) {
    return refuse("entity-deleted", `${mutation.collection} ${before.id} has been deleted`);
  }
  const denied = checkRule(context, mutation, null, null);
  if (denied !== null) return denied;
  const current: Contender = { device: deletion.device, counter: deletion.counter, stamp: deletion.stamp, value: null };
  const decision = deleteWins("current", current, contender(candidate, context, { ...mutation.fields }));
  return step(candidate, context, {
    before,
    values: null,
    writes: before.writes,
    changed: [],
    was: [],
    decisions: [decision],
    id: before.id,
  });
}

function admitDelete(candidate: Candidate, schema: CollectionSchema, context: AdmissionContext): Step | Refused {
  const { mutation, seen } = candidate;
  const before = context.read(schema.name, mutation.entity);
  if (before === null) return refuse("entity-not-found", `there is no ${schema.name} ${mutation.entity}`);
  if (before.values === null) {
    const denied = checkRule(context, mutation, null, null);
    return denied ?? { result: { outcome: "applied", offset: before.at, conflicts: [] }, event: null, state: null };
  }
  const columns = context.columns.get(schema.name) ?? [];
  const denied = checkRule(context, mutation, { schema, id: before.id, values: before.values, columns }, null);
  if (denied !== null) return denied;
  const unseen = before.writes.filter((write) => write !== undefined && !covers(seen, write)) as FieldWrite[];
  const latest = unseen.reduce<FieldWrite | null>(
    (best, write) => (best === null || write.offset > best.offset ? write : best),
    null,
  );
  const decisions =
    latest === null
      ? []
      : [
          deleteWins(
            "incoming",
            {
              device: latest.device,
              counter: latest.counter,
              stamp: latest.stamp,
              value: unseenValues(before, columns, seen),
            },
            contender(candidate, context, null),
          ),
        ];
  return step(candidate, context, {
    before,
    values: null,
    writes: [writeOf(candidate, context, stampAfter(candidate.stamp, latest ?? undefined))],
    changed: columns,
    was: before.values,
    decisions,
    id: before.id,
  });
}

function unseenValues(state: EntityState, columns: Columns, seen: VersionVector): JsonObject {
  const values: Array<[string, JsonValue]> = [];
  for (const [column, name] of columns.entries()) {
    const write = state.writes[column];
    if (write !== undefined && !covers(seen, write)) values.push([name, state.values?.[column] ?? null]);
  }
  return Object.fromEntries(values);
}

function contender(candidate: Candidate, context: AdmissionContext, value: JsonValue): Contender {
  return { device: context.device, counter: candidate.mutation.counter, stamp: candidate.stamp, value };
}

function writeOf(candidate: Candidate, context: AdmissionContext, stamp: Stamp): FieldWrite {
  return { device: context.device, counter: candidate.mutation.counter, offset: context.head + 1, stamp };
}

interface Result {
  readonly before: EntityState | null;
  readonly values: readonly JsonValue[] | null;
  readonly writes: readonly (FieldWrite | undefined)[];
  readonly changed: readonly string[];
  readonly was: readonly JsonValue[];
  readonly decisions: readonly Decision[];
  readonly id: EntityId;
}

function step(candidate: Candidate, context: AdmissionContext, result: Result): Step {
  const { mutation } = candidate;
  const offset = context.head + 1;
  const kind = { create: "created", update: "updated", delete: "deleted" } as const;
  const event: DomainEvent = {
    offset,
    kind: kind[mutation.operation],
    collection: mutation.collection,
    entity: result.id,
    device: context.device,
    counter: mutation.counter,
    user: context.user,
    stamp: candidate.stamp,
    claimed: candidate.claimed,
    time: context.now,
    seen: candidate.seen.floor,
    remaining: mutation.remaining,
    previous: result.before?.at ?? 0,
    changed: result.changed,
    was: result.was,
    row: result.values,
    decisions: result.decisions,
  };
  const state: EntityState = {
    collection: mutation.collection,
    id: result.id,
    at: offset,
    values: result.values,
    writes: result.writes,
    vector: addDot(result.before?.vector ?? EMPTY_ENTITY_VECTOR, {
      device: context.device,
      counter: mutation.counter,
      offset,
    }),
    createdBy: result.before?.createdBy ?? context.user,
  };
  const outcome: Outcome = result.decisions.length === 0 ? "applied" : "merged";
  return { result: { outcome, offset, conflicts: result.decisions }, event, state };
}

interface EntitySnapshot {
  readonly schema: CollectionSchema;
  readonly id: EntityId;
  readonly values: readonly JsonValue[];
  readonly columns: Columns;
}

function checkRule(
  context: AdmissionContext,
  mutation: Mutation,
  before: EntitySnapshot | null,
  after: EntitySnapshot | null,
): Refused | null {
  const rule = Object.hasOwn(context.rules, mutation.collection)
    ? context.rules[mutation.collection]?.write
    : undefined;
  if (rule === undefined) return null;
  try {
    const verdict = rule(context.rule, {
      operation: mutation.operation,
      before: before === null ? null : entityObject(before),
      after: after === null ? null : entityObject(after),
    });
    if (verdict === true) return null;
    return refuse(
      "forbidden",
      typeof verdict === "string" ? verdict : `${mutation.operation} of ${mutation.collection} is not allowed`,
    );
  } catch (error) {
    return refuse(
      "rule-failed",
      `the rule of ${mutation.collection} threw: ${error instanceof Error ? error.message : "an error"}`,
    );
  }
}

function entityObject({ schema, id, values, columns }: EntitySnapshot): JsonObject {
  const fields = schema.fields.map((field): [string, JsonValue] => [
    field.name,
    values[columns.indexOf(field.name)] ?? null,
  ]);
  return { id, ...Object.fromEntries(fields) };
}
