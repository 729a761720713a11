/**
 * Devices of two versions at random: they write, lose connections, start again and are renewed, while their server is. In
 * the end every device shows what the server has, each in the words of its version, and nothing that was written is lost.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type JsonObject, type JsonValue, type Random, type Schema, seededRandom } from "@tidelock/core";
import { MemoryStoreState } from "@tidelock/client/memory";
import { first, migrate, second } from "./evolution.ts";
import { emptyDisk, HubRig } from "./hub-rig.ts";
import { device, session as sessionId, tenant, user } from "./names.ts";
import { ReplicaRig } from "./replica-rig.ts";

const NAMES = ["Ada Byron", "Grace Hopper", "Alan Turing", "Edsger"];
const IDS = ["t1", "t2", "t3", "t4", "t5", "t6"];

/** What a run did, so that it proves something. */
const done = { conflicts: 0, migrated: 0, renewed: 0, offline: 0, cut: 0 };

class Device {
  readonly name: string;
  readonly disk = new MemoryStoreState();
  rig: ReplicaRig;

  constructor(name: string) {
    this.name = name;
    const stored = { columns: {}, subscriptions: [], assigned: [], lastSyncedAt: null };
    const numbers = { epoch: null, checkpoint: 0, counter: 0, decided: 0, stamp: "" };
    const nothing = { clear: [], put: [], remove: [], putMutations: [], removeMutations: [] };
    this.disk.apply({ ...nothing, facts: { device: device(name), schemaVersion: 1, ...numbers, ...stored } });
    this.rig = new ReplicaRig(first, this.disk);
    this.rig.subscribe();
  }

  start(schema: Schema, now: number): void {
    this.rig = new ReplicaRig(schema, this.disk, 1 + this.disk.read().mutations.length);
    this.rig.now = now;
    this.rig.subscribe();
  }
}

