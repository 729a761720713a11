/**
 * What admission works with: the mutations, what it may look at, and the draft that gathers the events and the entities'
 * new states of one transaction. Pure: reads entities through a function, writes nothing.
 */
import {
  addDot,
  boundedMessage,
  type CollectionSchema,
  type Columns,
  type Contender,
  type Decision,
  type DeviceId,
  type DomainEvent,
  EMPTY_ENTITY_VECTOR,
  type EntityId,
  type EntityState,
  type ErrorCode,
  type EventKind,
  type FieldState,
  type FieldValues,
  type FieldWrite,
  type IncomingWrite,
  isPromise,
  type JsonObject,
  type JsonValue,
  MARK,
  marksOf,
  type Millis,
  type Mutation,
  type Mutator,
  type Offset,
  type Outcome,
  type Stamp,
  SYSTEM_PREFIX,
  type TimeLimit,
  unseenWrites,
  type UserId,
  type VersionVector,
} from "@tidelock/core";
import { withLegacy } from "./legacy.ts";
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
  /** The server itself decides a review whose time is up. Nothing that comes from outside can say so. */
  readonly isExpiry: boolean;
}

export interface AdmissionContext {
  readonly device: DeviceId;
  readonly user: UserId;
  readonly rule: RuleContext;
  readonly rules: Rules;
  readonly collections: ReadonlyMap<string, CollectionSchema>;
  readonly columns: ReadonlyMap<string, Columns>;
  readonly mutators: ReadonlyMap<string, Mutator>;
  /**
   * Runs conflict rules and mutators of the application, and throws when one takes too long. Rules of rights are asked for
   * every mutation, too often for what that costs: they are trusted to end.
   */
  readonly limit: TimeLimit;
  /** The offset that the first event gets is this plus one. */
  readonly head: Offset;
  readonly now: Millis;
  /** The entity as it is; every entity that the transaction needs has been loaded. */
  readonly read: (collection: string, id: EntityId) => EntityState | null;
}

export interface Admitted {
  readonly outcome: Outcome;
  readonly offset: Offset;
  readonly conflicts: readonly Decision[];
}

export interface Refused {
  readonly code: ErrorCode;
  readonly message: string;
}

export function refuse(code: ErrorCode, message: string): Refused {
  return { code, message };
}

export function isRefused(step: object): step is Refused {
  return "code" in step;
}

/** An entity as an admission leaves it, and what its event says of that. */
export interface Recorded {
  readonly kind: EventKind;
  readonly schema: CollectionSchema;
  readonly id: EntityId;
  readonly before: EntityState | null;
  readonly values: readonly JsonValue[] | null;
  readonly writes: readonly (FieldWrite | undefined)[];
  readonly changed: readonly string[];
  readonly was: readonly JsonValue[];
  readonly decisions?: readonly Decision[];
  readonly memory?: ReadonlyMap<string, JsonValue>;
  readonly buried?: EntityState["buried"];
  readonly changes?: FieldValues | null;
}

/** What of an entity its fields are. */
export interface FieldParts {
  readonly values: readonly JsonValue[];
  readonly writes: readonly (FieldWrite | undefined)[];
  readonly memory: ReadonlyMap<string, JsonValue>;
}

/** Under this name an entity's memory has the other writes that a field's value is made of. No field can be called so. */
function othersOf(field: string): string {
  return `${SYSTEM_PREFIX}others/${field}`;
}

function unpackOthers(packed: JsonValue): readonly FieldWrite[] {
  // Written by `keepMemory`.
  return (packed as unknown as ReadonlyArray<readonly [FieldWrite["device"], number, Offset, Stamp, UserId]>).map(
    ([device, counter, offset, stamp, user]) => ({ device, counter, offset, stamp, user }),
  );
}

/** In place of a field: updates of an entity of which a value lost or waits. */
export const QUIET = "";

/** An entity's memory with what is to be remembered of a field; the same map when that changes nothing. */
export function keepMemory(
  known: ReadonlyMap<string, JsonValue>,
  field: string,
  memory: JsonValue | undefined,
  others: readonly FieldWrite[],
): ReadonlyMap<string, JsonValue> {
  // Most fields have nothing to remember.
  if (known.size === 0 && memory === undefined && others.length === 0) return known;
  const kept = new Map(known);
  if (memory === undefined) kept.delete(field);
  else kept.set(field, memory);
  if (others.length === 0) kept.delete(othersOf(field));
  else {
    const packed = others.map(({ device, counter, offset, stamp, user }) => [device, counter, offset, stamp, user]);
    kept.set(othersOf(field), packed);
  }
  return kept;
}

const NO_MEMORY: ReadonlyMap<string, JsonValue> = new Map();

/** The events and states of one transaction, as they come to be. */
export class Draft {
  readonly context: AdmissionContext;
  readonly events: DomainEvent[] = [];
  readonly states = new Map<string, EntityState>();
  /** What rules of the application did wrong, for their authors. */
  readonly faults: string[] = [];
  /** The call that the next event is the first of. */
  call: DomainEvent["call"] = null;

  constructor(context: AdmissionContext) {
    this.context = context;
  }

  /** The offset that the next event gets. */
  get offset(): Offset {
    return this.context.head + this.events.length + 1;
  }

  read(collection: string, id: EntityId): EntityState | null {
    return this.states.get(`${collection}/${id}`) ?? this.context.read(collection, id);
  }

  columns(collection: string): Columns {
    return this.context.columns.get(collection) ?? [];
  }

