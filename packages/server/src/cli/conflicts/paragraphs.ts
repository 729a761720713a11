/** Sentences for a person, no wider than a page that is easy to read. */
import { outputColumns, paint, print, wrap } from "../output.ts";

const PAGE_WIDTH = 80;

export function pageWidth(): number {
  return Math.min(PAGE_WIDTH, outputColumns());
}

/** Names and sentences below each other, the sentences in one column. */
export function printParagraphs(parts: readonly (readonly [name: string, text: string])[]): void {
  const indent = Math.max(0, ...parts.map(([name]) => name.length)) + 4;
  for (const [name, text] of parts) {
    const [first = "", ...rest] = wrap(text, pageWidth() - indent);
    print(`  ${paint.output("dim", name.padEnd(indent - 2))}${first}`);
    for (const line of rest) print(`${" ".repeat(indent)}${line}`);
  }
}
