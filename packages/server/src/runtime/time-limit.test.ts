import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RanOutOfTime } from "@tidelock/core";
import { timeLimit, type Watch } from "./time-limit.ts";

/** A process in which every run is stopped, having used so much of its time, until `runs` is used up. */
function stalling(runs: readonly number[]): Watch & { readonly timeouts: number[] } {
  const left = [...runs];
  const timeouts: number[] = [];
  let used = 0;
  return {
    timeouts,
    used: () => used,
    run: (work, timeoutMs) => {
      timeouts.push(timeoutMs);
      const spent = left.shift();
      if (spent === undefined) return work();
      used += spent;
      throw new RanOutOfTime();
    },
  };
}

describe("the time limit of rules and mutators", () => {
  test("gives what the function returns, and what it throws, as they are", () => {
    const limit = timeLimit(1000);
    const result = {};
    const error = new TypeError("mine");
    assert.equal(
      limit(() => result),
      result,
    );
    assert.throws(
      () =>
        limit(() => {
          throw error;
        }),
      (thrown) => thrown === error,
    );
  });

  test("ends a function that never ends, also one that swallows errors, and goes on", () => {
    const limit = timeLimit(5);
    const endless: ReadonlyArray<() => unknown> = [
      () => {
        for (;;);
      },
      () => {
        for (;;) {
          try {
            for (;;);
          } catch {}
        }
      },
      () => {
        try {
          for (;;);
        } finally {
          for (;;);
        }
      },
      () => /^(a+)+$/.test(`${"a".repeat(60)}b`),
    ];
    for (const [index, work] of endless.entries()) {
      assert.throws(() => limit(work), /^RanOutOfTime: it took longer than 5 ms$/, String(index));
      assert.equal(
        limit(() => index),
        index,
      );
    }
  });

  test("a function within a limited one just runs", () => {
    const watch = stalling([]);
    const limit = timeLimit(50, watch);
    assert.equal(
      limit(() => limit(() => limit(() => 7))),
      7,
    );
    assert.deepEqual(watch.timeouts, [50]);
  });

  test("a process that was kept from running is no fault of the function: it gets more time", () => {
    const watch = stalling([1, 0, 2]);
    assert.equal(
      timeLimit(50, watch)(() => 7),
      7,
    );
    assert.deepEqual(watch.timeouts, [50, 100, 200, 400]);
  });

  test("one pause that counts as processor time is forgiven, two are not", () => {
    assert.equal(
      timeLimit(50, stalling([50]))(() => 7),
      7,
    );
    assert.throws(() => timeLimit(50, stalling([50, 49]))(() => 7), /longer than 50 ms/);
  });

  test("a process that never gets to run does not try for ever", () => {
    const watch = stalling(Array.from({ length: 100 }, () => 0));
    assert.throws(() => timeLimit(50, watch)(() => 7), /longer than 50 ms/);
    assert.equal(watch.timeouts.length, 6);
  });

  test("0 is no limit", () => {
    const watch = stalling([50, 50]);
    assert.equal(
      timeLimit(0, watch)(() => 7),
      7,
    );
    assert.deepEqual(watch.timeouts, []);
  });
});
