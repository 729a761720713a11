/**
 * Counters, PN and grow-only (Shapiro et al. 2011, sections 3.1.1 and 3.1.3). There, each replica keeps its own contribution,
 * so that a state that arrives twice counts once. Here each mutation takes effect exactly once (the log refuses a second
 * one with the same device and counter), so that the contributions fold into one sum and a counter needs no memory.
 *
 * Only whole numbers: sums of fractions depend on their order, and the state must not. (Count cents, not euros.)
 */
import type { JsonValue } from "../base/json.ts";

export type CounterChange = { readonly add: number };
export type CounterResult = { readonly value: number } | { readonly problem: string };

/** Why a change cannot be admitted, as words that follow the field's name; `null` when it can. Takes anything. */
export function counterChangeProblem(change: unknown, grows: boolean): string | null {
  if (typeof change !== "object" || change === null || Array.isArray(change)) return "must be an object with add";
  const entries = Object.entries(change);
  const [name, add] = entries[0] ?? [];
  if (entries.length !== 1 || name !== "add") return "must have add and nothing else";
  if (!Number.isSafeInteger(add)) return "must add a whole number";
  return grows && Number(add) < 0 ? "must not shrink" : null;
}

/** The sum after a change that `counterChangeProblem` accepts; what is no number counts as zero. */
export function changeCounter(value: JsonValue, change: CounterChange, grows: boolean): CounterResult {
  const problem = counterChangeProblem(change, grows);
  if (problem !== null) return { problem };
  const sum = (typeof value === "number" ? value : 0) + change.add;
  if (Math.abs(sum) > Number.MAX_SAFE_INTEGER) return { problem: "would leave the range of exact whole numbers" };
  return { value: sum };
}
