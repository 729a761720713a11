/** Rows on their way to another version of the schema: what they become, and what a kill in between leaves. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  collection,
  decodeEvent,
  defineSchema,
  field,
  type Hello,
  type JsonValue,
  MARK,
  migrations,
  review,
  REVIEWS,
  type Schema,
  TidelockError,
} from "@tidelock/core";
import { RowsBehind } from "@tidelock/server/engine";
import type { MemoryStorageState } from "@tidelock/server/memory";
import { first, migrate, second, third } from "./evolution.ts";
import { create, emptyDisk, HubRig, remove, update } from "./hub-rig.ts";
import { entity, tenant } from "./names.ts";

const as = ({ version, hash }: Schema): Pick<Hello, "schema"> => ({ schema: { version, hash } });

/** More rows than one step takes, some deleted, one on which a migration fails. */
function large(): MemoryStorageState {
  const disk = emptyDisk();
  const rig = new HubRig({ schema: first, disk });
  rig.open("founder", as(first));
  for (let row = 1; row <= 450; row++) {
    const id = `t${String(row).padStart(3, "0")}`;
    rig.push("founder", create(row, id, { name: `task ${row}`, urgent: row % 3 === 0, labels: [`l${row % 7}`] }));
  }
  rig.push("founder", remove(451, "t010", { seen: 450 }), update(452, "t020", { family: "?" }, { seen: 450 }));
  return disk;
}

function rows(disk: MemoryStorageState, name: string = "tasks"): Map<string, Record<string, JsonValue>> {
  const columns = disk.openTenant(tenant).columns.get(name) ?? [];
  const { entities } = disk.readPage(tenant, name, null, 1000);
  return new Map(
    entities.map(({ id, row }) => {
      const values: readonly JsonValue[] = JSON.parse(row ?? "[]");
      return [id, Object.fromEntries(values.map((value, column) => [columns[column] ?? "?", value]))];
    }),
  );
}

function notes(disk: MemoryStorageState): readonly string[] {
  return disk.openTenant(tenant).columns.get("tidelock.rows") ?? [];
}

