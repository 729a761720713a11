/** The server of the benchmarks, in a process of its own: SQLite, fsynced, every check on. Prints its address. */
import { createServer } from "@tidelock/server";
import { sqliteStorage } from "@tidelock/server/sqlite";
import { schema } from "./schema.ts";
import { BENCH_SECRET } from "./token.ts";

const [path = ""] = process.argv.slice(2);
const server = createServer({
  schema,
  storage: sqliteStorage({ path }),
  auth: { secret: BENCH_SECRET },
  logger: false,
  // The load comes from few sessions, each faster than any person: the rates are not what is measured.
  limits: { mutationsPerSecond: 1e9, mutationBurst: 1e9, messagesPerSecond: 1e9, maxUnauthenticated: 20_000 },
});
const { url } = await server.listen(0);
console.log(`listening ${url}`);

process.on("message", (message) => {
  if (message === "usage") process.send?.({ cpu: process.cpuUsage(), memory: process.memoryUsage() });
});
process.on("disconnect", () => void server.close().then(() => process.exit(0)));
process.on("SIGTERM", () => void server.close().then(() => process.exit(0)));
