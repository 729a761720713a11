/**
 * Holds the real hub against the model, turn by turn: what became of each mutation, every decision record, every row and
 * every review. Says in words where they part.
 */
import type { DomainEvent, JsonObject, JsonValue, MutationRow, Review } from "@tidelock/core";
import { tenant } from "../engine/names.ts";
import { Model } from "./model.ts";
import type { Said, Verdict } from "./model-entity.ts";
import { canonical, type Ruling } from "./model-field.ts";
import type { Server, Turn } from "./server.ts";

const REVIEWS = "tidelock.reviews";

/** How often what happened: a test of conflicts without conflicts proves nothing. */
export type Counts = Map<string, number>;

export function count(counts: Counts, what: string, by: number = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + by);
}

export class Judge {
  readonly model = new Model();
  readonly counts: Counts;
  readonly #server: Server;
  #judged = 0;

  constructor(server: Server, counts: Counts) {
    this.#server = server;
    this.counts = counts;
  }

  /** Looks at the turns that are new. Throws where hub and model disagree. */
  judge(): void {
    const { turns } = this.#server;
    for (; this.#judged < turns.length; this.#judged++) this.#turn(turns[this.#judged] as Turn);
  }

  #turn(turn: Turn): void {
    const { events, receipts, now, rows } = turn;
    const said = rows.length > 0 ? rows.map((row) => this.#said(turn, row)) : [this.#expiry(turn)];
    const closed = new Set(
      [...this.model.reviews.values()].flatMap(({ id, outcome }) => (outcome === null ? [] : [id])),
    );
    const verdicts = this.model.take(said, now, {
      created: events
        .filter(({ kind, collection }) => kind === "created" && collection === "cards")
        .map(({ entity }) => entity),
      review: (collection, entity, field) => {
        const opened = events.find(
          (event) =>
            event.collection === REVIEWS &&
            event.kind === "created" &&
            isAbout(this.#review(event), collection, entity, field),
        );
        return opened?.entity ?? `nobody opened a review of ${collection}/${entity} ${field ?? "*"}`;
      },
    });
    for (const [at, verdict] of verdicts.entries()) {
      const receipt = receipts[at];
      const code =
        receipt?.detail === null || receipt === undefined
          ? null
          : ((JSON.parse(receipt.detail) as { code?: string }).code ?? null);
      this.#same(turn, "the outcome", [receipt?.outcome ?? null, code], [verdict.outcome, verdict.code]);
      this.#records(turn, said[at] as Said, verdict, receipt?.detail ?? null);
      this.#count(said[at] as Said, verdict);
    }
    for (const event of events) {
      if (event.collection !== REVIEWS)
        this.#same(
          turn,
          `${event.collection}/${event.entity}`,
          lastRow(this.#server, events, event),
          this.model.row(event.collection, event.entity),
        );
      else
        this.#judgeReview(
          turn,
          event.entity,
          this.#review(events.findLast(({ entity }) => entity === event.entity) ?? event),
        );
    }
    for (const { id, outcome } of this.model.reviews.values())
      if (outcome !== null && !closed.has(id)) count(this.counts, `review closed: ${outcome.kind}`);
    this.#countEvents(turn);
  }

  #countEvents({ rows, events }: Turn): void {
    const { counts } = this;
    if (rows.length > 1) count(counts, "transactions");
    for (const { kind, collection, previous, changed, claimed } of events) {
      if (claimed !== null) count(counts, "events with another stamp than claimed");
      if (collection !== REVIEWS && kind === "created" && previous > 0) count(counts, "entities that came back");
      if (collection !== REVIEWS) continue;
      if (kind === "created") count(counts, "reviews opened");
      else if (changed.includes("candidates")) count(counts, "reviews joined");
    }
    for (const [, , , entity] of rows) if (entity.startsWith("tmp:")) count(counts, "temporary ids");
  }

