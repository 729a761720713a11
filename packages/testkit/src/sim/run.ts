/** Running seeds: one seed is one world. What it did is counted; a failure says which promise broke and how to see it again. */
import type { Disks } from "./environment.ts";
import { HEALTHY, type Mutant } from "./mutant.ts";
import { drawOdds, type Odds } from "./odds.ts";
import { drawPlan, type PlanItem } from "./plan.ts";
import type { Entry } from "./trace.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

export interface RunOptions {
  readonly seed: number;
  /** Makes empty disks. */
  readonly disks: () => Disks;
  /** A planted bug, made anew for this run. */
  readonly mutant?: Mutant;
  /** In place of what the seed draws. */
  readonly odds?: Odds;
  readonly plan?: readonly PlanItem[];
  /** Entries of the timeline to keep. */
  readonly keep?: number;
}

export interface RunReport {
  readonly seed: number;
  /** Fingerprint of everything that happened. */
  readonly hash: string;
  readonly events: number;
  /** How long the world lived, virtual milliseconds. */
  readonly virtualMs: number;
  readonly settledAfterMs: number | null;
  readonly counts: ReadonlyMap<string, number>;
  readonly failure: { readonly check: string; readonly message: string } | null;
  readonly timeline: readonly Entry[];
  readonly odds: Odds;
  readonly plan: readonly PlanItem[];
}

export function runSeed(options: RunOptions): RunReport {
  const odds = options.odds ?? drawOdds(options.seed);
  const plan = options.plan ?? drawPlan(options.seed, odds);
  const keep = options.keep ?? 200;
  const world = new World({
    seed: options.seed,
    odds,
    plan,
    disks: options.disks(),
    mutant: options.mutant ?? HEALTHY,
    keep,
  });
  let failure: RunReport["failure"] = null;
  try {
    world.run();
  } catch (error) {
    const check = error instanceof Violation ? error.check : "crash";
    failure = {
      check,
      message:
        error instanceof Violation
          ? error.message
          : error instanceof Error
            ? (error.stack ?? error.message)
            : String(error),
    };
  }
  const { trace, queue, counts } = world.environment;
  return {
    seed: options.seed,
    hash: trace.hash,
    events: trace.count,
    virtualMs: queue.now,
    settledAfterMs: world.settledAfter,
    counts: new Map(counts.entries()),
    failure,
    timeline: trace.newest(keep),
    odds,
    plan,
  };
}
