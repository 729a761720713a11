/** Two versions of an application at one server: what each of them reads, writes and is told. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  decodeEvent,
  ERRORS,
  formatVersion,
  type Hello,
  type JsonValue,
  type Schema,
  type ServerMessage,
} from "@tidelock/core";
import type { MemoryStorageState } from "@tidelock/server/memory";
import { first, migrate, second, third } from "./evolution.ts";
import { create, emptyDisk, HubRig, plain, remove, update } from "./hub-rig.ts";
import { device, entity, tenant } from "./names.ts";

const as = ({ version, hash }: Schema): Pick<Hello, "schema"> => ({ schema: { version, hash } });

/** A disk that a server of the first version has written. */
function written(
  ...tasks: ReadonlyArray<readonly [id: string, fields: Record<string, JsonValue>]>
): MemoryStorageState {
  const disk = emptyDisk();
  const rig = new HubRig({ schema: first, disk });
  rig.open("founder", as(first));
  for (const [index, [id, fields]] of tasks.entries()) rig.push("founder", create(index + 1, id, fields));
  return disk;
}

/** What a device holds of an entity after everything that it was sent, by column name. */
function held(messages: readonly ServerMessage[], id: string): Record<string, JsonValue> | null {
  let columns: readonly string[] = [];
  let row: JsonValue[] | null = null;
  for (const message of messages) {
    if (message.type === "welcome") columns = message.columns["tasks"] ?? [];
    if (message.type === "rows") for (const [of, , values] of message.rows) if (of === id) row = [...values];
    if (message.type !== "delta") continue;
    for (const change of message.changes) {
      if (change[2] !== id) continue;
      if (change[0] === 0) row = [...change[4]];
      else if (change[0] === 1 && row !== null) {
        for (let index = 0; index < change[4].length; index += 2) row[Number(change[4][index])] = change[4][index + 1]!;
      } else row = null;
    }
  }
  if (row === null) return null;
  const values: readonly JsonValue[] = row;
  return Object.fromEntries(columns.map((name, index) => [name, values[index] ?? null]));
}

