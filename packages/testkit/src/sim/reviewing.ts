/**
 * Reviews: how values that wait become candidates, and how a review is decided. Part of the reference model, written from
 * DESIGN, section 5, and the rules H18 to H22.
 */
import type { DomainEvent } from "@tidelock/core";
import { hasSeen, isLater, type Seer, stampAfter } from "./causality.ts";
import {
  isReviewable,
  MARK,
  mayRead,
  onDelete,
  reading,
  readings,
  REVIEWS,
  reviewRefusal,
  type Row,
  WHOLE,
  writeRefusal,
} from "./readings.ts";
import {
  type Author,
  type Authored,
  type Contender,
  Refused,
  type Sitting,
  type State,
  type Verdict,
} from "./sitting.ts";
import { type Held, quietUpdates, remembered, settled, unchanged, unseenWrites, type Update } from "./settling.ts";

/** One value that waits. */
export interface Candidate {
  readonly id: string;
  readonly device: string;
  readonly counter: number;
  readonly user: string | null;
  readonly offset: number;
  readonly seen: number | null;
  readonly stamp: string;
  readonly value: unknown;
}

/** The fields of a review, in the words of the log. */
export function candidatesOf(review: Row): readonly Candidate[] {
  return review["candidates"] as readonly Candidate[];
}

/** What a review becomes: all of it when it opens, else what changes. */
type Change = readonly [id: string, fields: Row];

/** Whether the write rule takes it, also with what its author wanted of fields that wait. */
export function assertAllowed(collection: string, before: Row | null, { row, held }: Update): void {
  const wanted = { ...row, ...Object.fromEntries(held.map(({ field, verdict }) => [field, verdict.incoming.value])) };
  const refusal = writeRefusal(collection, before, row) ?? writeRefusal(collection, before, wanted);
  if (refusal !== null) throw new Refused(refusal);
}

/** Records an update, with the reviews that it opens, joins or changes. */
export function recordUpdate(
  sitting: Sitting,
  author: Author,
  before: State,
  update: Update,
  changes: Row | null,
): State {
  const { row, writes, memory, decisions, changed, held } = update;
  const { opened, reviews } = holding(sitting, before, held);
  const marks = opened.size === 0 ? before.marks : new Map([...before.marks, ...opened]);
  const state = sitting.record(author, {
    kind: before.row === null ? "created" : "updated",
    state: { ...before, row, writes, memory, marks, deletion: null, buried: null },
    decisions,
    changed: opened.size === 0 ? changed : [...changed, MARK],
    changes,
  });
  refresh(sitting, author, state, reviews);
  return state;
}

/** The reviews of the values that wait, and where new ones stand. */
export function holding(
  sitting: Sitting,
  before: State,
  held: readonly Held[],
): { readonly opened: ReadonlyMap<string, string>; readonly reviews: readonly Change[] } {
  const opened = new Map<string, string>();
  const next = sitting.docket.events.slice(sitting.events.length + 1);
  const placeOf = ({ field, review }: Held): number => next.findIndex(isReviewOf(sitting, field, review));
  // A message may bring its fields in another order than they were written in.
  const inOrder = [...held].sort((left, right) => placeOf(left) - placeOf(right));
  const reviews = inOrder.map(({ field, verdict, review }): Change => {
    if (review !== null) return [review, { candidates: joined(sitting, review, verdict.incoming) }];
    const id = next.find(isReviewOf(sitting, field, review))?.entity ?? `unmade review of ${field}`;
    opened.set(field, id);
    const { settling } = reading(before.collection, field) ?? {};
    const terms = settling?.by === "review" ? settling : { dueMs: null, onExpiry: "keep" };
    return [
      id,
      {
        ...{ collection: before.collection, entity: before.id, field: field === WHOLE ? null : field, status: "open" },
        ...{ policy: verdict.policy, policyVersion: verdict.version },
        base: verdict.base === undefined ? [] : [verdict.base.value],
        candidates: [candidateOf(verdict.current), candidateOf(verdict.incoming)],
        due: terms.dueMs === null ? null : sitting.time + terms.dueMs,
        onExpiry: terms.onExpiry,
        openedAt: sitting.time,
        ...{ assignee: null, note: null, closedAt: null, outcome: null },
      },
    ];
  });
  return { opened, reviews };
}

/** Whether an event is of a review: of one that is known, or of one that it opens about a field. */
function isReviewOf({ docket }: Sitting, field: string, review: string | null): (event: DomainEvent) => boolean {
  return (event) => {
    if (event.collection !== REVIEWS || event.entity === review) return event.entity === review;
    return event.kind === "created" && docket.rowOf(event)?.["field"] === (field === WHOLE ? null : field);
  };
}

