import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { JsonValue } from "../base/json.ts";
import { seededRandom } from "../base/random.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { json } from "./messages.fuzz.ts";

fc.configureGlobal({ seed: 11 });

const LIMITS = { maxDepth: 40, maxItems: 1_000_000 };

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
}
function decoded(text: string): JsonValue {
  const result = decodeCbor(bytes(text), LIMITS);
  assert.ok(result.ok, result.ok ? "" : result.message);
  return result.value;
}
function problem(text: string, limits: typeof LIMITS = LIMITS): string {
  const result = decodeCbor(bytes(text), limits);
  return result.ok ? `decoded as ${JSON.stringify(result.value)}` : result.message;
}

/** Examples of RFC 8949, appendix A, that are JSON: all that have one deterministic encoding. */
const EXAMPLES: ReadonlyArray<readonly [JsonValue, string]> = [
  [0, "00"],
  [1, "01"],
  [10, "0a"],
  [23, "17"],
  [24, "1818"],
  [25, "1819"],
  [100, "1864"],
  [1000, "1903e8"],
  [1_000_000, "1a000f4240"],
  [1_000_000_000_000, "1b000000e8d4a51000"],
  [-1, "20"],
  [-10, "29"],
  [-100, "3863"],
  [-1000, "3903e7"],
  [1.1, "fb3ff199999999999a"],
  [1.5, "f93e00"],
  [100_000.5, "fa47c35040"],
  [3.402_823_466_385_288_6e38, "fa7f7fffff"],
  [1e300, "fb7e37e43c8800759c"],
  [5.960_464_477_539_063e-8, "f90001"],
  [0.000_061_035_156_25, "f90400"],
  [-4.1, "fbc010666666666666"],
  [false, "f4"],
  [true, "f5"],
  [null, "f6"],
  ["", "60"],
  ["a", "6161"],
  ["IETF", "6449455446"],
  ['"\\', "62225c"],
  ["\u00fc", "62c3bc"],
  ["\u6c34", "63e6b0b4"],
  ["\u{10151}", "64f0908591"],
  [[], "80"],
  [[1, 2, 3], "83010203"],
  [[1, [2, 3], [4, 5]], "8301820203820405"],
  [Array.from({ length: 25 }, (_, index) => index + 1), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"],
  [{}, "a0"],
  [{ a: 1, b: [2, 3] }, "a26161016162820203"],
  [["a", { b: "c" }], "826161a161626163"],
  [{ a: "A", b: "B", c: "C", d: "D", e: "E" }, "a56161614161626142616361436164614461656145"],
];

describe("the examples of RFC 8949, appendix A", () => {
  for (const [value, encoding] of EXAMPLES) {
    test(`${JSON.stringify(value).slice(0, 40)} is ${encoding.slice(0, 24)}`, () => {
      assert.equal(hex(encodeCbor(value)), encoding);
      assert.deepEqual(decoded(encoding), value);
    });
  }

  test("whole numbers written as floats read as numbers", () => {
    for (const [encoding, value] of [
      ["f90000", 0],
      ["f98000", 0],
      ["f93c00", 1],
      ["f97bff", 65504],
      ["f9c400", -4],
      ["fa47c35000", 100_000],
      ["fb4340000000000000", 2 ** 53],
    ] as const) {
      assert.equal(decoded(encoding), value);
      assert.equal(Object.is(decoded(encoding), -0), false);
    }
  });
});

describe("one value has one encoding", () => {
  test("what is decoded is what was encoded", () => {
    fc.assert(
      fc.property(json, (value) => {
        assert.deepEqual(decodeCbor(encodeCbor(value), LIMITS), { ok: true, value });
      }),
      { numRuns: 1000 },
    );
  });

  test("whatever the order in which members were added", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ unit: "binary" }).filter((key) => key !== "__proto__"),
          json,
        ),
        (object) => {
          const reversed = Object.fromEntries(Object.entries(object).reverse());
          assert.equal(hex(encodeCbor(object)), hex(encodeCbor(reversed)));
        },
      ),
    );
  });

  test("keys stand in the order of their encoded bytes", () => {
    // Code units would put U+FF5E after the pair of U+1F600; bytes do not.
    const keys = ["\u{1f600}", "\uff5ea", "z", "aa", "a", "", "\u00e9", "b".repeat(24), "b".repeat(23)];
    const encoded = keys.map((key) => hex(encodeCbor(key))).sort();
    const object = Object.fromEntries(keys.map((key) => [key, 0]));
    assert.equal(hex(encodeCbor(object)), `a9${encoded.map((key) => `${key}00`).join("")}`);
  });

  test("every half-precision number takes three bytes or is a whole number, and every one is read", () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const encoding = `f9${bits.toString(16).padStart(4, "0")}`;
      if ((bits & 0x7c00) === 0x7c00) {
        assert.match(problem(encoding), /not finite/);
        continue;
      }
      const sign = bits & 0x8000 ? -1 : 1;
      const exponent = (bits >> 10) & 31;
      const value =
        sign * (exponent === 0 ? (bits & 0x3ff) / 2 ** 24 : (1 + (bits & 0x3ff) / 1024) * 2 ** (exponent - 15));
      assert.equal(decoded(encoding), value + 0);
      if (!Number.isInteger(value)) assert.equal(hex(encodeCbor(value)), encoding);
      // Half a step further, half precision no longer holds it.
      const between = value + sign * (exponent === 0 ? 2 ** -25 : 2 ** (exponent - 26));
      if (!Number.isInteger(between)) assert.equal(encodeCbor(between).length, 5);
      assert.equal(decoded(hex(encodeCbor(between))), between);
    }
  });

  test("other numbers take the shortest float that keeps them", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }), (number) => {
        const encoding = encodeCbor(number);
        assert.equal(decoded(hex(encoding)), number);
        assert.ok(encoding.length !== 9 || Math.fround(number) !== number);
      }),
    );
    assert.equal(encodeCbor(1 / 3).length, 9);
    assert.equal(encodeCbor(Math.fround(1 / 3)).length, 5);
    assert.equal(encodeCbor(2 ** -25).length, 5);
    assert.equal(encodeCbor(2 ** 53).length, 5);
  });

  test("heads are the shortest at every boundary", () => {
    for (const [value, size] of [
      [23, 1],
      [24, 2],
      [255, 2],
      [256, 3],
      [65_535, 3],
      [65_536, 5],
      [2 ** 32 - 1, 5],
      [2 ** 32, 9],
      [Number.MAX_SAFE_INTEGER, 9],
    ] as const) {
      assert.equal(encodeCbor(value).length, size);
      assert.equal(encodeCbor(-1 - value + (size === 9 && value > 2 ** 32 ? 1 : 0)).length, size);
      assert.equal(decoded(hex(encodeCbor(value))), value);
    }
    for (const length of [0, 23, 24, 64, 65, 255, 256, 65_535, 65_536]) {
      const text = "x".repeat(length);
      assert.equal(decoded(hex(encodeCbor(text))), text);
      const list = Array.from({ length }, () => 0);
      assert.deepEqual(decoded(hex(encodeCbor(list))), list);
    }
  });

  test("what is not quite JSON is written as JSON.stringify writes it", () => {
    for (const value of [NaN, Infinity, -Infinity, -0, [undefined], { a: undefined, b: 1 }, [{ c: [NaN] }]]) {
      const result = decodeCbor(encodeCbor(value as JsonValue), LIMITS);
      assert.deepEqual(result, { ok: true, value: JSON.parse(JSON.stringify(value)) });
    }
    assert.equal(decoded(hex(encodeCbor("a\ud800b"))), "a\ufffdb");
    assert.equal(decoded(hex(encodeCbor("\udc00".repeat(100)))), "\ufffd".repeat(100));
    assert.deepEqual(decoded(hex(encodeCbor({ "\ud800": 1 }))), { "\ufffd": 1 });
  });
});

