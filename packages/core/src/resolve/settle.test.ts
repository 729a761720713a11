/** How one write meets what a field has: every policy, whichever of two writes reached the server first. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { canonicalJson, type JsonObject, type JsonValue } from "../base/json.ts";
import { change } from "../crdt/change.ts";
import { parseDeviceId, parseUserId } from "../ids.ts";
import { DECISION } from "../protocol/messages.ts";
import { field, type FieldSchema, review } from "../schema/field.ts";
import { type AnyField, collection, defineSchema } from "../schema/schema.ts";
import { makeStamp, nextStamp } from "../time/hlc.ts";
import type { Decision } from "./decision.ts";
import { type Settlement, settleField, unseenWrites } from "./resolve.ts";
import type { FieldState, IncomingWrite } from "./field-state.ts";
import { stampAfter } from "./last-write.ts";
import { askSomeone, because, defineRule } from "./rule.ts";
import { authorRole, forwardOnly, greatest, priorityOrder, smallest, unionOfIntervals } from "./rules.ts";
import { UNLIMITED } from "./run-rule.ts";

fc.configureGlobal({ seed: 24 });

interface Wrote {
  readonly device?: string;
  readonly value: unknown;
  /** Milliseconds of the stamp. */
  readonly at?: number;
  /** Up to where of the log its author had seen. */
  readonly seen?: number;
  readonly claims?: JsonObject;
}

function built(declared: AnyField): FieldSchema {
  return defineSchema({ version: 1, collections: { c: collection({ f: declared }) } })
    .collections.get("c")!
    .byName.get("f")!;
}

/** A field and the writes that reach it, in their order: offsets 1, 2, 3, … */
class Log {
  readonly decisions: Decision[] = [];
  readonly settled: Settlement[] = [];
  state: FieldState;
  readonly #field: FieldSchema;
  readonly #counters = new Map<string, number>();
  #offset = 0;

