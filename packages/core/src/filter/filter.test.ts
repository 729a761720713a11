import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { JsonValue } from "../base/json.ts";
import { MAX_FILTER_CONDITIONS, MAX_FILTER_VALUES } from "../limits.ts";
import {
  bothFilters,
  compileFilter,
  EVERYTHING,
  type Filter,
  filterKey,
  filterProblem,
  isEverything,
  NOTHING,
} from "./filter.ts";

fc.configureGlobal({ seed: 10 });

const COLUMNS = ["title", "done", "priority", "meta"];
const FIELDS = new Set(COLUMNS);

type Row = readonly [string, readonly JsonValue[]];

function matches(filter: Filter, [id, values]: Row, columns: readonly string[] = COLUMNS): boolean {
  assert.equal(filterProblem(filter, FIELDS), null);
  return compileFilter(filter, columns)(id, values);
}

describe("a filter", () => {
  const row: Row = ["t1", ["Paint", false, 2, null]];
  for (const [filter, expected] of [
    [{}, true],
    [{ title: "Paint" }, true],
    [{ title: "paint" }, false],
    [{ title: "Paint", done: true }, false],
    [{ id: "t1" }, true],
    [{ id: { in: ["t0", "t2"] } }, false],
    [{ priority: { gte: 2, lt: 3 } }, true],
    [{ priority: { gt: 2 } }, false],
    [{ priority: { gt: "1" } }, false],
    [{ priority: "2" }, false],
    [{ priority: {} }, true],
    [{ title: { gt: "P", lte: "Paint" } }, true],
    [{ meta: null }, true],
    [{ meta: { ne: null } }, false],
    [{ meta: { lt: 1 } }, false],
    [{ meta: { gte: "" } }, false],
    [{ meta: { in: [null, 1] } }, true],
    [{ done: { in: [] } }, false],
    [{ done: { ne: true } }, true],
    [{ or: [{ done: true }, { priority: 2 }] }, true],
    [{ or: [] }, false],
    [{ and: [] }, true],
    [{ not: {} }, false],
    [{ not: { or: [{ title: "x" }, { done: true }] } }, true],
    [{ done: false, or: [{ title: "x" }], and: [{}] }, false],
  ] as ReadonlyArray<readonly [Filter, boolean]>) {
    test(`${JSON.stringify(filter)} ${expected ? "matches" : "does not match"}`, () => {
      assert.equal(matches(filter, row), expected);
    });
  }

  test("sees null where a row is shorter than the columns", () => {
    assert.equal(matches({ meta: null, priority: null }, ["t1", ["Paint"]]), true);
    assert.equal(matches({ priority: 2 }, ["t1", ["Paint"]]), false);
  });

  test("sees null, and not the id, in a field that is no column yet", () => {
    assert.equal(matches({ priority: "t1" }, ["t1", []], ["title"]), false);
    assert.equal(matches({ priority: null }, ["t1", []], ["title"]), true);
    assert.equal(matches({ priority: { ne: null } }, ["t1", []], []), false);
  });

  test("never equates a scalar with a list or an object", () => {
    for (const value of [[], {}, ["a"], { a: 1 }]) {
      for (const scalar of ["", "a", 0, 1, false, null]) {
        assert.equal(matches({ meta: scalar }, ["t1", [null, null, null, value]]), false);
        assert.equal(matches({ meta: { in: [scalar] } }, ["t1", [null, null, null, value]]), false);
        assert.equal(matches({ meta: { ne: scalar } }, ["t1", [null, null, null, value]]), true);
      }
    }
  });

  test("finds a column by name, wherever it stands", () => {
    const matcher = compileFilter({ done: true }, ["x", "y", "done"]);
    assert.equal(matcher("t1", [1, 2, true]), true);
    assert.equal(matcher("t1", [true, true, false]), false);
  });
});

// ── against a naive reading of the documentation ───────────────────────────────────────────────────────────────────

/** The meaning of a filter, written for clarity alone. */
function naive(filter: Filter, entity: Readonly<Record<string, JsonValue>>): boolean {
  for (const [name, condition] of Object.entries(filter)) {
    if (name === "and" && !(condition as Filter[]).every((part) => naive(part, entity))) return false;
    if (name === "or" && !(condition as Filter[]).some((part) => naive(part, entity))) return false;
    if (name === "not" && naive(condition as Filter, entity)) return false;
    if (["and", "or", "not"].includes(name)) continue;
    const value = entity[name] ?? null;
    const comparison = (typeof condition === "object" && condition !== null ? condition : { eq: condition }) as Record<
      string,
      JsonValue
    >;
    for (const [operator, operand] of Object.entries(comparison)) {
      const equal = (other: JsonValue): boolean => JSON.stringify(value) === JSON.stringify(other);
      const comparable = value !== null && typeof value === typeof operand && typeof value !== "boolean";
      const order = !comparable ? NaN : value < operand! ? -1 : value > operand! ? 1 : 0;
      const holds: Record<string, () => boolean> = {
        eq: () => equal(operand),
        ne: () => !equal(operand),
        in: () => (operand as JsonValue[]).some(equal),
        gt: () => order > 0,
        gte: () => order >= 0,
        lt: () => order < 0,
        lte: () => order <= 0,
      };
      if (!holds[operator]!()) return false;
    }
  }
  return true;
}

