import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { canonicalJson, type JsonValue } from "../base/json.ts";
import { type DeviceId, parseDeviceId } from "../ids.ts";
import { MAX_ELEMENTS } from "../limits.ts";
import { json } from "../protocol/messages.fuzz.ts";
import { makeStamp, nextStamp, type Stamp, ZERO_STAMP } from "../time/hlc.ts";
import { EMPTY_VECTOR } from "../version/version-vector.ts";
import type { Author } from "./author.ts";
import {
  applySetChange,
  changeSet,
  diffSet,
  type Scalar,
  type SetBias,
  type SetChange,
  setChangeProblem,
  type SetContest,
} from "./element-set.ts";
import {
  authorOf,
  type History,
  inOtherOrder,
  isConcurrent,
  type Step,
  steps,
  writeHistory,
  writeLog,
} from "./histories.fuzz.ts";

fc.configureGlobal({ seed: 31 });

const ELEMENTS: readonly Scalar[] = ["x", "y", 1, "1"];
const BEFORE: readonly Scalar[] = ["x"];

/** A change: mostly one add or remove, now and then several, or a whole list. Of what the author sees or not. */
function chooseChange(pick: (bound: number) => number): SetChange {
  const some = ELEMENTS.filter(() => pick(3) === 0);
  const one = ELEMENTS[pick(ELEMENTS.length)]!;
  switch (pick(8)) {
    case 0:
      return some;
    case 1:
      return { add: some.slice(1), remove: some.slice(0, 1) };
    case 2:
    case 3:
    case 4:
      return { add: [one] };
    default:
      return { remove: [one] };
  }
}

const history = steps(18).map((all) => writeHistory<SetChange>(all, (_history, _saw, pick) => chooseChange(pick)));
const bias = fc.constantFrom<SetBias>("add", "remove");

/** One operation as the textbook has it: the element, and the time with which it is in the set of adds or of removes. */
interface Timed {
  readonly element: Scalar;
  readonly adds: boolean;
  readonly stamp: Stamp;
  readonly write: number;
}

/** `lookup(e)` of the LWW-element-set: there is an add such that no remove is later (or, with this bias, as late). */
function isInTextbook(timed: readonly Timed[], element: Scalar, bias: SetBias): boolean {
  const adds = timed.filter((one) => one.element === element && one.adds);
  const removes = timed.filter((one) => one.element === element && !one.adds);
  return adds.some(({ stamp }) =>
    removes.every((remove) => (bias === "add" ? remove.stamp <= stamp : remove.stamp < stamp)),
  );
}

/** All operations of a history, each later than those on its element that its author had seen. From the definition. */
function timedOperations(all: History<SetChange>, bias: SetBias): readonly Timed[] {
  const timed: Timed[] = BEFORE.map((element) => ({ element, adds: true, stamp: ZERO_STAMP, write: -1 }));
  for (const [write, { change, saw, stamp }] of all.entries()) {
    const seen = timed.filter((one) => one.write === -1 || saw.has(one.write));
    const view = ELEMENTS.filter((element) => isInTextbook(seen, element, bias));
    const add = Array.isArray(change) ? change : ((change as { add?: Scalar[] }).add ?? []);
    const remove = Array.isArray(change)
      ? view.filter((element) => !change.includes(element))
      : ((change as { remove?: Scalar[] }).remove ?? []);
    for (const [element, adds] of [
      ...remove.map((element) => [element, false] as const),
      ...add.map((element) => [element, true] as const),
    ]) {
      const above = seen.filter((one) => one.element === element).map((one) => nextStamp(one.stamp));
      timed.push({ element, adds, stamp: [stamp, ...above].sort().at(-1)!, write });
    }
  }
  return timed;
}

interface Outcome {
  readonly memory: JsonValue | undefined;
  readonly value: readonly Scalar[];
  readonly contests: readonly (SetContest & { readonly at: number })[];
}

