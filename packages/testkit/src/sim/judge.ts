/**
 * The judge: how a transaction must be decided against the state that it meets. Part of the reference model; written from
 * DESIGN, sections 4 and 5, and ADR 2, not from the engine. What becomes of single fields is in `settling.ts`, of reviews
 * in `reviewing.ts`.
 *
 * A transaction is taken whole or refused whole. A delete that had seen everything takes effect; one that had not, and an
 * update that had not seen the delete, end as the collection says.
 */
import { hasSeen } from "./causality.ts";
import { callEffects, type MutatorEffect } from "./mutating.ts";
import {
  hasServerIds,
  isCollection,
  namedIn,
  onDelete,
  presets,
  reading,
  readings,
  renamed,
  REVIEWS,
  type Row,
  WHOLE,
  writeRefusal,
} from "./readings.ts";
import {
  annotate,
  assertAllowed,
  assertReadable,
  candidatesOf,
  decide,
  holding,
  recordDelete,
  recordUpdate,
  refresh,
  unseenOf,
} from "./reviewing.ts";
import {
  type Author,
  type Authored,
  type Contender,
  type Docket,
  type ExpectedEvent,
  Refused,
  Sitting,
  type State,
  type Verdict,
  type Write,
} from "./sitting.ts";
import { type Held, settled, unchanged } from "./settling.ts";

/** What a mutation leads to: events `from` up to `to` of its transaction. */
export interface Step {
  readonly from: number;
  readonly to: number;
  readonly isHeld: boolean;
  /** The offset that its receipt names. */
  readonly offset: number;
}

export interface Judgement {
  /** Codes with which the transaction may be refused; empty when it must be taken. */
  readonly refusals: ReadonlySet<string>;
  /** What it must lead to, mutation by mutation; `null` when it must be refused. */
  readonly steps: readonly Step[] | null;
  readonly events: readonly ExpectedEvent[];
}

export function judge(group: readonly Authored[], docket: Docket): Judgement {
  const sitting = new Sitting(docket);
  try {
    assertResolved(group);
    for (const authored of group) assertReadable(sitting, authored);
    const steps = [...judgeAll(group, sitting)];
    return { refusals: sitting.doubts, steps, events: sitting.events };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { refusals: new Set([...sitting.doubts, ...error.codes]), steps: null, events: [] };
  }
}

/** A reference to a temporary id that stands for nothing must not get into the log. */
function assertResolved(group: readonly Authored[]): void {
  const made = new Set<string>();
  for (const { collection, fields, temporary } of group) {
    const dangling = namedIn(collection, fields).some((id) => id.startsWith("tmp:") && !made.has(id));
    if (dangling) throw new Refused("entity-not-found");
    if (temporary !== null) made.add(temporary);
  }
}

function* judgeAll(group: readonly Authored[], sitting: Sitting): Iterable<Step> {
  const aliases = new Map<string, string>();
  const rename = (id: string): string => aliases.get(id) ?? id;
  for (const written of group) {
    const authored: Authored = {
      ...written,
      entity: written.operation === "create" ? written.entity : rename(written.entity),
      fields: renamed(written.collection, written.fields, rename),
    };
    const from = sitting.events.length;
    const { isHeld, offset, id } = judgeOne(authored, sitting);
    if (authored.temporary !== null && id !== undefined) aliases.set(authored.temporary, id);
    yield { from, to: sitting.events.length, isHeld, offset };
  }
}

interface Outcome {
  readonly isHeld: boolean;
  readonly offset: number;
  /** Of a create. */
  readonly id?: string;
}

function judgeOne(authored: Authored, sitting: Sitting): Outcome {
  const author = sitting.author(authored);
  const { offset } = sitting;
  const { operation, collection } = authored;
  if (operation === "void") throw new Refused("withdrawn");
  if (operation === "call") return judgeCall(author, sitting);
  if (operation === "decide") {
    decide(sitting, author);
    return { isHeld: false, offset };
  }
  if (operation !== "create" && operation !== "update" && operation !== "delete")
    throw new Refused("unknown-operation");
  if (!isCollection(collection)) throw new Refused("unknown-collection");
  if (operation !== "delete") assertFits(collection, authored.fields);
  if (collection === REVIEWS) {
    annotate(sitting, author);
    return { isHeld: false, offset };
  }
  if (operation === "create") return { isHeld: false, offset, id: judgeCreate(author, sitting) };
  const before = sitting.read(collection, authored.entity);
  if (before === null) throw new Refused("entity-not-found");
  if (before.row === null && sitting.isForgotten(before)) {
    sitting.doubts.add("entity-not-found");
    sitting.doubts.add("entity-deleted");
  }
  return operation === "update" ? judgeUpdate(author, sitting, before) : judgeDelete(author, sitting, before);
}

