/** Calls and decisions on the device: what they show before the server has spoken, and after. Rule R16. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type JsonValue, MARK, type MutatorEffect, REVIEWS, runMutator, withMutators } from "@tidelock/core";
import { deals } from "./deals.ts";
import { device, entity, stampAt } from "./names.ts";
import { ReplicaRig } from "./replica-rig.ts";

/** A device that is connected and has all deals and people: one deal, as of offset 1. */
function connected(columns: Readonly<Record<string, JsonValue>> = {}): ReplicaRig {
  const rig = new ReplicaRig(deals);
  rig.subscribe("deals");
  rig.subscribe("people");
  rig.connect();
  rig.snapshot(1, 0, [], "deals");
  rig.snapshot(2, 0, [], "people");
  rig.delta(1, rig.put("deals", "d1", 1, { title: "old", ...columns }));
  return rig;
}

const title = (rig: ReplicaRig, id: string = "d1"): unknown => rig.get(id, "deals")?.["title"];
const votes = (rig: ReplicaRig, id: string = "d1"): unknown => rig.get(id, "deals")?.["votes"];

describe("a call", () => {
  test("[R16] shows at once what its mutator writes, on what is seen here", () => {
    const rig = connected({ votes: 3 });
    rig.isDiskSlow = true;
    rig.call("praise", { deal: "d1", times: 2 });
    assert.deepEqual([title(rig), votes(rig)], ["old!", 5]);
    assert.equal(rig.replica.syncState("deals", entity("d1")), "pending");
    rig.store();
    assert.equal(rig.replica.syncState("deals", entity("d1")), "syncing");
  });

  test("[R16] is sent as what was called, not as what it wrote", () => {
    const rig = connected();
    rig.call("praise", { deal: "d1", times: 2 });
    const push = rig.said.findLast((message) => message.type === "push");
    assert.deepEqual(
      push?.mutations.map(([counter, operation, name, , args, seen, , remaining]) => [
        ...[counter, operation, name, args, seen, remaining],
      ]),
      [[1, "call", "praise", { deal: "d1", times: 2 }, 1, 0]],
    );
  });

  test("[R16] sees the writes before it, and those after it see its own", () => {
    const rig = connected();
    rig.update("d1", { title: "mine" }, "deals");
    rig.call("praise", { deal: "d1" });
    rig.call("praise", { deal: "d1" });
    rig.update("d1", { owner: "ana" }, "deals");
    assert.deepEqual([title(rig), votes(rig), rig.get("d1", "deals")?.["owner"]], ["mine!!", 2, "ana"]);
  });

  test("[R16] shows what it creates under the ids that the server will give", () => {
    const rig = connected();
    rig.call("open", { title: "new" });
    const [person, deal] = rig.replica.outbox[0]?.effects ?? [];
    const stamp = rig.replica.outbox[0]?.stamp;
    assert.ok(person !== undefined && deal !== undefined && stamp !== undefined);
    const foreseen = runMutator(
      deals.mutators.get("open")!,
      { title: "new" },
      {
        ...{ collections: deals.collections, get: () => null, device: device("d1"), counter: 1, stamp },
        ...{ user: "ana", claims: {}, location: "server" as const },
      },
    );
    assert.deepEqual(rig.replica.outbox[0]?.effects, foreseen);
    assert.equal(rig.get(person.entity, "people")?.["name"], "buyer of new");
    assert.deepEqual([title(rig, deal.entity), rig.get(deal.entity, "deals")?.["buyer"]], ["new", person.entity]);
    rig.result([1, "applied", 4]);
    const made = { title: "new", owner: "ana", buyer: person.entity, votes: 1, labels: ["new"] };
    rig.delta(4, rig.put("people", person.entity, 2, { name: "buyer of new" }), rig.put("deals", deal.entity, 4, made));
    assert.deepEqual([rig.ids("deals"), rig.ids("people")], [["d1", deal.entity], [person.entity]]);
    assert.equal(votes(rig, deal.entity), 1);
    assert.deepEqual(rig.replica.outbox, []);
  });

  test("[R16] of a device that was never connected is nobody's yet", () => {
    const rig = new ReplicaRig(deals);
    rig.call("open", { title: "new" });
    const [, deal] = rig.replica.outbox[0]?.effects ?? [];
    assert.equal(rig.get(deal?.entity ?? "", "deals")?.["owner"], "somebody");
  });

  test("[R16] that its mutator refuses here is not sent, and nothing of it is shown", () => {
    const rig = connected({ state: "won" });
    const write = rig.call("praise", { deal: "d1" });
    const cases: ReadonlyArray<readonly [string, Record<string, JsonValue>, string]> = [
      ["praise", { deal: "d9" }, "mutator-refused"],
      ["praise", {}, "invalid-value"],
      ["praise", { deal: "d1", colour: 1 }, "invalid-value"],
      ["careless", {}, "mutator-failed"],
      ["flatten", {}, "unknown-mutator"],
    ];
    for (const [name, args] of cases) rig.call(name, args);
    assert.deepEqual(
      rig
        .of("write-failed")
        .map((effect) => [effect.write, effect.code, effect.message])
        .slice(0, 2),
      [
        [write, "mutator-refused", "the deal is won already"],
        [write + 1, "mutator-refused", "there is no such deal"],
      ],
    );
    assert.deepEqual(
      rig
        .of("write-failed")
        .slice(1)
        .map(({ code }) => code),
      cases.map(([, , code]) => code),
    );
    assert.deepEqual([title(rig), rig.pushed, rig.replica.outbox, rig.replica.rejected], ["old", [], [], []]);
    rig.update("d1", { title: "next" }, "deals");
    assert.deepEqual(rig.pushed, [1]);
  });

  test("[R16] stands alone: with other intents in its transaction nothing of it is written", () => {
    const update = {
      operation: "update",
      collection: "deals",
      entity: entity("d1"),
      fields: { title: "mine" },
    } as const;
    const call = { operation: "call", collection: "praise", entity: entity("praise"), fields: { deal: "d1" } } as const;
    for (const intents of [
      [call, update],
      [update, call],
    ]) {
      const rig = connected();
      rig.write(...intents);
      assert.deepEqual(
        rig.of("write-failed").map(({ code }) => code),
        ["transaction-broken"],
      );
      assert.deepEqual([title(rig), rig.pushed], ["old", []]);
    }
  });

  test("[R16] is there after a restart, with what it shows", () => {
    const rig = connected();
    rig.lose();
    rig.call("praise", { deal: "d1" });
    const again = rig.restart();
    assert.deepEqual([title(again), votes(again)], ["old!", 1]);
    assert.equal(again.replica.syncState("deals", entity("d1")), "pending");
  });

  test("[R6] that the store refuses is taken back with all that it showed", () => {
    const rig = connected();
    rig.isDiskSlow = true;
    const write = rig.call("praise", { deal: "d1" });
    rig.refuse();
    assert.deepEqual([title(rig), votes(rig)], ["old", 0]);
    assert.deepEqual(
      rig.of("write-failed").map((effect) => effect.write),
      [write],
    );
  });
});

