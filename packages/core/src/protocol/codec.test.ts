import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { encodeUtf8 } from "../base/utf8.ts";
import { seededRandom } from "../base/random.ts";
import { MAX_FRAME_BYTES, MAX_FRAME_DEPTH, MAX_VALUE_DEPTH } from "../limits.ts";
import { cborCodec, type Codec, codecOf, type FrameData, jsonCodec } from "./codec.ts";
import type { ClientMessage, ServerMessage } from "./messages.ts";
import { clientMessage, clientMessages, serverMessage, serverMessages } from "./messages.fuzz.ts";
import type { Parsed } from "./parse.ts";
import { SUBPROTOCOL_BINARY, SUBPROTOCOL_JSON } from "./version.ts";

fc.configureGlobal({ seed: 7 });

const codecs: readonly Codec[] = [jsonCodec, cborCodec];

function codeOf(result: Parsed<unknown>): string {
  return result.ok ? "ok" : result.code;
}

describe("a codec is chosen by subprotocol", () => {
  test("and by nothing else", () => {
    assert.equal(codecOf(SUBPROTOCOL_JSON), jsonCodec);
    assert.equal(codecOf(SUBPROTOCOL_BINARY), cborCodec);
    for (const other of ["", "json", "tidelock.xml", "__proto__"]) assert.equal(codecOf(other), null);
  });
});

describe("what is decoded is what was encoded", () => {
  for (const codec of codecs) {
    for (const [type, messages] of Object.entries(clientMessages)) {
      test(`${codec.name}: ${type} from a device`, () => {
        fc.assert(
          fc.property(messages as fc.Arbitrary<ClientMessage>, (message) => {
            assert.deepEqual(codec.decodeClient(codec.encode(message), MAX_FRAME_BYTES), { ok: true, message });
          }),
        );
      });
    }
    for (const [type, messages] of Object.entries(serverMessages)) {
      test(`${codec.name}: ${type} from a server`, () => {
        fc.assert(
          fc.property(messages as fc.Arbitrary<ServerMessage>, (message) => {
            assert.deepEqual(codec.decodeServer(codec.encode(message), MAX_FRAME_BYTES), { ok: true, message });
          }),
        );
      });
    }

    test(`${codec.name}: a member that is undefined is left out`, () => {
      const message: ServerMessage = { type: "delta", from: 1, to: 2, time: 0, changes: [], subscription: undefined };
      const result = codec.decodeServer(codec.encode(message), MAX_FRAME_BYTES);
      assert.deepEqual(result, { ok: true, message: { type: "delta", from: 1, to: 2, time: 0, changes: [] } });
    });

    test(`${codec.name}: the deepest values fit into the deepest message`, () => {
      let value: unknown = 1;
      for (let level = 0; level < MAX_VALUE_DEPTH; level++) value = level % 2 === 0 ? [value] : { value };
      const stamp = "0".repeat(16);
      const contender = { device: "d", counter: 1, user: null, offset: 1, seen: null, stamp, value };
      const decision = {
        field: "f",
        policy: "lww",
        policyVersion: 1,
        winner: "current",
        value,
        reason: "r",
        base: value,
        current: contender,
        incoming: contender,
      };
      const message = { type: "push-result", results: [[1, "merged", 1, { conflicts: [decision] }]] };
      const result = codec.decodeServer(codec.encode(message as unknown as ServerMessage), MAX_FRAME_BYTES);
      assert.deepEqual(result, { ok: true, message });
    });
  }

  test("JSON frames may come as text, bytes, or a buffer", () => {
    fc.assert(
      fc.property(clientMessage, (message) => {
        const text = jsonCodec.encode(message) as string;
        const bytes = encodeUtf8(text);
        const padded = new Uint8Array(bytes.length + 2);
        padded.set(bytes, 1);
        for (const data of [text, bytes, bytes.buffer, padded.subarray(1, -1)]) {
          assert.deepEqual(jsonCodec.decodeClient(data, MAX_FRAME_BYTES), { ok: true, message });
        }
      }),
    );
  });

  test("CBOR frames may come as bytes, part of bytes, or a buffer", () => {
    fc.assert(
      fc.property(serverMessage, (message) => {
        const bytes = cborCodec.encode(message) as Uint8Array<ArrayBuffer>;
        const padded = new Uint8Array(bytes.length + 2);
        padded.set(bytes, 1);
        for (const data of [bytes, bytes.buffer, padded.subarray(1, -1)]) {
          assert.deepEqual(cborCodec.decodeServer(data, MAX_FRAME_BYTES), { ok: true, message });
        }
      }),
    );
  });

  test("both codecs decode to the same message", () => {
    fc.assert(
      fc.property(clientMessage, (message) => {
        assert.deepEqual(
          jsonCodec.decodeClient(jsonCodec.encode(message), MAX_FRAME_BYTES),
          cborCodec.decodeClient(cborCodec.encode(message), MAX_FRAME_BYTES),
        );
      }),
    );
  });
});

