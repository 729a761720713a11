import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@tidelock/core";
import { EventQueue, WallClock } from "./clock.ts";

test("events happen in order of time, each once, and time jumps to them", () => {
  const queue = new EventQueue(seededRandom(1));
  const random = seededRandom(2);
  const times = Array.from({ length: 500 }, () => random.below(1000));
  const seen: number[] = [];
  for (const time of times) queue.at(time, () => void seen.push(queue.now));
  while (queue.step(2000));
  assert.deepEqual(
    seen,
    times.toSorted((left, right) => left - right),
  );
  assert.equal(queue.now, 2000);
});

test("a seed decides the order of what happens at the same moment", () => {
  const order = (seed: number): string => {
    const queue = new EventQueue(seededRandom(seed));
    let text = "";
    for (const name of "abcdefgh") queue.at(5, () => void (text += name));
    while (queue.step(10));
    return text;
  };
  assert.equal(order(1), order(1));
  assert.notEqual(order(1), order(2));
});

test("what is called off does not happen, and what is due later waits", () => {
  const queue = new EventQueue(seededRandom(1));
  let count = 0;
  const cancel = queue.after(1, () => void (count += 1));
  queue.after(50, () => void (count += 10));
  cancel();
  while (queue.step(20));
  assert.equal(count, 0);
  while (queue.step(50));
  assert.equal(count, 10);
});

test("a wall clock may be years off and may be set back; the true time is the queue's", () => {
  const queue = new EventQueue(seededRandom(1));
  const clock = new WallClock(queue, -1000);
  const before = clock.now;
  queue.step(500);
  assert.equal(clock.now, before + 500);
  clock.jump(-10_000);
  assert.equal(clock.now, before - 9500);
});
