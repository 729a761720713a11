import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { stamp } from "../protocol/messages.fuzz.ts";
import { HybridClock, makeStamp, maxStamp, nextStamp, parseStamp, type Stamp, stampMillis, ZERO_STAMP } from "./hlc.ts";

fc.configureGlobal({ seed: 6 });

const LAST = "f".repeat(16) as Stamp;

describe("a stamp", () => {
  test("is 12 digits of milliseconds and 4 of a counter", () => {
    assert.equal(makeStamp(0x018f3c2e7b1a, 0x2f), "018f3c2e7b1a002f");
    assert.equal(stampMillis(makeStamp(1_772_366_400_123, 7)), 1_772_366_400_123);
    assert.equal(ZERO_STAMP, "0".repeat(16));
  });

  test("stays a stamp whatever the numbers", () => {
    const odd = [NaN, Infinity, -Infinity, -1, 0.9, 2 ** 48, 2 ** 53, 1e300];
    for (const millis of odd) {
      for (const ticks of odd) assert.notEqual(parseStamp(makeStamp(millis, ticks)), null, `${millis} ${ticks}`);
    }
    assert.equal(makeStamp(2 ** 60, 2 ** 20), LAST);
  });

  test("sorts as text like its parts", () => {
    const parts = fc.tuple(fc.nat(2 ** 48 - 1), fc.nat(0xffff));
    fc.assert(
      fc.property(parts, parts, ([a, m], [b, n]) => {
        const order = a === b ? m - n : a - b;
        const left = makeStamp(a, m);
        const right = makeStamp(b, n);
        assert.equal(Math.sign(order), left < right ? -1 : left > right ? 1 : 0);
        assert.equal(maxStamp(left, right), order >= 0 ? left : right);
      }),
    );
  });

  test("from outside is refused unless it is one", () => {
    for (const text of [
      "",
      "0",
      "0".repeat(15),
      "0".repeat(17),
      "F".repeat(16),
      "g".repeat(16),
      `${"0".repeat(16)}\n`,
    ]) {
      assert.equal(parseStamp(text), null);
    }
    for (const value of [null, undefined, 0, {}, ["0".repeat(16)]]) assert.equal(parseStamp(value), null);
    fc.assert(fc.property(stamp, (value) => assert.equal(parseStamp(value), value)));
  });

  test("has a next one directly after it, except for the last", () => {
    fc.assert(
      fc.property(stamp, (value) => {
        const next = nextStamp(value);
        assert.notEqual(parseStamp(next), null);
        if (value === LAST) return;
        assert.equal(BigInt(`0x${next}`), BigInt(`0x${value}`) + 1n);
      }),
    );
    assert.equal(nextStamp("00000000000affff" as Stamp), "00000000000b0000");
    assert.equal(nextStamp(LAST), LAST, "time never goes back");
  });
});

type Step = readonly ["tick", number] | readonly ["observe", number, number, Stamp];
const wall = fc.oneof(fc.nat(1000), fc.constantFrom(0, -5, NaN, 2 ** 48 - 1, 2 ** 60));
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constant("tick"), wall),
  fc.tuple(
    fc.constant("observe"),
    wall,
    fc.nat(100),
    fc.tuple(fc.nat(1200), fc.constantFrom(0, 1, 0xfffe, 0xffff)).map(([millis, ticks]) => makeStamp(millis, ticks)),
  ),
);

describe("a hybrid clock", () => {
  test("never goes back, and every tick is later than all before it", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = new HybridClock();
        for (const [kind, now, drift, other] of steps) {
          const before = clock.last;
          if (kind === "tick") {
            const made = clock.tick(now);
            assert.ok(made > before || before >= "fffffffffffffffe", `${made} after ${before}`);
            assert.equal(clock.last, made);
          } else {
            clock.observe(other, now, drift);
            assert.ok(clock.last === before || (clock.last === other && other > before));
            if (stampMillis(other) <= now + drift) assert.ok(clock.last >= other);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("follows the wall clock when that is ahead, and counts when it stands still or goes back", () => {
    const clock = new HybridClock();
    assert.equal(clock.tick(1000), makeStamp(1000, 0));
    assert.equal(clock.tick(1000), makeStamp(1000, 1));
    assert.equal(clock.tick(400), makeStamp(1000, 2));
    assert.equal(clock.tick(1001), makeStamp(1001, 0));
  });

  test("goes on from where it was stored", () => {
    assert.equal(new HybridClock(makeStamp(5000, 3)).tick(10), makeStamp(5000, 4));
  });

  test("runs into the next millisecond when the counter is used up", () => {
    const clock = new HybridClock(makeStamp(10, 0xffff));
    assert.equal(clock.tick(10), makeStamp(11, 0));
  });

  test("what happens after an observed stamp is later than it", () => {
    const clock = new HybridClock();
    clock.observe(makeStamp(1050, 9), 1000, 60_000);
    assert.equal(clock.tick(1000), makeStamp(1050, 10));
  });

  test("does not believe a stamp beyond the drift, at the millisecond", () => {
    const clock = new HybridClock();
    clock.observe(makeStamp(61_001, 0), 1000, 60_000);
    assert.equal(clock.last, ZERO_STAMP);
    clock.observe(LAST, 1000, 60_000);
    assert.equal(clock.last, ZERO_STAMP);
    clock.observe(makeStamp(61_000, 0), 1000, 60_000);
    assert.equal(clock.last, makeStamp(61_000, 0));
  });

  test("is never further ahead than the widest wall clock and the drift it believed", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1000), fc.nat(5000)), { maxLength: 50 }), (pairs) => {
        const clock = new HybridClock();
        let latest = 0;
        for (const [now, other] of pairs) {
          latest = Math.max(latest, now);
          clock.observe(makeStamp(other, 0), now, 100);
          clock.tick(now);
          assert.ok(stampMillis(clock.last) <= latest + 100);
        }
      }),
    );
  });
});
