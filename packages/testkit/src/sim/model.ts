/**
 * The reference model: what the durable log must be, given what the devices wrote, and what everybody must see of it. It
 * reads the same commits as the disk does, judges every decision in them anew, and shares no code with the engines: its
 * own admission, conflict rules, merges, reviews, stamps, filters and rules, in the plainest words that are right.
 *
 * It remembers every row at every offset, so that a replica can be compared with the log at its own checkpoint.
 */
import type { Commit, Receipt } from "@tidelock/server/engine";
import type { DomainEvent, Filter, Offset } from "@tidelock/core";
import type { Role } from "./domain.ts";
import { compareEvent, type Shown, shownOf } from "./comparing.ts";
import { judge, type Judgement } from "./judge.ts";
import { mayRead, matchesFilter, renamed, type Row } from "./readings.ts";
import { canonical } from "./reviewing.ts";
import type { Authored, State } from "./sitting.ts";
import { demand, Violation } from "./violation.ts";

/** Finds what a device wrote under a counter; `name` where a plain HTTP client gave one. `events`: what became of it. */
export type FindAuthored = (receipt: Receipt, events: readonly DomainEvent[]) => Authored | null;

/** What a subscription is entitled to see. */
export interface Scope {
  readonly collection: string;
  readonly filter: Filter;
  readonly user: string;
  readonly role: Role;
}

/** An entity of the log, and what it was. */
export interface Entity {
  state: State;
  readonly history: Array<Shown & { readonly offset: Offset }>;
}

export interface ModelCounts {
  "events": number;
  "conflicts": number;
  "tombstones": number;
  "rejected": number;
  "transactions": number;
  "restamped": number;
  "reviews opened": number;
  "reviews decided": number;
  "reviews expired": number;
  "candidates joined": number;
  "revived": number;
  "calls": number;
  "voids": number;
  [more: `policy ${string}` | `refused ${string}`]: number;
}

const NO_COUNTS: ModelCounts = {
  "events": 0,
  "conflicts": 0,
  "tombstones": 0,
  "rejected": 0,
  "transactions": 0,
  "restamped": 0,
  "reviews opened": 0,
  "reviews decided": 0,
  "reviews expired": 0,
  "candidates joined": 0,
  "revived": 0,
  "calls": 0,
  "voids": 0,
};

interface Logged {
  readonly whole: boolean;
  readonly entity: Entity;
  readonly event: DomainEvent;
}

export function entityKey(collection: string, id: string): string {
  return `${collection}/${id}`;
}

export class Model {
  /** The incarnation of the log that this is. */
  epoch = "epoch-1";
  readonly counts: ModelCounts = { ...NO_COUNTS };
  readonly #entities = new Map<string, Entity>();
  readonly #byCollection = new Map<string, Entity[]>();
  readonly #columns = new Map<string, readonly string[]>();
  /** Whether a transaction ends at offset i, and which entity the event there is about. */
  readonly #log: Logged[] = [];
  readonly #receipts = new Map<string, Map<number, Receipt>>();
  readonly #lastCounter = new Map<string, number>();
  readonly #aliases = new Map<string, string>();
  /** Tombstones up to here may have been forgotten. */
  #purged: Offset = 0;

  get head(): Offset {
    return this.#log.length;
  }

  /** A commit has become durable. Throws a `Violation` when it is not what it must be. */
  commit(commit: Commit, events: readonly DomainEvent[], find: FindAuthored): void {
    demand(
      commit.head === this.head,
      "gapless",
      () => `a commit on head ${commit.head} reached the log at ${this.head}`,
    );
    for (const [name, columns] of commit.columns) this.#columns.set(name, columns);
    let position = 0;
    for (const group of this.#transactions(commit.receipts, events, find)) {
      position += this.#settle(group, events.slice(position));
    }
    demand(position === events.length, "log", () => `${events.length - position} events of a commit have no receipt`);
    this.#compareEntities(commit);
  }

