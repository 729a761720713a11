/** What stands below the options in `--help`: examples, then what else there is to know, as wide as the terminal. */
import { outputColumns, paint, wrap } from "./output.ts";

const MAX_WIDTH = 96;

export function helpText(examples: readonly string[], ...remarks: readonly string[]): string {
  const width = Math.min(MAX_WIDTH, outputColumns());
  const lines = ["", paint.output("bold", "Examples:"), ...examples.map((example) => `  ${example}`)];
  for (const remark of remarks) lines.push("", ...wrap(remark, width));
  return lines.join("\n");
}
