/**
 * The reference model: what the durable log must be, given what the devices wrote, and what everybody must see of it. It
 * reads the same commits as the disk does, judges every decision in them anew, and shares no code with the engines: its
 * own admission, conflict rule, stamps, filters and rules, in the plainest words that are right.
 *
 * It remembers every row at every offset, so that a replica can be compared with the log at its own checkpoint.
 */
import type { Commit, Receipt } from "@tidelock/server/engine";
import type { DomainEvent, Filter, Offset } from "@tidelock/core";
import { type Authored, type Entity, entityKey, judge, type Judgement, newEntity, type Working } from "./judge.ts";
import { mayRead, type Role, type Row, matchesFilter } from "./domain.ts";
import { demand } from "./violation.ts";

/** Finds what a device wrote under a counter; `name` where a plain HTTP client gave one. */
export type FindAuthored = (receipt: Receipt) => Authored | null;

/** What a subscription is entitled to see. */
export interface Scope {
  readonly collection: string;
  readonly filter: Filter;
  readonly user: string;
  readonly role: Role;
}

export interface ModelCounts {
  events: number;
  conflicts: number;
  tombstones: number;
  rejected: number;
  transactions: number;
  restamped: number;
}

export class Model {
  /** The incarnation of the log that this is. */
  epoch = "epoch-1";
  readonly counts: ModelCounts = { events: 0, conflicts: 0, tombstones: 0, rejected: 0, transactions: 0, restamped: 0 };
  readonly #entities = new Map<string, Entity>();
  readonly #byCollection = new Map<string, Entity[]>();
  readonly #columns = new Map<string, readonly string[]>();
  /** Whether a transaction ends at offset i, and which entity the event there is about. */
  readonly #log: Array<{ readonly whole: boolean; readonly entity: Entity }> = [];
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
    for (const group of this.#transactions(commit.receipts, find)) {
      const judgement = judge(
        group.map(({ authored }) => authored),
        this.#lookUp(events, position),
        this.#purged,
      );
      position += this.#settle(group, judgement, events.slice(position));
    }
    demand(position === events.length, "log", () => `${events.length - position} events of a commit have no receipt`);
    this.#compareEntities(commit);
  }

  /** Remembers where the log stands. Answers with the way back: what the log says after this backup has been put back. */
  save(): () => void {
    const states = [...this.#entities].map(([key, entity]) => ({
      key,
      entity,
      state: { ...entity },
      length: entity.history.length,
    }));
    const counters = new Map(this.#lastCounter);
    const aliases = new Map(this.#aliases);
    const [head, purged] = [this.head, this.#purged];
    return () => {
      this.#log.length = head;
      this.#purged = purged;
      this.#entities.clear();
      this.#byCollection.clear();
      for (const { key, entity, state, length } of states) {
        Object.assign(entity, state);
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
    const list = this.#byCollection.get(entity.collection) ?? [];
    list.push(entity);
    this.#byCollection.set(entity.collection, list);
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
      const entity = this.#log[offset - 1]?.entity;
      if (entity !== undefined) keys.add(entityKey(entity.collection, entity.id));
    }
    return keys;
  }

  /** The final id of a temporary one; itself when there is none. */
  finalId(device: string, id: string): string {
    return this.#aliases.get(`${device} ${id}`) ?? id;
  }

  /** The row as of an offset: `null` when it did not exist or was deleted. */
  rowAt(collection: string, id: string, offset: Offset): Row | null {
    const entity = this.#entities.get(entityKey(collection, id));
    return entity === undefined ? null : rowOf(entity, offset);
  }

  entity(collection: string, id: string): Entity | undefined {
    return this.#entities.get(entityKey(collection, id));
  }

  entities(collection: string): readonly Entity[] {
    return this.#byCollection.get(collection) ?? [];
  }

  /** What a scope sees as of an offset. */
  view(scope: Scope, offset: Offset): Map<string, Row> {
    const rows = new Map<string, Row>();
    for (const entity of this.entities(scope.collection)) {
      const row = rowOf(entity, offset);
      if (row !== null && inScope(scope, entity.id, row)) rows.set(entity.id, row);
    }
    return rows;
  }

  /** Receipts in order, with what their devices wrote, by transaction. */
  *#transactions(receipts: readonly Receipt[], find: FindAuthored): Iterable<Group> {
    let group: Array<Group[number]> = [];
    for (const receipt of receipts) {
      const { device, counter } = receipt;
      const known = this.receipt(device, counter);
      demand(known === undefined, "exactly-once", () => `mutation ${counter} of ${device} was decided twice`);
      const expected = this.decided(device) + 1;
      demand(counter === expected, "order", () => `${device}: ${counter} was decided when ${expected} was next`);
      const authored = find(receipt);
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
    const name = (text: unknown): unknown => {
      if (typeof text !== "string") return text;
      return ids.map((device) => this.finalId(device, text)).find((id) => id !== text) ?? text;
    };
    const { references, operation, entity } = authored;
    const fields = Object.fromEntries(
      Object.entries(authored.fields).map(([key, value]) => [key, references.includes(key) ? name(value) : value]),
    );
    return { ...authored, entity: operation === "create" ? entity : String(name(entity)), fields };
  }

  #lookUp(events: readonly DomainEvent[], position: number): Working {
    return {
      entity: (collection, id) => this.#entities.get(entityKey(collection, id)),
      event: (index) => events[position + index],
      head: this.head,
    };
  }

  /** Compares what was decided with what should have been, and takes it in. Answers how many events it used. */
  #settle(group: Group, judgement: Judgement, events: readonly DomainEvent[]): number {
    const names = (): string => group.map(({ receipt }) => `${receipt.device}#${receipt.counter}`).join(", ");
    const refused = group.filter(({ receipt }) => receipt.outcome === "rejected");
    demand(refused.length === 0 || refused.length === group.length, "atomic", () => `half of ${names()} was refused`);
    if (refused.length > 0) {
      this.counts.rejected += refused.length;
      const codes = refused.map(({ receipt }) => String(JSON.parse(receipt.detail ?? "{}").code));
      const possible = judgement.refusals;
      const isRight = codes.every((code) => code === "transaction-failed" || possible.has(code));
      demand(possible.size > 0 && isRight, "oracle", () => {
        return `${names()} was refused with ${codes.join(", ")}; expected ${[...possible].join(" or ") || "to be taken"}`;
      });
      return 0;
    }
    demand(judgement.steps !== null, "oracle", () => {
      return `${names()} was taken, but should have been refused: ${[...judgement.refusals].join(" or ")}`;
    });
    if (group.length > 1) this.counts.transactions += 1;
    let used = 0;
    for (const [index, { receipt, authored }] of group.entries()) {
      const step = judgement.steps[index];
      if (step === undefined) continue;
      if (step.event === null) {
        // Deleting what is deleted needs no event.
        demand(receipt.outcome === "applied", "oracle", () => `${names()}: outcome ${receipt.outcome}`);
        continue;
      }
      const event = events[used];
      used += 1;
      demand(event !== undefined, "log", () => `${names()} was ${receipt.outcome} without an event`);
      compareEvent(event, authored, step.event, receipt);
      this.#take(event, step.event);
    }
    const last = events[used - 1];
    demand(last === undefined || last.remaining === 0, "atomic", () => `the transaction at ${last?.offset} is cut`);
    return used;
  }

  #take(event: DomainEvent, expected: NonNullable<NonNullable<Judgement["steps"]>[number]["event"]>): void {
    demand(event.offset === this.head + 1, "gapless", () => `event ${event.offset} follows ${this.head}`);
    let entity = this.#entities.get(entityKey(event.collection, event.entity));
    if (entity === undefined) {
      entity = newEntity(event.collection, event.entity);
      this.#add(entityKey(event.collection, event.entity), entity);
    }
    const isForgotten = entity.row === null && entity.at <= this.#purged && event.previous === 0;
    demand(isForgotten || event.previous === entity.at, "log", () => {
      return `event ${event.offset} says ${event.previous} was before it, not ${entity?.at}`;
    });
    if (expected.alias !== null) this.#aliases.set(expected.alias, event.entity);
    const row = this.#rowOf(event);
    demand(sameRow(row, expected.row), "oracle", () => {
      return `event ${event.offset} (${event.device}#${event.counter}) leaves ${text(row)} instead of ${text(expected.row)}`;
    });
    if (row === null && entity.row !== null) this.counts.tombstones += 1;
    entity.row = row;
    entity.at = event.offset;
    entity.writes = expected.writes;
    entity.deletion = expected.deletion;
    entity.history.push({ offset: event.offset, row });
    this.#log.push({ whole: event.remaining === 0, entity });
    this.counts.events += 1;
    this.counts.conflicts += event.decisions.length;
    if (event.claimed !== null) this.counts.restamped += 1;
  }

  #rowOf({ row, collection }: Pick<DomainEvent, "row" | "collection">): Row | null {
    if (row === null) return null;
    return Object.fromEntries(this.columns(collection).map((name, index) => [name, row[index]]));
  }

  /** The states that a commit stores are those that its events leave. */
  #compareEntities(commit: Commit): void {
    for (const stored of commit.entities) {
      const entity = this.#entities.get(entityKey(stored.collection, stored.id));
      demand(
        entity !== undefined && entity.at === stored.at,
        "log",
        () => `${stored.id} is stored as of ${stored.at}, not ${entity?.at}`,
      );
      const row = this.#rowOf({
        row: stored.row === null ? null : JSON.parse(stored.row),
        collection: stored.collection,
      });
      demand(
        sameRow(row, entity.row),
        "log",
        () => `${stored.id} is stored as ${text(row)} instead of ${text(entity.row)}`,
      );
    }
    for (const event of commit.events) {
      const entity = this.#log[event.offset - 1]?.entity;
      const isStored = commit.entities.some(
        ({ collection, id }) => collection === entity?.collection && id === entity.id,
      );
      demand(isStored, "log", () => `event ${event.offset} is in a commit that does not store its entity`);
    }
  }
}

