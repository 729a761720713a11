/** Exchanges over Node's HTTP server. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { TidelockError } from "@tidelock/core";
import type { ApiRequest, ApiResponse } from "./exchange.ts";
import type { Pipe } from "./pipe.ts";

/** Only the path and query of a request's address matter. */
const BASE = "http://localhost";

/** `null` when the address cannot be read. */
export function nodeRequest(incoming: IncomingMessage): ApiRequest | null {
  const address = incoming.url ?? "/";
  // A path of two slashes would otherwise be read as a host.
  const url = URL.parse(address.startsWith("/") ? `${BASE}${address}` : address, BASE);
  if (url === null) return null;
  return {
    method: incoming.method ?? "GET",
    path: url.pathname,
    query: url.searchParams,
    header: (name) => {
      const value = incoming.headers[name];
      return (Array.isArray(value) ? value[0] : value) ?? null;
    },
    body: (maxBytes) => readBody(incoming, maxBytes),
  };
}

async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = new TidelockError("frame-too-large", `the body has more than ${maxBytes} bytes`);
  if (Number(incoming.headers["content-length"] ?? 0) > maxBytes) throw tooLarge;
  const parts: Buffer[] = [];
  let length = 0;
  try {
    // Stopping early must leave the socket for the answer.
    for await (const part of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > maxBytes) break;
      parts.push(part);
    }
  } catch (error) {
    throw new TidelockError("malformed-frame", "the body broke off", { cause: error });
  }
  if (length > maxBytes) throw tooLarge;
  return Buffer.concat(parts, length);
}

export function nodeRespond(incoming: IncomingMessage, response: ServerResponse, answer: ApiResponse): void {
  if (response.destroyed || response.headersSent) return answer.abandoned?.();
  const { status, headers, body } = answer;
  // What is left of a body that nobody wants must not be taken for the next request.
  const unread = !incoming.complete;
  response.writeHead(status, { ...headers, ...(unread ? { connection: "close" } : {}) });
  if (typeof body !== "function") {
    response.end(incoming.method === "HEAD" ? undefined : body);
    return;
  }
  response.flushHeaders();
  response.socket?.setNoDelay(true);
  // Whatever goes wrong with the socket, `close` follows and says it all.
  response.on("error", () => {});
  const events = body(new ResponsePipe(response));
  response.on("drain", () => events.drained());
  response.on("close", () => events.closed());
}

class ResponsePipe implements Pipe {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  write(bytes: Buffer): boolean {
    return this.#response.writableEnded || this.#response.destroyed || this.#response.write(bytes);
  }

  get backlogBytes(): number {
    return this.#response.writableLength;
  }

  get full(): boolean {
    return this.#response.writableNeedDrain;
  }

  end(): void {
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }
}
