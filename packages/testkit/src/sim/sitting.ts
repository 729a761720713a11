/**
 * One sitting of the judge: a transaction against the state that it meets, with the events that it must lead to. Part of
 * the reference model. What only the server can know (ids that it makes, its clock, the stamp in place of one that lies
 * too far ahead) is read from the events that it made, and checked to be possible.
 */
import type { DomainEvent, Offset, Operation } from "@tidelock/core";
import { type Dot, millisOf, type Seer } from "./causality.ts";
import type { ListDeed, SetDeed } from "./merging.ts";
import type { Row } from "./readings.ts";
import { demand } from "./violation.ts";

/** A mutation as its author wrote it. */
export interface Authored {
  readonly device: string;
  readonly counter: number;
  readonly user: string;
  /** As whom its author may have been taken when it was admitted: one, unless a role changed while it was on its way. */
  readonly roles: readonly string[];
  readonly operation: Operation;
  /** Of a call: the mutator. */
  readonly collection: string;
  readonly entity: string;
  readonly fields: Row;
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
  /** The server itself, about a review whose time is up. */
  readonly isExpiry: boolean;
}

export interface Write extends Dot {
  readonly stamp: string;
  readonly user: string;
}

/** What is known of a field besides its value. */
export interface Memory {
  /** As whom its value was written, where its rule wants to know. */
  readonly role: string | undefined;
  /** Earlier values, each with the writes that it was made of. */
  readonly past: ReadonlyArray<{ readonly makers: readonly Write[]; readonly value: unknown }>;
  /** Writes that the value is made of besides the last one, oldest first: those that its author had not seen. */
  readonly others: readonly Write[];
  readonly elements: readonly SetDeed[];
  readonly items: readonly ListDeed[];
  /** Nobody can tell any more what was done: the server is believed. */
  readonly isUnsure: boolean;
}
export const BLANK: Memory = { role: undefined, past: [], others: [], elements: [], items: [], isUnsure: false };

/** What a deleted entity was. */
export type Buried = Pick<State, "writes" | "memory"> & { readonly row: Row };

export interface State {
  readonly collection: string;
  readonly id: string;
  /** Offset of its last event. */
  readonly at: Offset;
  /** `null`: deleted. */
  readonly row: Row | null;
  /** The last write of each field, and of the mark. */
  readonly writes: ReadonlyMap<string, Write>;
  readonly memory: ReadonlyMap<string, Memory>;
  /** The reviews that it waits for, by field. */
  readonly marks: ReadonlyMap<string, string>;
  readonly deletion: Write | null;
  readonly buried: Buried | null;
}

/** One side of a decision. What is `undefined` is not compared. */
export interface Contender {
  readonly device: string;
  readonly counter: number;
  readonly offset: Offset;
  readonly stamp: string | undefined;
  readonly user: string | null | undefined;
  readonly seen: Offset | null | undefined;
  readonly value: unknown;
}

export interface Verdict {
  readonly field: string | null;
  readonly policy: string;
  readonly version: number;
  readonly winner: "current" | "incoming" | "merged" | "review";
  readonly value: unknown;
  readonly base: { readonly value: unknown } | undefined;
  readonly current: Contender;
  readonly incoming: Contender;
}

export interface ExpectedEvent {
  readonly kind: "created" | "updated" | "deleted";
  readonly state: State;
  readonly author: Author;
  readonly seen: Offset;
  readonly decisions: readonly Verdict[];
  /** Fields, and the mark. */
  readonly changed: readonly string[];
  /** What was written to fields whose writes are merged. */
  readonly changes: Row | null;
  readonly call: readonly [string, Row] | null;
  /** `device name` when the server gives this entity its id. */
  readonly alias: string | null;
}

/** Why a transaction is refused; thrown. */
export class Refused extends Error {
  readonly codes: readonly string[];

  constructor(...codes: string[]) {
    super(codes.join());
    this.codes = codes;
  }
}

/** What the judge may look at. */
export interface Docket {
  readonly entity: (collection: string, id: string) => State | undefined;
  /** The fields of an event's row. */
  readonly rowOf: (event: DomainEvent) => Row | null;
  /** The events that the engine made of this transaction. */
  readonly events: readonly DomainEvent[];
  readonly head: Offset;
  /** Tombstones up to this offset may be unknown to the server. */
  readonly purged: Offset;
  /** As whom the author was taken. */
  readonly role: string;
  /** The stamp where only an event could tell it, and there is none. */
  readonly guess: string;
}

