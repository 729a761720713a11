/** Listening on a port, with errors that say what to do. */
import type { Server } from "node:http";
import { TidelockError } from "@tidelock/core";

export interface ListeningAddress {
  readonly url: string;
  readonly port: number;
}

/** Rejects with `port-in-use` or `config-invalid`. */
export function listenOn(server: Server, port: number, host: string): Promise<ListeningAddress> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(explain(error, port, host));
    server.once("error", failed);
    server.listen(port, host, () => {
      server.off("error", failed);
      const address = server.address();
      const actual = typeof address === "object" && address !== null ? address.port : port;
      resolve({ url: `http://${reachable(host)}:${actual}`, port: actual });
    });
  });
}

function explain(error: NodeJS.ErrnoException, port: number, host: string): Error {
  switch (error.code) {
    case "EADDRINUSE":
      return new TidelockError("port-in-use", `another process listens on ${host}:${port}`, { cause: error });
    case "EACCES":
      return new TidelockError("config-invalid", `the port ${port} needs rights that the process does not have`, {
        cause: error,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new TidelockError("config-invalid", `${host} is no address of this machine`, { cause: error });
    default:
      return error;
  }
}

/** The host to put into an address: a server on all interfaces is reached as localhost. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
