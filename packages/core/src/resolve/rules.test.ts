import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type JsonValue, sameJson } from "../base/json.ts";
import { TidelockError } from "../errors.ts";
import { parseDeviceId, parseUserId } from "../ids.ts";
import { defineRule, type Rule, type RuleSide, Verdict } from "./rule.ts";
import { authorRole, forwardOnly, greatest, priorityOrder, smallest, unionOfIntervals } from "./rules.ts";

fc.configureGlobal({ seed: 22 });

const device = parseDeviceId("d1")!;
const user = parseUserId("ana")!;

interface Wrote {
  readonly value: JsonValue;
  readonly role?: JsonValue | undefined;
}

function side({ value, role }: Wrote, isLater: boolean): RuleSide<never> {
  const claims = role === undefined ? {} : { role };
  return { value: value as never, user, device, claims, time: 0, isLater };
}

/** What the rule answers when `first` was in the log before `second`, in plain words. */
function asked(
  rule: Rule<never>,
  first: Wrote,
  second: Wrote,
  later: "first" | "second" = "second",
  base?: JsonValue,
): { readonly value: JsonValue | undefined; readonly isReview: boolean; readonly reason: string } {
  const answer: unknown = rule.decide({
    collection: "c",
    field: "f",
    base: base as never,
    current: side(first, later === "first"),
    incoming: side(second, later === "second"),
  });
  if (!(answer instanceof Verdict)) return { value: answer as JsonValue, isReview: false, reason: "" };
  return { value: answer.value as JsonValue | undefined, isReview: answer.isReview, reason: answer.reason };
}

/** The value that stands, whichever of the two arrived first. */
function decided(rule: Rule<never>, one: JsonValue, other: JsonValue, base?: JsonValue): JsonValue | "review" {
  const there = asked(rule, { value: one }, { value: other }, "second", base);
  const back = asked(rule, { value: other }, { value: one }, "first", base);
  assert.deepEqual([there.isReview, there.value], [back.isReview, back.value]);
  return there.isReview ? "review" : (there.value ?? null);
}

const ORDER = ["todo", "doing", "done"];
const number = fc.oneof(fc.constant(null), fc.integer({ min: -3, max: 3 }), fc.constantFrom(0.5, -0.5, 1e300));
const word = fc.constantFrom("todo", "doing", "done", "unheard of", "toString", "");
const interval = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.nat(6)).map(([from, length]) => [from, from + length]);
const role = fc.option(fc.constantFrom<JsonValue>("guest", "member", "lead", "king", "constructor", 7, null), {
  nil: undefined,
});

/** Every rule that ships, with values of its field; and whether it always takes one of the two. */
const shipped: ReadonlyArray<readonly [string, Rule<never>, fc.Arbitrary<JsonValue>, boolean]> = [
  ["greatest", greatest<number | null>(), number, true],
  ["smallest", smallest<number | null>(), number, true],
  ["priorityOrder", priorityOrder(ORDER), word, true],
  ["forwardOnly", forwardOnly(ORDER), word, true],
  ["unionOfIntervals", unionOfIntervals(), fc.array(interval, { maxLength: 5 }), false],
  ["authorRole", authorRole({ claim: "role", order: ["guest", "member", "lead"] }), fc.jsonValue() as never, true],
].map((row) => row as unknown as readonly [string, Rule<never>, fc.Arbitrary<JsonValue>, boolean]);

describe("a rule that ships", () => {
  for (const [name, rule, value, takesOne] of shipped) {
    test(`${name} answers the same whichever write reached the server first`, () => {
      let ties = 0;
      let answers = 0;
      fc.assert(
        fc.property(
          value,
          value,
          role,
          role,
          fc.boolean(),
          fc.option(value, { nil: undefined }),
          (a, b, r, s, later, base) => {
            const [one, other] = [
              { value: a, role: r },
              { value: b, role: s },
            ];
            const there = asked(rule, one, other, later ? "first" : "second", base);
            const back = asked(rule, other, one, later ? "second" : "first", base);
            assert.deepEqual(there, back);
            if (sameJson(a, b) || r === s) ties += 1;
            if (there.isReview) return;
            answers += 1;
            if (takesOne) assert.ok(sameJson(there.value!, a) || sameJson(there.value!, b));
          },
        ),
        { numRuns: 500 },
      );
      assert.ok(ties > 20 && answers > 200, `${ties} ties, ${answers} answers`);
    });

    test(`${name} says why, in one short sentence without an end`, () => {
      fc.assert(
        fc.property(value, value, role, role, (a, b, r, s) => {
          const { reason } = asked(rule, { value: a, role: r }, { value: b, role: s });
          assert.match(reason, /^[^\n]{10,300}[^.]$/);
        }),
      );
    });
  }
});