describe("a frame that is too large is refused", () => {
  for (const codec of codecs) {
    test(`${codec.name}: the limit is in bytes and exact`, () => {
      const message: ClientMessage = { type: "auth", token: "ü漢😀".repeat(20) };
      const encoded = codec.encode(message);
      const size = typeof encoded === "string" ? encodeUtf8(encoded).length : encoded.length;
      assert.equal(codeOf(codec.decodeClient(encoded, size)), "ok");
      assert.equal(codeOf(codec.decodeClient(encoded, size - 1)), "frame-too-large");
      const bytes = typeof encoded === "string" ? encodeUtf8(encoded) : encoded;
      assert.equal(codeOf(codec.decodeClient(bytes, size)), "ok");
      assert.equal(codeOf(codec.decodeClient(bytes, size - 1)), "frame-too-large");
    });
  }

  test("before anything in it is looked at", () => {
    assert.equal(codeOf(jsonCodec.decodeClient("[".repeat(100), 99)), "frame-too-large");
    assert.equal(codeOf(cborCodec.decodeClient(new Uint8Array(100), 99)), "frame-too-large");
  });
});

describe("a frame that is not in its encoding is malformed", () => {
  const notJson: ReadonlyArray<readonly [string, FrameData]> = [
    ["nothing", ""],
    ["white space", " \n"],
    ["half an object", '{"type":"ping","nonce":'],
    ["an open text", '{"type":"pi'],
    ["a text that ends in a backslash", '{"type":"pi\\'],
    ["two values", '{"type":"ping","nonce":1}{}'],
    ["a byte order mark", '\uFEFF{"type":"ping","nonce":1}'],
    ["NaN", '{"type":"ping","nonce":NaN}'],
    ["bytes that are not UTF-8", new Uint8Array([0x22, 0xff, 0x22])],
    ["an overlong quotation mark", new Uint8Array([0xc0, 0xa2])],
    ["a surrogate as UTF-8", new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ["null instead of data", null as unknown as FrameData],
    ["a number instead of data", 5 as unknown as FrameData],
    ["an object instead of data", { length: 3 } as unknown as FrameData],
  ];
  for (const [what, data] of notJson) {
    test(`JSON: ${what}`, () => assert.equal(codeOf(jsonCodec.decodeClient(data, 1000)), "malformed-frame"));
  }

  test("CBOR: text, and what is no data at all", () => {
    for (const data of ["{}", "", null, undefined, 5, {}, []]) {
      assert.equal(codeOf(cborCodec.decodeServer(data as FrameData, 1000)), "malformed-frame");
    }
  });

  test("a value that is no message is an invalid message", () => {
    for (const text of ["null", "1", '"ping"', "[]", "{}", '{"type":"pang"}', '{"type":null}', '{"type":["ping"]}']) {
      assert.equal(codeOf(jsonCodec.decodeClient(text, 1000)), "invalid-message", text);
      assert.equal(codeOf(jsonCodec.decodeServer(text, 1000)), "invalid-message", text);
    }
  });
});

describe("bombs are refused and nothing breaks", { timeout: 60_000 }, () => {
  const half = MAX_FRAME_BYTES / 2;
  const bombs: ReadonlyArray<readonly [string, string]> = [
    ["only opening brackets", "[".repeat(MAX_FRAME_BYTES)],
    ["brackets that close again", "[".repeat(half) + "]".repeat(half)],
    ["objects in objects", '{"a":'.repeat(half / 3)],
    ["behind a text with brackets", `["[[[[\\"[[[[\\\\",${"[".repeat(100)}1${"]".repeat(100)}]`],
    ["within an unknown member", `{"type":"ping","nonce":1,"more":${"[".repeat(100)}${"]".repeat(100)}}`],
  ];
  for (const [what, bomb] of bombs) {
    test(`JSON: ${what}`, () => {
      for (const result of [
        jsonCodec.decodeClient(bomb, MAX_FRAME_BYTES),
        jsonCodec.decodeServer(bomb, MAX_FRAME_BYTES),
        jsonCodec.decodeClient(encodeUtf8(bomb), MAX_FRAME_BYTES),
      ]) {
        assert.equal(codeOf(result), "malformed-frame");
        assert.match(result.ok ? "" : result.message, /nested/);
      }
    });
  }

  test("JSON: nesting counts brackets outside of text, exactly", () => {
    const nested = (levels: number): string =>
      `{"type":"ping","nonce":1,"\\\\":"[{\\"[","more":${"[".repeat(levels)}"]"${"]".repeat(levels)}}`;
    assert.equal(codeOf(jsonCodec.decodeClient(nested(MAX_FRAME_DEPTH - 1), 1000)), "ok");
    assert.equal(codeOf(jsonCodec.decodeClient(nested(MAX_FRAME_DEPTH), 1000)), "malformed-frame");
  });

  test("JSON: a text of backslashes is read once", () => {
    for (const text of ["\\".repeat(half), '\\"'.repeat(half / 2), `${"\\".repeat(half - 1)}"`]) {
      assert.equal(codeOf(jsonCodec.decodeClient(`"${text}`, MAX_FRAME_BYTES)), "malformed-frame");
    }
  });

  test("JSON: millions of empty lists", () => {
    const many = `[${"[],".repeat(half / 2)}[]]`;
    assert.equal(codeOf(jsonCodec.decodeClient(many, MAX_FRAME_BYTES)), "invalid-message");
    const members = `{"type":"hello","subscriptions":[${"{},".repeat(half / 2)}{}]}`;
    assert.equal(codeOf(jsonCodec.decodeClient(members, MAX_FRAME_BYTES)), "invalid-message");
  });

  test("JSON: long names of members are not repeated in full in the refusal, nor cut within a character", () => {
    const deep = "[".repeat(MAX_VALUE_DEPTH + 1) + "]".repeat(MAX_VALUE_DEPTH + 1);
    for (const name of ["😀".repeat(100_000), `x${"😀".repeat(100_000)}`]) {
      const long = `{"type":"push","mutations":[[1,"create","c","e",{"${name}":${deep}},0,"",0]]}`;
      const result = jsonCodec.decodeClient(long, MAX_FRAME_BYTES);
      assert.equal(codeOf(result), "invalid-message");
      assert.ok(!result.ok && result.message.length === 500 && result.message.isWellFormed());
    }
  });

  test("JSON: __proto__ as the name of a member is refused where it could do harm, and pollutes nothing", () => {
    const row = (fields: string): string =>
      `{"type":"push","mutations":[[1,"create","c","e",${fields},0,"${"0".repeat(16)}",0]]}`;
    assert.equal(codeOf(jsonCodec.decodeClient(row('{"a":1}'), 1000)), "ok");
    for (const text of [
      row('{"__proto__":{"polluted":true}}'),
      row('{"a":{"__proto__":{"polluted":true}}}'),
      row('{"a":[{"\\u005f_proto__":1}]}'),
      '{"__proto__":{"type":"ping","nonce":1}}',
      '{"type":"ping","nonce":1,"__proto__":{"polluted":true}}',
      '{"type":"subscribe","id":1,"collection":"c","key":null,"where":{"__proto__":1}}',
    ]) {
      assert.equal(codeOf(jsonCodec.decodeClient(text, 1000)), "invalid-message", text);
    }
    assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });
});

describe("fuzzing", { timeout: 60_000 }, () => {
  const random = seededRandom(20_260_301);
  const bytesOf = (frame: string | Uint8Array): Uint8Array => (typeof frame === "string" ? encodeUtf8(frame) : frame);

  /** Changes a frame a little: bytes flipped, set, cut out, doubled, swapped for interesting ones. */
  function mutate(frame: Uint8Array): Uint8Array {
    const bytes = [...frame];
    for (let times = 1 + random.below(3); times > 0; times--) {
      const at = random.below(bytes.length + 1);
      switch (random.below(6)) {
        case 0:
          bytes[Math.min(at, bytes.length - 1)]! ^= 1 << random.below(8);
          break;
        case 1:
          bytes.splice(at, 1 + random.below(4));
          break;
        case 2:
          bytes.splice(at, 0, ...bytes.slice(at, at + random.below(8)));
          break;
        case 3:
          bytes.splice(at, 1, [0x00, 0x1b, 0x5b, 0x7b, 0x7f, 0x9b, 0xbb, 0xbf, 0xf9, 0xfb, 0xff][random.below(11)]!);
          break;
        case 4:
          bytes.length = at;
          break;
        case 5:
          bytes.splice(at, 0, random.below(256));
          break;
      }
      if (bytes.length === 0) bytes.push(0);
    }
    return Uint8Array.from(bytes);
  }

  for (const codec of codecs) {
    test(`${codec.name}: damaged frames are messages or coded refusals`, () => {
      const counts = new Map<string, number>();
      const note = (result: Parsed<unknown>): void =>
        void counts.set(codeOf(result), (counts.get(codeOf(result)) ?? 0) + 1);
      for (const message of fc.sample(clientMessage, { numRuns: 300, seed: 1 })) {
        const frame = bytesOf(codec.encode(message));
        for (let times = 0; times < 60; times++) {
          const result = codec.decodeClient(mutate(frame), MAX_FRAME_BYTES);
          note(result);
          if (result.ok) assert.deepEqual(codec.decodeClient(codec.encode(result.message), MAX_FRAME_BYTES), result);
        }
      }
      for (const message of fc.sample(serverMessage, { numRuns: 300, seed: 2 })) {
        const frame = bytesOf(codec.encode(message));
        for (let times = 0; times < 60; times++) {
          const result = codec.decodeServer(mutate(frame), MAX_FRAME_BYTES);
          note(result);
          // Rows are checked lightly: `1e999` in one of them is infinity until it is written again.
          const written: unknown = JSON.parse(JSON.stringify(result));
          if (result.ok) assert.deepEqual(codec.decodeServer(codec.encode(result.message), MAX_FRAME_BYTES), written);
        }
      }
      assert.deepEqual([...counts.keys()].sort(), ["invalid-message", "malformed-frame", "ok"]);
      for (const [code, count] of counts) assert.ok(count > 1000, `${code} came only ${count} times`);
    });

    test(`${codec.name}: random bytes are refused`, () => {
      for (let times = 0; times < 20_000; times++) {
        const bytes = Uint8Array.from({ length: random.below(64) }, () => random.below(256));
        assert.notEqual(codeOf(codec.decodeClient(bytes, MAX_FRAME_BYTES)), "ok");
        assert.notEqual(codeOf(codec.decodeServer(bytes, MAX_FRAME_BYTES)), "ok");
      }
    });
  }
});