describe("a server of the second version", () => {
  test("[H28] keeps the fields of the first filled, and devices of either version read what the other wrote", () => {
    const disk = written(["t1", { name: "Water the plants", urgent: true, labels: ["home"] }]);
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    rig.open("old", { ...as(first), subscriptions: [{ id: 1, collection: "tasks", where: {}, key: null }] });
    rig.open("new", { ...as(second), subscriptions: [{ id: 1, collection: "tasks", where: {}, key: null }] });
    const old = (): ReturnType<typeof held> => held(rig.messages("old"), "t1");
    const now = (): ReturnType<typeof held> => held(rig.messages("new"), "t1");
    assert.deepEqual(
      [now()?.["title"], now()?.["priority"], now()?.["tags"], now()?.["size"], now()?.["archived"]],
      ["Water the plants", 3, ["home"], 16, false],
    );
    assert.deepEqual([old()?.["name"], old()?.["urgent"], old()?.["labels"]], ["Water the plants", true, ["home"]]);

    const { head } = rig.hub;
    rig.push("new", update(1, "t1", { title: "Water them all", priority: 2, tags: { add: ["out"] } }, { seen: head }));
    assert.deepEqual(
      [old()?.["name"], old()?.["urgent"], old()?.["labels"]],
      ["Water them all", false, ["home", "out"]],
    );

    rig.push("old", update(1, "t1", { name: "Water nothing", urgent: true }, { seen: rig.hub.head }));
    assert.deepEqual([now()?.["title"], now()?.["priority"]], ["Water nothing", 3]);
    assert.deepEqual([old()?.["name"], old()?.["urgent"]], ["Water nothing", true]);
    assert.deepEqual(rig.results("old"), [[1, "applied", rig.hub.head]]);
  });

  test("[H28] sends a subscription by an old field what enters and leaves it, whoever writes", () => {
    const disk = written(["t1", { name: "a", urgent: true }], ["t2", { name: "b" }]);
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    const subscriptions = [{ id: 1, collection: "tasks", where: { urgent: true }, key: null }];
    rig.open("old", { ...as(first), subscriptions });
    rig.open("new", as(second));
    const snapshot = rig.of("old", "rows").flatMap(({ rows }) => rows.map(([id]) => id));
    assert.deepEqual(snapshot, ["t1"]);
    rig.push("new", update(1, "t2", { priority: 5 }, { seen: rig.hub.head }));
    rig.push("new", update(2, "t1", { priority: 1 }, { seen: rig.hub.head }));
    const changes = rig.of("old", "delta").flatMap((delta) => delta.changes.map(([kind, , id]) => [kind, id]));
    assert.deepEqual(changes, [
      [0, "t2"],
      [3, "t1"],
    ]);
  });

  test("[H28] takes no write of what follows from other fields, and keeps what old devices write to a removed one", () => {
    const disk = written(["t1", { name: "a", color: "red" }]);
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    const subscriptions = [{ id: 1, collection: "tasks", where: {}, key: null }];
    rig.open("new", as(second));
    rig.open("old", { ...as(first), subscriptions });
    rig.push("new", update(1, "t1", { name: "b" }), create(2, "t2", { title: "c", priority: 1, size: 0 }));
    assert.deepEqual(
      rig.results("new").map(([counter, outcome, , detail]) => [counter, outcome, detail?.code]),
      [
        [1, "rejected", "unknown-field"],
        [2, "applied", undefined],
      ],
    );
    rig.push("old", update(1, "t1", { color: "blue" }, { seen: rig.hub.head }));
    assert.equal(held(rig.messages("old"), "t1")?.["color"], "blue");
    assert.equal(held(rig.messages("old"), "t2")?.["color"], "grey");
  });

  test("[H28] names no old field in what a delete met", () => {
    const disk = written(["t1", { name: "a" }]);
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    rig.open("new", as(second));
    rig.open("other", as(second));
    const { head } = rig.hub;
    rig.push("new", update(1, "t1", { title: "b", priority: 3 }, { seen: head }));
    rig.push("other", remove(1, "t1", { seen: head }));
    const [, outcome, , detail] = rig.results("other")[0]!;
    assert.equal(outcome, "merged");
    assert.deepEqual(detail?.conflicts?.[0]?.current.value, { title: "b", priority: 3 });
  });

  test("[H27] finds the conflict of both versions over a renamed field on the field that there is, and tells each of its own", () => {
    const disk = written(["t1", { name: "a" }]);
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    rig.open("old", as(first));
    rig.open("new", as(second));
    const { head } = rig.hub;
    rig.push("new", update(1, "t1", { title: "from the new one" }, { seen: head, at: 10 }));
    rig.push("old", update(1, "t1", { name: "from the old one" }, { seen: head, at: 20 }));
    const [, outcome, offset, detail] = rig.results("old")[0]!;
    assert.equal(outcome, "merged");
    const [conflict] = detail?.conflicts ?? [];
    assert.deepEqual(
      [conflict?.field, conflict?.winner, conflict?.current.value, conflict?.incoming.value],
      ["name", "incoming", "from the new one", "from the old one"],
    );
    const event = decodeEvent(offset, rig.disk.readEvents(tenant, offset - 1, 1)[0]!.body);
    assert.deepEqual([...event.changed].sort(), ["name", "title"]);
    assert.deepEqual(
      event.decisions.map(({ field }) => field),
      ["title"],
    );

    rig.push("new", update(2, "t1", { title: "again" }, { seen: head, at: 15 }));
    const [, , , other] = rig.results("new")[1]!;
    assert.deepEqual(
      other?.conflicts?.map(({ field, winner, value }) => [field, winner, value]),
      [["title", "current", "from the old one"]],
    );
  });

  test("[H27] tells an old device of a conflict over a changed field with the values that it knows", () => {
    const disk = written(["t1", { name: "a" }]);
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    rig.open("old", as(first));
    rig.open("new", as(second));
    const { head } = rig.hub;
    rig.push("new", update(1, "t1", { priority: 5 }, { seen: head, at: 20 }));
    rig.push("old", update(1, "t1", { urgent: false }, { seen: head, at: 10 }));
    const conflict = rig.results("old")[0]?.[3]?.conflicts?.[0];
    assert.deepEqual(
      [conflict?.field, conflict?.winner, conflict?.value, conflict?.current.value, conflict?.incoming.value],
      ["urgent", "current", true, true, false],
    );
  });

  test("[H27] tells the same in a welcome, and of what is pushed again", () => {
    const disk = written(["t1", { name: "a" }]);
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    rig.open("new", as(second));
    rig.open("old", as(first));
    const { head } = rig.hub;
    rig.push("new", update(1, "t1", { title: "b" }, { seen: head, at: 20 }));
    const late = update(1, "t1", { name: "c" }, { seen: head, at: 10 });
    rig.push("old", late);
    rig.push("old", late);
    rig.open("back", { ...as(first), device: device("old") });
    const fields = [...rig.results("old"), ...rig.of("back", "welcome").flatMap(({ results }) => results)].map(
      ([, outcome, , detail]) => [outcome, detail?.conflicts?.map(({ field }) => field)],
    );
    assert.deepEqual(fields, [
      ["merged", ["name"]],
      ["duplicate", ["name"]],
      ["merged", ["name"]],
    ]);
    // The same receipt, for the application that the device has become.
    rig.open("renewed", { ...as(second), device: device("old") });
    assert.deepEqual(
      rig.of("renewed", "welcome")[0]?.results[0]?.[3]?.conflicts?.map(({ field }) => field),
      ["title"],
    );
  });

  test("[H27] completes a half-written pair with what the entity has, also within a transaction", () => {
    const disk = written(["t1", { name: "a", given: "Ada", family: "Lovelace" }]);
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    rig.open("old", { ...as(first), subscriptions: [{ id: 1, collection: "tasks", where: {}, key: null }] });
    const { head } = rig.hub;
    rig.push("old", update(1, "t1", { family: "Byron" }, { seen: head }));
    assert.equal(held(rig.messages("old"), "t1")?.["person"], "Ada Byron");
    rig.push(
      "old",
      create(2, "t2", { name: "b", given: "Grace" }, { seen: head, remaining: 2 }),
      update(3, "t2", { family: "Hopper" }, { seen: head, remaining: 1 }),
      update(4, "t2", { given: "Admiral" }, { seen: head }),
    );
    const row = held(rig.messages("old"), "t2");
    assert.deepEqual([row?.["person"], row?.["given"], row?.["family"]], ["Admiral Hopper", "Admiral", "Hopper"]);
  });

  test("[H27] leaves what a new field says beyond an old one that is written as it is", () => {
    const disk = written(["t1", { name: "a" }]);
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    rig.open("new", { ...as(second), subscriptions: [{ id: 1, collection: "tasks", where: {}, key: null }] });
    rig.open("old", as(first));
    rig.push("new", update(1, "t1", { priority: 2 }, { seen: rig.hub.head }));
    rig.push("old", update(1, "t1", { urgent: false, name: "b" }, { seen: rig.hub.head }));
    assert.equal(held(rig.messages("new"), "t1")?.["priority"], 2);
    rig.push("old", update(2, "t1", { urgent: true }, { seen: rig.hub.head }));
    assert.equal(held(rig.messages("new"), "t1")?.["priority"], 3);
  });

  test("[H27] refuses what cannot be translated with its reason, and with it the rest of its transaction", () => {
    const disk = written(["t1", { name: "a" }]);
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    rig.open("old", as(first));
    const { head } = rig.hub;
    rig.push(
      "old",
      update(1, "t1", { name: "b" }, { seen: head, remaining: 1 }),
      update(2, "t1", { family: "?" }, { seen: head }),
      create(3, "t2", { name: "c", family: "?" }, { seen: head }),
      create(4, "t3", { urgent: true }, { seen: head }),
      update(5, "t1", { title: "d" }, { seen: head }),
      update(6, "t1", { urgent: "yes" }, { seen: head }),
      update(7, "t1", { name: "e" }, { seen: head }),
    );
    const results = rig.results("old").map(([counter, outcome, , detail]) => [counter, outcome, detail?.code]);
    assert.deepEqual(results, [
      [1, "rejected", "transaction-failed"],
      [2, "rejected", "migration-failed"],
      [3, "rejected", "migration-failed"],
      [4, "rejected", "invalid-value"],
      [5, "rejected", "unknown-field"],
      [6, "rejected", "invalid-value"],
      [7, "applied", undefined],
    ]);
    assert.match(rig.results("old")[1]?.[3]?.message ?? "", /nobody is called so/);
  });
});

