/**
 * The event stream format (WHATWG HTML, "Server-sent events", section 9.2.6), as a parser that takes text in pieces cut
 * anywhere. It gives each event that has data; comments and the fields `event` and `retry` are passed over, because the
 * protocol does not use them.
 */
export interface StreamEvent {
  /** The last `id` that the stream has named; empty before the first. */
  readonly id: string;
  readonly data: string;
}

/** Longer lines and events than this are no message; the parser stops the stream instead of keeping them. */
export const MAX_EVENT_CHARACTERS = 64 * 1024 * 1024;

export class EventStreamParser {
  readonly #emit: (event: StreamEvent) => void;
  /** Pieces of a line whose end has not come. */
  #pieces: string[] = [];
  #pendingCharacters = 0;
  #data: string[] = [];
  #id = "";
  #isFirst = true;
  /** The last piece ended with a carriage return: a line feed that follows belongs to it. */
  #endedWithReturn = false;

  constructor(emit: (event: StreamEvent) => void) {
    this.#emit = emit;
  }

  /** Takes the next piece. Answers `false` when the stream grows beyond all bounds without an end of an event. */
  push(piece: string): boolean {
    let text = piece;
    if (text === "") return true;
    if (this.#isFirst) {
      this.#isFirst = false;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    if (this.#endedWithReturn && text.startsWith("\n")) text = text.slice(1);
    this.#endedWithReturn = piece.endsWith("\r");
    let start = 0;
    const ends = /\r\n|\r|\n/g;
    for (let end = ends.exec(text); end !== null; end = ends.exec(text)) {
      this.#pieces.push(text.slice(start, end.index));
      const line = this.#pieces.join("");
      this.#pieces = [];
      this.#line(line);
      start = ends.lastIndex;
    }
    if (start < text.length) this.#pieces.push(text.slice(start));
    this.#pendingCharacters += text.length;
    if (this.#pieces.length === 0 && this.#data.length === 0) this.#pendingCharacters = 0;
    return this.#pendingCharacters <= MAX_EVENT_CHARACTERS;
  }

  #line(line: string): void {
    if (line === "") return this.#end();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#id = value;
  }

  #end(): void {
    if (this.#data.length === 0) return;
    const data = this.#data.join("\n");
    this.#data = [];
    this.#pendingCharacters = 0;
    this.#emit({ id: this.#id, data });
  }
}