describe("a migration of rows", () => {
  test("[H26] gives every row the new fields, as an ordinary event of the server's own, and leaves what cannot be migrated", () => {
    const disk = large();
    const { head } = disk.openTenant(tenant);
    assert.throws(() => new HubRig({ schema: second, disk }), RowsBehind);
    migrate(disk, second);
    const after = rows(disk);
    assert.equal(after.size, 449);
    const { t003, t020 } = Object.fromEntries(after);
    assert.deepEqual(t003, {
      name: "task 3",
      urgent: true,
      color: "grey",
      labels: ["l3"],
      given: "",
      family: "",
      parent: null,
      done: false,
      title: "task 3",
      priority: 3,
      tags: ["l3"],
      person: "",
      above: null,
      size: 6,
      archived: false,
    });
    assert.deepEqual([Object.hasOwn(t020!, "title"), t020?.["family"]], [false, "?"]);
    const events = disk.readEvents(tenant, head, 1000).map(({ offset, body }) => decodeEvent(offset, body));
    assert.equal(events.length, 448);
    assert.deepEqual(
      new Set(events.map(({ kind, device, remaining }) => `${kind} ${device} ${remaining}`)),
      new Set(["updated tidelock.migration 0"]),
    );
    assert.deepEqual(
      events.map(({ counter }) => counter),
      events.map((_, index) => index + 1),
    );
    assert.deepEqual(notes(disk), ["to:2", "rows:2"]);
  });

  test("[H26] killed before any of its appends and begun again, ends with the same rows", () => {
    const whole = large();
    const appends = migrate(whole, second);
    assert.ok(appends >= 5);
    for (let stopBefore = 0; stopBefore < appends; stopBefore++) {
      const disk = large();
      assert.equal(migrate(disk, second, stopBefore), stopBefore);
      // A server of the first version still opens what has not begun, and nothing after.
      if (stopBefore === 0) assert.ok(new HubRig({ schema: first, disk }));
      else assert.throws(() => new HubRig({ schema: first, disk }), isCode("data-newer"));
      migrate(disk, second);
      assert.deepEqual(rows(disk), rows(whole), `killed before append ${stopBefore}`);
      assert.equal(disk.openTenant(tenant).head, whole.openTenant(tenant).head);
      assert.deepEqual(notes(disk), ["to:2", "rows:2"]);
    }
  });

  test("[H26] is not begun where there is nothing to do, and not again where it was done", () => {
    const fresh = emptyDisk();
    const rig = new HubRig({ schema: second, disk: fresh });
    rig.open("a", as(second));
    assert.deepEqual(notes(fresh), ["rows:2"]);
    const disk = large();
    migrate(disk, second);
    const { head } = disk.openTenant(tenant);
    const later = new HubRig({ schema: second, disk });
    later.open("a", as(second));
    assert.equal(disk.openTenant(tenant).head, head);
  });

  test("[H26] goes over two versions at once, and from one to the next, to the same values", () => {
    const atOnce = large();
    migrate(atOnce, third);
    const inTurn = large();
    migrate(inTurn, second);
    migrate(inTurn, third);
    const names = third.collections.get("tasks")!.fields.map(({ name }) => name);
    const values = (disk: MemoryStorageState): JsonValue[][] =>
      [...rows(disk)].filter(([id]) => id !== "t020").map(([, row]) => names.map((name) => row[name] ?? null));
    assert.deepEqual(values(atOnce), values(inTurn));
    assert.deepEqual(
      [rows(atOnce).get("t003")?.["rank"], rows(atOnce).get("t003")?.["priority"], rows(atOnce).get("t002")?.["rank"]],
      ["high", 3, "low"],
    );
    const rig = new HubRig({ schema: third, disk: atOnce });
    rig.open("old", {
      ...as(second),
      subscriptions: [{ id: 1, collection: "tasks", where: { priority: 3 }, key: null }],
    });
    assert.equal(rig.of("old", "rows").flatMap((message) => message.rows).length, 150);
  });

  test("[H26] keeps who wrote a field last: who had not seen that write conflicts with it as before", () => {
    const disk = emptyDisk();
    const before = new HubRig({ schema: first, disk });
    before.open("a", as(first));
    before.open("b", as(first));
    before.push("a", create(1, "t1", { name: "a" }));
    before.push("a", update(2, "t1", { name: "of a", given: "G" }, { seen: 1, at: 20 }));
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    rig.open("b", as(first));
    rig.push(
      "b",
      update(1, "t1", { name: "of b" }, { seen: 1, at: 10 }),
      update(2, "t1", { done: true }, { seen: 1, at: 10 }),
    );
    assert.deepEqual(
      rig
        .results("b")
        .map(([, outcome, , detail]) => [outcome, detail?.conflicts?.[0]?.winner, detail?.conflicts?.[0]?.value]),
      [
        ["merged", "current", "of a"],
        ["applied", undefined, undefined],
      ],
    );
  });

  test("[H26] stops at a new field that has no value in older rows, and says which", () => {
    const disk = large();
    const careless = defineSchema({
      version: 2,
      collections: { tasks: collection({ title: field.string(), due: field.timestamp() }) },
      migrations: migrations({ 2: { tasks: { renamed: { title: "name" } } } }),
    });
    assert.throws(
      () => migrate(disk, careless),
      (error) =>
        error instanceof TidelockError && error.code === "schema-invalid" && error.detail.includes("tasks.due"),
    );
  });

  test("[H26] comes to devices as any change does, to those of both versions and wherever they stand in the log", () => {
    const disk = emptyDisk();
    const subscriptions = [{ id: 1, collection: "tasks", where: {}, key: null }];
    const before = new HubRig({ schema: first, disk });
    before.open("a", { ...as(first), subscriptions });
    before.push("a", create(1, "t1", { name: "a" }), create(2, "t2", { name: "b", urgent: true }));
    const [snapshot] = before.of("a", "snapshot");
    const { epoch } = disk.openTenant(tenant);
    before.push("a", update(3, "t1", { name: "after the checkpoint" }, { seen: 2 }));
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    const held = { epoch, checkpoint: 2, subscriptions: [{ ...subscriptions[0]!, key: snapshot!.key }] };
    rig.open("a", { ...as(first), ...held });
    rig.open("renewed", { ...as(second), ...held });
    for (const id of ["a", "renewed"]) {
      assert.deepEqual(rig.of(id, "welcome")[0]?.whole, [1]);
      const [delta, ...more] = rig.of(id, "delta");
      assert.deepEqual([delta?.from, delta?.to, more.length], [2, 5, 0]);
      const columns = rig.of(id, "welcome")[0]?.columns["tasks"] ?? [];
      const patch = delta?.changes.find((change) => change[2] === "t1");
      assert.equal(patch?.[0], 1);
      const positions = (patch?.[4] ?? [])
        .filter((_, index) => index % 2 === 0)
        .map((position) => columns[Number(position)]);
      assert.deepEqual(positions, ["name", "title", "priority", "tags", "person", "above", "size", "archived"]);
    }
  });
});

