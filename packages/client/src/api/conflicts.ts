/**
 * Conflicts, as an application sees them: the reviews that wait for a person, what became of this device's own writes, and
 * the decision log of the server.
 *
 *     const { data } = client.conflicts.open.value;              // the queue, live, also offline
 *     client.conflicts.decide(review.id, { candidate: review.candidates[1].id });
 *     client.conflicts.restore(conflict);                        // the value that lost, as a new write
 */
import type { Decision, ExpiryOutcome, JsonObject, JsonValue, Millis, Review } from "@tidelock/core";
import type { Live, LiveEntity, LiveQuery, Write } from "./handles.ts";
import type { Query, QueryOptions, Where } from "./query.ts";

/** Reading reviews: a collection that only the server writes. */
export interface Reviews {
  get(id: string): Review | undefined;
  entity(id: string): LiveEntity<Review>;
  query(options?: QueryOptions<Review>): LiveQuery<Review>;
  live(query: Query<Review>): LiveQuery<Review>;
  where(filter: Where<Review>): Query<Review>;
}

/** What a reviewer chooses: one of the candidates, or a value of his own. */
export type ReviewDecision = { readonly candidate: string } | { readonly value: JsonValue };

export interface ReviewNotes {
  /** Who looks after it: a user's id, or anything that the application makes of it. */
  readonly assignee?: string | null;
  readonly note?: string | null;
  /** When the time is up, milliseconds since 1970; `null`: never. */
  readonly due?: Millis | null;
  readonly onExpiry?: ExpiryOutcome;
}

/** A conflict that one of this device's writes met. Kept while the client is open, the newest 200. */
export interface ConflictNotice {
  readonly key: string;
  readonly collection: string;
  readonly id: string;
  readonly decision: Decision;
  /** Whether what this device wrote does not stand. What waits for a review is not lost. */
  readonly isLost: boolean;
  readonly at: Millis;
}

/** What to restore; a `ConflictNotice` and a `LoggedDecision` have this form. */
export interface Restorable {
  readonly collection: string;
  readonly id: string;
  readonly decision: Pick<Decision, "field" | "winner"> & {
    readonly current: { readonly value: JsonValue };
    readonly incoming: { readonly value: JsonValue };
  };
}

/** One side of a logged decision. */
export interface LoggedContender {
  readonly device: string;
  /** `null` when the log does not say any more. */
  readonly user: string | null;
  /** Where the log has, or had, the write. */
  readonly offset: number;
  /** What its author had seen, with the write itself; opaque. `null` when the log does not say any more. */
  readonly version: string | null;
  /** When its author did it, by the clock of the device. */
  readonly time: Millis;
  readonly value: JsonValue;
}

/** A decision of the server's log. */
export interface LoggedDecision {
  /** Names it in the log. */
  readonly key: string;
  readonly collection: string;
  readonly id: string;
  readonly time: Millis;
  readonly decision: Omit<Decision, "current" | "incoming"> & {
    readonly current: LoggedContender;
    readonly incoming: LoggedContender;
  };
}

export interface DecisionFilter {
  readonly collection?: string;
  readonly id?: string;
  readonly field?: string;
  readonly policy?: string;
  readonly winner?: Decision["winner"];
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly before?: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** For the next page; `null` when there is none. */
  readonly next: string | null;
}

/** One event of an entity's history. */
export interface HistoryEntry {
  readonly offset: number;
  readonly kind: "created" | "updated" | "deleted";
  /** When the server took it. */
  readonly time: Millis;
  /** When its author did it, by the clock of the device. */
  readonly occurredAt: Millis;
  readonly user: string;
  readonly device: string;
  /** What changed: the values before and after, by field. */
  readonly changed: ReadonlyArray<{ readonly field: string; readonly was: JsonValue; readonly now: JsonValue }>;
  /** What was written in fields whose writes are merged, by field; `null` when nothing was. */
  readonly changes: JsonObject | null;
  /** The mutator that was called, with its arguments. */
  readonly call: { readonly name: string; readonly args: JsonValue } | null;
  readonly decisions: readonly LoggedDecision[];
}

export interface HistoryPage extends Page<HistoryEntry> {
  /** Whether the log still has everything from the beginning. */
  readonly isComplete: boolean;
}

export interface Conflicts {
  readonly reviews: Reviews;
  /** The open reviews that this user may see, the oldest first. */
  readonly open: LiveQuery<Review>;
  /** The reviews that an entity waits for, by field; `*` for the whole entity. */
  of(collection: string, id: string): ReadonlyMap<string, string>;
  /**
   * Decides a review. `synced` rejects with `review-closed` when somebody else was first, and with `review-changed` when
   * another value came in that this device had not seen; `message` says who and what.
   */
  decide(review: string, decision: ReviewDecision): Write;
  /** Says who looks after a review, until when, or what to think of it. */
  annotate(review: string, notes: ReviewNotes): Write;
  /** Conflicts that this device's own writes met, newest first. */
  readonly recent: Live<readonly ConflictNotice[]>;
  /** The user has taken note. */
  dismiss(key: string): void;
  /** Writes the value that did not stand again, as a new write of this user. Throws what the write throws. */
  restore(conflict: Restorable): Write;
  /** The server's decision log, newest first. Needs a connection; rejects with the server's code. */
  log(filter?: DecisionFilter): Promise<Page<LoggedDecision>>;
}
