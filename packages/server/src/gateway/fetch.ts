/**
 * Exchanges as a web-standard `fetch` handler: everything but WebSockets, on any runtime or framework that speaks
 * `Request` and `Response`.
 */
import { TidelockError } from "@tidelock/core";
import type { ApiRequest, ApiResponse, StreamEvents } from "./exchange.ts";
import type { Pipe } from "./pipe.ts";

/** Bytes that a stream takes before it counts as full. */
const STREAM_BYTES = 64 * 1024;

export function fetchRequest(request: Request): ApiRequest {
  const url = new URL(request.url);
  return {
    method: request.method,
    path: url.pathname,
    query: url.searchParams,
    header: (name) => request.headers.get(name) ?? (name === "host" ? url.host : null),
    body: (maxBytes) => readBody(request, maxBytes),
  };
}

async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = new TidelockError("frame-too-large", `the body has more than ${maxBytes} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge;
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of request.body ?? []) {
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

export function fetchResponse(request: ApiRequest, { status, headers, body }: ApiResponse): Response {
  if (typeof body !== "function") {
    const empty = request.method === "HEAD" || status === 204 || status === 304;
    const sent = typeof body === "string" ? body : new Uint8Array(body);
    return new Response(empty ? null : sent, { status, headers: { ...headers } });
  }
  return new Response(streamOf(body), { status, headers: { ...headers } });
}

function streamOf(open: (pipe: Pipe) => StreamEvents): ReadableStream<Uint8Array> {
  let events: StreamEvents | null = null;
  let wasFull = false;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        events = open(
          new StreamPipe(controller, {
            full: () => (wasFull = true),
            // Nobody says so of a stream that was ended from this side.
            ended: () => queueMicrotask(() => events?.closed()),
          }),
        );
      },
      pull() {
        if (!wasFull) return;
        wasFull = false;
        events?.drained();
      },
      cancel() {
        events?.closed();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: STREAM_BYTES }),
  );
}

class StreamPipe implements Pipe {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>;
  readonly #notes: { readonly full: () => void; readonly ended: () => void };
  #open = true;

  constructor(
    controller: ReadableStreamDefaultController<Uint8Array>,
    notes: { readonly full: () => void; readonly ended: () => void },
  ) {
    this.#controller = controller;
    this.#notes = notes;
  }

  write(bytes: Buffer): boolean {
    // `null` once the reader has cancelled.
    if (!this.#open || this.#controller.desiredSize === null) return true;
    this.#controller.enqueue(bytes);
    if (this.full) this.#notes.full();
    return !this.full;
  }

  get backlogBytes(): number {
    return Math.max(0, STREAM_BYTES - (this.#controller.desiredSize ?? STREAM_BYTES));
  }

  get full(): boolean {
    return (this.#controller.desiredSize ?? 1) <= 0;
  }

  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#notes.ended();
    try {
      this.#controller.close();
    } catch {
      // The reader has cancelled already.
    }
  }

  destroy(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#notes.ended();
    this.#controller.error(new Error("the stream was cut"));
  }
}
