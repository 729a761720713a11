/** Examples of every message, and frames that are refused. The texts tell one story: two people and a list of tasks. */
import {
  cborCodec,
  type ClientMessage,
  type Codec,
  jsonCodec,
  MAX_FRAME_BYTES,
  MAX_FRAME_DEPTH,
  parseClientMessage,
  parseServerMessage,
  type Parsed,
  type ServerMessage,
} from "@tidelock/core";

const TASK = "018f3c2e-7b1a-7c3d-9e4f-0123456789ab";
const STAMP = "018f3c2e7b1a0000";
const LATER = "018f3c2e7b1a0001";
const TIME = 1_715_003_456_789;

const current = {
  device: "phone",
  counter: 6,
  user: "ana",
  offset: 4711,
  seen: null,
  stamp: LATER,
  value: "Paint the fence",
};
const incoming = {
  device: "laptop",
  counter: 12,
  user: "bo",
  offset: 4714,
  seen: 4700,
  stamp: STAMP,
  value: "Paint the fence, green",
};
const decision = {
  field: "title",
  policy: "lww",
  policyVersion: 1,
  winner: "current",
  value: "Paint the fence",
  reason: "the write of device phone is later",
  current,
  incoming,
};

const fromClient: ReadonlyArray<readonly [string, unknown]> = [
  [
    "a new device",
    {
      type: "hello",
      protocol: [1, 1],
      schema: { version: 1, hash: "21vbshzi8mz" },
      sdk: "tidelock-js/0.1.0 node",
      device: "laptop",
      token: "header.payload.signature",
      epoch: null,
      checkpoint: 0,
      decided: 0,
      subscriptions: [{ id: 1, collection: "tasks", where: {}, key: null }],
    },
  ],
  [
    "a device that comes back",
    {
      type: "hello",
      protocol: [1, 2],
      schema: { version: 3, hash: "21vbshzi8mz" },
      sdk: "tidelock-js/0.1.0 browser",
      device: "phone.ana-2",
      token: "header.payload.signature",
      epoch: "e1",
      checkpoint: 4711,
      decided: 11,
      subscriptions: [
        { id: 1, collection: "tasks", where: { done: false, or: [{ owner: "ana" }, { owner: null }] }, key: "k1" },
        { id: 2, collection: "people", where: { id: { in: ["ana", "bob"] } }, key: null },
      ],
    },
  ],
  ["a fresh token", { type: "auth", token: "header.payload.signature" }],
  ["everything open", { type: "subscribe", id: 3, collection: "tasks", where: { done: { ne: true } }, key: null }],
  ["no longer", { type: "unsubscribe", id: 3 }],
  [
    "a create and an update in one transaction, then a delete",
    {
      type: "push",
      mutations: [
        [12, "create", "tasks", "tmp:laptop:c", { title: "Größe 漢字 😀", done: false, priority: 1.5 }, 4711, STAMP, 1],
        [13, "update", "tasks", TASK, { done: true, extra: { tags: ["a", null], n: -1 } }, 4711, LATER, 0],
        [14, "delete", "tasks", TASK, {}, 4712, LATER, 0],
      ],
    },
  ],
  ["integrated up to", { type: "ack", offset: 9_007_199_254_740_991 }],
  ["enter a room", { type: "presence", room: "board:7", action: "join", clock: 0, state: null }],
  ["move a cursor", { type: "presence", room: "board:7", action: "update", clock: 41, state: { x: 0.1, y: 720 } }],
  ["leave a room", { type: "presence", room: "board:7", action: "leave", clock: 42, state: null }],
  ["are you there", { type: "ping", nonce: 5 }],
  ["here I am", { type: "pong", nonce: 5 }],
];

