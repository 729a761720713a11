/**
 * Server-sent events (HTML, section 9.2) over `fetch`, because Node's own `EventSource` sends no `Authorization` header.
 * One stream, from its opening to its end: connecting again is the caller's business.
 */
import { refusalOf, unreachable } from "../server-access.ts";

export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
  /** The id that the event carries; `null` when it carries none. */
  readonly id: string | null;
}

/** The server sends a sign of life every 15 seconds; after three of them are missing, the connection is dead. */
const MAX_SILENCE_MS = 45_000;

/** Throws `server-unreachable` when there is no connection or it breaks, and the server's refusal when it refuses. */
export async function* readEventStream(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error("the server has been silent for too long")), MAX_SILENCE_MS);
  try {
    const response = await fetch(url, {
      headers: { ...headers, accept: "text/event-stream" },
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (!response.ok || response.body === null) throw await refusalOf(response);
    const parser = new EventStreamParser();
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      timer.refresh();
      yield* parser.take(text);
    }
  } catch (error) {
    if (error instanceof TypeError || silence.signal.aborted) throw unreachable(new URL(url).origin, error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Text in any portions to whole events. */
export class EventStreamParser {
  #rest = "";
  #event = "message";
  #data: string[] = [];
  #id: string | null = null;

  take(text: string): ServerSentEvent[] {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line));
  }

  #line(line: string): ServerSentEvent[] {
    if (line === "") return this.#end();
    const separator = line.indexOf(":");
    const name = separator < 0 ? line : line.slice(0, separator);
    const value = separator < 0 ? "" : line.slice(separator + 1).replace(/^ /, "");
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id") this.#id = value;
    return [];
  }

  #end(): ServerSentEvent[] {
    const done = this.#data.length === 0 ? [] : [{ event: this.#event, data: this.#data.join("\n"), id: this.#id }];
    this.#event = "message";
    this.#data = [];
    this.#id = null;
    return done;
  }
}
