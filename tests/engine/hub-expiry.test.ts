/** Reviews whose time is up. Rule H22. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MARK, REVIEWS } from "@tidelock/core";
import type { CollectionRules } from "@tidelock/server/engine";
import { deals } from "./deals.ts";
import { eventsOf, openReview, reviewOf, reviewsOf, rowOf } from "./hub-log.ts";
import { create, decide, HubRig, plain, remove, type RigOptions, update } from "./hub-rig.ts";
import { device, session, tenant, user } from "./names.ts";

const on = { collection: "deals" };
const MINUTE = 60_000;
const last = <Item>(items: readonly Item[]): Item => items.at(-1)!;

type Field = "price" | "offer" | "amount";

/** Ana and Bob are there, and the hub has looked once for reviews that have a time. */
function entered(options: Partial<RigOptions> = {}): HubRig {
  const rig = new HubRig({ schema: deals, ...options });
  for (const name of ["ana", "bob"]) rig.open(name, {}, { user: user(name) });
  rig.fire("sweep");
  return rig;
}

/** Ana and Bob disagree about a field of a deal: 10 in the log first, 20 later by its stamp. */
function disputed(field: Field, options: Partial<RigOptions> = {}): HubRig {
  const rig = entered(options);
  for (const name of ["ana", "bob"]) {
    rig.subscribe(name, 1, "deals");
    rig.subscribe(name, 2, REVIEWS);
  }
  rig.push("ana", create(1, "d1", {}, on), update(2, "d1", { [field]: 10 }, { ...on, seen: 0 }));
  rig.push("bob", update(1, "d1", { [field]: 20 }, { ...on, seen: 1, at: 30 }));
  return rig;
}

function pass(rig: HubRig, millis: number): void {
  rig.now += millis;
  rig.fire("sweep");
}

