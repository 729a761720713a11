/** Who may read a review, and who may decide one. Rules H20 and H21. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Filter, MARK, REVIEWS } from "@tidelock/core";
import type { CollectionRules, RuleContext } from "@tidelock/server/engine";
import { deals } from "./deals.ts";
import { eventsOf, openReview, reviewOf, reviewsOf, rowOf } from "./hub-log.ts";
import { create, decide, HubRig, plain, remove, update } from "./hub-rig.ts";
import { device, entity, tenant, user } from "./names.ts";
import { epoch } from "./replica-rig.ts";

const on = { collection: "deals" };
const last = <Item>(items: readonly Item[]): Item => items.at(-1)!;

/** Everyone reads what they own; Ana, who has a claim, reads all. */
const owners = ({ claims, user: name }: RuleContext): boolean | Filter => claims["role"] === "lead" || { owner: name };

function opened(rules: CollectionRules = { read: owners }): HubRig {
  const rig = new HubRig({ schema: deals, rules: { deals: rules } });
  for (const name of ["ana", "bob", "eve"]) enter(rig, name);
  rig.push("ana", create(1, "d1", { owner: "bob", amount: 1, title: "secret" }, on));
  rig.push("ana", update(2, "d1", { amount: 10 }, { ...on, seen: 1 }));
  rig.push("bob", update(1, "d1", { amount: 20 }, { ...on, seen: 1 }));
  return rig;
}

function enter(rig: HubRig, name: string, id: string = name): void {
  const claims = name === "ana" ? { role: "lead" } : {};
  rig.open(id, { device: device(id) }, { user: user(name), claims });
  rig.subscribe(id, 1, "deals");
  rig.subscribe(id, 2, REVIEWS);
}

/** What of some collection a session was told, as kinds of change: 0 put, 1 patched, 2 deleted, 3 withdrawn. */
function told(rig: HubRig, id: string): ReadonlyArray<readonly [number, string]> {
  return rig.of(id, "delta").flatMap(({ changes }) => changes.map(([kind, collection]) => [kind, collection] as const));
}

describe("who may not read an entity", () => {
  test("[H21] is never told of its reviews: not in deltas, snapshots, results or answers to plain requests", () => {
    const rig = opened();
    enter(rig, "eve", "eve-late");
    rig.reconcile({ device: device("eve-http") }, { user: user("eve") });
    const { checkpoint } = { checkpoint: { epoch: epoch(1), offset: 1, page: null } };
    rig.reconcile({ device: device("eve-http"), checkpoint }, { user: user("eve") });
    for (const collection of deals.collections.keys()) {
      const page = { collection, after: null };
      rig.reconcile({ device: device("eve-http"), checkpoint: { ...checkpoint, page } }, { user: user("eve") });
    }
    const heard = JSON.stringify([rig.messages("eve"), rig.messages("eve-late"), [...rig.answers.values()]]);
    for (const word of ['"d1"', "secret", "review:bob", "ana:2"]) assert.equal(heard.includes(word), false, word);
    assert.equal(rig.answers.size, 2 + deals.collections.size);
    assert.deepEqual(told(rig, "bob").slice(-2), [
      [1, "deals"],
      [0, REVIEWS],
    ]);
  });

  test("[H21] is told of no values when a write of its own is held", () => {
    const rig = opened();
    rig.push("eve", update(1, "d1", { amount: 30 }, { ...on, seen: 0 }));
    const [, outcome, , detail] = last(rig.results("eve"));
    assert.equal(outcome, "in-review");
    assert.deepEqual(
      detail?.conflicts?.map(({ value, base, current, incoming }) => [value, base, current.value, incoming.value]),
      [[null, undefined, null, 30]],
    );
    rig.push("eve", update(2, "d1", { price: 5 }, { ...on, seen: 0 }));
    const [price] = last(rig.results("eve"))[3]?.conflicts ?? [];
    assert.deepEqual([price?.value, price?.base ?? null, price?.current.value], [null, null, null]);
  });

  test("[H9] is told by no reason what others wrote, or who they are", () => {
    const rig = opened();
    rig.push("ana", update(3, "d1", { rank: "high", labels: { add: ["hush"] } }, { ...on, seen: 4 }));
    rig.push("eve", update(1, "d1", { rank: "normal", labels: { remove: ["hush"] } }, { ...on, seen: 1, at: 1 }));
    const conflicts = last(rig.results("eve"))[3]?.conflicts ?? [];
    assert.deepEqual(
      conflicts.map(({ field, current, value }) => [field, current.user, current.value, value]),
      [
        ["rank", null, null, null],
        ["labels", null, null, null],
      ],
    );
    for (const { reason } of conflicts) assert.equal(reason, "settled against a write that you may not read");
    rig.push("bob", update(2, "d1", { rank: "normal" }, { ...on, seen: 4 }));
    assert.equal(last(rig.results("bob"))[3]?.conflicts?.[0]?.reason, '"high" goes before "normal"');
  });

  test("[H9] is told nothing of what an entity was when an update of its own brings it back", () => {
    const rig = new HubRig({ schema: deals, rules: { lasting: { read: ({ user: name }) => name !== "eve" } } });
    for (const name of ["ana", "eve"]) enter(rig, name);
    const lasting = { collection: "lasting" };
    rig.push("ana", create(1, "l1", { title: "secret" }, { ...lasting, at: 5000 }), remove(2, "l1", lasting));
    rig.push("eve", update(1, "l1", { title: "guess" }, { ...lasting, at: 1 }));
    const [, outcome, , detail] = last(rig.results("eve"));
    assert.deepEqual([outcome, rowOf(rig, "lasting", "l1")?.["title"]], ["merged", "secret"]);
    assert.equal(JSON.stringify(detail).includes("secret"), false);
  });

  test("[H21] reads no review of a collection whose rule is no or broken, and others none the less", () => {
    for (const read of [
      () => false,
      () => ({ nothing: "so called" }),
      (): boolean => {
        throw new Error("broken");
      },
    ]) {
      const rig = opened({ read });
      assert.equal(reviewsOf(rig).length, 1);
      for (const name of ["ana", "bob", "eve"]) {
        assert.equal(
          JSON.stringify(rig.messages(name).filter(({ type }) => type !== "push-result")).includes("d1"),
          false,
        );
      }
    }
  });
});

