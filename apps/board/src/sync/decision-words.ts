/**
 * Decisions in plain words, for those who were not there: “Mira's “High” went before Jonas's “Low”, because a lead's word
 * goes first.” Made from what the record says; where it says nothing that is known here, its own reason is quoted.
 */
import type { Decision, JsonValue } from "@tidelock/core";
import type { NameOf } from "../session/names.ts";
import { capitalized, fieldName, valueText } from "./words.ts";

/** One of the two who met, as far as words need to know. */
interface Side {
  readonly user: string | null;
  readonly value: JsonValue;
}
/** A decision of the log, or one of this device's own. */
export interface Told extends Pick<Decision, "field" | "policy" | "winner" | "value" | "reason"> {
  readonly current: Side;
  readonly incoming: Side;
}

export interface Audience {
  readonly nameOf: NameOf;
  /** The user who reads this: it is “you” then. */
  readonly self: string;
}

/** Of what a person decided it says for what: who decided stands elsewhere. */
export function decisionText(decision: Told, audience: Audience): string {
  const { field, policy, winner, reason, current, incoming } = decision;
  if (field === null) return `${capitalized(reason)}.`;
  if (winner === "review") {
    const chosen = `${nameFor(current.user, audience)} had chosen ${valueText(field, current.value)}`;
    return `${capitalized(chosen)}. Neither had seen the other's, so a lead decides.`;
  }
  if (policy === "review") return reviewedText(decision, field, audience);
  if (policy === "set" || policy === "list") {
    const both = `${nameFor(incoming.user, audience)} and ${nameFor(current.user, audience)}`;
    return `${capitalized(both)} changed the same thing in the ${fieldName(field)}: ${reason}.`;
  }
  if (winner === "merged") return `Both were made one: ${valueText(field, decision.value)}, because ${reason}.`;
  const [stands, lost] = winner === "incoming" ? [incoming, current] : [current, incoming];
  const values = [stands, lost].map((side) => `${whose(side.user, audience)} ${valueText(field, side.value)}`);
  return `${capitalized(values.join(" went before "))}, because ${becauseOf(policy, reason)}.`;
}

function reviewedText(decision: Told, field: string, audience: Audience): string {
  const { winner, current, incoming, value, reason } = decision;
  if (reason.startsWith("the time was up")) return `Nobody decided in time, so ${valueText(field, value)} stands.`;
  if (winner === "merged") return `For something else: ${valueText(field, value)}.`;
  const [stands, lost] = winner === "incoming" ? [incoming, current] : [current, incoming];
  const [one, other] = [stands, lost].map((side) => `${whose(side.user, audience)} ${valueText(field, side.value)}`);
  return `For ${one}, not for ${other}.`;
}

/** “Tomas chose Nov 27, you chose Dec 3” */
export function chosenText(field: string, sides: readonly Side[], audience: Audience): string {
  const chosen = sides.map(({ user, value }) => `${nameFor(user, audience)} chose ${valueText(field, value)}`);
  return capitalized(chosen.join(", "));
}

/** What the rules of this board are called by those who work with it. */
function becauseOf(policy: string, reason: string): string {
  if (policy === "lww") return "it was written later";
  if (reason === "what lead writes goes before what member writes") return "a lead's word goes first";
  const [, role] = /^both were written as (.+); the later write stands$/.exec(reason) ?? [];
  return role === undefined ? reason : `both are ${role}s, and it was written later`;
}

function nameFor(user: string | null, { nameOf, self }: Audience): string {
  return user === self ? "you" : nameOf(user);
}

/** “Mira's”, “your” */
export function whose(user: string | null, audience: Audience): string {
  return user === audience.self ? "your" : `${audience.nameOf(user)}'s`;
}

/** The value that does not stand, and who wrote it. */
export function loserOf<Of>(decision: {
  readonly winner: Decision["winner"];
  readonly current: Of;
  readonly incoming: Of;
}): Of {
  return decision.winner === "incoming" ? decision.current : decision.incoming;
}
