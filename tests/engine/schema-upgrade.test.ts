/** A device whose application was renewed: what the older version has left in its store, and what becomes of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  field,
  type Hello,
  type JsonValue,
  type MutationRow,
  type Schema,
  TidelockError,
  withMutators,
} from "@tidelock/core";
import type { MemoryStoreState } from "@tidelock/client/memory";
import { first, migrate, second, third } from "./evolution.ts";
import { emptyDisk, HubRig } from "./hub-rig.ts";
import { entity, user } from "./names.ts";
import { ReplicaRig } from "./replica-rig.ts";

const COLUMNS = ["name", "urgent", "color", "labels", "given", "family", "parent", "done"];
type Row = readonly [string, boolean, string, readonly string[], string, string, string | null, boolean];
const ROW: Row = ["Water the plants", true, "red", ["home"], "Ada", "Byron", null, false];

/** A device of the first version that holds one task as of offset 5, and is not connected any more. */
function heldByFirst(): ReplicaRig {
  const rig = new ReplicaRig(first);
  rig.subscribe();
  rig.connect({ columns: { tasks: COLUMNS } });
  rig.hear({ type: "snapshot", subscription: 1, collection: "tasks", offset: 5, key: "key-1" });
  rig.hear({ type: "rows", collection: "tasks", offset: 5, rows: [[entity("t1"), 5, ROW]] });
  rig.hear({ type: "delta", from: 0, to: 5, time: rig.now, changes: [] });
  rig.hear({ type: "snapshot-end", subscription: 1, offset: 5 });
  rig.lose();
  return rig;
}

/** The same device after its application was renewed. */
const renewed = (rig: ReplicaRig, schema: Schema = second): ReplicaRig => new ReplicaRig(schema, rig.disk, 3);

function task(rig: ReplicaRig, id: string = "t1"): Record<string, JsonValue> {
  const { id: _id, ...fields } = rig.get(id) ?? { id: null };
  return fields;
}

const outboxOf = (disk: MemoryStoreState): unknown[] =>
  disk.read().mutations.map(({ counter, operation, fields, state }) => [counter, operation, fields, state]);

