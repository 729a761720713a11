/**
 * A server as a process: it listens, says so, and ends in good order when it is asked to. A second request to end is
 * taken at its word.
 */
import { TidelockError } from "@tidelock/core";
import { createServer, type TidelockServer } from "../api/create-server.ts";
import type { ServerOptions } from "../api/options.ts";
import { createLogger } from "../observe/log.ts";
import { memoryStorage } from "../storage/memory.ts";
import { sqliteStorage } from "../storage/sqlite.ts";
import { shortPath } from "./dev-secret.ts";
import { humanLogger } from "./human-log.ts";
import { note } from "./output.ts";

export interface ServerRun {
  readonly options: Omit<ServerOptions, "logger" | "storage">;
  readonly port: number;
  readonly host: string;
  /** The data file; `null` when the data is in memory. */
  readonly dataFile: string | null;
  readonly asJson: boolean;
  /** Facts of the line that says that it is ready, with `asJson`. */
  readonly facts: object;
  /** Says it to a person. */
  readonly announce: (url: string) => void | Promise<void>;
}

/** Resolves when the server has ended. Rejects when it cannot start. */
export async function runServer(run: ServerRun): Promise<void> {
  const storage = run.dataFile === null ? memoryStorage() : sqliteStorage({ path: run.dataFile });
  const logger = run.asJson ? createLogger() : humanLogger();
  const server = createServer({ ...run.options, storage, logger });
  const ended = endOnSignal(server, run.asJson);
  const url = await listen(server, run);
  if (run.asJson) logger.info({ url, data: run.dataFile, ...run.facts }, "ready");
  else await run.announce(url);
  await ended;
}

async function listen(server: TidelockServer, { port, host, dataFile }: ServerRun): Promise<string> {
  try {
    return (await server.listen(port, host)).url.replace("//127.0.0.1:", "//localhost:");
  } catch (error) {
    await server.close();
    if (error instanceof TidelockError && error.code === "data-in-use" && dataFile !== null) {
      throw new TidelockError("data-in-use", `another process holds ${shortPath(dataFile)}`, { cause: error });
    }
    throw error;
  }
}

function endOnSignal(server: TidelockServer, asJson: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let asked = false;
    const end = async (signal: NodeJS.Signals): Promise<void> => {
      if (asked) process.exit(signal === "SIGINT" ? 130 : 143);
      asked = true;
      note("stopping; once more to stop at once", asJson);
      try {
        await server.close();
        note("stopped", asJson);
        resolve();
      } catch (error) {
        reject(error);
      }
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, (received) => void end(received));
  });
}
