/**
 * The judge: how a transaction must be decided against the state that it meets. Part of the reference model; written from
 * DESIGN, sections 4 and 5, and ADR 2, not from the engine.
 *
 * A write to a field conflicts when the field's last write is not covered by what the author had seen; then the later
 * stamp wins, the greater device id on a tie. A delete wins over writes that it had not seen, and over those that had not
 * seen it. Writes that had seen their predecessor stand, and get a stamp above its own.
 */
import type { DomainEvent, Offset, Operation } from "@tidelock/core";
import { DEFAULTS, isStorable, REQUIRED, type Row, writeRefusal } from "./domain.ts";
import { demand } from "./violation.ts";

/** A mutation as its author wrote it. */
export interface Authored {
  readonly device: string;
  readonly counter: number;
  readonly user: string;
  readonly operation: Operation;
  readonly collection: string;
  readonly entity: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** The fields that hold ids of other entities. */
  readonly references: readonly string[];
  /** What the author had seen: everything up to an offset, and mutations of devices up to a counter. */
  readonly floor: Offset;
  readonly dots: ReadonlyMap<string, number>;
  /** `null` where the server makes it from the time that a plain HTTP client names. */
  readonly stamp: string | null;
  readonly occurredAt: number | null;
  readonly remaining: number;
  /** The server makes the id of this create; the author calls the entity by this name. */
  readonly temporary: string | null;
  /** Other ids under which the author wrote before. */
  readonly formerly: readonly string[];
}

interface Write {
  readonly device: string;
  readonly counter: number;
  readonly offset: Offset;
  readonly stamp: string;
}

export interface Entity {
  readonly collection: string;
  readonly id: string;
  row: Row | null;
  at: Offset;
  writes: ReadonlyMap<string, Write>;
  deletion: Write | null;
  readonly history: Array<{ readonly offset: Offset; readonly row: Row | null }>;
}

export function newEntity(collection: string, id: string): Entity {
  return { collection, id, row: null, at: 0, writes: new Map(), deletion: null, history: [] };
}

export function entityKey(collection: string, id: string): string {
  return `${collection}/${id}`;
}

type State = Pick<Entity, "row" | "writes" | "deletion" | "at">;

/** What the judge may look at. */
export interface Working {
  readonly entity: (collection: string, id: string) => Entity | undefined;
  /** The events that the engine made of this transaction, for what only the server can know: ids, its clock. */
  readonly event: (index: number) => DomainEvent | undefined;
  readonly head: Offset;
}

export interface ExpectedEvent {
  readonly row: Row | null;
  readonly writes: ReadonlyMap<string, Write>;
  readonly deletion: Write | null;
  /** `field:winner`, `*` for the whole entity. */
  readonly decisions: readonly string[];
  readonly changed: readonly string[];
  /** `device name` when the server gives this entity its id. */
  readonly alias: string | null;
}

export interface Judgement {
  /** Codes with which the transaction may be refused; empty when it must be taken. */
  readonly refusals: ReadonlySet<string>;
  /** What it must lead to, mutation by mutation; `null` when it must be refused. */
  readonly steps: ReadonlyArray<{ readonly event: ExpectedEvent | null }> | null;
}

type Verdict =
  | { readonly refusals: readonly string[] }
  /** `doubtful`: the server may also refuse, with these codes, because a trim has taken its memory. */
  | { readonly event: ExpectedEvent | null; readonly id: string; readonly doubtful: readonly string[] };

/** @param purged tombstones up to this offset may be unknown to the server */
export function judge(group: readonly Authored[], working: Working, purged: Offset): Judgement {
  const states = new Map<string, State>();
  const steps: Array<{ event: ExpectedEvent | null }> = [];
  const doubts = new Set<string>();
  const aliases = new Map<string, string>();
  let used = 0;
  for (const written of group) {
    const authored = withAliases(written, aliases);
    const event = ownEvent(authored, working.event(used));
    const key = entityKey(authored.collection, authored.entity);
    const state = states.get(key) ?? working.entity(authored.collection, authored.entity) ?? null;
    const verdict = judgeOne(authored, state, { event, offset: working.head + used + 1, purged });
    if ("refusals" in verdict) return { refusals: new Set([...doubts, ...verdict.refusals]), steps: null };
    for (const code of verdict.doubtful) doubts.add(code);
    steps.push({ event: verdict.event });
    if (verdict.event === null) continue;
    if (authored.temporary !== null) aliases.set(authored.temporary, verdict.id);
    const { row, writes, deletion } = verdict.event;
    states.set(entityKey(authored.collection, verdict.id), { row, writes, deletion, at: working.head + used + 1 });
    used += 1;
  }
  return { refusals: doubts, steps };
}