  /** Remembers where the log stands. Answers with the way back: what the log says after this backup has been put back. */
  save(): () => void {
    const states = [...this.#entities].map(([key, entity]) => {
      return { key, entity, state: entity.state, length: entity.history.length };
    });
    const counters = new Map(this.#lastCounter);
    const aliases = new Map(this.#aliases);
    const [head, purged] = [this.head, this.#purged];
    return () => {
      this.#log.length = head;
      this.#purged = purged;
      this.#entities.clear();
      this.#byCollection.clear();
      for (const { key, entity, state, length } of states) {
        entity.state = state;
        entity.history.length = length;
        this.#add(key, entity);
      }
      this.#lastCounter.clear();
      for (const [device, counter] of counters) this.#lastCounter.set(device, counter);
      for (const [device, receipts] of this.#receipts) {
        for (const counter of [...receipts.keys()]) if (counter > this.decided(device)) receipts.delete(counter);
      }
      this.#aliases.clear();
      for (const [name, id] of aliases) this.#aliases.set(name, id);
    };
  }

  #add(key: string, entity: Entity): void {
    this.#entities.set(key, entity);
    const list = this.#byCollection.get(entity.state.collection) ?? [];
    list.push(entity);
    this.#byCollection.set(entity.state.collection, list);
  }

  /** The log was trimmed up to here: tombstones before it may be unknown to the server. */
  trimmed(floor: Offset): void {
    this.#purged = Math.max(this.#purged, floor);
  }

  get purged(): Offset {
    return this.#purged;
  }

  receipt(device: string, counter: number): Receipt | undefined {
    return this.#receipts.get(device)?.get(counter);
  }

  /** The events that a mutation of a device led to, if it is in the log. */
  eventsOf(device: string, counter: number): readonly DomainEvent[] {
    const first = this.receipt(device, counter)?.offset ?? 0;
    const events: DomainEvent[] = [];
    for (let event = this.#log[first - 1]?.event; event !== undefined; event = this.#log[event.offset]?.event) {
      if (event.device !== device || event.counter !== counter) break;
      events.push(event);
    }
    return events;
  }

  /** Highest counter of a device that the log has decided. */
  decided(device: string): number {
    return this.#lastCounter.get(device) ?? 0;
  }

  columns(name: string): readonly string[] {
    return this.#columns.get(name) ?? [];
  }

  /** Whether no transaction is cut in two at this offset. */
  isWhole(offset: Offset): boolean {
    return offset === 0 || this.#log[offset - 1]?.whole === true;
  }

  /** Keys of the entities that events after `from` and up to `to` are about. */
  touched(from: Offset, to: Offset): ReadonlySet<string> {
    const keys = new Set<string>();
    for (let offset = from + 1; offset <= to; offset++) {
      const entity = this.#log[offset - 1]?.entity.state;
      if (entity !== undefined) keys.add(entityKey(entity.collection, entity.id));
    }
    return keys;
  }

  /** The final id of a temporary one; itself when there is none. */
  finalId(device: string, id: string): string {
    return this.#aliases.get(`${device} ${id}`) ?? id;
  }

  /** The entity as of an offset: its row is `null` when it did not exist or was deleted. */
  shownAt(collection: string, id: string, offset: Offset): Shown {
    const entity = this.#entities.get(entityKey(collection, id));
    return entity === undefined ? NOTHING : shownAt(entity, offset);
  }

  entity(collection: string, id: string): State | undefined {
    return this.#entities.get(entityKey(collection, id))?.state;
  }

  /** Every entity that there ever was. */
  *entities(collection: string): Iterable<State> {
    for (const { state } of this.#byCollection.get(collection) ?? []) yield state;
  }

  /** What a scope sees as of an offset. */
  view(scope: Scope, offset: Offset): Map<string, Shown> {
    const rows = new Map<string, Shown>();
    for (const entity of this.#byCollection.get(scope.collection) ?? []) {
      const shown = shownAt(entity, offset);
      if (shown.row !== null && inScope(scope, entity.state.id, shown.row)) rows.set(entity.state.id, shown);
    }
    return rows;
  }

  /** Receipts in order, with what their devices wrote, by transaction. */
  *#transactions(receipts: readonly Receipt[], events: readonly DomainEvent[], find: FindAuthored): Iterable<Group> {
    let group: Array<Group[number]> = [];
    for (const receipt of receipts) {
      const { device, counter } = receipt;
      const known = this.receipt(device, counter);
      demand(known === undefined, "exactly-once", () => `mutation ${counter} of ${device} was decided twice`);
      const expected = this.decided(device) + 1;
      demand(counter === expected, "order", () => `${device}: ${counter} was decided when ${expected} was next`);
      const own = events.filter((event) => event.device === device && event.counter === counter);
      const authored = find(receipt, own);
      demand(authored !== null, "provenance", () => `${device} never wrote the mutation ${counter} that was decided`);
      this.#lastCounter.set(device, counter);
      const kept = this.#receipts.get(device) ?? new Map<number, Receipt>();
      this.#receipts.set(device, kept.set(counter, receipt));
      group.push({ receipt, authored: this.#resolve(authored) });
      if (authored.remaining > 0) continue;
      yield group;
      group = [];
    }
    demand(group.length === 0, "atomic", () => `a commit ends within a transaction of ${group[0]?.receipt.device}`);
  }

  /** The mutation with the names of its device replaced by final ids. */
  #resolve(authored: Authored): Authored {
    const ids = [authored.device, ...authored.formerly];
    const name = (text: string): string => {
      return ids.map((device) => this.finalId(device, text)).find((id) => id !== text) ?? text;
    };
    const { operation, entity, collection, fields } = authored;
    return {
      ...authored,
      entity: operation === "create" ? entity : name(entity),
      fields: renamed(collection, fields, name),
    };
  }

  /** Compares what was decided with what should have been, and takes it in. Answers how many events it used. */
  #settle(group: Group, events: readonly DomainEvent[]): number {
    const names = (): string => group.map(({ receipt }) => `${receipt.device}#${receipt.counter}`).join(", ");
    const refused = group.filter(({ receipt }) => receipt.outcome === "rejected");
    demand(refused.length === 0 || refused.length === group.length, "atomic", () => `half of ${names()} was refused`);
    this.counts.voids += group.filter(({ authored }) => authored.operation === "void").length;
    if (refused.length > 0) {
      this.counts.rejected += refused.length;
      this.#assertRefusable(group, names);
      return 0;
    }
    if (group.length > 1) this.counts.transactions += 1;
    const roles = rolesOf(group);
    for (const [index, role] of roles.entries()) {
      const judgement = judge(
        group.map(({ authored }) => authored),
        { ...this.#docket(events), role, guess: HIGHEST },
      );
      try {
        return this.#take(group, judgement, events, names);
      } catch (error) {
        // Its author's role changed while it was on its way, and this may be the wrong one.
        if (!(error instanceof Violation) || index === roles.length - 1) throw error;
      }
    }
    return 0;
  }

  #docket(events: readonly DomainEvent[]): Omit<Parameters<typeof judge>[1], "role" | "guess"> {
    return {
      entity: (collection, id) => this.entity(collection, id),
      rowOf: (event) => this.#shown(event).row,
      events,
      head: this.head,
      purged: this.#purged,
    };
  }

  #assertRefusable(group: Group, names: () => string): void {
    const codes = group.map(({ receipt }) => String(JSON.parse(receipt.detail ?? "{}").code));
    for (const code of codes) this.counts[`refused ${code}`] = (this.counts[`refused ${code}`] ?? 0) + 1;
    // Of a review that somebody else decided, or gave more time, the receipt of the server's own attempt says nothing.
    if (group.some(({ authored }) => authored.isExpiry)) return;
    const possible = new Set<string>();
    let mayBeTaken = true;
    // Nobody knows which stamp the server gave it: it may have been refused if either end of the scale is.
    for (const role of rolesOf(group)) {
      for (const guess of [ZERO, HIGHEST]) {
        const docket = { ...this.#docket([]), role, guess };
        const { refusals, steps } = judge(
          group.map(({ authored }) => authored),
          docket,
        );
        for (const code of refusals) possible.add(code);
        mayBeTaken &&= steps !== null;
      }
    }
    // To those who may not read an entity no refusal tells of what is in it.
    if (possible.has("invalid-value")) possible.add("forbidden");
    const isRight = codes.every((code) => code === "transaction-failed" || possible.has(code));
    demand(possible.size > 0 && isRight, "oracle", () => {
      const expected = mayBeTaken && possible.size === 0 ? "to be taken" : [...possible].join(" or ");
      return `${names()} was refused with ${codes.join(", ")}; expected ${expected}: ${describe(group)}`;
    });
  }

  /** Compares the events of a transaction that was taken, and takes them in. */
  #take(group: Group, judgement: Judgement, events: readonly DomainEvent[], names: () => string): number {
    const { steps, events: expected, refusals } = judgement;
    demand(steps !== null, "oracle", () => {
      return `${names()} was taken, but should have been refused: ${[...refusals].join(" or ")}: ${describe(group)}`;
    });
    for (const [index, each] of expected.entries()) {
      const event = events[index];
      demand(event !== undefined, "log", () => `${names()} has ${index} events of ${expected.length}`);
      demand(event.offset === this.head + 1 + index, "gapless", () => `event ${event.offset} follows ${this.head}`);
      compareEvent(event, each, this.#shown(event), expected.length - 1 - index);
    }
    const next = events[expected.length];
    const last = group.at(-1)?.receipt;
    const isMore = next !== undefined && next.device === last?.device && next.counter <= last.counter;
    demand(!isMore, "log", () => `${names()} has an event too many: ${JSON.stringify(next)}`);
    for (const [index, { receipt }] of group.entries()) {
      const step = steps[index];
      demand(step !== undefined, "log", () => `${names()}: nothing was judged`);
      const own = events.slice(step.from, step.to);
      const isSettled =
        own.some(({ decisions }) => decisions.length > 0) && group[index]?.authored.operation !== "decide";
      const outcome = step.isHeld ? "in-review" : isSettled ? "merged" : "applied";
      const which = `${receipt.device}#${receipt.counter}`;
      demand(
        receipt.outcome === outcome,
        "oracle",
        () => `${which} was called ${receipt.outcome} instead of ${outcome}`,
      );
      demand(receipt.offset === step.offset, "log", () => {
        return `${which} has a receipt for offset ${receipt.offset} instead of ${step.offset}`;
      });
    }
    for (const [index, each] of expected.entries()) {
      const event = events[index];
      if (event !== undefined) this.#add1(event, each.state, each.alias);
    }
    for (const { authored } of group) if (authored.operation === "call") this.counts.calls += 1;
    return expected.length;
  }

  #add1(event: DomainEvent, state: State, alias: string | null): void {
    const key = entityKey(event.collection, event.entity);
    const shown = this.#shown(event);
    let entity = this.#entities.get(key);
    const before = entity?.state;
    if (entity === undefined) {
      entity = { state, history: [] };
      this.#add(key, entity);
    }
    const at = before?.at ?? 0;
    const isForgotten = before?.row === null && at <= this.#purged && event.previous === 0;
    demand(isForgotten || event.previous === at, "log", () => {
      return `event ${event.offset} says ${event.previous} was before it, not ${at}`;
    });
    if (alias !== null) this.#aliases.set(alias, event.entity);
    // The engine's own order of members: devices are sent this text.
    entity.state = { ...state, row: shown.row };
    entity.history.push({ offset: event.offset, ...shown });
    this.#log.push({ whole: event.remaining === 0, entity, event });
    this.#count(event, before, state);
  }

