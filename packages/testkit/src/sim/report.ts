/** Reports for people: what a set of runs did, and how to see a failure again. */
import type { RunReport } from "./run.ts";
import { formatTimeline } from "./trace.ts";

/** Sums over runs. */
export class Tally {
  runs = 0;
  virtualMs = 0;
  events = 0;
  slowestSettleMs = 0;
  readonly counts: Map<string, number> = new Map();

  add(report: RunReport): void {
    this.runs += 1;
    this.virtualMs += report.virtualMs;
    this.events += report.events;
    this.slowestSettleMs = Math.max(this.slowestSettleMs, report.settledAfterMs ?? 0);
    for (const [name, count] of report.counts) this.counts.set(name, (this.counts.get(name) ?? 0) + count);
  }

  get(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** One line per count. */
  format(): string {
    const names = [...this.counts.keys()].sort();
    const width = Math.max(0, ...names.map((name) => name.length));
    return names.map((name) => `${name.padEnd(width)}  ${String(this.get(name)).padStart(8)}`).join("\n");
  }
}

/** What must have happened, per hundred runs at least: a set of runs that never meets a fault proves nothing. */
const FLOOR_PER_HUNDRED: Readonly<Record<string, number>> = {
  "mutations decided": 3000,
  "connections": 500,
  "device crashes": 60,
  "server crashes": 60,
  "crashes at an effect": 60,
  "resyncs": 20,
  "duplicates": 8,
  "restores": 4,
  "devices renamed": 3,
  "results in welcome": 50,
  "blocked sessions": 10,
  "ghosts": 10,
  "idle sessions": 3,
  "merged": 100,
  "failed appends": 3,
  "failed reads": 3,
  "failed persists": 3,
  "failed writes": 1,
  "log conflicts": 300,
  "log tombstones": 60,
  "log rejected": 300,
  "log transactions": 100,
  "log restamped": 50,
  "reconciles": 100,
  "plain duplicates": 10,
  "lost answers": 10,
  "in-review": 150,
  "seen in review": 500,
  "log reviews opened": 100,
  "log reviews decided": 20,
  "log reviews expired": 35,
  "log candidates joined": 100,
  "decided together": 8,
  "log refused review-closed": 10,
  "log refused review-changed": 4,
  "log revived": 8,
  "log policy set": 8,
  "log policy list": 3,
  "log policy update-wins": 15,
  "log policy resolve/author-role": 30,
  "log policy resolve/forward-only": 15,
  "log policy resolve/moody": 20,
  "log calls": 100,
  "log voids": 15,
  "set aside unread": 15,
  "informed writes": 20,
};

/** The counts that fell short; empty when the runs were worth their time. */
export function vacuous(tally: Tally): readonly string[] {
  return Object.entries(FLOOR_PER_HUNDRED).flatMap(([name, perHundred]) => {
    const wanted = Math.floor((perHundred * tally.runs) / 100);
    return tally.get(name) < wanted ? [`${name}: ${tally.get(name)} in ${tally.runs} runs, expected ${wanted}`] : [];
  });
}

/** A failure, with the command that shows it again and the last events of each process. */
export function formatFailure(report: RunReport, entriesPerProcess: number = 12): string {
  const { seed, failure, timeline, virtualMs } = report;
  if (failure === null) return `seed ${seed}: no failure`;
  const perProcess = new Map<string, number>();
  const kept = [...timeline].reverse().filter(({ who }) => {
    const count = (perProcess.get(who) ?? 0) + 1;
    perProcess.set(who, count);
    return count <= entriesPerProcess;
  });
  return [
    `seed ${seed} failed after ${(virtualMs / 1000).toFixed(3)} s of its own time`,
    `check ${failure.check}: ${failure.message}`,
    `again:  npm run sim -- --seed ${seed} --verbose`,
    `smaller: npm run sim -- --seed ${seed} --shrink`,
    "",
    formatTimeline(kept.reverse()),
  ].join("\n");
}
