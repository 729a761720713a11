/**
 * How a write meets what a field has: part of the reference model, written from DESIGN, sections 4 and 5.
 *
 * A write conflicts when the field's last write is not covered by what its author had seen. Sets, lists and counters merge;
 * of two values the later stands, or what a rule says, or a person decides.
 */
import { type Dot, hasSeen, isLater, type Seer, stampAfter } from "./causality.ts";
import { changedList, changedSet, type Contest, elementsOf, itemsOf, type Maker } from "./merging.ts";
import { type Answer, onDelete, reading, type Reading, type Row, type Settling } from "./readings.ts";
import {
  type Author,
  BLANK,
  type Contender,
  type Memory,
  Refused,
  type Sitting,
  type Verdict,
  type Write,
} from "./sitting.ts";

/** A value that waits for a person: with the others of an open review, or in one of its own. */
export interface Held {
  readonly field: string;
  readonly verdict: Verdict;
  readonly review: string | null;
}

/** What an update makes of an entity. */
export interface Update {
  readonly row: Record<string, unknown>;
  readonly writes: Map<string, Write>;
  readonly memory: Map<string, Memory>;
  readonly changed: string[];
  readonly decisions: Verdict[];
  readonly held: Held[];
  /** Writes that stand no more, and that the author had not seen. */
  readonly replaced: Write[];
  /** The author wrote what was there already, and somebody else stays the last. */
  isQuiet: boolean;
}

export interface From {
  readonly row: Row;
  readonly writes: ReadonlyMap<string, Write>;
  readonly memory: ReadonlyMap<string, Memory>;
}

export function unchanged({ row, writes, memory }: From): Update {
  return {
    ...{ row: { ...row }, writes: new Map(writes), memory: new Map(memory) },
    ...{ changed: [], decisions: [], held: [], replaced: [], isQuiet: false },
  };
}

/** Settles every field that a mutation writes. `marks`: the reviews that fields wait for. */
export function settled(
  sitting: Sitting,
  author: Author,
  collection: string,
  from: From,
  marks: ReadonlyMap<string, string>,
): Update {
  const update = unchanged(from);
  for (const [name, value] of Object.entries(author.authored.fields)) {
    const read = reading(collection, name);
    if (read === undefined) throw new Refused("unknown-field");
    const review = marks.get(name);
    if (review !== undefined) join(sitting, author, update, name, value, review);
    else settleOne(sitting, author, update, name, value, read);
  }
  if (onDelete(collection) !== "delete-wins") noteQuiet(sitting, author, update);
  return update;
}

/** Under this name an entity remembers updates of which no field says any more that they were. */
const QUIET = "";

/** Updates that no field tells of: a delete that has not seen them must know of them all the same. */
export function quietUpdates(seer: Seer, { memory }: Pick<From, "memory">): readonly Write[] {
  return (memory.get(QUIET)?.others ?? []).filter((write) => !hasSeen(seer, write));
}

/** Where a value lost, waits, or was replaced by somebody who had not seen it. */
function noteQuiet(sitting: Sitting, author: Author, update: Update): void {
  const quiet = [...quietUpdates(author.seer, update), ...update.replaced];
  const lost = update.decisions.some(({ winner }) => winner === "current") || hasLostInList(sitting, author);
  if (update.isQuiet || lost || update.held.length > 0) quiet.push(sitting.write(author, author.stamp));
  const once = new Map(quiet.map((write) => [`${write.device} ${write.counter}`, write]));
  update.memory.set(QUIET, { ...BLANK, others: [...once.values()].sort((left, right) => left.offset - right.offset) });
}

/** How lists are settled item by item is left to the server; whether something of a change lost is in its record. */
function hasLostInList(sitting: Sitting, { authored }: Author): boolean {
  const made = sitting.made(authored);
  return made?.decisions.some(({ policy, winner }) => policy === "list" && winner === "current") ?? false;
}

