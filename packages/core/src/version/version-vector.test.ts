import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type DeviceId, type Epoch, parseDeviceId, parseEpoch } from "../ids.ts";
import { MAX_VECTOR_DOTS } from "../limits.ts";
import { device, epoch, offset } from "../protocol/messages.fuzz.ts";
import { formatCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import {
  addDot,
  covers,
  type Dot,
  EMPTY_ENTITY_VECTOR,
  EMPTY_VECTOR,
  type EntityVector,
  foldVector,
  formatVersion,
  mergeVectors,
  parseVersion,
  seenThrough,
  type VersionVector,
} from "./version-vector.ts";

fc.configureGlobal({ seed: 8 });

const DEVICES = ["a", "b", "c", "d", "e"].map((name) => parseDeviceId(name)!);
const E = parseEpoch("e1")!;

/**
 * A log: who wrote each event, and whether it was to the entity that the test looks at. A device's counter may skip,
 * because mutations that were refused have a number too.
 */
interface Entry {
  readonly dot: Dot;
  readonly mine: boolean;
}
const log: fc.Arbitrary<readonly Entry[]> = fc
  .array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 3 }), fc.boolean()), { maxLength: 40, size: "max" })
  .map((writes) => {
    const counters = new Map<DeviceId, number>();
    return writes.map(([writer, step, mine], index) => {
      const author = DEVICES[writer]!;
      const counter = (counters.get(author) ?? 0) + step;
      counters.set(author, counter);
      return { dot: { device: author, counter, offset: index + 1 }, mine };
    });
  });

function vectorOf(entries: readonly Entry[], maxDots: number): EntityVector {
  return entries
    .filter(({ mine }) => mine)
    .reduce<EntityVector>((vector, { dot }) => addDot(vector, dot, maxDots), EMPTY_ENTITY_VECTOR);
}

describe("a vector covers a dot", () => {
  test("when it is at or below the floor, or not after the device's own", () => {
    const vector: VersionVector = { floor: 10, dots: new Map([[DEVICES[0]!, 3]]) };
    const dot = (name: number, counter: number, at: number): Dot => ({ device: DEVICES[name]!, counter, offset: at });
    assert.equal(covers(vector, dot(1, 99, 10)), true);
    assert.equal(covers(vector, dot(1, 1, 11)), false);
    assert.equal(covers(vector, dot(0, 3, 20)), true);
    assert.equal(covers(vector, dot(0, 4, 20)), false);
    assert.equal(covers(EMPTY_VECTOR, dot(0, 1, 1)), false);
  });
});

describe("an entity's vector", () => {
  test("has one dot per device, newest last, never more than allowed", () => {
    fc.assert(
      fc.property(log, fc.integer({ min: 1, max: 4 }), (entries, maxDots) => {
        const { dots, floor } = vectorOf(entries, maxDots);
        assert.ok(dots.length <= maxDots);
        assert.equal(new Set(dots.map((dot) => dot.device)).size, dots.length);
        assert.deepEqual(
          dots.map((dot) => dot.offset),
          dots.map((dot) => dot.offset).toSorted((a, b) => a - b),
        );
        for (const dot of dots) assert.ok(dot.offset > floor);
      }),
    );
    assert.equal(MAX_VECTOR_DOTS, 32);
    let vector = EMPTY_ENTITY_VECTOR;
    for (let index = 1; index <= 100; index++) {
      vector = addDot(vector, { device: parseDeviceId(`d${index}`)!, counter: 1, offset: index });
    }
    assert.deepEqual([vector.dots.length, vector.floor], [32, 68]);
  });

  test("covers the same dots however early and often it was folded", () => {
    let foldedDots = 0;
    fc.assert(
      fc.property(log, fc.integer({ min: 1, max: 4 }), fc.nat(45), (entries, maxDots, stable) => {
        const full = vectorOf(entries, Infinity);
        const small = vectorOf(entries, maxDots);
        const folded = foldVector(full, stable);
        const both = foldVector(small, stable);
        foldedDots += full.dots.length - folded.dots.length;
        for (const { dot } of entries) {
          const answer = covers(seenThrough(full), dot);
          for (const vector of [small, folded, both]) assert.equal(covers(seenThrough(vector), dot), answer);
        }
      }),
      { numRuns: 1000 },
    );
    assert.ok(foldedDots > 500, `only ${foldedDots} dots were folded`);
  });

  test("read at the end of the log covers exactly what was written up to the entity's newest event", () => {
    fc.assert(
      fc.property(log, (entries) => {
        const newest = entries.findLast(({ mine }) => mine)?.dot.offset ?? 0;
        const seen = seenThrough(vectorOf(entries, 4));
        for (const { dot } of entries) assert.equal(covers(seen, dot), dot.offset <= newest);
      }),
    );
  });

  test("is left alone when there is nothing to fold", () => {
    const vector = addDot(EMPTY_ENTITY_VECTOR, { device: DEVICES[0]!, counter: 1, offset: 7 });
    assert.equal(foldVector(vector, 6), vector);
    assert.deepEqual(foldVector(vector, 7), { floor: 7, dots: [] });
  });
});

describe("concurrent writes", () => {
  /** Each author has seen a prefix of the log, and its own earlier mutations: what a mutation on the wire carries. */
  const authored = log.chain((entries) =>
    fc.tuple(fc.constant(entries), fc.array(fc.nat(40), { minLength: entries.length, maxLength: entries.length })),
  );

  test("never look ordered: a write covers another only when its author had seen it", () => {
    let concurrent = 0;
    fc.assert(
      fc.property(authored, ([entries, prefixes]) => {
        for (const [index, { dot }] of entries.entries()) {
          const floor = Math.min(prefixes[index]!, index);
          const seen: VersionVector = { floor, dots: new Map([[dot.device, dot.counter - 1]]) };
          for (const { dot: earlier } of entries.slice(0, index)) {
            const known = earlier.offset <= floor || earlier.device === dot.device;
            assert.equal(covers(seen, earlier), known);
            if (!known) concurrent += 1;
          }
          for (const { dot: later } of entries.slice(index)) assert.equal(covers(seen, later), false);
        }
      }),
      { numRuns: 500 },
    );
    assert.ok(concurrent > 1000, `only ${concurrent} pairs were concurrent`);
  });
});

