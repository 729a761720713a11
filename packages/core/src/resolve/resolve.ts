/**
 * How a write meets what a field has: it goes ahead where its author had seen the last write, and is settled by the field's
 * policy where not. Pure functions of the two writes, whichever side runs them.
 *
 * What stays true: a field conflicts only if its last write is not covered by what the author had seen and the values
 * differ; a write that had seen its predecessor stands, whatever the clocks say; every value that does not stand is in a
 * decision. Which of two concurrent writes stands does not depend on which of them reached the server first; a rule of an
 * application may, if it looks.
 */
import { type JsonValue, sameJson } from "../base/json.ts";
import type { Contest } from "../crdt/author.ts";
import { changeCounter, type CounterChange } from "../crdt/counter.ts";
import { changeSet, type SetChange } from "../crdt/element-set.ts";
import { changeList } from "../crdt/item-list.ts";
import type { ListChange } from "../crdt/list-change.ts";
import { boundedMessage } from "../errors.ts";
import type { DeviceId } from "../ids.ts";
import type { FieldWrite } from "../mutation/entity.ts";
import { type FieldSchema, policyName } from "../schema/field.ts";
import { type Stamp } from "../time/hlc.ts";
import { covers, type VersionVector } from "../version/version-vector.ts";
import type { Contender, Decision } from "./decision.ts";
import type { FieldState, IncomingWrite } from "./field-state.ts";
import { lastWriteWins, laterWrite, stampAfter } from "./last-write.ts";
import { baseOf, claimsOf, remember } from "./memory.ts";
import { type Answer, askRule, type TimeLimit } from "./run-rule.ts";

const VERSION = 1;

export type Settlement =
  /** The field has this value from now on, as written by the incoming write with this stamp. */
  | {
      readonly kind: "written";
      readonly value: JsonValue;
      readonly stamp: Stamp;
      readonly memory: JsonValue | undefined;
      /** As in `FieldState`. */
      readonly others: readonly FieldWrite[];
      readonly decisions: readonly Decision[];
    }
  /** The field keeps what it has. */
  | { readonly kind: "kept"; readonly decision: Decision }
  /** Both wrote the same; the write that was there stays the last. */
  | { readonly kind: "same" }
  /** The field keeps what it has until a person has decided. `fault`: what a rule did wrong, for its author. */
  | { readonly kind: "held"; readonly decision: Decision; readonly fault: string | null }
  | { readonly kind: "refused"; readonly problem: string };

/** Settles a write of one field. `limit` runs a rule and throws when it takes too long. */
export function settleField(
  collection: string,
  field: FieldSchema,
  state: FieldState,
  incoming: IncomingWrite,
  limit: TimeLimit,
): Settlement {
  const { policy } = field;
  switch (policy.kind) {
    // `changeProblem` has accepted the changes.
    case "counter": {
      const sum = changeCounter(state.value, incoming.value as CounterChange, policy.grows);
      if ("problem" in sum) return { kind: "refused", problem: sum.problem };
      const others = unseenWrites(state, incoming.seen);
      return { kind: "written", value: sum.value, stamp: incoming.stamp, memory: undefined, others, decisions: [] };
    }
    case "set":
      return merged(
        field,
        state,
        incoming,
        changeSet(state.memory, state.value, incoming.value as SetChange, incoming, policy.bias),
      );
    case "list":
      return merged(
        field,
        state,
        incoming,
        changeList(state.memory, state.value, incoming.value as ListChange, incoming),
      );
    case "lww":
    case "resolve":
    case "review":
      return settleValue(collection, field, state, incoming, limit);
  }
}

type Merge =
  | { readonly memory: JsonValue; readonly value: JsonValue; readonly contests: readonly Contest[] }
  | { readonly problem: string };

function merged(field: FieldSchema, state: FieldState, incoming: IncomingWrite, merge: Merge): Settlement {
  if ("problem" in merge) return { kind: "refused", problem: merge.problem };
  const { value, memory, contests } = merge;
  const decisions = contests.map((contest): Decision => ({
    field: field.name,
    policy: policyName(field.policy),
    policyVersion: VERSION,
    winner: contest.winner,
    // The whole of it would stand in every record; what was at stake is in both sides.
    value: null,
    reason: boundedMessage(contest.reason),
    current: contest.current,
    incoming: { ...contest.incoming, user: incoming.user, offset: incoming.offset, seen: incoming.seen.floor },
  }));
  return {
    kind: "written",
    value,
    stamp: incoming.stamp,
    memory,
    others: unseenWrites(state, incoming.seen),
    decisions,
  };
}

/** More than these fold into one that nobody has seen who has not seen them all. */
const MAX_OTHERS = 32;
const NONE: readonly never[] = [];
/** No device's name. */
const FOLDED = "" as DeviceId;

