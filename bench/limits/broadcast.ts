/**
 * The limit of fan-out: a raw `ws` server that writes one prebuilt frame to every subscriber for each message of its
 * publisher; either one write per message, or all messages of a loop turn in one write. No durability, no checks.
 * In a process of its own: `broadcast.ts each|turn`. Prints its address.
 */
import { createServer } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";

const gathers = process.argv[2] === "turn";
const http = createServer();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const subscribers = new Set<Duplex>();
let gathered: Buffer[] = [];

http.on("upgrade", (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (connection) => {
    const isPublisher = request.url === "/publish";
    if (!isPublisher) subscribers.add(socket);
    connection.on("close", () => subscribers.delete(socket));
    connection.on("message", (data: Buffer) => {
      if (gathers) {
        if (gathered.length === 0) setImmediate(flush);
        gathered.push(frame(data));
      } else write(frame(data));
      // As the engine's results do: the publisher knows how far it is.
      connection.send("1");
    });
  });
});

function flush(): void {
  const all = Buffer.concat(gathered);
  gathered = [];
  write(all);
}

function write(bytes: Buffer): void {
  for (const socket of subscribers) socket.write(bytes);
}

/** An unmasked binary frame (RFC 6455, section 5.2). */
function frame(payload: Buffer): Buffer {
  const header =
    payload.length < 126
      ? Buffer.from([0x82, payload.length])
      : Buffer.from([0x82, 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([header, payload]);
}

process.on("message", () => process.send?.({ cpu: process.cpuUsage(), memory: process.memoryUsage() }));
process.on("disconnect", () => process.exit(0));
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  console.log(`listening http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
});