describe("an entity that moves", () => {
  test("[H21] out of a view takes its open reviews with it", () => {
    const rig = opened();
    rig.push("ana", update(3, "d1", { owner: "eve" }, { ...on, seen: 4 }));
    assert.deepEqual(told(rig, "bob").slice(-2), [
      [3, "deals"],
      [3, REVIEWS],
    ]);
    const [, ...rest] = rig.of("bob", "delta").slice(-1);
    assert.deepEqual(rest, []);
    enter(rig, "bob", "bob-late");
    assert.equal(JSON.stringify(rig.messages("bob-late")).includes("d1"), false);
  });

  test("[H21] into a view brings its open reviews, whole", () => {
    const rig = opened();
    rig.push("ana", update(3, "d1", { owner: "eve" }, { ...on, seen: 4 }));
    assert.deepEqual(told(rig, "eve"), [
      [0, "deals"],
      [0, REVIEWS],
    ]);
    const put = last(rig.of("eve", "delta")).changes[1];
    const columns = rig.disk.openTenant(tenant).columns.get(REVIEWS) ?? [];
    assert.equal(put?.[0] === 0 && JSON.stringify(put[4][columns.indexOf("candidates")]).includes('"value":20'), true);
  });

  test("[H21] out of a view takes later candidates and the decision with it", () => {
    const rig = opened();
    rig.push("ana", update(3, "d1", { owner: "eve" }, { ...on, seen: 4 }));
    const before = rig.messages("bob").length;
    rig.push("ana", update(4, "d1", { amount: 77 }, { ...on, seen: rig.hub.head }));
    const { id } = openReview(rig, "d1", "amount");
    rig.push("eve", decide(1, id, { value: 78 }, { seen: rig.hub.head }));
    assert.equal(reviewOf(rig, id).status, "closed");
    assert.deepEqual(rig.messages("bob").slice(before), []);
  });

  test("[H21] by the very decision takes its review out of every view but those of all of its collection", () => {
    const read = ({ user: name, claims }: RuleContext): boolean | Filter =>
      claims["role"] === "lead" || (name === "eve" ? { amount: { gte: 20 } } : { amount: { lt: 20 } });
    const rig = opened({ read });
    const { id } = openReview(rig, "d1", "amount");
    rig.push("ana", decide(3, id, { candidate: "bob:1" }, { seen: 4 }));
    assert.deepEqual(told(rig, "bob").slice(-2), [
      [3, "deals"],
      [3, REVIEWS],
    ]);
    assert.deepEqual(told(rig, "eve"), [[0, "deals"]]);
    assert.deepEqual(told(rig, "ana").slice(-2), [
      [1, "deals"],
      [1, REVIEWS],
    ]);
  });

  test("[H21] out of the world leaves its reviews to those who may read all of its collection", () => {
    const rig = opened();
    rig.push("ana", remove(3, "d1", { ...on, seen: 4 }));
    assert.deepEqual(told(rig, "bob").slice(-2), [
      [2, "deals"],
      [3, REVIEWS],
    ]);
    assert.deepEqual(told(rig, "ana").slice(-2), [
      [2, "deals"],
      [1, REVIEWS],
    ]);
    assert.deepEqual(told(rig, "eve"), []);
  });
});

