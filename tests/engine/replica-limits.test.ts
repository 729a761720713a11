/** A replica keeps to the limits of the wire: what would be refused whole must not stop everything else. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MAX_FRAME_BYTES, MAX_HELLO_BYTES, MAX_SUBSCRIPTIONS, parseClientMessage } from "@tidelock/core";
import { entity } from "./names.ts";
import { ReplicaRig } from "./replica-rig.ts";
import { schema } from "./schema.ts";

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

describe("limits", () => {
  test("[R10] more subscriptions than a hello may name do not keep the device from connecting", () => {
    const rig = new ReplicaRig(schema);
    for (let number = 0; number < 100; number++) rig.subscribe("tasks", { title: `title ${number}` });
    rig.connect();
    const hello = rig.hellos.at(-1);
    const parsed = parseClientMessage(hello);
    assert.equal(parsed.ok, true);
    assert.equal(hello?.subscriptions.length, MAX_SUBSCRIPTIONS);
    const asked = rig.said.filter((message) => message.type === "subscribe");
    assert.equal(asked.length, 100 - MAX_SUBSCRIPTIONS, "the others are asked for, and refused one by one");
  });

  test("[R10] filters that are too long together for a hello come after it", () => {
    const rig = new ReplicaRig(schema);
    for (let number = 0; number < 20; number++) rig.subscribe("tasks", { title: `${number} ${"x".repeat(8000)}` });
    rig.connect();
    assert.ok(bytesOf({ ...rig.hellos.at(-1), token: "x".repeat(16_384) }) <= MAX_HELLO_BYTES);
    const asked = rig.said.filter((message) => message.type === "subscribe");
    assert.equal((rig.hellos.at(-1)?.subscriptions.length ?? 0) + asked.length, 20);
  });

  test("[R10] no push is larger than a frame, whatever its text is made of", () => {
    for (const unit of ["\u0001", "\u6f22", '"', "a"]) {
      const rig = new ReplicaRig(schema);
      for (let number = 0; number < 40; number++) rig.create(`t${number}`, { title: unit.repeat(43_000) });
      rig.connect();
      const sizes = rig.said.filter((message) => message.type === "push").map(bytesOf);
      assert.ok(Math.max(...sizes) <= MAX_FRAME_BYTES, `${Math.max(...sizes)} bytes of ${JSON.stringify(unit)}`);
      assert.equal(rig.pushed.length, 40);
    }
  });

  test("[R6] a transaction that would be larger than a frame is refused at once", () => {
    const rig = new ReplicaRig(schema);
    rig.write(
      ...Array.from({ length: 24 }, (_, number) => ({
        operation: "create" as const,
        collection: "tasks",
        entity: entity(`t${number}`),
        fields: { title: "\u0001".repeat(43_000) },
      })),
    );
    assert.equal(rig.of("write-failed")[0]?.code, "mutation-too-large");
    assert.deepEqual(rig.replica.outbox, []);
  });
});