  #count({ decisions, claimed, kind, collection, row }: DomainEvent, before: State | undefined, after: State): void {
    const { counts } = this;
    counts.events += 1;
    counts.conflicts += decisions.length;
    for (const { policy } of decisions) counts[`policy ${policy}`] = (counts[`policy ${policy}`] ?? 0) + 1;
    if (claimed !== null) counts.restamped += 1;
    if (row === null && (before?.row ?? null) !== null) counts.tombstones += 1;
    if (kind === "created" && before !== undefined) counts.revived += 1;
    if (collection !== "tidelock.reviews") return;
    if (before === undefined) counts["reviews opened"] += 1;
    else if (after.row?.["candidates"] !== before.row?.["candidates"]) counts["candidates joined"] += 1;
    if (after.row?.["status"] === "open" || before?.row?.["status"] !== "open") return;
    const outcome = after.row?.["outcome"] as { readonly kind: string } | null;
    if (outcome?.kind === "expired") counts["reviews expired"] += 1;
    else if (outcome?.kind !== "deleted") counts["reviews decided"] += 1;
  }

  #shown({ row, collection }: Pick<DomainEvent, "row" | "collection">): Shown {
    return shownOf(this.columns(collection), row);
  }

  /** The states that a commit stores are those that its events leave, and its decisions those of its events. */
  #compareEntities(commit: Commit): void {
    for (const stored of commit.entities) {
      const entity = this.#entities.get(entityKey(stored.collection, stored.id));
      demand(
        entity !== undefined && entity.state.at === stored.at,
        "log",
        () => `${stored.id} is stored as of ${stored.at}, not ${entity?.state.at}`,
      );
      const shown = this.#shown({
        row: stored.row === null ? null : JSON.parse(stored.row),
        collection: stored.collection,
      });
      demand(
        isSameShown(shown, shownAt(entity, stored.at)),
        "log",
        () => `${stored.id} is stored as ${textOf(shown)} instead of ${textOf(shownAt(entity, stored.at))}`,
      );
    }
    for (const event of commit.events) {
      const entity = this.#log[event.offset - 1]?.entity.state;
      const isStored = commit.entities.some(
        ({ collection, id }) => collection === entity?.collection && id === entity.id,
      );
      demand(isStored, "log", () => `event ${event.offset} is in a commit that does not store its entity`);
    }
    const decided = commit.events.flatMap(({ offset }) => {
      return (this.#log[offset - 1]?.event.decisions ?? []).map((decision) => JSON.stringify(decision));
    });
    const stored = commit.decisions.map(({ body }) => body);
    demand(decided.join() === stored.join(), "log", () => `commit ${commit.head} stores other decisions than it made`);
  }
}

