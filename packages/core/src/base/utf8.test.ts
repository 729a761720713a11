import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeUtf8, encodeUtf8, exceedsBytes, utf8Length } from "./utf8.ts";

fc.configureGlobal({ seed: 3 });

/** Any UTF-16, lone surrogates included. */
const units = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0x7f }), fc.integer({ min: 0xd7f0, max: 0xe00f }), fc.nat(0xffff)), {
    maxLength: 80,
  })
  .map((codes) => String.fromCharCode(...codes));

test("the length is the number of bytes, also of text with lone surrogates", () => {
  fc.assert(
    fc.property(units, (text) => {
      assert.equal(utf8Length(text), encodeUtf8(text).length);
      assert.equal(utf8Length(text), Buffer.byteLength(text));
    }),
    { numRuns: 2000 },
  );
});

test("text within bytes is told from text beyond them, at every limit", () => {
  fc.assert(
    fc.property(units, fc.integer({ min: -3, max: 3 }), (text, difference) => {
      assert.equal(exceedsBytes(text, utf8Length(text) + difference), difference < 0);
    }),
  );
});

test("well-formed text survives the way to bytes and back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 80 }), fc.nat(5), (text, before) => {
      const bytes = encodeUtf8(text);
      const padded = new Uint8Array(bytes.length + before + 3).fill(0xff);
      padded.set(bytes, before);
      assert.equal(decodeUtf8(padded, before, before + bytes.length), text);
      assert.equal(decodeUtf8(bytes), text);
    }),
    { numRuns: 1000 },
  );
});

test("bytes that are not UTF-8 are refused, short or long", () => {
  for (const sequence of [
    [0x80],
    [0xc3],
    [0xc0, 0xaf],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xff],
  ]) {
    for (const length of [0, 1, 30, 31, 32, 33, 1000]) {
      const bytes = Uint8Array.from([...Array.from({ length }, () => 0x61), ...sequence]);
      assert.equal(decodeUtf8(bytes), null);
    }
  }
});

test("a byte order mark is a character like others", () => {
  assert.equal(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "\ufeffa");
});
