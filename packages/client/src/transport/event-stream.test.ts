/** The event stream parser, over streams cut anywhere. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { EventStreamParser, MAX_EVENT_CHARACTERS, type StreamEvent } from "./event-stream.ts";

function parse(pieces: readonly string[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const parser = new EventStreamParser((event) => events.push(event));
  for (const piece of pieces) parser.push(piece);
  return events;
}

/** The format read line by line, with the whole text at hand. */
function naive(stream: string): StreamEvent[] {
  const events: StreamEvent[] = [];
  let data: string[] = [];
  let id = "";
  const lines = stream.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  // What follows the last line end is no line.
  lines.pop();
  for (const line of lines) {
    if (line === "") {
      if (data.length > 0) events.push({ id, data: data.join("\n") });
      data = [];
      continue;
    }
    const [, name, value = ""] = /^([^:]*)(?::[ ]?(.*))?$/su.exec(line) ?? [];
    if (name === "data") data.push(value);
    if (name === "id" && !value.includes("\0")) id = value;
  }
  return events;
}

const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
const line = fc.oneof(
  fc.string({ maxLength: 12 }).map((text) => `data: ${text.replaceAll(/[\r\n]/g, "")}`),
  fc.constantFrom(
    "data",
    "data:",
    "data: ",
    "data:  two spaces",
    ": a comment",
    ":",
    "id: 7",
    "id",
    "id: a\0b",
    "event: delta",
  ),
  fc.constantFrom("", "", "", "retry: 10", "nothing known: x", "data: ü€😀"),
);
const stream = fc
  .tuple(
    fc.constantFrom("", "\uFEFF"),
    fc.array(fc.tuple(line, lineEnd), { maxLength: 30 }),
    fc.string({ maxLength: 5 }),
  )
  .map(([mark, lines, rest]) => mark + lines.map((parts) => parts.join("")).join("") + rest);

describe("the event stream parser", () => {
  it("reads the same from pieces cut anywhere as from the whole", () => {
    let events = 0;
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 40 }), (text, cuts) => {
        const positions = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((left, right) => left - right);
        const pieces = [0, ...positions].map((start, index) => text.slice(start, positions[index] ?? text.length));
        const expected = naive(text);
        events += expected.length;
        assert.deepEqual(parse(pieces), expected);
        assert.deepEqual(parse([...text]), expected);
      }),
      { numRuns: 2000, seed: 3 },
    );
    assert.ok(events > 500, `${events} events`);
  });

  it("stops at an event that never ends", () => {
    const parser = new EventStreamParser(() => {});
    const piece = `data: ${"x".repeat(1024 * 1024)}`;
    let count = 0;
    while (parser.push(count % 2 === 0 ? piece : "\n")) count += 1;
    assert.ok(count * piece.length > MAX_EVENT_CHARACTERS);
  });

  it("takes any number of events", () => {
    const parser = new EventStreamParser(() => {});
    const event = `data: ${"x".repeat(1024 * 1024)}\n\n`;
    for (let count = 0; count < 100; count++) assert.equal(parser.push(event), true);
  });
});
