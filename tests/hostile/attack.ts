/**
 * What several kinds of attack need: samples of what a device says, and a look at how the server took it.
 */
import assert from "node:assert/strict";
import type { Target } from "./target.ts";
import { codeOf, listen, type RawPeer } from "./wire.ts";

export const task = (counter: number, entity: string, title: string = "from Mallory"): unknown[] => [
  counter,
  "create",
  "tasks",
  entity,
  { title },
  0,
  "01a204038edc0000",
  0,
];

/** One of each message of a device, as it should be. */
export function messages(target: Target): Record<string, Record<string, unknown>> {
  const { type: _type, ...hello } = target.hello();
  return {
    hello: {
      type: "hello",
      ...hello,
      subscriptions: [{ id: 1, collection: "tasks", where: { done: false }, key: null }],
    },
    auth: { type: "auth", token: target.token },
    subscribe: { type: "subscribe", id: 7, collection: "tasks", where: { title: { in: ["a", "b"] } }, key: null },
    unsubscribe: { type: "unsubscribe", id: 7 },
    push: { type: "push", mutations: [task(1, `t-${target.newDevice()}`)] },
    ack: { type: "ack", offset: 1 },
    presence: { type: "presence", room: "lobby", action: "join", clock: 1, state: { cursor: [1, 2] } },
    ping: { type: "ping", nonce: 1 },
    pong: { type: "pong", nonce: 1 },
  };
}

/** The code with which a session was ended. */
export async function fatalCode(peer: RawPeer): Promise<string> {
  const { code, reason } = await peer.end();
  if (code === 1009 && reason === "") return "frame-too-large";
  const refusal = peer.messages.find((message) => message.type === "refusal" || message.type === "goaway");
  assert.ok(refusal !== undefined || reason !== "", "the session ended without a word");
  return refusal?.type === "refusal" ? refusal.code : reason;
}

/** Each mutation of the request is decided: applied, or rejected with a code and a message of bounded length. */
export function assertAnswered(body: string, asked: string): void {
  const { applied, rejected } = JSON.parse(body) as Record<"applied" | "rejected", Array<{ message?: string }>>;
  const mutations = (JSON.parse(asked) as { mutations: unknown[] }).mutations.length;
  assert.equal(applied.length + rejected.length, mutations, asked.slice(0, 200));
  for (const { message = "" } of rejected)
    assert.ok(message.length <= 4000, `a message of ${message.length} characters`);
}

/** Opens a stream of server-sent events and leaves it: the code of the error, or that of what the stream said first. */
export async function openStream(target: Target, query: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await listen(target, query, { token: target.token, headers });
  if (answer.status !== 200) return codeOf(answer);
  const said = /event: (welcome|goaway|refusal)\n[^]*?data: (\{.*\})/.exec(answer.body);
  assert.ok(said !== null, `a stream that said nothing: ${answer.body.slice(0, 300)}`);
  const { code, reason } = JSON.parse(said[2] ?? "") as { code?: string; reason?: string };
  return code ?? reason ?? "welcome";
}

export function everything(key: string | null): unknown[] {
  return ["tasks", "secrets", "letters", "notes"].map((collection, id) => ({ id, collection, where: {}, key }));
}

/** Everything that there is to hear of conflicts. */
export function everythingNow(): unknown[] {
  const collections = [
    "tasks",
    "boards",
    "cases",
    "drafts",
    "vaults",
    "trials",
    "ruled",
    "secrets",
    "tidelock.reviews",
  ];
  return collections.map((collection, id) => ({ id, collection, where: {}, key: null }));
}