/** The writes that a field's value is made of and that an author had not seen, oldest first. */
export function unseenWrites({ write, others = [] }: FieldState, seen: VersionVector): readonly FieldWrite[] {
  if (others.length === 0) return write === undefined || covers(seen, write) ? NONE : [write];
  const unseen = others.filter((other) => !covers(seen, other));
  if (write !== undefined && !covers(seen, write)) unseen.push(write);
  if (unseen.length <= MAX_OTHERS) return unseen;
  const rest = unseen.slice(-MAX_OTHERS + 1);
  const last = unseen.at(-MAX_OTHERS);
  return last === undefined ? rest : [{ ...last, device: FOLDED }, ...rest];
}

function settleValue(
  collection: string,
  field: FieldSchema,
  state: FieldState,
  incoming: IncomingWrite,
  limit: TimeLimit,
): Settlement {
  const write = unseenWrites(state, incoming.seen).at(-1);
  if (write === undefined) return written(field, state, incoming, incoming.value, NONE);
  const current: Contender = {
    device: write.device,
    counter: write.counter,
    user: write.user,
    offset: write.offset,
    seen: null,
    stamp: write.stamp,
    value: state.value,
  };
  const sides = { current, incoming: contender(incoming, incoming.value) };
  const { policy } = field;
  if (sameJson(state.value, incoming.value)) return settleEqual(collection, field, state, incoming, sides, limit);
  if (policy.kind === "resolve") return settleByRule(collection, field, state, incoming, sides, limit);
  if (policy.kind === "review") {
    const base = baseOf(state.memory, incoming.seen);
    const decision: Decision = {
      field: field.name,
      policy: "review",
      policyVersion: VERSION,
      winner: "review",
      value: state.value,
      reason: "two people wrote it without having seen each other's value; a person decides",
      ...(base === undefined ? {} : { base: base.value }),
      ...sides,
    };
    return { kind: "held", decision, fault: null };
  }
  const decision = lastWriteWins(field.name, sides.current, sides.incoming);
  if (decision.winner === "current") return { kind: "kept", decision };
  return written(field, state, incoming, incoming.value, [decision], incoming.stamp);
}

interface Sides {
  readonly current: Contender;
  readonly incoming: Contender;
}

/**
 * Both wrote the same, so nothing is lost and nothing recorded; but one of the two writes is the field's last from now on,
 * the same one whichever came first: who wrote it, and when, counts in the next conflict.
 */
function settleEqual(
  collection: string,
  field: FieldSchema,
  state: FieldState,
  incoming: IncomingWrite,
  sides: Sides,
  limit: TimeLimit,
): Settlement {
  const ruled = field.policy.kind === "resolve" ? ruling(collection, field, state, incoming, sides, limit) : null;
  const side = ruled?.kind === "value" && ruled.side !== null ? ruled.side : laterWrite(sides.current, sides.incoming);
  if (side === "current") return { kind: "same" };
  return written(field, state, incoming, incoming.value, [], incoming.stamp);
}

function contender(incoming: IncomingWrite, value: JsonValue): Contender {
  const { device, counter, user, offset, seen, stamp } = incoming;
  return { device, counter, user, offset, seen: seen.floor, stamp, value };
}

/**
 * @param stamp that of the write where it won by it; else one that is later than its predecessor's
 * @param others the writes that the value is made of besides the incoming one
 */
function written(
  field: FieldSchema,
  state: FieldState,
  incoming: IncomingWrite,
  value: JsonValue,
  decisions: readonly Decision[],
  stamp: Stamp = stampAfter(incoming.stamp, state.write),
  others: readonly FieldWrite[] = NONE,
): Settlement {
  return { kind: "written", value, stamp, memory: remember(field, state, incoming), others, decisions };
}

function settleByRule(
  collection: string,
  field: FieldSchema,
  state: FieldState,
  incoming: IncomingWrite,
  sides: Sides,
  limit: TimeLimit,
): Settlement {
  const base = baseOf(state.memory, incoming.seen);
  const answer = ruling(collection, field, state, incoming, sides, limit);
  const { current, incoming: other } = sides;
  const common = {
    field: field.name,
    policy: policyName(field.policy),
    policyVersion: answer.version,
    ...(base === undefined ? {} : { base: base.value }),
    ...sides,
  };
  if (answer.kind === "review") {
    const decision: Decision = { ...common, winner: "review", value: current.value, reason: answer.reason };
    return { kind: "held", decision, fault: answer.fault };
  }
  const { value, reason } = answer;
  if (sameJson(value, current.value)) {
    return { kind: "kept", decision: { ...common, winner: "current", value: current.value, reason } };
  }
  const winner = sameJson(value, other.value) ? "incoming" : "merged";
  // Of two equal to the rule the stamp decided, so the one that stands keeps its own: the next comparison is as fair.
  const stamp = winner === "incoming" ? other.stamp : stampAfter(other.stamp, current);
  const others = winner === "merged" ? unseenWrites(state, incoming.seen) : [];
  return written(field, state, incoming, value, [{ ...common, winner, value, reason }], stamp, others);
}

function ruling(
  collection: string,
  field: FieldSchema,
  { memory }: FieldState,
  { seen, claims }: IncomingWrite,
  sides: Sides,
  limit: TimeLimit,
): Answer {
  const base = baseOf(memory, seen);
  return askRule({ collection, field, base, ...sides, claims: [claimsOf(memory), claims] }, limit);
}
