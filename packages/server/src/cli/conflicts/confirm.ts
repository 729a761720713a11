/** Asking before something is written. */
import { createInterface } from "node:readline/promises";
import { UsageError } from "../failure.ts";

/** Whether the person says yes. Whoever cannot be asked must have said `--yes`. */
export async function confirmed(question: string, isSure: boolean, asJson: boolean): Promise<boolean> {
  if (isSure) return true;
  if (asJson || !process.stdin.isTTY) {
    throw new UsageError(`it asks before it writes (${question}), and nobody can answer`, "Add --yes to go ahead.");
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
