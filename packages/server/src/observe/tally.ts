/**
 * Counts by name for the hot path: one map access per event, no label objects. `Metrics` turns them into counters when
 * somebody asks. The names are the program's own words, so their number is bounded.
 */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string, amount: number = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  entries(): IterableIterator<[string, number]> {
    return this.#counts.entries();
  }
}
