/** What a session is shown, and what it is never shown. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Filter, filterKey, fingerprint } from "@tidelock/core";
import { create, HubRig, remove, update } from "./hub-rig.ts";
import { user } from "./names.ts";
import { schema } from "./schema.ts";

describe("views", () => {
  test("[H9] two filters with the same fingerprint do not share what they show", () => {
    const { left, right } = collidingFilters();
    assert.equal(fingerprint(filterKey(left)), fingerprint(filterKey(right)));
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.open("eve");
    rig.subscribe("ana", 1, "tasks", left);
    rig.subscribe("eve", 1, "tasks", right);
    rig.push("ana", create(1, "t1", { title: left["title"] as string }));
    assert.equal(rig.of("ana", "delta").flatMap(({ changes }) => changes).length, 1);
    assert.equal(rig.of("eve", "delta").flatMap(({ changes }) => changes).length, 0);
  });

  test("[H9] a conflict does not show a value to somebody who may not read it", () => {
    const rig = new HubRig({
      schema,
      rules: { tasks: { read: ({ user: name }) => ({ owner: name }) } },
    });
    rig.open("ana");
    rig.open("eve", {}, { user: user("eve") });
    rig.push("ana", create(1, "t1", { owner: "ana", title: "secret" }));
    rig.push("eve", update(1, "t1", { title: "guess" }, { at: -1000 }));
    rig.push("eve", update(2, "t1", { done: true, owner: "x" }, { at: -1000 }));
    rig.push("eve", remove(3, "t1", { at: -1000 }));
    const text = JSON.stringify(rig.messages("eve"));
    assert.equal(text.includes("secret"), false, text);
  });

  test("[H9] a conflict shows the other value to somebody who may read it", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.open("bob", {}, { user: user("bob") });
    rig.push("ana", create(1, "t1", { title: "first" }));
    rig.push("bob", update(1, "t1", { title: "second" }, { at: -1000 }));
    const [[, outcome, , detail]] = rig.results("bob") as [ReturnType<typeof rig.results>[number]];
    assert.equal(outcome, "merged");
    assert.equal(detail?.conflicts?.[0]?.current.value, "first");
  });

  test("[H9] a subscription in mid-session starts with a snapshot, whatever key it names", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.open("bob");
    rig.push("ana", create(1, "t1", {}));
    rig.say("bob", { type: "subscribe", id: 1, collection: "tasks", where: {}, key: "*" });
    assert.deepEqual(rig.types("bob").slice(-4), ["snapshot", "rows", "delta", "snapshot-end"]);
  });

  test("[H8] the delete of an entity without fields is told", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.subscribe("ana", 1, "marks");
    rig.push("ana", create(1, "m1", {}, { collection: "marks" }), remove(2, "m1", { collection: "marks" }));
    rig.push("ana", create(3, "m2", {}, { collection: "marks" }));
    rig.push("ana", remove(4, "m2", { collection: "marks" }));
    assert.deepEqual(
      rig.of("ana", "delta").flatMap(({ changes }) => changes.map(([kind, , id]) => [kind, id])),
      [
        [0, "m2"],
        [2, "m2"],
      ],
    );
  });

  test("[H4] a filter that is longer than any person would write is refused", () => {
    const rig = new HubRig({ schema });
    rig.open("eve");
    rig.subscribe("eve", 1, "tasks", { title: "x".repeat(100_000) });
    assert.equal(rig.of("eve", "refusal")[0]?.code, "invalid-filter");
  });
});

/**
 * Two filters that the 53-bit fingerprint cannot tell apart, found by trying: letters that differ in bit 15 alone leave
 * the lower 15 bits of both lanes as they are, so that two of some millions of such words collide in the bits that remain.
 */
function collidingFilters(): { left: Filter; right: Filter } {
  const word = (number: number): string =>
    Array.from({ length: 21 }, (_, bit) => ((number & (1 << bit)) === 0 ? "a" : "\u8061")).join("");
  return { left: { title: word(1_042_607) }, right: { title: word(1_594_542) } };
}