  #said({ person }: Turn, [counter, operation, collection, entity, fields, seen, stamp]: MutationRow): Said {
    return {
      ...person,
      counter,
      operation,
      collection,
      entity,
      fields,
      stamp: BigInt(`0x${stamp}`),
      horizon: this.#server.turnAt(seen),
    };
  }

  /** The server has decided by itself: its device and number, and which review. */
  #expiry({ person, receipts, events, now }: Turn): Said {
    const review =
      events.find((event) => event.collection === REVIEWS && this.#review(event).outcome?.kind === "expired")?.entity ??
      "none";
    const { counter = 0 } = receipts[0] ?? {};
    const about = { operation: "expire", collection: REVIEWS, entity: review, fields: {} };
    return { ...person, counter, ...about, stamp: BigInt(now) * 65_536n, horizon: Number.POSITIVE_INFINITY };
  }

  /** Every decision record of the mutation's events, and what its author was told of them. */
  #records(turn: Turn, said: Said, verdict: Verdict, detail: string | null): void {
    const mine = turn.events.filter(({ counter }) => counter === said.counter);
    const decisions = mine.flatMap((event) => event.decisions);
    const found = decisions.map((decision) => ({
      ...decision,
      version: decision.policyVersion,
      base: decision.base,
      current: sideOf(decision.current),
      incoming: sideOf(decision.incoming),
    }));
    this.#same(turn, "the decisions", found.map(plain).sort(), verdict.rulings.map(plain).sort());
    const told = detail === null ? [] : ((JSON.parse(detail) as { conflicts?: readonly JsonValue[] }).conflicts ?? []);
    const isTold = !["decide", "expire", "call"].includes(said.operation);
    this.#same(turn, "what the author is told", told, isTold ? decisions : []);
  }

  #review(event: DomainEvent): Review {
    const columns = columnsOf(this.#server, REVIEWS);
    return Object.fromEntries(columns.map((name, at) => [name, event.row?.[at] ?? null])) as unknown as Review;
  }

  #judgeReview(turn: Turn, id: string, review: Review): void {
    const expected = this.model.reviews.get(id);
    if (expected === undefined)
      throw new Error(`the model knows no review ${id} of ${review.collection}/${review.entity}`);
    const note = (name: string): JsonValue => expected.notes.get(name)?.value ?? null;
    const { collection, entity, field, policy, version, outcome } = expected;
    const of = review.outcome;
    this.#same(
      turn,
      `the review ${id}`,
      {
        ...{ collection: review.collection, entity: review.entity, field: review.field, policy: review.policy },
        ...{ version: review.policyVersion, base: review.base, status: review.status },
        candidates: review.candidates.map((each) => [each.id, each.user, plainSide(sideOf(each))]),
        notes: [review.assignee, review.note, review.due, review.onExpiry],
        outcome: of === null ? null : [of.kind, of.candidate, of.value, of.user, of.device],
      },
      {
        ...{ collection, entity, field, policy, version, base: expected.base === undefined ? [] : [expected.base] },
        status: outcome === null ? "open" : "closed",
        candidates: expected.candidates.map((each) => [
          `${each.device}:${each.counter}`,
          each.by.user,
          plainSide(each),
        ]),
        notes: ["assignee", "note", "due", "onExpiry"].map(note),
        outcome:
          outcome === null ? null : [outcome.kind, outcome.candidate, outcome.value, outcome.user, outcome.device],
      },
    );
    const row = this.model.row(collection, entity);
    if (outcome !== null || row === null) return;
    const { "tidelock.review": _, ...fields } = row;
    this.#same(turn, `the row of the review ${id}`, review.row, { id: entity, ...fields });
  }

  /** At the end: everything that is stored, and nothing besides. */
  conclude(): void {
    this.judge();
    const stored = storedRows(this.#server);
    for (const collection of ["things", "plans", "deals", "cards"]) {
      const expected = [...this.model.entities.values()].filter(
        (entity) => entity.collection === collection && entity.isThere,
      );
      const rows = stored.get(collection) ?? new Map<string, JsonObject>();
      this.#same(undefined, `the ids of ${collection}`, [...rows.keys()].sort(), expected.map(({ id }) => id).sort());
      for (const [id, row] of rows) this.#same(undefined, `${collection}/${id}`, row, this.model.row(collection, id));
    }
    this.#same(
      undefined,
      "the ids of reviews",
      [...(stored.get(REVIEWS)?.keys() ?? [])].sort(),
      [...this.model.reviews.keys()].sort(),
    );
    count(this.counts, "restamped", this.model.restamped);
    for (const times of this.model.raised.values()) count(this.counts, "raised", times);
    count(this.counts, "turns", this.#server.turns.length);
  }

  #count({ operation }: Said, { outcome, code, rulings }: Verdict): void {
    count(this.counts, "mutations");
    count(this.counts, outcome === "rejected" ? `refused: ${code}` : `${operation}: ${outcome}`);
    for (const ruling of rulings) countRuling(this.counts, ruling, operation);
  }

  #same(turn: Turn | undefined, what: string, engine: unknown, model: unknown): void {
    if (canonical(engine) === canonical(model)) return;
    const where = turn === undefined ? "at the end" : `turn ${this.#judged + 1}, ${describe(turn)}`;
    throw new Error(`${where}\n${what} differs\n  hub:   ${canonical(engine)}\n  model: ${canonical(model)}`);
  }
}

