/**
 * The server under attack, in a process of its own: `server.ts DATA LIMITS`. It prints `listening URL`, then one line for
 * everything that it logs at the level of an error, because no attack may look like a fault of the server's own.
 */
import type { ServerLimits } from "@tidelock/core";
import { createServer, type Logger } from "@tidelock/server";
import { sqliteStorage } from "@tidelock/server/sqlite";
import { schema, SECRET } from "./world.ts";

const [path = "", limits = "{}"] = process.argv.slice(2);
const ignore = (): void => {};
const logger: Logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: (facts, message) => console.log(`error ${message} ${JSON.stringify(facts)}`),
};

const server = createServer({
  schema,
  storage: sqliteStorage({ path }),
  auth: { secret: SECRET },
  limits: JSON.parse(limits) as Partial<ServerLimits>,
  logger,
  rules: {
    secrets: {
      read: ({ user }) => ({ owner: user }),
      write: ({ user }, { before, after }) =>
        ((before === null || before["owner"] === user) && (after === null || after["owner"] === user)) || "not yours",
    },
    letters: { read: ({ user }) => ({ to: user }) },
    cases: { read: ({ user }) => ({ owner: user }) },
    drafts: { read: ({ user }) => ({ owner: user }) },
    vaults: {
      read: ({ user }) => ({ owner: user }),
      write: ({ user }, { before, after }) =>
        ((before === null || before["owner"] === user) && (after === null || after["owner"] === user)) || "not yours",
      review: ({ user }, { entity }) => entity["owner"] === user,
    },
    broken: {
      read: () => {
        throw new Error("the read rule is broken");
      },
      write: () => {
        throw new Error("the write rule is broken");
      },
    },
  },
  rooms: (_context, room) => room !== "closed",
});
const { url } = await server.listen(0);
console.log(`listening ${url}`);
process.on("SIGTERM", () => void server.close().then(() => process.exit(0)));