describe("a closed review", () => {
  test("[H21] is withdrawn from those who may read only some of its collection, who see what came of it in the entity", () => {
    const rig = opened();
    rig.push("bob", decide(2, openReview(rig, "d1", "amount").id, { candidate: "bob:1" }, { seen: 4 }));
    assert.deepEqual(told(rig, "bob").slice(-2), [
      [1, "deals"],
      [3, REVIEWS],
    ]);
  });

  test("[H21] does not come back with the rights of the past, wherever its entity goes", () => {
    const rig = opened();
    rig.push("ana", decide(3, openReview(rig, "d1", "amount").id, { candidate: "ana:2" }, { seen: 4 }));
    rig.push("ana", update(4, "d1", { owner: "eve" }, { ...on, seen: rig.hub.head }));
    for (const name of ["bob", "eve"]) {
      enter(rig, name, `${name}-late`);
      assert.equal(JSON.stringify(rig.messages(`${name}-late`)).includes("review:"), false, name);
    }
    enter(rig, "ana", "ana-late");
    assert.equal(JSON.stringify(rig.of("ana-late", "rows")).includes("review:bob"), true);
  });

  test("[H21] tells who closed it and how to those who may read its entity, and to nobody else that there was one", () => {
    const rig = opened();
    const { id } = openReview(rig, "d1", "amount");
    rig.push("eve", decide(1, id, { value: 5 }, { seen: 1 }));
    rig.push("ana", decide(3, id, { candidate: "ana:2" }, { seen: 4 }));
    rig.push("eve", decide(2, id, { value: 5 }, { seen: 6 }), decide(3, "review:bob:1:9.9", { value: 5 }, { seen: 6 }));
    rig.push("eve", update(4, id, { note: "hello" }, { collection: REVIEWS, seen: 6 }));
    assert.deepEqual(
      rig.results("eve").map(([, , , detail]) => [detail?.code, detail?.message]),
      [id, id, "review:bob:1:9.9", id].map((each) => ["entity-not-found", `there is no review ${each}`]),
    );
    rig.push("bob", decide(2, id, { value: 5 }, { seen: 6 }));
    assert.deepEqual(last(rig.results("bob"))[3]?.message, "ana has decided already: the field has 10");
    const request = rig.reconcile(
      { device: device("eve-http"), mutations: [plain("m", decision(id))] },
      { user: user("eve") },
    );
    const answer = rig.answers.get(request);
    assert.deepEqual(answer?.ok && answer.body.rejected.map(({ code }) => code), ["entity-not-found"]);
  });

  const decision = (id: string): Parameters<typeof plain>[1] => ({
    ...{ operation: "decide", collection: REVIEWS, entity: entity(id), payload: { value: 5 }, version: "epoch-1.6" },
  });
});