function deliver(
  all: History<SetChange>,
  order: readonly number[],
  bias: SetBias,
  authors?: readonly Author[],
): Outcome {
  let memory: JsonValue | undefined;
  let value: readonly Scalar[] = BEFORE;
  const contests: Array<SetContest & { at: number }> = [];
  for (const [index, position] of order.entries()) {
    const author = authors?.[position] ?? authorOf(all, position, index + 1);
    const result = changeSet(memory, value, all[position]!.change, author, bias);
    assert.ok(!("problem" in result));
    // Through text, as a storage would.
    memory = JSON.parse(JSON.stringify(result.memory));
    value = JSON.parse(JSON.stringify(result.value));
    contests.push(...result.contests.map((contest) => ({ ...contest, at: position })));
  }
  return { memory, value, contests };
}

/** The memory without what depends on arrival: offsets, and the order of the past. Checks the offsets. */
function comparable(memory: JsonValue | undefined, all: History<SetChange>, order: readonly number[]): string {
  if (memory === undefined) return "";
  const [devices, , entries, past] = memory as [DeviceId[], number, JsonValue[][], JsonValue[][]];
  const rows = (entry: JsonValue[]): JsonValue[] => [
    entry[0]!,
    ...entry.slice(1).map((row) => {
      const [adds, stamp, device, counter, offset] = row as [number, string, number, number, number];
      const name = devices[device]!;
      const write = all.findIndex((one) => one.device === name && one.counter === counter);
      assert.equal(offset, counter === 0 ? 0 : order.indexOf(write) + 1);
      return [adds, stamp, name, counter];
    }),
  ];
  return canonicalJson([entries.map(rows), past.map((entry) => canonicalJson(rows(entry))).sort()]);
}

const identity = (all: History<SetChange>): number[] => all.map((_, position) => position);

