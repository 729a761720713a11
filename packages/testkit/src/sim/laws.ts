/**
 * Laws of conflicts, read from the log alone: they hold whatever the rules say, and whether or not the judge would have
 * decided alike.
 *
 * - An entity is marked exactly while a review of it is open, and the mark names that review.
 * - A review is decided once, by somebody who had seen every candidate, or by the server when its time is up, not before.
 * - While it is open its first candidate is what the field has, and no candidate leaves unless its device has said more.
 * - A review's `row` is what its entity is, so that the read rule of the one is that of the other.
 * - A value that lost is in a decision, or in a candidate.
 */
import type { DomainEvent } from "@tidelock/core";
import { type Shown } from "./comparing.ts";
import { hasSeen, type Seer } from "./causality.ts";
import { isReviewable, reading, REVIEWS, type Row, WHOLE } from "./readings.ts";
import { type Candidate, candidatesOf, canonical } from "./reviewing.ts";
import { demand } from "./violation.ts";

/** What an author had seen, and what it wrote. */
export type FindAuthor = (event: DomainEvent) => (Seer & { readonly fields: Row }) | null;

interface Known {
  shown: Shown;
  /** The last row that there was. */
  row: Row | null;
  /** Everybody who wrote what a field has. */
  readonly writers: Map<string, readonly DomainEvent[]>;
  /** Who brought an item of a list, by field and item. */
  readonly makers: Map<string, DomainEvent>;
}

export class Laws {
  readonly #entities = new Map<string, Known>();
  /** Open reviews by entity. */
  readonly #open = new Map<string, Set<string>>();

  /** A transaction is in the log. */
  check(events: readonly DomainEvent[], shownOf: (event: DomainEvent) => Shown, authorOf: FindAuthor): void {
    const touched = new Set<string>();
    for (const event of events) {
      const key = `${event.collection}/${event.entity}`;
      const shown = shownOf(event);
      if (event.collection === REVIEWS) {
        this.#checkReview(event, shown.row ?? {}, this.#entities.get(key)?.row ?? null, authorOf(event));
        touched.add(`${String(shown.row?.["collection"])}/${String(shown.row?.["entity"])}`);
      } else {
        // After a trim an id may be used again: reviews of what was deleted long ago say nothing of the new entity.
        if (event.kind === "created" && event.previous === 0) this.#open.delete(key);
        this.#checkLosses(event, shown, this.#entities.get(key), authorOf(event));
        touched.add(key);
      }
      this.#note(key, event, shown, authorOf(event)?.fields ?? {});
    }
    for (const key of touched) this.#checkMarks(key, events.at(-1)?.offset ?? 0);
  }

  /** The log was replaced by what it was when this was called. */
  save(): () => void {
    const entities = [...this.#entities].map(([key, known]) => {
      return [key, copyOf(known)] as const;
    });
    const open = [...this.#open].map(([key, ids]) => [key, new Set(ids)] as const);
    return () => {
      this.#entities.clear();
      for (const [key, known] of entities) this.#entities.set(key, copyOf(known));
      this.#open.clear();
      for (const [key, ids] of open) this.#open.set(key, new Set(ids));
    };
  }

  /** Reviews whose time is up and that are still open, with how long that is. */
  *overdue(now: number): Iterable<readonly [id: string, by: number]> {
    for (const ids of this.#open.values()) {
      for (const id of ids) {
        const due = this.#entities.get(`${REVIEWS}/${id}`)?.row?.["due"];
        if (typeof due === "number" && due < now) yield [id, now - due];
      }
    }
  }

  #note(key: string, event: DomainEvent, shown: Shown, written: Row): void {
    const isFirst = event.kind === "created" && event.previous === 0;
    const known = (isFirst ? undefined : this.#entities.get(key)) ?? blank(shown);
    for (const name of event.changed) {
      const before = itemsOf(known.row?.[name]);
      for (const id of itemsOf(shown.row?.[name])) if (!before.includes(id)) known.makers.set(`${name} ${id}`, event);
    }
    known.shown = shown;
    known.row = shown.row ?? known.row;
    for (const [name, value] of Object.entries(shown.row ?? {})) {
      const writers = known.writers.get(name) ?? [];
      // A field that was not named was written by the create as well, unless it came back from a grave.
      if (event.changed.includes(name) || writers.length === 0) known.writers.set(name, [event]);
      else if (canonical(written[name]) === canonical(value)) known.writers.set(name, [...writers, event]);
    }
    this.#entities.set(key, known);
  }

