/**
 * Inquiries: what people ask of the decision log, of an entity's history, and of the review queue. They are answered from
 * the disk, under the same read rules as everything else.
 *
 * What stays true: nothing is said of an entity whose row is not in the user's view; of a deleted one its last row counts
 * [H25]. What may not be read is answered like what does not exist. One inquiry looks at a bounded number of records, and
 * says where the next one can go on.
 */
import {
  type Contender,
  decodeEvent,
  type Decision,
  type DomainEvent,
  type EntityId,
  type EntityState,
  type ErrorCode,
  isEverything,
  type JsonValue,
  type Offset,
  parseEntityId,
  type Review,
  type ReviewCandidate,
  REVIEWS,
} from "@tidelock/core";
import type { View } from "./audience.ts";
import type { QueryAnswer } from "./effect.ts";
import { decodeEntity } from "./entity-codec.ts";
import type { DecisionPlace, HubInput, Principal, Query } from "./input.ts";
import {
  conflictRecord,
  type ConflictRecord,
  type FindEvent,
  entityFacts,
  historyEntry,
  placeText,
  type QueryResponse,
  reviewRecord,
  type ReviewRecord,
  versionOf,
} from "./inquiry-records.ts";
import type { HubContext } from "./ports.ts";
import type { StoredDecision, StoredEntity } from "./records.ts";
import { reviewOf } from "./reviews.ts";
import { isRefusal, type ViewRefusal } from "./views.ts";

/** Records read at a time: as many of the largest as memory should hold for one reader. */
const BATCH = 50;
/** Records looked at for one answer, those that its reader may not see included. */
const MAX_LOOKED_AT = 2_000;
/** Characters of stored text after which an answer ends, so that large values do not make large answers. */
const MAX_CHARACTERS = 1_000_000;

export interface InquiryHost {
  readonly context: HubContext;
  readonly viewOf: (collection: string, principal: Principal) => View | ViewRefusal;
  /** Whether the hub still takes requests. */
  readonly isOpen: () => boolean;
}

type Inquiry = Extract<HubInput, { readonly type: "query" }>;
type Asked<Kind extends Query["kind"]> = Extract<Query, { readonly kind: Kind }>;

/** The last row of an entity; `null` when nothing is left of it. */
type LastRow = readonly JsonValue[] | null;

/** What an answer has gathered so far. */
interface Gathered<Record> {
  readonly records: Record[];
  characters: number;
  lookedAt: number;
}

/** The way through an entity's history. */
interface Walk {
  readonly inquiry: Inquiry;
  readonly state: EntityState;
  readonly limit: number;
  readonly found: Gathered<DomainEvent>;
}

export class Inquiries {
  readonly #host: InquiryHost;

  constructor(host: InquiryHost) {
    this.#host = host;
  }

