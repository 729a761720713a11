/**
 * What must be true of any log of the hub, whatever the policies say; told from the pushes and the log alone, without the
 * model.
 *
 * - A record's sides are writes that were made, with the values that were written.
 * - Nobody overwrites what they had not seen without a record that says so.
 * - A write that does not stand was replaced by somebody who had seen it, or is in a record, or is a candidate of a review.
 */
import type { Decision, DomainEvent, JsonObject, JsonValue } from "@tidelock/core";
import { count, columnsOf, type Counts, storedRows } from "./judge.ts";
import { canonical, same } from "./model-field.ts";
import { COLLECTIONS } from "./model-words.ts";
import type { Server, Turn } from "./server.ts";

const REVIEWS = "tidelock.reviews";

/** One write, and what its author had seen. */
interface Write {
  readonly device: string;
  readonly counter: number;
  /** What its author had seen of the log. */
  readonly seen: number;
  readonly offset: number;
}

function hasSeen(
  by: Pick<Write, "device" | "counter" | "seen">,
  other: Pick<Write, "device" | "counter" | "offset">,
): boolean {
  return other.offset <= by.seen || (other.device === by.device && other.counter <= by.counter);
}

export class Laws {
  readonly #server: Server;
  readonly #events: readonly DomainEvent[];
  readonly #written = new Map<string, JsonObject>();
  readonly #rows = new Map<string, JsonObject | null>();
  /** For each field, whose writes its value is made of: one, or all that a rule merged. */
  readonly #makers = new Map<string, readonly DomainEvent[]>();
  /** For each field, who wrote meanwhile what it had already. */
  readonly #alike = new Map<string, DomainEvent[]>();
  readonly #named = new Set<string>();
  readonly #calls = new Set<string>();
  readonly #final: ReturnType<typeof storedRows>;

  constructor(server: Server) {
    this.#server = server;
    this.#final = storedRows(server);
    for (const { person, rows } of server.turns)
      for (const [counter, operation] of rows) if (operation === "call") this.#calls.add(`${person.device}:${counter}`);
    this.#events = server.turns.flatMap(({ events }) => events);
    for (const { person, rows } of server.turns)
      for (const [counter, operation, , , fields] of rows)
        this.#written.set(`${person.device}:${counter}`, operation === "decide" || operation === "call" ? {} : fields);
  }

  check(counts: Counts): void {
    for (const event of this.#events) {
      if (event.collection !== REVIEWS) {
        for (const decision of event.decisions) this.#decision(event, decision);
        this.#overwrites(event);
      }
      this.#rows.set(`${event.collection}/${event.entity}`, this.#object(event));
    }
    for (const turn of this.#server.turns) this.#losses(turn, counts);
  }

  #object({ collection, row }: DomainEvent): JsonObject | null {
    if (row === null) return null;
    return Object.fromEntries(columnsOf(this.#server, collection).map((name, at) => [name, row[at] ?? null]));
  }

  #fail(what: string, event: DomainEvent, more: unknown): never {
    throw new Error(
      `${what}: event ${event.offset}, ${event.collection}/${event.entity} by ${event.device}#${event.counter}: ${canonical(more)}`,
    );
  }

  // ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #decision(event: DomainEvent, decision: Decision): void {
    const { current, incoming, field, policy } = decision;
    for (const side of [current, incoming]) {
      this.#named.add(`${event.collection}/${event.entity}/${side.device}:${side.counter}`);
      const source = this.#events[side.offset - 1];
      if (source?.device !== side.device || source.counter !== side.counter || source.entity !== event.entity)
        this.#fail("a side that nobody wrote", event, side);
      if (side.user !== null && side.user !== source.user) this.#fail("a side of somebody else", event, side);
    }
    if (
      current.offset === incoming.offset &&
      current.device === incoming.device &&
      current.counter === incoming.counter
    )
      this.#fail("both sides are the same write", event, decision);
    const isMine = incoming.device === event.device && incoming.counter === event.counter;
    if (!isMine || field === null || policy === "set" || policy === "list") return;
    const written = this.#writtenBy(event)[field];
    if (written !== undefined && !isTemporary(written) && !same(written, incoming.value))
      this.#fail("a value that was not written", event, incoming);
    const before = this.#rows.get(`${event.collection}/${event.entity}`)?.[field];
    if (before !== undefined && !same(before, current.value))
      this.#fail("a value that the field did not have", event, current);
  }

  // ── overwriting ──────────────────────────────────────────────────────────────────────────────────────────────────

