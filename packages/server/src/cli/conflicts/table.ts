/** Rows of text with columns that line up, as wide as the reader's terminal. */
import { outputColumns, paint, print, type Style } from "../output.ts";

export type Cell = readonly [text: string, style: Style];

const GAP = "  ";

/**
 * Prints rows below each other. The last column of a row takes what is left of the width and is cut there; a row of one
 * cell stands below the one before it, indented.
 */
export function printTable(head: readonly string[], rows: readonly (readonly Cell[])[]): void {
  for (const line of tableLines(head, rows, outputColumns())) print(line);
}

export function tableLines(head: readonly string[], rows: readonly (readonly Cell[])[], width: number): string[] {
  const all = [head.map((text): Cell => [text, "dim"]), ...rows];
  const widths = head.map((_, column) =>
    Math.max(0, ...all.filter((row) => row.length > 1).map((row) => row[column]?.[0].length ?? 0)),
  );
  return all.map((row) =>
    row.length === 1 ? lineOf([["", "reset"], ...row], [0], width) : lineOf(row, widths, width),
  );
}

function lineOf(row: readonly Cell[], widths: readonly number[], width: number): string {
  let left = width;
  const parts: string[] = [];
  for (const [column, [text, style]] of row.entries()) {
    if (left <= 0) break;
    const isLast = column === row.length - 1;
    const shown = cut(text, left);
    const padded = isLast ? shown : shown.padEnd(Math.min(left, widths[column] ?? 0));
    parts.push(style === "reset" ? padded : paint.output(style, padded));
    left -= padded.length + GAP.length;
  }
  return parts.join(GAP).trimEnd();
}

export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
