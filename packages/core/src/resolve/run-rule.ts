/**
 * Asking a rule: with copies that it cannot change, within a time limit, and with an answer that is checked. Whatever a
 * rule does wrong ends in a review with a reason, never in an error.
 */
import { frozenJson, type JsonObject, type JsonValue } from "../base/json.ts";
import { type FieldSchema, fieldProblem } from "../schema/field.ts";
import { stampMillis } from "../time/hlc.ts";
import type { Contender, Side } from "./decision.ts";
import { type Rule, type RuleSide, Verdict } from "./rule.ts";
import { laterWrite } from "./last-write.ts";

/** Runs a function of the application and throws when it takes too long. Whoever has no clock just runs it. */
export type TimeLimit = <Result>(run: () => Result) => Result;

/** What a time limit throws. */
export class RanOutOfTime extends Error {
  override readonly name = "RanOutOfTime";
}

export const UNLIMITED: TimeLimit = (run) => run();

export type Answer =
  | {
      readonly kind: "value";
      readonly version: number;
      readonly value: JsonValue;
      readonly reason: string;
      /** Whose write it is, where the rule says so. */
      readonly side: Side | null;
    }
  | { readonly kind: "review"; readonly version: number; readonly reason: string; readonly fault: string | null };

interface Question {
  readonly collection: string;
  readonly field: FieldSchema;
  readonly base: { readonly value: JsonValue } | undefined;
  readonly current: Contender;
  readonly incoming: Contender;
  /** The claims of both authors: current, incoming. */
  readonly claims: readonly [JsonObject, JsonObject];
}

/** Asks the rule of a field whose policy is `resolve`. */
export function askRule(question: Question, limit: TimeLimit): Answer {
  const { policy } = question.field;
  if (policy.kind !== "resolve") return { kind: "review", version: 1, reason: "there is no rule", fault: null };
  const { rule } = policy;
  const { version, name } = rule;
  try {
    const answer = limit(() => ask(rule, question));
    if (answer instanceof Verdict && answer.isReview)
      return { kind: "review", version, reason: sentence(answer.reason), fault: null };
    if (isPromise(answer)) {
      return { kind: "review", version, reason: `the rule ${name} must not wait`, fault: "it returned a promise" };
    }
    const value = answer instanceof Verdict ? answer.value : answer;
    const problem = value === undefined ? "is missing" : fieldProblem(question.field, value);
    if (problem !== null) {
      const fault = `its answer ${problem}`;
      return { kind: "review", version, reason: sentence(`the rule ${name} gave no usable answer: ${fault}`), fault };
    }
    const reason = answer instanceof Verdict ? sentence(answer.reason) : `the rule ${name} decided`;
    const side = answer instanceof Verdict ? answer.side : null;
    return { kind: "value", version, value: frozenJson(value as JsonValue), reason, side };
  } catch (error) {
    const fault = error instanceof Error ? error.message : "it threw something that is no error";
    return { kind: "review", version, reason: `the rule ${name} failed, so a person decides`, fault };
  }
}

function ask(
  rule: Rule,
  { collection, field, base, current, incoming, claims }: Question,
): JsonValue | Verdict<JsonValue> {
  const later = laterWrite(current, incoming);
  const side = (contender: Contender, all: JsonObject, isLater: boolean): RuleSide<JsonValue> => ({
    value: frozenJson(contender.value),
    user: contender.user,
    device: contender.device,
    claims: Object.fromEntries(
      rule.claims.flatMap((name) => (Object.hasOwn(all, name) ? [[name, frozenJson(all[name] ?? null)]] : [])),
    ),
    time: stampMillis(contender.stamp),
    isLater,
  });
  return rule.decide({
    collection,
    field: field.name,
    base: base === undefined ? undefined : frozenJson(base.value),
    current: side(current, claims[0], later === "current"),
    incoming: side(incoming, claims[1], later === "incoming"),
  });
}

/**
 * Whether a function of the application that must not wait answered with a promise. What becomes of that is nobody's
 * business any more: its rejection disturbs nobody.
 */
export function isPromise(answer: unknown): boolean {
  if (!(answer instanceof Promise)) return false;
  answer.catch(() => {});
  return true;
}

const MAX_REASON_LENGTH = 500;

function sentence(reason: unknown): string {
  return typeof reason === "string" ? reason.slice(0, MAX_REASON_LENGTH).toWellFormed() : "the rule gave no reason";
}
