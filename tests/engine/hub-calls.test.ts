/** Calls of mutators at the hub. Rule H23. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ERRORS,
  field,
  HybridClock,
  isTemporaryId,
  type JsonObject,
  type MutatorEffect,
  MAX_TRANSACTION_MUTATIONS,
  runMutator,
  withMutators,
} from "@tidelock/core";
import type { CollectionRules } from "@tidelock/server/engine";
import { deals } from "./deals.ts";
import { eventsOf, openReview, rowOf } from "./hub-log.ts";
import { call, create, HubRig, plain, type RigOptions, update } from "./hub-rig.ts";
import { device, entity, START, stampAt, user } from "./names.ts";

const on = { collection: "deals" };
const last = <Item>(items: readonly Item[]): Item => items.at(-1)!;

/** Ana and Bob, and a deal of a person: offsets 1 and 2. */
function started(options: Partial<RigOptions> = {}): HubRig {
  const rig = new HubRig({ schema: deals, ...options });
  for (const name of ["ana", "bob"]) {
    rig.open(name, {}, { user: user(name), claims: { role: name === "ana" ? "lead" : "guest" } });
    rig.subscribe(name, 1, "deals");
  }
  rig.push("ana", create(1, "tmp:ana:1", { name: "Pia" }, { collection: "people" }));
  rig.push("ana", create(2, "d1", { title: "first", buyer: "tmp:ana:1" }, on));
  return rig;
}

function personOf(rig: HubRig): string {
  return String(rowOf(rig, "deals", "d1")?.["buyer"]);
}

/** What the device foresaw of a call. */
function foreseen(name: string, counter: number, at: number, args: JsonObject): readonly MutatorEffect[] {
  return runMutator(deals.mutators.get(name)!, args, {
    collections: deals.collections,
    get: () => null,
    device: device("ana"),
    counter,
    stamp: stampAt(at),
    user: "ana",
    claims: {},
    location: "device",
  });
}

