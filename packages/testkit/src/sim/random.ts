/**
 * Named streams of seeded randomness: each concern of a run draws from its own stream, so that switching one concern off
 * (a fault, a device, an operation) leaves the draws of the others as they were. Shrinking depends on that.
 */
import { fingerprint, type Random, seededRandom } from "@tidelock/core";

/** The stream called `label` of a run's seed. */
export function stream(seed: number, label: string): Random {
  return seededRandom(Number.parseInt(fingerprint(`${seed}/${label}`).slice(-6), 36));
}

/** True in a share `probability` of the draws. */
export function chance(random: Random, probability: number): boolean {
  return random.next() < probability;
}

/** An integer from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + random.below(high - low + 1);
}

/** One of a list that is not empty. */
export function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}

/** One of the names, each as likely as its weight says; `null` when all weights are zero. */
export function pickWeighted<Name extends string>(
  random: Random,
  weights: Readonly<Partial<Record<Name, number>>>,
): Name | null {
  const entries = Object.entries(weights) as Array<[Name, number]>;
  let rest = random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [name, weight] of entries) {
    rest -= weight;
    if (rest < 0) return name;
  }
  return null;
}