const scalar = fc.constantFrom<string | number | boolean | null>(
  "",
  "a",
  "b",
  "ab",
  0,
  1,
  2,
  -1,
  1.5,
  true,
  false,
  null,
);
const ordered = fc.constantFrom<string | number>("", "a", "b", 0, 1, 2);
const comparison = fc.record(
  {
    eq: scalar,
    ne: scalar,
    in: fc.array(scalar, { maxLength: 3 }),
    gt: ordered,
    gte: ordered,
    lt: ordered,
    lte: ordered,
  },
  { requiredKeys: [], noNullPrototype: true },
);
/** At most one operator, so that not nearly every comparison is false. */
const oneComparison = comparison.map((all) => Object.fromEntries(Object.entries(all).slice(0, 1)));
const filter: fc.Arbitrary<Filter> = fc
  .letrec<{ filter: Filter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 2, depthSize: "small" },
      fc.dictionary(fc.constantFrom("id", ...COLUMNS), fc.oneof(scalar, comparison, oneComparison), {
        maxKeys: 2,
        noNullPrototype: true,
      }),
      fc.record(
        {
          and: fc.array(tie("filter"), { maxLength: 3 }),
          or: fc.array(tie("filter"), { maxLength: 3 }),
          not: tie("filter"),
        },
        { requiredKeys: [], noNullPrototype: true },
      ),
    ),
  }))
  .filter.filter((candidate) => filterProblem(candidate, FIELDS) === null);
const value: fc.Arbitrary<JsonValue> = fc.oneof(
  { weight: 10, arbitrary: scalar },
  { weight: 1, arbitrary: fc.constantFrom<JsonValue>([], ["a"], { a: 1 }) },
);
const row: fc.Arbitrary<Row> = fc.tuple(
  fc.constantFrom("a", "b", "ab"),
  fc.array(value, { minLength: 0, maxLength: COLUMNS.length }),
);
function entityOf([id, values]: Row): Record<string, JsonValue> {
  return { ...Object.fromEntries(values.map((item, index) => [COLUMNS[index]!, item])), id };
}

describe("a compiled filter", () => {
  test("answers as the naive reading does", () => {
    const answers = { true: 0, false: 0 };
    fc.assert(
      fc.property(filter, fc.array(row, { minLength: 5, maxLength: 5 }), (condition, rows) => {
        for (const each of rows) {
          const answer = matches(condition, each);
          answers[`${answer}`] += 1;
          assert.equal(answer, naive(condition, entityOf(each)));
        }
      }),
      { numRuns: 3000 },
    );
    assert.ok(answers.true > 2000 && answers.false > 2000, JSON.stringify(answers));
  });

  test("obeys the laws of logic", () => {
    fc.assert(
      fc.property(filter, filter, row, (left, right, each) => {
        const answer = (condition: Filter, [id, values]: Row): boolean => compileFilter(condition, COLUMNS)(id, values);
        const [l, r] = [answer(left, each), answer(right, each)];
        assert.equal(answer({ not: left }, each), !l);
        assert.equal(answer({ and: [left, right] }, each), l && r);
        assert.equal(answer({ or: [left, right] }, each), l || r);
        assert.equal(answer(bothFilters(left, right), each), l && r);
        assert.equal(answer(EVERYTHING, each), true);
        assert.equal(answer(NOTHING, each), false);
      }),
      { numRuns: 500 },
    );
  });

  test("means the same after the way through JSON", () => {
    fc.assert(
      fc.property(filter, row, (condition, each) => {
        assert.equal(matches(JSON.parse(JSON.stringify(condition)), each), matches(condition, each));
      }),
    );
  });
});

describe("the key of a filter", () => {
  test("is the same for the same conditions in any order, and parts filters that differ", () => {
    assert.equal(filterKey({ a: 1, b: { gt: 1, lt: 2 } }), filterKey({ b: { lt: 2, gt: 1 }, a: 1 }));
    assert.notEqual(filterKey({ a: 1 }), filterKey({ a: "1" }));
    assert.notEqual(filterKey({ a: null }), filterKey({}));
  });

  test("does not know a condition that is undefined, as compiling does not", () => {
    assert.equal(filterKey({ done: undefined }), filterKey({}));
    assert.equal(isEverything({ done: undefined }), true);
    assert.equal(compileFilter({ done: undefined }, COLUMNS)("t1", []), true);
    assert.deepEqual(bothFilters({ done: undefined }, { title: "a" }), { title: "a" });
  });

  test("equal keys mean equal answers", () => {
    fc.assert(
      fc.property(filter, filter, fc.array(row), (left, right, rows) => {
        if (filterKey(left) !== filterKey(right)) return;
        for (const each of rows) assert.equal(matches(left, each), matches(right, each));
      }),
    );
  });
});

