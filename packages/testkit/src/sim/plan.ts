/**
 * The plan of a run: what devices do and what goes wrong, when, as data. Each item carries its own salt, from which it
 * draws whatever it needs (which entity, which value, how long), so that leaving an item out leaves the others alone.
 */
import type { Millis } from "@tidelock/core";
import { type Fault, FAULTS, type Odds, type Operation } from "./odds.ts";
import { pickWeighted, stream } from "./random.ts";

export interface PlanItem {
  readonly at: Millis;
  readonly what: { readonly operation: Operation } | { readonly fault: Fault };
  readonly salt: number;
}

/** The plan of a seed, in order of time. */
export function drawPlan(seed: number, odds: Odds): readonly PlanItem[] {
  const items: PlanItem[] = [];
  const random = stream(seed, "plan");
  for (const at of moments(stream(seed, "operations"), odds.operationsPerMinute, odds.durationMs)) {
    const operation = pickWeighted(random, odds.operations);
    if (operation !== null) items.push({ at, what: { operation }, salt: random.below(2 ** 31) });
  }
  for (const fault of FAULTS) {
    const own = stream(seed, `fault ${fault}`);
    for (const at of moments(own, odds.faults[fault] ?? 0, odds.durationMs)) {
      items.push({ at, what: { fault }, salt: own.below(2 ** 31) });
    }
  }
  return items.sort((left, right) => left.at - right.at);
}

/** A Poisson process. */
function moments(random: { next(): number }, perMinute: number, until: Millis): readonly Millis[] {
  const times: Millis[] = [];
  if (perMinute <= 0) return times;
  let time = 0;
  for (;;) {
    time += (-Math.log(1 - random.next()) * 60_000) / perMinute;
    if (time >= until) return times;
    times.push(Math.floor(time));
  }
}
