import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryDisks, MUTANTS, runSeed } from "../index.ts";

/** A planted bug that survives so many worlds survives the checkers. */
const MOST_SEEDS = 150;

/** Only what a healthy world does not fail in counts. */
const healthy = new Map<number, boolean>();
function isHealthy(seed: number): boolean {
  const known = healthy.get(seed) ?? runSeed({ seed, disks: memoryDisks }).failure === null;
  healthy.set(seed, known);
  return known;
}

for (const make of MUTANTS) {
  const { name } = make();
  test(`the checkers catch a planted bug: ${name}`, (t) => {
    for (let seed = 1; seed <= MOST_SEEDS; seed++) {
      const { failure } = runSeed({ seed, disks: memoryDisks, mutant: make() });
      if (failure === null || !isHealthy(seed)) continue;
      t.diagnostic(`found after ${seed} seeds by ${failure.check}`);
      return;
    }
    assert.fail(`not found in ${MOST_SEEDS} seeds`);
  });
}
