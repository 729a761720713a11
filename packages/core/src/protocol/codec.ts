/**
 * The codec port: messages as the bytes of a frame. JSON text frames are the default; the same messages as CBOR binary
 * frames are negotiated by subprotocol.
 *
 * The promise of every codec: `decode…(encode(message))` is the message again; a frame stands for itself, so it can be
 * encoded once and sent to many; and decoding answers with a message or a code, in time linear in the frame's size,
 * whatever the bytes: size first, then nesting, then form. It never throws.
 */
import type { JsonValue } from "../base/json.ts";
import { decodeUtf8, exceedsBytes } from "../base/utf8.ts";
import { MAX_FRAME_DEPTH, MAX_FRAME_ITEMS } from "../limits.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import type { ClientMessage, ServerMessage } from "./messages.ts";
import { type Parsed, parseClientMessage, parseServerMessage, refused } from "./parse.ts";
import { SUBPROTOCOL_BINARY, SUBPROTOCOL_JSON } from "./version.ts";

/** What a socket delivers: text, or bytes. */
export type FrameData = string | Uint8Array | ArrayBuffer;

export interface Codec {
  readonly name: "json" | "cbor";
  /** The contents of one frame: text for a text frame, bytes for a binary frame. */
  encode(message: ClientMessage | ServerMessage): string | Uint8Array<ArrayBuffer>;
  /**
   * What a device sent. Refused with `frame-too-large` (more than `maxBytes` bytes), `malformed-frame` (not this encoding,
   * or nested too deeply) or `invalid-message` (not a message).
   */
  decodeClient(data: FrameData, maxBytes: number): Parsed<ClientMessage>;
  /** What a server sent; refused with the same codes. The contents of `rows` and `delta` get a light check. */
  decodeServer(data: FrameData, maxBytes: number): Parsed<ServerMessage>;
}

export const jsonCodec: Codec = {
  name: "json",
  encode: (message) => JSON.stringify(message),
  decodeClient: (data, maxBytes) => decode(jsonValue(data, maxBytes), parseClientMessage),
  decodeServer: (data, maxBytes) => decode(jsonValue(data, maxBytes), parseServerMessage),
};

export const cborCodec: Codec = {
  name: "cbor",
  // A message is JSON by its type; only its optional members keep the compiler from seeing it.
  encode: (message) => encodeCbor(message as unknown as JsonValue),
  decodeClient: (data, maxBytes) => decode(cborValue(data, maxBytes), parseClientMessage),
  decodeServer: (data, maxBytes) => decode(cborValue(data, maxBytes), parseServerMessage),
};

/** The codec of a WebSocket subprotocol; `null` when it is none of ours. */
export function codecOf(subprotocol: string): Codec | null {
  if (subprotocol === SUBPROTOCOL_JSON) return jsonCodec;
  return subprotocol === SUBPROTOCOL_BINARY ? cborCodec : null;
}

function decode<Message>(value: Parsed<unknown>, parse: (value: unknown) => Parsed<Message>): Parsed<Message> {
  return value.ok ? parse(value.message) : value;
}

function jsonValue(data: FrameData, maxBytes: number): Parsed<unknown> {
  const text = typeof data === "string" ? textOf(data, maxBytes) : decodedText(data, maxBytes);
  if (!text.ok) return text;
  if (nestsDeeper(text.message, MAX_FRAME_DEPTH)) return refused("malformed-frame", TOO_DEEP);
  try {
    return { ok: true, message: JSON.parse(text.message) };
  } catch {
    return refused("malformed-frame", "the frame is not JSON");
  }
}

function cborValue(data: FrameData, maxBytes: number): Parsed<unknown> {
  const bytes = bytesOf(data, maxBytes);
  if (!bytes.ok) return bytes;
  const result = decodeCbor(bytes.message, { maxDepth: MAX_FRAME_DEPTH, maxItems: MAX_FRAME_ITEMS });
  return result.ok ? { ok: true, message: result.value } : refused("malformed-frame", result.message);
}

const TOO_DEEP = `the frame is nested more than ${MAX_FRAME_DEPTH} levels deep`;

function textOf(text: string, maxBytes: number): Parsed<string> {
  return exceedsBytes(text, maxBytes) ? tooLarge(maxBytes) : { ok: true, message: text };
}

function decodedText(data: FrameData, maxBytes: number): Parsed<string> {
  const bytes = bytesOf(data, maxBytes);
  if (!bytes.ok) return bytes;
  const text = decodeUtf8(bytes.message);
  return text === null ? refused("malformed-frame", "the frame is not UTF-8") : { ok: true, message: text };
}

function bytesOf(data: FrameData, maxBytes: number): Parsed<Uint8Array> {
  const bytes = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : data instanceof ArrayBuffer
      ? new Uint8Array(data)
      : null;
  if (bytes === null) return refused("malformed-frame", "the frame is not binary");
  return bytes.length > maxBytes ? tooLarge(maxBytes) : { ok: true, message: bytes };
}

function tooLarge(maxBytes: number): Parsed<never> {
  return refused("frame-too-large", `the frame has more than ${maxBytes} bytes`);
}

/**
 * Whether JSON text opens more than `maxDepth` arrays and objects within each other. Looked at before parsing, because a
 * few bytes per level would otherwise become many, and whatever walks the value later would need as much stack. For text
 * that is not JSON the answer is right as far as a parser would come.
 */
function nestsDeeper(text: string, maxDepth: number): boolean {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case 0x22 /* " */:
        index = endOfText(text, index + 1);
        if (index < 0) return false;
        break;
      case 0x5b /* [ */:
      case 0x7b /* { */:
        depth += 1;
        if (depth > maxDepth) return true;
        break;
      case 0x5d /* ] */:
      case 0x7d /* } */:
        depth -= 1;
        break;
    }
  }
  return false;
}

/** The position of the quotation mark that ends the text whose contents start at `from`; -1 when none does. */
function endOfText(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (end - 1 - backslashes >= from && text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}
