/** Runs programs for the tests of the documentation. */
import { execFile } from "node:child_process";

export interface Ended {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Never rejects: a program that fails has a code that is not 0. */
export function runProgram(
  program: string,
  arguments_: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number },
): Promise<Ended> {
  const { cwd, env = {}, timeoutMs = 60_000 } = options;
  return new Promise((resolve) => {
    const settings = { cwd, env: { ...process.env, ...env }, timeout: timeoutMs, encoding: "utf8" as const };
    execFile(program, arguments_, settings, (error, output, errors) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, output, errors });
    });
  });
}