class World {
  readonly random: Random;
  readonly disk = emptyDisk();
  readonly devices: Device[];
  hub: HubRig;
  now: number;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.hub = new HubRig({ schema: first, disk: this.disk });
    this.now = this.hub.now;
    this.devices = ["d1", "d2", "d3"].map((name) => new Device(name));
  }

  chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }

  one<Value>(values: readonly Value[]): Value {
    return values[this.random.below(values.length)]!;
  }

  /** Messages go both ways, until nobody has any, or the connection is cut. */
  talk({ rig, name }: Device, cutAfter = Number.POSITIVE_INFINITY): void {
    rig.now = this.now;
    rig.input({ type: "go-online" });
    if (rig.timers.has("reconnect")) rig.fire("reconnect");
    const session = `${name}-${rig.hellos.length}-${rig.schema.version}-${this.random.below(1e9)}`;
    let [heard, said, left] = [0, rig.said.length, cutAfter];
    this.hub.now = this.now;
    this.hub.open(session, rig.hellos.at(-1)!, { user: user("ana") });
    rig.input({ type: "connected", connection: rig.connection });
    for (let isBusy = true; isBusy && left > 0;) {
      isBusy = false;
      for (; heard < this.hub.messages(session).length && left > 0; heard++, left--, isBusy = true) {
        rig.hear(this.hub.messages(session)[heard]!);
      }
      for (; said < rig.said.length && left > 0; said++, left--, isBusy = true) this.hub.say(session, rig.said[said]!);
    }
    rig.lose();
    this.hub.input({ type: "session-closed", session: sessionId(session) });
  }

  write({ rig }: Device): void {
    rig.now = this.now;
    const id = this.one(IDS);
    const isNew = rig.schema.version === 2;
    const person = this.one(NAMES);
    const [given = "", family = ""] = person.split(" ");
    const value: JsonObject = isNew
      ? {
          title: `n${this.random.below(100)}`,
          priority: 1 + this.random.below(4),
          tags: { add: [this.one(NAMES)] },
          person,
        }
      : {
          name: `o${this.random.below(100)}`,
          urgent: this.chance(50),
          labels: { add: [this.one(NAMES)] },
          given,
          family,
        };
    if (rig.get(id) === null) {
      const { tags: _tags, labels: _labels, ...fields } = value;
      rig.create(id, isNew ? { ...fields, size: 1 } : fields);
      return;
    }
    const some = Object.entries(value).filter(() => this.chance(40));
    if (some.length > 0) rig.update(id, Object.fromEntries(some));
  }

  renewServer(): void {
    done.migrated += migrate(this.disk, second);
    this.hub = new HubRig({ schema: second, disk: this.disk });
  }

  renew(each: Device): void {
    done.renewed += 1;
    done.offline += each.rig.replica.outbox.length;
    each.start(second, this.now);
  }

  run(steps: number): void {
    const serverAt = Math.floor(steps / 3);
    for (let step = 0; step < steps; step++) {
      this.now += 1 + this.random.below(50);
      if (step === serverAt) this.renewServer();
      const each = this.one(this.devices);
      const isOld = each.rig.schema.version === 1;
      if (this.chance(45)) this.write(each);
      else if (this.chance(30)) {
        done.cut += 1;
        this.talk(each, 1 + this.random.below(8));
      } else if (this.chance(10)) each.start(each.rig.schema, this.now);
      // An application may be renewed before its server; then it waits.
      else if (isOld && step > serverAt / 2 && this.chance(8) && each.name !== "d1") this.renew(each);
      else this.talk(each);
    }
    for (let round = 0; round < 3; round++) for (const each of this.devices) this.talk(each);
  }

  /** Each device writes alone, having seen everything: what it writes stands, on every device and in the words of both versions. */
  speakInTurn(seed: number): void {
    for (const [index, each] of this.devices.entries()) {
      this.talk(each);
      each.rig.now = this.now;
      const [id] = each.rig.ids();
      if (id === undefined) continue;
      const words = `${each.name}x${index}`;
      const isNew = each.rig.schema.version === 2;
      // An old device says one half of a name, and leaves the other as it is.
      each.rig.update(
        id,
        isNew ? { title: words, priority: 2, person: words } : { name: words, urgent: true, given: words },
      );
      for (const other of [each, ...this.devices]) this.talk(other);
      for (const { rig, name } of this.devices) {
        const entity = rig.get(id);
        const [wanted, isUrgent] = [words, !isNew];
        const seen =
          rig.schema.version === 2
            ? [entity?.["title"], Number(entity?.["priority"]) >= 3, String(entity?.["person"]).startsWith(words)]
            : [entity?.["name"], entity?.["urgent"], entity?.["given"] === words];
        assert.deepEqual(seen, [wanted, isUrgent, true], `seed ${seed}: ${name} after ${each.name}`);
      }
    }
  }

  /** Rows as the server has them, by id, then column. */
  rows(): Map<string, JsonObject> {
    const columns = this.disk.openTenant(tenant).columns.get("tasks") ?? [];
    const { entities } = this.disk.readPage(tenant, "tasks", null, 1000);
    return new Map(
      entities.map(({ id, row }) => {
        const values: readonly JsonValue[] = JSON.parse(row ?? "[]");
        return [id, Object.fromEntries(columns.map((name, column) => [name, values[column] ?? null]))];
      }),
    );
  }

  check(seed: number): void {
    const rows = this.rows();
    for (const [id, row] of rows) {
      const derived = { name: row["title"], urgent: Number(row["priority"]) >= 3, labels: row["tags"] };
      for (const [name, value] of Object.entries(derived))
        assert.deepEqual(row[name], value, `seed ${seed}: ${id}.${name}`);
      assert.equal(`${String(row["given"])} ${String(row["family"])}`.trim(), row["person"], `seed ${seed}: ${id}`);
    }
    for (const { rig, name } of this.devices) {
      assert.deepEqual(
        rig.replica.outbox.map(({ counter, fields }) => [counter, fields]),
        [],
        `seed ${seed}: ${name} has sent everything`,
      );
      const fields = rig.schema.collections.get("tasks")!.fields.map((field) => field.name);
      const shown = rig.ids().map((id) => [id, fields.map((field) => rig.get(id)?.[field])] as const);
      const expected = [...rows].map(([id, row]) => [id, fields.map((field) => row[field])] as const);
      assert.deepEqual(new Map(shown), new Map(expected), `seed ${seed}: what ${name} shows`);
      done.conflicts += rig.of("decided").filter(({ outcome }) => outcome === "merged").length;
      const refused = rig.replica.rejected.filter(
        ({ detail }) => detail?.code !== "entity-exists" && detail?.code !== "entity-not-found",
      );
      assert.deepEqual(
        refused.map(({ fields: of, detail }) => [of, detail?.code]),
        [],
        `seed ${seed}: ${name} was refused nothing`,
      );
    }
  }
}

describe("two versions at random", () => {
  test("[H28] [R18] every device ends with what the server has, in the words of its version", () => {
    for (let seed = 1; seed <= 150; seed++) {
      const world = new World(seed);
      world.run(120);
      world.check(seed);
      world.speakInTurn(seed);
    }
    assert.ok(done.conflicts > 300, `${done.conflicts} conflicts`);
    assert.ok(done.migrated > 300, `${done.migrated} appends of migrations`);
    assert.ok(done.renewed > 100, `${done.renewed} devices renewed`);
    assert.ok(done.offline > 100, `${done.offline} mutations taken along`);
    assert.ok(done.cut > 1000, `${done.cut} connections cut`);
  });
});
