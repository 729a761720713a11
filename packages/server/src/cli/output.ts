/**
 * What the command line writes for people: colour where the reader's terminal wants it, and columns that line up.
 * `util.styleText` decides about colour by stream: not into files and pipes, not with NO_COLOR, always with FORCE_COLOR.
 */
import { styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];

/** Colours text for standard output, or for standard error. */
export const paint = {
  output: (style: Style, text: string): string => styleText(style, text, { stream: process.stdout }),
  error: (style: Style, text: string): string => styleText(style, text, { stream: process.stderr }),
};

export function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** A remark that is no part of the result; left out when the reader wants JSON. */
export function note(text: string, asJson: boolean): void {
  if (asJson) return;
  // A terminal has written `^C` at the start of the line.
  const start = process.stderr.isTTY ? "\r\u001B[K" : "";
  process.stderr.write(`${start}${paint.error("dim", text)}\n`);
}

/** Names and values below each other, the values in one column. */
export function printFacts(facts: readonly (readonly [name: string, value: string])[], indent = "  "): void {
  const width = Math.max(0, ...facts.map(([name]) => name.length));
  for (const [name, value] of facts) print(`${indent}${paint.output("dim", name.padEnd(width))}  ${value}`.trimEnd());
}

/** The width of the terminal; what is not one gets lines as long as they are. */
export function outputColumns(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}

/** Breaks text at spaces, so that no line is longer than `width` unless a word is. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Text of others in a line of ours: control characters would move the cursor or change the terminal's colours. */
export function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** `1.2 MB`: three digits are enough to decide anything. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** The time of day, on the clock of whoever reads. */
export function timeOfDay(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const millis = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${millis}`;
}