type Group = ReadonlyArray<{ readonly receipt: Receipt; readonly authored: Authored }>;

const KINDS: ReadonlyMap<string, string> = new Map([
  ["create", "created"],
  ["update", "updated"],
  ["delete", "deleted"],
]);

function compareEvent(
  event: DomainEvent,
  authored: Authored,
  expected: NonNullable<NonNullable<Judgement["steps"]>[number]["event"]>,
  receipt: Receipt,
): void {
  const which = `event ${event.offset} (${authored.device}#${authored.counter})`;
  const isOwn = event.device === authored.device && event.counter === authored.counter && event.user === authored.user;
  demand(isOwn, "order", () => `${which} is by ${event.device}#${event.counter} of ${event.user}`);
  demand(receipt.offset === event.offset, "log", () => `${which} has a receipt for offset ${receipt.offset}`);
  const kind = KINDS.get(authored.operation);
  demand(
    event.kind === kind && event.collection === authored.collection,
    "log",
    () => `${which} is ${event.collection}.${event.kind}`,
  );
  demand(
    event.seen === authored.floor,
    "causal",
    () => `${which} was written at ${authored.floor}, recorded as ${event.seen}`,
  );
  const decisions = event.decisions.map(({ field, winner }) => `${field ?? "*"}:${winner}`).sort();
  demand(decisions.join() === [...expected.decisions].sort().join(), "oracle", () => {
    return `${which} records the conflicts [${decisions.join()}] instead of [${expected.decisions.join()}]`;
  });
  const outcome = decisions.length === 0 ? "applied" : "merged";
  demand(receipt.outcome === outcome, "oracle", () => `${which} was called ${receipt.outcome} instead of ${outcome}`);
  const changed = [...event.changed].sort().join();
  demand(
    changed === [...expected.changed].sort().join(),
    "log",
    () => `${which} names as changed ${changed} instead of ${expected.changed.join()}`,
  );
}

export function inScope(scope: Scope, id: string, row: Row): boolean {
  return mayRead(scope.collection, row, scope.user, scope.role) && matchesFilter(scope.filter, id, row);
}

function rowOf(entity: Entity, offset: Offset): Row | null {
  for (let index = entity.history.length - 1; index >= 0; index--) {
    const state = entity.history[index];
    if (state !== undefined && state.offset <= offset) return state.row;
  }
  return null;
}

/** Rows are the same when every field has the same JSON. */
export function sameRow(left: Row | null, right: Row | null): boolean {
  return left === right || text(left) === text(right);
}

/** A row as one text, fields by name. */
export function text(row: Row | null): string {
  if (row === null) return "nothing";
  return JSON.stringify(
    Object.keys(row)
      .sort()
      .map((name) => [name, row[name]]),
  );
}