function assertFits(collection: string, fields: Row): void {
  // Of several that do not fit, either code may be named.
  for (const [name, value] of Object.entries(fields)) {
    const read = reading(collection, name);
    // What is the server's to write in a review is refused for that.
    if (read === undefined && collection === REVIEWS) continue;
    if (read === undefined) throw new Refused("unknown-field", "invalid-value");
    if (!read.takes(value)) throw new Refused("invalid-value", "unknown-field");
  }
}

// ── create ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** @param foreseen the id that a call has given it */
function judgeCreate(author: Author, sitting: Sitting, foreseen: string | null = null): string {
  const { collection, fields, temporary, entity } = author.authored;
  const isTemporary = entity.startsWith("tmp:");
  if (foreseen === null && (hasServerIds(collection) ? temporary === null : isTemporary))
    throw new Refused("invalid-id");
  const id = foreseen ?? (temporary === null ? entity : (sitting.made(author.authored)?.entity ?? `unmade ${entity}`));
  const known = sitting.read(collection, id);
  // Whether the server still knew of a tombstone that a trim may have taken shows in what it did.
  const isForgotten = known !== null && sitting.isForgotten(known);
  if (known !== null && !isForgotten) throw new Refused(known.row === null ? "entity-deleted" : "entity-exists");
  if (isForgotten) sitting.doubts.add("entity-deleted");
  for (const [name, { preset }] of Object.entries(readings(collection))) {
    if (preset === undefined && !Object.hasOwn(fields, name)) throw new Refused("invalid-value");
  }
  const blank = { row: presets(collection), writes: new Map<string, Write>(), memory: new Map() };
  const { row, memory } = settled(sitting, author, collection, blank, new Map());
  const refusal = writeRefusal(collection, null, row);
  if (refusal !== null) throw new Refused(refusal);
  const write = sitting.write(author, author.stamp);
  const names = [...Object.keys(readings(collection)), "tidelock.review"];
  sitting.record(author, {
    kind: "created",
    state: {
      ...{ collection, id, row, memory, marks: new Map(), deletion: null, buried: null },
      writes: new Map(names.map((name) => [name, write])),
    },
    changed: Object.keys(fields),
    changes: changesIn(collection, fields),
    alias: temporary === null ? null : `${author.authored.device} ${temporary}`,
  });
  return id;
}

/** What is written to fields whose writes are merged. */
function changesIn(collection: string, fields: Row): Row | null {
  const merged = Object.entries(fields).filter(([name]) => {
    const by = reading(collection, name)?.settling.by;
    return by === "set" || by === "list" || by === "counter";
  });
  return merged.length === 0 ? null : Object.fromEntries(merged);
}

// ── update and delete ──────────────────────────────────────────────────────────────────────────────────────────────

function judgeUpdate(author: Author, sitting: Sitting, before: State): Outcome {
  const { collection, fields } = author.authored;
  const { offset } = sitting;
  const { row } = before;
  if (row === null) return updateDeleted(author, sitting, before);
  const update = settled(sitting, author, collection, { ...before, row }, before.marks);
  assertAllowed(collection, row, update);
  recordUpdate(sitting, author, before, update, changesIn(collection, fields));
  return { isHeld: update.held.length > 0, offset };
}

function updateDeleted(author: Author, sitting: Sitting, before: State): Outcome {
  const { collection, fields } = author.authored;
  const { deletion, buried } = before;
  const { offset } = sitting;
  if (deletion === null || hasSeen(author.seer, deletion)) throw new Refused("entity-deleted");
  const policy = onDelete(collection);
  const current: Contender = { ...deletion, seen: null, value: null };
  const verdict = verdictOn(policy, "current", current, sitting.contender(author, fields));
  if (policy === "update-wins" && buried !== null) {
    const update = settled(sitting, author, collection, buried, new Map());
    assertAllowed(collection, null, update);
    update.decisions.unshift(verdict);
    recordUpdate(sitting, author, before, update, changesIn(collection, fields));
    return { isHeld: update.held.length > 0, offset };
  }
  const review = before.marks.get(WHOLE) ?? null;
  const held: Held[] = policy === "review" ? [{ field: WHOLE, verdict, review }] : [];
  const { opened, reviews } = holding(sitting, before, held);
  const state = sitting.record(author, {
    kind: "updated",
    state: { ...before, marks: new Map([...before.marks, ...opened]) },
    decisions: [verdict],
    changed: [],
    changes: changesIn(collection, fields),
  });
  refresh(sitting, author, state, reviews);
  return { isHeld: held.length > 0, offset };
}

