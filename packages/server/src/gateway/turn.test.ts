import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Batch, Turn } from "./turn.ts";

const a = Buffer.from("a");
const b = Buffer.from("b");

describe("batches", () => {
  test("equal histories are the same object with the same bytes", () => {
    const start = new Batch();
    const first = start.with(a).with(b);
    const second = start.with(a).with(b);
    assert.equal(first, second);
    assert.equal(first.bytes(), second.bytes());
    assert.equal(String(first.bytes()), "ab");
  });

  test("one frame is not copied", () => assert.equal(new Batch().with(a).bytes(), a));

  test("different histories are different", () => {
    const start = new Batch();
    assert.equal(String(start.with(b).with(a).bytes()), "ba");
    assert.equal(String(start.with(a).with(a).bytes()), "aa");
    assert.equal(String(start.with(a).bytes()), "a");
  });
});

describe("turns", () => {
  test("what is added is flushed once, after the current input", async () => {
    const turn = new Turn();
    const order: string[] = [];
    turn.add({ flush: () => void order.push("flush") });
    turn.afterFlush(() => order.push("after"));
    order.push("input");
    await new Promise((later) => setImmediate(later));
    await new Promise((later) => setImmediate(later));
    assert.deepEqual(order, ["input", "flush", "after"]);
  });

  test("what a flush causes goes out with the next turn", async () => {
    const turn = new Turn();
    const order: string[] = [];
    await new Promise<void>((done) => {
      turn.add({
        flush: () => {
          order.push("first");
          turn.add({ flush: () => done(void order.push("second")) });
          order.push("still first");
        },
      });
    });
    assert.deepEqual(order, ["first", "still first", "second"]);
  });
});
