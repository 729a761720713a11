/**
 * The decision log, histories and reviews as HTTP shows them. Names are those of the wire; times are RFC 3339 text;
 * versions are text that may be sent back. Pure.
 */
import {
  type CollectionSchema,
  type Columns,
  completeRow,
  type Contender,
  type Decision,
  type DomainEvent,
  type EntityId,
  type EntityState,
  type Epoch,
  type EventKind,
  type FieldSchema,
  formatVersion,
  type JsonObject,
  type JsonValue,
  MARK,
  marksOf,
  type Millis,
  type Offset,
  type Review,
  type ReviewCandidate,
  seenThrough,
  stampMillis,
  type Winner,
} from "@tidelock/core";
import type { DecisionPlace } from "./input.ts";

/** One of the values that met. */
export interface ContenderRecord {
  readonly device: string;
  /** `null`: the log does not say any more. */
  readonly user: string | null;
  /** Where the log has, or had, the write; 0 where that was not recorded. */
  readonly offset: number;
  /** What its author had seen, and the write itself; `null`: the log does not say any more. */
  readonly version: string | null;
  /** When its author did it, by the clock of the device. */
  readonly time: string;
  readonly value: JsonValue;
}

export interface CandidateRecord extends ContenderRecord {
  /** Names it in a decision. */
  readonly id: string;
}

export interface ReviewRecord {
  readonly id: string;
  /** To be sent back with a decision: what the reader has seen. */
  readonly version: string;
  readonly collection: string;
  readonly entity_id: string;
  readonly field: string | null;
  readonly status: "open" | "closed";
  readonly policy: string;
  readonly policy_version: number;
  readonly reason: string;
  /** Missing when nobody knows any more what the candidates started from. */
  readonly base?: JsonValue;
  readonly candidates: readonly CandidateRecord[];
  readonly assignee: string | null;
  readonly note: string | null;
  readonly due: string | null;
  readonly on_expiry: "keep" | "latest";
  readonly opened_at: string;
  readonly closed_at: string | null;
  readonly outcome: {
    readonly kind: "pick" | "edit" | "expired" | "deleted";
    readonly candidate: string | null;
    readonly value: JsonValue;
    readonly user: string;
    readonly device: string;
    readonly time: string;
  } | null;
  /** The entity as it is; as it last was when it is deleted. */
  readonly row: JsonObject;
}

/** One settled or held conflict. */
export interface ConflictRecord {
  /** `<offset>.<index>`: the offset of its event, and its position among the event's decisions. */
  readonly id: string;
  readonly collection: string;
  readonly entity_id: string;
  /** `null`: the whole entity was at stake. */
  readonly field: string | null;
  readonly policy: string;
  readonly policy_version: number;
  readonly winner: Winner;
  readonly value: JsonValue;
  readonly reason: string;
  /** Missing where nobody knows, or where it does not matter. */
  readonly base?: JsonValue;
  readonly current: ContenderRecord;
  readonly incoming: ContenderRecord;
  /** When the server decided. */
  readonly time: string;
}

export interface HistoryEntry {
  readonly offset: number;
  readonly kind: EventKind;
  /** When the server took it. */
  readonly time: string;
  /** When its author did it, by the clock of the device; `claimed_at` is what a clock far ahead said. */
  readonly occurred_at: string;
  readonly claimed_at?: string;
  readonly user: string;
  readonly device: string;
  /** What its author had seen, and the write itself. */
  readonly version: string;
  /** The fields that changed, each with what it was and what it is. */
  readonly changed: { readonly [field: string]: { readonly was: JsonValue; readonly now: JsonValue } };
  /** What was written in fields whose writes are merged. */
  readonly changes: JsonObject | null;
  /** The call of a mutator that began here. */
  readonly call: { readonly name: string; readonly args: JsonValue } | null;
  readonly decisions: readonly ConflictRecord[];
}

/** Decisions, newest first. `next` goes back as `before`; `null`: there are no more. */
export interface ConflictList {
  readonly conflicts: readonly ConflictRecord[];
  readonly next: string | null;
}

/** An entity as it is, and its events, newest first. `next` goes back as `before`. */
export interface HistoryList {
  readonly collection: string;
  readonly entity_id: string;
  /** To be sent back with a write: what a reader of its present state has seen. */
  readonly version: string;
  readonly deleted: boolean;
  /** As it is; `null` when it is deleted. */
  readonly fields: JsonObject | null;
  /** The reviews that it waits for, by field; `*`: the whole entity is at stake. */
  readonly reviews: { readonly [field: string]: string };
  readonly events: readonly HistoryEntry[];
  readonly next: number | null;
  /** `false`: older events were here once, and the log does not have them any more. */
  readonly complete: boolean;
}

/** Reviews in the order of their ids. `next` goes back as `after`. */
export interface ReviewList {
  readonly reviews: readonly ReviewRecord[];
  readonly next: string | null;
}

export type QueryResponse = ConflictRecord | ConflictList | HistoryList | ReviewRecord | ReviewList;

/** The event at an offset, if the log still has it. */
export type FindEvent = (offset: number) => DomainEvent | undefined;

