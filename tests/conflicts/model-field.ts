/**
 * The reference model, one field at a time: fields whose writes replace each other. Written from the design, in the
 * plainest words, and sharing nothing with the engine: a field conflicts when what it has was written by somebody whose
 * write the author had not seen, and the two values differ.
 */
import type { JsonValue } from "@tidelock/core";

/** One mutation as others see it: who made it, its number there, and the turn in which it reached the server. */
export interface Deed {
  readonly device: string;
  readonly counter: number;
  readonly turn: number;
  /** Grows with every write of an entity. */
  readonly event: number;
  readonly user: string;
  readonly role: string | null;
  /** As the server takes it: the device's own, or the server's where the device's lay too far ahead. */
  readonly stamp: bigint;
}

/** Somebody who writes now, and what they had seen: all turns up to the horizon, and their own deeds. */
export interface Author extends Deed {
  readonly horizon: number;
  /** A mutator writes, which has seen what it met. */
  readonly isCall?: boolean;
}

export function saw(author: Author, deed: Pick<Deed, "device" | "counter" | "turn">): boolean {
  if (deed.turn <= author.horizon) return true;
  return deed.device === author.device && deed.counter <= author.counter;
}

export interface Side {
  readonly device: string;
  readonly counter: number;
  readonly stamp: bigint;
  readonly value: JsonValue;
}

/** What a decision record must say. */
export interface Ruling {
  readonly field: string | null;
  readonly policy: string;
  readonly version: number;
  readonly winner: "current" | "incoming" | "merged" | "review";
  readonly value: JsonValue;
  readonly base: JsonValue | undefined;
  readonly current: Side;
  readonly incoming: Side;
}

/** Whose writes a value is made of, each with the stamp that it got; more than one where writes were merged. */
export type Writers = readonly [Deed, ...Deed[]];

export interface Standing {
  readonly value: JsonValue;
  readonly writers: Writers;
  /** The role with which it was written. */
  readonly role: string | null;
  /** What the field had before, oldest first. */
  readonly earlier: readonly Pick<Standing, "value" | "writers">[];
}

interface Told {
  readonly value: JsonValue;
  readonly role: string | null;
  readonly isLater: boolean;
}
/**
 * A rule of the application in the model's words: a value, or `null` when a person has to decide. `whose`: where it chose
 * by who they are, so that of two who wrote the same one is still before the other.
 */
type RuleWords = (
  current: Told,
  incoming: Told,
  base: JsonValue | undefined,
) => { readonly value: JsonValue; readonly whose?: Told } | null;
export type ValuePolicy =
  | { readonly kind: "lww" }
  | { readonly kind: "rule"; readonly name: string; readonly version: number; readonly decide: RuleWords }
  | { readonly kind: "review"; readonly dueAfterMs: number | null; readonly onExpiry: "keep" | "latest" };

export type Settled =
  | { readonly kind: "stands"; readonly standing: Standing; readonly rulings: readonly Ruling[] }
  | { readonly kind: "waits"; readonly ruling: Ruling };

/** As many earlier values are remembered. */
const REMEMBERED = 16;

export function same(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  return canonical(left) === canonical(right);
}

