/**
 * Sharing an HTTP server with an application: requests and upgrades below one path come here, everything else goes on as
 * if nobody were here. Listeners cannot do that: each of an event's listeners gets every request, and some destroy sockets
 * that they do not know. So the event itself is taken over for that path, whoever listens now or later.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

export interface AttachedHandlers {
  /** Whether a path is one of ours. */
  takes(path: string): boolean;
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** Starts; returns the way to stop. */
export function attachTo(server: Server, handlers: AttachedHandlers): () => void {
  const emit = server.emit.bind(server);
  const isOurs = (request: IncomingMessage): boolean => handlers.takes((request.url ?? "/").split(/[?#]/, 1)[0] ?? "/");
  const takeOver = (event: string | symbol, ...given: unknown[]): boolean => {
    const [request, second, third] = given as [IncomingMessage, unknown, unknown];
    if ((event === "request" || event === "checkContinue") && isOurs(request)) {
      const response = second as ServerResponse;
      if (event === "checkContinue") response.writeContinue();
      handlers.request(request, response);
      return true;
    }
    if (event === "upgrade" && isOurs(request)) {
      handlers.upgrade(request, second as Duplex, third as Buffer);
      return true;
    }
    return (emit as (name: string | symbol, ...rest: unknown[]) => boolean)(event, ...given);
  };
  server.emit = takeOver as Server["emit"];
  // Node asks whether anybody listens before it reads a request as an upgrade; this one ends what nobody else wants.
  const endUnknown = (_request: IncomingMessage, socket: Duplex): void => {
    if (server.listenerCount("upgrade") === 1)
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  };
  server.on("upgrade", endUnknown);
  return () => {
    server.off("upgrade", endUnknown);
    if (server.emit === takeOver) server.emit = emit as Server["emit"];
  };
}