describe("a review whose time is up", () => {
  test("[H22] has a due time and what happens then, from the policy of its field", () => {
    for (const [field, due, onExpiry] of [
      ["price", MINUTE, "keep"],
      ["offer", MINUTE, "latest"],
      ["amount", null, "keep"],
    ] as const) {
      const rig = disputed(field);
      const review = openReview(rig, "d1", field);
      assert.deepEqual([review.due, review.onExpiry], [due === null ? null : rig.now + due, onExpiry]);
    }
  });

  test("[H22] is decided by the server: the field keeps what it has, or takes the latest", () => {
    for (const [field, value, candidate] of [
      ["price", 10, "ana:2"],
      ["offer", 20, "bob:1"],
    ] as const) {
      const rig = disputed(field);
      const { id } = openReview(rig, "d1", field);
      pass(rig, MINUTE - 1);
      assert.equal(reviewOf(rig, id).status, "open");
      pass(rig, 1);
      const { status, outcome, closedAt } = reviewOf(rig, id);
      assert.deepEqual([status, closedAt], ["closed", rig.now]);
      assert.deepEqual(outcome, {
        ...{ kind: "expired", candidate, value, user: "tidelock", device: "tidelock.server", time: rig.now },
      });
      assert.deepEqual([rowOf(rig, "deals", "d1")?.[field], rowOf(rig, "deals", "d1")?.[MARK]], [value, null]);
      const [event] = eventsOf(rig).slice(-2);
      assert.deepEqual([event?.device, event?.user, event?.remaining], ["tidelock.server", "tidelock", 1]);
      assert.match(event?.decisions[0]?.reason ?? "", /^the time was up: /);
      for (const name of ["ana", "bob"]) assert.equal(last(rig.of(name, "delta")).to, rig.hub.head);
    }
  });

  test("[H22] takes the latest of all candidates by their stamps, the greater device of two alike", () => {
    const rig = disputed("offer");
    rig.open("cyd", {}, { user: user("cyd") });
    rig.open("dan", {}, { user: user("dan") });
    rig.push("dan", update(1, "d1", { offer: 40 }, { ...on, seen: 4, at: 50 }));
    rig.push("cyd", update(1, "d1", { offer: 30 }, { ...on, seen: 4, at: 50 }));
    pass(rig, MINUTE);
    assert.equal(rowOf(rig, "deals", "d1")?.["offer"], 40);
  });

  test("[H22] is decided over candidates that nobody had seen, and without asking the rules of people", () => {
    const rules: CollectionRules = {
      read: () => false,
      write: ({ user: name }) => name !== "tidelock",
      review: () => false,
    };
    const rig = disputed("offer", { rules: { deals: rules } });
    pass(rig, MINUTE);
    assert.equal(rowOf(rig, "deals", "d1")?.["offer"], 20);
  });

  test("[H22] waits for nobody: a timer is armed while a review has a time, also when all have left", () => {
    const rig = disputed("offer");
    for (const name of ["ana", "bob"]) rig.input({ type: "session-closed", session: session(name) });
    for (let beat = 0; beat < 20 && reviewsOf(rig)[0]?.status === "open"; beat++) {
      assert.equal(rig.hub.idle, false, "the hub would be forgotten");
      assert.ok(rig.timers.has("sweep"), "nobody will look again");
      pass(rig, 5_000);
    }
    assert.equal(reviewsOf(rig)[0]?.status, "closed");
    rig.timers.delete("sweep");
    rig.reconcile({});
    assert.equal(rig.hub.idle, true);
  });

  test("[H22] is decided once, however often time passes meanwhile", () => {
    const rig = disputed("offer");
    rig.holds = (asked) => asked.type === "append";
    for (let beat = 0; beat < 5; beat++) pass(rig, MINUTE);
    rig.releaseAll();
    pass(rig, MINUTE);
    assert.equal(reviewsOf(rig)[0]?.status, "closed");
    assert.equal(eventsOf(rig).filter(({ device: by }) => by === "tidelock.server").length, 2);
    assert.equal(rig.disk.readReceipts(tenant, device("tidelock.server"), 0, 10).length, 1);
  });

  test("[H22] is decided after a restart, from what the disk has", () => {
    const before = disputed("offer");
    const rig = new HubRig({ schema: deals, disk: before.disk });
    rig.now = before.now + MINUTE;
    rig.open("cyd", {}, { user: user("cyd") });
    rig.fire("sweep");
    assert.equal(rowOf(rig, "deals", "d1")?.["offer"], 20);
  });

  test("[H22] is looked up again when the disk could not say", () => {
    const before = disputed("offer");
    const rig = new HubRig({ schema: deals, disk: before.disk });
    rig.now = before.now + MINUTE;
    rig.open("cyd", {}, { user: user("cyd") });
    rig.holds = (asked) => asked.type === "read" && asked.request.kind === "snapshot";
    rig.fire("sweep");
    rig.fail();
    rig.holds = () => false;
    pass(rig, 1);
    pass(rig, 1);
    assert.equal(rowOf(rig, "deals", "d1")?.["offer"], 20);
  });

  test("[H22] several at a time, each in a transaction of its own", () => {
    const rig = entered();
    for (let number = 1; number <= 5; number++) {
      rig.push("ana", create(number, `d${number}`, { offer: 10 }, on));
      rig.push("bob", update(number, `d${number}`, { offer: 20 }, { ...on, seen: 0, at: 100 }));
    }
    pass(rig, MINUTE);
    assert.deepEqual(
      reviewsOf(rig).map(({ outcome }) => outcome?.kind),
      Array.from({ length: 5 }, () => "expired"),
    );
    for (let number = 1; number <= 5; number++) assert.equal(rowOf(rig, "deals", `d${number}`)?.["offer"], 20);
  });
});