describe("a call", () => {
  test("[H23] writes what its mutator makes of the state that it meets", () => {
    const rig = started();
    rig.push("bob", update(1, "d1", { title: "second" }, { ...on, seen: 2 }));
    rig.push("ana", call(3, "praise", { deal: "d1", times: 3 }, { seen: 2 }));
    assert.deepEqual(last(rig.results("ana")), [3, "applied", 4]);
    assert.deepEqual([rowOf(rig, "deals", "d1")?.["title"], rowOf(rig, "deals", "d1")?.["votes"]], ["second!", 3]);
  });

  test("[H23] is one transaction in the log, whose first event names it", () => {
    const rig = started();
    rig.push("ana", call(3, "open", { title: "new" }, { seen: 2 }));
    const events = eventsOf(rig).slice(2);
    assert.deepEqual(
      events.map(({ kind, collection, counter, remaining, call: named }) => [
        kind,
        collection,
        counter,
        remaining,
        named,
      ]),
      [
        ["created", "people", 3, 2, ["open", { title: "new" }]],
        ["created", "deals", 3, 1, null],
        ["updated", "deals", 3, 0, null],
      ],
    );
    // The first event's: whatever the call wrote is at least that new.
    assert.deepEqual(last(rig.results("ana")), [3, "applied", 3]);
    const delta = last(rig.of("bob", "delta"));
    assert.deepEqual([delta.to, delta.changes.length], [5, 1]);
  });

  test("[H23] creates the ids that its device foresaw, where clients and where the server make ids", () => {
    const rig = started();
    rig.push("ana", call(3, "open", { title: "new" }, { seen: 2, at: 77 }));
    const made = eventsOf(rig)
      .slice(2)
      .map(({ entity: id }) => id);
    assert.deepEqual(
      made,
      foreseen("open", 3, 77, { title: "new" }).map(({ entity: id }) => id),
    );
    assert.equal(made.some(isTemporaryId), false);
    assert.equal(rowOf(rig, "deals", made[1]!)?.["buyer"], made[0]);
  });

  test("[H23] creates them also when the device's clock is wrong and its stamp is replaced", () => {
    const rig = started();
    const at = 1e12;
    rig.push("ana", call(3, "open", { title: "new" }, { seen: 2, at }));
    const events = eventsOf(rig).slice(2);
    assert.deepEqual(
      events.map(({ entity: id }) => id),
      foreseen("open", 3, at, { title: "new" }).map(({ entity: id }) => id),
    );
    assert.deepEqual(new Set(events.map(({ claimed }) => claimed)), new Set([stampAt(at)]));
    assert.ok(events.every(({ stamp }) => stamp < new HybridClock().tick(START + 120_000)));
  });

  test("[H23] runs with the user and the claims of the token, at the moment when the user acted", () => {
    const seen: unknown[] = [];
    const schema = withMutators(deals, (mutator) => ({
      look: mutator({ args: {}, run: (_, __, { refuse: _refuse, ...context }) => void seen.push(context) }),
    }));
    const rig = started({ schema });
    rig.push("ana", call(3, "look", {}, { at: 500 }));
    assert.deepEqual(last(seen), { user: "ana", claims: { role: "lead" }, time: START + 500, location: "server" });
  });

  test("[H23] conflicts with nothing: it has seen what it met", () => {
    const rig = started();
    rig.push("bob", update(1, "d1", { title: "bob's", amount: 20 }, { ...on, seen: 2, at: 1000 }));
    rig.push("ana", call(3, "price", { deal: "d1", amount: 30 }, { seen: 2, at: 3 }));
    rig.push("ana", call(4, "praise", { deal: "d1" }, { seen: 2, at: 4 }));
    assert.deepEqual(
      rig
        .results("ana")
        .slice(2)
        .map(([, outcome, , detail]) => [outcome, detail]),
      [
        ["applied", undefined],
        ["applied", undefined],
      ],
    );
    assert.deepEqual([rowOf(rig, "deals", "d1")?.["title"], rowOf(rig, "deals", "d1")?.["amount"]], ["bob's!", 30]);
    // And its writes are the last ones: they lose to nobody who had seen them, whatever its clock said.
    rig.push("bob", update(2, "d1", { title: "late" }, { ...on, seen: rig.hub.head, at: 5 }));
    assert.equal(last(rig.results("bob"))[1], "applied");
  });

  test("[H23] that writes nothing is applied, and leaves no event", () => {
    const rig = started();
    rig.push("ana", call(3, "nothing", {}, { seen: 2 }));
    assert.deepEqual(last(rig.results("ana")), [3, "applied", 2]);
    assert.equal(rig.hub.head, 2);
    rig.push("ana", call(4, "praise", { deal: "d1" }, { seen: 2 }));
    assert.deepEqual(eventsOf(rig)[2]?.call, ["praise", { deal: "d1" }]);
  });

  test("[H23] whose write waits for a person says so, and the rest of it goes ahead", () => {
    const rig = started();
    rig.push("ana", update(3, "d1", { amount: 10 }, { ...on, seen: 2 }));
    rig.push("bob", update(1, "d1", { amount: 20 }, { ...on, seen: 2 }));
    rig.push("ana", call(4, "price", { deal: "d1", amount: 30 }, { seen: 5 }));
    const [, outcome, offset] = last(rig.results("ana"));
    assert.deepEqual([outcome, offset], ["in-review", 6]);
    assert.deepEqual(
      openReview(rig, "d1", "amount").candidates.map(({ value }) => value),
      [10, 20, 30],
    );
  });

  test("[H2] that is pushed again gets its first answer, and is not run again", () => {
    const rig = started();
    const praise = call(3, "praise", { deal: "d1" }, { seen: 2 });
    rig.push("ana", praise);
    rig.push("ana", praise);
    assert.deepEqual(
      rig
        .results("ana")
        .slice(2)
        .map(([, outcome]) => outcome),
      ["applied", "duplicate"],
    );
    assert.equal(rowOf(rig, "deals", "d1")?.["votes"], 1);
  });

  test("[H23] may come over plain HTTP, by the name of its mutator", () => {
    const rig = started();
    const payload = { deal: "d1", times: 2 };
    const request = rig.reconcile({ mutations: [plain("m1", { operation: "praise", collection: "", payload })] });
    const again = rig.reconcile({ mutations: [plain("m1", { operation: "praise", collection: "", payload })] });
    const outcomes = [request, again].map((each) => {
      const answer = rig.answers.get(each);
      assert.ok(answer?.ok);
      return answer.body.applied.map(({ temp_id: name, outcome }) => [name, outcome]);
    });
    assert.deepEqual(outcomes, [[["m1", "applied"]], [["m1", "duplicate"]]]);
    assert.equal(rowOf(rig, "deals", "d1")?.["votes"], 2);
    const unknown = rig.reconcile({ mutations: [plain("m2", { operation: "flatten" })] });
    const answer = rig.answers.get(unknown);
    assert.deepEqual(answer?.ok && answer.body.rejected.map(({ code }) => code), ["unknown-operation"]);
  });
});

