/** Arbitrary messages of every type, for the round trips and the fuzzing of codecs; also other packages' tests may use them. */
import fc from "fast-check";
import type { JsonValue } from "../base/json.ts";
import { ERRORS, type ErrorCode } from "../errors.ts";
import {
  type EntityId,
  parseDeviceId,
  parseEntityId,
  parseEpoch,
  parseRoomName,
  parseSessionId,
  parseUserId,
  temporaryId,
} from "../ids.ts";
import type { Filter } from "../filter/filter.ts";
import { MAX_COUNTER } from "../limits.ts";
import { OPERATIONS } from "../mutation/mutation.ts";
import type { Contender, Decision } from "../resolve/decision.ts";
import { makeStamp } from "../time/hlc.ts";
import type {
  ChangeRow,
  ClientMessage,
  EntityRow,
  MemberRow,
  MutationRow,
  Outcome,
  ResultDetail,
  ResultRow,
  ServerMessage,
  SubscriptionRequest,
} from "./messages.ts";

const ALPHANUMERIC = [..."ABCXYZabcxyz0189"];

function word(others: string, maxLength: number): fc.Arbitrary<string> {
  const tail = fc.string({ unit: fc.constantFrom(...ALPHANUMERIC, ...others), maxLength: maxLength - 1 });
  return fc.tuple(fc.constantFrom(...ALPHANUMERIC), tail).map(([head, rest]) => head + rest);
}

function named<Id>(text: fc.Arbitrary<string>, parse: (text: unknown) => Id | null): fc.Arbitrary<Id> {
  return text.map((candidate) => {
    const id = parse(candidate);
    if (id === null) throw new Error(`not an id: ${candidate}`);
    return id;
  });
}

export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 100 }),
);
export const name: fc.Arbitrary<string> = word("_.-", 64);
export const device = named(name, parseDeviceId);
export const epoch = named(name, parseEpoch);
const session = named(name, parseSessionId);
const user = named(
  fc.string({ unit: fc.constantFrom(..."abc019@._+/ü漢😀"), minLength: 1, maxLength: 64 }),
  parseUserId,
);
const room = named(word("_.:-", 128), parseRoomName);
export const offset: fc.Arbitrary<number> = fc.oneof(fc.nat(100), fc.nat(), fc.maxSafeNat(), fc.constant(MAX_COUNTER));
export const counter: fc.Arbitrary<number> = offset.map((value) => Math.max(1, value));
export const entity: fc.Arbitrary<EntityId> = fc.oneof(
  named(word("_.:-", 128), parseEntityId),
  fc.tuple(device, counter).map(([owner, number]) => temporaryId(owner, number)),
);
export const stamp = fc.tuple(fc.nat(2 ** 48 - 1), fc.nat(0xffff)).map(([millis, ticks]) => makeStamp(millis, ticks));

const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  text,
  fc.integer(),
  fc.maxSafeInteger(),
  // Negative zero is zero in both encodings.
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
);
const key = text.filter((candidate) => candidate !== "__proto__");
function dictionary<Value>(
  value: fc.Arbitrary<Value>,
  keys: fc.Arbitrary<string> = key,
): fc.Arbitrary<Record<string, Value>> {
  return fc.dictionary(keys, value, { maxKeys: 4, noNullPrototype: true });
}
export const json: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }),
    dictionary(tie("value")),
  ),
})).value;

const values = fc.array(json, { maxLength: 6 });
const where: fc.Arbitrary<Filter> = dictionary(fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)), name);
const moment = fc.oneof(fc.constant(0), fc.nat(2 ** 42));
const code: fc.Arbitrary<ErrorCode> = fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[]));
const outcome: fc.Arbitrary<Outcome> = fc.constantFrom("applied", "duplicate", "merged", "in-review", "rejected");
const subscriptionId = fc.nat(1_000_000_000);

