/** Child processes of the benchmarks: start one, wait for its address, ask for its usage, end it. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface Usage {
  readonly cpu: NodeJS.CpuUsage;
  readonly memory: NodeJS.MemoryUsage;
}

export interface Running {
  /** What the process printed after `listening`: an address. */
  readonly url: string;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

/** Starts a program of this folder and waits for its line `listening …`. */
export async function start(program: string, args: readonly string[] = []): Promise<Running> {
  const child: ChildProcess = fork(join(import.meta.dirname, program), args, {
    execArgv: ["--conditions=@tidelock/source", ...process.execArgv.filter((flag) => flag.startsWith("--cpu-prof"))],
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  if (child.stdout === null) throw new Error(`${program} has no output`);
  const lines = createInterface({ input: child.stdout });
  let url = "";
  for await (const line of lines) {
    if (!line.startsWith("listening ")) continue;
    url = line.slice("listening ".length);
    break;
  }
  child.stdout.resume();
  return {
    url,
    async usage() {
      child.send("usage");
      const [usage] = (await once(child, "message")) as [Usage];
      return usage;
    },
    async stop() {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

/** Runs `use` with a server on a fresh data file. */
export async function withServer<Result>(use: (server: Running) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "tidelock-bench-"));
  const server = await start("server.ts", [join(folder, "bench.db")]);
  try {
    return await use(server);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