function judgeDelete(author: Author, sitting: Sitting, before: State): Outcome {
  const { collection } = author.authored;
  const { row } = before;
  const { offset } = sitting;
  // Deleting what is deleted needs no event.
  if (row === null) return { isHeld: false, offset: before.at };
  const refusal = writeRefusal(collection, row, null);
  if (refusal !== null) throw new Refused(refusal);
  const review = before.marks.get(WHOLE) ?? null;
  const unseen = unseenOf(author.seer, before);
  if (unseen === null && review === null) {
    recordDelete(sitting, author, before, null);
    return { isHeld: false, offset };
  }
  const policy = review === null ? onDelete(collection) : "review";
  const current = unseen ?? acceptedOf(sitting, review) ?? sitting.contender(author, {});
  const verdict = verdictOn(policy, "incoming", current, sitting.contender(author, null));
  if (policy === "delete-wins") {
    recordDelete(sitting, author, before, verdict);
    return { isHeld: false, offset };
  }
  const update = unchanged({ ...before, row });
  update.decisions.push(verdict);
  if (policy === "review") update.held.push({ field: WHOLE, verdict, review });
  recordUpdate(sitting, author, before, update, null);
  return { isHeld: policy === "review", offset };
}

/** What is accepted in an open review: a delete that conflicts with nothing stands against that. */
function acceptedOf(sitting: Sitting, review: string | null): Contender | undefined {
  const row = review === null ? null : (sitting.read(REVIEWS, review)?.row ?? null);
  return row === null ? undefined : candidatesOf(row)[0];
}

function verdictOn(
  policy: "delete-wins" | "update-wins" | "review",
  deleted: "current" | "incoming",
  current: Contender,
  incoming: Contender,
): Verdict {
  const updated = deleted === "current" ? "incoming" : "current";
  const winner = policy === "review" ? "review" : policy === "delete-wins" ? deleted : updated;
  return { field: null, policy, version: 1, winner, value: null, base: undefined, current, incoming };
}

// ── calls ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A mutator runs on what it meets, so its writes conflict with nothing; but fields that wait for a review wait on. */
function judgeCall(author: Author, sitting: Sitting): Outcome {
  const { collection: name, fields: args, counter, device, user } = author.authored;
  const effects = callEffects(name, args, {
    get: (collection, id) => sitting.read(collection, id)?.row ?? null,
    ...{ user, role: sitting.docket.role, location: "server" },
  });
  if ("refused" in effects) throw new Refused(effects.refused);
  sitting.call = [name, args];
  const { offset } = sitting;
  let isHeld = false;
  const ids: string[] = [];
  for (const effect of effects.writes) {
    const { operation, collection } = effect;
    const made = sitting.made(author.authored);
    const id = idOf(effect, ids) ?? made?.entity ?? `unmade ${device} ${counter}`;
    const authored: Authored = {
      ...author.authored,
      ...{
        operation,
        collection,
        entity: id,
        fields: withIds(effect, ids),
        floor: sitting.offset - 1,
        temporary: null,
      },
    };
    const { seer } = author;
    const own: Author = { authored, seer: { ...seer, floor: authored.floor }, stamp: author.stamp };
    if (operation === "create") ids.push(judgeCreate(own, sitting, id));
    else {
      const before = sitting.read(collection, id);
      if (before === null) throw new Refused("entity-not-found");
      const outcome = operation === "update" ? judgeUpdate(own, sitting, before) : judgeDelete(own, sitting, before);
      isHeld ||= outcome.isHeld;
    }
  }
  sitting.call = null;
  return { isHeld, offset: sitting.offset > offset ? offset : offset - 1 };
}

/** The entity of an effect: one that is known, or one that the call itself has made. */
function idOf({ operation, entity }: MutatorEffect, made: readonly string[]): string | undefined {
  if (operation === "create") return undefined;
  return typeof entity === "number" ? made[entity] : entity;
}

function withIds({ fields, collection }: MutatorEffect, made: readonly string[]): Row {
  return renamed(collection, fields, (id) => (id.startsWith("made ") ? (made[Number(id.slice(5))] ?? id) : id));
}
