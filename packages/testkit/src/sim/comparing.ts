/** An event of the engine against what the judge expects in its place. Of the reference model. */
import type { Decision, DomainEvent } from "@tidelock/core";
import { MARK, type Row } from "./readings.ts";
import { canonical } from "./reviewing.ts";
import type { Contender, ExpectedEvent, Verdict } from "./sitting.ts";
import { demand } from "./violation.ts";

/** The fields of a row, and the reviews that it waits for. */
export interface Shown {
  readonly row: Row | null;
  readonly marks: ReadonlyMap<string, string>;
}

export function compareEvent(event: DomainEvent, expected: ExpectedEvent, shown: Shown, remaining: number): void {
  const { state, author } = expected;
  const { device, counter, user } = author.authored;
  const which = `event ${event.offset} (${device}#${counter}, ${event.collection}/${event.entity})`;
  const isOwn = event.device === device && event.counter === counter && event.user === user;
  demand(isOwn, "order", () => `${which} is by ${event.device}#${event.counter} of ${event.user}`);
  const isPlaced = event.kind === expected.kind && event.collection === state.collection && event.entity === state.id;
  demand(isPlaced, "oracle", () => {
    return `${which} is ${event.kind}, instead of ${state.collection}/${state.id} ${expected.kind}`;
  });
  demand(event.remaining === remaining, "atomic", () => `${which} has ${event.remaining} after it, not ${remaining}`);
  demand(event.seen === expected.seen, "causal", () => {
    return `${which} was written at ${expected.seen}, recorded as ${event.seen}`;
  });
  demand(event.stamp === author.stamp || author.authored.isExpiry, "clock", () => {
    return `${which} is stamped ${event.stamp} in a mutation of ${author.stamp}`;
  });
  compareDecisions(which, event.decisions, expected.decisions);
  same(which, "row", withReason(state.row, shown.row), shown.row);
  same(which, "marks", Object.fromEntries(state.row === null ? [] : state.marks), Object.fromEntries(shown.marks));
  same(which, "changed", [...expected.changed].sort(), [...event.changed].sort());
  same(which, "changes", expected.changes, event.changes);
  same(which, "call", expected.call, event.call);
}

/** A review's reason is a sentence, whatever it says. */
function withReason(expected: Row | null, row: Row | null): Row | null {
  if (expected === null || !Object.hasOwn(expected, "policyVersion")) return expected;
  const reason = row?.["reason"];
  return typeof reason === "string" && reason !== "" ? { ...expected, reason } : expected;
}

function same(which: string, what: string, expected: unknown, actual: unknown): void {
  demand(canonical(expected) === canonical(actual), "oracle", () => {
    return `${which}: ${what} is ${canonical(actual)} instead of ${canonical(expected)}`;
  });
}

/**
 * What was settled, and between whom. The order does not count. Decisions on single items of lists are left to the laws:
 * how many there are depends on how one looks at a list.
 */
function compareDecisions(which: string, decisions: readonly Decision[], expected: readonly Verdict[]): void {
  const left = decisions.filter(({ policy }) => policy !== "list");
  for (const verdict of expected) {
    const index = left.findIndex((decision) => isSame(decision, verdict));
    demand(index >= 0, "oracle", () => {
      const theirs = left.map((decision) => JSON.stringify(decision)).join("\n  ");
      return `${which} lacks the decision ${JSON.stringify(verdict)}; it has\n  ${theirs}`;
    });
    const [decision] = left.splice(index, 1);
    demand(decision !== undefined && decision.reason !== "", "oracle", () => `${which} gives no reason`);
  }
  demand(left.length === 0, "oracle", () => `${which} has a decision too many: ${JSON.stringify(left)}`);
}

function isSame(decision: Decision, verdict: Verdict): boolean {
  return (
    decision.field === verdict.field &&
    decision.policy === verdict.policy &&
    decision.policyVersion === verdict.version &&
    decision.winner === verdict.winner &&
    canonical(decision.value) === canonical(verdict.value) &&
    canonical(decision.base) === canonical(verdict.base?.value) &&
    isSameSide(decision.current, verdict.current) &&
    isSameSide(decision.incoming, verdict.incoming)
  );
}

function isSameSide(side: Decision["current"], expected: Contender): boolean {
  return (
    side.device === expected.device &&
    side.counter === expected.counter &&
    side.offset === expected.offset &&
    (expected.stamp === undefined || side.stamp === expected.stamp) &&
    (expected.user === undefined || side.user === expected.user) &&
    (expected.seen === undefined || side.seen === expected.seen) &&
    canonical(side.value) === canonical(expected.value)
  );
}

/** What a row in column order shows. */
export function shownOf(columns: readonly string[], values: readonly unknown[] | null): Shown {
  if (values === null) return { row: null, marks: new Map() };
  const entries = columns.map((name, index): [string, unknown] => [name, values[index] ?? null]);
  const mark = entries.find(([name]) => name === MARK)?.[1] ?? null;
  const marks = new Map(Object.entries((mark ?? {}) as Record<string, string>));
  return { row: Object.fromEntries(entries.filter(([name]) => name !== MARK)), marks };
}