describe("an element set", () => {
  test("is what the textbook defines, whatever the clocks say", () => {
    let ties = 0;
    let raised = 0;
    fc.assert(
      fc.property(history, bias, (all, bias) => {
        const timed = timedOperations(all, bias);
        const { value } = deliver(all, identity(all), bias);
        for (const element of ELEMENTS) {
          assert.equal(value.includes(element), isInTextbook(timed, element, bias), `${String(element)} of ${bias}`);
          const latest = (adds: boolean): Stamp | undefined =>
            timed
              .filter((one) => one.element === element && one.adds === adds)
              .map(({ stamp }) => stamp)
              .sort()
              .at(-1);
          if (latest(true) !== undefined && latest(true) === latest(false)) ties += 1;
        }
        raised += timed.filter(({ write, stamp }) => write >= 0 && stamp !== all[write]!.stamp).length;
        assert.deepEqual(value, applySetChange([], [...value].reverse()));
      }),
      { numRuns: 3000 },
    );
    assert.ok(ties > 500 && raised > 3000, `only ${ties} ties, ${raised} raised`);
  });

  test("is the same, and remembers the same, in whatever order concurrent changes arrive", () => {
    let reordered = 0;
    fc.assert(
      fc.property(history, bias, fc.array(fc.nat(), { minLength: 3, maxLength: 3 }), (all, bias, seeds) => {
        const first = deliver(all, identity(all), bias);
        for (const seed of seeds) {
          const order = inOtherOrder(all.length, (position) => all[position]!.saw, seed);
          if (order.some((position, index) => position !== index)) reordered += 1;
          const other = deliver(all, order, bias);
          assert.deepEqual(other.value, first.value);
          assert.equal(comparable(other.memory, all, order), comparable(first.memory, all, identity(all)));
        }
      }),
      { numRuns: 1500 },
    );
    assert.ok(reordered > 3000, `only ${reordered} orders differed`);
  });

  test("is the textbook's as well when what was seen is told as a floor of the log", () => {
    let behind = 0;
    fc.assert(
      fc.property(steps(18), bias, fc.array(fc.nat(6), { minLength: 5, maxLength: 5 }), (all, bias, lags) => {
        const [log, authors] = writeLog<SetChange>(all, lags, (_history, _saw, pick) => chooseChange(pick));
        behind += authors.filter(({ seen, offset }) => seen.floor < offset - 1).length;
        const timed = timedOperations(log, bias);
        const { value } = deliver(log, identity(log), bias, authors);
        for (const element of ELEMENTS) assert.equal(value.includes(element), isInTextbook(timed, element, bias));
      }),
      { numRuns: 1000 },
    );
    assert.ok(behind > 3000, `only ${behind} authors were behind`);
  });

  test("records of every element what lost to what had not seen it, once for all who meant the same, and nothing else", () => {
    let lost = 0;
    let ties = 0;
    fc.assert(
      fc.property(history, bias, fc.nat(), (all, bias, seed) => {
        const order = inOtherOrder(all.length, (position) => all[position]!.saw, seed);
        const { value, contests } = deliver(all, order, bias);
        const timed = timedOperations(all, bias).filter(({ write }) => write >= 0);
        const losers = new Set<string>();
        for (const { element, current, incoming, winner, at, reason } of contests) {
          const before = all.findIndex((one) => one.device === current.device && one.counter === current.counter);
          assert.ok(isConcurrent(all, before, at));
          assert.deepEqual([incoming.device, incoming.counter], [all[at]!.device, all[at]!.counter]);
          const opposite = canonicalJson(current.value).startsWith('{"add"')
            ? { remove: [element] }
            : { add: [element] };
          assert.deepEqual(incoming.value, opposite);
          if (reason.includes("same time")) ties += 1;
          const loser = winner === "current" ? incoming : current;
          losers.add(canonicalJson(loser.value));
        }
        for (const { element, adds, write } of timed) {
          const isSeen = timed.some((other) => other.element === element && all[other.write]!.saw.has(write));
          if (isSeen || value.includes(element) === adds) continue;
          // Lost against operations that no one overruled; before the memory there was nothing to contest.
          if (!timed.some((other) => other.element === element && other.adds !== adds)) continue;
          lost += 1;
          const deed = canonicalJson(adds ? { add: [element] } : { remove: [element] });
          assert.ok(losers.has(deed), `${deed} of ${write} is not recorded`);
        }
      }),
      { numRuns: 1500 },
    );
    assert.ok(lost > 1500 && ties > 300, `only ${lost} lost, ${ties} ties`);
  });

  test("is on a device what the server makes of it when nobody else writes", () => {
    fc.assert(
      fc.property(history, bias, (all, bias) => {
        let memory: JsonValue | undefined;
        let value: readonly Scalar[] = BEFORE;
        for (const [index, { change, device, counter, stamp }] of all.entries()) {
          const seen = { floor: index, dots: new Map() };
          const result = changeSet(memory, value, change, { device, counter, offset: index + 1, seen, stamp }, bias);
          assert.ok(!("problem" in result));
          assert.deepEqual(result.value, applySetChange(value, change));
          assert.deepEqual(result.contests, []);
          ({ memory, value } = result);
        }
      }),
    );
  });
});

const A = parseDeviceId("a")!;
const B = parseDeviceId("b")!;

function author(device: DeviceId, offset: number, floor: number, millis: number): Author {
  return { device, counter: offset, offset, seen: { ...EMPTY_VECTOR, floor }, stamp: makeStamp(millis, 0) };
}

type Script = ReadonlyArray<readonly [SetChange, Author]>;
function run(script: Script, bias: SetBias = "remove", value: JsonValue = []): Outcome {
  let memory: JsonValue | undefined;
  const contests: Array<SetContest & { at: number }> = [];
  for (const [change, by] of script) {
    const result = changeSet(memory, value, change, by, bias);
    assert.ok(!("problem" in result));
    ({ memory, value } = result);
    contests.push(...result.contests.map((contest) => ({ ...contest, at: by.offset })));
  }
  return { memory, value: value as readonly Scalar[], contests };
}