  constructor(declared: AnyField) {
    this.#field = built(declared);
    this.state = { value: this.#field.default ?? null, write: undefined, memory: undefined };
  }

  write({ device: name = "a", value, at = this.#offset + 1, seen = 0, claims = {} }: Wrote): Settlement {
    const device = parseDeviceId(name)!;
    const counter = (this.#counters.get(name) ?? 0) + 1;
    this.#counters.set(name, counter);
    this.#offset += 1;
    const offset = this.#offset;
    const incoming: IncomingWrite = {
      ...{ device, counter, offset, user: parseUserId(`user-${name}`)!, stamp: makeStamp(at, 0), claims },
      value: value as JsonValue,
      seen: { floor: seen, dots: new Map([[device, counter - 1]]) },
    };
    const settled = settleField("c", this.#field, this.state, incoming, UNLIMITED);
    this.settled.push(settled);
    if (settled.kind === "written") {
      const { memory, stamp, others } = settled;
      // What is stored comes back from JSON.
      const stored: JsonValue | undefined = memory === undefined ? undefined : JSON.parse(JSON.stringify(memory));
      const { user } = incoming;
      this.state = { value: settled.value, write: { device, counter, offset, stamp, user }, others, memory: stored };
    }
    const decisions = settled.kind === "written" ? settled.decisions : "decision" in settled ? [settled.decision] : [];
    for (const decision of decisions) {
      const again: unknown = JSON.parse(JSON.stringify(decision));
      assert.equal(DECISION.problem(again, "decision"), null);
    }
    this.decisions.push(...decisions);
    return settled;
  }

  get last(): Decision {
    return this.decisions.at(-1)!;
  }
}

function after(declared: AnyField, ...writes: readonly Wrote[]): Log {
  const log = new Log(declared);
  for (const wrote of writes) log.write(wrote);
  return log;
}

const BASE: Wrote = { device: "base", value: "base" };

describe("a write", () => {
  test("goes ahead where nothing was written before, and where its author had seen the last write", () => {
    for (const policy of ["lww", review(), greatestOfText()] as const) {
      const log = after(field.string().policy(policy), BASE, { device: "b", value: "next", seen: 1, at: 0 });
      assert.deepEqual(
        log.settled.map(({ kind }) => kind),
        ["written", "written"],
      );
      assert.deepEqual([log.decisions, log.state.value], [[], "next"]);
    }
  });

  test("goes ahead over the device's own, though it has not seen it in the log", () => {
    const log = after(field.string().policy(review()), BASE, { device: "base", value: "next" });
    assert.deepEqual([log.decisions, log.state.value], [[], "next"]);
  });

  test("of the value that is there already is no conflict, and the later of the two is the last one", () => {
    for (const policy of ["lww", review(), greatestOfText()] as const) {
      const declared = field.json().policy(policy);
      const later = after(declared, { value: { a: 1, b: 2 }, at: 5 }, { device: "b", value: { b: 2, a: 1 }, at: 9 });
      assert.deepEqual([later.decisions, later.state.write?.device], [[], "b"]);
      assert.equal(later.state.write?.stamp, makeStamp(9, 0));
      const earlier = after(declared, { value: 1, at: 5 }, { device: "b", value: 1, at: 2 });
      assert.deepEqual([earlier.decisions, earlier.settled[1]?.kind, earlier.state.write?.device], [[], "same", "a"]);
    }
  });

  test("that had seen its predecessor gets a later stamp, whatever the clocks say", () => {
    const log = after(field.string(), { ...BASE, at: 1000 }, { device: "b", value: "next", seen: 1, at: 5 });
    assert.equal(log.state.write?.stamp, nextStamp(makeStamp(1000, 0)));
    assert.equal(stampAfter(makeStamp(5, 0), undefined), makeStamp(5, 0));
    assert.equal(stampAfter(makeStamp(5, 0), { stamp: makeStamp(5, 0) }), makeStamp(5, 1));
    assert.equal(stampAfter(makeStamp(6, 0), { stamp: makeStamp(5, 0) }), makeStamp(6, 0));
  });
});

function greatestOfText(): ReturnType<typeof defineRule<string>> {
  return defineRule<string>({
    name: "greatest-text",
    version: 2,
    decide: ({ current, incoming }) => (current.value > incoming.value ? current.value : incoming.value),
  });
}

describe("two writes that had not seen each other", () => {
  test("lww: the later stands, and keeps its own stamp, so that the next comparison is as fair", () => {
    const later = after(field.string(), { value: "one", at: 5 }, { device: "b", value: "two", at: 9 });
    assert.deepEqual([later.state.value, later.state.write?.stamp], ["two", makeStamp(9, 0)]);
    assert.deepEqual([later.last.winner, later.last.value], ["incoming", "two"]);
    const earlier = after(field.string(), { value: "one", at: 9 }, { device: "b", value: "two", at: 5 });
    assert.deepEqual([earlier.state.value, earlier.state.write?.device], ["one", "a"]);
    assert.deepEqual([earlier.last.winner, earlier.last.value], ["current", "one"]);
  });

  test("review: the field keeps what it has, and both are held, with what they started from", () => {
    const log = after(
      field.string().policy(review()),
      BASE,
      { device: "a", value: "one", seen: 1 },
      { device: "b", value: "two", seen: 1 },
    );
    assert.equal(log.settled.at(-1)?.kind, "held");
    const { winner, value, base, current, incoming, policy, reason } = log.last;
    assert.deepEqual([winner, value, base, policy], ["review", "one", "base", "review"]);
    assert.deepEqual([current.value, current.user, current.offset, current.seen], ["one", "user-a", 2, null]);
    assert.deepEqual([incoming.value, incoming.user, incoming.offset, incoming.seen], ["two", "user-b", 3, 1]);
    assert.match(reason, /a person decides$/);
  });

  test("review: the base is left out when nobody knows it", () => {
    const log = after(field.string().policy(review()), { value: "one" }, { device: "b", value: "two" });
    assert.equal("base" in log.last, false);
  });

  test("a rule: what it answers stands, as the write of whose value it is", () => {
    const declared = field.string().policy(greatestOfText());
    const incoming = after(declared, { value: "m", at: 9 }, { device: "b", value: "z", at: 5 });
    assert.deepEqual([incoming.state.value, incoming.state.write?.stamp], ["z", makeStamp(5, 0)]);
    const { winner, policy, policyVersion, reason } = incoming.last;
    assert.deepEqual([winner, policy, policyVersion], ["incoming", "resolve/greatest-text", 2]);
    assert.equal(reason, "the rule greatest-text decided");
    const kept = after(declared, { value: "m", at: 9 }, { device: "b", value: "a", at: 50 });
    assert.equal(kept.settled.at(-1)?.kind, "kept");
    assert.deepEqual([kept.last.winner, kept.state.write?.stamp], ["current", makeStamp(9, 0)]);
  });

  test("a rule: of two who wrote the same, the one whom the rule prefers counts in the next conflict", () => {
    const declared = field.string().policy(authorRole({ claim: "role", order: ["guest", "member", "lead"] }));
    const lead = { value: "same", claims: { role: "lead" }, at: 1 };
    const guest = { device: "b", value: "same", claims: { role: "guest" }, at: 9 };
    const member = { device: "c", value: "other", claims: { role: "member" }, at: 10 };
    for (const log of [after(declared, lead, guest, member), after(declared, guest, lead, member)]) {
      assert.deepEqual([log.state.value, log.state.write?.device, log.decisions.length], ["same", "a", 1]);
    }
  });

  test("a rule: a third value stands as later than both", () => {
    const both = defineRule<string>({
      name: "both",
      version: 1,
      decide: ({ current, incoming }) => because([current.value, incoming.value].sort().join("+"), "both count"),
    });
    const log = after(field.string().policy(both), { value: "b", at: 9 }, { device: "b", value: "a", at: 5 });
    assert.deepEqual([log.state.value, log.last.winner, log.last.reason], ["a+b", "merged", "both count"]);
    assert.equal(log.state.write?.stamp, makeStamp(9, 1));
  });

  test("a rule: it is asked with the claims with which each was written", () => {
    const declared = field.string().policy(authorRole({ claim: "role", order: ["guest", "lead"] }));
    const lead = { value: "by the lead", claims: { role: "lead", name: "secret" }, at: 1 };
    const guest = { device: "b", value: "by a guest", claims: { role: "guest" }, at: 9 };
    assert.equal(after(declared, lead, guest).state.value, "by the lead");
    assert.equal(after(declared, guest, { ...lead, device: "c" }).state.value, "by the lead");
    assert.equal(JSON.stringify(after(declared, lead, guest).state).includes("secret"), false);
  });

  test("a rule: whose wish or fault it is, a person decides", () => {
    const wish = defineRule<string>({ name: "shy", version: 1, decide: () => askSomeone("I cannot tell") });
    const asked = after(field.string().policy(wish), { value: "one" }, { device: "b", value: "two" });
    const held = asked.settled.at(-1);
    assert.ok(held?.kind === "held");
    assert.deepEqual([held.fault, held.decision.reason, held.decision.policy], [null, "I cannot tell", "resolve/shy"]);
    assert.equal(asked.state.value, "one");
    const broken = defineRule<string>({ name: "broken", version: 1, decide: () => null as never });
    const failed = after(field.string().policy(broken), { value: "one" }, { device: "b", value: "two" }).settled.at(-1);
    assert.equal(failed?.kind === "held" && failed.fault, "its answer must not be null");
  });
});

describe("a value that is made of several writes", () => {
  const both = defineRule<string>({
    name: "both",
    version: 1,
    decide: ({ current, incoming }) => [current.value, incoming.value].sort().join("+"),
  });
  const declared = field.string().policy(both);
  /** Offsets 2 and 3 are two writes that had not seen each other; the value is made of both. */
  const made = (): Log =>
    after(declared, BASE, { device: "a", value: "a", seen: 1 }, { device: "b", value: "b", seen: 1 });

  test("is written over only by who has seen all of them", () => {
    const log = made();
    assert.deepEqual([log.state.value, log.state.others?.map(({ device }) => device)], ["a+b", ["a"]]);
    log.write({ device: "c", value: "next", seen: 3 });
    assert.deepEqual([log.state.value, log.state.others], ["next", []]);
  });

  test("is in conflict with who has seen only some of them", () => {
    const seesFirst = made();
    seesFirst.write({ device: "c", value: "c", seen: 2 });
    assert.deepEqual([seesFirst.state.value, seesFirst.last.winner], ["a+b+c", "merged"]);
    // The second device has seen its own write, and not the other.
    const seesSecond = made();
    seesSecond.write({ device: "b", value: "b2", seen: 1 });
    assert.deepEqual([seesSecond.state.value, seesSecond.last.current.device], ["a+b+b2", "a"]);
  });

  test("is the base only of who has seen all of them", () => {
    const bases = [3, 2, 1].map((seen) => {
      const log = made();
      log.write({ device: "c", value: "c", seen: 3 });
      log.write({ device: "d", value: "d", seen });
      return log.last.base;
    });
    assert.deepEqual(bases, ["a+b", "a", "base"]);
  });

  test("is known by the writes of counters, sets and lists as well", () => {
    for (const [kind, values] of [
      [field.counter(), [{ add: 1 }, { add: 2 }, { add: 3 }]],
      [field.set(field.string()), [{ add: ["a"] }, { add: ["b"] }, { add: ["c"] }]],
      [field.list({}), [[{ id: "i1" }], change.insertItem({ id: "i2" }, null), change.insertItem({ id: "i3" }, null)]],
    ] as const) {
      const log = after(kind, ...values.map((value, index) => ({ device: "abc"[index]!, value })));
      const unseen = (floor: number): readonly string[] =>
        unseenWrites(log.state, { floor, dots: new Map() }).map(({ device }) => device);
      assert.deepEqual([unseen(0), unseen(1), unseen(2), unseen(3)], [["a", "b", "c"], ["b", "c"], ["c"], []]);
    }
  });

  test("folds the oldest of many into one that nobody has seen who has not seen them all", () => {
    const log = new Log(field.counter());
    for (let index = 1; index <= 50; index++) log.write({ device: `d${index}`, value: { add: 1 } });
    assert.equal(log.state.value, 50);
    const seen = (floor: number, names: readonly string[] = []): number =>
      unseenWrites(log.state, { floor, dots: new Map(names.map((name) => [parseDeviceId(name)!, 1])) }).length;
    assert.equal(seen(50), 0);
    assert.ok(seen(0) > 30 && seen(0) < 40, `${seen(0)} writes`);
    assert.ok(seen(0, ["d50", "d49"]) > 0);
    assert.ok(seen(10) > 0 && seen(49) === 1);
  });
});

describe("what is said of a conflict", () => {
  test("is bounded, however much there is to quote", () => {
    const long = "x".repeat(5000);
    const set = field.set(field.string());
    const words = Array.from({ length: 200 }, (_, index) => `word number ${index}`);
    const odd = defineRule<string>({ name: "odd", version: 1, decide: () => "no word" });
    const logs = [
      after(set, { value: [long] }, { device: "b", value: { remove: [long] } }),
      after(field.enum(words).policy(odd as never), { value: words[0] }, { device: "b", value: words[1] }),
      after(
        field.enum(words).policy(priorityOrder([long, "y".repeat(5000)]) as never),
        { value: words[0] },
        { device: "b", value: words[1] },
      ),
    ];
    for (const log of logs) assert.ok(log.last.reason.length <= 500 && log.last.reason.length > 20);
  });
});

describe("writes that are merged", () => {
  test("counters add up, each once, and settle nothing", () => {
    const log = after(
      field.counter(),
      { value: change.increment(3) },
      { device: "b", value: change.decrement() },
      { device: "c", value: change.increment(5) },
    );
    assert.deepEqual([log.state.value, log.decisions, log.state.memory], [7, [], undefined]);
  });

  test("counters refuse what would leave the exact whole numbers, and keep what they have", () => {
    const log = after(field.counter(), { value: { add: Number.MAX_SAFE_INTEGER } }, { device: "b", value: { add: 1 } });
    assert.equal(log.settled.at(-1)?.kind, "refused");
    assert.equal(log.state.value, Number.MAX_SAFE_INTEGER);
  });

  test("sets keep all additions and removals; of opposite changes of one element the later stands", () => {
    const log = after(
      field.set(field.string()),
      { value: ["a", "b"] },
      { device: "b", value: change.add("c"), seen: 1, at: 10 },
      { device: "c", value: change.remove("a"), seen: 1, at: 11 },
    );
    assert.deepEqual([log.state.value, log.decisions], [["b", "c"], []]);
    log.write({ device: "d", value: change.add("a", "d"), seen: 1, at: 5 });
    assert.deepEqual(log.state.value, ["b", "c", "d"]);
    const { policy, winner, current, incoming, value } = log.last;
    assert.deepEqual([policy, winner, value], ["set", "current", null]);
    assert.deepEqual([current.value, incoming.value], [{ remove: ["a"] }, { add: ["a"] }]);
    assert.deepEqual([incoming.user, incoming.offset, incoming.seen], ["user-d", 4, 1]);
  });

  test("sets settle an exact tie as they are biased", () => {
    for (const [bias, value] of [
      ["add", ["x"]],
      ["remove", []],
    ] as const) {
      const log = after(
        field.set(field.string(), { bias }),
        { value: ["x"], at: 1 },
        { device: "b", value: change.remove("x"), seen: 1, at: 5 },
        { device: "c", value: change.add("x"), seen: 1, at: 5 },
      );
      assert.deepEqual(log.state.value, value, bias);
      assert.match(log.last.reason, /at the same time/);
    }
  });

  test("lists keep all insertions, and settle what one item cannot have twice", () => {
    const log = after(
      field.list({ text: field.string() }),
      { value: change.insertItem({ id: "i1", text: "one" }, null) },
      { device: "b", value: change.insertItem({ id: "i2", text: "two" }, "i1"), seen: 1, at: 10 },
      { device: "c", value: change.insertItem({ id: "i3", text: "three" }, "i1"), seen: 1, at: 11 },
    );
    const ids = (): unknown[] => (log.state.value as ReadonlyArray<{ id: string }>).map(({ id }) => id);
    assert.deepEqual(ids(), ["i1", "i3", "i2"]);
    assert.deepEqual(log.decisions, []);
    log.write({ device: "b", value: change.editItem("i1", { text: "first" }), seen: 1, at: 12 });
    log.write({ device: "c", value: change.editItem("i1", { text: "uno" }), seen: 3, at: 9 });
    assert.deepEqual((log.state.value as readonly JsonValue[])[0], { id: "i1", text: "first" });
    assert.deepEqual([log.last.policy, log.last.winner], ["list", "current"]);
  });

  test("lists refuse what was never there, and keep what they have", () => {
    const log = after(field.list({}), { value: [{ id: "i1" }] }, { device: "b", value: change.moveItem("i9", null) });
    const refused = log.settled.at(-1);
    assert.equal(refused?.kind === "refused" && refused.problem, "has no item i9 to move");
    assert.deepEqual(log.state.value, [{ id: "i1" }]);
  });
});

describe("whatever the order of arrival", () => {
  const ORDER = ["todo", "doing", "done"];
  const text = fc.constantFrom("p", "q", "r", "s");
  const number = fc.integer({ min: -2, max: 2 });
  const span = fc.tuple(fc.nat(9), fc.nat(4)).map(([from, length]): JsonValue => [[from, from + length]]);
  const kinds: ReadonlyArray<readonly [string, AnyField, fc.Arbitrary<JsonValue>]> = [
    ["lww", field.string(), text],
    ["greatest", field.number().policy(greatest()), number],
    ["smallest", field.number().policy(smallest()), number],
    ["priorityOrder", field.string().policy(priorityOrder(["q", "r", "s"]) as never), text],
    ["forwardOnly", field.string().policy(forwardOnly(["base", ...ORDER]) as never), fc.constantFrom(...ORDER)],
    ["unionOfIntervals", field.json().policy(unionOfIntervals() as never), span],
    ["authorRole", field.string().policy(authorRole({ claim: "role", order: ["guest", "lead"] })), text],
    ["set", field.set(field.string()), text.map((each): JsonValue => ({ add: [each] }))],
    ["counter", field.counter(), number.map((add): JsonValue => ({ add }))],
  ];
  for (const [name, declared, value] of kinds) {
    test(`${name}: three concurrent writes end with the same value`, () => {
      const write = fc.record({
        value,
        at: fc.integer({ min: 2, max: 4 }),
        claims: fc.constantFrom<JsonObject>({}, { role: "guest" }, { role: "lead" }),
      });
      let differed = 0;
      fc.assert(
        fc.property(threeWrites(write), (writes) => {
          const ends = orders(writes).map((order) => {
            const log = new Log(declared);
            for (const wrote of order) log.write(wrote);
            return canonicalJson(log.state.value);
          });
          assert.equal(new Set(ends).size, 1, ends.join(" "));
          if (new Set(writes.map((each) => canonicalJson(each.value as JsonValue))).size === 3) differed += 1;
        }),
        { numRuns: 300 },
      );
      assert.ok(differed > 30, `only ${differed} of three different values`);
    });
  }

  /** Three devices, which write once each. */
  function threeWrites(write: fc.Arbitrary<Wrote>): fc.Arbitrary<readonly Wrote[]> {
    return fc
      .tuple(write, write, write)
      .map((writes) => writes.map((each, index) => ({ ...each, device: "abc"[index]! })));
  }

  function orders<Item>(items: readonly Item[]): ReadonlyArray<readonly Item[]> {
    if (items.length <= 1) return [items];
    return items.flatMap((first, index) => orders(items.toSpliced(index, 1)).map((rest) => [first, ...rest]));
  }
});