  handle(inquiry: Inquiry): void {
    const { query } = inquiry;
    if (!this.#host.isOpen()) return this.#refuse(inquiry, "shutting-down");
    switch (query.kind) {
      case "conflicts":
        return this.#conflicts(
          inquiry,
          query,
          new Sight(this.#host, inquiry.principal),
          gathered(),
          query.where.before,
        );
      case "conflict":
        return this.#conflict(inquiry, query.place);
      case "history":
        return this.#history(inquiry, query);
      case "reviews":
        return this.#reviews(inquiry, query, new Sight(this.#host, inquiry.principal), gathered(), query.after);
      case "review":
        return this.#review(inquiry, query.id);
    }
  }

  // ── the decision log ───────────────────────────────────────────────────────────────────────────────────────────

  #conflicts(
    inquiry: Inquiry,
    query: Asked<"conflicts">,
    sight: Sight,
    found: Gathered<ConflictRecord>,
    before: DecisionPlace | undefined,
  ): void {
    const { collection } = query.where;
    const refusal = collection === undefined ? null : sight.refusalOf(collection);
    if (refusal !== null) return this.#refuse(inquiry, refusal.code, refusal.message);
    this.#readDecisions(
      inquiry,
      { ...query, where: { ...query.where, before }, limit: BATCH },
      sight,
      (decisions, isVisible) => {
        const taken: StoredDecision[] = [];
        let last = before;
        let isFull = false;
        for (const decision of decisions) {
          isFull = found.records.length + taken.length >= query.limit || isSpent(found);
          if (isFull) break;
          last = decision;
          found.lookedAt += 1;
          if (!isVisible(decision)) continue;
          taken.push(decision);
          found.characters += decision.body.length;
        }
        this.#conflictRecords(inquiry, taken, (records) => {
          found.records.push(...records);
          const isEnd = !isFull && decisions.length < BATCH;
          if (!isFull && !isEnd) return this.#conflicts(inquiry, query, sight, found, last);
          this.#tell(inquiry, { conflicts: found.records, next: isEnd || last === undefined ? null : placeText(last) });
        });
      },
    );
  }

  #conflict(inquiry: Inquiry, { offset, index }: DecisionPlace): void {
    const query = { kind: "conflicts", where: { before: { offset, index: index + 1 } }, limit: 1 } as const;
    this.#readDecisions(inquiry, query, new Sight(this.#host, inquiry.principal), (decisions, isVisible) => {
      const found = decisions.filter((each) => each.offset === offset && each.index === index && isVisible(each));
      this.#conflictRecords(inquiry, found, ([record]) => {
        if (record !== undefined) return this.#tell(inquiry, record);
        this.#refuse(inquiry, "not-found", `there is no decision ${placeText({ offset, index })} that you may read`);
      });
    });
  }

  /** Reads decisions, and what is needed to tell which of them the user may see. */
  #readDecisions(
    inquiry: Inquiry,
    { where, limit }: Asked<"conflicts">,
    sight: Sight,
    use: (decisions: readonly StoredDecision[], isVisible: (decision: StoredDecision) => boolean) => void,
  ): void {
    this.#host.context.read({ kind: "decisions", where, limit }, (result) => {
      if (result === null) return this.#refuse(inquiry, "storage-unavailable");
      const { decisions } = result;
      const readable = decisions.filter(({ collection }) => sight.refusalOf(collection) === null);
      const keys = new Map(
        readable.map(({ collection, entity }) => [`${collection}/${entity}`, [collection, entity] as const]),
      );
      this.#lastRows(inquiry, [...keys.values()], (rows) =>
        use(decisions, ({ collection, entity }) =>
          sight.sees(collection, entity, rows.get(`${collection}/${entity}`) ?? null),
        ),
      );
    });
  }

  #conflictRecords(
    inquiry: Inquiry,
    decisions: readonly StoredDecision[],
    use: (records: ConflictRecord[]) => void,
  ): void {
    const parsed = decisions.map((stored) => [stored, JSON.parse(stored.body) as Decision] as const);
    const contenders = parsed.flatMap(([, decision]) => sidesOf(decision));
    this.#authors(inquiry, contenders, (find) => {
      use(parsed.map(([stored, decision]) => conflictRecord(this.#host.context.epoch, stored, decision, find)));
    });
  }

  // ── an entity's history ────────────────────────────────────────────────────────────────────────────────────────

  #history(inquiry: Inquiry, query: Asked<"history">): void {
    const { collection, entity, before } = query;
    const sight = new Sight(this.#host, inquiry.principal);
    const refusal = sight.refusalOf(collection);
    if (refusal !== null) return this.#refuse(inquiry, refusal.code, refusal.message);
    this.#host.context.read({ kind: "entities", keys: [[collection, entity]] }, (result) => {
      if (result === null) return this.#refuse(inquiry, "storage-unavailable");
      const [stored] = result.entities;
      this.#lastRowsOf(inquiry, result.entities, (rows) => {
        if (stored === undefined || !sight.sees(collection, entity, rows.get(`${collection}/${entity}`) ?? null)) {
          return this.#refuse(inquiry, "entity-not-found", `there is no ${collection} ${entity} that you may read`);
        }
        const walk = { inquiry, state: this.#decode(stored), limit: query.limit, found: gathered<DomainEvent>() };
        if (before === null) this.#walk(walk, stored.at);
        else this.#walkBefore(walk, before);
      });
    });
  }

  #walkBefore(walk: Walk, before: Offset): void {
    const { inquiry, state } = walk;
    const refuse = (): void => this.#refuse(inquiry, "version-invalid", "before must be the next of an earlier answer");
    if (before > state.at) return refuse();
    this.#eventsAt(inquiry, [before], (find) => {
      const event = find(before);
      if (event === undefined) return this.#tellHistory(walk, null, false);
      if (event.collection !== state.collection || event.entity !== state.id) return refuse();
      this.#walk(walk, event.previous);
    });
  }

  /** From event to event, to the entity's first, or to where the log was trimmed. */
  #walk(walk: Walk, offset: Offset): void {
    const { inquiry, found, limit } = walk;
    if (offset === 0) return this.#tellHistory(walk, null, true);
    if (found.records.length >= limit || isSpent(found)) {
      return this.#tellHistory(walk, found.records.at(-1)?.offset ?? null, true);
    }
    this.#host.context.read({ kind: "events-at", offsets: [offset] }, (result) => {
      if (result === null) return this.#refuse(inquiry, "storage-unavailable");
      const [stored] = result.events;
      if (stored === undefined) return this.#tellHistory(walk, null, false);
      const event = decodeEvent(stored.offset, stored.body);
      found.records.push(event);
      found.characters += stored.body.length;
      this.#walk(walk, event.previous);
    });
  }

  #tellHistory({ inquiry, state, found }: Walk, next: Offset | null, complete: boolean): void {
    const { epoch, columns: allColumns, collections } = this.#host.context;
    const columns = allColumns.get(state.collection) ?? [];
    const schema = collections.get(state.collection);
    if (schema === undefined) return this.#refuse(inquiry, "unknown-collection");
    const decisions = found.records.flatMap((event) => event.decisions);
    this.#authors(inquiry, decisions.flatMap(sidesOf), (find) => {
      const events = found.records.map((event) => historyEntry(epoch, event, columns, find));
      this.#tell(inquiry, { ...entityFacts(epoch, state, schema, columns), events, next, complete });
    });
  }

  // ── the review queue ───────────────────────────────────────────────────────────────────────────────────────────

  #reviews(
    inquiry: Inquiry,
    query: Asked<"reviews">,
    sight: Sight,
    found: Gathered<ReviewRecord>,
    after: EntityId | null,
  ): void {
    const refusal = sight.refusalOf(REVIEWS) ?? (query.collection === null ? null : sight.refusalOf(query.collection));
    if (refusal !== null) return this.#refuse(inquiry, refusal.code, refusal.message);
    this.#host.context.read({ kind: "page", collection: REVIEWS, after, limit: BATCH }, (page) => {
      if (page === null) return this.#refuse(inquiry, "storage-unavailable");
      const states = page.entities.map((stored) => this.#decode(stored));
      this.#readable(inquiry, states, sight, (isVisible) => {
        const taken: EntityState[] = [];
        let last = after;
        let isFull = false;
        for (const [index, state] of states.entries()) {
          isFull = found.records.length + taken.length >= query.limit || isSpent(found);
          if (isFull) break;
          last = state.id;
          found.lookedAt += 1;
          if (!isVisible(state) || !fits(this.#reviewOf(state), query)) continue;
          taken.push(state);
          found.characters += page.entities[index]?.row?.length ?? 0;
        }
        this.#reviewRecords(inquiry, taken, (records) => {
          found.records.push(...records);
          const isEnd = !isFull && states.length < BATCH;
          if (!isFull && !isEnd) return this.#reviews(inquiry, query, sight, found, last);
          this.#tell(inquiry, { reviews: found.records, next: isEnd ? null : last });
        });
      });
    });
  }

  #review(inquiry: Inquiry, id: EntityId): void {
    const sight = new Sight(this.#host, inquiry.principal);
    this.#host.context.read({ kind: "entities", keys: [[REVIEWS, id]] }, (result) => {
      if (result === null) return this.#refuse(inquiry, "storage-unavailable");
      const states = result.entities.map((stored) => this.#decode(stored)).filter(({ values }) => values !== null);
      this.#readable(inquiry, states, sight, (isVisible) =>
        this.#reviewRecords(inquiry, states.filter(isVisible), ([record]) => {
          if (record !== undefined) return this.#tell(inquiry, record);
          this.#refuse(inquiry, "entity-not-found", `there is no review ${id} that you may read`);
        }),
      );
    });
  }

  /** Open reviews follow their entity, and closed ones do not: of these the entity itself says who may read them. */
  #readable(
    inquiry: Inquiry,
    states: readonly EntityState[],
    sight: Sight,
    use: (isVisible: (state: EntityState) => boolean) => void,
  ): void {
    const entities = new Map<EntityId, readonly [string, EntityId]>();
    for (const state of states) {
      const { collection, entity, status } = this.#reviewOf(state);
      const id = parseEntityId(entity);
      if (status === "open" || id === null || sight.sees(REVIEWS, state.id, state.values)) continue;
      if (sight.refusalOf(collection) === null) entities.set(state.id, [collection, id]);
    }
    this.#lastRows(inquiry, [...entities.values()], (rows) =>
      use((state) => {
        if (sight.sees(REVIEWS, state.id, state.values)) return true;
        const [collection, id] = entities.get(state.id) ?? [];
        if (collection === undefined || id === undefined) return false;
        return sight.sees(collection, id, rows.get(`${collection}/${id}`) ?? null);
      }),
    );
  }

  #reviewRecords(inquiry: Inquiry, states: readonly EntityState[], use: (records: ReviewRecord[]) => void): void {
    const { epoch } = this.#host.context;
    const reviews = states.map((state) => [state, this.#reviewOf(state)] as const);
    this.#authors(
      inquiry,
      reviews.flatMap(([, { candidates }]) => candidates),
      (find) => use(reviews.map(([state, review]) => reviewRecord(epoch, versionOf(epoch, state), review, find))),
    );
  }

  #reviewOf(state: EntityState): Review {
    return reviewOf(state.id, state.values ?? [], this.#host.context.columns.get(REVIEWS) ?? []);
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  #decode(stored: StoredEntity): EntityState {
    return decodeEntity(stored, this.#host.context.columns.get(stored.collection)?.length ?? 0);
  }

  #lastRows(
    inquiry: Inquiry,
    keys: readonly (readonly [string, EntityId])[],
    use: (rows: ReadonlyMap<string, LastRow>) => void,
  ): void {
    if (keys.length === 0) return use(new Map());
    this.#host.context.read({ kind: "entities", keys }, (result) => {
      if (result === null) return this.#refuse(inquiry, "storage-unavailable");
      this.#lastRowsOf(inquiry, result.entities, use);
    });
  }

  /** The rows of entities; of deleted ones the last, which the tombstone or the event of the delete has. */
  #lastRowsOf(
    inquiry: Inquiry,
    entities: readonly StoredEntity[],
    use: (rows: ReadonlyMap<string, LastRow>) => void,
  ): void {
    const rows = new Map<string, LastRow>();
    const deletes: Array<readonly [key: string, offset: Offset]> = [];
    for (const stored of entities) {
      const { collection, id, at, values, buried, writes } = this.#decode(stored);
      const row = values ?? buried?.values ?? null;
      rows.set(`${collection}/${id}`, row);
      // Updates that came too late are events of a tombstone as well; its one write is the delete.
      if (row === null) deletes.push([`${collection}/${id}`, writes[0]?.offset ?? at]);
    }
    const offsets = deletes.map(([, offset]) => offset);
    this.#eventsAt(inquiry, offsets, (find) => {
      for (const [key, offset] of deletes) {
        const event = find(offset);
        if (event?.kind === "deleted") rows.set(key, event.was);
      }
      use(rows);
    });
  }

  /** The events of contenders whose record does not say all of them. */
  #authors(
    inquiry: Inquiry,
    contenders: readonly (Contender | ReviewCandidate)[],
    use: (find: FindEvent) => void,
  ): void {
    const offsets = contenders.filter(({ user, seen }) => user === null || seen === null).map(({ offset }) => offset);
    this.#eventsAt(inquiry, offsets, use);
  }

  #eventsAt(inquiry: Inquiry, offsets: readonly Offset[], use: (find: FindEvent) => void): void {
    const wanted = [...new Set(offsets)].filter((offset) => offset > 0);
    const events = new Map<Offset, DomainEvent>();
    const readFrom = (start: number): void => {
      if (start >= wanted.length) return use((offset) => events.get(offset));
      this.#host.context.read({ kind: "events-at", offsets: wanted.slice(start, start + BATCH) }, (result) => {
        if (result === null) return this.#refuse(inquiry, "storage-unavailable");
        for (const { offset, body } of result.events) events.set(offset, decodeEvent(offset, body));
        readFrom(start + BATCH);
      });
    };
    readFrom(0);
  }

  // ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────

  #tell(inquiry: Inquiry, body: QueryResponse): void {
    this.#answer(inquiry, { ok: true, body });
  }

  #refuse(inquiry: Inquiry, code: ErrorCode, message: string = ""): void {
    this.#answer(inquiry, { ok: false, code, message });
  }

  #answer({ request }: Inquiry, answer: QueryAnswer): void {
    this.#host.context.emit({ type: "query-answer", request, answer });
  }
}

