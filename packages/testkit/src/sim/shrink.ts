/**
 * Shrinking: from a run that fails to a small one that fails in the same check. Leaves items of the plan out (delta
 * debugging, Zeller & Hildebrandt 2002), then makes the world plainer: fewer devices, shorter, faster, without skew. What
 * is left is data, so it stays meaningful when the generator changes.
 */
import { DEFAULT_LIMITS } from "@tidelock/core";
import { DEFAULT_BOUNDS } from "@tidelock/server/engine";
import type { Odds } from "./odds.ts";
import type { PlanItem } from "./plan.ts";

/** A run as data. */
export interface Scenario {
  readonly seed: number;
  readonly odds: Odds;
  readonly plan: readonly PlanItem[];
}

const ROUNDS = 3;

/** @param fails whether a scenario still fails as it should; called at most `budget` times */
export function shrink(scenario: Scenario, fails: (scenario: Scenario) => boolean, budget: number): Scenario {
  let calls = 0;
  const stillFails = (candidate: Scenario): boolean => {
    calls += 1;
    return calls <= budget && fails(candidate);
  };
  let best = scenario;
  for (let round = 0; round < ROUNDS; round++) {
    const before = JSON.stringify(best);
    best = withFewerItems(best, stillFails);
    best = withPlainerWorld(best, stillFails);
    if (JSON.stringify(best) === before) break;
  }
  return best;
}

function withFewerItems(scenario: Scenario, fails: (scenario: Scenario) => boolean): Scenario {
  let best = scenario;
  for (let size = Math.ceil(best.plan.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < best.plan.length;) {
      const plan = best.plan.filter((_, index) => index < start || index >= start + size);
      const candidate = { ...best, plan };
      if (plan.length < best.plan.length && fails(candidate)) best = candidate;
      else start += size;
    }
    if (size === 1) break;
  }
  return best;
}

function withPlainerWorld(scenario: Scenario, fails: (scenario: Scenario) => boolean): Scenario {
  let best = scenario;
  const last = best.plan.at(-1)?.at ?? 0;
  const simpler: ReadonlyArray<(odds: Odds) => Partial<Odds>> = [
    () => ({ durationMs: last + 1000 }),
    ...Array.from({ length: scenario.odds.devices }, () => (odds: Odds) => ({
      devices: Math.max(1, odds.devices - 1),
    })),
    () => ({ plainClients: 0 }),
    () => ({ users: 1 }),
    () => ({ skewMs: 0 }),
    () => ({ tokenMs: null }),
    () => ({ wire: ["json"] }),
    () => ({ limits: DEFAULT_LIMITS }),
    () => ({ bounds: DEFAULT_BOUNDS }),
    () => ({ socketMessages: 64 }),
    () => ({ network: [1, 5] }),
    () => ({ storage: [0, 2] }),
    () => ({ store: [0, 2] }),
  ];
  for (const change of simpler) {
    const odds = { ...best.odds, ...change(best.odds) };
    if (JSON.stringify(odds) === JSON.stringify(best.odds)) continue;
    const candidate = { ...best, odds };
    if (fails(candidate)) best = candidate;
  }
  return best;
}
