/** Values below messages: CBOR, canonical JSON and fingerprints, ids. */
import {
  canonicalJson,
  decodeCbor,
  encodeCbor,
  fingerprint,
  isTemporaryId,
  jsonProblem,
  type JsonValue,
  parseDeviceId,
  parseEntityId,
  parseRoomName,
  parseUserId,
  temporaryId,
  uuidv7,
} from "@tidelock/core";

const LIMITS = { maxDepth: 8, maxItems: 64 };

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}

export function cborVectors(): object {
  const values: readonly JsonValue[] = [
    0,
    23,
    24,
    255,
    256,
    65_535,
    65_536,
    4_294_967_295,
    4_294_967_296,
    Number.MAX_SAFE_INTEGER,
    -1,
    -24,
    -25,
    -256,
    -257,
    -65_536,
    -65_537,
    -4_294_967_296,
    -4_294_967_297,
    Number.MIN_SAFE_INTEGER,
    0.5,
    -1.5,
    1.1,
    65_504.5,
    100_000.5,
    2 ** -24,
    2 ** -25,
    1 / 3,
    2 ** 53,
    1e300,
    -4.1,
    5e-324,
    false,
    true,
    null,
    "",
    "a",
    '"\\',
    "ü",
    "水",
    "😀",
    "a".repeat(23),
    "a".repeat(24),
    [],
    [1, [2, [3]]],
    {},
    { "b": 1, "aa": 2, "a": 3, "": 4, "～": 5, "😀": 6, "é": 7 },
    { nested: { list: [null, { deep: true }] } },
  ];
  const alsoRead = [
    "1b0000000000000001",
    "f93c00",
    "fa47c35000",
    "fb3ff0000000000000",
    "f98000",
    "790001 61",
    "a2616201616102",
  ];
  const refused: ReadonlyArray<readonly [string, string]> = [
    ["nothing", ""],
    ["more after the value", "0101"],
    ["cut off", "1901"],
    ["a list longer than the frame", "9b001fffffffffffff"],
    ["a text longer than the frame", "7affffffff61"],
    ["a byte string", "4101"],
    ["a tag", "c11a514b67b0"],
    ["undefined", "f7"],
    ["a simple value", "f820"],
    ["NaN", "f97e00"],
    ["infinity", "f97c00"],
    ["an integer beyond 2^53 - 1", "1b0020000000000000"],
    ["an integer below -(2^53 - 1)", "3b001fffffffffffff"],
    ["a list of indefinite length", "9f01ff"],
    ["a text of indefinite length", "7f6161ff"],
    ["a reserved head", "1c"],
    ["a key that is no text", "a10101"],
    ["a key that comes twice", "a2616101616102"],
    ["the key __proto__", "a1695f5f70726f746f5f5f01"],
    ["text that is not UTF-8", "61ff"],
    ["a surrogate", "63eda080"],
    ["nested too deeply", `${"81".repeat(9)}00`],
    ["too many values", `9840${"00".repeat(64)}`],
  ];
  return {
    about:
      "`written`: the only encoding of a value. `read`: other encodings that are accepted. `refused`: with the limits given.",
    limits: LIMITS,
    written: values.map((value) => ({ json: JSON.stringify(value), cbor: hex(encodeCbor(value)) })),
    read: alsoRead.map((text) => {
      const cbor = text.replaceAll(" ", "");
      const result = decodeCbor(fromHex(cbor), LIMITS);
      if (!result.ok) throw new Error(`${cbor}: ${result.message}`);
      return { cbor, json: JSON.stringify(result.value) };
    }),
    refused: refused.map(([name, cbor]) => {
      if (decodeCbor(fromHex(cbor), LIMITS).ok) throw new Error(`accepted: ${name}`);
      return { name, cbor };
    }),
  };
}