describe("concurrent operations on one element", () => {
  test("at the same time: the bias decides, and the record says so", () => {
    const script: Script = [
      [{ add: ["x"] }, author(A, 1, 0, 5)],
      [{ remove: ["x"] }, author(B, 2, 0, 5)],
    ];
    const { value, contests } = run(script);
    assert.deepEqual(value, []);
    const side = { user: null, seen: null, stamp: makeStamp(5, 0) };
    assert.deepEqual(contests, [
      {
        element: "x",
        current: { ...side, device: A, counter: 1, offset: 1, value: { add: ["x"] } },
        incoming: { ...side, device: B, counter: 2, offset: 2, value: { remove: ["x"] } },
        winner: "incoming",
        reason: '"x" was added and removed at the same time; the set prefers that it is removed',
        at: 2,
      },
    ]);
    const other = run(script, "add");
    assert.deepEqual([other.value, other.contests[0]?.winner], [["x"], "current"]);
  });

  test("an operation that had seen another stands, with a clock that is years behind", () => {
    const { value, contests } = run([
      [{ add: ["x"] }, author(A, 1, 0, 1_000_000)],
      [{ remove: ["x"] }, author(B, 2, 1, 0)],
    ]);
    assert.deepEqual([value, contests], [[], []]);
  });

  test("an add again by someone whose clock is behind does not make an element vanish", () => {
    const { value } = run([
      [{ add: ["x"] }, author(A, 1, 0, 20)],
      [{ remove: ["x"] }, author(B, 2, 0, 10)],
      [{ add: ["x"] }, { ...author(parseDeviceId("c")!, 3, 1, 5) }],
    ]);
    assert.deepEqual(value, ["x"]);
  });

  test("of two that go the same way nothing is contested", () => {
    assert.deepEqual(
      run([
        [{ add: ["x"] }, author(A, 1, 0, 5)],
        [{ add: ["x"] }, author(B, 2, 0, 5)],
      ]).contests,
      [],
    );
  });
});

describe("an assigned list", () => {
  test("removes what its author had seen, and leaves alone what they had not", () => {
    const { value, contests } = run([
      [{ add: ["mine", "old"] }, author(A, 1, 0, 1)],
      [{ add: ["unseen"] }, author(B, 2, 1, 2)],
      [["mine", "more"], author(A, 3, 1, 3)],
    ]);
    assert.deepEqual([value, contests], [["mine", "more", "unseen"], []]);
  });

  test("removes elements that were there before the field was a set", () => {
    assert.deepEqual(run([[["b", "c"], author(A, 9, 8, 1)]], "remove", ["b", "a", "a"]).value, ["b", "c"]);
    assert.deepEqual(run([[{ add: ["b"] }, author(A, 9, 8, 1)]], "remove", null).value, ["b"]);
    assert.deepEqual(run([[{ add: ["b"] }, author(A, 9, 8, 1)]], "remove", "text").value, ["b"]);
  });
});

