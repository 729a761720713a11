/** The conflicts of a client: reads reviews from the replica, writes decisions as checked intents, keeps notices. */
import {
  type CollectionSchema,
  type EntityId,
  fieldProblem,
  type JsonObject,
  type JsonValue,
  MARK,
  type MutatorEffect,
  REVIEW_NOTES,
  type Review,
  REVIEWS,
  REVIEWS_SCHEMA,
  type Schema,
  TidelockError,
} from "@tidelock/core";
import type { Intent } from "../engine/input.ts";
import type { Live, LiveEntity, LiveQuery, Write } from "./client.ts";
import type {
  ConflictNotice,
  Conflicts,
  DecisionFilter,
  LoggedDecision,
  Page,
  Restorable,
  ReviewDecision,
  ReviewNotes,
  Reviews,
} from "./conflicts.ts";
import { createIntent, type IdSource, knownId, updateIntent } from "./intents.ts";
import { FollowedEntity } from "./live-entity.ts";
import type { LiveQueries } from "./live-query.ts";
import { Derived, keepIfSame } from "./notifier.ts";
import { Query, type QueryOptions, type Where } from "./query.ts";
import type { ReadContext } from "./read-context.ts";
import type { ServerLog } from "./server-log.ts";

const MAX_NOTICES = 200;

export interface ConflictDeskOptions {
  readonly schema: Schema;
  readonly context: ReadContext;
  readonly queries: LiveQueries;
  readonly ids: IdSource;
  readonly serverLog: () => Promise<ServerLog>;
  readonly write: (intent: Intent) => Write;
}

export class ConflictDesk implements Conflicts {
  readonly reviews: Reviews;
  readonly open: LiveQuery<Review>;
  readonly recent: Live<readonly ConflictNotice[]>;
  readonly #options: ConflictDeskOptions;
  readonly #told: Derived<readonly ConflictNotice[]>;
  #notices: readonly ConflictNotice[] = [];

  constructor(options: ConflictDeskOptions) {
    this.#options = options;
    this.reviews = new ReviewReader(options);
    this.open = this.reviews.query({
      where: { status: "open" } as Where<Review>,
      orderBy: "openedAt",
    });
    this.#told = new Derived(options.context.notifier, (last) => keepIfSame(last, this.#notices));
    this.recent = this.#told;
  }

  of(collection: string, id: string): ReadonlyMap<string, string> {
    const { context, schema } = this.#options;
    const of = schema.collections.get(collection);
    return of === undefined ? new Map() : context.replica.marks(collection, knownId(of, id));
  }

  decide(id: string, decision: ReviewDecision): Write {
    const review = this.#openReview(id);
    const { schema, context, write } = this.#options;
    const collection = schema.collections.get(review.collection);
    const picked =
      "candidate" in decision ? review.candidates.find((candidate) => candidate.id === decision.candidate) : undefined;
    if ("candidate" in decision && picked === undefined)
      throw new TidelockError("invalid-value", `the review has no candidate ${decision.candidate}`);
    const value = "candidate" in decision ? (picked?.value ?? null) : decision.value;
    if (collection !== undefined && !("candidate" in decision)) assertFits(collection, review, value);
    const entity = collection === undefined ? null : context.replica.resolveId(knownId(collection, review.entity));
    return write({
      operation: "decide",
      collection: REVIEWS,
      entity: knownId(REVIEWS_SCHEMA, id),
      fields: "candidate" in decision ? { candidate: decision.candidate } : { value: decision.value },
      effects: decisionEffects(knownId(REVIEWS_SCHEMA, id), review, entity, value),
    });
  }

  annotate(id: string, notes: ReviewNotes): Write {
    const foreign = Object.keys(notes).find((name) => !REVIEW_NOTES.has(name));
    if (foreign !== undefined) throw new TidelockError("unknown-field", `a review's ${foreign} cannot be changed`);
    return this.#options.write(updateIntent(REVIEWS_SCHEMA, id, { ...notes }));
  }

  dismiss(key: string): void {
    this.#set(this.#notices.filter((notice) => notice.key !== key));
  }

