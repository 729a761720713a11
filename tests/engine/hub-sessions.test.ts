/** Sessions that open, flood, race and leave. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, HubRig, plain, remove } from "./hub-rig.ts";
import { device, entity, room, session, user } from "./names.ts";
import { schema } from "./schema.ts";

describe("sessions", () => {
  test("[H4] a rule for rooms that throws refuses the room, and nothing else", () => {
    const rig = new HubRig({
      schema,
      rooms: () => {
        throw new Error("the rule fell over");
      },
    });
    rig.open("eve");
    rig.say("eve", { type: "presence", room: room("lobby"), action: "join", clock: 1, state: {} });
    assert.equal(rig.of("eve", "refusal")[0]?.code, "rule-failed");
    rig.push("eve", create(1, "t1", {}));
    assert.equal(rig.results("eve")[0]?.[1], "applied");
  });

  test("[H13] whoever may not be in a room any more is sent away, and gone from it", () => {
    const rig = new HubRig({ schema, rooms: ({ claims }) => claims["role"] !== "guest" });
    rig.open("ana");
    rig.open("bob", {}, { user: user("bob") });
    for (const name of ["ana", "bob"]) {
      rig.say(name, { type: "presence", room: room("lobby"), action: "join", clock: 1, state: { name } });
    }
    const principal = { user: user("bob"), claims: { role: "guest" }, expires: null };
    rig.input({ type: "authenticated", session: session("bob"), principal });
    rig.fire("presence");
    assert.equal(rig.closed.get("bob"), "rights-changed");
    assert.deepEqual(
      rig
        .of("ana", "presence")
        .at(-1)
        ?.members.map(([, name, , , state]) => [name, state]),
      [
        ["ana", { name: "ana" }],
        ["bob", null],
      ],
    );
  });

  test("[H12] what a device says before it is welcomed waits, but not without bound", () => {
    const rig = new HubRig({ schema });
    rig.holds = () => true;
    rig.open("eve");
    for (let nonce = 0; nonce < 10_000; nonce++) rig.say("eve", { type: "ack", offset: nonce });
    assert.equal(rig.closed.get("eve"), "overloaded");
    rig.releaseAll();
    assert.equal(rig.hub.sessionCount, 0);
  });

  test("[H4] a token of somebody else ends a session that is still opening", () => {
    const rig = new HubRig({ schema });
    rig.holds = () => true;
    rig.open("eve");
    const principal = { user: user("mallory"), claims: {}, expires: null };
    rig.input({ type: "authenticated", session: session("eve"), principal });
    rig.releaseAll();
    assert.equal(rig.closed.get("eve"), "device-taken");
    assert.deepEqual(rig.of("eve", "welcome"), []);
  });

  test("[H14] the newest of two sessions that open at once stays, in whichever order the disk answers", () => {
    const rig = new HubRig({ schema });
    rig.holds = (asked) => asked.type === "read";
    rig.open("old", { device: device("d1") });
    rig.open("new", { device: device("d1") });
    while (rig.held.length > 0) rig.release(rig.held.at(-1));
    assert.equal(rig.closed.get("old"), "session-replaced");
    assert.equal(rig.closed.get("new"), undefined);
    assert.equal(rig.of("new", "welcome").length, 1);
  });

  test("[H2] an answer of the disk about a device that has moved on since is not believed", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.push("ana", create(1, "t1", {}));
    rig.input({ type: "session-closed", session: session("ana") });
    rig.holds = (asked) => asked.type === "read" && asked.request.kind === "device";
    rig.reconcile({ device: device("ana"), mutations: [plain("m1", { entity: entity("t2") })] });
    rig.open("again", { device: device("ana"), decided: 1 });
    // Two questions, or one that both share: the last one is answered first, and acted on before the other's answer comes.
    const answers = rig.held.map((asked) => rig.answerOf(asked)).reverse();
    rig.holds = () => false;
    for (const answer of answers) {
      rig.input(answer);
      if (rig.of("again", "welcome").length === 0) continue;
      rig.input({ type: "session-closed", session: session("again") });
    }
    assert.equal(rig.answers.get(1)?.ok, true);
  });

  test("[H12] devices that left are forgotten", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.input({ type: "session-closed", session: session("ana") });
    rig.holds = (asked) => asked.type === "read";
    rig.open("again", { device: device("ana") });
    rig.input({ type: "session-closed", session: session("again") });
    rig.releaseAll();
    const before = rig.effects.length;
    rig.open("third", { device: device("ana") });
    const asked = rig.effects.slice(before).filter((effect) => effect.type === "read");
    assert.equal(asked.length, 1, "the device is read again: it was not kept");
  });

  test("[H12] a device that claims to know nothing gets its newest results, not all there ever were", () => {
    const rig = new HubRig({ schema });
    rig.open("eve");
    for (let start = 0; start < 12_000; start += 1000) {
      rig.push("eve", ...Array.from({ length: 1000 }, (_, index) => remove(start + index + 1, `t${index}`)));
    }
    rig.open("again", { device: device("eve") });
    const [welcome] = rig.of("again", "welcome");
    assert.equal(welcome?.decided, 12_000);
    assert.equal(welcome?.results.length, 10_000);
    assert.equal(welcome?.results.at(-1)?.[0], 12_000);
  });

  test("[H12] a session that subscribes and unsubscribes all the time has one snapshot read at a time", () => {
    const rig = new HubRig({ schema });
    rig.open("eve");
    rig.holds = (asked) => asked.type === "read";
    for (let number = 0; number < 100; number++) {
      rig.subscribe("eve", number, "tasks", { title: `title ${number}` });
      rig.say("eve", { type: "unsubscribe", id: number });
    }
    rig.subscribe("eve", 1000, "tasks");
    assert.equal(rig.held.length, 1);
    rig.releaseAll();
    assert.deepEqual(
      rig.of("eve", "snapshot-end").map(({ subscription }) => subscription),
      [1000],
    );
  });

  test("[H2] a repeated push that cannot be looked up ends the session, so that the device asks again", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.push("ana", create(1, "t1", {}));
    rig.holds = (asked) => asked.type === "read";
    rig.push("ana", create(1, "t1", {}));
    rig.fail();
    assert.equal(rig.closed.get("ana"), "storage-unavailable");
  });
});
