import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { canonicalJson, type JsonObject, type JsonValue } from "../base/json.ts";
import { type DeviceId, parseDeviceId } from "../ids.ts";
import { makeStamp } from "../time/hlc.ts";
import type { Author } from "./author.ts";
import {
  authorOf,
  DEVICES,
  type History,
  inOtherOrder,
  isConcurrent,
  type Step,
  steps,
  writeHistory,
  writeLog,
} from "./histories.fuzz.ts";
import { changeList, type ListContest } from "./item-list.ts";
import { applyListChange, type ListChange, type ListItem, type ListOperation } from "./list-change.ts";
import { BEFORE, chooseChange, type Done, doneBy, doneIn, itemsIn, latest, sees } from "./list-model.fuzz.ts";

fc.configureGlobal({ seed: 32 });

/** @param isUnique whether no two writes have the same value */
function historyFrom(all: readonly Step[], isUnique: boolean): History<ListChange> {
  let values = 0;
  return writeHistory<ListChange>(all, (history, saw, pick) => {
    const fresh = (): JsonValue => (isUnique ? ++values : pick(3));
    return chooseChange(itemsIn(doneBy(doneIn(history), saw), history), pick, fresh);
  });
}
const history = steps(14).map((all) => historyFrom(all, false));
const uniqueHistory = steps(14).map((all) => historyFrom(all, true));

interface Outcome {
  readonly memory: JsonValue | undefined;
  readonly value: readonly ListItem[];
  readonly contests: readonly (ListContest & { readonly at: number })[];
}

function deliver(all: History<ListChange>, order: readonly number[], authors?: readonly Author[]): Outcome {
  let memory: JsonValue | undefined;
  let value = BEFORE;
  const contests: Array<ListContest & { at: number }> = [];
  for (const [index, position] of order.entries()) {
    const author = authors?.[position] ?? authorOf(all, position, index + 1);
    const result = changeList(memory, value, all[position]!.change, author);
    assert.ok(!("problem" in result), JSON.stringify(result));
    // Through text, as a storage would.
    memory = JSON.parse(JSON.stringify(result.memory));
    value = JSON.parse(JSON.stringify(result.value));
    contests.push(...result.contests.map((contest) => ({ ...contest, at: position })));
  }
  return { memory, value, contests };
}

/** The memory without what depends on arrival: offsets, and the order of the past. Checks the offsets. */
function comparable(memory: JsonValue | undefined, all: History<ListChange>, order: readonly number[]): JsonValue {
  if (memory === undefined) return null;
  type Row = [string, number, number, number];
  type Parts = [DeviceId[], number, JsonValue[], JsonValue[], JsonValue[], JsonValue[]];
  const [devices, , items, slots, pastWrites, pastRemovals] = memory as Parts;
  const operation = ([stamp, device, counter, offset]: Row): JsonValue => {
    const name = devices[device]!;
    const write = all.findIndex((one) => one.device === name && one.counter === counter);
    assert.equal(offset, counter === 0 ? 0 : order.indexOf(write) + 1);
    return [stamp, name, counter];
  };
  const ids = items.map((item) => (typeof item === "string" ? item : (item as [string])[0]));
  const anyOrder = (rows: readonly JsonValue[]): JsonValue => [...new Set(rows.map(canonicalJson))].sort();
  return [
    items.map((item) => {
      if (typeof item === "string") return item;
      const [id, writes, removals = [], values = {}] = item as [string, [string, ...Row][], Row[]?, JsonObject?];
      return [id, writes.map(([property, ...row]) => [property, operation(row)]), removals.map(operation), values];
    }),
    slots.map((slot) => {
      if (typeof slot === "number") return ids[slot]!;
      const [item, ...row] = slot as [number, ...(number | string)[]];
      if (row.length === 1) return [ids[item]!, "left"];
      const [stamp, device, counter, offset, indexAndKind, left] = row as [...Row, number, number?];
      return [ids[item]!, operation([stamp, device, counter, offset]), indexAndKind, left === undefined];
    }),
    // Of what one change wrote twice, the last.
    Object.fromEntries(
      (pastWrites as [string, JsonObject, ...Row][]).flatMap(([item, properties, ...row]) =>
        Object.entries(properties).map(([property, value]) => [canonicalJson([item, operation(row), property]), value]),
      ),
    ),
    anyOrder(
      (pastRemovals as [string, Row[], ...Row][]).map(([item, cancelled, ...row]) => [
        item,
        operation(row),
        anyOrder(cancelled.map(operation)),
      ]),
    ),
  ];
}