/** The event that the engine made of a mutation; `undefined` when it made none. */
function ownEvent({ device, counter }: Authored, event: DomainEvent | undefined): DomainEvent | undefined {
  return event?.device === device && event.counter === counter ? event : undefined;
}

function withAliases(authored: Authored, aliases: ReadonlyMap<string, string>): Authored {
  const fields = { ...authored.fields };
  for (const name of authored.references) {
    const value = fields[name];
    if (typeof value === "string") fields[name] = aliases.get(value) ?? value;
  }
  return { ...authored, entity: aliases.get(authored.entity) ?? authored.entity, fields };
}

interface Circumstances {
  readonly event: DomainEvent | undefined;
  readonly offset: Offset;
  readonly purged: Offset;
}

function judgeOne(authored: Authored, state: State | null, circumstances: Circumstances): Verdict {
  if (DEFAULTS[authored.collection] === undefined) return { refusals: ["unknown-collection"] };
  if (authored.operation !== "delete") {
    for (const [name, value] of Object.entries(authored.fields)) {
      if (!isField(authored.collection, name)) return { refusals: ["unknown-field", "invalid-value"] };
      if (!isStorable(authored.collection, name, value)) return { refusals: ["invalid-value", "unknown-field"] };
    }
  }
  const isDangling = authored.references.some((name) => String(authored.fields[name] ?? "").startsWith("tmp:"));
  if (isDangling) return { refusals: ["entity-not-found"] };
  const exists = state !== null && state.at > 0;
  const isForgotten = exists && state.row === null && state.at <= circumstances.purged;
  switch (authored.operation) {
    case "create":
      return judgeCreate(authored, exists && !isForgotten ? state : null, isForgotten, circumstances);
    case "update":
      if (!exists) return { refusals: ["entity-not-found"] };
      return state.row === null
        ? judgeUpdateOfDeleted(authored, state, isForgotten, circumstances)
        : judgeUpdate(authored, state, state.row, circumstances);
    case "delete":
      if (!exists) return { refusals: ["entity-not-found"] };
      if (state.row === null)
        return { event: null, id: authored.entity, doubtful: isForgotten ? ["entity-not-found"] : [] };
      return judgeDelete(authored, state, state.row, circumstances);
    default:
      return { refusals: ["unknown-operation"] };
  }
}

function isField(collection: string, name: string): boolean {
  return Object.hasOwn(DEFAULTS[collection] ?? {}, name) || (REQUIRED[collection] ?? []).includes(name);
}

function judgeCreate(
  authored: Authored,
  state: State | null,
  isForgotten: boolean,
  { event, offset }: Circumstances,
): Verdict {
  const { collection, fields, temporary } = authored;
  const isTemporary = authored.entity.startsWith("tmp:");
  if (collection === "tasks" ? temporary === null : isTemporary) return { refusals: ["invalid-id"] };
  if (state !== null) return { refusals: [state.row === null ? "entity-deleted" : "entity-exists"] };
  for (const name of REQUIRED[collection] ?? []) {
    if (!Object.hasOwn(fields, name)) return { refusals: ["invalid-value"] };
  }
  const row = { ...DEFAULTS[collection], ...fields };
  const refusal = writeRefusal(collection, "create", null, row);
  if (refusal !== null) return { refusals: [refusal] };
  const write = writeOf(authored, offset, stampOf(authored, event) ?? ZERO);
  const id = temporary === null ? authored.entity : (event?.entity ?? authored.entity);
  if (temporary !== null && event !== undefined) {
    demand(!id.startsWith("tmp:"), "oracle", () => `${authored.device}#${authored.counter} kept its temporary id`);
  }
  return {
    event: {
      row,
      writes: new Map(Object.keys(row).map((name) => [name, write])),
      deletion: null,
      decisions: [],
      changed: Object.keys(fields),
      alias: temporary === null ? null : `${authored.device} ${temporary}`,
    },
    id,
    doubtful: isForgotten ? ["entity-deleted"] : [],
  };
}

function judgeUpdate(authored: Authored, state: State, before: Row, { event, offset }: Circumstances): Verdict {
  const stamp = stampOf(authored, event);
  // Without an event nobody knows which stamp the server gave it: it may have been refused if either end of the scale is.
  const variants = stamp === null ? [ZERO, HIGHEST] : [stamp];
  const outcomes = variants.map((variant) => updated(authored, state, before, variant, offset));
  const refusals = outcomes.flatMap(
    (outcome) => writeRefusal(authored.collection, "update", before, outcome.row) ?? [],
  );
  if (refusals.length === variants.length) return { refusals };
  return { event: outcomes.at(-1) ?? null, id: authored.entity, doubtful: refusals };
}