describe("a device that was renewed", () => {
  test("[R18] reads the rows that it holds as the new version has them, without a connection", () => {
    const rig = renewed(heldByFirst());
    assert.deepEqual(task(rig), {
      title: "Water the plants",
      priority: 3,
      tags: ["home"],
      person: "Ada Byron",
      above: null,
      done: false,
      size: 16,
      archived: false,
    });
    assert.equal(rig.replica.isComplete("tasks", {}), true);
    const over = renewed(heldByFirst(), third);
    assert.deepEqual([task(over)["rank"], task(over)["title"], task(over)["size"]], ["high", "Water the plants", 16]);
  });

  test("[R18] follows what the log says of old fields, until the new ones come", () => {
    const rig = renewed(heldByFirst());
    rig.connect({
      head: 5,
      columns: { tasks: [...COLUMNS, "title", "priority", "tags", "person", "above", "size", "archived"] },
      whole: [1],
    });
    const patch = (from: number, ...values: readonly JsonValue[]): void =>
      rig.hear({
        type: "delta",
        from,
        to: from + 1,
        time: rig.now,
        changes: [[1, "tasks", entity("t1"), from + 1, values]],
      });
    patch(5, 0, "Water them all");
    assert.deepEqual([task(rig)["title"], task(rig)["priority"], task(rig)["size"]], ["Water them all", 3, 14]);
    patch(6, 1, false, 4, "Grace");
    assert.deepEqual([task(rig)["priority"], task(rig)["person"]], [1, "Grace Byron"]);
    // One delta may bring both: an old field's last value, and of the new ones those that changed since.
    patch(7, 9, 2, 0, "Fire");
    assert.deepEqual(
      [task(rig)["title"], task(rig)["priority"], task(rig)["person"], rig.disk.read().rows[0]?.values.length],
      ["Fire", 2, "Grace Byron", 15],
    );
  });

  test("[R18] shows, keeps and sends what it had written offline, in the words of the new version", () => {
    const old = heldByFirst();
    old.update("t1", { name: "Water them all", urgent: false, labels: { add: ["out"] } });
    old.update("t1", { family: "Lovelace", color: "blue" });
    old.create("t2", { name: "child", parent: "t1" });
    old.write({ operation: "delete", collection: "tasks", entity: entity("t3"), fields: {} });
    const rig = renewed(old);
    const fields = [
      { title: "Water them all", priority: 1, tags: { add: ["out"] } },
      { person: "Ada Lovelace", color: "blue" },
      { title: "child", above: "t1", priority: 1, person: "", size: 5 },
      {},
    ];
    assert.deepEqual(
      rig.replica.outbox.map((mutation) => mutation.fields),
      fields,
    );
    assert.deepEqual(task(rig), {
      title: "Water them all",
      priority: 1,
      tags: ["home", "out"],
      person: "Ada Lovelace",
      above: null,
      done: false,
      size: 16,
      archived: false,
    });
    assert.deepEqual([task(rig, "t2")["title"], task(rig, "t2")["size"]], ["child", 5]);
    // All of it, and the version, are on the disk: another start finds nothing to do.
    assert.equal(rig.disk.read().facts?.schemaVersion, 2);
    const again = renewed(rig);
    assert.deepEqual(outboxOf(again.disk), outboxOf(rig.disk));
    again.connect({
      columns: { tasks: [...COLUMNS, "title", "priority", "tags", "person", "above", "size", "archived"] },
      whole: [1],
    });
    assert.deepEqual(again.hellos.at(-1)?.schema, { version: 2, hash: second.hash });
    const pushed = again.said.flatMap((message) => (message.type === "push" ? message.mutations : []));
    assert.deepEqual(
      pushed.map((mutation: MutationRow) => mutation[4]),
      fields,
    );
  });

  test("[R18] goes over several versions at once; what is gone for good is kept beside, refused", () => {
    const old = heldByFirst();
    old.update("t1", { name: "b", urgent: false, color: "blue" });
    old.update("t1", { color: "green" });
    const rig = renewed(old, third);
    assert.deepEqual(
      rig.replica.outbox.map(({ fields }) => fields),
      [{ title: "b", rank: "low" }, {}],
    );
    assert.deepEqual(
      rig.replica.rejected.map(({ fields, detail, counter }) => [fields, detail?.code, counter < 0]),
      [
        [{ color: "blue" }, "migration-failed", true],
        [{ color: "green" }, "migration-failed", true],
      ],
    );
  });

  test("[R18] keeps what it subscribed to, under the names that fields have now, and what was refused before", () => {
    const old = heldByFirst();
    old.subscribe("tasks", { name: "a", or: [{ urgent: true }, { labels: null }] });
    old.update("t1", { name: "refused" });
    old.connect({ columns: { tasks: COLUMNS }, whole: [1] });
    old.result([1, "rejected", 0, { code: "forbidden", message: "no" }]);
    const rig = renewed(old);
    assert.deepEqual(
      rig.replica.rejected.map(({ fields, detail }) => [fields, detail?.code]),
      [[{ title: "refused" }, "forbidden"]],
    );
    rig.connect({ columns: { tasks: COLUMNS } });
    assert.deepEqual(
      rig.hellos.at(-1)?.subscriptions.map(({ where }) => where),
      [{}, { title: "a", or: [{ urgent: true }, { tags: null }] }],
    );
  });

  test("[R18] runs calls again, with the mutators that there are", () => {
    const closing = (name: string, schema: Schema): Schema =>
      withMutators(schema, (mutator) => ({
        close: mutator({
          args: { task: field.string() },
          run: (tx, { task: id }) => {
            const tasks = (tx as Record<string, { update(id: string, fields: object): void }>)["tasks"];
            tasks?.update(id, { [name]: "closed", done: true });
          },
        }),
      }));
    const disk = heldByFirst().disk;
    const old = new ReplicaRig(closing("name", first), disk);
    old.write({ operation: "call", collection: "close", entity: entity("close"), fields: { task: "t1" } });
    assert.equal(old.get("t1")?.["name"], "closed");
    const rig = renewed(old, closing("title", second));
    assert.deepEqual([task(rig)["title"], task(rig)["done"]], ["closed", true]);
    assert.deepEqual(rig.replica.outbox[0]?.fields, { task: "t1" });
  });

  test("[R18] takes what the server says after its renewal where what it holds leaves off", () => {
    const server = emptyDisk();
    const before = new HubRig({ schema: first, disk: server });
    const hello = (schema: Schema): Partial<Hello> => ({ schema: { version: schema.version, hash: schema.hash } });
    before.open("founder", hello(first));
    before.push("founder", [
      1,
      "create",
      "tasks",
      entity("t1"),
      { name: "one" },
      0,
      "01a2040400000000" as MutationRow[6],
      0,
    ]);
    before.push("founder", [
      2,
      "create",
      "tasks",
      entity("t2"),
      { name: "two" },
      0,
      "01a2040400010000" as MutationRow[6],
      0,
    ]);
    const old = new ReplicaRig(first);
    old.subscribe();
    talk(old, before, "d1");
    assert.deepEqual(old.ids(), ["t1", "t2"]);
    // While it is away, others write in both versions, and the server is renewed.
    before.push("founder", [
      3,
      "update",
      "tasks",
      entity("t1"),
      { name: "old words", urgent: true },
      2,
      "01a2040400020000" as MutationRow[6],
      0,
    ]);
    migrate(server, second);
    const hub = new HubRig({ schema: second, disk: server });
    hub.open("other", hello(second));
    hub.push("other", [
      1,
      "update",
      "tasks",
      entity("t2"),
      { priority: 2 },
      hub.hub.head,
      "01a2040400030000" as MutationRow[6],
      0,
    ]);
    const rig = renewed(old);
    assert.equal(task(rig)["title"], "one");
    talk(rig, hub, "d1");
    assert.deepEqual([task(rig)["title"], task(rig)["priority"], task(rig)["size"]], ["old words", 3, 9]);
    assert.deepEqual([task(rig, "t2")["title"], task(rig, "t2")["priority"]], ["two", 2]);
    assert.deepEqual(
      rig.hellos.at(-1)?.subscriptions.map(({ key }) => key !== null),
      [true],
    );
    assert.equal(rig.replica.status.pendingCount, 0);
  });
});