/** One text per value. */
export function canonical(value: unknown): string {
  if (typeof value === "bigint") return value.toString(16);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "nothing";
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${members.map(([name, member]) => `${name}:${canonical(member)}`).join()}}`;
}

export function later(left: Pick<Side, "stamp" | "device">, right: Pick<Side, "stamp" | "device">): boolean {
  return left.stamp === right.stamp ? left.device > right.device : left.stamp > right.stamp;
}

/** A write of a field that replaces what is there. */
export function settle(name: string, policy: ValuePolicy, now: Standing, author: Author, value: JsonValue): Settled {
  const stands = (written: JsonValue, writers: Writers, rulings: readonly Ruling[] = []): Settled => ({
    kind: "stands",
    standing: { value: written, writers, role: author.role, earlier: [...now.earlier, now].slice(-REMEMBERED) },
    rulings,
  });
  const before = (now.writers.at(-1) ?? author).stamp;
  const unseen = now.writers.filter((writer) => !saw(author, writer));
  const last = unseen.at(-1);
  // Whoever had seen what was there stands, and later than that, whatever the clocks say.
  if (last === undefined) return stands(value, [above(author, before)]);
  const current: Side = { device: last.device, counter: last.counter, stamp: last.stamp, value: now.value };
  const incoming: Side = { device: author.device, counter: author.counter, stamp: author.stamp, value };
  const isLater = later(incoming, current);
  const [mine, theirs]: readonly [Told, Told] = [
    { value, role: author.role, isLater },
    { value: now.value, role: now.role, isLater: !isLater },
  ];
  if (same(now.value, value)) {
    // Nothing is lost. One of the two is the last write from now on, the same one whichever came first.
    const whose = policy.kind === "rule" ? policy.decide(theirs, mine, undefined)?.whose : undefined;
    const isMine = whose === undefined ? isLater : whose === mine;
    return isMine ? stands(value, [author]) : { kind: "stands", standing: now, rulings: [] };
  }
  if (policy.kind === "lww") {
    const ruling = { field: name, policy: "lww", version: 1, base: undefined, current, incoming };
    if (isLater) return stands(value, [author], [{ ...ruling, winner: "incoming", value }]);
    return { kind: "stands", standing: now, rulings: [{ ...ruling, winner: "current", value: now.value }] };
  }
  const base = [...now.earlier].reverse().find(({ writers }) => writers.every((writer) => saw(author, writer)))?.value;
  const policyName = policy.kind === "rule" ? `resolve/${policy.name}` : "review";
  const version = policy.kind === "rule" ? policy.version : 1;
  const ruling = { field: name, policy: policyName, version, base, current, incoming };
  const answer = policy.kind === "review" ? null : policy.decide(theirs, mine, base);
  if (answer === null) return { kind: "waits", ruling: { ...ruling, winner: "review", value: now.value } };
  if (same(answer.value, now.value))
    return { kind: "stands", standing: now, rulings: [{ ...ruling, winner: "current", value: now.value }] };
  if (same(answer.value, value)) return stands(value, [author], [{ ...ruling, winner: "incoming", value }]);
  const merged: Ruling = { ...ruling, winner: "merged", value: answer.value };
  return stands(answer.value, withUnseen(now.writers, above(author, current.stamp), author), [merged]);
}

function above(author: Author, stamp: bigint): Author {
  return author.stamp > stamp ? author : { ...author, stamp: stamp + 1n };
}

/** Who has seen the last of them has seen what its author had seen; the others must have been seen as well. */
export function withUnseen(writers: Writers, last: Deed, author: Author): Writers {
  return [...writers.filter((writer) => !saw(author, writer)), last] as unknown as Writers;
}

// ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const value = (told: Told): { readonly value: JsonValue } => ({ value: told.value });
const numberOr = (told: Told, none: number): number => (typeof told.value === "number" ? told.value : none);

export const greatestWins: RuleWords = (current, incoming) =>
  value(numberOr(incoming, -Infinity) > numberOr(current, -Infinity) ? incoming : current);

export const smallestWins: RuleWords = (current, incoming) =>
  value(numberOr(incoming, Infinity) < numberOr(current, Infinity) ? incoming : current);

/** Whoever comes last in the list. */
export function lastOf(words: readonly string[]): RuleWords {
  return (current, incoming) =>
    value(words.indexOf(String(incoming.value)) > words.indexOf(String(current.value)) ? incoming : current);
}

/** The further one; a step back from where they started is for a person. */
export function furtherOf(words: readonly string[]): RuleWords {
  return (current, incoming, base) => {
    const start = Math.max(0, words.indexOf(String(base)));
    const [mine, theirs] = [current, incoming].map((told) => words.indexOf(String(told.value))) as [number, number];
    return mine < start || theirs < start ? null : value(theirs > mine ? incoming : current);
  };
}

/** Whole numbers lie in what one or the other has. */
export const bothIntervals: RuleWords = (current, incoming) => {
  let united: Array<readonly [number, number]> = [];
  for (const next of [...(current.value as typeof united), ...(incoming.value as typeof united)]) {
    const apart = united.filter(([from, to]) => to < next[0] || from > next[1]);
    const touching = united.filter((other) => !apart.includes(other));
    const ends = [next, ...touching].flat();
    united = [...apart, [Math.min(...ends), Math.max(...ends)]];
  }
  return { value: united.sort(([left], [right]) => left - right) };
};

export function higherRole(roles: readonly string[]): RuleWords {
  return (current, incoming) => {
    const [mine, theirs] = [current, incoming].map(({ role }) => roles.indexOf(role ?? "")) as [number, number];
    const whose = mine === theirs ? (incoming.isLater ? incoming : current) : theirs > mine ? incoming : current;
    return { value: whose.value, whose };
  };
}

export const wordsOfBoth: RuleWords = (current, incoming) => {
  const words = [current, incoming].flatMap((told) => String(told.value).split(" "));
  return { value: [...new Set(words)].sort().join(" ") };
};

/** It throws, or says what the field cannot hold. */
export const uselessRule: RuleWords = () => null;
