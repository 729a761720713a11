/** Plain HTTP clients: `POST /sync/reconcile` beside sessions, beside failing disks, and by the thousand. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, HubRig, plain } from "./hub-rig.ts";
import { device, entity, tenant } from "./names.ts";
import { schema } from "./schema.ts";

describe("plain clients", () => {
  test("[H4] a thousand requests of one device at once do not break the hub", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.push("ana", create(1, "t1", {}));
    rig.holds = (asked) => asked.type === "read";
    for (let request = 0; request < 20_000; request++) {
      rig.reconcile({ checkpoint: { epoch: rig.disk.openTenant(tenant).epoch, offset: 1, page: null } });
    }
    rig.releaseAll();
    assert.equal(rig.answers.size, 20_000);
    const codes = new Set([...rig.answers.values()].map((answer) => (answer.ok ? "ok" : answer.code)));
    assert.deepEqual([...codes].sort(), ["ok", "overloaded"]);
  });

  test("[H4] a read that fails is tried again even when nobody is connected", () => {
    const rig = new HubRig({ schema });
    rig.reconcile({ mutations: [plain("m0", { entity: entity("t0") })] });
    rig.holds = (asked) => asked.type === "read" && asked.request.kind === "entities";
    rig.reconcile({ mutations: [plain("m1", { operation: "update", entity: entity("t1"), payload: { done: true } })] });
    rig.fail();
    rig.holds = () => false;
    assert.equal(rig.answers.has(2), false);
    assert.ok(rig.timers.has("sweep"), "a timer is armed");
    rig.fire("sweep");
    assert.equal(rig.answers.get(2)?.ok, true);
  });

  test("[H3] a request that is decided while a welcome is prepared is in that welcome", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.push("ana", create(1, "t1", {}));
    rig.holds = (asked) => asked.type === "read" && asked.request.kind === "receipts";
    rig.open("again", { device: device("ana"), decided: 0 });
    rig.reconcile({ device: device("ana"), mutations: [plain("m2", { operation: "update", entity: entity("none") })] });
    rig.releaseAll();
    const [welcome] = rig.of("again", "welcome");
    assert.equal(welcome?.decided, welcome?.results.length);
  });
});