const fromServer: ReadonlyArray<readonly [string, unknown]> = [
  [
    "to a new device",
    {
      type: "welcome",
      protocol: 1,
      session: "s1",
      user: "ana@example.org",
      epoch: "e1",
      head: 4711,
      time: TIME,
      columns: { tasks: ["title", "done", "priority"], people: ["name"] },
      decided: 0,
      whole: [],
      results: [],
      expires: null,
      limits: { frameBytes: 4_194_304, pushMutations: 1000, idleMs: 12_000 },
      upgrade: null,
    },
  ],
  [
    "with results that were lost, and an upgrade",
    {
      type: "welcome",
      protocol: 1,
      session: "s2",
      user: "ana@example.org",
      epoch: "e1",
      head: 4712,
      time: TIME,
      columns: {},
      decided: 12,
      whole: [1],
      results: [[12, "applied", 4712, { entity: TASK }]],
      expires: TIME + 3_600_000,
      limits: { frameBytes: 4_194_304, pushMutations: 1000, idleMs: 12_000 },
      upgrade: { message: "There is a new version.", url: "https://example.org/download" },
    },
  ],
  [
    "one of each outcome",
    {
      type: "push-result",
      results: [
        [12, "applied", 4712],
        [13, "duplicate", 4713, { original: "merged" }],
        [14, "merged", 4714, { conflicts: [decision] }],
        [15, "in-review", 4715],
        [16, "rejected", 0, { code: "entity-deleted", message: "The entity has been deleted." }],
      ],
    },
  ],
  ["after a restore", { type: "resync", reason: "epoch-changed", epoch: "e2" }],
  ["rows follow", { type: "snapshot", subscription: 1, collection: "tasks", offset: 4711, key: '{"done":false}' }],
  [
    "two rows",
    {
      type: "rows",
      collection: "tasks",
      offset: 4711,
      rows: [
        [TASK, 17, ["Paint the fence", false, 2]],
        ["t2", 4711, ["", true]],
      ],
    },
  ],
  ["no rows", { type: "rows", collection: "tasks", offset: 0, rows: [] }],
  ["that was all", { type: "snapshot-end", subscription: 1, offset: 4712 }],
  ["that subscription has ended", { type: "unsubscribed", subscription: 1 }],
  [
    "one of each kind of change",
    {
      type: "delta",
      from: 4711,
      to: 4715,
      time: TIME,
      changes: [
        [0, "tasks", TASK, 4712, ["Größe 漢字 😀", false, 1.5]],
        [1, "tasks", "t2", 4713, [1, true, 2, { tags: ["a", null], n: -1 }]],
        [2, "tasks", "t3", 4714],
        [3, "people", "bob", 4715],
      ],
    },
  ],
  ["for one subscription", { type: "delta", from: 4711, to: 4712, subscription: 1, time: TIME, changes: [] }],
  [
    "everyone in the room",
    {
      type: "presence",
      room: "board:7",
      whole: true,
      members: [
        ["s1", "laptop", "ana@example.org", 41, { x: 0.1, y: 720 }],
        ["s2", "phone", "漢字", 0, null],
      ],
    },
  ],
  [
    "somebody has gone",
    { type: "presence", room: "board:7", whole: false, members: [["s2", "phone", "漢字", 7, null]] },
  ],
  ["are you there", { type: "ping", nonce: 0 }],
  ["here I am", { type: "pong", nonce: 0 }],
  ["accepted until", { type: "auth", expires: TIME }],
  ["accepted for good", { type: "auth", expires: null }],
  ["draining", { type: "goaway", reason: "shutting-down", retryAfterMs: 1500 }],
  [
    "upgrade",
    {
      type: "refusal",
      code: "upgrade-required",
      message: "This client is too old.",
      fatal: true,
      url: "https://example.org/download",
    },
  ],
  [
    "a push that came too soon",
    { type: "refusal", code: "rate-limited", message: "", fatal: false, retryAfterMs: 250, about: { counter: 12 } },
  ],
  ["a room", { type: "refusal", code: "forbidden", message: "No.", fatal: false, about: { room: "board:8" } }],
  ["a filter", { type: "refusal", code: "invalid-filter", message: "No.", fatal: false, about: { subscription: 3 } }],
];