describe("greatest and smallest", () => {
  test("take the number that is greater, or smaller", () => {
    assert.equal(decided(greatest() as never, 1, 2), 2);
    assert.equal(decided(greatest() as never, -1, -2), -1);
    assert.equal(decided(smallest() as never, 1, 2), 1);
    assert.equal(decided(smallest() as never, 0.1, 0.2), 0.1);
  });

  test("take a number before none", () => {
    for (const rule of [greatest<number | null>(), smallest<number | null>()]) {
      assert.equal(decided(rule as never, null, -5), -5);
      assert.equal(decided(rule as never, 0, null), 0);
      assert.equal(decided(rule as never, null, null), null);
    }
  });
});

describe("priorityOrder", () => {
  const rule = priorityOrder(["low", "normal", "urgent"]) as Rule<never>;

  test("takes the word that comes last in the order, whoever was later", () => {
    assert.equal(decided(rule, "urgent", "low"), "urgent");
    assert.equal(asked(rule, { value: "urgent" }, { value: "low" }, "second").value, "urgent");
    assert.equal(asked(rule, { value: "low" }, { value: "urgent" }, "first").value, "urgent");
  });

  test("puts words that it does not know before all others, and takes the later of two such", () => {
    assert.equal(decided(rule, "unheard of", "low"), "low");
    assert.equal(decided(rule, null, "low"), "low");
    assert.equal(asked(rule, { value: "old" }, { value: "older" }, "first").value, "old");
    assert.equal(asked(rule, { value: "old" }, { value: "older" }, "second").value, "older");
    assert.equal(decided(rule, "toString", "low"), "low");
  });

  test("names both words", () => {
    assert.equal(asked(rule, { value: "low" }, { value: "urgent" }).reason, '"urgent" goes before "low"');
  });
});

describe("forwardOnly", () => {
  const rule = forwardOnly(["todo", "doing", "review", "done"]) as Rule<never>;

  test("takes the step that is further", () => {
    assert.equal(decided(rule, "doing", "done", "todo"), "done");
    assert.equal(decided(rule, "doing", "review", "doing"), "review");
    assert.equal(decided(rule, "review", "doing"), "review");
  });

  test("asks somebody when one went back while the other went on, and says from where", () => {
    assert.equal(decided(rule, "todo", "done", "doing"), "review");
    assert.equal(
      asked(rule, { value: "done" }, { value: "todo" }, "second", "doing").reason,
      'one went back to "todo" from "doing" while the other set "done"',
    );
  });

  test("asks somebody when both went back to different places", () => {
    assert.equal(decided(rule, "todo", "doing", "done"), "review");
  });

  test("does not ask when one stayed where both started", () => {
    assert.equal(decided(rule, "doing", "done", "doing"), "done");
  });

  test("cannot tell a step backward when nobody knows where both started", () => {
    assert.equal(decided(rule, "todo", "done"), "done");
    assert.equal(decided(rule, "todo", "done", "unheard of"), "done");
  });
});