  /** The reviews that an entity waits for, by field. */
  marks(state: EntityState): ReadonlyMap<string, EntityId> {
    if (state.values === null) return marksOf(state.memory.get(MARK));
    const column = this.columns(state.collection).indexOf(MARK);
    return column < 0 ? marksOf(null) : marksOf(state.values[column]);
  }

  /** One field of an entity, as its policy sees it. */
  field(schema: CollectionSchema, name: string, { values, writes, memory }: FieldParts): FieldState {
    const column = this.columns(schema.name).indexOf(name);
    const value = values[column] ?? null;
    const write = writes[column];
    if (memory.size === 0) return { value, write, memory: undefined };
    const others = memory.get(othersOf(name));
    const state = { value, write, memory: memory.get(name) };
    return others === undefined ? state : { ...state, others: unpackOthers(others) };
  }

  /** Updates of which a value lost or waits, and which an author had not seen. */
  quietUpdates({ memory }: Pick<EntityState, "memory">, seen: VersionVector): readonly FieldWrite[] {
    const others = memory.size === 0 ? undefined : memory.get(othersOf(QUIET));
    if (others === undefined) return [];
    return unseenWrites({ value: null, write: undefined, memory: undefined, others: unpackOthers(others) }, seen);
  }

  /** What the policies see of a candidate's write. */
  incoming(candidate: Candidate, value: JsonValue): IncomingWrite {
    return {
      device: this.context.device,
      counter: candidate.mutation.counter,
      user: this.context.user,
      offset: this.offset,
      seen: candidate.seen,
      stamp: candidate.stamp,
      claims: this.context.rule.claims,
      value,
    };
  }

  contender(candidate: Candidate, value: JsonValue): Contender {
    const { device, counter, user, offset, seen, stamp } = this.incoming(candidate, value);
    return { device, counter, user, offset, seen: seen.floor, stamp, value };
  }

  /** The next event as a field's last write. */
  write(candidate: Candidate, stamp: Stamp): FieldWrite {
    const { device, user } = this.context;
    return { device, counter: candidate.mutation.counter, offset: this.offset, stamp, user };
  }

  /** Adds an event and the state that it leaves. Answers its offset. */
  record(candidate: Candidate, wanted: Recorded): Offset {
    const { offset } = this;
    const recorded = withLegacy(wanted, this.columns(wanted.schema.name), (fault) => void this.faults.push(fault));
    const { device, user, now } = this.context;
    const { counter, remaining } = candidate.mutation;
    const { schema, id, before, values, decisions = [] } = recorded;
    this.events.push({
      offset,
      kind: recorded.kind,
      collection: schema.name,
      entity: id,
      device,
      counter,
      user,
      stamp: candidate.stamp,
      claimed: candidate.claimed,
      time: now,
      seen: candidate.seen.floor,
      remaining,
      previous: before?.at ?? 0,
      changed: recorded.changed,
      was: recorded.was,
      row: values,
      decisions,
      changes: recorded.changes ?? null,
      call: this.call,
    });
    this.call = null;
    this.states.set(`${schema.name}/${id}`, {
      collection: schema.name,
      id,
      at: offset,
      values,
      writes: recorded.writes,
      vector: addDot(before?.vector ?? EMPTY_ENTITY_VECTOR, { device, counter, offset }),
      createdBy: before?.createdBy ?? user,
      memory: recorded.memory ?? NO_MEMORY,
      buried: recorded.buried ?? null,
    });
    return offset;
  }

  /** An entity as rules, reviews and people see it: its id and its fields. */
  object(schema: CollectionSchema, id: EntityId, values: readonly JsonValue[]): JsonObject {
    const columns = this.columns(schema.name);
    const fields = schema.fields.map((field): [string, JsonValue] => [
      field.name,
      values[columns.indexOf(field.name)] ?? null,
    ]);
    return { id, ...Object.fromEntries(fields) };
  }
}

/**
 * Whether the write rule of a collection takes a change; why not, when it does not.
 * @param before the entity's values as they are, `null` when there is none
 * @param after as they would be, `null` when it would be gone
 */
export function writeRefusal(
  draft: Draft,
  schema: CollectionSchema,
  operation: "create" | "update" | "delete",
  id: EntityId,
  before: readonly JsonValue[] | null,
  after: readonly JsonValue[] | null,
): Refused | null {
  const { rules, rule: context } = draft.context;
  const rule = Object.hasOwn(rules, schema.name) ? rules[schema.name]?.write : undefined;
  if (rule === undefined) return null;
  const entity = (values: readonly JsonValue[] | null): JsonObject | null =>
    values === null ? null : draft.object(schema, id, values);
  return askedRule(schema.name, `${operation} of ${schema.name} is not allowed`, () =>
    rule(context, { operation, before: entity(before), after: entity(after) }),
  );
}

/** The verdict of a rule of the operator: `null` when it allows, else why not. */
export function askedRule(collection: string, refusal: string, ask: () => boolean | string): Refused | null {
  try {
    const verdict: unknown = ask();
    if (isPromise(verdict)) {
      return refuse("rule-failed", `the rule of ${collection} returned a promise: rules must not wait`);
    }
    if (verdict === true) return null;
    return refuse("forbidden", typeof verdict === "string" ? boundedMessage(verdict) : refusal);
  } catch (error) {
    return refuse(
      "rule-failed",
      `the rule of ${collection} threw: ${error instanceof Error ? error.message : "an error"}`,
    );
  }
}