export function canonicalVectors(): object {
  const texts = [
    "null",
    "true",
    "-0",
    "1.0",
    "1e3",
    "1e21",
    "1e-7",
    "0.1",
    "9007199254740993",
    '"\\u00fc\\u6c34\\ud83d\\ude00"',
    '"\\u0000\\u001f\\u007f\\u2028/\\"\\\\"',
    "[ ]",
    "[1, [2, {}]]",
    '{"b":1,"a":{"d":2,"c":3}}',
    '{"10":1,"9":2,"a":3,"B":4,"":5}',
    '{"\\uff5e":1,"\\ud83d\\ude00":2}',
    '{"a":1,"a":2}',
    '{"a":null}',
  ];
  const problems = [
    '"\\ud800"',
    '{"\\udc00":1}',
    '{"__proto__":1}',
    '[{"a":{"__proto__":1}}]',
    "1e999",
    "[[[[1]]]]",
    "[[[1]]]",
  ];
  return {
    about:
      "`canonical`: the one text of a value that is given as JSON text. `checked`: `problem` is null when a value may be stored within `maxDepth` levels. `fingerprints`: of a text's UTF-16 units.",
    canonical: texts.map((json) => ({ json, canonical: canonicalJson(JSON.parse(json) as JsonValue) })),
    checked: problems.map((json) => ({ json, maxDepth: 3, problem: jsonProblem(JSON.parse(json), 3) })),
    fingerprints: ["", "a", "tidelock", "漢字 😀", "x".repeat(1000)].map((text) => ({
      text,
      fingerprint: fingerprint(text),
    })),
  };
}

export function idVectors(): object {
  const candidates = [
    "a",
    "0",
    "A-b_c.d",
    "a:b",
    ":a",
    "-a",
    "_a",
    ".",
    "..",
    "a/b",
    "a b",
    " a",
    "a\n",
    "a\u0000",
    "",
    "é",
    "漢字",
    "😀",
    "__proto__",
    "constructor",
    "ana@example.org",
    "auth0|5f7c",
    "a'b",
    'a"b',
    "a\\b",
    "<a>",
    "a\u200bb",
    "a\u00a0b",
    "x".repeat(64),
    "x".repeat(65),
    "x".repeat(128),
    "x".repeat(129),
    "😀".repeat(128),
    "tmp:d1:a",
    "018f3c2e-7b1a-7c3d-9e4f-0123456789ab",
  ];
  const split = (parse: (text: unknown) => string | null): object => ({
    accepted: candidates.filter((text) => parse(text) !== null),
    refused: candidates.filter((text) => parse(text) === null),
  });
  const device = parseDeviceId("phone.ana-2");
  if (device === null) throw new Error("not a device");
  const random = fromHex("0cc318c4dc0c0c07398f");
  return {
    about: "Texts that are ids and texts that are not. `name` is the form of tenants, devices, sessions and epochs.",
    name: split(parseDeviceId),
    entity: split(parseEntityId),
    room: split(parseRoomName),
    user: split(parseUserId),
    temporary: {
      made: [1, 35, 36, Number.MAX_SAFE_INTEGER].map((counter) => ({
        device,
        counter,
        id: temporaryId(device, counter),
      })),
      ...splitTemporary([
        "tmp:d1:a",
        "tmp:phone.ana-2:2gosa7pa2gv",
        "tmp:d1:",
        "tmp:d1:A",
        "tmp",
        "tmp:a",
        "a",
        "d1:tmp:a",
        "tmp::1",
      ]),
    },
    uuidv7: [0x017f22e279b0, 0, 1_715_003_456_789].map((millis) => ({
      millis,
      random: hex(random),
      id: uuidv7(millis, random),
    })),
  };
}

function splitTemporary(texts: readonly string[]): object {
  const isTemporary = (text: string): boolean => {
    const id = parseEntityId(text);
    return id !== null && isTemporaryId(id);
  };
  return { accepted: texts.filter(isTemporary), refused: texts.filter((text) => !isTemporary(text)) };
}
