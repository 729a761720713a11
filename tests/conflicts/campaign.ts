/** Many histories, one after the other, and what must have happened in them for that to prove anything. */
import assert from "node:assert/strict";
import { type Counts } from "./judge.ts";
import { runMixed } from "./mixed.ts";
import { ORDER_KINDS } from "./order-kinds.ts";
import { inSeveralOrders } from "./orders.ts";

/** Histories of everything, from seed 1. Answers what happened. */
export function playMixed(histories: number, firstSeed: number = 1): Counts {
  const counts: Counts = new Map();
  for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
    try {
      runMixed(seed, counts);
    } catch (error) {
      throw new Error(`history ${seed}`, { cause: error });
    }
  }
  return counts;
}

/** Histories of one kind, each in several orders of arrival, which must all end with the same values. */
export function playOrders(kind: string, histories: number, orders: number, firstSeed: number = 1): Counts {
  const counts: Counts = new Map();
  const circumstances = ORDER_KINDS[kind];
  assert.ok(circumstances !== undefined, kind);
  for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
    let ends: readonly string[];
    try {
      ends = inSeveralOrders(seed, circumstances, orders, counts);
    } catch (error) {
      throw new Error(`history ${seed} of ${kind}`, { cause: error });
    }
    for (const end of ends)
      assert.equal(end, ends[0], `history ${seed} of ${kind}: the order of arrival made a difference`);
  }
  return counts;
}

/** How often each thing happens at least in a hundred histories of everything. */
const IN_A_HUNDRED: Readonly<Record<string, number>> = {
  "mutations": 4000,
  "turns": 3500,
  "transactions": 250,
  "temporary ids": 250,
  "conflict: lww: current": 120,
  "conflict: lww: incoming": 90,
  "conflict: set: current": 70,
  "conflict: set: incoming": 90,
  "conflict: list: current": 15,
  "conflict: list: incoming": 15,
  "conflict: resolve/greatest: current": 30,
  "conflict: resolve/greatest: incoming": 20,
  "conflict: resolve/smallest: current": 10,
  "conflict: resolve/smallest: incoming": 5,
  "conflict: resolve/priority-order: current": 5,
  "conflict: resolve/priority-order: incoming": 3,
  "conflict: resolve/forward-only: current": 10,
  "conflict: resolve/forward-only: incoming": 5,
  "conflict: resolve/forward-only: review": 5,
  "conflict: resolve/union-of-intervals: merged": 20,
  "conflict: resolve/author-role: current": 8,
  "conflict: resolve/author-role: incoming": 4,
  "conflict: resolve/both-texts: merged": 15,
  "conflict: resolve/throwing: review": 10,
  "conflict: resolve/talking-nonsense: review": 10,
  "conflict: review: review": 250,
  "conflict: delete delete-wins: current": 15,
  "conflict: delete delete-wins: incoming": 8,
  "conflict: delete update-wins: current": 2,
  "conflict: delete update-wins: incoming": 8,
  "conflict: delete review: review": 6,
  "call: applied": 150,
  "reviews opened": 150,
  "reviews joined": 150,
  "review closed: pick": 40,
  "review closed: edit": 10,
  "review closed: expired": 4,
  "review closed: deleted": 3,
  "refused: review-changed": 4,
  "refused: review-closed": 30,
  "entities that came back": 10,
  "restamped": 300,
  "raised": 100,
  "replicas cut off": 60,
  "replicas started again": 20,
  "messages that came twice": 40,
  "rushes": 300,
  "replicas that converged": 200,
  "replays": 100,
  "values told in a record": 800,
};

/** Whether enough of everything happened, ties between concurrent writes included. */
export function assertEnough(counts: Counts, histories: number): void {
  for (const [what, inAHundred] of Object.entries(IN_A_HUNDRED)) {
    const least = Math.floor((inAHundred * histories) / 100);
    const happened = counts.get(what) ?? 0;
    assert.ok(happened >= least, `${what}: only ${happened} times in ${histories} histories, not ${least}`);
  }
  const ties = sum(counts, (what) => what.startsWith("tie: "));
  assert.ok(ties >= Math.floor(histories / 10), `only ${ties} ties`);
}

export function sum(counts: Counts, matches: (what: string) => boolean): number {
  return [...counts].reduce((total, [what, times]) => (matches(what) ? total + times : total), 0);
}
