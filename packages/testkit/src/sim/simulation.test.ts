import assert from "node:assert/strict";
import { test } from "node:test";
import { formatFailure, memoryDisks, runSeed, Tally, vacuous } from "../index.ts";

/** Sized for half a minute on one core. */
const RUNS = 300;
/** Every so many seeds run twice. */
const TWICE_EVERY = 16;

test("every promise holds in hundreds of small worlds with everything going wrong [G01-G09 G12-G16 G19 G22 G25-G27]", (t) => {
  const tally = new Tally();
  for (let seed = 1; seed <= RUNS; seed++) {
    const report = runSeed({ seed, disks: memoryDisks });
    tally.add(report);
    assert.equal(report.failure, null, formatFailure(report));
  }
  t.diagnostic(`${tally.runs} seeds, ${tally.events} events, ${Math.round(tally.virtualMs / 60_000)} virtual minutes`);
  for (const line of tally.format().split("\n")) t.diagnostic(line);
  assert.deepEqual(vacuous(tally), [], "runs that never met what they are for prove nothing");
});

test("the same seed gives the same run, event by event [G30]", () => {
  for (let seed = 1; seed <= RUNS; seed += TWICE_EVERY) {
    const first = runSeed({ seed, disks: memoryDisks });
    const second = runSeed({ seed, disks: memoryDisks });
    assert.equal(second.hash, first.hash, `seed ${seed} ran differently the second time`);
    assert.equal(second.events, first.events);
  }
});

test("different seeds give different runs", () => {
  const hashes = new Set([1, 2, 3, 4, 5].map((seed) => runSeed({ seed, disks: memoryDisks }).hash));
  assert.equal(hashes.size, 5);
});