function candidateOf({ device, counter, user, offset, seen, stamp, value }: Contender): Candidate {
  const id = `${device}:${counter}`;
  return { id, device, counter, user: user ?? null, offset, seen: seen ?? null, stamp: stamp ?? "", value };
}

/** The accepted value stays the first; what a device had put forward makes way for what it says now. */
function joined(sitting: Sitting, id: string, incoming: Contender): readonly Candidate[] {
  const [accepted, ...others] = candidatesOf(reviewRow(sitting, id));
  const rest = others.filter(({ device }) => device !== incoming.device);
  return [...(accepted === undefined ? [] : [accepted]), ...rest, candidateOf(incoming)];
}

function reviewRow(sitting: Sitting, id: string): Row {
  const row = sitting.read(REVIEWS, id)?.row ?? null;
  if (row === null) throw new Error(`there is no review ${id}`);
  return row;
}

/** Opens and changes reviews, and brings the entity's others up to date with it. */
export function refresh(sitting: Sitting, author: Author, state: State, changes: readonly Change[]): void {
  if (!isReviewable(state.collection)) return;
  const shown = state.row ?? state.buried?.row ?? null;
  const all = new Map(changes);
  for (const id of state.marks.values()) if (!all.has(id)) all.set(id, {});
  for (const [id, fields] of all) {
    recordReview(sitting, author, id, shown === null ? fields : { ...fields, row: { id: state.id, ...shown } });
  }
}

/** Records what changes of a review, if anything does. */
export function recordReview(sitting: Sitting, author: Author, id: string, fields: Row): void {
  const before = sitting.read(REVIEWS, id);
  const old = before?.row ?? EMPTY;
  const row = { ...old, ...fields };
  const isSame = (name: string): boolean => canonical(row[name]) === canonical(old[name]);
  const changed = Object.keys(row).filter((name) => !isSame(name));
  if (before !== null && changed.length === 0) return;
  const write = sitting.write(author, author.stamp);
  const writes = new Map(before?.writes);
  for (const name of Object.keys(row)) if (before === null || changed.includes(name)) writes.set(name, write);
  const state = { ...(before ?? blankReview(id)), row, writes };
  // A new review's reason is a sentence: whatever it is, it is new.
  const kind = before === null ? "created" : "updated";
  sitting.record(author, { kind, state, changed: before === null ? [...changed, "reason"] : changed });
}

const EMPTY: Row = {
  onExpiry: "keep",
  assignee: null,
  note: null,
  due: null,
  closedAt: null,
  outcome: null,
  field: null,
};

function blankReview(id: string): Omit<State, "at" | "row" | "writes"> {
  return { collection: REVIEWS, id, memory: new Map(), marks: new Map(), deletion: null, buried: null };
}

/** JSON whose keys are in order, however deep. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.sort().join()}}`;
}

// ── people ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** To those who may not read a review there is none; but who has seen it open hears who closed it. */
export function assertReadable(sitting: Sitting, { operation, collection, entity, user, isExpiry }: Authored): void {
  if (collection !== REVIEWS || operation === "create" || isExpiry) return;
  const { role } = sitting.docket;
  const review = sitting.read(REVIEWS, entity)?.row ?? null;
  if (review !== null && mayRead(REVIEWS, review, user, role)) return;
  const target = review === null ? null : sitting.read(String(review["collection"]), String(review["entity"]));
  const row = target?.row ?? null;
  const isClosed = review?.["status"] === "closed";
  if (isClosed && target !== null && row !== null && mayRead(target.collection, row, user, role)) return;
  throw new Refused("entity-not-found");
}

/** People may say who looks after a review, until when, and what they think of it. */
export function annotate(sitting: Sitting, author: Author): State {
  const { authored } = author;
  if (authored.operation !== "update") throw new Refused("forbidden");
  if (Object.keys(authored.fields).some((name) => !Object.hasOwn(readings(REVIEWS), name)))
    throw new Refused("forbidden");
  const before = sitting.read(REVIEWS, authored.entity);
  if (before === null || before.row === null) throw new Refused("entity-not-found");
  assertReviewer(before.row, sitting.docket.role);
  const { row, writes, memory } = before;
  const update = settled(sitting, author, REVIEWS, { row, writes, memory }, new Map());
  return recordUpdate(sitting, author, before, update, null);
}

function assertReviewer(review: Row, role: string): void {
  const refusal = reviewRefusal(review, role);
  if (refusal !== null) throw new Refused(refusal);
}

interface Deciding {
  readonly sitting: Sitting;
  readonly author: Author;
  readonly review: Row;
  readonly id: string;
  readonly kind: "pick" | "edit" | "expired";
  /** `undefined`: a value of the reviewer's own. */
  readonly candidate: Candidate | undefined;
  readonly value: unknown;
  readonly target: State;
}