describe("a call is refused", () => {
  /** The code and words of the last answer, and that nothing was written. */
  function refusal(rig: HubRig, head: number = 2): readonly [string | undefined, string | undefined] {
    const [, outcome, offset, detail] = last(rig.results("ana"));
    assert.deepEqual([outcome, offset, rig.hub.head], ["rejected", 0, head]);
    return [detail?.code, detail?.message];
  }

  test("[H23] when its mutator refuses, with its words", () => {
    const rig = started();
    rig.push("ana", call(3, "praise", { deal: "d9" }, { seen: 2 }));
    assert.deepEqual(refusal(rig), ["mutator-refused", "there is no such deal"]);
    rig.push("ana", update(4, "d1", { state: "won" }, { ...on, seen: 2 }));
    rig.push("ana", call(5, "praise", { deal: "d1" }, { seen: 2 }));
    assert.deepEqual(refusal(rig, 3), ["mutator-refused", "the deal is won already"]);
  });

  test("[H23] when nobody knows its mutator, or its arguments do not fit", () => {
    const rig = started();
    const cases: ReadonlyArray<readonly [string, Parameters<typeof call>[2], string, RegExp]> = [
      ["flatten", {}, "unknown-mutator", /there is no mutator flatten/],
      ["toString", {}, "unknown-mutator", /there is no mutator toString/],
      ["praise", {}, "invalid-value", /praise needs deal/],
      ["praise", { deal: "d1", times: 1.5 }, "invalid-value", /times must be a whole number/],
      ["praise", { deal: "d1", colour: 1 }, "invalid-value", /praise takes no "colour"/],
    ];
    for (const [index, [name, args, code, words]] of cases.entries()) {
      rig.push("ana", call(3 + index, name, args, { seen: 2 }));
      const [its, message] = refusal(rig);
      assert.equal(its, code);
      assert.match(message ?? "", words);
    }
  });

  test("[H23] whole, when the write rule takes one of its writes but not another", () => {
    const asked: string[] = [];
    const write: CollectionRules["write"] = ({ user: name, claims }, { operation, after }) => {
      asked.push(`${name} ${String(claims["role"])} ${operation} ${String(after?.["title"])}`);
      return operation !== "update" || "nobody labels deals";
    };
    const rig = started({ rules: { deals: { write } } });
    asked.length = 0;
    rig.push("ana", call(3, "open", { title: "new" }, { seen: 2 }));
    assert.deepEqual(refusal(rig), ["forbidden", "nobody labels deals"]);
    assert.deepEqual(asked, ["ana lead create new", "ana lead update new"]);
  });

  test("[H23] whole, when one of its writes cannot be", () => {
    const schema = withMutators(deals, (mutator) => ({
      overwrite: mutator({
        args: {},
        run(tx) {
          tx.deals.update("d1", { title: "changed" });
          tx.deals.create({ id: "d1" });
        },
      }),
      phantom: mutator({ args: {}, run: (tx) => tx.deals.update("d9", { title: "x" }) }),
      wrong: mutator({ args: {}, run: (tx) => tx.deals.update("d1", { title: 5 } as never) }),
      many: mutator({
        args: {},
        run(tx) {
          for (let index = 0; index <= MAX_TRANSACTION_MUTATIONS; index++) tx.deals.create({});
        },
      }),
    }));
    const rig = started({ schema });
    const codes = ["overwrite", "phantom", "wrong", "many"].map((name, index) => {
      rig.push("ana", call(3 + index, name, {}, { seen: 2 }));
      return refusal(rig)[0];
    });
    assert.deepEqual(codes, ["entity-exists", "entity-not-found", "invalid-value", "transaction-broken"]);
    assert.equal(rowOf(rig, "deals", "d1")?.["title"], "first");
  });

  test("[H23] with all others of its transaction: a call stands alone", () => {
    for (const place of [0, 1, 2]) {
      const rig = started();
      const rows = [0, 1, 2].map((index) => {
        const more = { seen: 2, remaining: 2 - index };
        return index === place
          ? call(3 + index, "praise", { deal: "d1" }, more)
          : update(3 + index, "d1", { title: "x" }, { ...on, ...more });
      });
      rig.push("ana", ...rows, update(6, "d1", { title: "alone" }, { ...on, seen: 2 }));
      const results = rig.results("ana").slice(2);
      assert.deepEqual(
        results.map(([, outcome]) => outcome),
        ["rejected", "rejected", "rejected", "applied"],
      );
      const codes = new Set(results.slice(0, 3).map(([, , , detail]) => detail?.code));
      assert.ok(codes.delete("transaction-broken"));
      codes.delete("transaction-failed");
      assert.deepEqual([...codes], []);
    }
  });

  test("[H23] over plain HTTP with all others of its transaction", () => {
    const rig = started();
    const request = rig.reconcile({
      mutations: [
        plain("m1", { ...on, entity: entity("d2"), remaining: 1 }),
        plain("m2", { operation: "praise", payload: { deal: "d1" } }),
      ],
    });
    const answer = rig.answers.get(request);
    assert.ok(answer?.ok);
    assert.deepEqual(answer.body.applied, []);
    assert.ok(answer.body.rejected.some(({ code }) => code === "transaction-broken"));
    assert.equal(rig.hub.head, 2);
  });
});

