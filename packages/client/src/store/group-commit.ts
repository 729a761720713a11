/**
 * Group commit: the commits of one turn, and those that queue up while the disk is busy, become one write.
 *
 * A write costs the same for one batch as for a hundred, so throughput grows with load and no timer adds latency. Writes
 * run one at a time and in the order of the calls; all commits of a group share its fate, and each is told the truth.
 * It does not know what a write is, nor how a disk fails.
 */
import type { StoreBatch } from "../engine/records.ts";

interface Waiting {
  readonly batch: StoreBatch;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions {
  /** Makes the batches durable, in their order, all of them or none. */
  readonly write: (batches: readonly StoreBatch[]) => Promise<void> | void;
  /** Calls back when the turn whose commits belong together has ended. */
  readonly schedule: (flush: () => void) => void;
}

export class GroupCommit {
  readonly #write: GroupCommitOptions["write"];
  readonly #schedule: GroupCommitOptions["schedule"];
  #waiting: Waiting[] = [];
  /** Settles, never rejects, when everything asked for so far is done. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor({ write, schedule }: GroupCommitOptions) {
    this.#write = write;
    this.#schedule = schedule;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  commit(batch: StoreBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batch, resolve, reject });
      if (this.#waiting.length === 1) this.#schedule(() => void this.flush());
    });
  }

  /** Writes what waits, after what is under way. Resolves when that is settled, well or not. */
  flush(): Promise<void> {
    return this.alone(() => this.#writeGroup());
  }

  /** Runs `work` while no write is under way, in turn with the writes. */
  alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => {});
    return done;
  }

  async #writeGroup(): Promise<void> {
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    try {
      await this.#write(group.map(({ batch }) => batch));
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const { resolve } of group) resolve();
  }
}
