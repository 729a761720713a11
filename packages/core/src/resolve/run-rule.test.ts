import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type JsonObject, jsonProblem, type JsonValue } from "../base/json.ts";
import { parseDeviceId, parseUserId } from "../ids.ts";
import { field, type FieldSchema } from "../schema/field.ts";
import { type AnyField, collection, defineSchema } from "../schema/schema.ts";
import { makeStamp } from "../time/hlc.ts";
import type { Contender } from "./decision.ts";
import { askSomeone, because, defineRule, type Rule, type RuleQuestion, Verdict } from "./rule.ts";
import { type Answer, askRule, type TimeLimit, UNLIMITED } from "./run-rule.ts";

fc.configureGlobal({ seed: 23 });

type Decide = (question: RuleQuestion<never>) => unknown;

function ruleOf(decide: Decide, claims: readonly string[] = []): Rule<never> {
  return defineRule<never>({ name: "mine", version: 3, claims, decide: decide as Rule<never>["decide"] });
}

function built(declared: AnyField, decide: Decide, claims?: readonly string[]): FieldSchema {
  const schema = defineSchema({
    version: 1,
    collections: { c: collection({ f: declared.policy(ruleOf(decide, claims)) }) },
  });
  return schema.collections.get("c")!.byName.get("f")!;
}

function contender(name: string, millis: number, value: JsonValue): Contender {
  const device = parseDeviceId(name)!;
  return { device, counter: 1, user: parseUserId(name), offset: 1, seen: null, stamp: makeStamp(millis, 0), value };
}

interface Circumstances {
  readonly field?: AnyField;
  readonly current?: Contender;
  readonly incoming?: Contender;
  readonly base?: { readonly value: JsonValue };
  readonly wants?: readonly string[];
  readonly claims?: readonly [JsonObject, JsonObject];
  readonly limit?: TimeLimit;
}

function ask(decide: Decide, circumstances: Circumstances = {}): Answer {
  const { field: declared = field.json(), base, wants, claims = [{}, {}], limit = UNLIMITED } = circumstances;
  const { current = contender("a", 1, "old"), incoming = contender("b", 2, "new") } = circumstances;
  return askRule({ collection: "c", field: built(declared, decide, wants), base, current, incoming, claims }, limit);
}

/** What the rule was asked. */
function question(circumstances: Circumstances = {}): RuleQuestion<JsonValue> {
  let asked: unknown;
  ask((given) => {
    asked = given;
    return "x";
  }, circumstances);
  return asked as RuleQuestion<JsonValue>;
}

describe("a rule is asked", () => {
  test("which field it is, what both started from, and who wrote what", () => {
    const { collection: name, field: its, base, current, incoming } = question({ base: { value: "start" } });
    assert.deepEqual([name, its, base], ["c", "f", "start"]);
    assert.deepEqual([current.value, current.user, current.device, current.time], ["old", "a", "a", 1]);
    assert.deepEqual([incoming.value, incoming.user, incoming.device, incoming.time], ["new", "b", "b", 2]);
  });

  test("with no base when nobody knows it, which is not the same as null", () => {
    assert.equal(question().base, undefined);
    assert.equal(question({ base: { value: null } }).base, null);
  });

  test("which of the two is the later one, also when both were written at the same time", () => {
    const isLater = (one: Contender, other: Contender): readonly boolean[] => {
      const { current, incoming } = question({ current: one, incoming: other });
      return [current.isLater, incoming.isLater];
    };
    assert.deepEqual(isLater(contender("a", 2, 1), contender("b", 1, 2)), [true, false]);
    assert.deepEqual(isLater(contender("a", 1, 1), contender("b", 1, 2)), [false, true]);
    assert.deepEqual(isLater(contender("b", 1, 1), contender("a", 1, 2)), [true, false]);
  });

  test("with those claims that it declares, and no others", () => {
    const claims = [{ role: "lead", secret: "x" }, { secret: "y" }] as const;
    const { current, incoming } = question({ wants: ["role", "toString"], claims });
    assert.deepEqual([current.claims, incoming.claims], [{ role: "lead" }, {}]);
  });

  test("in copies that it cannot change", () => {
    const value = { list: [{ deep: [1] }] };
    const base = { value: { list: [1] } };
    const claims: readonly [JsonObject, JsonObject] = [{ role: ["lead"] }, {}];
    const attempts: ReadonlyArray<(asked: RuleQuestion<JsonValue>) => void> = [
      ({ current }) => void ((current.value as { list: unknown }).list = []),
      ({ current }) => void (current.value as { list: unknown[] }).list.push(2),
      ({ current }) => void (current.value as { list: Array<{ deep: unknown[] }> }).list[0]!.deep.push(2),
      ({ incoming }) => void delete (incoming.value as { list?: unknown }).list,
      (asked) => void (asked.base as { list: unknown[] }).list.pop(),
      ({ current }) => void (current.claims["role"] as unknown[]).push("king"),
    ];
    const before = JSON.stringify([value, base, claims]);
    for (const attempt of attempts) {
      const answer = ask(
        (asked) => {
          attempt(asked as unknown as RuleQuestion<JsonValue>);
          return "x";
        },
        { current: contender("a", 1, value), incoming: contender("b", 2, value), base, claims, wants: ["role"] },
      );
      assert.equal(answer.kind, "review", String(attempt));
      assert.equal(JSON.stringify([value, base, claims]), before);
    }
  });
});

