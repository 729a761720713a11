/**
 * A sorted set of entities that is kept up to date: a change costs a binary search and moving the rest of the array by
 * one, or nothing of that when the entity stays in its place. Many changes at once are filtered out and merged in, in time
 * linear in the set.
 *
 * What stays true: the array is sorted by `compare`, which tells every two entities apart, and holds each id once. An array
 * that was handed out is never changed afterwards: the next change works on a copy.
 */
import type { EntityView } from "./replica-view.ts";

export type CompareViews = (left: EntityView, right: EntityView) => number;

/** More changes than this at once are merged instead of moved one by one. */
const MERGE_ABOVE = 16;

export class OrderedViews {
  readonly #compare: CompareViews;
  readonly #byId = new Map<string, EntityView>();
  #sorted: EntityView[] = [];
  #isHandedOut = false;

  constructor(compare: CompareViews) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#sorted.length;
  }

  /** `count` entities from `offset` on; `null` for all that follow. */
  window(offset: number, count: number | null): readonly EntityView[] {
    if (offset > 0 || count !== null) return this.#sorted.slice(offset, count === null ? undefined : offset + count);
    this.#isHandedOut = true;
    return this.#sorted;
  }

  /**
   * Makes entities what they are now; `null` takes one out.
   * @returns whether anything changed
   */
  apply(changes: ReadonlyMap<string, EntityView | null>): boolean {
    const real: Array<[EntityView | undefined, EntityView | null]> = [];
    for (const [id, view] of changes) {
      const before = this.#byId.get(id);
      if ((before ?? null) !== view) real.push([before, view]);
    }
    if (real.length === 0) return false;
    if (real.length > MERGE_ABOVE) this.#merge(real);
    else for (const [before, after] of real) this.#change(before, after);
    for (const [before, after] of real) {
      if (after !== null) this.#byId.set(after.id, after);
      else if (before !== undefined) this.#byId.delete(before.id);
    }
    return true;
  }

  #change(before: EntityView | undefined, after: EntityView | null): void {
    const sorted = this.#own();
    if (before === undefined) {
      if (after !== null) sorted.splice(this.#positionOf(after), 0, after);
      return;
    }
    const from = this.#positionOf(before);
    if (after === null) {
      sorted.splice(from, 1);
    } else if (this.#fits(after, from)) {
      sorted[from] = after;
    } else {
      sorted.splice(from, 1);
      sorted.splice(this.#positionOf(after), 0, after);
    }
  }

  #merge(changes: ReadonlyArray<[EntityView | undefined, EntityView | null]>): void {
    const gone = new Set<EntityView>();
    const come: EntityView[] = [];
    for (const [before, after] of changes) {
      if (before !== undefined) gone.add(before);
      if (after !== null) come.push(after);
    }
    come.sort(this.#compare);
    const kept = gone.size === 0 ? this.#sorted : this.#sorted.filter((view) => !gone.has(view));
    this.#sorted = kept.length === 0 ? come : mergeSorted(kept, come, this.#compare);
    this.#isHandedOut = false;
  }

  /** The array, for changing it. */
  #own(): EntityView[] {
    if (this.#isHandedOut) {
      this.#sorted = this.#sorted.slice();
      this.#isHandedOut = false;
    }
    return this.#sorted;
  }

  /** The first position whose entity is not before `view`. */
  #positionOf(view: EntityView): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#sorted[middle];
      if (other !== undefined && this.#compare(other, view) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether `view` may take the place at `position` without moving. */
  #fits(view: EntityView, position: number): boolean {
    const left = this.#sorted[position - 1];
    const right = this.#sorted[position + 1];
    return (
      (left === undefined || this.#compare(left, view) < 0) && (right === undefined || this.#compare(view, right) < 0)
    );
  }
}

function mergeSorted(left: readonly EntityView[], right: readonly EntityView[], compare: CompareViews): EntityView[] {
  const merged: EntityView[] = [];
  let at = 0;
  for (const view of right) {
    for (let next = left[at]; next !== undefined && compare(next, view) < 0; next = left[at]) {
      merged.push(next);
      at += 1;
    }
    merged.push(view);
  }
  for (; at < left.length; at++) {
    const view = left[at];
    if (view !== undefined) merged.push(view);
  }
  return merged;
}
