/** Asking before something is written. */
import { createInterface } from "node:readline/promises";
import { UsageError } from "../failure.ts";
import { wrap } from "../output.ts";
import { pageWidth } from "./paragraphs.ts";

/** Whether the person says yes. Whoever cannot be asked must have said `--yes`. */
export async function confirmed(question: string, isSure: boolean, asJson: boolean): Promise<boolean> {
  if (isSure) return true;
  if (asJson || !process.stdin.isTTY) {
    throw new UsageError(`it asks before it writes (${question}), and nobody can answer`, "Add --yes to go ahead.");
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const lines = wrap(`${question} [y/N] `, pageWidth());
    for (const line of lines.slice(0, -1)) process.stderr.write(`${line}\n`);
    const answer = await terminal.question(lines.at(-1) ?? "");
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
