/**
 * CBOR (RFC 8949) of JSON values, and of nothing else: what the binary subprotocol carries.
 *
 * Written is the core deterministic encoding (section 4.2.1): shortest heads, definite lengths, map keys in the order of
 * their encoded bytes, whole numbers that a double holds exactly as integers, other numbers in the shortest of half,
 * single and double precision that keeps the value. One value has one encoding.
 *
 * Read is any well-formed encoding of a JSON value with definite lengths, whatever the order of keys and the width of
 * numbers, so that peers may use a library of their own. Refused are byte strings, tags, bignums, `undefined` and other
 * simple values, NaN and infinities, integers that a double does not hold exactly, text that is not UTF-8, keys that are
 * not text, keys that come twice, and the key `__proto__`.
 *
 * What stays true: reading never throws, never recurses deeper than `maxDepth`, and allocates nothing on the word of a
 * length that the remaining bytes cannot hold. What it does not know: messages.
 */
import type { JsonObject, JsonValue } from "../base/json.ts";
import { decodeUtf8, encodeUtf8, utf8Length } from "../base/utf8.ts";

// Major types (section 3.1), in the upper three bits of a head.
const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;

// Initial bytes of major type 7 (section 3.3).
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const UNDEFINED = 0xf7;
const HALF = 0xf9;
const SINGLE = 0xfa;
const DOUBLE = 0xfb;

// ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * The deterministic encoding of a value. Says what `JSON.stringify` would say where a value is not quite JSON: members
 * that are `undefined` are left out; `undefined` in a list, NaN and infinities are null; a lone surrogate is U+FFFD.
 */
export function encodeCbor(value: JsonValue): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.value(value);
  return writer.written();
}

class Writer {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  value(value: JsonValue | undefined): void {
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
        return this.#number(value);
      case "boolean":
        return this.#byte(value ? TRUE : FALSE);
      case "object":
        if (value === null) return this.#byte(NULL);
        if (Array.isArray(value)) return this.#list(value);
        return this.#map(value as JsonObject);
      default:
        return this.#byte(NULL);
    }
  }

  #list(items: readonly JsonValue[]): void {
    this.#head(ARRAY, items.length);
    for (const item of items) this.value(item);
  }

  #map(object: JsonObject): void {
    const keys = Object.keys(object).filter((key) => object[key] !== undefined);
    if (keys.length > 1) keys.sort(compareKeys);
    this.#head(MAP, keys.length);
    for (const key of keys) {
      this.#text(key);
      this.value(object[key]);
    }
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value)) {
      if (value >= 0) this.#head(UNSIGNED, value);
      else this.#head(NEGATIVE, -1 - value);
    } else if (!Number.isFinite(value)) {
      this.#byte(NULL);
    } else {
      this.#float(value);
    }
  }

  /** The shortest form that reads back as the same number (section 4.1). */
  #float(value: number): void {
    this.#reserve(9);
    const at = this.#length;
    if (Math.fround(value) !== value) {
      this.#bytes[at] = DOUBLE;
      this.#view.setFloat64(at + 1, value);
      this.#length += 9;
      return;
    }
    this.#bytes[at] = SINGLE;
    this.#view.setFloat32(at + 1, value);
    const half = halfOf(this.#view.getUint32(at + 1));
    if (half === null) {
      this.#length += 5;
      return;
    }
    this.#bytes[at] = HALF;
    this.#view.setUint16(at + 1, half);
    this.#length += 3;
  }

  #text(text: string): void {
    if (text.length <= 64) {
      this.#head(TEXT, utf8Length(text));
      this.#shortText(text);
      return;
    }
    const bytes = encodeUtf8(text);
    this.#head(TEXT, bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #shortText(text: string): void {
    this.#reserve(text.length * 3);
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) {
        const rest = encodeUtf8(text.slice(index));
        this.#bytes.set(rest, this.#length);
        this.#length += rest.length;
        return;
      }
      this.#bytes[this.#length++] = unit;
    }
  }

  /** A major type with its argument in the shortest form (section 3). */
  #head(major: number, argument: number): void {
    this.#reserve(9);
    const at = this.#length;
    const type = major << 5;
    if (argument < 24) {
      this.#bytes[at] = type | argument;
      this.#length += 1;
    } else if (argument < 0x100) {
      this.#bytes[at] = type | 24;
      this.#bytes[at + 1] = argument;
      this.#length += 2;
    } else if (argument < 0x10000) {
      this.#bytes[at] = type | 25;
      this.#view.setUint16(at + 1, argument);
      this.#length += 3;
    } else if (argument < 0x100000000) {
      this.#bytes[at] = type | 26;
      this.#view.setUint32(at + 1, argument);
      this.#length += 5;
    } else {
      this.#bytes[at] = type | 27;
      this.#view.setUint32(at + 1, Math.floor(argument / 0x100000000));
      this.#view.setUint32(at + 5, argument % 0x100000000);
      this.#length += 9;
    }
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Order of the encoded keys (section 4.2.1): the head makes shorter keys come first, then byte by byte. */
function compareKeys(left: string, right: string): number {
  const difference = utf8Length(left) - utf8Length(right);
  if (difference !== 0) return difference;
  const leftPoints = left[Symbol.iterator]();
  for (const character of right) {
    // Order by code point is order by UTF-8 byte.
    const point = leftPoints.next().value?.codePointAt(0) ?? 0;
    const other = character.codePointAt(0) ?? 0;
    if (point !== other) return point - other;
  }
  return 0;
}