describe("reviews", () => {
  const one = defineSchema({
    version: 1,
    collections: {
      notes: collection({
        text: field.string().policy(review()),
        mood: field.string().default("").policy(review()),
      }),
    },
  });
  const two = defineSchema({
    version: 2,
    collections: { notes: collection({ body: field.string().policy(review()) }) },
    migrations: migrations({
      2: { notes: { renamed: { body: "text" }, removed: { mood: field.string().default("") } } },
    }),
  });

  test("[H26] go on under a field's new name, and are closed where the field is gone", () => {
    const disk = emptyDisk();
    const before = new HubRig({ schema: one, disk });
    for (const id of ["a", "b"]) before.open(id, as(one));
    before.push("a", create(1, "n1", { text: "x" }, { collection: "notes" }));
    before.push("a", update(2, "n1", { text: "of a", mood: "good" }, { collection: "notes", seen: 1 }));
    before.push("b", update(1, "n1", { text: "of b", mood: "bad" }, { collection: "notes", seen: 1 }));
    assert.equal(before.results("b")[0]?.[1], "in-review");
    migrate(disk, two);
    const mark = rows(disk, "notes").get("n1")?.[MARK];
    assert.deepEqual(Object.keys(mark ?? {}), ["body"]);
    const reviews = [...rows(disk, REVIEWS).values()];
    assert.deepEqual(reviews.map(({ field: name, status }) => [name, status]).sort(), [
      ["body", "open"],
      ["mood", "closed"],
    ]);
    const rig = new HubRig({ schema: two, disk });
    for (const id of ["judge", "old"]) rig.open(id, as(id === "old" ? one : two));
    const [id = "", open] = [...rows(disk, REVIEWS)].find(([, each]) => each["status"] === "open") ?? [];
    assert.deepEqual(open?.["row"], { id: "n1", body: "of a" });
    const seen = rig.hub.head;
    rig.push("judge", [1, "decide", REVIEWS, entity(id), { candidate: "b:1" }, seen, update(1, "n1", {})[6], 0]);
    assert.deepEqual(
      rig.results("judge").map(([, outcome]) => outcome),
      ["applied"],
    );
    assert.deepEqual(
      [rows(disk, "notes").get("n1")?.["body"], rows(disk, "notes").get("n1")?.["text"]],
      ["of b", "of b"],
    );
    assert.equal(rows(disk, "notes").get("n1")?.[MARK], null);
  });
});

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TidelockError && error.code === code;
}