const row = (part: string): string => `{"type":"push","mutations":[${part}]}`;
const refusedFromClient: ReadonlyArray<readonly [string, string]> = [
  ["nothing", ""],
  ["not JSON", "{type:ping}"],
  ["cut off", '{"type":"ping","nonce":1'],
  ["two values", '{"type":"ping","nonce":1}1'],
  [
    "nested too deeply",
    `{"type":"ping","nonce":1,"more":${"[".repeat(MAX_FRAME_DEPTH)}${"]".repeat(MAX_FRAME_DEPTH)}}`,
  ],
  ["not an object", "[]"],
  ["no type", "{}"],
  ["an unknown type", '{"type":"rows"}'],
  ["a member is missing", '{"type":"ping"}'],
  ["a member is null", '{"type":"ping","nonce":null}'],
  ["a fraction", '{"type":"ack","offset":1.5}'],
  ["a negative offset", '{"type":"ack","offset":-1}'],
  ["beyond 2^53 - 1", '{"type":"ack","offset":9007199254740992}'],
  ["too much for a double", '{"type":"presence","room":"r","action":"join","clock":0,"state":1e999}'],
  ["a lone surrogate", '{"type":"auth","token":"\\ud800"}'],
  ["a member called __proto__", '{"type":"ping","nonce":1,"__proto__":{}}'],
  ["a field called __proto__", row(`[1,"create","c","e",{"__proto__":1},0,"${STAMP}",0]`)],
  ["an operation in capitals", row(`[1,"Create","c","e",{},0,"${STAMP}",0]`)],
  ["a mutation that is too short", row(`[1,"create","c","e",{},0,"${STAMP}"]`)],
  ["a mutation that is too long", row(`[1,"create","c","e",{},0,"${STAMP}",0,0]`)],
  ["a counter of 0", row(`[0,"create","c","e",{},0,"${STAMP}",0]`)],
  ["an entity with a slash", row(`[1,"create","c","a/b",{},0,"${STAMP}",0]`)],
  ["a stamp in capitals", row(`[1,"create","c","e",{},0,"${STAMP.toUpperCase()}",0]`)],
  ["a transaction that is too long", row(`[1,"create","c","e",{},0,"${STAMP}",500]`)],
];
const refusedFromServer: ReadonlyArray<readonly [string, string]> = [
  ["an unknown type", '{"type":"push","mutations":[]}'],
  ["rows that are no list", '{"type":"rows","collection":"c","offset":1,"rows":{}}'],
  ["a row without values", '{"type":"rows","collection":"c","offset":1,"rows":[["e",1]]}'],
  ["a change of an unknown kind", '{"type":"delta","from":1,"to":2,"time":0,"changes":[[4,"c","e",2]]}'],
  ["a change without offset", '{"type":"delta","from":1,"to":2,"time":0,"changes":[[2,"c","e"]]}'],
];

export function messageVectors(): object {
  return {
    about:
      "One frame per message: `json` as text, `cbor` in hexadecimal. Both decode to the same message; CBOR is deterministic.",
    client: fromClient.map(([name, message]) => frame(name, parsed(parseClientMessage(message)))),
    server: fromServer.map(([name, message]) => frame(name, parsed(parseServerMessage(message)))),
    refused: [
      ...refusedFromClient.map(([name, json]) => refusal("client", name, json, jsonCodec.decodeClient)),
      ...refusedFromServer.map(([name, json]) => refusal("server", name, json, jsonCodec.decodeServer)),
    ],
  };
}

function parsed<Message>(result: Parsed<Message>): Message {
  if (!result.ok) throw new Error(result.message);
  return result.message;
}

function frame(name: string, message: ClientMessage | ServerMessage): object {
  const bytes = cborCodec.encode(message);
  if (typeof bytes === "string") throw new Error("CBOR is bytes");
  return { type: message.type, name, json: jsonCodec.encode(message), cbor: Buffer.from(bytes).toString("hex") };
}

function refusal(
  from: "client" | "server",
  name: string,
  json: string,
  decode: Codec["decodeClient" | "decodeServer"],
): object {
  const result = decode(json, MAX_FRAME_BYTES);
  if (result.ok) throw new Error(`accepted: ${name}`);
  return { from, name, json, code: result.code };
}
