/** What attackers send: values for any place of a message, names for any id, and ways to put them there. */
import type { Random } from "@tidelock/core";

/** JSON texts, because some of these no program would write: keys that come twice, members called `__proto__`. */
export const NASTY_TEXTS: readonly string[] = [
  "null",
  "true",
  "0",
  "-1",
  "1.5",
  "1e308",
  "1e999",
  "-0",
  "9007199254740991",
  "9007199254740993",
  "281474976710656",
  '""',
  '"a"',
  '"tmp:x:1"',
  '"__proto__"',
  '"constructor"',
  '"../../../../etc/passwd"',
  '"..%2f..%2fetc%2fpasswd"',
  `"'; DROP TABLE events; --"`,
  '"\\u0000"',
  '"\\ud800"',
  '"ffffffffffffffff"',
  `"${"x".repeat(5000)}"`,
  "[]",
  "[[]]",
  "[null,null,null,null,null,null,null,null]",
  "{}",
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"type":"push","toString":1,"valueOf":null,"hasOwnProperty":0}',
  '{"length":4294967295,"0":1}',
  `${"[".repeat(36)}${"]".repeat(36)}`,
];

/** Those that are JSON for every parser, without what a frame may not hold at all. */
export const WHOLE_TEXTS: readonly string[] = NASTY_TEXTS.filter(
  (text) => !/__proto__"|1e999|ud800|^\[{10}/.test(text),
);

/** Names for tenants, devices, collections, entities, rooms, fields. */
export const NASTY_NAMES: readonly string[] = [
  "",
  ".",
  "..",
  "../../etc/passwd",
  "..\\..\\windows\\system32",
  "/etc/passwd",
  "file:///etc/passwd",
  "%2e%2e%2f",
  "'; DROP TABLE events; --",
  '" OR 1=1 --',
  "a' UNION SELECT * FROM tenants --",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "a\u0000b",
  "a\nb",
  "a\r\nSet-Cookie: x=1",
  "\u202eabc",
  "𝒳".repeat(70),
  "x".repeat(129),
  "x".repeat(100_000),
  "<script>alert(1)</script>",
  "${7*7}",
  "{{7*7}}",
  "tasks ",
  " tasks",
  "TASKS",
  "sqlite_master",
  "tmp:",
  "tmp:a:b:c",
  "a:b",
  "-rf",
];

/** Every place of a JSON value, as a path. */
export function placesOf(
  value: unknown,
  path: ReadonlyArray<string | number> = [],
): Array<ReadonlyArray<string | number>> {
  if (typeof value !== "object" || value === null) return [path];
  const entries = Array.isArray(value) ? value.map((item, index) => [index, item] as const) : Object.entries(value);
  return [path, ...entries.flatMap(([key, item]) => placesOf(item, [...path, key]))];
}

/** JSON text of a value with the text `instead` in one place; `null` leaves the place out. */
export function textWith(value: unknown, path: ReadonlyArray<string | number>, instead: string | null): string {
  const [key, ...rest] = path;
  if (key === undefined) return instead ?? "null";
  const entries = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : Object.entries(value as object);
  const parts = entries.flatMap(([name, item]) => {
    if (name === key && rest.length === 0 && instead === null) return [];
    const text = name === key ? textWith(item, rest, instead) : JSON.stringify(item);
    return [Array.isArray(value) ? text : `${JSON.stringify(name)}:${text}`];
  });
  return Array.isArray(value) ? `[${parts.join(",")}]` : `{${parts.join(",")}}`;
}

export function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new Error("there is nothing to choose from");
  return item;
}

export function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

/** A copy with a few of its bytes changed, cut out, doubled or cut off. */
export function damaged(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = random.below(Math.max(1, copy.length));
  switch (random.below(5)) {
    case 0:
      copy[at] = random.below(256);
      return copy;
    case 1:
      copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + random.below(8))]);
    default:
      return Buffer.concat([copy.subarray(0, at), randomBytes(random, 1 + random.below(6)), copy.subarray(at)]);
  }
}

/** Arrays, objects or members nested as deep as a size allows. */
export const BOMBS: readonly string[] = [
  "[".repeat(100_000),
  '{"a":'.repeat(50_000),
  `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  `{"type":"ping","nonce":${"[".repeat(10_000)}1${"]".repeat(10_000)}}`,
  `{"type":"presence","room":"r","action":"join","clock":1,"state":${'{"a":'.repeat(2000)}1${"}".repeat(2000)}}`,
  `${'"'.repeat(1001)}`,
  `[${"1,".repeat(30_000)}1]`,
  `{${Array.from({ length: 5000 }, (_, index) => `"k${index}":1`).join(",")}}`,
];