describe("any definite-length encoding of JSON is read", () => {
  test("heads of any width, keys in any order", () => {
    assert.equal(decoded("1b0000000000000001"), 1);
    assert.equal(decoded("3900 00"), -1);
    assert.equal(decoded("7900 01 61"), "a");
    assert.deepEqual(decoded("9b0000000000000001 01"), [1]);
    assert.deepEqual(decoded("a2 6162 01 6161 02"), { b: 1, a: 2 });
    assert.deepEqual(Object.keys(decoded("a2 6162 01 6161 02") as object), ["b", "a"]);
  });
});

describe("what is not JSON is refused", () => {
  for (const [what, encoding, reason] of [
    ["nothing", "", /cut off/],
    ["a byte string", "4101", /byte strings/],
    ["an empty byte string", "40", /byte strings/],
    ["a tag", "c000", /tags/],
    ["a bignum", "c249010000000000000000", /tags/],
    ["undefined", "f7", /undefined/],
    ["an unassigned simple value", "e0", /simple/],
    ["a simple value in two bytes", "f8ff", /simple/],
    ["a break without beginning", "ff", /simple/],
    ["NaN", "f97e00", /not finite/],
    ["infinity", "f97c00", /not finite/],
    ["infinity, single", "faff800000", /not finite/],
    ["NaN, double", "fb7ff8000000000000", /not finite/],
    ["an integer above 2^53 - 1", "1b0020000000000000", /too large/],
    ["the largest integer", "1bffffffffffffffff", /too large/],
    ["an integer below -(2^53 - 1)", "3b001fffffffffffff", /too large/],
    ["the smallest integer", "3bffffffffffffffff", /too large/],
    ["a text of indefinite length", "7f6161ff", /definite/],
    ["a list of indefinite length", "9f01ff", /definite/],
    ["a map of indefinite length", "bf616101ff", /definite/],
    ["an integer of indefinite length", "1f", /definite/],
    ["a reserved head", "1c", /reserved/],
    ["another reserved head", "7e", /reserved/],
    ["a cut head", "19ff", /cut off/],
    ["a cut float", "fb0000", /cut off/],
    ["a cut text", "6261", /longer than the frame/],
    ["a cut list", "8201", /longer than the frame/],
    ["a cut list with enough bytes elsewhere", "8281010203", /more after/],
    ["a cut map", "a16161", /longer than the frame|cut off/],
    ["a map whose last value is missing", "a26161016162", /cut off|longer/],
    ["two values", "0101", /more after/],
    ["a key that is a number", "a10101", /key must be text/],
    ["a key that is a list", "a18001", /key must be text/],
    ["a key that comes twice", "a2616101616102", /twice/],
    ["a key that comes twice, once in another width", "a26161 01 780161 02", /twice/],
    ["the key __proto__", "a1695f5f70726f746f5f5fa0", /__proto__/],
    ["the key __proto__ further down", "81a1695f5f70726f746f5f5f01", /__proto__/],
    ["text that is not UTF-8", "61ff", /not UTF-8/],
    ["an overlong form", "62c080", /not UTF-8/],
    ["a surrogate", "63eda080", /not UTF-8/],
    ["a point beyond Unicode", "64f4908080", /not UTF-8/],
    ["a cut sequence", "61c3", /not UTF-8/],
    ["a key that is not UTF-8", "a161ff01", /not UTF-8/],
    ["long text that is not UTF-8", `7828${"61".repeat(39)}ff`, /not UTF-8/],
  ] as const) {
    test(what, () => assert.match(problem(encoding), reason));
  }

  test("members named like those of Object.prototype are members like others", () => {
    const object = { constructor: 1, toString: 2, hasOwnProperty: 3 };
    assert.deepEqual(decoded(hex(encodeCbor(object))), object);
    assert.match(problem("a2 6b636f6e7374727563746f72 01 6b636f6e7374727563746f72 01"), /twice/);
  });
});