/** @param version of the review, as text */
export function reviewRecord(epoch: Epoch, version: string, review: Review, find: FindEvent): ReviewRecord {
  const { outcome, base } = review;
  return {
    id: review.id,
    version,
    collection: review.collection,
    entity_id: review.entity,
    field: review.field,
    status: review.status,
    policy: review.policy,
    policy_version: review.policyVersion,
    reason: review.reason,
    ...(base.length === 0 ? {} : { base: base[0] ?? null }),
    candidates: review.candidates.map((candidate) => ({
      id: candidate.id,
      ...contenderRecord(epoch, candidate, find),
    })),
    assignee: review.assignee,
    note: review.note,
    due: timeText(review.due),
    on_expiry: review.onExpiry,
    opened_at: timeText(review.openedAt),
    closed_at: timeText(review.closedAt),
    outcome: outcome === null ? null : { ...outcome, time: timeText(outcome.time) },
    row: review.row,
  };
}

/** @param event where the decision stands, and when it was made */
export function conflictRecord(
  epoch: Epoch,
  event: {
    readonly offset: Offset;
    readonly index: number;
    readonly time: Millis;
    readonly collection: string;
    readonly entity: EntityId;
  },
  decision: Decision,
  find: FindEvent,
): ConflictRecord {
  const { field, policy, policyVersion, winner, value, reason, base, current, incoming } = decision;
  return {
    id: placeText(event),
    collection: event.collection,
    entity_id: event.entity,
    field,
    policy,
    policy_version: policyVersion,
    winner,
    value,
    reason,
    ...(base === undefined ? {} : { base }),
    current: contenderRecord(epoch, current, find),
    incoming: contenderRecord(epoch, incoming, find),
    time: timeText(event.time),
  };
}

/** What is said of the entity itself. */
export function entityFacts(
  epoch: Epoch,
  state: EntityState,
  schema: CollectionSchema,
  columns: Columns,
): Omit<HistoryList, "events" | "next" | "complete"> {
  const row = state.values === null ? null : completeRow(state.values, columns, schema);
  const value = ({ name }: FieldSchema): JsonValue => row?.[columns.indexOf(name)] ?? null;
  const mark = row === null ? state.memory.get(MARK) : row[columns.indexOf(MARK)];
  return {
    collection: state.collection,
    entity_id: state.id,
    version: versionOf(epoch, state),
    deleted: row === null,
    reviews: Object.fromEntries(marksOf(mark)),
    fields: row === null ? null : Object.fromEntries(schema.fields.map((field) => [field.name, value(field)])),
  };
}

/** What a reader of an entity's present state has seen of it, as text. */
export function versionOf(epoch: Epoch, { vector }: EntityState): string {
  return formatVersion(epoch, seenThrough(vector));
}

export function historyEntry(epoch: Epoch, event: DomainEvent, columns: Columns, find: FindEvent): HistoryEntry {
  const { offset, collection, entity, device, counter, seen, stamp, claimed, time, call } = event;
  return {
    offset,
    kind: event.kind,
    time: timeText(time),
    occurred_at: timeText(stampMillis(stamp)),
    ...(claimed === null ? {} : { claimed_at: timeText(stampMillis(claimed)) }),
    user: event.user,
    device,
    version: formatVersion(epoch, { floor: seen, dots: new Map([[device, counter]]) }),
    changed: changedFields(event, columns),
    changes: event.changes,
    call: call === null ? null : { name: call[0], args: call[1] },
    decisions: event.decisions.map((decision, index) =>
      conflictRecord(epoch, { offset, index, time, collection, entity }, decision, find),
    ),
  };
}

/** A delete has the whole row in `was`; a create has nothing there. */
function changedFields({ kind, changed, was, row }: DomainEvent, columns: Columns): HistoryEntry["changed"] {
  if (kind === "deleted") {
    const gone = columns
      .slice(0, was.length)
      .map((name, column) => [name, { was: was[column] ?? null, now: null }] as const);
    return Object.fromEntries(gone.filter(([, { was: old }]) => old !== null));
  }
  return Object.fromEntries(
    changed.map((name, index) => [name, { was: was[index] ?? null, now: row?.[columns.indexOf(name)] ?? null }]),
  );
}

export function placeText({ offset, index }: DecisionPlace): string {
  return `${offset}.${index}`;
}

/** @param contender what the record has of it; what only the log knows is taken from its event */
export function contenderRecord(
  epoch: Epoch,
  contender: Contender | ReviewCandidate,
  find: FindEvent,
): ContenderRecord {
  const { device, counter, offset, stamp, value } = contender;
  const event = find(offset);
  const isOwn = event !== undefined && event.device === device && event.counter === counter;
  const seen = contender.seen ?? (isOwn ? event.seen : null);
  return {
    device,
    user: contender.user ?? (isOwn ? event.user : null),
    offset,
    version: seen === null ? null : formatVersion(epoch, { floor: seen, dots: new Map([[device, counter]]) }),
    time: timeText(stampMillis(stamp)),
    value,
  };
}

/** The furthest that a date reaches, either way. */
const MAX_TIME: Millis = 8.64e15;

export function timeText(time: Millis): string;
export function timeText(time: Millis | null): string | null;
export function timeText(time: Millis | null): string | null {
  return time === null ? null : new Date(Math.max(-MAX_TIME, Math.min(MAX_TIME, time))).toISOString();
}