describe("the answer of a rule", () => {
  test("is a value, with its reason or a general one", () => {
    const said = { kind: "value", version: 3, value: "x", reason: "it is better", side: null };
    const silent = { ...said, reason: "the rule mine decided" };
    for (const [answered, answer] of [
      [because("x", "it is better"), said],
      ["x", silent],
      [null, { ...silent, value: null }],
    ] as const) {
      assert.deepEqual(
        ask(() => answered),
        answer,
      );
    }
  });

  test("is whose write stands, where the rule looks at more than the values", () => {
    for (const side of ["current", "incoming"] as const) {
      const answer = ask(() => because("x", "it is better", side));
      assert.equal(answer.kind === "value" && answer.side, side);
    }
  });

  test("is the wish for a person, which is nobody's fault", () => {
    const answer = { kind: "review", version: 3, reason: "I cannot tell", fault: null };
    assert.deepEqual(
      ask(() => askSomeone("I cannot tell")),
      answer,
    );
    assert.deepEqual(
      ask(() => new Verdict<JsonValue>("ignored", "I cannot tell", true)),
      answer,
    );
  });

  test("does not change when the rule changes later what it answered", () => {
    const kept = { list: [1] };
    const answer = ask(() => kept);
    kept.list.push(2);
    assert.deepEqual(answer.kind === "value" && answer.value, { list: [1] });
  });

  test("has a reason that a peer takes, whatever the rule says", () => {
    for (const verdict of [because, (_: string, reason: string) => askSomeone(reason)]) {
      assert.equal(ask(() => verdict("x", "y".repeat(100_000))).reason, "y".repeat(500));
      assert.equal(ask(() => verdict("x", `${"y".repeat(499)}😀`)).reason.isWellFormed(), true);
      assert.equal(ask(() => verdict("x", 7 as unknown as string)).reason, "the rule gave no reason");
    }
  });
});

describe("a rule that goes wrong ends in a review", () => {
  const wrong = (answer: Answer): readonly [string, string] => {
    assert.ok(answer.kind === "review" && answer.fault !== null, `not a fault: ${JSON.stringify(answer)}`);
    return [answer.reason, answer.fault];
  };
  const thrown = "the rule mine failed, so a person decides";

  test("when it throws: the reason is for everyone, what it threw for its author", () => {
    const answer = ask(() => {
      throw new Error("secret of the operator");
    });
    assert.deepEqual(wrong(answer), [thrown, "secret of the operator"]);
    for (const odd of ["text", null, undefined, 7, { message: "no error" }]) {
      const [reason, fault] = wrong(
        ask(() => {
          throw odd;
        }),
      );
      assert.deepEqual([reason, fault], [thrown, "it threw something that is no error"]);
    }
  });

  test("when it takes too long", () => {
    const limit: TimeLimit = () => {
      throw new Error("it took longer than 50 ms");
    };
    assert.deepEqual(wrong(ask(() => "x", { limit })), [thrown, "it took longer than 50 ms"]);
  });

  test("when its answer does not fit the field, in the field's own words", () => {
    const cases: ReadonlyArray<readonly [AnyField, unknown, string]> = [
      [field.string(), undefined, "its answer is missing"],
      [field.string(), null, "its answer must not be null"],
      [field.string(), 5, "its answer must be text"],
      [field.integer(), 1.5, "its answer must be a whole number"],
      [field.enum(["a", "b"]), "c", "its answer must be one of a, b"],
      [field.json(), Number.NaN, "its answer must be plain JSON (not-finite)"],
      [field.json(), () => 1, "its answer must be plain JSON (not-json)"],
      [field.json(), new Date(0), "its answer must be plain JSON (not-json)"],
      [field.string(), because(undefined as never, "why not"), "its answer is missing"],
    ];
    for (const [declared, nonsense, fault] of cases) {
      const answer = ask(() => nonsense, { field: declared });
      assert.deepEqual(wrong(answer), [`the rule mine gave no usable answer: ${fault}`, fault]);
    }
  });

  test("when it waits: a promise is no answer, and its rejection is nobody's", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    for (const later of [Promise.resolve("x"), Promise.reject(new Error("later"))]) {
      assert.deepEqual(wrong(ask(() => later)), ["the rule mine must not wait", "it returned a promise"]);
    }
    await new Promise((done) => setImmediate(done));
    process.off("unhandledRejection", note);
    assert.deepEqual(unhandled, []);
  });

  test("when its words are many: the reason has the first of them", () => {
    const words = Array.from({ length: 200 }, (_, index) => `word number ${index}`);
    const [reason, fault] = wrong(ask(() => "no word", { field: field.enum(words) }));
    assert.equal(reason.length, 500);
    assert.ok(fault.endsWith("word number 199"));
  });

  test("when its answer has no end, or throws when it is looked at", () => {
    const endless: { self?: unknown } = {};
    endless.self = endless;
    wrong(ask(() => endless));
    wrong(
      ask(() => ({
        get trap() {
          throw new Error("sprung");
        },
      })),
    );
  });

  test("when there is no rule", () => {
    const plain = { ...built(field.json(), () => "x"), policy: { kind: "lww" } as const };
    const [current, incoming] = [contender("a", 1, 1), contender("b", 2, 2)];
    const asked = { collection: "c", field: plain, base: undefined, current, incoming, claims: [{}, {}] as const };
    assert.equal(askRule(asked, UNLIMITED).kind, "review");
  });

  test("and never in an error: whatever it answers, what comes out can be stored and sent", () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true }),
        fc.constantFrom<AnyField>(field.json(), field.string(), field.integer(), field.boolean().optional()),
        fc.boolean(),
        (odd, declared, throws) => {
          const answer = ask(
            () => {
              if (throws) throw odd;
              return odd;
            },
            { field: declared },
          );
          assert.ok(answer.reason.length <= 500 && answer.reason.isWellFormed());
          if (answer.kind === "value") assert.equal(jsonProblem(answer.value, 32), null);
        },
      ),
      { numRuns: 500 },
    );
  });
});