  #overwrites(event: DomainEvent): void {
    const { collection, entity, decisions, changed, device, counter } = event;
    const row = this.#object(event);
    const by = { device, counter, seen: this.#seenBy(event) };
    const isCall = this.#calls.has(`${device}:${counter}`);
    const isTold = (name: string): boolean =>
      decisions.some(({ field }) => field === name || (row === null && field === null));
    for (const [name, words] of Object.entries(COLLECTIONS[collection]?.fields ?? {})) {
      if (words.policy !== "value") continue;
      const key = `${collection}/${entity}/${name}`;
      const makers = this.#makers.get(key) ?? [];
      const alike = this.#alike.get(key) ?? [];
      const isWritten = row === null ? event.kind === "deleted" : changed.includes(name) || makers.length === 0;
      if (!isWritten) {
        // What a call wrote shows only where it changed something.
        if (row !== null && (isCall || same(this.#writtenBy(event)[name], row[name])))
          this.#alike.set(key, [...alike, event]);
        continue;
      }
      const unseen = makers.filter((maker) => ![maker, ...alike].some((other) => hasSeen(by, other)));
      if (unseen.length > 0 && !isTold(name))
        this.#fail("overwritten unseen without a record", event, [name, unseen.map(({ offset }) => offset)]);
      if (row === null) continue;
      const ruling = decisions.find(({ field }) => field === name);
      this.#alike.delete(key);
      this.#makers.set(key, ruling?.winner === "merged" && ruling.policy !== "review" ? [...makers, event] : [event]);
    }
  }

  /** A call sees all that it meets. */
  #seenBy({ device, counter, seen }: DomainEvent): number {
    return this.#calls.has(`${device}:${counter}`) ? Number.POSITIVE_INFINITY : seen;
  }

  // ── losing ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Every write of a turn stands, was replaced by somebody who had seen it, or is told somewhere. */
  #losses(turn: Turn, counts: Counts): void {
    for (const [at, [counter, operation, collection]] of turn.rows.entries()) {
      const receipt = turn.receipts[at];
      if (operation !== "update" && operation !== "create") continue;
      if (receipt?.outcome === "rejected" || collection === REVIEWS) continue;
      const event = turn.events.find((each) => each.counter === counter && each.collection === collection);
      if (event === undefined) throw new Error(`${turn.person.device}#${counter} left no event`);
      for (const [name, value] of Object.entries(this.#written.get(`${event.device}:${counter}`) ?? {}))
        if (COLLECTIONS[collection]?.fields[name]?.policy === "value") this.#loss(event, name, value, counts);
    }
  }

  #loss(event: DomainEvent, name: string, value: JsonValue, counts: Counts): void {
    const { collection, entity, device, counter, offset } = event;
    count(counts, "values followed");
    const current = this.#final.get(collection)?.get(entity)?.[name];
    if ((current !== undefined && same(current, value)) || isTemporary(value)) return;
    if (this.#named.has(`${collection}/${entity}/${device}:${counter}`))
      return count(counts, "values told in a record");
    const history = this.#events.filter((each) => each.collection === collection && each.entity === entity);
    const later = history.filter((each) => each.offset > offset);
    // Of several who wrote the same it is enough that one was seen.
    const alike = history.filter((each) => each === event || same(this.#writtenBy(each)[name], value));
    const wasReplaced = later.some((each) => {
      const by = { device: each.device, counter: each.counter, seen: this.#seenBy(each) };
      // What a call wrote shows only where it changed something.
      const isCall = this.#calls.has(`${each.device}:${each.counter}`);
      const writes =
        each.kind === "deleted" || isCall || Object.hasOwn(this.#writtenBy(each), name) || each.changed.includes(name);
      return writes && alike.some((other) => other.offset < each.offset && hasSeen(by, other));
    });
    if (wasReplaced) return;
    const isTold = later.some(({ decisions }) => decisions.some((decision) => tells(decision, name, value)));
    if (!isTold) this.#fail("a value is gone without a trace", event, { [name]: value });
  }

  #writtenBy({ device, counter }: DomainEvent): JsonObject {
    return this.#written.get(`${device}:${counter}`) ?? {};
  }
}

function isTemporary(value: JsonValue): boolean {
  return typeof value === "string" && value.startsWith("tmp:");
}

/** Whether a record has a value of a field on one of its sides, alone or within the entity. */
function tells({ field, current, incoming }: Decision, name: string, value: JsonValue): boolean {
  return [current, incoming].some((side) => {
    if (field === name) return same(side.value, value);
    if (field !== null || typeof side.value !== "object" || side.value === null) return false;
    return same((side.value as JsonObject)[name], value);
  });
}