describe("a filter from outside is refused when it", () => {
  const nested = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
    let inner: unknown = {};
    for (let level = 0; level < levels; level++) inner = wrap(inner);
    return inner;
  };
  for (const [what, hostile, reason] of [
    ["is no object", "done", /an object/],
    ["is null", null, /an object/],
    ["is a list", [{}], /an object/],
    ["is undefined", undefined, /plain JSON/],
    ["holds undefined", { done: undefined }, /plain JSON/],
    ["holds NaN", { priority: NaN }, /plain JSON/],
    ["holds a function", { priority: () => 1 }, /plain JSON/],
    ["names an unknown field", { assignee: 1 }, /no field called "assignee"/],
    ["uses an operator as a field", { eq: 1 }, /no field called "eq"/],
    ["uses __proto__ as a field", JSON.parse('{"__proto__":{"done":true}}'), /plain JSON/],
    ["uses __proto__ as an operator", { done: JSON.parse('{"__proto__":1}') }, /plain JSON/],
    ["uses constructor as a field", { constructor: 1 }, /no field/],
    ["uses toString as an operator", { done: { toString: 1 } }, /not a comparison/],
    ["uses a field as an operator", { done: { done: true } }, /not a comparison/],
    ["compares a field with a list", { done: [true] }, /goes into/],
    ["gives or no list", { or: {} }, /takes a list/],
    ["gives and a word", { and: "done" }, /takes a list/],
    ["gives or a list of words", { or: ["done"] }, /an object/],
    ["gives not a list", { not: [] }, /an object/],
    ["gives in no list", { done: { in: true } }, /in takes/],
    ["gives in a list of lists", { done: { in: [[1]] } }, /in takes/],
    ["gives in too many values", { done: { in: Array.from({ length: MAX_FILTER_VALUES + 1 }, () => 1) } }, /in takes/],
    ["gives eq an object", { done: { eq: {} } }, /eq takes one/],
    ["gives ne a list", { done: { ne: [] } }, /ne takes one/],
    ["gives gt null", { priority: { gt: null } }, /number or text/],
    ["gives lte a boolean", { priority: { lte: true } }, /number or text/],
    ["has a prototype of its own", { done: new Date(0) }, /plain JSON/],
    [
      "has too many conditions",
      { and: Array.from({ length: MAX_FILTER_CONDITIONS }, () => ({ done: true })) },
      /at most 64/,
    ],
    ["has too many empty parts", { and: Array.from({ length: 1_000_000 }, () => ({})) }, /at most 64/],
    ["has too many alternatives in depth", nested(6, (inner) => ({ or: [inner, inner, inner] })), /at most 64/],
    ["is nested too deeply", nested(33, (inner) => ({ not: inner })), /plain JSON/],
    ["is nested beyond any stack", nested(1_000_000, (inner) => ({ not: inner })), /plain JSON/],
  ] as ReadonlyArray<readonly [string, unknown, RegExp]>) {
    test(what, () => assert.match(filterProblem(hostile, FIELDS) ?? "accepted", reason));
  }

  test("but not when it is as large as allowed", () => {
    const most = Array.from({ length: MAX_FILTER_CONDITIONS - 1 }, () => ({ done: true }));
    assert.equal(filterProblem({ and: most }, FIELDS), null);
    assert.equal(
      filterProblem(
        nested(31, (inner) => ({ not: inner })),
        FIELDS,
      ),
      null,
    );
    const values = Array.from({ length: MAX_FILTER_VALUES }, (_, index) => index);
    assert.equal(filterProblem({ priority: { in: values } }, FIELDS), null);
  });

  test("is anything at all, and the answer is never a throw", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withSparseArray: true }), (anything) => {
        const problem = filterProblem(anything, FIELDS);
        if (problem === null) compileFilter(anything as Filter, COLUMNS)("a", []);
        else assert.ok(problem.length > 0);
      }),
      { numRuns: 2000 },
    );
  });

  test("what is accepted compiles and answers, also when it is hardly a filter", () => {
    const word = fc.constantFrom(
      "id",
      "done",
      "title",
      "and",
      "or",
      "not",
      "eq",
      "ne",
      "in",
      "gt",
      "lte",
      "__proto__",
      "x",
    );
    const nearly = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, depthSize: "small" },
        scalar,
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(word, tie("value"), { maxKeys: 3 }),
      ),
    })).value;
    let accepted = 0;
    fc.assert(
      fc.property(nearly, row, (candidate, each) => {
        if (filterProblem(candidate, FIELDS) !== null) return;
        accepted += 1;
        assert.equal(compileFilter(candidate as Filter, COLUMNS)(...each), naive(candidate as Filter, entityOf(each)));
      }),
      { numRuns: 5000 },
    );
    assert.ok(accepted > 200, `only ${accepted} were accepted`);
  });
});
