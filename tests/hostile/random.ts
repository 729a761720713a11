/**
 * Random bytes, damaged messages and nonsense, from a seed.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeCbor, type JsonValue, seededRandom, type ServerMessage } from "@tidelock/core";
import { assertAnswered, everything, messages } from "./attack.ts";
import { damaged, oneOf, randomBytes, WHOLE_TEXTS } from "./nasty.ts";
import type { Target } from "./target.ts";
import { clientFrame, codeOf, dial, request, requestBytes, speak } from "./wire.ts";

export function attackAtRandom(target: Target): void {
  describe("random input, from a seed", () => {
    test("10,000 damaged frames in both encodings, before and after the hello", async () => {
      const random = seededRandom(1);
      const kinds = Object.keys(messages(target));
      let sent = 0;
      while (sent < 10_000) {
        const isBinary = random.below(2) === 0;
        const protocol = isBinary ? "tidelock.cbor" : "tidelock.json";
        const encode = (message: unknown): Buffer =>
          isBinary ? Buffer.from(encodeCbor(message as JsonValue)) : Buffer.from(JSON.stringify(message));
        const peer = await dial(target, { protocol });
        if (random.below(4) > 0) peer.frame(isBinary ? 0x2 : 0x1, encode(target.hello({ device: "mallory-fuzz" })));
        const frames: Buffer[] = [];
        for (let count = 0; count < 25; count++) {
          const sample = messages(target)[oneOf(random, kinds)];
          const bytes =
            random.below(4) === 0 ? randomBytes(random, random.below(200)) : damaged(random, encode(sample));
          frames.push(clientFrame(isBinary ? 0x2 : 0x1, bytes));
        }
        peer.socket.write(Buffer.concat(frames));
        peer.frame(isBinary ? 0x2 : 0x1, encode({ type: "hello" }));
        const { code, reason } = await peer.end();
        assert.ok(reason !== "" || [1002, 1007, 1009].includes(code), `ended with ${code} and no reason`);
        sent += frames.length;
      }
      await target.assertWell();
    });

    test("10,000 well-formed messages that mean nonsense", async () => {
      const random = seededRandom(2);
      const name = (): unknown => oneOf(random, ["tasks", "secrets", "notes", "broken", "nothing", "constructor"]);
      const number = (): number => oneOf(random, [0, 1, 2, 3, 7, 1000, Number.MAX_SAFE_INTEGER, random.below(500)]);
      const entity = (): string =>
        oneOf(random, ["task-of-ana", "task-of-olga", "ana-0", "olga-0", `e${random.below(50)}`, "tmp:x:1"]);
      const value = (): unknown => JSON.parse(oneOf(random, WHOLE_TEXTS));
      const filter = (depth = 0): unknown => {
        const kind = random.below(depth > 4 ? 3 : 6);
        if (kind === 3) return { and: [filter(depth + 1), filter(depth + 1)] };
        if (kind === 4) return { or: Array.from({ length: random.below(4) }, () => filter(depth + 1)) };
        if (kind === 5) return { not: filter(depth + 1) };
        const field = oneOf(random, ["title", "owner", "id", "done", "nothing", "toString"]);
        return {
          [field]: kind === 0 ? value() : { [oneOf(random, ["eq", "ne", "in", "gt", "lte", "like"])]: value() },
        };
      };
      /** Every second one could be somebody's honest work. */
      const mutation = (counter: number): unknown[] =>
        random.below(2) === 0
          ? [
              counter,
              oneOf(random, ["create", "update", "update", "delete"]),
              "tasks",
              `e${random.below(50)}`,
              { title: `title ${random.below(3)}` },
              oneOf(random, [0, 1, 5]),
              "01a204038edc0000",
              0,
            ]
          : [
              counter,
              oneOf(random, ["create", "update", "delete"]),
              name(),
              entity(),
              { [oneOf(random, ["title", "text", "owner", "more", "parent", "kind", "done", "x"])]: value() },
              oneOf(random, [0, 1, 5, Number.MAX_SAFE_INTEGER]),
              oneOf(random, ["0000000000000000", "01a204038edc0000", "ffffffffffffffff"]),
              oneOf(random, [0, 0, 0, 1, 499]),
            ];
      const nonsense: ReadonlyArray<(counter: number) => unknown> = [
        () => ({
          type: "subscribe",
          id: random.below(80),
          collection: name(),
          where: filter(),
          key: oneOf(random, [null, "*", "x"]),
        }),
        () => ({ type: "unsubscribe", id: random.below(80) }),
        () => ({ type: "ack", offset: number() }),
        () => ({
          type: "presence",
          room: oneOf(random, ["board", "closed", `r${random.below(60)}`, `r${random.below(60)}`]),
          action: oneOf(random, ["join", "join", "update", "leave"]),
          clock: number(),
          state: value(),
        }),
        (counter) => ({ type: "push", mutations: [mutation(counter)] }),
        () => ({ type: "auth", token: oneOf(random, ["x", target.token]) }),
      ];
      let sent = 0;
      const outcomes = new Map<string, number>();
      const refusals = new Map<string, number>();
      while (sent < 10_000) {
        const peer = await target.join({ device: target.newDevice(), subscriptions: everything(null) });
        let counter = 0;
        const answers: ServerMessage[] = [];
        for (let round = 0; round < 10; round++) {
          for (let count = 0; count < 100; count++) {
            const text = JSON.stringify(oneOf(random, nonsense)(counter + 1));
            if (text.startsWith('{"type":"push"')) counter += 1;
            peer.say(text);
            sent += 1;
          }
          answers.push(...(await peer.settled(round)));
        }
        const results = answers.flatMap((answer) => (answer.type === "push-result" ? answer.results : []));
        const all = [...results, ...(await peer.decided(counter - results.length))];
        assert.equal(peer.ended, null, "nonsense is refused piece by piece");
        assert.deepEqual(
          all.map(([number]) => number),
          Array.from({ length: counter }, (_, index) => index + 1),
          "every mutation is decided, in order",
        );
        for (const [, outcome, , detail] of all) count(outcomes, detail?.code ?? outcome);
        for (const answer of answers) if (answer.type === "refusal") count(refusals, answer.code);
        peer.leave();
      }
      const kinds = [...outcomes.keys(), ...refusals.keys()];
      for (const kind of EXPECTED_KINDS) assert.ok(kinds.includes(kind), `no ${kind} among ${kinds.join(", ")}`);
      await target.assertWell();
    });

    test("1,000 damaged requests", async () => {
      const random = seededRandom(3);
      const whole = JSON.stringify({
        device_id: "mallory-fuzz-http",
        last_ack_version: null,
        mutations: [
          { temp_id: "f1", collection: "notes", operation: "create", payload: { text: "x" }, version: "a.1~b:2" },
          { temp_id: "f2", collection: "notes", operation: "update", entity_id: "f1", payload: { kind: "loud" } },
        ],
      });
      for (let count = 0; count < 1000; count++) {
        const body = damaged(random, Buffer.from(whole));
        const answer = await request(target, "POST", "/sync/reconcile", { token: target.token, body });
        if (answer.status === 200) assertAnswered(answer.body, body.toString());
        else codeOf(answer);
      }
      const head = requestBytes("GET", "/sync/events?device=mallory-fuzz", { token: target.token });
      for (let count = 0; count < 500; count++) {
        const answer = await speak(
          target,
          Buffer.concat([damaged(random, head), Buffer.from("\r\n\r\n\r\n\r\n")]),
          (received) => received.includes("\n\n") || received.includes("\r\n\r\n"),
        );
        assert.ok(answer.status === 0 || answer.status === 200 || answer.status >= 400, String(answer.status));
      }
      await target.assertWell();
    });
  });
}

/** What nonsense comes to, at least: the loop would prove nothing if all of it met the same refusal. */
const EXPECTED_KINDS = [
  "applied",
  "merged",
  "unknown-collection",
  "unknown-field",
  "invalid-value",
  "invalid-id",
  "entity-exists",
  "entity-not-found",
  "entity-deleted",
  "forbidden",
  "rule-failed",
  "transaction-broken",
  "version-invalid",
  "invalid-filter",
  "invalid-message",
  "token-invalid",
  "too-many-rooms",
];

function count(counts: Map<string, number>, kind: string): void {
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}
