/**
 * A conflict told to somebody who was not there: who wrote what, having seen what; which rule decided, and why; and what
 * can be done about it. Pure: what it needs to know of the present is given to it.
 */
import { sameJson } from "@tidelock/core";
import type { ConflictRecord, ContenderRecord, HistoryList } from "../../engine/inquiry-records.ts";
import { visible } from "../output.ts";
import { authorAndDevice, authorOf, moment, seenBy, shown, writing } from "./words.ts";

/** The entity as it is now; `null` when it cannot be had. */
export type Present = Pick<HistoryList, "deleted" | "fields" | "reviews"> | null;

export interface Account {
  readonly headline: string;
  /** Each a name and sentences. */
  readonly parts: readonly (readonly [name: string, sentences: string])[];
  /** What to do, and the command that does it; `null` when nothing lost. */
  readonly advice: readonly [text: string, command: string] | null;
}

/** @param again the options of the server, for the command that is advised */
export function accountOf(conflict: ConflictRecord, present: Present, again: string): Account {
  const { base, current, incoming, field } = conflict;
  return {
    headline: headlineOf(conflict),
    parts: [
      ...(base === undefined ? [] : [["before", writing(field, base)] as const]),
      ["first", deedOf(conflict, current, incoming)],
      ["then", deedOf(conflict, incoming, current)],
      ["rule", ruleOf(conflict)],
      ["reason", visible(conflict.reason)],
      ["outcome", outcomeOf(conflict)],
      ...(present === null ? [] : [["now", nowOf(conflict, present)] as const]),
    ],
    advice: adviceOf(conflict, present, again),
  };
}

function placeOf({ collection, entity_id, field }: ConflictRecord): string {
  return field === null ? `${collection} ${entity_id}` : `the ${field} of ${collection} ${entity_id}`;
}

function headlineOf(conflict: ConflictRecord): string {
  const { id, time, policy, winner } = conflict;
  const what =
    policy === "review" && winner !== "review"
      ? "A person decided about"
      : conflict.field === null
        ? "A change met a delete of"
        : "Two writes met in";
  return `${what} ${placeOf(conflict)} (decision ${id}, ${moment(time)}).`;
}

/** One of the writes, and what its author knew. */
function deedOf({ field, policy }: ConflictRecord, side: ContenderRecord, other: ContenderRecord): string {
  const { offset, time, value } = side;
  const where = offset === 0 ? "" : `event ${offset}, `;
  const verb = field === null && value === null ? "deleted it" : `${verbOf(policy)} ${writing(field, value)}`;
  return `${authorAndDevice(side)} ${verb} (${where}${moment(time)}). ${knowledgeOf(side, other)}`;
}

function verbOf(policy: string): string {
  return ["set", "list", "counter"].includes(policy) ? "changed it by" : "wrote";
}

function knowledgeOf(side: ContenderRecord, other: ContenderRecord): string {
  const author = authorOf(side);
  const seen = seenBy(side);
  if (seen === null) return `What ${author} had seen, the log does not say any more.`;
  const upTo = seen === 0 ? `${author} had seen nothing of the log` : `${author} had seen the log up to event ${seen}`;
  if (other.offset === 0 || other.device === side.device) return `${upTo}.`;
  // Whoever was first could not know of the second.
  if (other.offset > side.offset && side.offset > 0) return `${upTo}.`;
  return other.offset > seen
    ? `${upTo}, and so not what ${authorOf(other)} wrote (event ${other.offset}).`
    : `${upTo}, and so knew what ${authorOf(other)} wrote (event ${other.offset}).`;
}

const POLICIES: Readonly<Record<string, string>> = {
  "lww": "the later write stands, by the clocks of the devices; none of them can be far ahead of the server's",
  "set": "all additions and removals are kept; of opposite ones about the same element the later stands",
  "list": "all changes of items are kept; of opposite ones about the same item one stands",
  "counter": "all contributions are added up",
  "review": "no rule decides, a person does",
  "delete-wins": "a delete stands against changes by people who had not seen it",
  "update-wins": "a change brings back what was deleted by somebody who had not seen it",
};

function ruleOf({ policy, policy_version: version }: ConflictRecord): string {
  const rule = policy.startsWith("resolve/") ? policy.slice("resolve/".length) : null;
  if (rule !== null) return `${rule}, version ${version}, a rule of the application.`;
  const words = POLICIES[policy];
  return words === undefined ? `${policy}.` : `${policy}: ${words}.`;
}

function outcomeOf({ winner, field, value, current, incoming }: ConflictRecord): string {
  const stands = (side: ContenderRecord, lost: ContenderRecord): string =>
    `${writing(field, side.value)} of ${authorOf(side)} stands; ${writing(field, lost.value)} of ${authorOf(lost)} lost.`;
  switch (winner) {
    case "current":
      return stands(current, incoming);
    case "incoming":
      return stands(incoming, current);
    case "merged":
      return `Neither alone: the value is ${writing(field, value)}.`;
    case "review":
      return `${writing(field, current.value)} of ${authorOf(current)} stays until a person has decided.`;
  }
}

function nowOf({ field, value, winner }: ConflictRecord, { deleted, fields }: NonNullable<Present>): string {
  if (deleted) return field === null && winner !== "review" ? "It is deleted." : "The entity has been deleted.";
  if (field === null) return "The entity is there.";
  const now = fields?.[field] ?? null;
  return sameJson(now, value) ? `It still is ${shown(now)}.` : `It is ${shown(now)}: somebody wrote it since.`;
}

function adviceOf(conflict: ConflictRecord, present: Present, again: string): Account["advice"] {
  const { id, field, winner, current, incoming } = conflict;
  const review = present?.reviews[field ?? "*"];
  if (review !== undefined) return ["It waits for a person:", `tidelock reviews show ${review}${again}`];
  const restore = `tidelock conflicts restore ${id}`;
  if (winner === "current" || winner === "incoming") {
    const lost = winner === "current" ? incoming : current;
    if (field === null && lost.value !== null && present?.deleted === true) return null;
    if (field !== null && sameJson(present?.fields?.[field] ?? null, lost.value)) return null;
    return [`To bring back ${writing(field, lost.value)} of ${authorOf(lost)}:`, `${restore}${again}`];
  }
  if (field === null) return null;
  return [
    `To write ${shown(current.value)} of ${authorOf(current)} instead (or --side incoming for that of ${authorOf(incoming)}):`,
    `${restore} --side current${again}`,
  ];
}
