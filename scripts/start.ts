/**
 * `npm start`: the board, its server and its data on this machine, without an account, a container or a second process.
 *
 *     PORT            the port to listen on, 4400 when not set
 *     TIDELOCK_DATA   the data file, `.tidelock/demo.db` when not set
 */
import { resolve } from "node:path";
import { TidelockError } from "@tidelock/core";
import { createLogger, createServer, type TidelockServer } from "@tidelock/server";
import { sqliteStorage } from "@tidelock/server/sqlite";
import { schema } from "../apps/board/src/schema.ts";
import { builtApp } from "./demo/built-app.ts";
import { openInboxDoor } from "./demo/inbox-door.ts";
import { demoRules } from "./demo/rules.ts";
import { developmentSecret } from "./demo/secret.ts";
import { seedSamples } from "./demo/seed.ts";
import { demoSessions } from "./demo/session.ts";
import { staticFiles } from "./demo/static-files.ts";
import { explainFailure, say, welcome } from "./demo/words.ts";

const DEFAULT_PORT = 4400;
/** Where `npx tidelock token` looks for it, too. */
const SECRET_FILE = ".tidelock/dev-secret";

async function start(): Promise<void> {
  const port = portFrom(process.env["PORT"]);
  const path = resolve(process.env["TIDELOCK_DATA"] ?? ".tidelock/demo.db");
  const secret = developmentSecret(resolve(SECRET_FILE));
  const board = staticFiles(await builtApp("board", say));
  await builtApp("inbox", say);
  const sessions = demoSessions(secret);
  const server = createServer({
    schema,
    storage: sqliteStorage({ path }),
    auth: { secret },
    rules: demoRules,
    logger: createLogger({ level: "warn", destination: process.stderr }),
    static: async (request, response) =>
      board.handle(request, response) ||
      (await openInboxDoor(sessions, request, response)) ||
      (await sessions.handle(request, response)),
  });
  stopOnSignals(server);
  try {
    await seedSamples(server, sessions, Date.now());
    const { url } = await server.listen(port, "127.0.0.1");
    welcome({ url: url.replace("127.0.0.1", "localhost"), path, secretPath: resolve(SECRET_FILE) });
  } catch (error) {
    await server.close();
    throw error;
  }
}

function portFrom(text: string | undefined): number {
  if (text === undefined || text === "") return DEFAULT_PORT;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new TidelockError("config-invalid", `PORT is a number from 0 to 65535, not ${JSON.stringify(text)}`);
}

/** The first signal lets accepted work reach the disk; a second one does not wait. */
function stopOnSignals(server: TidelockServer): void {
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) process.exit(130);
    isStopping = true;
    say("Stopping …");
    void server.close().then(() => process.exit(0));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

try {
  await start();
} catch (error) {
  explainFailure(error);
  process.exitCode = 1;
}
