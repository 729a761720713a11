/**
 * Domain rules: how an application itself settles concurrent writes to a field. A rule is a pure function of what both
 * sides wrote, what they started from and who they are. It has a name and a version, which go into every record.
 *
 *     const laterDate = defineRule<number>({
 *       name: "later-date",
 *       version: 1,
 *       decide: ({ current, incoming }) => Math.max(current.value, incoming.value),
 *     });
 *     field.timestamp().policy(laterDate)
 *
 * A rule that throws, takes too long or answers with something that does not fit the field escalates to review: the field
 * keeps what it has, both values are held, and a person decides. It never takes the tenant down.
 */
import type { JsonObject, JsonValue } from "../base/json.ts";
import { TidelockError } from "../errors.ts";
import type { Side } from "./decision.ts";
import { isName, type DeviceId, type Millis, type UserId } from "../ids.ts";

/** One of the two writes that a rule is asked about. */
export interface RuleSide<Value> {
  readonly value: Value;
  readonly user: UserId | null;
  readonly device: DeviceId;
  /** Those claims of the author's token that the rule declares in `claims`. Missing ones are not there. */
  readonly claims: JsonObject;
  /** When it was written, as its device's clock had it: milliseconds since 1970, to show and to break ties only. */
  readonly time: Millis;
  /** Whether it is the later write by stamp, then device id: exactly one of two is. For ties. */
  readonly isLater: boolean;
}

export interface RuleQuestion<Value> {
  readonly collection: string;
  readonly field: string;
  /** What both authors started from; `undefined` when nobody knows any more. */
  readonly base: Value | undefined;
  /** The write that was in the log first. */
  readonly current: RuleSide<Value>;
  readonly incoming: RuleSide<Value>;
}

/** An answer with its reason, or the wish that a person decides. */
export class Verdict<Value> {
  readonly value: Value | undefined;
  readonly reason: string;
  readonly isReview: boolean;
  /** Whose write stands, where the rule chose between the two and did not only compare their values. */
  readonly side: Side | null;

  constructor(value: Value | undefined, reason: string, isReview: boolean, side: Side | null = null) {
    this.value = value;
    this.reason = reason;
    this.isReview = isReview;
    this.side = side;
  }
}

/**
 * A rule's answer with its reason, as a sentence for people.
 * @param side whose write stands, when the rule looks at more than the values: then that one's author counts next time,
 *   also when both wrote the same
 */
export function because<Value extends JsonValue>(
  value: Value,
  reason: string,
  side: Side | null = null,
): Verdict<Value> {
  return new Verdict(value, reason, false, side);
}

/** A rule's answer that a person has to decide. */
export function askSomeone(reason: string): Verdict<never> {
  return new Verdict<never>(undefined, reason, true);
}

export interface Rule<Value extends JsonValue = JsonValue> {
  readonly name: string;
  /** Grows by one whenever the rule would answer differently. */
  readonly version: number;
  /** The claims of the author's token that the rule wants to see. They are kept with each write of the field. */
  readonly claims: readonly string[];
  /**
   * Answers the value that the field shall have. Pure and deterministic. Where the order in which two writes reach the
   * server shall not matter, the answer must not depend on which of them is `current`.
   */
  decide(question: RuleQuestion<Value>): Value | Verdict<Value>;
}

/** Declares a rule. Throws `schema-invalid` when its name or version cannot be used. */
export function defineRule<Value extends JsonValue>(
  rule: Omit<Rule<Value>, "claims"> & { readonly claims?: readonly string[] },
): Rule<Value> {
  if (!isName(rule.name)) throw new TidelockError("schema-invalid", `${JSON.stringify(rule.name)} cannot name a rule`);
  if (!Number.isSafeInteger(rule.version) || rule.version < 1) {
    throw new TidelockError("schema-invalid", `the rule ${rule.name} needs a version: a whole number from 1`);
  }
  return {
    name: rule.name,
    version: rule.version,
    claims: rule.claims ?? [],
    decide: (question) => rule.decide(question),
  };
}