const identity = (all: History<ListChange>): number[] => all.map((_, position) => position);
const isKind =
  (...kinds: readonly string[]) =>
  ({ operation }: Done): boolean =>
    kinds.includes(operation[0]);

describe("an item list", () => {
  test("is what the naive model makes of all changes, whatever the clocks say", () => {
    const met = { raised: 0, duplicates: 0, returns: 0, assigns: 0, moves: 0, items: 0 };
    fc.assert(
      fc.property(history, (all) => {
        const done = doneIn(all);
        const { value } = deliver(all, identity(all));
        assert.deepEqual(value, itemsIn(done, all));
        met.items += value.length;
        for (const one of done.filter(({ write }) => write >= 0)) {
          if (one.stamp !== all[one.write]!.stamp) met.raised += 1;
          if (one.operation[0] === "move") met.moves += 1;
          if (one.operation[0] !== "insert") continue;
          const same = done.filter((other) => other.operation[1] === one.operation[1] && other !== one);
          if (same.some((other) => isKind("remove")(other) && sees(all, one, other))) met.returns += 1;
          if (same.some((other) => isKind("insert")(other) && !sees(all, one, other) && !sees(all, other, one))) {
            met.duplicates += 1;
          }
        }
        met.assigns += all.filter(({ change }) => Array.isArray(change)).length;
      }),
      { numRuns: 2500 },
    );
    const { raised, duplicates, returns, assigns, moves, items } = met;
    assert.ok(raised > 3000 && duplicates > 1000 && returns > 500, JSON.stringify(met));
    assert.ok(assigns > 1000 && moves > 3000 && items > 5000, JSON.stringify(met));
  });

  test("is the same, and remembers the same, in whatever order concurrent changes arrive", () => {
    let reordered = 0;
    fc.assert(
      fc.property(history, fc.array(fc.nat(), { minLength: 3, maxLength: 3 }), (all, seeds) => {
        const first = deliver(all, identity(all));
        const memory = comparable(first.memory, all, identity(all));
        for (const seed of seeds) {
          const order = inOtherOrder(all.length, (position) => all[position]!.saw, seed);
          if (order.some((position, index) => position !== index)) reordered += 1;
          const other = deliver(all, order);
          assert.deepEqual(other.value, first.value);
          assert.deepEqual(comparable(other.memory, all, order), memory);
        }
      }),
      { numRuns: 1500 },
    );
    assert.ok(reordered > 2500, `only ${reordered} orders differed`);
  });

  test("is the model's as well when what was seen is told as a floor of the log", () => {
    let behind = 0;
    fc.assert(
      fc.property(steps(14), fc.array(fc.nat(6), { minLength: 5, maxLength: 5 }), (all, lags) => {
        const [log, authors] = writeLog<ListChange>(all, lags, (history, saw, pick) =>
          chooseChange(itemsIn(doneBy(doneIn(history), saw), history), pick, () => pick(3)),
        );
        behind += authors.filter(({ seen, offset }) => seen.floor < offset - 1).length;
        assert.deepEqual(deliver(log, identity(log), authors).value, itemsIn(doneIn(log), log));
      }),
      { numRuns: 1000 },
    );
    assert.ok(behind > 2000, `only ${behind} authors were behind`);
  });

  test("records everything that lost to what its author had not seen, and nothing else", () => {
    const met = { edits: 0, inserts: 0, moves: 0, samePlace: 0, removals: 0 };
    fc.assert(
      fc.property(uniqueHistory, fc.nat(), (all, seed) => {
        const order = inOtherOrder(all.length, (position) => all[position]!.saw, seed);
        const { value, contests } = deliver(all, order);
        const done = doneIn(all);
        const losers = new Set<string>();
        for (const { item, property, current, winner, at } of contests) {
          const before = all.findIndex((one) => one.device === current.device && one.counter === current.counter);
          assert.ok(isConcurrent(all, before, at));
          losers.add(`${winner === "current" ? at : before} ${item} ${property}`);
          const kinds = current.value as { ops: ListOperation[] };
          if (kinds.ops[0]?.[0] === "remove") met.removals += 1;
        }
        const isLost = (one: Done, property: string | null): boolean =>
          losers.has(`${one.write} ${one.operation[1]} ${property}`);
        for (const one of done.filter(({ write }) => write >= 0)) {
          const id = one.operation[1];
          const rivals = done.filter((other) => other.operation[1] === id && sees(all, other, one));
          const row = value.find((item) => item.id === id);
          if (rivals.some(isKind("remove", "insert"))) continue;
          if (isKind("insert", "edit")(one)) {
            for (const [property, wrote] of Object.entries(one.operation.at(-1) as JsonObject)) {
              const isOverruled = rivals.some(
                ({ operation }) => operation[0] === "edit" && Object.hasOwn(operation[2], property),
              );
              // Equal values, here null, do not contest; the others are unique.
              if (isOverruled || wrote === null || row?.[property] === wrote) continue;
              met[one.operation[0] === "edit" ? "edits" : "inserts"] += 1;
              assert.ok(isLost(one, null) || isLost(one, property), `${JSON.stringify(one)} is not recorded`);
            }
          }
          if (!isKind("move")(one) || rivals.some(isKind("move"))) continue;
          const slots = done.filter((other) => other.operation[1] === id && isKind("move", "insert")(other));
          if (row !== undefined && latest(slots) === one) continue;
          if (isLost(one, null)) met.moves += 1;
          else met.samePlace += 1;
        }
      }),
      { numRuns: 2000 },
    );
    const { edits, inserts, moves, samePlace, removals } = met;
    assert.ok(edits > 500 && inserts > 500 && moves > 500 && removals > 500, JSON.stringify(met));
    // A move that lost to one that had led to the same place is not recorded.
    assert.ok(samePlace < moves / 5, JSON.stringify(met));
  });

  test("is on a device what the server makes of it when nobody else writes", () => {
    fc.assert(
      fc.property(steps(12), (all) => {
        let memory: JsonValue | undefined;
        let value = BEFORE;
        for (const [index, { device, stamp, picks }] of all.entries()) {
          let used = 0;
          const pick = (bound: number): number => picks[used++ % picks.length]! % bound;
          const change = chooseChange(value, pick, () => pick(3));
          const seen = { floor: index, dots: new Map() };
          const author = { device: DEVICES[device]!, counter: index + 1, offset: index + 1, seen, stamp };
          const result = changeList(memory, value, change, author);
          assert.ok(!("problem" in result));
          assert.deepEqual(result.value, applyListChange(value, change));
          assert.deepEqual(result.contests, []);
          ({ memory, value } = result);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

const [A, B, C] = ["a", "b", "c"].map((name) => parseDeviceId(name)!) as [DeviceId, DeviceId, DeviceId];

/** An author of the event at an offset who has seen the log up to `floor`. Devices write once, or know what they wrote. */
function by(device: DeviceId, offset: number, floor: number, millis: number): Author {
  const seen = { floor, dots: new Map([[device, offset - 1]]) };
  return { device, counter: offset, offset, seen, stamp: makeStamp(millis, 0) };
}

type Script = ReadonlyArray<readonly [ListChange, Author]>;
function run(before: JsonValue, script: Script): Outcome {
  let memory: JsonValue | undefined;
  let value = before;
  const contests: Array<ListContest & { at: number }> = [];
  for (const [change, author] of script) {
    const result = changeList(memory, value, change, author);
    assert.ok(!("problem" in result), JSON.stringify(result));
    ({ memory, value } = result);
    contests.push(...result.contests.map((contest) => ({ ...contest, at: author.offset })));
  }
  return { memory, value: value as readonly ListItem[], contests };
}

const idsOf = ({ value }: Outcome): string => value.map(({ id }) => id).join("");
const told = ({ contests }: Outcome): unknown[] =>
  contests.map(({ item, property, winner, current, incoming }) => {
    const side = ({ value }: { value: JsonValue }): JsonValue => (value as { ops: JsonValue[] }).ops[0]!;
    return [item, property, winner, side(current), side(incoming)];
  });
const list = (ids: string): ListItem[] => [...ids].map((id) => ({ id }));
const insert = (id: string, after: string | null): ListChange => ({ ops: [["insert", id, after, {}]] });
const move = (id: string, after: string | null): ListChange => ({ ops: [["move", id, after]] });
const edit = (id: string, properties: JsonObject): ListChange => ({ ops: [["edit", id, properties]] });
const remove = (id: string): ListChange => ({ ops: [["remove", id]] });

describe("concurrent changes of a list", () => {
  test("inserts at one place are all kept, each author's next to each other, the later author first", () => {
    const outcome = run(list("pq"), [
      [{ ops: [...(insert("a", "p") as { ops: [] }).ops, ...(insert("b", "a") as { ops: [] }).ops] }, by(A, 1, 0, 5)],
      [insert("x", "p"), by(B, 2, 0, 9)],
    ]);
    assert.deepEqual([idsOf(outcome), outcome.contests], ["pxabq", []]);
  });

  test("an insert goes where its author saw the item before it, though that has moved or gone", () => {
    assert.equal(
      idsOf(
        run(list("pqr"), [
          [move("p", "r"), by(A, 1, 0, 5)],
          [insert("x", "p"), by(B, 2, 0, 1)],
        ]),
      ),
      "xqrp",
    );
    assert.equal(
      idsOf(
        run(list("pqr"), [
          [remove("q"), by(A, 1, 0, 5)],
          [insert("x", "q"), by(B, 2, 0, 1)],
        ]),
      ),
      "pxr",
    );
  });

  test("an insert stands right behind the item, whatever the clocks of those before it said", () => {
    const outcome = run(list("p"), [
      [insert("a", "p"), by(A, 1, 0, 1_000_000)],
      [insert("b", "p"), by(B, 2, 1, 0)],
      [insert("c", "p"), by(C, 3, 2, 7)],
    ]);
    assert.equal(idsOf(outcome), "pcba");
  });

  test("of moves of one item the later stands, and the other is recorded with its place", () => {
    const script: Script = [
      [move("p", "r"), by(A, 1, 0, 5)],
      [move("p", "q"), by(B, 2, 0, 9)],
    ];
    const outcome = run(list("pqr"), script);
    assert.equal(idsOf(outcome), "qpr");
    assert.deepEqual(told(outcome), [["p", null, "incoming", ["move", "p", "r"], ["move", "p", "q"]]]);
    assert.deepEqual(
      run(list("pqr"), [
        [move("p", "r"), by(A, 1, 0, 5)],
        [move("p", "r"), by(B, 2, 0, 9)],
      ]).contests,
      [],
    );
  });

  test("properties are merged one by one; of two values of one property the later stands", () => {
    const outcome = run(
      [{ id: "p", title: "old", done: false }],
      [
        [edit("p", { title: "A", done: true }), by(A, 1, 0, 5)],
        [edit("p", { title: "B" }), by(B, 2, 0, 4)],
      ],
    );
    assert.deepEqual(outcome.value, [{ id: "p", done: true, title: "A" }]);
    assert.deepEqual(told(outcome), [
      ["p", "title", "current", ["edit", "p", { title: "A" }], ["edit", "p", { title: "B" }]],
    ]);
    const { reason, incoming } = outcome.contests[0]!;
    assert.equal(reason, "the write of device a is later");
    assert.deepEqual([incoming.device, incoming.counter, incoming.stamp], [B, 2, makeStamp(4, 0)]);
  });

  test("removal wins over an edit and a move that had not seen it, from either side, and the record has both", () => {
    const edited = ["edit", "p", { title: "A" }];
    const late = run(
      [{ id: "p", title: "old" }],
      [
        [remove("p"), by(A, 1, 0, 1)],
        [edit("p", { title: "A" }), by(B, 2, 0, 9)],
      ],
    );
    assert.deepEqual([late.value, told(late)], [[], [["p", null, "current", ["remove", "p"], edited]]]);
    const early = run(
      [{ id: "q" }, { id: "p", title: "old" }],
      [
        [edit("p", { title: "A" }), by(B, 1, 0, 9)],
        [move("p", null), by(B, 2, 0, 9)],
        [remove("p"), by(A, 3, 0, 1)],
      ],
    );
    assert.equal(idsOf(early), "q");
    assert.deepEqual(told(early), [
      ["p", "title", "incoming", edited, ["remove", "p"]],
      ["p", null, "incoming", ["move", "p", null], ["remove", "p"]],
    ]);
  });

  test("an insert by someone who saw the removal brings the item back, without what it was", () => {
    const outcome = run(
      [{ id: "p", title: "old", done: true }],
      [
        [remove("p"), by(A, 1, 0, 1)],
        [{ ops: [["insert", "p", null, { title: "again" }]] }, by(B, 2, 1, 0)],
        [edit("p", { title: "late" }), by(C, 3, 0, 5)],
      ],
    );
    assert.deepEqual(outcome.value, [{ id: "p", title: "late" }]);
    assert.deepEqual(told(outcome), [
      ["p", "title", "incoming", ["edit", "p", { title: "again" }], ["edit", "p", { title: "late" }]],
    ]);
    const unseen = run(list("p"), [
      [remove("p"), by(A, 1, 0, 1)],
      [insert("p", null), by(B, 2, 0, 9)],
    ]);
    assert.deepEqual(
      [unseen.value, told(unseen)],
      [[], [["p", null, "current", ["remove", "p"], ["insert", "p", null, {}]]]],
    );
  });

  test("inserts with one id are one item: the later insert's, and edits later than both", () => {
    const outcome = run(
      [],
      [
        [{ ops: [["insert", "x", null, { title: "A", note: "n" }]] }, by(A, 1, 0, 5)],
        [{ ops: [["insert", "x", null, { title: "B" }]] }, by(B, 2, 0, 9)],
      ],
    );
    assert.deepEqual(outcome.value, [{ id: "x", title: "B" }]);
    assert.deepEqual(told(outcome), [
      ["x", "note", "incoming", ["edit", "x", { note: "n" }], ["edit", "x", { note: null }]],
      ["x", "title", "incoming", ["edit", "x", { title: "A" }], ["edit", "x", { title: "B" }]],
    ]);
  });
});

describe("an assigned list", () => {
  test("does what leads there from what its author had seen, and leaves alone what others did meanwhile", () => {
    const outcome = run(
      [
        { id: "p", title: "P" },
        { id: "q", title: "Q" },
        { id: "r", title: "R" },
      ],
      [
        [edit("p", { title: "theirs" }), by(A, 1, 0, 5)],
        [insert("x", "q"), by(A, 2, 0, 5)],
        [remove("r"), by(A, 3, 0, 5)],
        [
          [
            { id: "q", title: "mine" },
            { id: "p", title: "P" },
            { id: "r", title: "R" },
            { id: "y", title: "Y" },
          ],
          by(B, 4, 0, 9),
        ],
      ],
    );
    assert.deepEqual(outcome.value, [
      { id: "q", title: "mine" },
      { id: "p", title: "theirs" },
      { id: "x" },
      { id: "y", title: "Y" },
    ]);
    assert.deepEqual(outcome.contests, []);
  });

  test("knows what one change did to an item twice", () => {
    const twice: ListChange = {
      ops: [
        ["insert", "r", null, { a: 1, b: 2 }],
        ["remove", "r"],
        ["insert", "r", null, { a: 1 }],
      ],
    };
    const outcome = run(
      [],
      [
        [twice, by(A, 1, 0, 1)],
        [[{ id: "r", a: 1 }], by(A, 2, 1, 2)],
      ],
    );
    assert.deepEqual(outcome.value, [{ id: "r", a: 1 }]);
  });
});

describe("what cannot be done", () => {
  const refused = (memory: JsonValue | undefined, value: JsonValue, change: ListChange, author: Author): string => {
    const result = changeList(memory, value, change, author);
    return "problem" in result ? result.problem : "done";
  };

  test("an edit or move of an item that its author cannot have seen is refused; removing it is done already", () => {
    const { memory, value } = run(list("p"), [[insert("x", null), by(A, 1, 0, 5)]]);
    for (const id of ["x", "y"]) {
      assert.equal(refused(memory, value, edit(id, { a: 1 }), by(B, 2, 0, 9)), `has no item ${id} to edit`);
      assert.equal(refused(memory, value, move(id, null), by(B, 2, 0, 9)), `has no item ${id} to move`);
      assert.equal(refused(memory, value, remove(id), by(B, 2, 0, 9)), "done");
    }
    assert.equal(refused(memory, value, edit("x", { a: 1 }), by(B, 2, 1, 9)), "done");
  });

  test("an insert after an item that its author cannot have seen goes to the end of what they saw", () => {
    const { memory, value } = run(list("pq"), [[insert("x", "q"), by(A, 1, 0, 5)]]);
    const result = changeList(memory, value, insert("y", "nobody"), by(B, 2, 0, 1));
    assert.ok("value" in result);
    assert.deepEqual(
      result.value.map(({ id }) => id),
      ["p", "q", "x", "y"],
    );
  });

  test("there are at most 1,000 items", () => {
    const full = Array.from({ length: 1000 }, (_, index) => ({ id: `i${index}` }));
    assert.equal(
      refused(undefined, full, insert("x", null), by(A, 1, 0, 1)),
      "would have 1001 items; the most is 1000",
    );
    const swap: ListChange = {
      ops: [
        ["remove", "i0"],
        ["insert", "x", null, {}],
      ],
    };
    assert.equal(refused(undefined, full, swap, by(A, 1, 0, 1)), "done");
    assert.equal(refused(undefined, [...full, { id: "y" }, { id: "z" }], remove("y"), by(A, 1, 0, 1)), "done");
  });
});
