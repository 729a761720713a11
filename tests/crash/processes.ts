/** Processes that are started, read line by line, and killed by their own id. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";

export class Process {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(
      process.execPath,
      ["--conditions=@tidelock/source", join(import.meta.dirname, program), ...args],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    if (this.#child.stdout === null) throw new Error(`${program} has no output`);
    this.#reader = createInterface({ input: this.#child.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** The next line, or `null` when the process has ended. */
  async line(): Promise<string | null> {
    const { value, done } = await this.#lines.next();
    return done === true ? null : value;
  }

  /** The rest of the first line that begins with `start`. */
  async lineAfter(start: string): Promise<string> {
    for (let line = await this.line(); line !== null; line = await this.line()) {
      if (line.startsWith(start)) return line.slice(start.length);
    }
    throw new Error(`the process ended before it said ${start}`);
  }

  /** kill -9. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const gone = this.#child.exitCode === null && this.#child.signalCode === null ? once(this.#child, "exit") : null;
    this.#child.kill("SIGKILL");
    await gone;
    this.#reader.close();
  }
}