function countRuling(counts: Counts, { field, policy, winner, current, incoming }: Ruling, operation: string): void {
  if (operation === "decide" || operation === "expire") return;
  count(counts, `conflict: ${field === null ? "delete " : ""}${policy}: ${winner}`);
  if (current.stamp === incoming.stamp) count(counts, `tie: ${policy}`);
}

function isAbout(review: Review, collection: string, entity: string, field: string | null): boolean {
  return review.collection === collection && review.entity === entity && review.field === field;
}

type Sided = { readonly device: string; readonly counter: number; readonly stamp: string; readonly value: JsonValue };
function sideOf({ device, counter, stamp, value }: Sided): Ruling["current"] {
  return { device, counter, stamp: BigInt(`0x${stamp}`), value };
}
function plainSide({ device, counter, stamp, value }: Ruling["current"]): string {
  return canonical([device, counter, stamp, value]);
}
function plain({ field, policy, version, winner, value, base, current, incoming }: Ruling): string {
  return canonical([field, policy, version, winner, value, base ?? "unknown", plainSide(current), plainSide(incoming)]);
}

export function columnsOf({ rig }: Server, collection: string): readonly string[] {
  return rig.disk.openTenant(tenant).columns.get(collection) ?? [];
}

function asObject(columns: readonly string[], row: readonly JsonValue[]): JsonObject {
  return Object.fromEntries(columns.map((name, at) => [name, row[at] ?? null]));
}

/** The row of an entity after the last of some events. */
function lastRow(
  server: Server,
  events: readonly DomainEvent[],
  { collection, entity }: DomainEvent,
): JsonObject | null {
  const row = events.findLast((event) => event.collection === collection && event.entity === entity)?.row ?? null;
  if (row === null) return null;
  const all = asObject(columnsOf(server, collection), row);
  return collection === "cards" ? { ...all, "tidelock.review": null } : all;
}

/** What the server's disk holds, by collection and id. */
export function storedRows(server: Server): Map<string, Map<string, JsonObject>> {
  const { disk } = server.rig;
  const all = new Map<string, Map<string, JsonObject>>();
  for (const [collection, columns] of disk.openTenant(tenant).columns) {
    const rows = new Map<string, JsonObject>();
    for (const { id, row } of disk.readPage(tenant, collection, null, 10_000).entities) {
      const values = asObject(columns, JSON.parse(row ?? "[]") as readonly JsonValue[]);
      rows.set(id, collection === "cards" ? { ...values, "tidelock.review": null } : values);
    }
    all.set(collection, rows);
  }
  return all;
}

export function describe({ person, rows, receipts }: Pick<Turn, "person" | "rows" | "receipts">): string {
  const said = rows.map(
    ([counter, operation, collection, entity, fields, seen, stamp]) =>
      `#${counter} ${operation} ${collection}/${entity} ${JSON.stringify(fields)} seen ${seen} stamp ${stamp}`,
  );
  return `${person.device} (${person.user}, ${person.role ?? "nobody"}): ${said.join("; ") || `expires, #${receipts[0]?.counter}`}`;
}
