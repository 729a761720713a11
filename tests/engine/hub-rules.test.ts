/** The hub's rules, each in the fewest words that show it. Their numbers are those of the engine's SPEC.md. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Delta } from "@tidelock/core";
import { create, HubRig, plain, remove, update } from "./hub-rig.ts";
import { device, entity, room, session, stampAt, START, user } from "./names.ts";
import { epoch } from "./replica-rig.ts";
import { schema } from "./schema.ts";

const whole = { id: 1, collection: "tasks", where: {} };

/** A hub with some tasks, and a session that watches them from the beginning. */
function watched(bounds: ConstructorParameters<typeof HubRig>[0]["bounds"] = {}): HubRig {
  const rig = new HubRig({ schema, bounds });
  rig.open("ana");
  rig.open("bob", {}, { user: user("bob") });
  rig.subscribe("bob", 1, "tasks");
  return rig;
}

function assertJoined(deltas: readonly Delta[], from: number): void {
  for (const [index, delta] of deltas.entries()) assert.equal(delta.from, index === 0 ? from : deltas[index - 1]?.to);
}

describe("answers", () => {
  test("[H1] nothing is answered or delivered before it is on disk", () => {
    const rig = watched();
    rig.holds = (asked) => asked.type === "append";
    rig.push("ana", create(1, "t1", {}));
    rig.reconcile({ device: device("other"), mutations: [plain("m1", { entity: entity("t2") })] });
    assert.deepEqual([rig.results("ana"), rig.of("bob", "delta"), rig.answers.size], [[], [], 0]);
    rig.releaseAll();
    assert.equal(rig.results("ana").length, 1);
    assert.equal(rig.of("bob", "delta").length > 0, true);
    assert.equal(rig.answers.get(1)?.ok, true);
  });

  test("[H1] the result comes before the delta, also to a device that waits for a snapshot", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.subscribe("ana", 1, "cards");
    rig.holds = (asked) => asked.type === "read" && asked.request.kind === "snapshot";
    rig.subscribe("ana", 2, "tasks");
    rig.push("ana", create(1, "tmp:ana:1", {}, { collection: "cards" }));
    const types = rig.types("ana");
    assert.ok(types.indexOf("push-result") < types.lastIndexOf("delta"), types.join(" "));
  });

  test("[H2] a mutation that was decided is answered again with its first answer", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.push("ana", create(1, "t1", {}));
    rig.push("ana", update(2, "none", {}));
    rig.push("ana", create(1, "t1", {}), update(2, "none", {}), create(3, "t3", {}));
    assert.deepEqual(
      rig.results("ana").map(([counter, outcome, offset, detail]) => [counter, outcome, offset, detail?.original]),
      [
        [1, "applied", 1, undefined],
        [2, "rejected", 0, undefined],
        [1, "duplicate", 1, "applied"],
        [2, "duplicate", 0, "rejected"],
        [3, "applied", 2, undefined],
      ],
    );
    assert.equal(rig.hub.head, 2);
  });

  test("[H2] a gap ends the session", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.push("ana", create(2, "t1", {}));
    assert.equal(rig.closed.get("ana"), "counter-gap");
    assert.equal(rig.hub.head, 0);
  });

  test("[H3] results that were lost come again in the welcome, before any delta", () => {
    const rig = new HubRig({ schema });
    rig.open("ana", { subscriptions: [{ ...whole, key: null }] });
    rig.push("ana", create(1, "t1", {}), update(2, "none", {}));
    const key = rig.of("ana", "snapshot")[0]?.key ?? null;
    const hello = { device: device("ana"), epoch: epoch(1), checkpoint: 0, decided: 0 };
    rig.open("again", { ...hello, subscriptions: [{ ...whole, key }] });
    const [welcome, next] = rig.messages("again");
    assert.deepEqual(welcome?.type === "welcome" && welcome.results.map(([counter, outcome]) => [counter, outcome]), [
      [1, "applied"],
      [2, "rejected"],
    ]);
    assert.equal(next?.type, "delta");
  });

  test("[H3] a welcome waits for what an earlier session has under way", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.holds = (asked) => asked.type === "append";
    rig.push("ana", create(1, "t1", {}));
    rig.open("again", { device: device("ana") });
    assert.deepEqual(rig.types("again"), []);
    rig.releaseAll();
    const [welcome] = rig.of("again", "welcome");
    assert.deepEqual([welcome?.decided, welcome?.results.length], [1, 1]);
  });

  test("[H4] a rule that throws refuses its mutation, and the next one is admitted", () => {
    const throws = (): boolean => {
      throw new Error("the rule fell over");
    };
    const rig = new HubRig({ schema, rules: { tasks: { write: throws } } });
    rig.open("ana");
    rig.push("ana", create(1, "t1", {}), create(2, "m1", {}, { collection: "marks" }));
    assert.deepEqual(
      rig.results("ana").map(([, outcome, , detail]) => [outcome, detail?.code]),
      [
        ["rejected", "rule-failed"],
        ["applied", undefined],
      ],
    );
  });

  test("[H5] a transaction is refused whole, and each of its mutations says so", () => {
    const rig = watched();
    rig.push("ana", create(1, "t1", {}, { remaining: 1 }), update(2, "none", {}), create(3, "t3", {}));
    assert.deepEqual(
      rig.results("ana").map(([, outcome, , detail]) => [outcome, detail?.code]),
      [
        ["rejected", "transaction-failed"],
        ["rejected", "entity-not-found"],
        ["applied", undefined],
      ],
    );
  });

  test("[H5] a transaction is never split across deltas, however small the windows", () => {
    const rig = watched({ maxTailEvents: 1, eventsPerRead: 2, maxAppendMutations: 2 });
    rig.input({ type: "session-blocked", session: session("bob") });
    rig.push("ana", create(1, "t1", {}));
    rig.push("ana", ...[2, 3, 4, 5].map((counter) => create(counter, `t${counter}`, {}, { remaining: 5 - counter })));
    rig.push("ana", create(6, "t6", {}));
    rig.input({ type: "session-drained", session: session("bob") });
    const ends = rig.of("bob", "delta").map(({ to }) => to);
    assert.equal(ends.at(-1), 6);
    assert.ok(!ends.some((end) => end > 1 && end < 5), ends.join(" "));
  });
});