/** An object some of whose members may be missing. Never present and `undefined`: no encoding can tell that. */
function partial<Members extends object>(
  members: { readonly [Key in keyof Members]: fc.Arbitrary<Members[Key]> },
  required: ReadonlyArray<keyof Members>,
): fc.Arbitrary<Members> {
  return fc.record(members, { requiredKeys: [...required], noNullPrototype: true }) as fc.Arbitrary<Members>;
}
function whole<Members extends object>(members: {
  readonly [Key in keyof Members]: fc.Arbitrary<Members[Key]>;
}): fc.Arbitrary<Members> {
  return fc.record(members, { noNullPrototype: true }) as fc.Arbitrary<Members>;
}

const subscription = {
  id: subscriptionId,
  collection: name,
  where,
  key: fc.option(text),
};
const contender: fc.Arbitrary<Contender> = whole({
  device,
  counter,
  user: fc.option(user),
  offset,
  seen: fc.option(offset),
  stamp,
  value: json,
});
export const decision: fc.Arbitrary<Decision> = partial<Decision>(
  {
    field: fc.option(name),
    policy: fc.constantFrom("lww", "set", "resolve/greatest", "review", "delete-wins"),
    policyVersion: fc.integer({ min: 1, max: 100 }),
    winner: fc.constantFrom("current", "incoming", "merged", "review"),
    value: json,
    reason: text,
    base: json,
    current: contender,
    incoming: contender,
  },
  ["field", "policy", "policyVersion", "winner", "value", "reason", "current", "incoming"],
);
const mutationRow: fc.Arbitrary<MutationRow> = fc.tuple(
  counter,
  fc.constantFrom(...OPERATIONS),
  name,
  entity,
  dictionary(json),
  offset,
  stamp,
  fc.nat(499),
);
const resultDetail: fc.Arbitrary<ResultDetail> = partial<ResultDetail>(
  { entity, code, message: text, conflicts: fc.array(decision, { maxLength: 2 }), original: outcome },
  [],
);
const resultRow: fc.Arbitrary<ResultRow> = fc.oneof(
  fc.tuple(counter, outcome, offset),
  fc.tuple(counter, outcome, offset, resultDetail),
);
const entityRow: fc.Arbitrary<EntityRow> = fc.tuple(entity, offset, values);
const patch = fc.array(fc.tuple(fc.nat(255), json), { maxLength: 4 }).map((pairs) => pairs.flat());
const changeRow: fc.Arbitrary<ChangeRow> = fc.oneof(
  fc.tuple(fc.constant<0>(0), name, entity, offset, values),
  fc.tuple(fc.constant<1>(1), name, entity, offset, patch),
  fc.tuple(fc.constantFrom<2 | 3>(2, 3), name, entity, offset),
);
const memberRow: fc.Arbitrary<MemberRow> = fc.tuple(session, device, user, offset, json);

type Of<Message extends { readonly type: string }, Type> = Extract<Message, { readonly type: Type }>;
type Arbitraries<Message extends { readonly type: string }> = {
  readonly [Type in Message["type"]]: fc.Arbitrary<Of<Message, Type>>;
};

const nonce = offset;

/** One arbitrary per type: a new message does not compile until it has one. */
export const clientMessages: Arbitraries<ClientMessage> = {
  hello: whole<Of<ClientMessage, "hello">>({
    type: fc.constant("hello"),
    protocol: fc.tuple(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: 10_000 })),
    schema: whole({ version: counter, hash: fc.string({ maxLength: 64 }) }),
    sdk: text,
    device,
    token: text,
    epoch: fc.option(epoch),
    checkpoint: offset,
    decided: offset,
    subscriptions: fc.array(whole<SubscriptionRequest>(subscription), { maxLength: 3 }),
  }),
  auth: whole<Of<ClientMessage, "auth">>({ type: fc.constant("auth"), token: text }),
  subscribe: whole<Of<ClientMessage, "subscribe">>({ type: fc.constant("subscribe"), ...subscription }),
  unsubscribe: whole<Of<ClientMessage, "unsubscribe">>({ type: fc.constant("unsubscribe"), id: subscriptionId }),
  push: whole<Of<ClientMessage, "push">>({
    type: fc.constant("push"),
    mutations: fc.array(mutationRow, { maxLength: 4 }),
  }),
  ack: whole<Of<ClientMessage, "ack">>({ type: fc.constant("ack"), offset }),
  presence: whole<Of<ClientMessage, "presence">>({
    type: fc.constant("presence"),
    room,
    action: fc.constantFrom("join", "update", "leave"),
    clock: offset,
    state: json,
  }),
  ping: whole<Of<ClientMessage, "ping">>({ type: fc.constant("ping"), nonce }),
  pong: whole<Of<ClientMessage, "pong">>({ type: fc.constant("pong"), nonce }),
};

