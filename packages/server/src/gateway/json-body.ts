/** JSON bodies from outside: type, size, nesting and form, each refused with its code. */
import { type JsonValue, MAX_FRAME_DEPTH, TidelockError } from "@tidelock/core";
import type { ApiRequest } from "./exchange.ts";

/** Rejects with `unsupported-media-type`, `frame-too-large` or `malformed-frame`. */
export async function readJson(request: ApiRequest, maxBytes: number): Promise<JsonValue> {
  const type = (request.header("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json") throw new TidelockError("unsupported-media-type");
  if ((request.header("content-encoding") ?? "identity").trim().toLowerCase() !== "identity") {
    throw new TidelockError("unsupported-media-type", "the body must not be compressed");
  }
  const bytes = await request.body(maxBytes);
  if (nestsDeeper(bytes, MAX_FRAME_DEPTH)) {
    throw new TidelockError("malformed-frame", `the body is nested more than ${MAX_FRAME_DEPTH} levels deep`);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new TidelockError("malformed-frame", "the body is not JSON");
  }
}

/** Whether JSON opens too many arrays and objects within each other; seen before parsing, which would build them all. */
function nestsDeeper(bytes: Uint8Array, maxDepth: number): boolean {
  let depth = 0;
  let inText = false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (inText) {
      if (byte === 0x5c /* \ */) index += 1;
      else if (byte === 0x22 /* " */) inText = false;
    } else if (byte === 0x22 /* " */) {
      inText = true;
    } else if (byte === 0x5b /* [ */ || byte === 0x7b /* { */) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (byte === 0x5d /* ] */ || byte === 0x7d /* } */) {
      depth -= 1;
    }
  }
  return false;
}