describe("when what a call was run on moves", () => {
  test("[R16] it is run again, in its place among the others", () => {
    const rig = connected();
    rig.call("praise", { deal: "d1" });
    rig.update("d1", { owner: "ana" }, "deals");
    rig.call("praise", { deal: "d1", times: 5 });
    rig.delta(2, rig.patch("deals", "d1", 2, { title: "theirs", votes: 10 }));
    assert.deepEqual([title(rig), votes(rig), rig.get("d1", "deals")?.["owner"]], ["theirs!!", 16, "ana"]);
    // What was sent stays what was called.
    assert.deepEqual(rig.pushed, [1, 2, 3]);
  });

  test("[R16] what it shows is on the disk as well", () => {
    const rig = connected();
    rig.lose();
    rig.call("praise", { deal: "d1" });
    rig.connect();
    rig.delta(2, rig.patch("deals", "d1", 2, { title: "theirs" }));
    assert.deepEqual(rig.disk.read().mutations[0]?.effects?.[0]?.fields["title"], "theirs!");
    assert.equal(title(rig.restart()), "theirs!");
  });

  test("[R16] it shows nothing while it would be refused, and the server says whether it is", () => {
    const rig = connected();
    rig.call("praise", { deal: "d1" });
    rig.delta(2, rig.patch("deals", "d1", 2, { state: "won" }));
    assert.deepEqual([title(rig), votes(rig)], ["old", 0]);
    assert.equal(rig.replica.outbox.length, 1);
    rig.delta(3, rig.patch("deals", "d1", 3, { state: "offered" }));
    assert.deepEqual([title(rig), votes(rig)], ["old!", 1]);
    rig.delta(4, rig.patch("deals", "d1", 4, { state: "won" }));
    rig.result([1, "rejected", 0, { code: "mutator-refused", message: "the deal is won already" }]);
    assert.deepEqual(
      rig.replica.rejected.map(({ operation, collection, detail }) => [operation, collection, detail?.message]),
      [["call", "praise", "the deal is won already"]],
    );
  });

  test("[R16] it follows what it reads to other entities", () => {
    const rig = connected({ buyer: "p1" });
    rig.delta(2, rig.put("people", "p1", 2, { name: "Pia" }), rig.put("people", "p2", 2, { name: "Quinn" }));
    rig.call("hand", { deal: "d1" });
    const shown = (): unknown[] => [
      rig.get("d1", "deals")?.["owner"],
      rig.get("p1", "people")?.["name"],
      rig.get("p2", "people")?.["name"],
    ];
    assert.deepEqual(shown(), ["Pia", "Pia (owner)", "Quinn"]);
    rig.delta(3, rig.patch("deals", "d1", 3, { buyer: "p2" }));
    assert.deepEqual(shown(), ["Quinn", "Pia", "Quinn (owner)"]);
    assert.deepEqual(
      [...(rig.of("changed").at(-1)?.entities.get("people") ?? [])].sort(),
      ["p1", "p2"],
      "whoever shows them is told",
    );
  });

  test("[R16] it is run again when an entity comes or goes, by snapshot, withdrawal or delete", () => {
    const rig = new ReplicaRig(deals);
    rig.subscribe("deals");
    rig.connect();
    rig.snapshot(1, 0, [], "deals");
    rig.delta(1, rig.put("deals", "d1", 1, { title: "old" }));
    rig.call("praise", { deal: "d1" });
    rig.delta(2, [3, "deals", entity("d1"), 2]);
    assert.deepEqual([rig.get("d1", "deals"), rig.replica.outbox.length], [null, 1]);
    rig.delta(3, rig.put("deals", "d1", 3, { title: "back" }));
    assert.equal(title(rig), "back!");
    rig.delta(4, [2, "deals", entity("d1"), 4]);
    assert.equal(rig.get("d1", "deals"), null);
  });

  test("[R16] it is run again when a write before it is refused", () => {
    const rig = connected();
    rig.update("d1", { title: "mine" }, "deals");
    rig.call("praise", { deal: "d1" });
    assert.equal(title(rig), "mine!");
    rig.result([1, "rejected", 0, { code: "forbidden", message: "no" }]);
    assert.equal(title(rig), "old!");
  });

  test("[R16] it is run again when a write before it loses", () => {
    const rig = connected();
    rig.update("d1", { title: "mine" }, "deals");
    rig.call("praise", { deal: "d1" });
    rig.delta(2, rig.patch("deals", "d1", 2, { title: "theirs" }));
    assert.equal(title(rig), "mine!");
    const side = { counter: 1, seen: null, stamp: stampAt(1) };
    const decision = {
      ...{
        field: "title",
        policy: "lww",
        policyVersion: 1,
        winner: "current" as const,
        value: "theirs",
        reason: "later",
      },
      current: { ...side, device: device("d2"), user: null, offset: 2, value: "theirs" },
      incoming: { ...side, device: device("d1"), user: null, offset: 3, value: "mine" },
    };
    rig.result([1, "merged", 3, { conflicts: [decision] }]);
    assert.equal(title(rig), "theirs!");
  });

  test("[R16] it is run again when a write before it is set aside as unreadable", () => {
    const rig = connected();
    rig.update("d1", { title: "mine" }, "deals");
    rig.isDiskSlow = true;
    rig.call("praise", { deal: "d1" });
    assert.equal(title(rig), "mine!");
    rig.endOver("invalid-message");
    assert.equal(rig.replica.rejected.length, 1);
    assert.equal(title(rig), "old!");
  });

  test("[R16] it is run again when the store takes back a write before it", () => {
    const rig = connected();
    rig.isDiskSlow = true;
    rig.update("d1", { title: "mine" }, "deals");
    rig.call("praise", { deal: "d1" });
    rig.refuse();
    assert.equal(title(rig), "old!");
    assert.deepEqual(
      rig.replica.outbox.map(({ counter, operation }) => [counter, operation]),
      [[1, "call"]],
    );
  });

  test("[R16] what it creates has ids of its new number, when it gets another", () => {
    const rig = connected();
    rig.isDiskSlow = true;
    rig.update("d1", { title: "mine" }, "deals");
    rig.call("open", { title: "new" });
    const before = rig.replica.outbox[1]?.effects?.[1]?.entity ?? "";
    rig.refuse();
    const after = rig.replica.outbox[0]?.effects?.[1]?.entity ?? "";
    assert.notEqual(before, after);
    assert.deepEqual([rig.get(before, "deals"), title(rig, after)], [null, "new"]);
    const { stamp } = rig.replica.outbox[0]!;
    const foreseen = runMutator(
      deals.mutators.get("open")!,
      { title: "new" },
      {
        ...{ collections: deals.collections, get: () => null, device: device("d1"), counter: 1, stamp },
        ...{ user: "ana", claims: {}, location: "server" as const },
      },
    );
    assert.equal(after, foreseen[1]?.entity);
  });

  test("[R16] what it creates has ids of its new device, when it gets another", () => {
    const rig = connected();
    rig.update("d1", { title: "seen" }, "deals");
    rig.result([1, "applied", 2]);
    rig.delta(2, rig.patch("deals", "d1", 2, { title: "seen" }));
    rig.call("open", { title: "new" });
    const before = rig.replica.outbox[0]?.effects?.[1]?.entity ?? "";
    rig.lose();
    rig.connect({ decided: 0 });
    assert.notEqual(rig.replica.device, "d1");
    const after = rig.replica.outbox[0]?.effects?.[1]?.entity ?? "";
    assert.notEqual(before, after);
    assert.deepEqual([rig.get(before, "deals"), title(rig, after)], [null, "new"]);
  });

  test("[R16] it is run no more once it is decided: what it showed stays until the delta", () => {
    const rig = connected();
    rig.call("praise", { deal: "d1" });
    rig.result([1, "applied", 3]);
    rig.delta(2, rig.patch("deals", "d1", 2, { title: "theirs" }));
    assert.deepEqual([title(rig), votes(rig)], ["old!", 1]);
    // The server ran it on something else.
    rig.delta(3, rig.patch("deals", "d1", 3, { title: "theirs!", votes: 7 }));
    assert.deepEqual([title(rig), votes(rig), rig.replica.outbox], ["theirs!", 7, []]);
  });

  test("[R16] what the server made of it stands, also where it wrote something else altogether", () => {
    const rig = connected({ buyer: "p1" });
    rig.delta(2, rig.put("people", "p1", 2, { name: "Pia" }));
    rig.call("hand", { deal: "d1" });
    rig.result([1, "applied", 4]);
    rig.delta(4, rig.patch("deals", "d1", 4, { owner: "Quinn" }));
    assert.deepEqual([rig.get("d1", "deals")?.["owner"], rig.get("p1", "people")?.["name"]], ["Quinn", "Pia"]);
  });

  test("[R16] that many calls are run again is bounded: the rest keep what they showed", () => {
    const schema = withMutators(deals, (mutator) => ({
      count: mutator({ args: {}, run: (tx) => tx.deals.update("d1", { title: `${tx.deals.get("d1")?.title}.` }) }),
    }));
    const rig = new ReplicaRig(schema);
    rig.subscribe("deals");
    rig.connect();
    rig.snapshot(1, 0, [], "deals");
    rig.delta(1, rig.put("deals", "d1", 1, { title: "" }));
    rig.lose();
    for (let index = 0; index < 600; index++) rig.call("count");
    rig.connect();
    rig.delta(2, rig.patch("deals", "d1", 2, { title: "x" }));
    const shown = rig.replica.outbox.map(({ effects }) => effects?.[0]?.fields["title"]);
    assert.equal(shown[499], `x${".".repeat(500)}`);
    assert.equal(shown[500], ".".repeat(501));
  });
});

