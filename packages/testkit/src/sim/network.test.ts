import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@tidelock/core";
import { EventQueue } from "./clock.ts";
import { Pipe } from "./network.ts";

interface Fixture {
  readonly queue: EventQueue;
  readonly pipe: Pipe<number>;
  readonly arrived: number[];
  readonly ends: number[];
}

function open(latency: readonly [number, number] = [1, 100]): Fixture {
  const queue = new EventQueue(seededRandom(7));
  const arrived: number[] = [];
  const ends: number[] = [];
  const pipe = new Pipe<number>(
    queue,
    seededRandom(8),
    latency,
    (message) => void arrived.push(message),
    () => void ends.push(queue.now),
  );
  return { queue, pipe, arrived, ends };
}

function run(queue: EventQueue, until: number): void {
  while (queue.step(until));
}

test("messages of a connection arrive in order, whatever their delays; its end comes after them", () => {
  const { queue, pipe, arrived, ends } = open();
  for (let index = 0; index < 50; index++) pipe.send(index);
  pipe.end();
  run(queue, 1000);
  assert.deepEqual(
    arrived,
    Array.from({ length: 50 }, (_, index) => index),
  );
  assert.equal(ends.length, 1);
});

test("a silent pipe swallows everything and tells nobody; its socket fills up", () => {
  const { queue, pipe, arrived, ends } = open();
  pipe.send(1);
  pipe.silence();
  pipe.send(2);
  run(queue, 100_000);
  assert.deepEqual([arrived, ends], [[], []]);
  assert.equal(pipe.waiting, 2);
});

test("a reset loses what is on its way and is told once", () => {
  const { queue, pipe, arrived, ends } = open([50, 50]);
  pipe.send(1);
  pipe.reset(20);
  pipe.end();
  run(queue, 1000);
  assert.deepEqual([arrived, ends], [[], [20]]);
});

test("a stalled pipe delivers everything once it flows again", () => {
  const { queue, pipe, arrived } = open([1, 5]);
  pipe.hold(500);
  pipe.send(1);
  pipe.send(2);
  run(queue, 499);
  assert.deepEqual(arrived, []);
  run(queue, 510);
  assert.deepEqual(arrived, [1, 2]);
});