/** Who writes, as settling sees it. */
export interface Author {
  readonly authored: Authored;
  readonly seer: Seer;
  readonly stamp: string;
}

export interface Recorded {
  readonly kind: ExpectedEvent["kind"];
  readonly state: Omit<State, "at">;
  readonly decisions?: readonly Verdict[];
  readonly changed: readonly string[];
  readonly changes?: Row | null;
  readonly alias?: string | null;
}

const MAX_DRIFT_MS = 60_000;

export class Sitting {
  readonly docket: Docket;
  readonly events: ExpectedEvent[] = [];
  /** Codes with which the server may refuse what it would else have to take, because a trim has taken its memory. */
  readonly doubts = new Set<string>();
  readonly #states = new Map<string, State>();
  /** The call that the next event is the first of. */
  call: ExpectedEvent["call"] = null;

  constructor(docket: Docket) {
    this.docket = docket;
  }

  /** The offset that the next event gets. */
  get offset(): Offset {
    return this.docket.head + this.events.length + 1;
  }

  /** When the server admitted the transaction; 0 when it did not. */
  get time(): number {
    return this.docket.events[0]?.time ?? 0;
  }

  /** The entity; what may be forgotten is not there for a create that the server took as the first. */
  read(collection: string, id: string): State | null {
    const key = `${collection}/${id}`;
    const known = this.#states.get(key) ?? this.docket.entity(collection, id);
    return known === undefined || known.at === 0 ? null : known;
  }

  isForgotten({ row, at }: State): boolean {
    return row === null && at <= this.docket.purged;
  }

  /** What the engine made next, if it is of this mutation. */
  made({ device, counter }: Authored): DomainEvent | undefined {
    const event = this.docket.events[this.events.length];
    return event?.device === device && event.counter === counter ? event : undefined;
  }

  author(authored: Authored): Author {
    const { device, counter, floor, dots } = authored;
    const stamp = this.#stampOf(authored, this.made(authored)) ?? this.docket.guess;
    return { authored, seer: { device, counter, floor, dots }, stamp };
  }

  /** The stamp that counts: the author's own, unless it lies too far ahead of the server's clock. */
  #stampOf(
    { device, counter, stamp: claimed, occurredAt, isExpiry }: Authored,
    event: DomainEvent | undefined,
  ): string | null {
    if (event === undefined) return null;
    const which = `${device}#${counter}`;
    if (isExpiry) {
      const isNow = Math.abs(millisOf(event.stamp) - event.time) <= MAX_DRIFT_MS;
      demand(
        isNow && event.claimed === null,
        "clock",
        () => `${which} was stamped ${event.stamp} by the server itself`,
      );
      return event.stamp;
    }
    const claimedMillis = claimed === null ? (occurredAt ?? 0) : millisOf(claimed);
    if (claimedMillis <= event.time + MAX_DRIFT_MS) {
      const isOwn = claimed === null ? millisOf(event.stamp) === claimedMillis : event.stamp === claimed;
      demand(
        isOwn && event.claimed === null,
        "clock",
        () => `${which} was stamped ${event.stamp} instead of ${claimed}`,
      );
      return event.stamp;
    }
    const isKept = claimed === null ? event.claimed !== null : event.claimed === claimed;
    demand(isKept, "clock", () => `${which} claimed ${claimed}; recorded is ${event.claimed}`);
    const isBounded = millisOf(event.stamp) <= event.time + MAX_DRIFT_MS;
    demand(isBounded, "clock", () => `${which} was stamped into the future: ${event.stamp}`);
    return event.stamp;
  }

  /** The next event as a write. */
  write({ authored: { device, counter, user } }: Author, stamp: string): Write {
    return { device, counter, offset: this.offset, stamp, user };
  }

  contender({ authored: { device, counter, user, floor }, stamp }: Author, value: unknown): Contender {
    return { device, counter, user, offset: this.offset, seen: floor, stamp, value };
  }

  /** Adds an event and the state that it leaves. */
  record(author: Author, { kind, state, decisions = [], changed, changes = null, alias = null }: Recorded): State {
    const recorded: State = { ...state, at: this.offset };
    const { call } = this;
    this.call = null;
    this.events.push({
      ...{ kind, state: recorded, author, seen: author.authored.floor, decisions, changed, changes, call, alias },
    });
    this.#states.set(`${state.collection}/${state.id}`, recorded);
    return recorded;
  }
}