describe("the review rule", () => {
  test("[H21] says who may decide, with a reason, and sees the review and the entity", () => {
    const asked: unknown[] = [];
    const rig = opened({
      review: ({ user: name }, { review, entity: row }) => {
        asked.push([name, review.field, review.candidates.length, row["id"], row["title"]]);
        return name === "ana" || "only leads decide";
      },
    });
    const { id } = openReview(rig, "d1", "amount");
    rig.push("bob", decide(2, id, { candidate: "bob:1" }, { seen: 4 }));
    const [, outcome, , detail] = last(rig.results("bob"));
    assert.deepEqual([outcome, detail?.code, detail?.message], ["rejected", "forbidden", "only leads decide"]);
    rig.push("ana", decide(3, id, { candidate: "bob:1" }, { seen: 4 }));
    assert.equal(last(rig.results("ana"))[1], "applied");
    assert.deepEqual(asked, [
      ["bob", "amount", 2, "d1", "secret"],
      ["ana", "amount", 2, "d1", "secret"],
    ]);
  });

  test("[H21] that throws refuses the decision and is logged", () => {
    const rig = opened({
      review: () => {
        throw new Error("the review rule fell over");
      },
    });
    const { id } = openReview(rig, "d1", "amount");
    rig.push("ana", decide(3, id, { candidate: "bob:1" }, { seen: 4 }));
    assert.equal(last(rig.results("ana"))[3]?.code, "rule-failed");
    assert.equal(JSON.stringify(rig.results("ana")).includes("fell over"), false);
    const logs = rig.effects.filter((effect) => effect.type === "log");
    assert.ok(logs.some(({ facts }) => JSON.stringify(facts).includes("the review rule fell over")));
  });

  test("[H21] does not go before the write rule: what is decided must be allowed as well", () => {
    const write: CollectionRules["write"] = ({ user: name }, { before, after }) =>
      name !== "bob" || Number(after?.["amount"]) <= 20 || `${String(before?.["amount"])} was enough`;
    const rig = opened({ write });
    const { id } = openReview(rig, "d1", "amount");
    rig.push("bob", decide(2, id, { value: 21 }, { seen: 4 }));
    assert.deepEqual(
      [last(rig.results("bob"))[1], last(rig.results("bob"))[3]?.message],
      ["rejected", "10 was enough"],
    );
    assert.equal(reviewOf(rig, id).status, "open");
    rig.push("bob", decide(3, id, { value: 19 }, { seen: 4 }));
    assert.equal(rowOf(rig, "deals", "d1")?.["amount"], 19);
  });

  test("[H21] says also who may look after a review", () => {
    const rig = opened({ review: ({ user: name }) => name === "ana" });
    const { id } = openReview(rig, "d1", "amount");
    const notes = { assignee: "ana", note: "ask the buyer", due: rig.now + 1000, onExpiry: "latest" };
    rig.push("bob", update(2, id, notes, { collection: REVIEWS, seen: 4 }));
    assert.equal(last(rig.results("bob"))[3]?.code, "forbidden");
    rig.push("ana", update(3, id, notes, { collection: REVIEWS, seen: 4 }));
    const { assignee, note, due, onExpiry, status } = reviewOf(rig, id);
    assert.deepEqual({ assignee, note, due, onExpiry, status }, { ...notes, status: "open" });
  });
});

describe("what is the server's of a review", () => {
  test("[H20] nobody writes: not its candidates or its end, and nobody makes or deletes one", () => {
    const rig = opened({});
    const { id } = openReview(rig, "d1", "amount");
    const before = reviewOf(rig, id);
    const foreign = ["status", "candidates", "outcome", "row", "field", "closedAt", "collection", "base"] as const;
    const wanted = {
      ...{ status: "closed", candidates: [], outcome: {}, row: {}, field: "title", closedAt: 1, base: [] },
      collection: "lasting",
    };
    for (const [index, name] of foreign.entries()) {
      rig.push("ana", update(3 + index, id, { note: "x", [name]: wanted[name] }, { collection: REVIEWS, seen: 4 }));
      assert.equal(last(rig.results("ana"))[3]?.code, "forbidden", name);
    }
    rig.push("ana", remove(3 + foreign.length, id, { collection: REVIEWS, seen: 4 }));
    assert.equal(last(rig.results("ana"))[3]?.code, "forbidden");
    rig.push("ana", create(4 + foreign.length, "review:ana:1:1.1", {}, { collection: REVIEWS, seen: 4 }));
    assert.equal(last(rig.results("ana"))[3]?.code, "forbidden");
    const mutations = [
      plain("m", { operation: "update", collection: REVIEWS, entity: entity(id), payload: { row: {} } }),
    ];
    rig.reconcile({ mutations });
    assert.deepEqual(reviewOf(rig, id), before);
    assert.equal(eventsOf(rig).length, 4);
  });

  test("[H18] the mark of an entity nobody writes", () => {
    const rig = opened({});
    rig.push("ana", update(3, "d1", { [MARK]: null }, { ...on, seen: 4 }));
    assert.equal(last(rig.results("ana"))[3]?.code, "unknown-field");
    rig.push("ana", create(4, "d2", { [MARK]: { amount: "x" } }, on));
    assert.equal(last(rig.results("ana"))[3]?.code, "unknown-field");
  });

  test("[H19] notes about a review that two write at the same time are settled like any field", () => {
    const rig = opened({});
    const { id } = openReview(rig, "d1", "amount");
    rig.push("ana", update(3, id, { note: "ana's", assignee: "ana" }, { collection: REVIEWS, seen: 4 }));
    rig.push("bob", update(2, id, { note: "bob's" }, { collection: REVIEWS, seen: 4, at: 500 }));
    assert.equal(last(rig.results("bob"))[1], "merged");
    assert.deepEqual([reviewOf(rig, id).note, reviewOf(rig, id).assignee], ["bob's", "ana"]);
  });
});
