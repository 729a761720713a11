import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { collection, defineSchema, field, isTemporaryId, parseDeviceId, parseEntityId } from "@tidelock/core";
import { VirtualSystem } from "../runtime/virtual-system.ts";
import { createIntent, IdSource, updateIntent } from "./intents.ts";

const schema = defineSchema({
  version: 1,
  collections: {
    tasks: collection({ title: field.string(), tags: field.json<string[]>().default([]) }),
    lists: collection({ name: field.string() }, { ids: "server" }),
  },
});
const tasks = schema.collections.get("tasks")!;
const lists = schema.collections.get("lists")!;
const idSource = (seed: number): IdSource => new IdSource(new VirtualSystem(seed), () => parseDeviceId("d1")!);

describe("ids made by a device", () => {
  it("are final where clients make them, and temporary where the server does", () => {
    const ids = idSource(1);
    assert.match(ids.next(tasks), /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    assert.ok(isTemporaryId(ids.next(lists)));
  });

  it("are never made twice, not even by another run of the same device", () => {
    const made = new Set<string>();
    for (const seed of [1, 2, 3]) {
      const ids = idSource(seed);
      for (let count = 0; count < 20_000; count++) {
        const id = ids.next(lists);
        assert.equal(parseEntityId(id), id);
        made.add(id);
      }
    }
    assert.equal(made.size, 60_000);
  });
});

describe("intents", () => {
  it("keep what was given, whatever becomes of it later", () => {
    const tags = ["a"];
    const { fields } = createIntent(tasks, { title: "x", tags, extra: undefined }, idSource(1));
    tags.push("b");
    assert.deepEqual(fields, { title: "x", tags: ["a"] });
  });

  it("take the client's own ids, and none where the server assigns them", () => {
    assert.equal(createIntent(tasks, { id: "mine", title: "x" }, idSource(1)).entity, "mine");
    assert.throws(() => createIntent(lists, { id: "mine", name: "x" }, idSource(1)), { code: "invalid-id" });
    assert.throws(() => createIntent(tasks, { id: "tmp:d1:5", title: "x" }, idSource(1)), { code: "invalid-id" });
    assert.throws(() => updateIntent(tasks, "", { title: "x" }), { code: "invalid-id" });
  });
});