export const serverMessages: Arbitraries<ServerMessage> = {
  "welcome": whole<Of<ServerMessage, "welcome">>({
    type: fc.constant("welcome"),
    protocol: fc.integer({ min: 1, max: 10_000 }),
    session,
    user,
    epoch,
    head: offset,
    time: moment,
    columns: dictionary(fc.array(name, { maxLength: 5 }), name),
    decided: offset,
    whole: fc.array(subscriptionId, { maxLength: 4 }),
    results: fc.array(resultRow, { maxLength: 3 }),
    expires: fc.option(moment),
    limits: whole({ frameBytes: counter, pushMutations: counter, idleMs: counter }),
    upgrade: fc.option(whole({ message: text, url: fc.webUrl() })),
  }),
  "unsubscribed": whole<Of<ServerMessage, "unsubscribed">>({
    type: fc.constant("unsubscribed"),
    subscription: subscriptionId,
  }),
  "push-result": whole<Of<ServerMessage, "push-result">>({
    type: fc.constant("push-result"),
    results: fc.array(resultRow, { maxLength: 4 }),
  }),
  "resync": whole<Of<ServerMessage, "resync">>({
    type: fc.constant("resync"),
    reason: fc.constantFrom("epoch-changed", "checkpoint-expired", "version-invalid"),
    epoch,
  }),
  "snapshot": whole<Of<ServerMessage, "snapshot">>({
    type: fc.constant("snapshot"),
    subscription: subscriptionId,
    collection: name,
    offset,
    key: text,
  }),
  "rows": whole<Of<ServerMessage, "rows">>({
    type: fc.constant("rows"),
    collection: name,
    offset,
    rows: fc.array(entityRow, { maxLength: 5 }),
  }),
  "snapshot-end": whole<Of<ServerMessage, "snapshot-end">>({
    type: fc.constant("snapshot-end"),
    subscription: subscriptionId,
    offset,
  }),
  "delta": partial<Of<ServerMessage, "delta">>(
    {
      type: fc.constant("delta"),
      from: offset,
      to: offset,
      subscription: subscriptionId,
      time: moment,
      changes: fc.array(changeRow, { maxLength: 5 }),
    },
    ["type", "from", "to", "time", "changes"],
  ),
  "presence": whole<Of<ServerMessage, "presence">>({
    type: fc.constant("presence"),
    room,
    whole: fc.boolean(),
    members: fc.array(memberRow, { maxLength: 3 }),
  }),
  "ping": whole<Of<ServerMessage, "ping">>({ type: fc.constant("ping"), nonce }),
  "pong": whole<Of<ServerMessage, "pong">>({ type: fc.constant("pong"), nonce }),
  "auth": whole<Of<ServerMessage, "auth">>({ type: fc.constant("auth"), expires: fc.option(moment) }),
  "goaway": whole<Of<ServerMessage, "goaway">>({ type: fc.constant("goaway"), reason: code, retryAfterMs: moment }),
  "refusal": partial<Of<ServerMessage, "refusal">>(
    {
      type: fc.constant("refusal"),
      code,
      message: text,
      fatal: fc.boolean(),
      retryAfterMs: moment,
      about: partial({ subscription: subscriptionId, counter, room }, []),
      url: fc.webUrl(),
    },
    ["type", "code", "message", "fatal"],
  ),
};

export const clientMessage: fc.Arbitrary<ClientMessage> = fc.oneof(...Object.values(clientMessages));
export const serverMessage: fc.Arbitrary<ServerMessage> = fc.oneof(...Object.values(serverMessages));