describe("a mutation that no migration can translate", () => {
  function withImpossible(): ReplicaRig {
    const old = heldByFirst();
    old.update("t1", { done: true });
    old.write(
      { operation: "update", collection: "tasks", entity: entity("t1"), fields: { name: "both or none" } },
      { operation: "update", collection: "tasks", entity: entity("t1"), fields: { family: "?" } },
    );
    old.update("t1", { name: "after" });
    return renewed(old);
  }

  test("[R19] is set aside as it was written, with its transaction and the reason; what is behind it goes on", () => {
    const rig = withImpossible();
    assert.deepEqual(
      rig.replica.rejected.map(({ fields, detail }) => [
        fields,
        detail?.code,
        /nobody is called so/.test(detail?.message ?? ""),
      ]),
      [
        [{ name: "both or none" }, "migration-failed", true],
        [{ family: "?" }, "migration-failed", true],
      ],
    );
    assert.deepEqual(
      rig.of("decided").map(({ counter, outcome, detail }) => [counter, outcome, detail.code]),
      [
        [2, "rejected", "migration-failed"],
        [3, "rejected", "migration-failed"],
      ],
    );
    assert.deepEqual([task(rig)["title"], task(rig)["done"]], ["after", true]);
    rig.connect({ columns: { tasks: COLUMNS }, whole: [1] });
    const pushed = rig.said.flatMap((message) => (message.type === "push" ? message.mutations : []));
    assert.deepEqual(
      pushed.map(([counter, operation, , , fields, , , remaining]) => [counter, operation, fields, remaining]),
      [
        [1, "update", { done: true }, 0],
        [2, "void", {}, 1],
        [3, "void", {}, 0],
        [4, "update", { title: "after" }, 0],
      ],
    );
    // A further start has the same, and sets nothing aside twice.
    const again = renewed(rig);
    assert.equal(again.replica.rejected.length, 2);
  });

  test("[R19] is not called refused when the server had taken it in before", () => {
    const rig = withImpossible();
    rig.connect({
      columns: { tasks: COLUMNS },
      whole: [1],
      decided: 3,
      results: [
        [1, "applied", 6],
        [2, "applied", 7],
        [3, "applied", 8],
      ],
    });
    assert.deepEqual(rig.replica.rejected, []);
    assert.deepEqual(
      rig.disk.read().mutations.filter(({ state }) => state === "rejected"),
      [],
    );
  });

  test("[R19] stays refused, for both reasons, when it had been refused", () => {
    const old = heldByFirst();
    old.update("t1", { family: "?" });
    old.connect({ columns: { tasks: COLUMNS }, whole: [1] });
    old.result([1, "rejected", 0, { code: "forbidden", message: "no" }]);
    const [kept] = renewed(old).replica.rejected;
    assert.deepEqual(kept?.fields, { family: "?" });
    assert.equal(kept?.detail?.code, "migration-failed");
    assert.match(kept?.detail?.message ?? "", /nobody is called so; it had been refused with forbidden$/);
  });
});