describe("unionOfIntervals", () => {
  const rule = unionOfIntervals() as Rule<never>;

  test("keeps what either side had, in order, as few intervals as it takes", () => {
    assert.deepEqual(decided(rule, [[1, 2]], [[4, 5]]), [
      [1, 2],
      [4, 5],
    ]);
    assert.deepEqual(decided(rule, [[4, 9]], [[1, 5]]), [[1, 9]]);
    assert.deepEqual(decided(rule, [[1, 2]], [[2, 3]]), [[1, 3]]);
    assert.deepEqual(decided(rule, [[1, 10]], [[3, 4]]), [[1, 10]]);
    assert.deepEqual(decided(rule, [], []), []);
    assert.deepEqual(decided(rule, [[0, 0]], [[0.5, 0.5]]), [
      [0, 0],
      [0.5, 0.5],
    ]);
  });

  test("covers every moment that either side covered, and no other", () => {
    const intervals = fc.array(interval, { maxLength: 6 });
    const within = (value: JsonValue, moment: number): boolean =>
      (value as ReadonlyArray<readonly [number, number]>).some(([from, to]) => from <= moment && moment <= to);
    fc.assert(
      fc.property(intervals, intervals, (one, other) => {
        const both = decided(rule, one, other) as ReadonlyArray<readonly [number, number]>;
        for (let moment = -1; moment <= 30; moment += 0.5) {
          assert.equal(within(both, moment), within(one, moment) || within(other, moment));
        }
        for (const [index, [from]] of both.entries()) {
          if (index > 0) assert.ok(from > both[index - 1]![1], "two that touch were left apart");
        }
      }),
    );
  });

  test("asks somebody about what is not a list of intervals", () => {
    for (const odd of [[[2, 1]], [[1]], [[1, 2, 3]], [["1", "2"]], [1], [null], [{ from: 1, to: 2 }]]) {
      assert.equal(decided(rule, odd as JsonValue, [[1, 2]]), "review", JSON.stringify(odd));
    }
  });
});

describe("authorRole", () => {
  const rule = authorRole({ claim: "role", order: ["guest", "member", "lead"] }) as Rule<never>;
  const by = (
    first: JsonValue | undefined,
    second: JsonValue | undefined,
    later: "first" | "second" = "second",
  ): unknown => {
    const wrote = (value: string, as: JsonValue | undefined): Wrote =>
      as === undefined ? { value } : { value, role: as };
    return asked(rule, wrote("first", first), wrote("second", second), later).value;
  };

  test("takes what the author with the higher role wrote, whoever was later", () => {
    assert.equal(by("lead", "guest"), "first");
    assert.equal(by("guest", "member", "first"), "second");
  });

  test("takes the later of two with the same role", () => {
    assert.equal(by("member", "member", "first"), "first");
    assert.equal(by("member", "member", "second"), "second");
  });

  test("ranks a missing role, and one that it does not know, below all others", () => {
    for (const odd of [undefined, null, "king", 3, ["lead"], "constructor"]) {
      assert.equal(by(odd, "guest", "first"), "second", String(odd));
      assert.equal(by(odd, undefined, "first"), "first", String(odd));
    }
  });

  test("says as whom each was written", () => {
    const answer = asked(rule, { value: 1, role: "lead" }, { value: 2 });
    assert.equal(answer.reason, "what lead writes goes before what nobody in particular writes");
  });

  test("asks to see its claim, and no other", () => {
    assert.deepEqual(rule.claims, ["role"]);
  });
});

describe("a declaration is refused with schema-invalid", () => {
  const refused = (declare: () => unknown, reason: RegExp): void => {
    assert.throws(declare, (error) => {
      assert.ok(error instanceof TidelockError);
      assert.equal(error.code, "schema-invalid");
      assert.match(error.detail, reason);
      return true;
    });
  };

  test("when an order is empty or has a word twice", () => {
    for (const order of [[], ["a", "b", "a"]]) {
      refused(() => priorityOrder(order), /priority-order needs a list of different words/);
      refused(() => forwardOnly(order), /forward-only needs/);
      refused(() => authorRole({ claim: "role", order }), /author-role needs/);
    }
  });

  test("when a rule's name cannot be used", () => {
    for (const name of ["", "a b", "ä", "x".repeat(65)]) {
      refused(() => defineRule({ name, version: 1, decide: () => 1 }), /cannot name a rule/);
    }
  });

  test("when a rule's version is no whole number from 1", () => {
    for (const version of [0, -1, 1.5, NaN, Infinity]) {
      refused(() => defineRule({ name: "mine", version, decide: () => 1 }), /the rule mine needs a version/);
    }
  });
});