describe("the memory of a set", () => {
  test("forgets the removals that are oldest, beyond 256", () => {
    const script: Array<readonly [SetChange, Author]> = [];
    for (let index = 1; index <= 300; index++)
      script.push([{ remove: [`e${index}`] }, author(A, index, index - 1, index)]);
    const { memory, value } = run(script);
    const [, forgotten, entries] = memory as [unknown, number, unknown[]];
    assert.deepEqual([forgotten, entries.length, value], [44, 256, []]);
    const late = { ...author(B, 301, 0, 0), counter: 1 };
    const added = changeSet(memory, value, { add: ["e44", "e45"] }, late, "remove");
    assert.ok(!("problem" in added));
    // The removal of e44 is forgotten: the add, though it is earlier, adds. That of e45 is not.
    assert.deepEqual(added.value, ["e44"]);
    assert.deepEqual(
      added.contests.map(({ element, winner }) => [element, winner]),
      [["e45", "current"]],
    );
  });

  test("keeps the latest add and the latest remove when more write at once than it keeps", () => {
    const crowd = (stampOf: (index: number) => number): Outcome =>
      run(
        Array.from({ length: 200 }, (_, index) => [
          index % 2 === 0 ? { add: ["x"] } : { remove: ["x"] },
          { ...author(parseDeviceId(`d${index}`)!, index + 1, 0, stampOf(index)), counter: 1 },
        ]),
      );
    const rising = crowd((index) => index + 1);
    assert.deepEqual(rising.value, []);
    const falling = crowd((index) => 500 - index);
    assert.deepEqual(falling.value, ["x"]);
    // All adds are later than all removes: both kinds are still known.
    const parted = crowd((index) => (index % 2 === 0 ? 900 : 100) + index);
    const [, , [entry]] = parted.memory as [unknown, unknown, unknown[][]];
    assert.equal(entry?.length, 33);
    assert.deepEqual([...new Set(entry?.slice(1).map((row) => (row as number[])[0]))].sort(), [0, 1]);
    for (const { memory } of [rising, falling, parted]) assert.ok(JSON.stringify(memory).length < 8_000);
  });

  test("keeps what was superseded last, so that a clock that is behind is still set right", () => {
    const toggles: Script = Array.from({ length: 80 }, (_, index) => [
      index % 2 === 0 ? { add: ["y"] } : { remove: ["y"] },
      author(A, index + 1, index, index + 1),
    ]);
    const { contests } = run([
      ...toggles,
      [{ add: ["x"] }, author(A, 81, 80, 1000)],
      [{ remove: ["x"] }, author(B, 82, 81, 2000)],
      [{ add: ["x"] }, author(parseDeviceId("c")!, 83, 81, 0)],
    ]);
    assert.deepEqual(
      contests.map(({ incoming, winner }) => [incoming.stamp, winner]),
      [[nextStamp(makeStamp(1000, 0)), "current"]],
    );
  });

  test("with honest clocks, its bounds change nothing: authors who are behind write for long", () => {
    const writes = fc.array(fc.tuple(fc.nat(4), fc.nat(3), fc.boolean(), fc.nat(120)), {
      minLength: 300,
      maxLength: 400,
    });
    fc.assert(
      fc.property(writes, bias, (writes, bias) => {
        const all = writes.map(([device, element, adds], index): Step => {
          return { device, hears: null, stamp: makeStamp(index + 1, 0), picks: [element, adds ? 1 : 0] };
        });
        const lags = writes.map(([, , , lag]) => lag);
        const [log, authors] = writeLog<SetChange>(all, lags, (_history, _saw, pick) => {
          const elements = [ELEMENTS[pick(4)]!];
          return pick(2) === 1 ? { add: elements } : { remove: elements };
        });
        const { value, memory } = deliver(log, identity(log), bias, authors);
        const timed = timedOperations(log, bias);
        for (const element of ELEMENTS) assert.equal(value.includes(element), isInTextbook(timed, element, bias));
        assert.ok(JSON.stringify(memory).length < 10_000);
      }),
      { numRuns: 20 },
    );
  });

  test("is not needed by a set that was made with its row, and names only what has been written since", () => {
    const labels = Array.from({ length: 100 }, (_, index) => `label ${index}`);
    const { memory, value } = run([[{ remove: ["label 7"] }, author(A, 2, 1, 5)]], "remove", labels);
    assert.equal(value.length, 99);
    assert.deepEqual(memory, [
      [A, ""],
      0,
      [["label 7", [0, makeStamp(5, 0), 0, 2, 2]]],
      [["label 7", [1, ZERO_STAMP, 1, 0, 0]]],
    ]);
  });
});

describe("a set has at most 1,000 elements", () => {
  const full = Array.from({ length: MAX_ELEMENTS }, (_, index) => index);

  test("one more is refused, others may take their place", () => {
    const by = author(A, 1, 0, 1);
    assert.deepEqual(changeSet(undefined, full, { add: ["x"] }, by, "remove"), {
      problem: "would have 1001 elements; the most is 1000",
    });
    const result = changeSet(undefined, full, { add: ["x"], remove: [0] }, by, "remove");
    assert.ok("value" in result && result.value.length === MAX_ELEMENTS);
    const over = changeSet(undefined, [...full, "y", "z"], { remove: ["z"] }, by, "remove");
    assert.ok("value" in over && over.value.length === MAX_ELEMENTS + 1);
  });
});