/** A write of a field that waits for a review joins the candidates, whatever its author had seen. */
function join(sitting: Sitting, author: Author, update: Update, name: string, value: unknown, review: string): void {
  const verdict: Verdict = {
    ...{ field: name, policy: "review", version: 1, winner: "review", value: update.row[name], base: undefined },
    current: standing(update, name),
    incoming: sitting.contender(author, value),
  };
  update.decisions.push(verdict);
  update.held.push({ field: name, verdict, review });
}

function standing({ row, writes }: Update, name: string): Contender {
  const write = writes.get(name);
  if (write === undefined) throw new Error(`${name} was never written`);
  return { ...write, seen: null, value: row[name] };
}

function settleOne(
  sitting: Sitting,
  author: Author,
  update: Update,
  name: string,
  value: unknown,
  read: Reading,
): void {
  const { settling } = read;
  switch (settling.by) {
    case "counter": {
      const sum = Number(update.row[name]) + Number((value as { readonly add: number }).add);
      if (!Number.isSafeInteger(sum)) throw new Refused("invalid-value");
      update.memory.set(name, { ...BLANK, others: unseenWrites(author.seer, update, name) });
      return put(sitting, author, update, name, sum, author.stamp);
    }
    case "set":
      return mergeSet(sitting, author, update, name, value, settling.bias);
    case "list":
      return mergeList(sitting, author, update, name, value);
    default:
      return settleValue(sitting, author, update, name, value, settling);
  }
}

function put(sitting: Sitting, author: Author, update: Update, name: string, value: unknown, stamp: string): void {
  const isSame = JSON.stringify(update.row[name]) === JSON.stringify(value);
  update.row[name] = value;
  update.writes.set(name, sitting.write(author, stamp));
  if (!isSame) update.changed.push(name);
}

/** The writes that a field's value is made of, and that somebody has not seen; the last one last. */
export function unseenWrites(
  seer: Seer,
  { writes, memory }: Pick<From, "writes" | "memory">,
  name: string,
): readonly Write[] {
  const last = writes.get(name);
  const makers = [...(memory.get(name)?.others ?? []), ...(last === undefined ? [] : [last])];
  return makers.filter((write) => !hasSeen(seer, write));
}

// ── merging ────────────────────────────────────────────────────────────────────────────────────────────────────────

function makerOf(sitting: Sitting, { seer, stamp }: Author): Maker {
  return { seer, stamp, offset: sitting.offset };
}

function mergeSet(
  sitting: Sitting,
  author: Author,
  update: Update,
  name: string,
  change: unknown,
  bias: "add" | "remove",
): void {
  const memory = update.memory.get(name) ?? BLANK;
  const { deeds, contests } = changedSet(memory.elements, change, makerOf(sitting, author), bias);
  update.memory.set(name, { ...memory, elements: deeds, others: unseenWrites(author.seer, update, name) });
  put(sitting, author, update, name, elementsOf(deeds, bias), author.stamp);
  for (const contest of contests) update.decisions.push(contested(sitting, author, name, contest));
}

function contested(
  sitting: Sitting,
  { authored: { device, counter, user, floor } }: Author,
  name: string,
  { current, incoming, winner }: Contest,
): Verdict {
  const incomingSide = { device, counter, user, offset: sitting.offset, seen: floor, ...incoming };
  return {
    ...{ field: name, policy: "set", version: 1, winner, value: null, base: undefined },
    current: { ...dotOf(current), stamp: current.stamp, user: null, seen: null, value: current.value },
    incoming: incomingSide,
  };
}

function dotOf({ device, counter, offset }: Dot): Dot {
  return { device, counter, offset };
}

function mergeList(sitting: Sitting, author: Author, update: Update, name: string, change: unknown): void {
  const memory = update.memory.get(name) ?? BLANK;
  const others = unseenWrites(author.seer, update, name);
  const deeds = memory.isUnsure ? "unsure" : changedList(memory.items, change, makerOf(sitting, author));
  if (deeds === null) throw new Refused("invalid-value");
  if (deeds === "unsure") {
    const made = sitting.made(author.authored);
    const value = made === undefined ? update.row[name] : sitting.docket.rowOf(made)?.[name];
    update.memory.set(name, { ...memory, others, isUnsure: true });
    return put(sitting, author, update, name, value, author.stamp);
  }
  update.memory.set(name, { ...memory, others, items: deeds });
  put(sitting, author, update, name, itemsOf(deeds), author.stamp);
}