describe("plain clients of the first version", () => {
  test("[H27] write and read under the names that they know, and are told of conflicts under them", () => {
    const disk = written(["t1", { name: "a", color: "red" }]);
    migrate(disk, second);
    const rig = new HubRig({ schema: second, disk });
    rig.open("new", as(second));
    const version = formatVersion(rig.disk.openTenant(tenant).epoch, { floor: rig.hub.head, dots: new Map() });
    rig.push("new", update(1, "t1", { title: "b", priority: 5 }, { seen: rig.hub.head, at: 20 }));
    const asked = rig.reconcile({
      schemaVersion: 1,
      mutations: [
        plain("m1", { operation: "update", entity: entity("t1"), payload: { urgent: false, name: "c" }, version }),
        plain("m2", { entity: entity("t2"), payload: { name: "child", parent: "m3" } }),
        plain("m3", { entity: entity("t3"), payload: { name: "other", family: "?" } }),
      ],
    });
    const answer = rig.answers.get(asked);
    assert.ok(answer?.ok);
    assert.deepEqual(answer.body.conflicts.map(({ field, server_value: value }) => [field, value]).sort(), [
      ["name", "b"],
      ["urgent", true],
    ]);
    assert.deepEqual(
      answer.body.rejected.map(({ temp_id: name, code }) => [name, code]),
      [["m3", "migration-failed"]],
    );
    const state = new Map(answer.body.state.map((each) => [each.entity_id as string, each.fields]));
    assert.deepEqual(Object.keys(state.get("t1") ?? {}).sort(), [
      "archived",
      "color",
      "done",
      "family",
      "given",
      "labels",
      "name",
      "parent",
      "urgent",
    ]);
    assert.deepEqual(
      [state.get("t1")?.["name"], state.get("t1")?.["urgent"], state.get("t1")?.["color"]],
      ["b", true, "red"],
    );
    const now = rig.answers.get(rig.reconcile({ device: device("another") }));
    assert.ok(now?.ok);
    const fields = now.body.state.find((each) => each.entity_id === "t1")?.fields;
    assert.deepEqual([fields?.["title"], fields?.["priority"], Object.hasOwn(fields ?? {}, "name")], ["b", 5, false]);
  });
});

