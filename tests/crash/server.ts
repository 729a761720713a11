/**
 * The server of the crash campaigns, in a process of its own, so that it can be killed. `server.ts DATA PORT [early]`: with
 * `early`, a planted bug, it answers before the disk has the commit.
 */
import { createServer, type Storage } from "@tidelock/server";
import { sqliteStorage } from "@tidelock/server/sqlite";
import { schema, SECRET } from "./schema.ts";

const [path = "", port = "0", plant = ""] = process.argv.slice(2);
const disk = sqliteStorage({ path });
const storage: Storage = plant === "early" ? { ...disk, append: appendLater } : disk;
const server = createServer({ schema, storage, auth: { secret: SECRET }, logger: false });
const { url } = await server.listen(Number(port));
console.log(`listening ${url}`);
process.on("SIGTERM", () => void server.close().then(() => process.exit(0)));

async function appendLater(commits: Parameters<Storage["append"]>[0]): Promise<void> {
  setTimeout(() => void disk.append(commits), 100);
}
