import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { parseDeviceId } from "../ids.ts";
import { json } from "../protocol/messages.fuzz.ts";
import { makeStamp } from "../time/hlc.ts";
import { changeList } from "./item-list.ts";
import { applyListChange, diffList, type ListChange, listChangeProblem, type ListItem } from "./list-change.ts";

fc.configureGlobal({ seed: 34 });

const items: fc.Arbitrary<readonly ListItem[]> = fc.uniqueArray(
  fc
    .tuple(fc.constantFrom(..."abcdefgh"), fc.record({ title: fc.nat(2), done: fc.boolean() }))
    .map(([id, properties]) => ({ id, ...properties })),
  { selector: ({ id }) => id },
);

describe("on a device", () => {
  test("items are inserted, moved, edited and removed by id", () => {
    const before = [{ id: "p" }, { id: "q", a: 1 }, { id: "r" }];
    const after = applyListChange(before, {
      ops: [
        ["insert", "x", "p", { b: 2, a: 1 }],
        ["move", "r", null],
        ["edit", "q", { c: 3 }],
        ["remove", "p"],
      ],
    });
    assert.equal(JSON.stringify(after), '[{"id":"r"},{"id":"x","a":1,"b":2},{"id":"q","a":1,"c":3}]');
    assert.deepEqual(before[0], { id: "p" });
  });

  test("what has gone meanwhile is passed over, and what should follow it goes to the end", () => {
    const before = [{ id: "p" }];
    assert.deepEqual(
      applyListChange(before, {
        ops: [
          ["edit", "q", { a: 1 }],
          ["move", "q", null],
          ["remove", "q"],
        ],
      }),
      before,
    );
    assert.deepEqual(applyListChange(before, { ops: [["insert", "x", "q", {}]] }), [{ id: "p" }, { id: "x" }]);
    assert.deepEqual(applyListChange(before, { ops: [["insert", "p", "p", { a: 1 }]] }), [{ id: "p", a: 1 }]);
  });

  test("a list becomes another one by their difference", () => {
    fc.assert(
      fc.property(items, items, (before, after) => {
        const change = diffList(before, after);
        assert.equal(
          listChangeProblem(change, () => null),
          null,
        );
        assert.deepEqual(applyListChange(before, change), applyListChange([], after));
        assert.deepEqual(diffList(after, after).ops, []);
      }),
      { numRuns: 2000 },
    );
  });

  test("the difference moves as few items as possible", () => {
    const order = fc.shuffledSubarray([..."abcdefg"], { minLength: 7 });
    fc.assert(
      fc.property(order, order, (before, after) => {
        const list = (ids: readonly string[]): ListItem[] => ids.map((id) => ({ id }));
        const { ops } = diffList(list(before), list(after));
        // The longest common subsequence stays: by dynamic programming, the plain way.
        const longest: number[][] = Array.from({ length: 8 }, () => Array.from({ length: 8 }, () => 0));
        for (let left = 1; left <= 7; left++) {
          for (let right = 1; right <= 7; right++) {
            const same = before[left - 1] === after[right - 1] ? longest[left - 1]![right - 1]! + 1 : 0;
            longest[left]![right] = Math.max(same, longest[left - 1]![right]!, longest[left]![right - 1]!);
          }
        }
        assert.equal(ops.length, 7 - longest[7]![7]!);
      }),
      { numRuns: 500 },
    );
  });

  test("a property that is gone becomes null, and one that is null as good as gone", () => {
    const change = diffList([{ id: "p", a: 1, b: null }], [{ id: "p", c: null }]);
    assert.deepEqual(change, { ops: [["edit", "p", { a: null }]] });
  });

  test("of items with one id the last counts; of a value that is no list, nothing", () => {
    assert.deepEqual(applyListChange([], [{ id: "p", a: 1 }, { id: "q" }, { id: "p", a: 2 }]), [
      { id: "q" },
      { id: "p", a: 2 },
    ]);
    for (const value of [null, 5, "text", { id: "p" }, ["p", null, { id: 7 }]]) {
      assert.deepEqual(applyListChange(value, { ops: [] }), []);
    }
  });
});