  // ── marks ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #checkMarks(key: string, offset: number): void {
    const known = this.#entities.get(key);
    const open = [...(this.#open.get(key) ?? [])].map((id): [string, string] => {
      const field = this.#entities.get(`${REVIEWS}/${id}`)?.row?.["field"];
      return [typeof field === "string" ? field : WHOLE, id];
    });
    const which = `at ${offset} ${key}`;
    // A tombstone has no column for its mark, and nothing of it waits but the whole.
    const isDeleted = known === undefined || known.shown.row === null;
    const marks = isDeleted ? open.filter(([field]) => field === WHOLE) : [...known.shown.marks];
    const isSame = canonical(Object.fromEntries(open)) === canonical(Object.fromEntries(marks));
    demand(isSame && new Set(open.map(([field]) => field)).size === open.length, "marks", () => {
      return `${which} is marked ${JSON.stringify(marks)}; open are ${JSON.stringify(open)}`;
    });
    for (const [field, id] of open) {
      const review = this.#entities.get(`${REVIEWS}/${id}`)?.row ?? {};
      const { id: _id, ...row } = review["row"] as Row;
      demand(canonical(row) === canonical(known?.row), "review-row", () => {
        return `${which} is ${canonical(known?.row)}; its review ${id} shows ${canonical(row)}`;
      });
      const [accepted] = candidatesOf(review);
      const isKept = field === WHOLE || canonical(accepted?.value) === canonical(known?.shown.row?.[field]);
      demand(isKept, "review-kept", () => `${which} has another ${field} than ${id} has accepted`);
    }
  }

  // ── reviews ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #checkReview(event: DomainEvent, row: Row, before: Row | null, seer: Seer | null): void {
    const key = `${String(row["collection"])}/${String(row["entity"])}`;
    const open = this.#open.get(key) ?? new Set();
    this.#open.set(key, open);
    const which = `review ${event.entity} at ${event.offset}`;
    demand(isReviewable(String(row["collection"])), "review", () => `${which} is of ${key}, which needs none`);
    if (before === null) {
      demand(row["status"] === "open" && row["outcome"] === null, "review", () => `${which} begins closed`);
      demand(
        candidatesOf(row).length >= 2,
        "review",
        () => `${which} begins with ${candidatesOf(row).length} candidate`,
      );
      open.add(event.entity);
      return;
    }
    const fixed = ["collection", "entity", "field", "policy", "policyVersion", "reason", "base", "openedAt"];
    for (const name of fixed) {
      demand(canonical(row[name]) === canonical(before[name]), "review", () => `${which} changes its ${name}`);
    }
    this.#checkCandidates(which, event, candidatesOf(row), candidatesOf(before));
    if (before["status"] === "closed") {
      const isSame = row["status"] === "closed" && canonical(row["outcome"]) === canonical(before["outcome"]);
      return demand(isSame, "decided-once", () => `${which} was decided, and is now ${canonical(row["outcome"])}`);
    }
    if (row["status"] === "open")
      return demand(row["outcome"] === null, "review", () => `${which} is open with an outcome`);
    open.delete(event.entity);
    this.#checkOutcome(which, event, row, before, seer);
  }

  #checkCandidates(which: string, event: DomainEvent, now: readonly Candidate[], before: readonly Candidate[]): void {
    const [accepted] = before;
    for (const candidate of before) {
      const isHere = now.some((each) => canonical(each) === canonical(candidate));
      const makesWay = candidate !== accepted && candidate.device === event.device;
      demand(isHere || makesWay, "candidates", () => `${which} has lost the candidate ${canonical(candidate)}`);
    }
    demand(canonical(now[0]) === canonical(accepted), "candidates", () => `${which} has another value accepted`);
  }

  #checkOutcome(which: string, event: DomainEvent, row: Row, before: Row, seer: Seer | null): void {
    const outcome = row["outcome"] as {
      readonly kind: string;
      readonly candidate: string | null;
      readonly value: unknown;
    };
    const candidates = candidatesOf(before);
    demand(row["closedAt"] === event.time, "review", () => `${which} was closed at ${String(row["closedAt"])}`);
    if (outcome.kind === "deleted") return;
    if (outcome.kind === "expired") {
      const due = before["due"];
      const isDue = typeof due === "number" && due <= event.time;
      demand(isDue, "early", () => `${which} expired at ${event.time}; it was due at ${String(due)}`);
    } else {
      const unseen = candidates.find((candidate) => seer === null || !hasSeen(seer, candidate));
      demand(unseen === undefined, "unseen", () => `${which} was decided over ${unseen?.id}, which was not seen`);
    }
    const chosen = candidates.find(({ id }) => id === outcome.candidate);
    const isFair = outcome.candidate === null || canonical(chosen?.value) === canonical(outcome.value);
    demand(isFair, "review", () => `${which} ended with ${canonical(outcome)}`);
  }

  // ── what lost ────────────────────────────────────────────────────────────────────────────────────────────────────

  #checkLosses(event: DomainEvent, { row }: Shown, before: Known | undefined, seer: Seer | null): void {
    if (before === undefined || before.shown.row === null || seer === null) return;
    const which = `event ${event.offset} (${event.device}#${event.counter})`;
    for (const name of event.changed) {
      const old = before.shown.row[name];
      const writers = before.writers.get(name) ?? [];
      const [writer] = writers;
      if (writer === undefined || writers.some((each) => hasSeen(seer, each))) continue;
      const by = reading(event.collection, name)?.settling.by;
      if (by === "set" || by === "counter") continue;
      if (by === "list" && row !== null) {
        this.#checkItems(which, event, name, before, row[name], seer);
        continue;
      }
      const isKept = event.decisions.some((decision) => holds(decision, name, old));
      demand(isKept, "lost", () => `${which} writes over ${name} ${canonical(old)}, which its author had not seen`);
    }
  }

  /** An item that somebody brought does not go without a word from who had not seen it. */
  #checkItems(
    which: string,
    event: DomainEvent,
    name: string,
    { shown, makers }: Known,
    now: unknown,
    seer: Seer,
  ): void {
    const remaining = itemsOf(now);
    for (const id of itemsOf(shown.row?.[name])) {
      const maker = makers.get(`${name} ${id}`);
      if (remaining.includes(id) || maker === undefined || hasSeen(seer, maker)) continue;
      const isSaid = event.decisions.some((decision) => {
        return decision.field === name && canonical(decision.current.value).includes(`"${id}"`);
      });
      demand(isSaid, "lost", () => `${which} removes the item ${id} of ${name}, which its author had not seen`);
    }
  }
}

function blank(shown: Shown): Known {
  return { shown, row: null, writers: new Map(), makers: new Map() };
}

function copyOf(known: Known): Known {
  return { ...known, writers: new Map(known.writers), makers: new Map(known.makers) };
}

type Decision = DomainEvent["decisions"][number];

/** Whether a decision keeps an old value: of the field, or of the field within the whole entity. */
function holds({ field, current, incoming, policy }: Decision, name: string, old: unknown): boolean {
  if (field === name) return canonical(current.value) === canonical(old) || policy === "review";
  if (field !== null) return false;
  return [current, incoming].some(({ value }) => {
    return typeof value === "object" && value !== null && canonical((value as Row)[name]) === canonical(old);
  });
}

/** The ids of a list's items; of what is no list of items, none. */
function itemsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) => {
    const { id } = (typeof item === "object" && item !== null ? item : {}) as { readonly id?: unknown };
    return typeof id === "string" ? [id] : [];
  });
}
