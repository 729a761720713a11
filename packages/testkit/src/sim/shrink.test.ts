import assert from "node:assert/strict";
import { test } from "node:test";
import { drawOdds, drawPlan, type Scenario, shrink } from "./index.ts";

test("shrinking keeps exactly what the failure needs", () => {
  const odds = drawOdds(3);
  const plan = drawPlan(3, odds);
  const needed = new Set([plan[4], plan[11], plan[17]]);
  const fails = ({ plan: rest, odds: { devices } }: Scenario): boolean => {
    return devices >= 2 && [...needed].every((item) => item !== undefined && rest.includes(item));
  };
  const small = shrink({ seed: 3, odds, plan }, fails, 2000);
  assert.deepEqual(new Set(small.plan), needed);
  assert.equal(small.odds.devices, 2);
  assert.equal(small.odds.skewMs, 0);
});

test("shrinking stops when its budget is spent", () => {
  const odds = drawOdds(3);
  let calls = 0;
  shrink({ seed: 3, odds, plan: drawPlan(3, odds) }, () => (calls += 1) > 0, 10);
  assert.equal(calls, 10);
});
