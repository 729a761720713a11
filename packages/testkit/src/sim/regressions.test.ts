import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { completeOdds, formatFailure, memoryDisks, runSeed, type Scenario } from "../index.ts";

/** Runs that once failed, shrunk: data, so they stay what they are when the generator changes. */
const folder = join(import.meta.dirname, "regressions");

interface Regression extends Scenario {
  /** What went wrong. */
  readonly about: string;
  /** The check that found it. */
  readonly check: string;
}

for (const file of readdirSync(folder).sort()) {
  const { about, check, seed, odds, plan } = JSON.parse(readFileSync(join(folder, file), "utf8")) as Regression;
  test(`${file.replace(".json", "").replaceAll("-", " ")} (${check}): ${about}`, () => {
    const report = runSeed({ seed, odds: completeOdds(seed, odds), plan, disks: memoryDisks });
    assert.equal(report.failure, null, formatFailure(report));
  });
}