describe("the window of versions", () => {
  test("[H29] has the server's version and the one before; older ones are sent for an upgrade, newer ones are asked to wait", () => {
    const upgrade = { message: "There is a newer version.", url: "https://example.com/app" };
    const rig = new HubRig({ schema: third, upgrade });
    rig.open("oldest", as(first));
    rig.open("old", as(second));
    rig.open("new", as(third));
    rig.open("ahead", { schema: { version: 4, hash: "later" } });
    assert.deepEqual(rig.messages("oldest"), [
      { type: "refusal", code: "upgrade-required", fatal: true, message: upgrade.message, url: upgrade.url },
    ]);
    assert.equal(rig.of("old", "welcome")[0]?.upgrade?.url, upgrade.url);
    assert.equal(rig.of("new", "welcome")[0]?.upgrade, null);
    const [ahead] = rig.of("ahead", "refusal");
    assert.deepEqual([ahead?.code, ahead?.fatal, (ahead?.retryAfterMs ?? 0) > 0], ["schema-ahead", true, true]);
    assert.equal(ERRORS["schema-ahead"].retryable, true);
  });

  test("[H29] holds for plain clients as well; one that does not say has the server's version", () => {
    const rig = new HubRig({ schema: third });
    const codes = [1, 2, 3, 4, undefined].map((schemaVersion) => {
      const answer = rig.answers.get(
        rig.reconcile({
          device: device(`d${schemaVersion}`),
          ...(schemaVersion === undefined ? {} : { schemaVersion }),
        }),
      );
      return answer?.ok === true ? "ok" : answer?.code;
    });
    assert.deepEqual(codes, ["upgrade-required", "ok", "ok", "schema-ahead", "ok"]);
  });

  test("[H29] serves another schema of the same version, and tells its operator once", () => {
    const rig = new HubRig({ schema: second });
    for (const id of ["a", "b"]) rig.open(id, { schema: { version: 2, hash: "another" } });
    rig.open("c", { schema: { version: 2, hash: "" } });
    rig.open("d", as(second));
    assert.deepEqual(
      ["a", "b", "c", "d"].map((id) => rig.of(id, "welcome").length),
      [1, 1, 1, 1],
    );
    const warnings = rig.effects.filter((effect) => effect.type === "log");
    assert.deepEqual(
      warnings.map(({ level, facts }) => [level, facts["hash"]]),
      [["warn", "another"]],
    );
  });
});
