/**
 * The record of a run: a hash over everything that happened (same seed, same hash; promise G30), and the last events of
 * each process, to be read when a check fails.
 */
import { fingerprint, type Millis } from "@tidelock/core";

export interface Entry {
  readonly time: Millis;
  readonly who: string;
  readonly text: string;
}

/** Characters that gather before they are folded into the hash. */
const FOLD_AT = 16_384;
/** Characters of an entry that are kept. */
const MAX_TEXT = 4000;

export class Trace {
  readonly #kept: Entry[] = [];
  readonly #keep: number;
  #hash = "";
  #unfolded = "";
  #count = 0;

  /** @param keep how many of the newest entries stay readable */
  constructor(keep: number) {
    this.#keep = keep;
  }

  get count(): number {
    return this.#count;
  }

  note(time: Millis, who: string, text: string): void {
    this.#count += 1;
    this.#unfolded += `${time} ${who} ${text}\n`;
    if (this.#unfolded.length > FOLD_AT) this.#fold();
    this.#kept.push({ time, who, text: text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text });
    if (this.#kept.length > 2 * this.#keep) this.#kept.splice(0, this.#kept.length - this.#keep);
  }

  get hash(): string {
    this.#fold();
    return this.#hash;
  }

  /** The newest entries, oldest first. */
  newest(count: number): readonly Entry[] {
    return this.#kept.slice(-count);
  }

  #fold(): void {
    if (this.#unfolded === "") return;
    this.#hash = fingerprint(this.#hash + this.#unfolded);
    this.#unfolded = "";
  }
}

/** Entries as lines: seconds, process, what happened, cut after `characters`. */
export function formatTimeline(entries: readonly Entry[], characters: number = 240): string {
  const width = entries.reduce((widest, entry) => Math.max(widest, entry.who.length), 0);
  const cut = (text: string): string => (text.length > characters ? `${text.slice(0, characters)}…` : text);
  return entries
    .map(({ time, who, text }) => `${(time / 1000).toFixed(3).padStart(9)}  ${who.padEnd(width)}  ${cut(text)}`)
    .join("\n");
}