describe("limits hold before anything is allocated", { timeout: 20_000 }, () => {
  const huge = ["1a7fffffff", "1affffffff", "1b000fffffffffffff", "1b001fffffffffffff", "1bffffffffffffffff"];
  const major = (head: string, type: number): string =>
    ((type << 5) | (Number.parseInt(head.slice(0, 2), 16) & 31)).toString(16).padStart(2, "0") + head.slice(2);

  for (const [name, type] of [
    ["text", 3],
    ["list", 4],
    ["map", 5],
  ] as const) {
    test(`a ${name} that claims more than there is`, () => {
      for (const head of huge) {
        assert.match(problem(major(head, type)), /longer than the frame|too large/);
        assert.match(problem(`82${major(head, type)}${"00".repeat(20)}`), /longer than the frame|too large/);
      }
    });
  }

  test("levels, exactly", () => {
    const nested = (levels: number): string => `${"81".repeat(levels)}00`;
    const maps = (levels: number): string => `${"a16161".repeat(levels)}00`;
    for (const build of [nested, maps]) {
      assert.match(problem(build(3), { maxDepth: 3, maxItems: 100 }), /^decoded/);
      assert.match(problem(build(4), { maxDepth: 3, maxItems: 100 }), /too deeply/);
      assert.match(problem(build(1_000_000)), /too deeply/);
    }
    assert.match(problem("81".repeat(1_000_000)), /too deeply/);
  });

  test("values in all, keys included, exactly", () => {
    const text = "83 01 82 02 03 a1 6161 04";
    assert.match(problem(text, { maxDepth: 3, maxItems: 8 }), /^decoded/);
    for (let maxItems = 0; maxItems < 8; maxItems++) {
      assert.match(problem(text, { maxDepth: 3, maxItems }), /too many|longer/);
    }
    assert.match(problem(`9a000f4240${"80".repeat(1_000_000)}`, { maxDepth: 3, maxItems: 1000 }), /longer/);
  });

  test("lists that each claim what is left cost no more than what is there", () => {
    // Each level may claim all remaining bytes; only the innermost could be right.
    const levels = 39;
    let text = "";
    for (let level = 0; level < levels; level++) text += "9a0000ffff";
    assert.match(problem(text + "00".repeat(0xffff)), /longer|cut off/);
  });
});

