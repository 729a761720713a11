import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type DeviceId,
  isName,
  isTemporaryId,
  parseDeviceId,
  parseEntityId,
  parseEpoch,
  parseRoomName,
  parseSessionId,
  parseTenantId,
  parseUserId,
  temporaryId,
  uuidv7,
} from "./ids.ts";
import { device } from "./protocol/messages.fuzz.ts";

fc.configureGlobal({ seed: 5 });

const notText = [null, undefined, 1, true, {}, [], ["a"], { toString: () => "a" }, new String("a")];
const parsers = { parseTenantId, parseDeviceId, parseSessionId, parseEpoch, parseEntityId, parseRoomName, parseUserId };

describe("every id", () => {
  for (const [name, parse] of Object.entries(parsers)) {
    test(`${name} gives back what it accepts and null for what is no text`, () => {
      assert.equal(parse("a.b-1"), "a.b-1");
      for (const value of notText) assert.equal(parse(value), null);
      for (const text of ["", " ", "a b", "a\n", "\na", "a\u0000", "a\ud800", "'", '"', "\\", "<", "x".repeat(129)]) {
        assert.equal(parse(text), null, JSON.stringify(text));
      }
    });
  }

  test("that is accepted needs no escaping in JSON, and in a URL only a user's does", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 4 }), (text) => {
        for (const [name, parse] of Object.entries(parsers)) {
          if (parse(text) === null) continue;
          assert.equal(JSON.stringify(text), `"${text}"`);
          if (name !== "parseUserId") assert.equal(encodeURIComponent(text).replaceAll("%3A", ":"), text);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

describe("names", () => {
  test("have 1 to 64 characters and start with a letter or digit", () => {
    for (const name of ["a", "Z", "0", "a".repeat(64), "a_b.c-d", "018f3c2e-7b1a-7c3d-9e4f-0123456789ab"]) {
      assert.equal(isName(name), true, name);
    }
    for (const name of ["a".repeat(65), "_a", ".a", "-a", "..", "a/b", "a:b", "a~b", "ä", "__proto__", "a%20b"]) {
      assert.equal(isName(name), false, name);
    }
  });
});

describe("entities and rooms", () => {
  test("have up to 128 characters, colons among them", () => {
    for (const parse of [parseEntityId, parseRoomName]) {
      for (const id of ["a", "a".repeat(128), "board:1", "tmp:d1:a"]) assert.equal(parse(id), id);
      for (const id of ["a".repeat(129), ":a", "a/b", "a~b", "__proto__", "é"]) assert.equal(parse(id), null, id);
    }
  });
});

describe("users", () => {
  test("are visible characters of any script", () => {
    for (const user of ["ana@example.org", "auth0|5f7c", "漢字", "😀", "😀".repeat(128), "a/b?c"]) {
      assert.equal(parseUserId(user), user);
    }
    for (const user of ["😀".repeat(129), "a\u200b", "a\u00a0b", "\u202ea", "a'b", "<b>", "a\u2028"]) {
      assert.equal(parseUserId(user), null, JSON.stringify(user));
    }
  });
});

describe("temporary ids", () => {
  test("are entity ids, told from all others", () => {
    fc.assert(
      fc.property(device, fc.maxSafeNat(), (owner, counter) => {
        const id = temporaryId(owner, counter);
        assert.equal(parseEntityId(id), id);
        assert.equal(isTemporaryId(id), true);
      }),
    );
    const longest = "d".repeat(64) as DeviceId;
    assert.equal(isTemporaryId(temporaryId(longest, Number.MAX_SAFE_INTEGER)), true);
    for (const text of [
      "tmp",
      "tmp:d1",
      "tmp:d1:",
      "tmp:d1:A",
      "xtmp:d1:1",
      "tmp::1",
      "a",
      uuidv7(0, new Uint8Array(10)),
    ]) {
      const id = parseEntityId(text);
      assert.equal(id !== null && isTemporaryId(id), false, text);
    }
  });

  test("differ when device or counter differ", () => {
    fc.assert(
      fc.property(device, fc.maxSafeNat(), device, fc.maxSafeNat(), (a, m, b, n) => {
        assert.equal(temporaryId(a, m) === temporaryId(b, n), a === b && m === n);
      }),
    );
    assert.equal(parseDeviceId("d:1"), null, "a colon in a device's id would make two temporary ids one");
  });
});

describe("UUIDv7", () => {
  const random = fc.uint8Array({ minLength: 10, maxLength: 10 });

  test("has the form, the version and the variant of RFC 9562", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 47), random, (now, bytes) => {
        const id = uuidv7(now, bytes);
        assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        assert.equal(parseEntityId(id), id);
        assert.equal(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16), now);
      }),
    );
  });

  test("is the example of RFC 9562, appendix A.6", () => {
    const bytes = Uint8Array.of(0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f);
    assert.equal(uuidv7(0x017f22e279b0, bytes), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  });

  test("made later sorts later, and uses all its randomness", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 46), fc.integer({ min: 1, max: 2 ** 40 }), random, random, (now, later, a, b) => {
        assert.ok(uuidv7(now, a) < uuidv7(now + later, b));
      }),
    );
    const ids = new Set<string>();
    for (let bit = 0; bit < 80; bit++) {
      const bytes = new Uint8Array(10);
      bytes[bit >> 3] = 1 << (bit & 7);
      ids.add(uuidv7(1, bytes));
    }
    // 74 bits of randomness, and the id of all zeros for the six that version and variant take.
    assert.equal(ids.size, 75);
  });

  test("keeps its form when the clock is broken", () => {
    for (const now of [-1, 2 ** 48, 2 ** 60, 0.5]) assert.ok(parseEntityId(uuidv7(now, new Uint8Array(10))) !== null);
  });
});