describe("versions that do not fit", () => {
  test("[R20] a store of a newer application is not opened, and nothing in it is changed", () => {
    const { disk } = renewed(heldByFirst());
    const before = JSON.stringify([disk.read().facts, disk.read().rows, disk.read().mutations]);
    assert.throws(
      () => new ReplicaRig(first, disk),
      (error) => error instanceof TidelockError && error.code === "store-newer",
    );
    assert.equal(JSON.stringify([disk.read().facts, disk.read().rows, disk.read().mutations]), before);
  });

  test("[R21] a server that is behind is waited for, with all work kept, and met again by itself", () => {
    const rig = new ReplicaRig(second);
    rig.create("t1", { title: "a", priority: 1, size: 1 });
    rig.input({ type: "go-online" });
    rig.hear({ type: "refusal", code: "schema-ahead", message: "behind", fatal: true, retryAfterMs: 5_000 });
    assert.deepEqual([rig.replica.status.phase, rig.replica.status.lastError?.code], ["connecting", "schema-ahead"]);
    assert.ok((rig.timers.get("reconnect") ?? 0) >= rig.now + 5_000);
    assert.equal(rig.replica.outbox.length, 1);
    const connections = rig.hellos.length;
    rig.fire("reconnect");
    assert.equal(rig.hellos.length, connections + 1);
  });

  test("[R21] an application that is too old keeps its work, and says where there is a newer one", () => {
    const rig = new ReplicaRig(first);
    rig.create("t1", { name: "a" });
    rig.input({ type: "go-online" });
    rig.hear({ type: "refusal", code: "upgrade-required", message: "get it", fatal: true, url: "https://example.com" });
    assert.equal(rig.replica.status.phase, "upgrade-required");
    assert.deepEqual(rig.replica.status.upgrade, { required: true, message: "get it", url: "https://example.com" });
    assert.equal(renewed(rig, third).replica.outbox.length, 1);
  });
});

/** Lets a replica and a hub talk until neither has anything to say. */
function talk(rig: ReplicaRig, hub: HubRig, id: string): void {
  rig.input({ type: "go-online" });
  if (rig.timers.has("reconnect")) rig.fire("reconnect");
  const session = `${id}-${rig.connection}-${rig.schema.version}`;
  const hello = rig.hellos.at(-1)!;
  let [heard, said] = [0, rig.said.length];
  hub.open(session, hello, { user: user("ana") });
  rig.input({ type: "connected", connection: rig.connection });
  for (let isBusy = true; isBusy;) {
    isBusy = false;
    for (; heard < hub.messages(session).length; heard++, isBusy = true) rig.hear(hub.messages(session)[heard]!);
    for (; said < rig.said.length; said++, isBusy = true) hub.say(session, rig.said[said]!);
  }
  rig.lose();
}