  /** A write of this device met a conflict. */
  noted(notices: readonly ConflictNotice[]): void {
    this.#set([...notices, ...this.#notices].slice(0, MAX_NOTICES));
  }

  /** Whether what this device wrote to an entity lost, and the user has not taken note. */
  hasLost(collection: string, id: string): boolean {
    return this.#notices.some((notice) => notice.isLost && notice.collection === collection && notice.id === id);
  }

  #set(notices: readonly ConflictNotice[]): void {
    this.#notices = notices;
    this.#told.invalidate();
    this.#options.context.notifier.flush();
  }

  restore({ collection, id, decision }: Restorable): Write {
    const { schema, context, write, ids } = this.#options;
    const of = schema.collections.get(collection);
    if (of === undefined) throw new TidelockError("unknown-collection", `there is no collection ${collection}`);
    const loser = decision.winner === "incoming" ? decision.current : decision.incoming;
    const { field } = decision;
    if (field !== null) return write(updateIntent(of, id, { [field]: loser.value }));
    // Deleted ids are not used again: what was lost with an entity comes back as another one.
    const values = ownFields(of, loser.value);
    if (values === null) throw new TidelockError("invalid-value", "what lost was a delete: delete the entity again");
    const isHere = context.replica.get(collection, knownId(of, id)) !== null;
    return write(isHere ? updateIntent(of, id, values) : createIntent(of, values, ids));
  }

  async log(filter: DecisionFilter = {}): Promise<Page<LoggedDecision>> {
    return (await this.#options.serverLog()).decisions(filter);
  }

  #openReview(id: string): Review {
    const review = this.reviews.get(id);
    if (review === undefined) throw new TidelockError("entity-not-found", `the review ${id} is not on this device`);
    if (review.status === "closed") throw new TidelockError("review-closed", "the review has been decided");
    return review;
  }
}

function assertFits(collection: CollectionSchema, { field }: Review, value: JsonValue): void {
  const schema = field === null ? undefined : collection.byName.get(field);
  if (schema === undefined) throw new TidelockError("invalid-value", "one of the candidates must be chosen");
  const problem = fieldProblem(schema, value);
  if (problem !== null) throw new TidelockError("invalid-value", `${collection.name}.${schema.name} ${problem}`);
}

/** What a decision will do, as far as this device can tell. */
function decisionEffects(
  id: EntityId,
  { collection, field }: Review,
  entity: EntityId | null,
  value: JsonValue,
): readonly MutatorEffect[] {
  const closed: MutatorEffect = { operation: "update", collection: REVIEWS, entity: id, fields: { status: "closed" } };
  if (entity === null) return [closed];
  if (field !== null) return [closed, { operation: "update", collection, entity, fields: { [field]: value } }];
  return value === null ? [closed, { operation: "delete", collection, entity, fields: {} }] : [closed];
}

/** The values among what was lost that belong to fields. */
function ownFields(collection: CollectionSchema, value: JsonValue): JsonObject | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== MARK && collection.byName.has(name)));
}

class ReviewReader implements Reviews {
  readonly #options: ConflictDeskOptions;
  readonly #everything = new Query<Review>(REVIEWS_SCHEMA);

  constructor(options: ConflictDeskOptions) {
    this.#options = options;
  }

  get(id: string): Review | undefined {
    const { context } = this.#options;
    if (!context.isOpen()) return undefined;
    // Only the server writes reviews, so an entity of theirs is one.
    return (context.replica.get(REVIEWS, knownId(REVIEWS_SCHEMA, id)) ?? undefined) as Review | undefined;
  }

  entity(id: string): LiveEntity<Review> {
    const followed = new FollowedEntity(this.#options.context, REVIEWS, knownId(REVIEWS_SCHEMA, id));
    return followed as unknown as LiveEntity<Review>;
  }

  query(options: QueryOptions<Review> = {}): LiveQuery<Review> {
    return this.live(this.#everything.refine(options));
  }

  live(query: Query<Review>): LiveQuery<Review> {
    return this.#options.queries.of(query);
  }

  where(filter: Where<Review>): Query<Review> {
    return this.#everything.where(filter);
  }
}