describe("a call that the server refuses", () => {
  test("[R16] is taken back, and set aside with its reason", () => {
    const rig = connected();
    rig.call("praise", { deal: "d1" });
    rig.update("d1", { owner: "ana" }, "deals");
    rig.result([1, "rejected", 0, { code: "mutator-refused", message: "not today" }]);
    assert.deepEqual([title(rig), votes(rig), rig.get("d1", "deals")?.["owner"]], ["old", 0, "ana"]);
    assert.deepEqual(
      rig.replica.rejected.map(({ collection, fields, detail }) => [collection, fields, detail?.message]),
      [["praise", { deal: "d1" }, "not today"]],
    );
    assert.equal(rig.replica.syncState("deals", entity("d1")), "rejected");
    rig.input({ type: "discard", counter: 1 });
    assert.equal(rig.replica.syncState("deals", entity("d1")), "syncing");
  });

  test("[R16] takes with it what it created, and what was written to that shows nothing", () => {
    const rig = connected();
    rig.call("open", { title: "new" });
    const [, deal] = rig.replica.outbox[0]?.effects ?? [];
    const id = deal?.entity ?? "";
    rig.update(id, { title: "renamed" }, "deals");
    assert.equal(title(rig, id), "renamed");
    rig.result([1, "rejected", 0, { code: "forbidden", message: "no" }]);
    assert.deepEqual([rig.get(id, "deals"), rig.ids("deals"), rig.ids("people")], [null, ["d1"], []]);
  });
});

