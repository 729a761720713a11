/**
 * A card's history as it is read: from the log's events to who did what, with the conflicts that were settled on the way.
 * What somebody wrote in one go is one row, however often it was saved. Pure.
 */
import type { HistoryEntry } from "@tidelock/client";
import type { JsonValue } from "@tidelock/core";
import type { Step } from "../schema.ts";
import { type Told, loserOf } from "../sync/decision-words.ts";
import { fieldName, valueText, writtenPhrases } from "../sync/words.ts";

export interface HistoryRow {
  readonly key: string;
  readonly user: string;
  readonly time: number;
  /** What was done, such as “moved it to Doing”. */
  readonly phrases: readonly string[];
  readonly decisions: readonly HistoryDecision[];
  /** Values that were replaced and can be written again. */
  readonly replaced: readonly Replaced[];
}

export interface HistoryDecision {
  readonly key: string;
  readonly told: Told;
  /** What did not stand, if it can be written again. */
  readonly lost: (Replaced & { readonly user: string | null }) | null;
}

export interface Replaced {
  readonly field: string;
  readonly value: JsonValue;
}

type Changed = HistoryEntry["changed"][number];

/** What people typed within so much time is one change to those who read about it. */
const ONE_GO_MS = 10 * 60_000;
/** Fields that are written while somebody types or drags. */
const CONTINUOUS: ReadonlySet<string> = new Set(["title", "notes", "position", "asked"]);
const RESTORABLE: ReadonlySet<string> = new Set(["title", "notes", "assignee", "priority", "dueAt"]);

/** @param entries newest first */
export function historyRows(entries: readonly HistoryEntry[], steps: readonly Step[]): HistoryRow[] {
  const texts = stepTexts(entries, steps);
  return inOneGo(entries).flatMap((entry) => {
    const row = rowOf(entry, texts);
    return row.phrases.length === 0 && row.decisions.length === 0 ? [] : [row];
  });
}

/** Items of the checklist by id, also those that are gone. */
function stepTexts(entries: readonly HistoryEntry[], steps: readonly Step[]): readonly Step[] {
  const all = new Map<string, Step>();
  for (const { changed } of entries.toReversed()) {
    for (const { field, was, now } of changed) {
      if (field === "steps") for (const step of [...stepsOf(was), ...stepsOf(now)]) all.set(step.id, step);
    }
  }
  for (const step of steps) all.set(step.id, step);
  return [...all.values()];
}

function stepsOf(value: JsonValue): readonly Step[] {
  return Array.isArray(value) ? (value as unknown as readonly Step[]) : [];
}

function inOneGo(entries: readonly HistoryEntry[]): HistoryEntry[] {
  const rows: HistoryEntry[] = [];
  for (const entry of entries) {
    const newer = rows.at(-1);
    if (newer !== undefined && isContinued(entry, newer)) rows[rows.length - 1] = joined(entry, newer);
    else rows.push(entry);
  }
  return rows;
}

function isContinued(older: HistoryEntry, newer: HistoryEntry): boolean {
  const fields = (entry: HistoryEntry): string =>
    visible(entry.changed)
      .map(({ field }) => field)
      .join();
  return (
    older.user === newer.user &&
    older.kind === "updated" &&
    newer.kind === "updated" &&
    older.decisions.length === 0 &&
    newer.decisions.length === 0 &&
    newer.occurredAt - older.occurredAt < ONE_GO_MS &&
    fields(older) === fields(newer) &&
    visible(older.changed).every(({ field }) => CONTINUOUS.has(field))
  );
}

function joined(older: HistoryEntry, newer: HistoryEntry): HistoryEntry {
  const was = new Map(older.changed.map((change) => [change.field, change.was]));
  return { ...newer, changed: newer.changed.map((change) => ({ ...change, was: was.get(change.field) ?? null })) };
}

/** Without what belongs to the engine. */
function visible(changed: readonly Changed[]): readonly Changed[] {
  return changed.filter(({ field }) => !field.startsWith("tidelock."));
}

function rowOf(entry: HistoryEntry, steps: readonly Step[]): HistoryRow {
  const { offset, kind, user, occurredAt: time } = entry;
  const base = { key: String(offset), user, time };
  if (kind === "created") return { ...base, phrases: ["added the card"], decisions: [], replaced: [] };
  if (kind === "deleted") return { ...base, phrases: ["deleted the card"], decisions: [], replaced: [] };
  const decided = new Set(entry.decisions.map(({ decision }) => decision.field));
  const others = visible(entry.changed).filter(({ field }) => !decided.has(field));
  const phrases = [
    ...entry.decisions.flatMap(({ decision }) => decisionPhrases(decision, steps)),
    ...writtenPhrases(Object.fromEntries(others.map((change) => asWritten(entry, change))), steps),
  ];
  return {
    ...base,
    phrases,
    decisions: entry.decisions.map(({ key, decision }) => ({ key, told: decision, lost: lostOf(decision) })),
    replaced: others.flatMap(({ field, was }) => (isRestorable(field, was) ? [{ field, value: was }] : [])),
  };
}

/** What somebody did that met something else. */
function decisionPhrases(decision: Told, steps: readonly Step[]): string[] {
  const { field, policy, winner, incoming } = decision;
  if (field === null) return [];
  if (winner === "review") return [`proposed ${valueText(field, incoming.value)} as the ${fieldName(field)}`];
  if (policy === "review") return [`decided the ${fieldName(field)}`];
  return writtenPhrases({ [field]: incoming.value }, steps);
}

function lostOf(decision: Told): HistoryDecision["lost"] {
  const { field, winner, policy, current } = decision;
  // What waits is not lost. Where somebody decided on another value, what the field had before did not stand.
  if (field === null || winner === "review") return null;
  const { value, user } = policy === "review" && winner === "merged" ? current : loserOf(decision);
  return isRestorable(field, value) ? { field, value, user } : null;
}

function isRestorable(field: string, value: JsonValue): boolean {
  return RESTORABLE.has(field) && value !== null && value !== "";
}

/** What was written: the change where changes are merged, else the value that the field has now. */
function asWritten({ changes }: HistoryEntry, { field, was, now }: Changed): [string, JsonValue] {
  if (field === "asked") return [field, { add: Number(now) - Number(was) }];
  return [field, changes?.[field] ?? now];
}