export function decide(sitting: Sitting, author: Author): void {
  const { entity: id, collection, isExpiry } = author.authored;
  const state = collection === REVIEWS ? sitting.read(REVIEWS, id) : null;
  const review = state?.row ?? null;
  if (review === null) throw new Refused("entity-not-found");
  if (review["status"] === "closed") throw new Refused("review-closed");
  if (!isExpiry) {
    assertReviewer(review, sitting.docket.role);
    if (candidatesOf(review).some((candidate) => !hasSeen(author.seer, candidate))) throw new Refused("review-changed");
  }
  const { kind, candidate, value } = chosen(author, review);
  const target = sitting.read(String(review["collection"]), String(review["entity"]));
  if (target === null) throw new Refused("entity-not-found");
  if (sitting.isForgotten(target)) {
    // A trim may have taken the tombstone; then nothing is left to decide but that it stays so.
    sitting.doubts.add("entity-not-found");
    const isGone = sitting.made(author.authored)?.collection === REVIEWS;
    if (isGone && (value === null || isExpiry)) return closeForgotten(sitting, author, id, kind, candidate);
  }
  const deciding: Deciding = { sitting, author, review, id, kind, candidate, value, target };
  if (review["field"] === null) decideEntity(deciding);
  else decideField(deciding, String(review["field"]));
  close(deciding);
}

function closeForgotten(
  sitting: Sitting,
  author: Author,
  id: string,
  kind: Deciding["kind"],
  candidate: Candidate | undefined,
): void {
  const { user, device } = author.authored;
  const outcome = { kind, candidate: candidate?.id ?? null, value: null, user, device, time: sitting.time };
  recordReview(sitting, author, id, { status: "closed", closedAt: sitting.time, outcome });
}

function chosen(
  { authored: { fields, isExpiry } }: Author,
  review: Row,
): Pick<Deciding, "kind" | "candidate" | "value"> {
  const candidates = candidatesOf(review);
  if (isExpiry) {
    const latest = candidates.reduce((best, each) => (isLater(each, best) ? each : best));
    const candidate = review["onExpiry"] === "keep" ? candidates[0] : latest;
    return { kind: "expired", candidate, value: candidate?.value };
  }
  const [name, ...others] = Object.keys(fields);
  if (name === "candidate" && others.length === 0) {
    const candidate = candidates.find(({ id }) => id === fields["candidate"]);
    if (candidate !== undefined) return { kind: "pick", candidate, value: candidate.value };
  }
  if (name === "value" && others.length === 0 && review["field"] !== null) {
    return { kind: "edit", candidate: undefined, value: fields["value"] };
  }
  throw new Refused("invalid-value");
}

function verdictOf({ sitting, author, review, candidate, value }: Deciding): Verdict {
  const [accepted] = candidatesOf(review);
  const stays = candidate !== undefined && candidate.id === accepted?.id;
  // Where the accepted value stays, it stood against the last of the others.
  const incoming = (stays ? candidatesOf(review).at(-1) : candidate) ?? sitting.contender(author, value);
  const [base] = review["base"] as readonly unknown[];
  const isField = review["field"] !== null;
  return {
    ...{ field: isField ? String(review["field"]) : null, policy: "review", version: Number(review["policyVersion"]) },
    winner: stays ? "current" : candidate === undefined ? "merged" : "incoming",
    value: isField ? value : null,
    base: base === undefined ? undefined : { value: base },
    current: accepted ?? incoming,
    incoming,
  };
}

/** Later than every candidate. */
function stampOver({ author, review }: Deciding): string {
  return candidatesOf(review).reduce((stamp, each) => stampAfter(stamp, [each]), author.stamp);
}

function unmarked({ marks }: State, field: string): ReadonlyMap<string, string> {
  return new Map([...marks].filter(([name]) => name !== field));
}

function decideField(deciding: Deciding, name: string): void {
  const { sitting, author, review, value, target } = deciding;
  const read = reading(target.collection, name);
  if (target.row === null || read === undefined) throw new Refused("entity-not-found");
  if (!read.takes(value)) throw new Refused("invalid-value");
  const { isExpiry } = author.authored;
  const update = unchanged({ ...target, row: target.row });
  update.memory.set(
    name,
    remembered({ ...target, row: target.row }, name, read.settling, isExpiry ? undefined : sitting.docket.role),
  );
  if (canonical(target.row[name]) !== canonical(value)) update.changed.push(name);
  update.row[name] = value;
  update.writes.set(name, sitting.write(author, stampOver(deciding)));
  update.changed.push(MARK);
  update.decisions.push(verdictOf(deciding));
  if (!isExpiry) assertAllowed(String(review["collection"]), target.row, update);
  recordUpdate(sitting, author, { ...target, marks: unmarked(target, name) }, update, null);
}

