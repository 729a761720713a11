/** A server whose memory is measured: answers `memory` with its resident bytes after a collection. `server.ts DATA` */
import { createServer } from "@tidelock/server";
import { sqliteStorage } from "@tidelock/server/sqlite";
import { schema, SECRET } from "../crash/schema.ts";

const [path = ""] = process.argv.slice(2);
const limits = { maxSessionsPerUser: 20_000, mutationBurst: 1e6, mutationsPerSecond: 1e6 };
const server = createServer({
  schema,
  storage: sqliteStorage({ path }),
  auth: { secret: SECRET },
  logger: false,
  limits,
});
const { url } = await server.listen(0);
console.log(`listening ${url}`);
process.on("message", () => {
  globalThis.gc?.();
  process.send?.(process.memoryUsage().rss);
});
