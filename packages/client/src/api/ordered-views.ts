/**
 * A sorted set of entities that is kept up to date: a change costs two binary searches and copying one chunk, whatever the
 * size of the set. The set is a list of short sorted chunks (the leaves of a B+ tree, under one root), each of which is never
 * changed once it is made; so what was handed out stays as it was, and copies nothing until somebody reads it.
 *
 * What stays true: the chunks, one after another, are sorted by `compare`, which tells every two entities apart; none is
 * empty or longer than `MAX_CHUNK`; each id is there once.
 */
import type { EntityView } from "./replica-view.ts";

export type CompareViews = (left: EntityView, right: EntityView) => number;

/** A list of entities as of some moment. The same object as long as it is the same list. */
export interface ViewList {
  /** The array is made at the first reading. */
  readonly array: readonly EntityView[];
}

/** Longer chunks cost more per change, shorter ones make the list of them longer. */
const MAX_CHUNK = 512;
/** Chunks shorter than this are joined with their neighbour where that fits. */
const MIN_CHUNK = MAX_CHUNK / 4;
/** More changes than this at once are merged in instead of made one by one. */
const MERGE_ABOVE = 64;

type Chunk = readonly EntityView[];
type Change = readonly [before: EntityView | undefined, after: EntityView | null];

export class OrderedViews {
  readonly #compare: CompareViews;
  readonly #byId = new Map<string, EntityView>();
  #chunks: readonly Chunk[] = [];
  #all: ViewList = listOf([]);

  constructor(compare: CompareViews) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Every entity, in order. */
  get all(): ViewList {
    return this.#all;
  }

  /** `count` entities from `offset` on. */
  window(offset: number, count: number): EntityView[] {
    const found: EntityView[] = [];
    let skip = offset;
    for (const chunk of this.#chunks) {
      if (found.length >= count) break;
      if (skip >= chunk.length) skip -= chunk.length;
      else {
        const end = Math.min(chunk.length, skip + count - found.length);
        for (let index = skip; index < end; index++) found.push(chunk[index] as EntityView);
        skip = 0;
      }
    }
    return found;
  }

  /**
   * Makes entities what they are now; `null` takes one out.
   * @returns whether anything changed
   */
  apply(changes: ReadonlyMap<string, EntityView | null>): boolean {
    const real: Change[] = [];
    for (const [id, after] of changes) {
      const before = this.#byId.get(id);
      if ((before ?? null) === after) continue;
      real.push([before, after]);
      if (after === null) this.#byId.delete(id);
      else this.#byId.set(id, after);
    }
    if (real.length === 0) return false;
    this.#chunks = real.length > MERGE_ABOVE ? this.#merged(real) : this.#changed(real);
    this.#all = listOf(this.#chunks);
    return true;
  }

  // ── few changes ──────────────────────────────────────────────────────────────────────────────────────────────────

  #changed(changes: readonly Change[]): readonly Chunk[] {
    const chunks = this.#chunks.slice();
    for (const [before, after] of changes) {
      const place = before === undefined ? null : this.#placeOf(chunks, before);
      if (place !== null && after !== null && this.#fits(chunks, place, after)) {
        chunks[place.chunk] = replaced(chunks[place.chunk] ?? [], place.index, 1, [after]);
        continue;
      }
      if (place !== null) this.#remove(chunks, place);
      if (after !== null) this.#insert(chunks, after);
    }
    return chunks;
  }

  #insert(chunks: Chunk[], view: EntityView): void {
    const { chunk, index } = this.#placeOf(chunks, view);
    const longer = replaced(chunks[chunk] ?? [], index, 0, [view]);
    if (longer.length <= MAX_CHUNK) chunks[chunk] = longer;
    else chunks.splice(chunk, 1, longer.slice(0, longer.length >>> 1), longer.slice(longer.length >>> 1));
  }

  #remove(chunks: Chunk[], { chunk, index }: Place): void {
    const shorter = replaced(chunks[chunk] ?? [], index, 1, []);
    const next = chunks[chunk + 1];
    if (shorter.length === 0) chunks.splice(chunk, 1);
    else if (shorter.length < MIN_CHUNK && next !== undefined && shorter.length + next.length <= MAX_CHUNK / 2) {
      chunks.splice(chunk, 2, shorter.concat(next));
    } else chunks[chunk] = shorter;
  }

  /** Where an entity is, or where it would be inserted: in the first chunk that does not end before it, or the last. */
  #placeOf(chunks: readonly Chunk[], view: EntityView): Place {
    const chunk = Math.min(
      Math.max(0, chunks.length - 1),
      lowerBound(chunks.length, (at) => this.#compare(lastOf(chunks[at] ?? []), view) < 0),
    );
    const items = chunks[chunk] ?? [];
    return { chunk, index: lowerBound(items.length, (at) => this.#compare(items[at] as EntityView, view) < 0) };
  }

  /** Whether an entity may take a place without moving. */
  #fits(chunks: readonly Chunk[], { chunk, index }: Place, view: EntityView): boolean {
    const items = chunks[chunk] ?? [];
    const left = items[index - 1] ?? chunks[chunk - 1]?.at(-1);
    const right = items[index + 1] ?? chunks[chunk + 1]?.[0];
    return (
      (left === undefined || this.#compare(left, view) < 0) && (right === undefined || this.#compare(view, right) < 0)
    );
  }

  // ── many changes ─────────────────────────────────────────────────────────────────────────────────────────────────

  #merged(changes: readonly Change[]): readonly Chunk[] {
    const gone = new Set<EntityView>();
    const come: EntityView[] = [];
    for (const [before, after] of changes) {
      if (before !== undefined) gone.add(before);
      if (after !== null) come.push(after);
    }
    come.sort(this.#compare);
    const old = this.#chunks.flat();
    const kept = gone.size === 0 ? old : old.filter((view) => !gone.has(view));
    return cut(kept.length === 0 ? come : mergeSorted(kept, come, this.#compare));
  }
}

interface Place {
  readonly chunk: number;
  readonly index: number;
}

function listOf(chunks: readonly Chunk[]): ViewList {
  let array: readonly EntityView[] | undefined = chunks.length > 1 ? undefined : (chunks[0] ?? []);
  return {
    get array() {
      array ??= ([] as EntityView[]).concat(...chunks);
      return array;
    },
  };
}

function replaced(chunk: Chunk, index: number, removed: number, added: readonly EntityView[]): EntityView[] {
  const copy = chunk.slice();
  copy.splice(index, removed, ...added);
  return copy;
}

/** Every chunk half full, so that most insertions split nothing. */
function cut(sorted: readonly EntityView[]): Chunk[] {
  const chunks: Chunk[] = [];
  const length = sorted.length <= MAX_CHUNK ? MAX_CHUNK : MAX_CHUNK / 2;
  for (let start = 0; start < sorted.length; start += length) chunks.push(sorted.slice(start, start + length));
  return chunks;
}

/** No chunk is empty. */
function lastOf(chunk: Chunk): EntityView {
  return chunk[chunk.length - 1] as EntityView;
}

/** The first of `length` positions at which `isBefore` is false. */
function lowerBound(length: number, isBefore: (position: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
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
  for (; at < left.length; at++) merged.push(left[at] as EntityView);
  return merged;
}