describe("the visible value", () => {
  test("is in one order: false, true, numbers, text by code unit; each element once", () => {
    assert.deepEqual(applySetChange(["b", 10, "a"], { add: [true, -1, 2, "B", false, "a", -0] }), [
      ...[false, true, -1, 0, 2, 10],
      ...["B", "a", "b"],
    ]);
    assert.ok(Object.is(applySetChange([], [-0])[0], 0));
  });

  test("becomes another one by their difference", () => {
    const element = fc.oneof(fc.string({ maxLength: 2 }), fc.integer({ min: -3, max: 3 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(element), fc.array(element), (before, after) => {
        const change = diffSet(before, after);
        assert.equal(
          setChangeProblem(change, () => null),
          null,
        );
        assert.deepEqual(applySetChange(before, change), applySetChange([], after));
        assert.deepEqual(diffSet(after, after), {});
      }),
    );
  });
});

describe("a hostile change of a set", () => {
  const words = (element: Scalar): string | null => (typeof element === "string" ? null : "must be words");
  const refused: ReadonlyArray<readonly [unknown, RegExp]> = [
    [null, /must be a list/],
    [undefined, /must be a list/],
    ["x", /must be a list/],
    [7, /must be a list/],
    [{ add: "x" }, /must list/],
    [{ add: { 0: "x", length: 1 } }, /must list/],
    [{ add: null }, /must list/],
    [{ append: ["x"] }, /nothing but/],
    [JSON.parse('{"__proto__": ["x"]}'), /nothing but/],
    [{ add: ["x"], remove: ["y", "x"] }, /same element/],
    [{ add: [["x"]] }, /must have elements/],
    [{ remove: [{}] }, /must have elements/],
    [{ remove: [null] }, /must have elements/],
    [[undefined], /must have elements/],
    [["x", , "y"], /must have elements/], // oxlint-disable-line no-sparse-arrays
    [[NaN], /must have elements/],
    [[Infinity], /must have elements/],
    [["\ud800"], /must have elements/],
    [[1], /must be words/],
    [{ add: [true] }, /must be words/],
    [Array.from({ length: 1001 }, (_, index) => `e${index}`), /at most 1000/],
    [{ remove: Array.from({ length: 1001 }, () => "e") }, /at most 1000/],
  ];
  for (const [change, problem] of refused) {
    test(`is refused: ${JSON.stringify(change)?.slice(0, 60)} (${problem.source})`, () => {
      assert.match(setChangeProblem(change, words) ?? "accepted", problem);
    });
  }

  test("elements that objects answer to are elements", () => {
    const change = { add: ["__proto__", "constructor", "toString"], remove: [1] };
    assert.equal(setChangeProblem(change, words), null);
    assert.deepEqual(run([[change, author(A, 1, 0, 1)]]).value, change.add.toSorted());
  });

  test("never throws, and what is accepted can be merged and shown", () => {
    const near = fc.oneof(
      json,
      fc.record({ add: json, remove: json }, { requiredKeys: [], noNullPrototype: true }),
      fc.array(fc.oneof(fc.string(), fc.integer(), json)),
    );
    let accepted = 0;
    fc.assert(
      fc.property(near, json, (change, value) => {
        if (setChangeProblem(change, () => null) !== null) return;
        accepted += 1;
        const result = changeSet(undefined, value, change as SetChange, author(A, 1, 0, 1), "remove");
        assert.ok("value" in result);
        assert.deepEqual(result.value, applySetChange(value, change as SetChange));
      }),
      { numRuns: 3000 },
    );
    assert.ok(accepted > 300, `only ${accepted} accepted`);
  });
});