/** An update against a delete: the candidate without a value is the delete. */
function decideEntity(deciding: Deciding): void {
  const { sitting, author, id, value, target } = deciding;
  const { isExpiry } = author.authored;
  const { collection, row, buried } = target;
  const rest = { ...target, marks: unmarked(target, WHOLE) };
  const verdict = verdictOf(deciding);
  if (row !== null && value === null) {
    const refusal = isExpiry ? null : writeRefusal(collection, row, null);
    if (refusal !== null) throw new Refused(refusal);
    if (!isExpiry && unseenOf(author.seer, target) !== null) throw new Refused("review-changed");
    const { candidate } = deciding;
    // Against a delete that is chosen stands all that its author had not seen, also what came since.
    const { device = "", counter = 0, seen = 0 } = candidate ?? {};
    const unseen = unseenOf({ device, counter: counter - 1, floor: seen ?? 0, dots: new Map() }, target);
    const against = candidate === undefined || unseen === null ? verdict : { ...verdict, current: unseen };
    return void recordDelete(sitting, author, target, against, { id, stamp: stampOver(deciding) });
  }
  if (row !== null) {
    const update = unchanged({ ...target, row });
    update.changed.push(MARK);
    update.decisions.push(verdict);
    return void recordUpdate(sitting, author, rest, update, null);
  }
  if (value === null || buried === null) {
    return void sitting.record(author, { kind: "updated", state: rest, decisions: [verdict], changed: [] });
  }
  const again: Author = {
    ...author,
    authored: { ...author.authored, fields: value as Row },
    stamp: stampOver(deciding),
  };
  const update = settled(sitting, again, collection, buried, new Map());
  if (!isExpiry) assertAllowed(collection, null, update);
  update.decisions.unshift(verdict);
  recordUpdate(sitting, author, rest, update, null);
}

/** The entity goes, and with it the reviews that it waited for; the one that is being decided is closed by that. */
export function recordDelete(
  sitting: Sitting,
  author: Author,
  before: State,
  verdict: Verdict | null,
  deciding: { readonly id: string; readonly stamp: string } | null = null,
): State {
  const row = before.row ?? {};
  const latest = unseenOf(author.seer, before)?.stamp;
  const stamp = stampAfter(author.stamp, latest === undefined ? [] : [{ stamp: latest }]);
  const deletion = sitting.write(author, deciding?.stamp ?? stamp);
  const isKept = onDelete(before.collection) !== "delete-wins";
  const buried = isKept ? { row, writes: before.writes, memory: before.memory } : null;
  const state = sitting.record(author, {
    kind: "deleted",
    state: { ...before, row: null, writes: new Map(), memory: new Map(), marks: new Map(), deletion, buried },
    decisions: verdict === null ? [] : [verdict],
    changed: [...Object.keys(row), ...(isReviewable(before.collection) ? [MARK] : [])],
  });
  const { user, device } = author.authored;
  const outcome = { kind: "deleted", candidate: null, value: null, user, device, time: sitting.time };
  for (const id of before.marks.values()) {
    if (id === deciding?.id || reviewRow(sitting, id)["status"] !== "open") continue;
    recordReview(sitting, author, id, { status: "closed", closedAt: sitting.time, outcome });
  }
  return state;
}

/** What of an entity somebody had not seen, with the last of the writes that made it; `null` when all was seen. */
export function unseenOf(seer: Seer, state: State): Contender | null {
  const unseen = Object.keys(state.row ?? {}).flatMap((name) => {
    const write = unseenWrites(seer, state, name).at(-1);
    return write === undefined ? [] : [{ name, write }];
  });
  const quiet = onDelete(state.collection) === "delete-wins" ? [] : quietUpdates(seer, state);
  const [first, ...rest] = [...quiet.slice(-1), ...unseen.map(({ write }) => write)];
  if (first === undefined) return null;
  const write = rest.reduce((last, each) => (each.offset > last.offset ? each : last), first);
  const value = Object.fromEntries(unseen.map(({ name }) => [name, state.row?.[name]]));
  return { ...write, seen: null, value };
}

function close({ sitting, author, review, id, kind, candidate, value }: Deciding): void {
  const { user, device } = author.authored;
  const outcome = { kind, candidate: candidate?.id ?? null, value, user, device, time: sitting.time };
  const row = sitting.read(String(review["collection"]), String(review["entity"]))?.row ?? null;
  const shown = row === null ? {} : { row: { id: review["entity"], ...row } };
  recordReview(sitting, author, id, { status: "closed", closedAt: sitting.time, outcome, ...shown });
}