describe("fuzzing", { timeout: 60_000 }, () => {
  const random = seededRandom(8949);

  test("random bytes never throw, and what they mean has an encoding that means the same", () => {
    let read = 0;
    for (let times = 0; times < 100_000; times++) {
      const input = Uint8Array.from({ length: 1 + random.below(24) }, () => random.below(256));
      // Half of them start like a list or a map, so that more than the first byte is looked at.
      if (times % 2 === 0) input[0] = 0x80 | (random.below(2) << 5) | random.below(6);
      const result = decodeCbor(input, LIMITS);
      if (!result.ok) {
        assert.match(result.message, /^[a-zA-Z]/);
        continue;
      }
      read += 1;
      const again = encodeCbor(result.value);
      assert.deepEqual(decodeCbor(again, LIMITS), result);
    }
    assert.ok(read > 500, `only ${read} were read`);
  });

  test("every truncation and every changed byte of a valid encoding is read or refused", () => {
    for (const value of fc.sample(json, { numRuns: 150, seed: 3 })) {
      const encoding = encodeCbor(value);
      for (let length = 0; length < encoding.length; length++) {
        assert.equal(decodeCbor(encoding.subarray(0, length), LIMITS).ok, false);
      }
      for (let at = 0; at < Math.min(encoding.length, 100); at++) {
        const changed = encoding.slice();
        changed[at] = random.below(256);
        const result = decodeCbor(changed, LIMITS);
        if (result.ok) assert.deepEqual(decodeCbor(encodeCbor(result.value), LIMITS), result);
      }
    }
  });
});