describe("the time of a review", () => {
  const note = (rig: HubRig, counter: number, fields: Parameters<typeof update>[2]): void => {
    const { id } = reviewsOf(rig)[0]!;
    rig.push("ana", update(counter, id, fields, { collection: REVIEWS, seen: rig.hub.head }));
  };

  test("[H22] may be set, put off, and given up by people; so may what happens then", () => {
    const later = disputed("offer");
    note(later, 3, { due: later.now + 2 * MINUTE });
    pass(later, MINUTE);
    assert.equal(reviewsOf(later)[0]?.status, "open");
    pass(later, MINUTE);
    assert.equal(reviewsOf(later)[0]?.status, "closed");
    const never = disputed("offer");
    note(never, 3, { due: null });
    pass(never, 100 * MINUTE);
    assert.equal(reviewsOf(never)[0]?.status, "open");
    const set = disputed("amount");
    note(set, 3, { due: set.now + MINUTE, onExpiry: "latest" });
    pass(set, MINUTE);
    assert.deepEqual([reviewsOf(set)[0]?.outcome?.kind, rowOf(set, "deals", "d1")?.["amount"]], ["expired", 20]);
  });

  test("[H22] does not come to those that were decided, or closed with their entity", () => {
    const decided = disputed("offer");
    decided.push("ana", decide(3, reviewsOf(decided)[0]!.id, { value: 15 }, { seen: 4 }));
    pass(decided, MINUTE);
    assert.deepEqual([reviewsOf(decided)[0]?.outcome?.kind, rowOf(decided, "deals", "d1")?.["offer"]], ["edit", 15]);
    const deleted = disputed("offer");
    deleted.push("ana", remove(3, "d1", { ...on, seen: 4 }));
    pass(deleted, MINUTE);
    assert.equal(reviewsOf(deleted)[0]?.outcome?.kind, "deleted");
    for (const rig of [decided, deleted]) {
      assert.equal(
        eventsOf(rig).some(({ device: by }) => by === "tidelock.server"),
        false,
      );
    }
  });

  test("[H22] that comes together with a person's decision leaves the first of the two", () => {
    for (const order of ["person", "time"] as const) {
      const rig = disputed("offer");
      const { id } = reviewsOf(rig)[0]!;
      rig.holds = (asked) => asked.type === "append";
      rig.push("bob", update(2, "d1", { title: "something else" }, { ...on, seen: 4 }));
      const byPerson = (): void => rig.push("ana", decide(3, id, { value: 15 }, { seen: 4 }));
      if (order === "person") byPerson();
      pass(rig, MINUTE);
      if (order === "time") byPerson();
      rig.releaseAll();
      const { outcome } = reviewOf(rig, id);
      assert.deepEqual([outcome?.kind, outcome?.value], order === "person" ? ["edit", 15] : ["expired", 20]);
      const refused = last(rig.results("ana"));
      assert.equal(refused[3]?.code, order === "person" ? undefined : "review-closed");
      if (order === "time") assert.equal(refused[3]?.message, "the time was up: the field has 20");
      pass(rig, MINUTE);
      assert.equal(rowOf(rig, "deals", "d1")?.["offer"], outcome?.value);
    }
  });

  test("[H22] of a whole entity decides whether it goes", () => {
    for (const [onExpiry, isThere] of [
      ["keep", true],
      ["latest", false],
    ] as const) {
      const rig = entered();
      rig.push("ana", create(1, "p1", { title: "x" }, { collection: "pinned" }));
      rig.push("ana", update(2, "p1", { title: "y" }, { collection: "pinned", seen: 1 }));
      rig.push("bob", remove(1, "p1", { collection: "pinned", seen: 1, at: 50 }));
      note(rig, 3, { due: rig.now + MINUTE, onExpiry });
      pass(rig, MINUTE);
      assert.equal(reviewsOf(rig)[0]?.outcome?.kind, "expired");
      assert.equal(rowOf(rig, "pinned", "p1") !== null, isThere);
    }
  });
});

describe("the name of the server", () => {
  test("[H22] no device can take, in a session or in a plain request, under any user", () => {
    for (const name of ["tidelock.server", "tidelock.x", "tidelock."]) {
      for (const who of ["eve", "tidelock"]) {
        const rig = disputed("offer");
        rig.open("eve", { device: device(name) }, { user: user(who) });
        assert.equal(rig.closed.get("eve"), "device-taken");
        assert.equal(rig.of("eve", "refusal")[0]?.code, "device-taken");
        const request = rig.reconcile({ device: device(name), mutations: [plain("m")] }, { user: user(who) });
        const answer = rig.answers.get(request);
        assert.deepEqual(answer?.ok === false && answer.code, "device-taken");
      }
    }
  });

  test("[H22] may stand within another", () => {
    const rig = new HubRig({ schema: deals });
    for (const name of ["tidelock", "Tidelock.server", "a.tidelock.server"]) rig.open(name);
    assert.equal(rig.closed.size, 0);
  });
});