/** The half-precision bits of a single-precision number, or `null` when half precision would change it. */
function halfOf(single: number): number | null {
  const sign = (single >>> 16) & 0x8000;
  const exponent = (single >>> 23) & 0xff;
  const fraction = single & 0x7fffff;
  if (exponent >= 113 && exponent <= 142) {
    return (fraction & 0x1fff) === 0 ? sign | ((exponent - 112) << 10) | (fraction >>> 13) : null;
  }
  if (exponent < 103 || exponent > 112) return null;
  // Below the smallest normal half: whole multiples of 2^-24.
  const significand = 0x800000 | fraction;
  const shift = 126 - exponent;
  return (significand & ((1 << shift) - 1)) === 0 ? sign | (significand >>> shift) : null;
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface CborLimits {
  /** Levels of arrays and maps. */
  readonly maxDepth: number;
  /** Values in all, keys included. */
  readonly maxItems: number;
}

export type CborResult =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly message: string };

/** Reads exactly one value that takes all of `bytes`. */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits): CborResult {
  const reader = new Reader(bytes, limits);
  const value = reader.value(limits.maxDepth);
  reader.end();
  return reader.problem === null ? { ok: true, value } : { ok: false, message: reader.problem };
}

/** Reads until the first problem; from then on everything is null and at once at its end. */
class Reader {
  problem: string | null = null;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #itemsLeft: number;