const ZERO = "0".repeat(16);
const HIGHEST = "f".repeat(16);

function updated(authored: Authored, state: State, before: Row, stamp: string, offset: Offset): ExpectedEvent {
  const row: Record<string, unknown> = { ...before };
  const writes = new Map(state.writes);
  const decisions: string[] = [];
  const changed: string[] = [];
  for (const [name, value] of Object.entries(authored.fields)) {
    const last = writes.get(name);
    const isSame = JSON.stringify(before[name]) === JSON.stringify(value);
    if (last !== undefined && !hasSeen(authored, last)) {
      const wins = stamp === last.stamp ? authored.device > last.device : stamp > last.stamp;
      // Of two who wrote the same the later is the field's last writer, and nothing was lost.
      if (!isSame) decisions.push(`${name}:${wins ? "incoming" : "current"}`);
      if (!wins) continue;
      writes.set(name, writeOf(authored, offset, stamp));
    } else {
      const raised = last === undefined || stamp > last.stamp ? stamp : nextStamp(last.stamp);
      writes.set(name, writeOf(authored, offset, raised));
    }
    row[name] = value;
    if (!isSame) changed.push(name);
  }
  return { row, writes, deletion: null, decisions, changed, alias: null };
}

function judgeUpdateOfDeleted(
  authored: Authored,
  state: State,
  isForgotten: boolean,
  _circumstances: Circumstances,
): Verdict {
  const { deletion } = state;
  if (deletion === null || hasSeen(authored, deletion)) {
    return { refusals: isForgotten ? ["entity-deleted", "entity-not-found"] : ["entity-deleted"] };
  }
  return {
    event: { row: null, writes: state.writes, deletion, decisions: ["*:current"], changed: [], alias: null },
    id: authored.entity,
    doubtful: isForgotten ? ["entity-not-found", "entity-deleted"] : [],
  };
}

function judgeDelete(authored: Authored, state: State, before: Row, { event, offset }: Circumstances): Verdict {
  const refusal = writeRefusal(authored.collection, "delete", before, null);
  if (refusal !== null) return { refusals: [refusal] };
  const isConflict = [...state.writes.values()].some((write) => !hasSeen(authored, write));
  const stamp = stampOf(authored, event) ?? ZERO;
  return {
    event: {
      row: null,
      writes: new Map(),
      deletion: writeOf(authored, offset, stamp),
      decisions: isConflict ? ["*:incoming"] : [],
      changed: Object.keys(before),
      alias: null,
    },
    id: authored.entity,
    doubtful: [],
  };
}

function hasSeen(authored: Authored, write: Write): boolean {
  if (write.offset <= authored.floor || write.device === authored.device) return true;
  return (authored.dots.get(write.device) ?? 0) >= write.counter;
}

function writeOf(authored: Authored, offset: Offset, stamp: string): Write {
  return { device: authored.device, counter: authored.counter, offset, stamp };
}

const MAX_DRIFT_MS = 60_000;

/**
 * The stamp that counts: the author's own, unless it lies too far ahead of the server's clock. `null` when only the event
 * could tell, and there is none.
 */
function stampOf(authored: Authored, event: DomainEvent | undefined): string | null {
  const claimed = authored.stamp;
  if (event === undefined) return null;
  const which = `${authored.device}#${authored.counter}`;
  const claimedMillis = claimed === null ? (authored.occurredAt ?? 0) : millisOf(claimed);
  const isAhead = claimedMillis > event.time + MAX_DRIFT_MS;
  if (!isAhead) {
    const isOwn = claimed === null ? millisOf(event.stamp) === claimedMillis : event.stamp === claimed;
    demand(isOwn && event.claimed === null, "clock", () => `${which} was stamped ${event.stamp} instead of ${claimed}`);
    return event.stamp;
  }
  const isKept = claimed === null ? event.claimed !== null : event.claimed === claimed;
  demand(isKept, "clock", () => `${which} claimed ${claimed}; recorded is ${event.claimed}`);
  demand(
    millisOf(event.stamp) <= event.time + MAX_DRIFT_MS,
    "clock",
    () => `${which} was stamped into the future: ${event.stamp}`,
  );
  return event.stamp;
}

function millisOf(stamp: string): number {
  return Number.parseInt(stamp.slice(0, 12), 16);
}

function nextStamp(stamp: string): string {
  return (BigInt(`0x${stamp}`) + 1n).toString(16).padStart(16, "0");
}