const vector: fc.Arbitrary<VersionVector> = fc.record(
  {
    floor: offset,
    dots: fc.array(fc.tuple(device, offset), { maxLength: 6 }).map((dots) => new Map(dots)),
  },
  { noNullPrototype: true },
);

describe("merged vectors", () => {
  const small: fc.Arbitrary<VersionVector> = fc.record({
    floor: fc.nat(20),
    dots: fc.array(fc.tuple(fc.constantFrom(...DEVICES), fc.integer({ min: 1, max: 6 }))).map((dots) => new Map(dots)),
  });

  test("cover what either covers, and nothing else", () => {
    fc.assert(
      fc.property(small, small, log, (left, right, entries) => {
        const both = mergeVectors(left, right);
        for (const { dot } of entries) assert.equal(covers(both, dot), covers(left, dot) || covers(right, dot));
      }),
    );
  });

  test("do not depend on order or repetition", () => {
    fc.assert(
      fc.property(small, small, small, (a, b, c) => {
        const sorted = ({ floor, dots }: VersionVector): unknown => [floor, [...dots].sort()];
        assert.deepEqual(sorted(mergeVectors(a, b)), sorted(mergeVectors(b, a)));
        assert.deepEqual(sorted(mergeVectors(mergeVectors(a, b), c)), sorted(mergeVectors(a, mergeVectors(b, c))));
        assert.deepEqual(sorted(mergeVectors(a, a)), sorted(a));
        assert.deepEqual(sorted(mergeVectors(a, EMPTY_VECTOR)), sorted(a));
      }),
    );
  });
});

describe("a version as text", () => {
  test("is read back as it was", () => {
    fc.assert(
      fc.property(epoch, vector, (incarnation, version) => {
        assert.deepEqual(parseVersion(formatVersion(incarnation, version)), { epoch: incarnation, vector: version });
      }),
      { numRuns: 500 },
    );
    assert.equal(formatVersion(E, { floor: 7, dots: new Map([[DEVICES[0]!, 3]]) }), "e1.7~a:3");
    assert.deepEqual(parseVersion("2026.03.01.5"), { epoch: "2026.03.01", vector: EMPTY_VECTOR_AT_5 });
  });
  const EMPTY_VECTOR_AT_5: VersionVector = { floor: 5, dots: new Map() };

  test("has one form only: what is read is written the same", () => {
    const tail = fc.string({ unit: fc.constantFrom(..."ae01.9~:-_"), maxLength: 12 });
    const near = fc
      .tuple(fc.constantFrom("", "a", "a.", "e-1.9", "a.0~a:", "1.1~a:1"), tail)
      .map(([head, rest]) => head + rest);
    let read = 0;
    fc.assert(
      fc.property(near, (text) => {
        const version = parseVersion(text);
        if (version === null) return;
        read += 1;
        assert.equal(formatVersion(version.epoch, version.vector), text);
      }),
      { numRuns: 20_000 },
    );
    assert.ok(read > 200, `only ${read} were versions`);
  });

  const hostile: readonly unknown[] = [
    "",
    ".",
    "e1",
    "e1.",
    ".5",
    "e1.-1",
    "e1.05",
    "e1.1.5.",
    "e1. 5",
    "e1.5 ",
    "e1.5\n",
    "e1.1e3",
    "e1.0x1",
    "e1.9007199254740992",
    "e1.99999999999999999",
    "e1.5~",
    "e1.5~a",
    "e1.5~a:",
    "e1.5~a:-1",
    "e1.5~a:01",
    "e1.5~:1",
    "e1.5~a:1~a:2",
    "e1.5~a:1~",
    "e1.5~~a:1",
    "e1.5~a:9007199254740992",
    "e1.5~__proto__:1",
    "_e.5",
    "é.5",
    `${"e".repeat(65)}.5`,
    `e1.5~${"d".repeat(65)}:1`,
    "e1.5~".repeat(7000),
    `e1.${"5".repeat(40_000)}`,
    `e1.5${Array.from({ length: 257 }, (_, index) => `~d${index}:1`).join("")}`,
    null,
    undefined,
    5,
    {},
    [],
    ["e1.5"],
    true,
  ];
  for (const text of hostile) {
    const shown = (typeof text === "string" ? JSON.stringify(text) : String(JSON.stringify(text))).slice(0, 40);
    test(`hostile: ${shown} is none`, () => {
      assert.equal(parseVersion(text), null);
      assert.equal(parseCheckpoint(text), null);
    });
  }

  test("may name up to 256 devices", () => {
    const text = `e1.5${Array.from({ length: 256 }, (_, index) => `~d${index}:1`).join("")}`;
    assert.equal(parseVersion(text)?.vector.dots.size, 256);
  });
});

describe("a checkpoint as text", () => {
  test("is a version without dots", () => {
    fc.assert(
      fc.property(epoch, offset, (incarnation: Epoch, at) => {
        const text = formatCheckpoint({ epoch: incarnation, offset: at });
        assert.deepEqual(parseCheckpoint(text), { epoch: incarnation, offset: at });
        assert.equal(text, formatVersion(incarnation, { floor: at, dots: new Map() }));
        assert.equal(parseCheckpoint(`${text}~a:1`), null);
      }),
    );
  });
});