describe("what a call needs of the disk", () => {
  /** The same server after a restart: nothing is in memory. */
  function restarted(before: HubRig): HubRig {
    const rig = new HubRig({ schema: deals, disk: before.disk });
    rig.open("bob", {}, { user: user("bob") });
    return rig;
  }
  const entityReads = (rig: HubRig): ReadonlyArray<readonly string[]> =>
    rig.effects.flatMap((effect) =>
      effect.type === "read" && effect.request.kind === "entities"
        ? [effect.request.keys.map((key) => key.join("/"))]
        : [],
    );

  test("[H23] shows when it runs: it runs again with each entity that it asked for", () => {
    const before = started();
    const person = personOf(before);
    const rig = restarted(before);
    rig.push("bob", call(1, "hand", { deal: "d1" }, { seen: 2 }));
    assert.deepEqual(entityReads(rig), [["deals/d1"], [`people/${person}`]]);
    assert.equal(rig.results("bob")[0]?.[1], "applied");
    assert.deepEqual(
      [rowOf(rig, "deals", "d1")?.["owner"], rowOf(rig, "people", person)?.["name"]],
      ["Pia", "Pia (owner)"],
    );
  });

  test("[H23] is read before what is behind it is admitted: nothing overtakes", () => {
    const rig = restarted(started());
    rig.holds = (asked) => asked.type === "read";
    rig.push(
      "bob",
      call(1, "praise", { deal: "d1" }, { seen: 2 }),
      update(2, "d1", { title: "after" }, { ...on, seen: 2 }),
    );
    rig.open("cyd", {}, { user: user("cyd") });
    assert.deepEqual(rig.results("bob"), []);
    rig.releaseAll();
    assert.deepEqual(
      rig.results("bob").map(([counter, outcome, offset]) => [counter, outcome, offset]),
      [
        [1, "applied", 3],
        [2, "applied", 4],
      ],
    );
    assert.equal(rowOf(rig, "deals", "d1")?.["title"], "after");
  });

  test("[H23] is asked for again when the disk could not say", () => {
    const rig = restarted(started());
    rig.holds = (asked) => asked.type === "read" && asked.request.kind === "entities";
    rig.push("bob", call(1, "hand", { deal: "d1" }, { seen: 2 }));
    rig.fail();
    rig.holds = () => false;
    rig.fire("sweep");
    assert.equal(rig.results("bob")[0]?.[1], "applied");
  });

  test("[H23] is the state that it meets when it is admitted, though it was run before to find what it needs", () => {
    const rig = restarted(started());
    rig.holds = (asked) => asked.type === "read" && asked.request.kind === "entities";
    rig.open("cyd", {}, { user: user("cyd") });
    rig.push("cyd", update(1, "d1", { title: "meanwhile" }, { ...on, seen: 2 }));
    rig.push("bob", call(1, "praise", { deal: "d1" }, { seen: 2 }));
    rig.releaseAll();
    assert.equal(rowOf(rig, "deals", "d1")?.["title"], "meanwhile!");
  });

  test("[H23] may be nothing: an entity that is not there is asked for once", () => {
    const rig = restarted(started());
    rig.push("bob", call(1, "praise", { deal: "none" }, { seen: 2 }), call(2, "praise", { deal: "none" }, { seen: 2 }));
    assert.deepEqual(entityReads(rig), [["deals/none"]]);
    assert.deepEqual(
      rig.results("bob").map(([, , , detail]) => detail?.code),
      ["mutator-refused", "mutator-refused"],
    );
  });

  test("[H23] is read also when its mutator catches that it is not there", () => {
    const schema = withMutators(deals, (mutator) => ({
      careful: mutator({
        args: { deal: field.reference("deals") },
        run(tx, { deal }) {
          let title = "nothing";
          try {
            title = tx.deals.get(deal)?.title ?? "nobody";
          } catch {
            tx.deals.create({ id: "fallback" });
          }
          tx.deals.update(deal, { title: `${title}?` });
        },
      }),
    }));
    const rig = new HubRig({ schema, disk: started().disk });
    rig.open("bob", {}, { user: user("bob") });
    rig.push("bob", call(1, "careful", { deal: "d1" }, { seen: 2 }));
    assert.deepEqual([rowOf(rig, "deals", "d1")?.["title"], rowOf(rig, "deals", "fallback")], ["first?", null]);
  });

  test("[H17] is bounded: a mutator that never asks for the same twice does not stop its tenant", () => {
    let asked = 0;
    const schema = withMutators(deals, (mutator) => ({
      wander: mutator({ args: {}, run: (tx) => void tx.deals.get(`x${(asked += 1)}`) }),
    }));
    const rig = new HubRig({ schema });
    rig.open("bob", {}, { user: user("bob") });
    rig.push("bob", call(1, "wander", {}), create(2, "d2", {}, on));
    assert.deepEqual(
      rig.results("bob").map(([counter]) => counter),
      [1, 2],
    );
    assert.equal(rowOf(rig, "deals", "d2")?.["amount"], 0);
  });

  test("[H23] includes the open reviews of what it writes", () => {
    const before = started();
    before.push("ana", update(3, "d1", { amount: 10 }, { ...on, seen: 2 }));
    before.push("bob", update(1, "d1", { amount: 20 }, { ...on, seen: 2 }));
    const rig = restarted(before);
    rig.push("bob", call(2, "price", { deal: "d1", amount: 30 }, { seen: 5 }));
    assert.deepEqual(openReview(rig, "d1", "amount").candidates.at(-1)?.value, 30);
  });
});

