/** For tests: a receiver of webhooks on a free loopback port, which answers as it is told and keeps what came. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Respond = (response: ServerResponse, attempt: number) => void;

export class Receiver {
  readonly url: string;
  readonly received: Received[] = [];
  #wake: () => void = () => {};

  private constructor(server: Server, respond: Respond) {
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    server.on("request", (request, response) => {
      let body = "";
      request.setEncoding("utf8");
      request.on("data", (part: string) => (body += part));
      request.on("end", () => {
        this.received.push({ headers: request.headers, body });
        respond(response, this.received.length);
        this.#wake();
      });
    });
  }

  static async open(test: TestContext, respond: Respond = (response) => void response.end()): Promise<Receiver> {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    test.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return new Receiver(server, respond);
  }

  /** Resolves with the requests so far when there are so many. */
  async until(count: number): Promise<readonly Received[]> {
    while (this.received.length < count) await new Promise<void>((wake) => (this.#wake = wake));
    return this.received;
  }
}

export function answers(status: number, headers: Record<string, string> = {}): Respond {
  return (response) => void response.writeHead(status, headers).end("what a receiver says is not read");
}
