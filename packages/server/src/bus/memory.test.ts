import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type DomainEvent, parseDeviceId, parseEntityId, parseTenantId, parseUserId, ZERO_STAMP } from "@tidelock/core";
import type { BusEvent } from "./bus.ts";
import { memoryBus } from "./memory.ts";
import { must } from "../gateway/scripted.fixture.ts";

const acme = must(parseTenantId("acme"));
const other = must(parseTenantId("other"));
const turn = (): Promise<void> => new Promise((later) => setImmediate(later));

function event(offset: number): DomainEvent {
  return {
    offset,
    kind: "updated",
    collection: "tasks",
    entity: must(parseEntityId("t1")),
    device: must(parseDeviceId("d1")),
    counter: offset,
    user: must(parseUserId("ana")),
    stamp: ZERO_STAMP,
    claimed: null,
    time: 0,
    seen: 0,
    remaining: 0,
    previous: offset - 1,
    changed: [],
    was: [],
    row: [],
    decisions: [],
    changes: null,
    call: null,
  };
}
const events = (from: number, to: number, tenant = acme): BusEvent[] =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ tenant, event: event(from + index) }));

describe("the bus in memory", () => {
  test("delivers a tenant's events in order, each once, to each subscriber", async () => {
    const bus = memoryBus();
    await bus.open();
    const first: number[] = [];
    const second: number[] = [];
    bus.subscribe(acme, ({ event: { offset } }) => first.push(offset));
    bus.subscribe(acme, ({ event: { offset } }) => second.push(offset));
    await bus.publish(events(1, 3));
    await bus.publish(events(4, 5));
    await turn();
    assert.deepEqual(
      [first, second],
      [
        [1, 2, 3, 4, 5],
        [1, 2, 3, 4, 5],
      ],
    );
  });

  test("keeps tenants apart", async () => {
    const bus = memoryBus();
    const seen: number[] = [];
    bus.subscribe(other, ({ event: { offset } }) => seen.push(offset));
    await bus.publish([...events(1, 3), ...events(9, 9, other)]);
    await turn();
    assert.deepEqual(seen, [9]);
  });

  test("says nothing of before, and nothing after", async () => {
    const bus = memoryBus();
    const seen: number[] = [];
    await bus.publish(events(1, 1));
    const stop = bus.subscribe(acme, ({ event: { offset } }) => seen.push(offset));
    await bus.publish(events(2, 2));
    await turn();
    await bus.publish(events(3, 3));
    stop();
    stop();
    await bus.publish(events(4, 4));
    await turn();
    assert.deepEqual(seen, [2]);
  });

  test("never calls a subscriber from within publish", async () => {
    const bus = memoryBus();
    let called = false;
    bus.subscribe(acme, () => (called = true));
    const published = bus.publish(events(1, 1));
    assert.equal(called, false);
    await published;
    await turn();
    assert.equal(called, true);
  });

  test("a subscriber that cannot keep up loses the oldest, and sees it by their offsets", async () => {
    const bus = memoryBus({ capacity: 10 });
    const seen: number[] = [];
    bus.subscribe(acme, ({ event: { offset } }) => seen.push(offset));
    await bus.publish(events(1, 1000));
    await turn();
    assert.deepEqual(seen, [991, 992, 993, 994, 995, 996, 997, 998, 999, 1000]);
  });

  test("one that throws harms no other", async (t) => {
    const warnings: string[] = [];
    t.mock.method(process, "emitWarning", (warning: Error) => void warnings.push(warning.message));
    const bus = memoryBus();
    const seen: number[] = [];
    bus.subscribe(acme, () => {
      throw new Error("mine");
    });
    bus.subscribe(acme, ({ event: { offset } }) => seen.push(offset));
    await bus.publish(events(1, 2));
    await turn();
    assert.deepEqual(
      [seen, warnings],
      [
        [1, 2],
        ["mine", "mine"],
      ],
    );
  });

  test("after close nothing is delivered", async () => {
    const bus = memoryBus();
    const seen: number[] = [];
    bus.subscribe(acme, ({ event: { offset } }) => seen.push(offset));
    await bus.publish(events(1, 1));
    await bus.close();
    await turn();
    assert.deepEqual(seen, []);
  });
});