describe("temporary ids in a call", () => {
  test("[H23] stand for what they were assigned", () => {
    const rig = started();
    rig.push("ana", call(3, "open", { title: "new", buyer: "tmp:ana:1" }, { seen: 2 }));
    const [deal] = eventsOf(rig).slice(2);
    assert.equal(rowOf(rig, "deals", String(deal?.entity))?.["buyer"], personOf(rig));
    assert.deepEqual(deal?.call, ["open", { title: "new", buyer: personOf(rig) }]);
  });

  test("[H23] that stand for nothing refuse it", () => {
    const rig = started();
    rig.push("ana", call(3, "open", { title: "new", buyer: "tmp:ana:9" }, { seen: 2 }));
    assert.equal(last(rig.results("ana"))[3]?.code, "entity-not-found");
    assert.equal(rig.hub.head, 2);
  });
});

describe("what a mutator must not bring into the log", () => {
  test("[H23] temporary ids: neither of what it creates nor in references", () => {
    const schema = withMutators(deals, (mutator) => ({
      temporary: mutator({ args: {}, run: (tx) => void tx.deals.create({ id: "tmp:ana:77" }) }),
      dangling: mutator({ args: {}, run: (tx) => tx.deals.update("d1", { buyer: "tmp:ana:77" }) }),
      hidden: mutator({
        args: {},
        run: (tx) => tx.deals.update("d1", { steps: [{ id: "s1", text: "x", who: "tmp:ana:77" }] }),
      }),
    }));
    const rig = started({ schema });
    const codes = ["temporary", "dangling", "hidden"].map((name, index) => {
      rig.push("ana", call(3 + index, name, {}, { seen: 2 }));
      return last(rig.results("ana"))[3]?.code;
    });
    assert.deepEqual([codes, rig.hub.head], [["invalid-id", "entity-not-found", "entity-not-found"], 2]);
  });

  test("[H23] what it did to an object that it read", () => {
    const schema = withMutators(deals, (mutator) => ({
      scribble: mutator({ args: {}, run: (tx) => void (tx.deals.get("d1")!.labels as string[]).push("scribbled") }),
      add: mutator({
        args: { to: field.json<number[]>() },
        run(tx, { to }) {
          to.push(1);
          tx.deals.update("d1", { extra: to });
        },
      }),
    }));
    const rig = started({ schema });
    rig.push("ana", call(3, "scribble", {}, { seen: 2 }), call(4, "add", { to: [0] }, { seen: 2 }));
    const row = rowOf(rig, "deals", "d1");
    assert.deepEqual([row?.["labels"], row?.["extra"]], [[], [0, 1]]);
    assert.deepEqual(last(eventsOf(rig)).call, ["add", { to: [0] }]);
  });
});

