import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compareLamport, LamportClock, type LamportStamp } from "./lamport.ts";

fc.configureGlobal({ seed: 7 });

const stamp: fc.Arbitrary<LamportStamp> = fc.record({ time: fc.nat(3), writer: fc.constantFrom("a", "b", "B", "ab") });

describe("a Lamport clock", () => {
  test("grows along cause and effect", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(2))), (messages) => {
        const clocks = [new LamportClock(), new LamportClock(), new LamportClock()];
        for (const [from, to] of messages) {
          const sent = clocks[from]!.tick();
          clocks[to]!.observe(sent);
          assert.ok(clocks[to]!.tick() > sent);
        }
      }),
    );
  });

  test("never goes back, whatever it is told", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(), fc.double(), fc.maxSafeInteger())), (times) => {
        const clock = new LamportClock();
        for (const time of times) {
          const before = clock.time;
          clock.observe(time);
          assert.ok(clock.time >= before && Number.isSafeInteger(clock.time));
          assert.equal(clock.tick(), clock.time);
        }
      }),
    );
  });

  test("cannot be used up by one hostile time", () => {
    const clock = new LamportClock();
    clock.observe(5);
    clock.observe(Number.MAX_SAFE_INTEGER);
    assert.equal(clock.tick(), 6);
  });
});

describe("the order of Lamport stamps", () => {
  test("is total: antisymmetric, transitive, zero only for the same fact", () => {
    fc.assert(
      fc.property(stamp, stamp, stamp, (a, b, c) => {
        assert.equal(Math.sign(compareLamport(a, b)), -Math.sign(compareLamport(b, a)) + 0);
        if (compareLamport(a, b) <= 0 && compareLamport(b, c) <= 0) assert.ok(compareLamport(a, c) <= 0);
        assert.equal(compareLamport(a, b) === 0, a.time === b.time && a.writer === b.writer);
      }),
      { numRuns: 1000 },
    );
  });
});