  constructor(bytes: Uint8Array, limits: CborLimits) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#itemsLeft = limits.maxItems;
  }

  end(): void {
    if (this.problem === null && this.#at < this.#bytes.length) this.#refuse("there is more after the value");
  }

  value(depthLeft: number): JsonValue {
    if (this.#at >= this.#bytes.length) return this.#refuse("the value is cut off");
    this.#itemsLeft -= 1;
    if (this.#itemsLeft < 0) return this.#refuse("there are too many values");
    const initial = this.#bytes[this.#at] ?? 0;
    const major = initial >>> 5;
    if (major > TAG) return this.#simple(initial);
    const argument = this.#argument();
    if (this.problem !== null) return null;
    switch (major) {
      case UNSIGNED:
        return argument;
      case NEGATIVE:
        return this.#negative(argument);
      case TEXT:
        return this.#text(argument);
      case ARRAY:
        return this.#list(argument, depthLeft);
      case MAP:
        return this.#map(argument, depthLeft);
      case BYTES:
        return this.#refuse("byte strings are not JSON");
      default:
        return this.#refuse("tags are not JSON");
    }
  }

  #list(count: number, depthLeft: number): JsonValue {
    if (depthLeft <= 0) return this.#refuse("the value is nested too deeply");
    if (count > this.#left() || count > this.#itemsLeft) return this.#refuse("a list is longer than the frame");
    const items: JsonValue[] = [];
    for (let index = 0; index < count && this.problem === null; index++) items.push(this.value(depthLeft - 1));
    return items;
  }

  #map(count: number, depthLeft: number): JsonValue {
    if (depthLeft <= 0) return this.#refuse("the value is nested too deeply");
    // A member has at least one byte of key and one of value.
    if (count * 2 > this.#left() || count * 2 > this.#itemsLeft) return this.#refuse("a map is longer than the frame");
    const object: Record<string, JsonValue> = {};
    for (let index = 0; index < count && this.problem === null; index++) {
      const key = this.#key();
      if (this.problem !== null) return null;
      if (key === "__proto__") return this.#refuse("a key must not be __proto__");
      if (Object.hasOwn(object, key)) return this.#refuse("a key comes twice");
      object[key] = this.value(depthLeft - 1);
    }
    return object;
  }

  #key(): string {
    if (this.#at >= this.#bytes.length) return this.#refuse("the value is cut off") ?? "";
    this.#itemsLeft -= 1;
    if ((this.#bytes[this.#at] ?? 0) >>> 5 !== TEXT) return this.#refuse("a key must be text") ?? "";
    const length = this.#argument();
    return this.problem === null ? (this.#text(length) ?? "") : "";
  }

  #text(length: number): string | null {
    if (length > this.#left()) return this.#refuse("a text is longer than the frame");
    const text = decodeUtf8(this.#bytes, this.#at, this.#at + length);
    this.#at += length;
    return text ?? this.#refuse("a text is not UTF-8");
  }

  #negative(argument: number): JsonValue {
    const value = -1 - argument;
    return Number.isSafeInteger(value) ? value : this.#refuse("an integer is too large");
  }

  /** Major type 7: the words of JSON, and floats. */
  #simple(initial: number): JsonValue {
    this.#at += 1;
    switch (initial) {
      case FALSE:
        return false;
      case TRUE:
        return true;
      case NULL:
        return null;
      case UNDEFINED:
        return this.#refuse("undefined is not JSON");
      case HALF:
        return this.#float(2);
      case SINGLE:
        return this.#float(4);
      case DOUBLE:
        return this.#float(8);
      default:
        return this.#refuse("a simple value is not JSON");
    }
  }

  #float(width: 2 | 4 | 8): JsonValue {
    if (this.#left() < width) return this.#refuse("a number is cut off");
    const at = this.#at;
    this.#at += width;
    const value =
      width === 2
        ? readHalf(this.#view.getUint16(at))
        : width === 4
          ? this.#view.getFloat32(at)
          : this.#view.getFloat64(at);
    if (!Number.isFinite(value)) return this.#refuse("a number is not finite");
    return value === 0 ? 0 : value;
  }

  /** The argument of a head (section 3); -1 after a problem. */
  #argument(): number {
    const information = (this.#bytes[this.#at] ?? 0) & 0x1f;
    this.#at += 1;
    if (information < 24) return information;
    if (information > 27) return this.#noArgument(information);
    const width = 1 << (information - 24);
    if (this.#left() < width) return this.#refuse("a head is cut off") ?? -1;
    const at = this.#at;
    this.#at += width;
    if (width === 1) return this.#view.getUint8(at);
    if (width === 2) return this.#view.getUint16(at);
    if (width === 4) return this.#view.getUint32(at);
    const high = this.#view.getUint32(at);
    if (high > 0x1fffff) return this.#refuse("an integer or a length is too large") ?? -1;
    return high * 0x100000000 + this.#view.getUint32(at + 4);
  }

  #noArgument(information: number): number {
    const reason = information === 31 ? "lengths must be definite" : "a head has a reserved form";
    return this.#refuse(reason) ?? -1;
  }

  #left(): number {
    return this.#bytes.length - this.#at;
  }

  #refuse(reason: string): null {
    this.problem ??= `${reason} (byte ${this.#at})`;
    this.#at = this.#bytes.length;
    return null;
  }
}

function readHalf(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
