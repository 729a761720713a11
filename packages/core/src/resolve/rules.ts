/**
 * The rules that ship with Tidelock. None of them depends on which of two writes reached the server first: writes that were
 * all made on the same state end with the same value in every order of arrival. (A field has one last write: what lost to a
 * value that its author has taken back since is in the log, but does not come back by itself.) Where two writes are equal to
 * a rule, the later one by stamp wins.
 */
import type { JsonValue } from "../base/json.ts";
import { TidelockError } from "../errors.ts";
import { because, askSomeone, defineRule, type Rule, type RuleQuestion, type RuleSide, type Verdict } from "./rule.ts";

/** The greatest number wins: a last reading, a highest bid. A number goes before none. */
export function greatest<Value extends number | null = number>(): Rule<Value> {
  return extreme<Value>("greatest", "the greater number stands", (left, right) => left > right);
}

/** The smallest number wins: an earliest date, a lowest offer. A number goes before none. */
export function smallest<Value extends number | null = number>(): Rule<Value> {
  return extreme<Value>("smallest", "the smaller number stands", (left, right) => left < right);
}

function extreme<Value extends number | null>(
  name: string,
  reason: string,
  isBefore: (left: number, right: number) => boolean,
): Rule<Value> {
  return defineRule<Value>({
    name,
    version: 1,
    decide: ({ current, incoming }) => {
      const [left, right] = [current.value, incoming.value];
      const takesLeft = right === null || (left !== null && !isBefore(right, left));
      return because<Value>(takesLeft ? current.value : incoming.value, reason);
    },
  });
}

/** The value that comes last in `order` wins: `priorityOrder(["low", "normal", "urgent"])`. */
export function priorityOrder<const Word extends string>(order: readonly Word[]): Rule<Word> {
  const rank = ranks("priority-order", order);
  return defineRule<Word>({
    name: "priority-order",
    version: 1,
    decide: ({ current, incoming }) => {
      const [least, most] = byRank(rank, current, incoming);
      return because(most.value, `${JSON.stringify(most.value)} goes before ${JSON.stringify(least.value)}`);
    },
  });
}

/**
 * A state that only moves forward along `order`: of two concurrent steps the one that is further stands. A step backward
 * against one forward is a contradiction, which a person decides.
 */
export function forwardOnly<const Word extends string>(order: readonly Word[]): Rule<Word> {
  const rank = ranks("forward-only", order);
  return defineRule<Word>({
    name: "forward-only",
    version: 1,
    decide: ({ base, current, incoming }) => {
      const start = base === undefined ? 0 : (rank.get(base) ?? 0);
      const [least, most] = byRank(rank, current, incoming);
      if ((rank.get(least.value) ?? 0) < start) {
        const words = [least.value, base, most.value].map((word) => JSON.stringify(word));
        return askSomeone(`one went back to ${words[0]} from ${words[1]} while the other set ${words[2]}`);
      }
      return because(most.value, `${JSON.stringify(most.value)} is further than ${JSON.stringify(least.value)}`);
    },
  });
}

/** Intervals `[from, to]` in a list; what either side has is kept: opening hours, bookings, read ranges. */
export function unionOfIntervals(): Rule<ReadonlyArray<readonly [number, number]> & JsonValue> {
  type Intervals = ReadonlyArray<readonly [number, number]> & JsonValue;
  return defineRule<Intervals>({
    name: "union-of-intervals",
    version: 1,
    decide: ({ current, incoming }): Intervals | Verdict<Intervals> => {
      const all = [...current.value, ...incoming.value];
      if (!all.every(isInterval)) return askSomeone("one of the values is not a list of [from, to]");
      return because<Intervals>(united(all), "what either side had is kept");
    },
  });
}

function isInterval(value: unknown): value is readonly [number, number] {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    typeof value[0] === "number" &&
    typeof value[1] === "number" &&
    value[0] <= value[1]
  );
}

/** The intervals sorted, those that overlap or touch as one. */
function united(intervals: ReadonlyArray<readonly [number, number]>): Array<readonly [number, number]> {
  const sorted = [...intervals].sort((left, right) => left[0] - right[0] || left[1] - right[1]);
  const result: Array<readonly [number, number]> = [];
  for (const [from, to] of sorted) {
    const last = result.at(-1);
    if (last !== undefined && from <= last[1]) result[result.length - 1] = [last[0], Math.max(last[1], to)];
    else result.push([from, to]);
  }
  return result;
}

/**
 * The author with the higher role wins: `authorRole({ claim: "role", order: ["guest", "member", "lead"] })` reads the role
 * from that claim of the token with which each value was written. Among equals, the later write.
 */
export function authorRole<Value extends JsonValue = JsonValue>(options: {
  readonly claim: string;
  readonly order: readonly string[];
}): Rule<Value> {
  const rank = ranks("author-role", options.order);
  const rankOf = (side: RuleSide<Value>): number => {
    const role = Object.hasOwn(side.claims, options.claim) ? side.claims[options.claim] : undefined;
    return typeof role === "string" ? (rank.get(role) ?? -1) : -1;
  };
  const roleOf = (side: RuleSide<Value>): string => options.order[rankOf(side)] ?? "nobody in particular";
  return defineRule<Value>({
    name: "author-role",
    version: 1,
    claims: [options.claim],
    decide: ({ current, incoming }: RuleQuestion<Value>) => {
      const difference = rankOf(incoming) - rankOf(current);
      if (difference === 0) {
        const later = incoming.isLater ? incoming : current;
        const reason = `both were written as ${roleOf(later)}; the later write stands`;
        return because(later.value, reason, incoming.isLater ? "incoming" : "current");
      }
      const [winner, loser] = difference > 0 ? [incoming, current] : [current, incoming];
      const reason = `what ${roleOf(winner)} writes goes before what ${roleOf(loser)} writes`;
      return because(winner.value, reason, difference > 0 ? "incoming" : "current");
    },
  });
}

function ranks(rule: string, order: readonly string[]): ReadonlyMap<string, number> {
  const rank = new Map(order.map((word, index) => [word, index]));
  if (rank.size !== order.length || rank.size === 0) {
    throw new TidelockError("schema-invalid", `${rule} needs a list of different words`);
  }
  return rank;
}

/** The two sides, the lesser first; of equals, the earlier write. Words that are not in the order come before all. */
function byRank<Value extends string>(
  rank: ReadonlyMap<string, number>,
  current: RuleSide<Value>,
  incoming: RuleSide<Value>,
): readonly [RuleSide<Value>, RuleSide<Value>] {
  const difference = (rank.get(incoming.value) ?? -1) - (rank.get(current.value) ?? -1);
  const incomingLast = difference === 0 ? incoming.isLater : difference > 0;
  return incomingLast ? [current, incoming] : [incoming, current];
}
