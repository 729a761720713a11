/** The simulator: many devices, one server, everything between them, one seed. See `world.ts`. */
export { type Disks } from "./environment.ts";
export { HEALTHY, type MakeMutant, type Mutant } from "./mutant.ts";
export { MUTANTS } from "./mutants.ts";
export { completeOdds, drawOdds, type Fault, type Odds, type Operation } from "./odds.ts";
export { drawPlan, type PlanItem } from "./plan.ts";
export { formatFailure, Tally, vacuous } from "./report.ts";
export { type RunOptions, type RunReport, runSeed } from "./run.ts";
export { type Scenario, shrink } from "./shrink.ts";
export { formatTimeline } from "./trace.ts";