type Group = ReadonlyArray<{ readonly receipt: Receipt; readonly authored: Authored }>;

const NOTHING: Shown = { row: null, marks: new Map() };
const ZERO = "0".repeat(16);
const HIGHEST = "f".repeat(16);

/** As whom the author of a transaction may have been taken. */
function rolesOf(group: Group): readonly string[] {
  const roles = [...new Set(group.flatMap(({ authored }) => authored.roles))];
  return roles.length === 0 ? [""] : roles;
}

function describe(group: Group): string {
  return group
    .map(({ authored: { operation, collection, entity, fields } }) => {
      return `${operation} ${collection}/${entity} ${JSON.stringify(fields)}`;
    })
    .join("; ");
}

export function inScope(scope: Scope, id: string, row: Row): boolean {
  return mayRead(scope.collection, row, scope.user, scope.role) && matchesFilter(scope.filter, id, row);
}

function shownAt({ history }: Entity, offset: Offset): Shown {
  for (let index = history.length - 1; index >= 0; index--) {
    const state = history[index];
    if (state !== undefined && state.offset <= offset) return state;
  }
  return NOTHING;
}

/** A row as one text, fields by name. */
export function text(row: Row | null): string {
  if (row === null) return "nothing";
  return JSON.stringify(
    Object.keys(row)
      .sort()
      .map((name) => {
        const value = row[name];
        // Codecs may keep the members of an object in another order.
        return [name, typeof value === "object" && value !== null ? canonical(value) : value];
      }),
  );
}

function isSameShown(left: Shown, right: Shown): boolean {
  return textOf(left) === textOf(right);
}

/** What is shown of an entity, as one text. */
export function textOf({ row, marks }: Shown): string {
  return marks.size === 0 ? text(row) : `${text(row)} waiting for ${canonical(Object.fromEntries(marks))}`;
}
