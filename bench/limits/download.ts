/**
 * The limit of a cold start: a server that holds one JSON text of all entities and sends it over plain HTTP. In a process
 * of its own: `download.ts ENTITIES`. Prints its address.
 */
import { createServer } from "node:http";
import { item, itemId } from "../schema.ts";

const entities = Number(process.argv[2]);
const text = JSON.stringify(Array.from({ length: entities }, (_, index) => ({ id: itemId(index), ...item(index) })));
const bytes = Buffer.from(text);
const server = createServer((_, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": bytes.length }).end(bytes);
});
process.on("message", () => process.send?.({ cpu: process.cpuUsage(), memory: process.memoryUsage() }));
process.on("disconnect", () => process.exit(0));
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(`listening http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
});