// ── values ─────────────────────────────────────────────────────────────────────────────────────────────────────────

type ValueSettling = Extract<Settling, { readonly by: "lww" | "rule" | "review" }>;

function settleValue(
  sitting: Sitting,
  author: Author,
  update: Update,
  name: string,
  value: unknown,
  settling: ValueSettling,
): void {
  const last = update.writes.get(name);
  const unseen = unseenWrites(author.seer, update, name);
  const against = unseen.at(-1);
  const write = (to: unknown, stamp: string, others: readonly Write[] = []): void => {
    update.replaced.push(...unseen.filter((each) => !others.includes(each)));
    update.memory.set(name, { ...remembered(update, name, settling, sitting.docket.role), others });
    put(sitting, author, update, name, to, stamp);
  };
  if (against === undefined) return write(value, stampAfter(author.stamp, last === undefined ? [] : [last]));
  const current: Contender = { ...against, seen: null, value: update.row[name] };
  const incoming = sitting.contender(author, value);
  const later = isLater({ ...incoming, stamp: author.stamp }, against) ? "incoming" : "current";
  const { role, past } = update.memory.get(name) ?? BLANK;
  const base =
    settling.by === "lww"
      ? undefined
      : past.findLast((entry) => entry.makers.every((maker) => hasSeen(author.seer, maker)));
  const isSame = JSON.stringify(current.value) === JSON.stringify(value);
  const sides = {
    current: { value: current.value, role: settling.by === "rule" ? role : undefined },
    incoming: { value, role: sitting.docket.role },
  };
  const answer = settling.by === "rule" ? settling.asks({ base: base?.value, ...sides, later }) : null;
  if (isSame) {
    // Nothing is lost and nothing recorded; but one of the two is the last writer from now on.
    if ((answer?.side ?? later) === "incoming") write(value, author.stamp);
    else update.isQuiet = true;
    return;
  }
  const verdict = (winner: Verdict["winner"], to: unknown): Verdict => ({
    ...{ field: name, policy: policyOf(settling), version: settling.by === "rule" ? settling.version : 1 },
    ...{ winner, value: to, base: base === undefined ? undefined : { value: base.value }, current, incoming },
  });
  const outcome = settling.by === "lww" ? lastWord(later, current, incoming) : answer;
  if (outcome === null) {
    const held = verdict("review", current.value);
    update.decisions.push(held);
    update.held.push({ field: name, verdict: held, review: null });
    return;
  }
  const winner = winnerOf(outcome.value, current.value, value);
  update.decisions.push(verdict(winner, outcome.value));
  if (winner === "incoming") write(outcome.value, author.stamp);
  if (winner === "merged") write(outcome.value, stampAfter(author.stamp, [against]), unseen);
}

function lastWord(later: "current" | "incoming", current: Contender, incoming: Contender): Answer {
  return { value: later === "current" ? current.value : incoming.value, side: later };
}

function winnerOf(value: unknown, current: unknown, incoming: unknown): Verdict["winner"] {
  if (JSON.stringify(value) === JSON.stringify(current)) return "current";
  return JSON.stringify(value) === JSON.stringify(incoming) ? "incoming" : "merged";
}

function policyOf(settling: ValueSettling): string {
  return settling.by === "rule" ? `resolve/${settling.name}` : settling.by;
}

/** So many earlier values of a field are kept, as `Decision.base` says. */
const MAX_PAST = 16;

/** What is known of a field once somebody in this role has written it. */
export function remembered(
  { row, writes, memory }: From,
  name: string,
  settling: Settling,
  role: string | undefined,
): Memory {
  if (settling.by === "lww") return BLANK;
  const { past, others } = memory.get(name) ?? BLANK;
  const last = writes.get(name);
  const entry = last === undefined ? [] : [{ makers: [...others, last], value: row[name] }];
  return { ...BLANK, role, past: [...past, ...entry].slice(-MAX_PAST) };
}
