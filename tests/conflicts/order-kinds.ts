/**
 * For which policies, and among which writes, the order of arrival makes no difference to the values. What is not here does
 * depend on it, and `conflicts.test.ts` says why, with the shortest history that shows it.
 */
import type { Circumstances } from "./orders.ts";

const ANY: Pick<Circumstances, "clocks" | "someLag" | "once" | "collections"> = {
  clocks: "lying",
  someLag: true,
  once: false,
  collections: ["things", "plans"],
};
const MERGED = { things: ["labels", "stars", "steps", "votes", "usage"], plans: ["labels", "steps", "votes"] };
/** Everybody writes once, having seen the same. */
const SAME_STATE = { ...ANY, someLag: false, once: true, collections: ["things"] };

export const ORDER_KINDS: Readonly<Record<string, Circumstances>> = {
  "sets, whatever the clocks say": { ...ANY, fields: { things: ["labels", "stars"], plans: ["labels"] } },
  "lists, whatever the clocks say": { ...ANY, fields: { things: ["steps"], plans: ["steps"] } },
  "counters, whatever the clocks say": { ...ANY, fields: { things: ["votes", "usage"], plans: ["votes"] } },
  "the later write, where stamps grow along what was seen": {
    ...ANY,
    clocks: "growing",
    fields: { things: ["title", "extra"], plans: ["title"] },
  },
  "authorRole, where stamps grow along what was seen": {
    ...ANY,
    clocks: "growing",
    someLag: false,
    collections: ["things"],
    fields: { things: ["owner"] },
  },
  "greatest and smallest, among writes made on the same state": { ...SAME_STATE, fields: { things: ["high", "low"] } },
  "priorityOrder, among writes made on the same state": { ...SAME_STATE, fields: { things: ["priority"] } },
  "unionOfIntervals, among writes made on the same state": { ...SAME_STATE, fields: { things: ["hours"] } },
  "a rule that merges both, among writes made on the same state": { ...SAME_STATE, fields: { things: ["motto"] } },
  "forwardOnly, among first steps, none of which goes back": {
    ...SAME_STATE,
    rounds: 1,
    fields: { things: ["state"] },
  },
  "what a person may choose from, among writes made on the same state": {
    ...SAME_STATE,
    rounds: 1,
    fields: { things: ["price", "slogan", "budget", "broken", "silly"] },
  },
  "deletes that win, whatever the clocks say": {
    ...ANY,
    collections: ["things"],
    fields: MERGED,
    odds: { delete: 0.12 },
  },
  "updates that win over deletes, where stamps grow along what was seen": {
    ...ANY,
    clocks: "growing",
    collections: ["plans"],
    fields: { plans: ["title", "labels", "steps", "votes"] },
    odds: { delete: 0.12 },
  },
};
