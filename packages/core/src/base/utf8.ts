/**
 * UTF-8 (RFC 3629) for the binary codec and for sizes in bytes. Short text is written and read here, because a call into
 * the platform costs more than the work; long text is left to the platform's coder.
 *
 * What stays true: reading refuses what is not UTF-8 (overlong forms, surrogates, cut sequences) instead of mending it;
 * writing turns a lone surrogate, which UTF-8 cannot carry, into U+FFFD.
 */

// Declared here because this package is compiled without the types of any platform. Both are pure computation, part of
// the Encoding standard, and present in browsers, Node, Deno, Bun and React Native.
declare const TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
declare const TextDecoder: new (
  label: "utf-8",
  options: { readonly fatal: true; readonly ignoreBOM: true },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Up to this many bytes a loop here is faster than a call into the platform (measured on V8). */
const SHORT = 32;

/** How many bytes a text has in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else {
      bytes += 2;
      // A pair is four bytes for two units.
      if (isHighSurrogate(unit) && isLowSurrogate(text.charCodeAt(index + 1))) index += 1;
    }
  }
  return bytes;
}

/** Whether a text has more than `maxBytes` bytes in UTF-8; looks at the text only when its length does not tell. */
export function exceedsBytes(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true;
  return text.length * 3 > maxBytes && utf8Length(text) > maxBytes;
}

/** The bytes of a text. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** The text of `bytes[start..end)`, or `null` when it is not UTF-8. */
export function decodeUtf8(bytes: Uint8Array, start: number = 0, end: number = bytes.length): string | null {
  if (end - start <= SHORT) {
    const text = decodeShortAscii(bytes, start, end);
    if (text !== null) return text;
  }
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch {
    return null;
  }
}

function decodeShortAscii(bytes: Uint8Array, start: number, end: number): string | null {
  // oxlint-disable-next-line unicorn/no-new-array -- a list of the right length from the start is five times as fast
  const units = new Array<number>(end - start);
  for (let index = start; index < end; index++) {
    const byte = bytes[index] ?? 0xff;
    if (byte > 0x7f) return null;
    units[index - start] = byte;
  }
  // One call makes one flat string; adding up characters makes a tree of them, at five times the cost.
  return String.fromCharCode(...units);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
