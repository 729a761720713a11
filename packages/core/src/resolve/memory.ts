/**
 * What a rule or a review needs to know of a field besides its value: the claims with which it was written, and what it
 * was before, so that the value both sides started from can be named. As JSON beside the entity:
 *
 *     { "claims": { … }, "past": [[device, counter, offset, value, others], …] }
 *
 * `past` has earlier values, oldest first, each with the write that made it, and the dots of the others that it was made of
 * (left out when there are none). Bounded: when more than that was written between what an author had seen and now, the
 * base is unknown.
 */
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Counter, DeviceId, Offset } from "../ids.ts";
import type { FieldSchema } from "../schema/field.ts";
import { covers, type VersionVector } from "../version/version-vector.ts";
import type { FieldState, IncomingWrite } from "./field-state.ts";

/** Earlier values kept, and their characters as JSON. */
const MAX_PAST = 16;
const MAX_PAST_CHARACTERS = 8_192;

type PastDot = readonly [DeviceId, Counter, Offset];
type Past = readonly [...PastDot, JsonValue, ...(readonly [] | readonly [readonly PastDot[]])];
interface Memory {
  readonly claims?: JsonObject;
  readonly past?: readonly Past[];
}

/** The value that an author had seen last; `undefined` when nobody knows any more. */
export function baseOf(memory: JsonValue | undefined, seen: VersionVector): { readonly value: JsonValue } | undefined {
  const past = read(memory).past ?? [];
  for (let index = past.length - 1; index >= 0; index--) {
    const entry = past[index];
    if (entry === undefined) break;
    const [device, counter, offset, value, others = []] = entry;
    const dots: readonly PastDot[] = [[device, counter, offset], ...others];
    if (dots.every((dot) => covers(seen, { device: dot[0], counter: dot[1], offset: dot[2] }))) return { value };
  }
  return undefined;
}

/** The claims with which the field's value was written. */
export function claimsOf(memory: JsonValue | undefined): JsonObject {
  return read(memory).claims ?? {};
}

/** What is to be remembered once the incoming write stands. */
export function remember(field: FieldSchema, state: FieldState, incoming: IncomingWrite): JsonValue | undefined {
  const { policy } = field;
  if (policy.kind !== "resolve" && policy.kind !== "review") return undefined;
  const wanted = policy.kind === "resolve" ? policy.rule.claims : [];
  const claims = Object.fromEntries(
    wanted.flatMap((name): Array<[string, JsonValue]> => {
      const value = Object.hasOwn(incoming.claims, name) ? incoming.claims[name] : undefined;
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const past = [...(read(state.memory).past ?? [])];
  const { write, others = [] } = state;
  if (write !== undefined) {
    const made = [write.device, write.counter, write.offset, state.value] as const;
    const dots = others.map(({ device, counter, offset }): PastDot => [device, counter, offset]);
    past.push(dots.length === 0 ? made : [...made, dots]);
  }
  let characters = past.reduce((sum, entry) => sum + JSON.stringify(entry).length, 0);
  while (past.length > MAX_PAST || (characters > MAX_PAST_CHARACTERS && past.length > 0)) {
    characters -= JSON.stringify(past.shift()).length;
  }
  const memory: { claims?: JsonObject; past?: readonly Past[] } = {};
  if (Object.keys(claims).length > 0) memory.claims = claims;
  if (past.length > 0) memory.past = past;
  return Object.keys(memory).length === 0 ? undefined : (memory as JsonObject);
}

/** Written by `remember`, or nothing. */
function read(memory: JsonValue | undefined): Memory {
  return (memory ?? {}) as Memory;
}
