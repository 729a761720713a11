/** The real command line as a child process, and folders for it to run in. Tests wait for its output, never for time. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { TestContext } from "node:test";

export const ROOT = resolve(import.meta.dirname, "../../../..");
const MAIN = join(import.meta.dirname, "main.ts");

/** What would make a test depend on where it runs. */
const OWN_VARIABLES = new Set([
  "PORT",
  "TIDELOCK_SECRET",
  "TIDELOCK_TOKEN",
  "TIDELOCK_DEBUG",
  "FORCE_COLOR",
  "NODE_OPTIONS",
]);

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A program that runs; it ends with the test at the latest. */
export class CliProcess {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #stdout = "";
  #stderr = "";
  #hasEnded = false;

  constructor(test: TestContext, arguments_: readonly string[], { cwd, env = {} }: StartOptions) {
    const inherited = Object.entries(process.env).filter(([name]) => !OWN_VARIABLES.has(name));
    const child = spawn(process.execPath, ["--conditions=@tidelock/source", MAIN, ...arguments_], {
      cwd,
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => this.#heard(() => (this.#stdout += text)));
    child.stderr.setEncoding("utf8").on("data", (text: string) => this.#heard(() => (this.#stderr += text)));
    this.ended = new Promise((done) => {
      child.on("close", (code) => {
        this.#heard(() => (this.#hasEnded = true));
        done({ code, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
    test.after(() => child.kill("SIGKILL"));
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Resolves with the match as soon as standard output has one; rejects when the program ends without. */
  output(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#match(pattern, () => this.#stdout);
  }

  errors(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#match(pattern, () => this.#stderr);
  }

  /** Reads no more of standard output, as `head` does when it has enough. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  /** Asks it to end, and returns how it did. */
  stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> {
    this.#child.kill(signal);
    return this.ended;
  }

  #match(pattern: RegExp, text: () => string): Promise<RegExpExecArray> {
    return new Promise((found, reject) => {
      const look = (): void => {
        const match = pattern.exec(text());
        if (match === null && !this.#hasEnded) return;
        this.#waiting.delete(look);
        if (match !== null) found(match);
        else reject(new Error(`it ended without ${pattern}\n${this.#stdout}\n${this.#stderr}`));
      };
      this.#waiting.add(look);
      look();
    });
  }

  #heard(note: () => void): void {
    note();
    for (const look of this.#waiting) look();
  }
}

/** Runs a command to its end. No command ever shows a stack trace. */
export async function run(test: TestContext, arguments_: readonly string[], options: StartOptions): Promise<Ended> {
  const result = await new CliProcess(test, arguments_, options).ended;
  assert.doesNotMatch(result.stdout + result.stderr, /^\s+at .*:\d+:\d+\)?$/m, "a stack trace");
  return result;
}

/** A folder with files, in which the packages can be imported; removed with the test. */
export function projectFolder(test: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "tidelock-cli-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

export interface DevServer {
  readonly process: CliProcess;
  readonly url: string;
  readonly folder: string;
}

/** A server for development on a free port, which answers when this resolves. */
export async function startDev(
  test: TestContext,
  folder: string = projectFolder(test),
  arguments_: readonly string[] = [],
): Promise<DevServer> {
  const process = new CliProcess(test, ["dev", "--json", "--port", "0", ...arguments_], { cwd: folder });
  const [line] = await process.output(/^.*"msg":"ready".*$/m);
  return { process, url: JSON.parse(line).url, folder };
}

/** A token of the folder's secret. */
export async function tokenOf(test: TestContext, folder: string, user = "u1"): Promise<string> {
  const { stdout } = await run(test, ["token", "--tenant", "demo", "--user", user], { cwd: folder });
  return stdout.trim();
}

/** Sends one mutation of a task, as curl would; returns the answer. */
export async function sendTask(
  server: DevServer,
  token: string,
  mutation: Readonly<Record<string, unknown>>,
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const response = await fetch(`${server.url}/sync/reconcile`, {
    method: "POST",
    headers: { "authorization": `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ device_id: "curl", mutations: [{ collection: "tasks", ...mutation }] }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
