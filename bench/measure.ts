/** Small arithmetic of measurements. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Counts down to a promise: resolves when `done` has been called with enough. */
export class Countdown {
  #left: number;
  #resolve: () => void = () => {};
  readonly finished: Promise<void>;

  constructor(count: number) {
    this.#left = count;
    this.finished = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get left(): number {
    return this.#left;
  }

  done(count: number): void {
    this.#left -= count;
    if (this.#left <= 0) this.#resolve();
  }
}

export function thousands(value: number): string {
  return value >= 1e6
    ? `${(value / 1e6).toFixed(2)} M`
    : value >= 1e4
      ? `${(value / 1e3).toFixed(1)} k`
      : value.toFixed(0);
}

export function withTimeout<Result>(promise: Promise<Result>, seconds: number, what: string): Promise<Result> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