describe("temporary ids in a call", () => {
  test("[R11] become the assigned ones, in its arguments and in what it shows", () => {
    const rig = connected();
    rig.create("tmp:d1:1", { name: "Pia" }, "people");
    rig.call("open", { title: "new", buyer: "tmp:d1:1" });
    const [deal] = rig.replica.outbox[1]?.effects ?? [];
    rig.lose();
    rig.connect({ decided: 1, results: [[1, "applied", 2, { entity: entity("p1") }]] });
    assert.equal(rig.get(deal?.entity ?? "", "deals")?.["buyer"], "p1");
    const push = rig.said.findLast((message) => message.type === "push");
    assert.deepEqual(push?.mutations[0]?.[4], { title: "new", buyer: "p1" });
    assert.deepEqual(rig.disk.read().mutations.find(({ counter }) => counter === 2)?.fields["buyer"], "p1");
  });

  test("[R11] name the entity for what it reads, before and after they are assigned", () => {
    const rig = connected();
    rig.create("tmp:d1:1", { name: "Pia" }, "people");
    rig.update("d1", { buyer: "tmp:d1:1" }, "deals");
    rig.call("hand", { deal: "d1" });
    assert.equal(rig.get("d1", "deals")?.["owner"], "Pia");
    rig.result([1, "applied", 2, { entity: entity("p1") }]);
    assert.equal(rig.get("p1", "people")?.["name"], "Pia (owner)");
    rig.delta(2, rig.put("people", "p1", 2, { name: "Pia" }));
    assert.deepEqual([rig.get("d1", "deals")?.["owner"], rig.get("p1", "people")?.["name"]], ["Pia", "Pia (owner)"]);
  });
});