/** What one user may see. Each collection's rule is asked once for an inquiry. */
class Sight {
  readonly #host: InquiryHost;
  readonly #principal: Principal;
  readonly #views = new Map<string, View | ViewRefusal>();

  constructor(host: InquiryHost, principal: Principal) {
    this.#host = host;
    this.#principal = principal;
  }

  refusalOf(collection: string): ViewRefusal | null {
    const view = this.#viewOf(collection);
    return isRefusal(view) ? view : null;
  }

  /** Whether an entity with this last row is in view. One of which nothing is left is for those who may read all. */
  sees(collection: string, id: EntityId, row: LastRow): boolean {
    const view = this.#viewOf(collection);
    if (isRefusal(view)) return false;
    return row === null ? isEverything(view.filter) : view.matches(id, row);
  }

  #viewOf(collection: string): View | ViewRefusal {
    let view = this.#views.get(collection);
    if (view === undefined) {
      view = this.#host.viewOf(collection, this.#principal);
      this.#views.set(collection, view);
    }
    return view;
  }
}

function sidesOf({ current, incoming }: Decision): readonly Contender[] {
  return [current, incoming];
}

function gathered<Record>(): Gathered<Record> {
  return { records: [], characters: 0, lookedAt: 0 };
}

function isSpent({ characters, lookedAt }: Gathered<unknown>): boolean {
  return characters >= MAX_CHARACTERS || lookedAt >= MAX_LOOKED_AT;
}

function fits(review: Review, { status, collection, entity, assignee }: Asked<"reviews">): boolean {
  if (status !== "all" && review.status !== status) return false;
  if (collection !== null && review.collection !== collection) return false;
  if (entity !== null && review.entity !== entity) return false;
  return assignee === null || (review.assignee ?? "") === assignee;
}