describe("streams", () => {
  test("[H6] deltas join end to end, whether from memory or from the log", () => {
    const rig = watched({ maxTailEvents: 2, eventsPerRead: 3 });
    for (let counter = 1; counter <= 40; counter++) {
      if (counter === 10) rig.input({ type: "session-blocked", session: session("bob") });
      if (counter === 30) rig.input({ type: "session-drained", session: session("bob") });
      rig.push("ana", create(counter, `t${counter}`, {}));
    }
    const deltas = rig.of("bob", "delta");
    assertJoined(deltas, 0);
    assert.equal(deltas.at(-1)?.to, 40);
    assert.equal(new Set(deltas.flatMap(({ changes }) => changes.map(([, , id]) => id))).size, 40);
  });

  test("[H6] an author that sees nothing of its own write is told how far the log is", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.push("ana", create(1, "t1", {}));
    assert.deepEqual(
      rig.of("ana", "delta").map(({ from, to, changes }) => [from, to, changes.length]),
      [[0, 1, 0]],
    );
  });

  test("[H9] an entity outside the view is never named; one that leaves is withdrawn; one that returns comes whole", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.open("bob");
    rig.subscribe("bob", 1, "tasks", { owner: "bob" });
    rig.push("ana", create(1, "t1", { owner: "cyd" }));
    rig.push("ana", remove(2, "t1"));
    rig.push("ana", create(3, "t2", { owner: "bob" }));
    rig.push("ana", update(4, "t2", { owner: "cyd" }));
    rig.push("ana", update(5, "t2", { title: "unseen" }));
    rig.push("ana", update(6, "t2", { owner: "bob" }));
    assert.deepEqual(
      rig.of("bob", "delta").flatMap(({ changes }) => changes.map(([kind, , id]) => [kind, id])),
      [
        [0, "t2"],
        [3, "t2"],
        [0, "t2"],
      ],
    );
  });

  test("[H10] what happens between a snapshot and its end is in the delta between them", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.open("bob");
    rig.push("ana", create(1, "t1", {}));
    rig.holds = (asked) => asked.type === "read" && asked.request.kind === "snapshot";
    rig.subscribe("bob", 1, "tasks");
    const [asked] = rig.held;
    assert.ok(asked !== undefined);
    const answer = rig.answerOf(asked);
    rig.push("ana", create(2, "t2", {}), remove(3, "t1"));
    rig.input(answer);
    const story = rig.messages("bob").slice(1);
    assert.deepEqual(
      story.map((message) => message.type),
      ["snapshot", "rows", "delta", "delta", "snapshot-end"],
    );
    const [joining, told] = rig.of("bob", "delta");
    assert.deepEqual(
      joining?.changes.map(([kind, , id]) => [kind, id]),
      [
        [0, "t2"],
        [2, "t1"],
      ],
    );
    assert.deepEqual([joining?.subscription, joining?.from, joining?.to], [1, 1, 3]);
    assert.deepEqual([told?.from, told?.to, told?.changes], [0, 3, []]);
    assert.equal(rig.of("bob", "snapshot-end")[0]?.offset, 3);
  });

  test("[H10] a subscription that is given up while its snapshot is read does not hold up the next one", () => {
    const rig = new HubRig({ schema });
    rig.open("bob");
    rig.holds = (asked) => asked.type === "read" && asked.request.kind === "snapshot";
    rig.subscribe("bob", 1, "tasks");
    rig.subscribe("bob", 2, "marks");
    rig.say("bob", { type: "unsubscribe", id: 1 });
    rig.releaseAll();
    assert.deepEqual(
      rig.of("bob", "snapshot-end").map(({ subscription }) => subscription),
      [2],
    );
  });

  test("[H11] a checkpoint of another epoch, ahead of the log, or before its floor is void, and why is said", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    for (let counter = 1; counter <= 9; counter++) rig.push("ana", create(counter, `t${counter}`, {}));
    rig.input({ type: "trimmed", floor: 5 });
    const cases = [
      [{ epoch: epoch(7), checkpoint: 9 }, "epoch-changed"],
      [{ epoch: epoch(1), checkpoint: 10 }, "version-invalid"],
      [{ epoch: null, checkpoint: 3 }, "version-invalid"],
      [{ epoch: epoch(1), checkpoint: 4 }, "checkpoint-expired"],
    ] as const;
    for (const [index, [held, reason]] of cases.entries()) {
      const id = `device-${index}`;
      rig.open(id, { ...held, subscriptions: [{ ...whole, key: "*" }] });
      assert.equal(rig.of(id, "resync")[0]?.reason, reason);
      assert.deepEqual(rig.types(id).slice(0, 3), ["welcome", "resync", "snapshot"]);
      assert.deepEqual(rig.of(id, "welcome")[0]?.whole, []);
    }
    rig.open("good", { epoch: epoch(1), checkpoint: 5, subscriptions: [{ ...whole, key: "*" }] });
    assert.deepEqual(rig.types("good"), ["welcome", "delta"]);
  });

  test("[H12] a session that does not drain is sent no deltas, and one when it does", () => {
    const rig = watched();
    const before = rig.messages("bob").length;
    rig.input({ type: "session-blocked", session: session("bob") });
    for (let counter = 1; counter <= 50; counter++)
      rig.push("ana", counter === 1 ? create(1, "t1", {}) : update(counter, "t1", { title: `${counter}` }));
    assert.equal(rig.messages("bob").length, before);
    rig.input({ type: "session-drained", session: session("bob") });
    const [delta, ...more] = rig.of("bob", "delta");
    assert.deepEqual([delta?.from, delta?.to, delta?.changes.length, more.length], [0, 50, 1, 0]);
  });

  test("[H12] a session that stays blocked too long is sent away", () => {
    const rig = watched();
    rig.input({ type: "session-blocked", session: session("bob") });
    rig.now += 3_600_000;
    rig.fire("sweep");
    assert.equal(rig.closed.get("bob"), "slow-consumer");
  });

  test("[H13] who leaves, or is lost, is gone from the room, and nothing of it was stored", () => {
    const rig = watched();
    const before = rig.effects.filter(({ type }) => type === "append").length;
    for (const name of ["ana", "bob"]) {
      rig.say(name, { type: "presence", room: room("lobby"), action: "join", clock: 1, state: { name } });
    }
    rig.fire("presence");
    rig.input({ type: "session-closed", session: session("bob") });
    rig.fire("presence");
    const gone = rig
      .of("ana", "presence")
      .at(-1)
      ?.members.map(([id, , , , state]) => [id, state]);
    assert.deepEqual(gone, [["bob", null]]);
    assert.equal(rig.effects.filter(({ type }) => type === "append").length, before);
  });

  test("[H14] a newer session of a device ends the older one", () => {
    const rig = new HubRig({ schema });
    rig.open("first", { device: device("d1") });
    rig.open("second", { device: device("d1") });
    assert.equal(rig.of("first", "goaway")[0]?.reason, "session-replaced");
    rig.push("first", create(1, "t1", {}));
    rig.push("second", create(1, "t1", {}));
    assert.equal(rig.results("first").length, 0);
    assert.equal(rig.results("second").length, 1);
  });

  test("[H14] a device belongs to the user who registered it", () => {
    const rig = new HubRig({ schema });
    rig.open("first", { device: device("d1") });
    rig.open("second", { device: device("d1") }, { user: user("bob") });
    assert.equal(rig.closed.get("second"), "device-taken");
    assert.equal(rig.closed.get("first"), undefined);
  });
});

describe("stamps", () => {
  test("[H15] a stamp too far ahead is replaced by the server's, and the claim is kept", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    const claimed = stampAt(1_000_000_000);
    rig.push("ana", create(1, "t1", {}, { at: 1_000_000_000 }));
    const append = rig.effects.findLast((effect) => effect.type === "append");
    const event = append?.events[0];
    assert.equal(event?.claimed, claimed);
    assert.ok((event?.stamp ?? claimed) < claimed);
  });

  test("[H15] a device whose clock is years ahead locks nobody out of a field", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.open("bob");
    rig.push("ana", create(1, "t1", { title: "from the future" }, { at: 1e12 }));
    // Concurrent, but later by any sane clock.
    rig.now = START + 10_000;
    rig.push("bob", update(1, "t1", { title: "a little later" }, { seen: 0, at: 10_000 }));
    assert.equal(rig.results("bob")[0]?.[3]?.conflicts?.[0]?.winner, "incoming");
    rig.push("ana", update(2, "t1", { title: "again" }, { seen: 2, at: 1e12 }));
    rig.push("bob", update(2, "t1", { title: "last" }, { seen: 3, at: -1e9 }));
    assert.equal(rig.results("bob")[1]?.[1], "applied");
  });
});
