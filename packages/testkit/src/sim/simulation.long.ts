import assert from "node:assert/strict";
import { test } from "node:test";
import { formatFailure, memoryDisks, runSeed, Tally, vacuous } from "../index.ts";

const RUNS = Number(process.env["SIM_RUNS"] ?? 10_000);
const FROM = Number(process.env["SIM_FROM"] ?? 100_000);

test(`every promise holds in ${RUNS} worlds from seed ${FROM} on [G01-G09 G12-G16 G19 G22 G25-G27 G30]`, (t) => {
  const tally = new Tally();
  const failures: string[] = [];
  for (let seed = FROM; seed < FROM + RUNS && failures.length < 5; seed++) {
    const report = runSeed({ seed, disks: memoryDisks });
    tally.add(report);
    if (report.failure !== null) failures.push(formatFailure(report, 3));
    if (seed % 20 === 0)
      assert.equal(runSeed({ seed, disks: memoryDisks }).hash, report.hash, `seed ${seed} ran differently`);
  }
  t.diagnostic(`${tally.runs} seeds, ${tally.events} events, ${Math.round(tally.virtualMs / 3_600_000)} virtual hours`);
  for (const line of tally.format().split("\n")) t.diagnostic(line);
  assert.deepEqual(failures, [], failures.join("\n\n"));
  assert.deepEqual(vacuous(tally), []);
});
