/**
 * Histories for the tests of what merges: what several authors wrote, and what each of them had seen when they did. Clocks
 * lie: stamps are drawn from a handful, so that ties, and writes stamped before what they had seen, are frequent.
 */
import fc from "fast-check";
import { type Counter, type DeviceId, parseDeviceId } from "../ids.ts";
import { makeStamp, type Stamp } from "../time/hlc.ts";
import type { VersionVector } from "../version/version-vector.ts";
import type { Author } from "./author.ts";

export const DEVICES: readonly DeviceId[] = ["a", "B", "b", "ab", "c"].map((name) => parseDeviceId(name)!);

/** One change and its place in the causal order. */
export interface Written<Change> {
  readonly device: DeviceId;
  readonly counter: Counter;
  readonly stamp: Stamp;
  readonly change: Change;
  /** What the author had seen: writes of the history, by position. Closed: it has what these had seen. */
  readonly saw: ReadonlySet<number>;
}
export type History<Change> = readonly Written<Change>[];

/** A device hears of everything that another one knows, if it is to; then it writes. */
export interface Step {
  readonly device: number;
  readonly hears: number | null;
  readonly stamp: Stamp;
  /** Choices for whoever makes the change. */
  readonly picks: readonly number[];
}

export function steps(maxLength: number): fc.Arbitrary<readonly Step[]> {
  const step: fc.Arbitrary<Step> = fc.record({
    device: fc.nat(DEVICES.length - 1),
    hears: fc.option(fc.nat(DEVICES.length - 1), { freq: 2 }),
    stamp: fc.tuple(fc.nat(2), fc.nat(2)).map(([millis, ticks]) => makeStamp(millis, ticks)),
    picks: fc.array(fc.nat(1000), { minLength: 16, maxLength: 16 }),
  });
  return fc.array(step, { minLength: 2, maxLength, size: "max" });
}

/** Makes a change, told the history so far, what of it the author has seen, and how to choose. */
export type Choose<Change> = (
  history: History<Change>,
  saw: ReadonlySet<number>,
  pick: (bound: number) => number,
) => Change;

/** Lets authors write who tell each other what they know. */
export function writeHistory<Change>(all: readonly Step[], choose: Choose<Change>): History<Change> {
  const history: Written<Change>[] = [];
  const known = DEVICES.map(() => new Set<number>());
  for (const step of all) {
    const mine = known[step.device]!;
    if (step.hears !== null) for (const position of known[step.hears]!) mine.add(position);
    history.push(write(history, step, new Set(mine), choose));
    mine.add(history.length - 1);
  }
  return history;
}

function write<Change>(
  history: History<Change>,
  { device: writer, stamp, picks }: Step,
  saw: ReadonlySet<number>,
  choose: Choose<Change>,
): Written<Change> {
  let used = 0;
  const pick = (bound: number): number => picks[used++ % picks.length]! % bound;
  const device = DEVICES[writer]!;
  const counter = history.filter((earlier) => earlier.device === device).length + 1;
  return { device, counter, stamp, saw, change: choose(history, saw, pick) };
}

/** The history in another order in which each write comes after all that its author had seen. */
export function inOtherOrder(length: number, saw: (position: number) => ReadonlySet<number>, seed: number): number[] {
  const order: number[] = [];
  const waiting = new Set(Array.from({ length }, (_, position) => position));
  let state = seed;
  while (waiting.size > 0) {
    const ready = [...waiting].filter((position) => [...saw(position)].every((seen) => !waiting.has(seen)));
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const next = ready[(state >>> 16) % ready.length]!;
    waiting.delete(next);
    order.push(next);
  }
  return order;
}

/** What the author had seen as dots, which names the same writes whatever the order in which they arrived. */
export function authorOf<Change>(history: History<Change>, position: number, offset: number): Author {
  const { device, counter, stamp, saw } = history[position]!;
  const dots = new Map<DeviceId, Counter>();
  for (const seen of saw) {
    const write = history[seen]!;
    dots.set(write.device, Math.max(write.counter, dots.get(write.device) ?? 0));
  }
  const seen: VersionVector = { floor: 0, dots };
  return { device, counter, offset, seen, stamp };
}

/**
 * The other way to have seen: a log in the order of the steps, each author behind by some events, as floors say it.
 * Returns the history and its authors.
 */
export function writeLog<Change>(
  all: readonly Step[],
  lags: readonly number[],
  choose: Choose<Change>,
): [History<Change>, readonly Author[]] {
  const log: Written<Change>[] = [];
  const authors: Author[] = [];
  const floors = new Map<DeviceId, number>();
  for (const [position, step] of all.entries()) {
    const device = DEVICES[step.device]!;
    const floor = Math.max(floors.get(device) ?? 0, position - lags[position % lags.length]!);
    floors.set(device, floor);
    const seen = log.flatMap((earlier, at) => (at < floor || earlier.device === device ? [at] : []));
    log.push(write(log, step, new Set(seen), choose));
    const { counter, stamp } = log[position]!;
    authors.push({
      device,
      counter,
      stamp,
      offset: position + 1,
      seen: { floor, dots: new Map([[device, counter - 1]]) },
    });
  }
  return [log, authors];
}

/** Whether neither author had seen the other. */
export function isConcurrent<Change>(history: History<Change>, left: number, right: number): boolean {
  return left !== right && !history[left]!.saw.has(right) && !history[right]!.saw.has(left);
}