describe("a mutator that goes wrong", () => {
  test("[H17] refuses its call; what it threw is for the operator's log alone", () => {
    const rig = started();
    rig.push("ana", call(3, "careless", {}, { seen: 2 }), call(4, "praise", { deal: "d1" }, { seen: 2 }));
    assert.deepEqual(
      rig
        .results("ana")
        .slice(2)
        .map(([, outcome, , detail]) => [outcome, detail?.code, detail?.message]),
      [
        ["rejected", "mutator-failed", ERRORS["mutator-failed"].message],
        ["applied", undefined, undefined],
      ],
    );
    const logs = rig.effects.filter((effect) => effect.type === "log");
    assert.deepEqual(
      logs.map(({ level, facts }) => [level, facts]),
      [["error", { problem: "careless threw: the mutator fell over" }]],
    );
  });

  test("[H17] by taking too long refuses its call", () => {
    const limit: RigOptions["limit"] = () => {
      throw new Error("it took longer than 50 ms");
    };
    const rig = started({ limit });
    rig.push(
      "ana",
      call(3, "praise", { deal: "d1" }, { seen: 2 }),
      update(4, "d1", { title: "next" }, { ...on, seen: 2 }),
    );
    assert.deepEqual(
      rig
        .results("ana")
        .slice(2)
        .map(([, outcome, , detail]) => [outcome, detail?.code]),
      [
        ["rejected", "mutator-failed"],
        ["applied", undefined],
      ],
    );
  });

  test("[H17] by waiting refuses its call, whatever becomes of its promise", async () => {
    const schema = withMutators(deals, (mutator) => ({
      patient: mutator({
        args: {},
        run: (async () => {
          await Promise.resolve();
          throw new Error("later");
        }) as () => void,
      }),
    }));
    const rig = started({ schema });
    rig.push("ana", call(3, "patient", {}, { seen: 2 }));
    assert.equal(last(rig.results("ana"))[3]?.code, "transaction-broken");
    await new Promise((done) => setImmediate(done));
  });
});
