/**
 * The simulator from the command line:
 *
 *     npm run sim -- --seed 7 --verbose            one seed, with its timeline
 *     npm run sim -- --runs 1000 --from 1          many seeds; stops at the first failure
 *     npm run sim -- --seed 7 --shrink             the smallest run that fails in the same check
 *     npm run sim -- --seed 7 --shrink --save f    … and writes it to a file
 *     npm run sim -- --replay f                    runs what a file holds
 *     npm run sim -- --mutants                     plants every known bug; prints seeds to detection
 *
 * `--keep-going` runs on after a failure; `--seconds N` stops after a while; `--last N` shows that many events, `--width N` characters of each.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs, styleText } from "node:util";
import {
  completeOdds,
  drawOdds,
  drawPlan,
  formatFailure,
  formatTimeline,
  memoryDisks,
  MUTANTS,
  type RunReport,
  runSeed,
  type Scenario,
  shrink,
  Tally,
  vacuous,
} from "@tidelock/testkit";

const { values } = parseArgs({
  options: {
    "seed": { type: "string" },
    "runs": { type: "string", default: "100" },
    "from": { type: "string", default: "1" },
    "seconds": { type: "string", default: "0" },
    "last": { type: "string", default: "400" },
    "width": { type: "string", default: "240" },
    "verbose": { type: "boolean", default: false },
    "shrink": { type: "boolean", default: false },
    "save": { type: "string" },
    "replay": { type: "string" },
    "mutants": { type: "boolean", default: false },
    "keep-going": { type: "boolean", default: false },
  },
});

const SHRINK_BUDGET = 400;
const started = performance.now();
const seconds = (): number => (performance.now() - started) / 1000;

function runScenario(scenario: Scenario, keep: number): RunReport {
  return runSeed({ ...scenario, disks: memoryDisks, keep });
}

function show(report: RunReport): void {
  if (values.verbose) console.log(formatTimeline(report.timeline, Number(values.width)));
  if (report.failure !== null) console.log(styleText("red", formatFailure(report)));
  else console.log(`seed ${report.seed}: all promises kept; ${report.events} events, hash ${report.hash}`);
}

function describe({ odds, plan }: Scenario): string {
  const items = plan.map(({ at, what }) => `${at} ms ${"fault" in what ? `fault ${what.fault}` : what.operation}`);
  return [
    `${odds.devices} devices, ${odds.users} users, ${odds.plainClients} plain clients, ${odds.durationMs} ms`,
    ...items,
  ].join("\n  ");
}

function runOne(scenario: Scenario): void {
  const report = runScenario(scenario, values.verbose ? Number(values.last) : 200);
  show(report);
  if (report.failure === null) return;
  process.exitCode = 1;
  if (!values.shrink) return;
  const { check } = report.failure;
  const small = shrink(scenario, (candidate) => runScenario(candidate, 1).failure?.check === check, SHRINK_BUDGET);
  console.log(`\nshrunk to ${small.plan.length} of ${scenario.plan.length} items:\n  ${describe(small)}\n`);
  show(runScenario(small, Number(values.last)));
  if (values.save === undefined) return;
  // With a plan that is written down the weights decide nothing.
  const odds = { ...small.odds, operations: {}, faults: {} };
  writeFileSync(values.save, `${JSON.stringify({ about: "", check, ...small, odds }, null, 2)}\n`);
}

function runMany(from: number, count: number): void {
  const tally = new Tally();
  const failures: number[] = [];
  for (let seed = from; seed < from + count; seed++) {
    if (Number(values.seconds) > 0 && seconds() > Number(values.seconds)) break;
    const report = runSeed({ seed, disks: memoryDisks });
    tally.add(report);
    if (report.failure === null) continue;
    failures.push(seed);
    show(report);
    if (!values["keep-going"]) break;
  }
  console.log(tally.format());
  const perSecond = (tally.runs / seconds()).toFixed(1);
  const speed = Math.round(tally.virtualMs / 1000 / seconds());
  console.log(
    `\n${tally.runs} seeds in ${seconds().toFixed(1)} s: ${perSecond} seeds per second, ${speed} virtual seconds per second`,
  );
  console.log(`slowest to settle: ${tally.slowestSettleMs / 1000} s; failed: ${failures.join(" ") || "none"}`);
  const short = failures.length === 0 ? vacuous(tally) : [];
  for (const line of short) console.log(styleText("yellow", `too little of ${line}`));
  if (failures.length > 0) process.exitCode = 1;
}

function plantAll(from: number, most: number): void {
  for (const make of MUTANTS) {
    const { name } = make();
    let seed = from;
    let report = runSeed({ seed, disks: memoryDisks, mutant: make() });
    while (report.failure === null && seed - from + 1 < most) {
      seed += 1;
      report = runSeed({ seed, disks: memoryDisks, mutant: make() });
    }
    const found =
      report.failure === null ? styleText("red", "not found") : `after ${seed - from + 1} by ${report.failure.check}`;
    if (report.failure === null) process.exitCode = 1;
    console.log(`${name.padEnd(44)} ${found}`);
  }
}

function readScenario(path: string): Scenario {
  const { seed, odds, plan } = JSON.parse(readFileSync(path, "utf8")) as Scenario;
  return { seed, odds: completeOdds(seed, odds), plan };
}

if (values.replay !== undefined) runOne(readScenario(values.replay));
else if (values.mutants) plantAll(Number(values.from), Number(values.runs));
else if (values.seed === undefined) runMany(Number(values.from), Number(values.runs));
else {
  const seed = Number(values.seed);
  const odds = drawOdds(seed);
  runOne({ seed, odds, plan: drawPlan(seed, odds) });
}