describe("a decision", () => {
  const REVIEW = "review:d2:1:0.2";
  /** A deal whose amount waits, and the review that its application looks at. */
  function disputed(): ReplicaRig {
    const rig = new ReplicaRig(deals);
    rig.subscribe("deals");
    rig.subscribe(REVIEWS);
    rig.connect();
    rig.snapshot(1, 0, [], "deals");
    rig.snapshot(2, 0, [], REVIEWS);
    const review = { collection: "deals", entity: "d1", field: "amount", status: "open", candidates: [], row: {} };
    rig.delta(
      4,
      rig.put("deals", "d1", 3, { amount: 10, [MARK]: { amount: REVIEW } }),
      rig.put(REVIEWS, REVIEW, 4, review),
    );
    return rig;
  }
  const effects: readonly MutatorEffect[] = [
    { operation: "update", collection: REVIEWS, entity: entity(REVIEW), fields: { status: "closed" } },
    { operation: "update", collection: "deals", entity: entity("d1"), fields: { amount: 20 } },
  ];
  const shown = (rig: ReplicaRig): unknown[] => [
    rig.get("d1", "deals")?.["amount"],
    rig.get(REVIEW, REVIEWS)?.["status"],
  ];

  test("[R16] shows at once what it does to the field and the review, and is sent as what was chosen", () => {
    const rig = disputed();
    rig.decide(REVIEW, { candidate: "d2:1" }, effects);
    assert.deepEqual(shown(rig), [20, "closed"]);
    assert.deepEqual(
      ["deals", REVIEWS].map((name) => rig.replica.syncState(name, entity(name === "deals" ? "d1" : REVIEW))),
      ["syncing", "syncing"],
    );
    const push = rig.said.findLast((message) => message.type === "push");
    assert.deepEqual(
      push?.mutations.map(([counter, operation, collection, id, fields, seen]) => [
        ...[counter, operation, collection, id, fields, seen],
      ]),
      [[1, "decide", REVIEWS, REVIEW, { candidate: "d2:1" }, 4]],
    );
  });

  test("[R16] stays in view until the delta that holds it, and is then the server's", () => {
    const rig = disputed();
    rig.decide(REVIEW, { candidate: "d2:1" }, effects);
    rig.result([1, "applied", 5]);
    assert.deepEqual(shown(rig), [20, "closed"]);
    rig.delta(
      6,
      rig.patch("deals", "d1", 5, { amount: 20, [MARK]: null }),
      rig.patch(REVIEWS, REVIEW, 6, { status: "closed" }),
    );
    assert.deepEqual([...shown(rig), rig.replica.outbox.length], [20, "closed", 0]);
    assert.equal(rig.replica.syncState("deals", entity("d1")), "synced");
  });

  test("[R16] that came second is taken back: what was decided stands, and its author hears who did", () => {
    const rig = disputed();
    rig.decide(REVIEW, { value: 30 }, [{ ...effects[1]!, fields: { amount: 30 } }, effects[0]!]);
    assert.deepEqual(shown(rig), [30, "closed"]);
    rig.delta(
      6,
      rig.patch("deals", "d1", 5, { amount: 20, [MARK]: null }),
      rig.patch(REVIEWS, REVIEW, 6, { status: "closed" }),
    );
    rig.result([1, "rejected", 0, { code: "review-closed", message: "bob has decided already: the field has 20" }]);
    assert.deepEqual(shown(rig), [20, "closed"]);
    assert.deepEqual(
      rig.replica.rejected.map(({ operation, detail }) => [operation, detail?.code, detail?.message]),
      [["decide", "review-closed", "bob has decided already: the field has 20"]],
    );
  });

  test("[R16] that the server refuses leaves the review open and the field as it was", () => {
    const rig = disputed();
    rig.decide(REVIEW, { candidate: "d2:1" }, effects);
    rig.result([1, "rejected", 0, { code: "review-changed", message: "cyd put forward another value meanwhile" }]);
    assert.deepEqual(shown(rig), [10, "open"]);
    assert.deepEqual([...rig.replica.marks("deals", entity("d1")).keys()], ["amount"]);
  });

  test("[R16] is there after a restart, with what it shows", () => {
    const rig = disputed();
    rig.lose();
    rig.decide(REVIEW, { candidate: "d2:1" }, effects);
    assert.deepEqual(shown(rig.restart()), [20, "closed"]);
  });
});