describe("a hostile change of a list", () => {
  const titles = (properties: JsonObject, kind: "insert" | "edit"): string | null => {
    if (kind === "insert" && properties["title"] === undefined) return "must have a title";
    return properties["title"] === 13 ? "must not have 13" : null;
  };
  let deep: JsonValue = 1;
  for (let level = 0; level < 40; level++) deep = [deep];
  const title = { title: 1 };
  const refused: ReadonlyArray<readonly [unknown, RegExp]> = [
    [null, /must be a list/],
    [undefined, /plain JSON/],
    ["x", /must be a list/],
    [{}, /must have ops/],
    [{ ops: {} }, /must have ops/],
    [{ ops: [], more: 1 }, /must have ops/],
    [JSON.parse('{"ops": [], "__proto__": 1}'), /forbidden-key/],
    [{ ops: [null] }, /ops that are lists/],
    [{ ops: [{ 0: "remove", 1: "p" }] }, /ops that are lists/],
    [{ ops: [[]] }, /ops that insert/],
    [{ ops: [["drop", "p"]] }, /ops that insert/],
    [{ ops: [["constructor", "p"]] }, /ops that insert/],
    [{ ops: [["remove", "p", null]] }, /ops that insert/],
    [{ ops: [["insert", "p", null]] }, /ops that insert/],
    [{ ops: [["move", "p"]] }, /ops that insert/],
    [{ ops: [["remove", "__proto__"]] }, /with an id/],
    [{ ops: [["remove", ""]] }, /with an id/],
    [{ ops: [["remove", 7]] }, /with an id/],
    [{ ops: [["remove", "p".repeat(129)]] }, /with an id/],
    [{ ops: [["move", "p", undefined]] }, /plain JSON/],
    [{ ops: [["move", "p", "p"]] }, /after itself/],
    [{ ops: [["move", "p", 7]] }, /after an item's id/],
    [{ ops: [["insert", "p", "p", title]] }, /after itself/],
    [{ ops: [["insert", "p", ["q"], title]] }, /after an item's id/],
    [{ ops: [["insert", "p", null, null]] }, /an object/],
    [{ ops: [["insert", "p", null, [1]]] }, /an object/],
    [{ ops: [["insert", "p", null, {}]] }, /must have a title/],
    [{ ops: [["edit", "p", {}]] }, /name a property/],
    [{ ops: [["edit", "p", "title"]] }, /an object/],
    [{ ops: [["edit", "p", { id: "q" }]] }, /property "id"/],
    [{ ops: [["edit", "p", { constructor: 1 }]] }, /property "constructor"/],
    [{ ops: [["edit", "p", JSON.parse('{"__proto__": 1}')]] }, /forbidden-key/],
    [{ ops: [["edit", "p", { "": 1 }]] }, /property ""/],
    [{ ops: [["edit", "p", { ["x".repeat(100_000)]: 1 }]] }, /property "x{64}"$/],
    [{ ops: [["edit", "p", { title: 13 }]] }, /must not have 13/],
    [{ ops: [["edit", "p", { title: "\ud800" }]] }, /ill-formed-text/],
    [{ ops: [["edit", "p", { title: NaN }]] }, /not-finite/],
    [{ ops: [["edit", "p", { title: deep }]] }, /too-deep/],
    [{ ops: Array.from({ length: 2001 }, () => ["remove", "p"]) }, /at most 2000 ops/],
    [[{ id: "p" }], /must have a title/],
    [[{ ...title }], /with an id/],
    [["p"], /items that are objects/],
    [[["p"]], /items that are objects/],
    [[{ id: "p", ...title, toString: 1 }], /property "toString"/],
    [Array.from({ length: 1001 }, (_, index) => ({ id: `i${index}`, ...title })), /at most 1000/],
  ];
  for (const [change, problem] of refused) {
    test(`is refused: ${JSON.stringify(change)?.slice(0, 60)} (${problem.source})`, () => {
      assert.match(listChangeProblem(change, titles) ?? "accepted", problem);
    });
  }

  test("never throws, and what is accepted can be merged, shown and compared", () => {
    const id = fc.constantFrom("p", "q", "x", "__proto__", "constructor");
    const after = fc.oneof(fc.constant(null), id);
    const properties = fc.oneof(
      fc.constant({ a: 1 }),
      fc.dictionary(fc.constantFrom("a", "b", "id", "toString"), json),
    );
    const operation: fc.Arbitrary<unknown> = fc.oneof(
      fc.tuple(fc.constant("insert"), id, after, properties),
      fc.tuple(fc.constant("move"), id, after),
      fc.tuple(fc.constant("edit"), id, properties),
      fc.tuple(fc.constant("remove"), id),
      { arbitrary: json, weight: 1 },
    );
    const near = fc.oneof(
      json,
      fc.array(operation, { maxLength: 4 }).map((ops) => ({ ops })),
      fc.array(
        fc.tuple(id, properties).map(([name, rest]) => ({ ...rest, id: name })),
        { maxLength: 4 },
      ),
    );
    const author = {
      device: parseDeviceId("a")!,
      counter: 1,
      offset: 1,
      seen: { floor: 0, dots: new Map() },
      stamp: makeStamp(1, 0),
    };
    const met = { accepted: 0, merged: 0 };
    fc.assert(
      fc.property(near, fc.oneof(json, fc.constant([{ id: "p" }, { id: "q", a: 1 }])), (change, value) => {
        if (listChangeProblem(change, () => null) !== null) return;
        met.accepted += 1;
        const result = changeList(undefined, value, change as ListChange, author);
        const shown = applyListChange(value, change as ListChange);
        if ("problem" in result) return assert.match(result.problem, /^has no item/);
        met.merged += 1;
        assert.deepEqual(result.value, shown);
        assert.ok(shown.every((item) => isJsonObject(item) && Object.getPrototypeOf(item) === Object.prototype));
        assert.deepEqual(applyListChange(value, diffList(value, shown)), shown);
      }),
      { numRuns: 4000 },
    );
    assert.ok(met.accepted > 500 && met.merged > 300, JSON.stringify(met));
  });
});
