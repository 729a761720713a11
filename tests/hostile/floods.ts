/**
 * Too much of everything, against a server with tight limits of its own.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { assertAnswered, fatalCode } from "./attack.ts";
import { Target } from "./target.ts";
import { clientFrame, codeOf, dial, type RawPeer, request, requestBytes } from "./wire.ts";
import { tokenOf } from "./world.ts";

export function attackWithFloods(target: Target): void {
  describe("floods", () => {
    const LIMITS = {
      helloTimeoutMs: 500,
      maxUnauthenticated: 40,
      maxSessionsPerUser: 20,
      messagesPerSecond: 100,
      mutationsPerSecond: 200,
      mutationBurst: 400,
      maxPendingMutations: 2000,
    };
    let tight: Target;

    before(async () => {
      tight = await Target.start(LIMITS);
    });
    after(() => tight.close());

    test("of messages are slowed down, then ended", async () => {
      const floods: Record<string, (round: number) => unknown> = {
        ping: (nonce) => ({ type: "ping", nonce }),
        presence: (clock) => ({ type: "presence", room: "board", action: "join", clock, state: { clock } }),
        rooms: (clock) => ({ type: "presence", room: `room-${clock}`, action: "join", clock, state: {} }),
        subscribe: (id) => ({ type: "subscribe", id, collection: "tasks", where: {}, key: null }),
        auth: () => ({ type: "auth", token: tight.token }),
        push: (counter) => ({
          type: "push",
          mutations: [[counter + 1, "delete", "tasks", `none-${counter}`, {}, 0, "01a204038edc0000", 0]],
        }),
      };
      for (const [name, message] of Object.entries(floods)) {
        const peer = await tight.join();
        for (let round = 0; round < 3000; round++) peer.say(message(round));
        assert.match((await peer.end()).reason, /^(rate-limited|counter-gap)$/, name);
        assert.ok(
          peer.messages.some((answer) => answer.type === "refusal" && answer.code === "rate-limited"),
          name,
        );
      }
      await tight.assertWell();
    });

    test("of subscriptions and rooms stop at their bound, and the session goes on", async () => {
      const subscriptions = Array.from({ length: 64 }, (_, id) => ({ id, collection: "tasks", where: {}, key: null }));
      const peer = await tight.join({ subscriptions });
      peer.say({ type: "subscribe", id: 64, collection: "tasks", where: {}, key: null });
      assert.equal((await peer.next("refusal"))?.code, "too-many-subscriptions");
      for (let clock = 1; clock <= 17; clock++)
        peer.say({ type: "presence", room: `room-${clock}`, action: "join", clock, state: {} });
      assert.equal((await peer.next("refusal"))?.code, "too-many-rooms");
      peer.say({ type: "presence", room: "room-1", action: "update", clock: 99, state: "x".repeat(5000) });
      assert.equal((await peer.next("refusal"))?.code, "presence-too-large");
      await peer.settled();
      assert.equal(peer.ended, null);
      peer.leave();
      await tight.assertWell();
    });

    test("of sessions stop at the user's bound", async () => {
      const peers: RawPeer[] = [];
      for (let count = 0; count < 20; count++) peers.push(await tight.join());
      const late = await dial(tight);
      late.say(tight.hello());
      assert.equal(await fatalCode(late), "too-many-connections");
      await tight.assertWell();
      for (const peer of peers) peer.leave();
    });

    test("of sockets that say nothing, or dribble, are ended in time; those beyond the bound at once", async () => {
      const peers = await Promise.all(Array.from({ length: 300 }, () => dial(tight)));
      const refused = peers.filter((peer) => peer.refused !== null);
      for (const peer of refused) if (peer.refused !== null) assert.equal(codeOf(peer.refused), "too-many-connections");
      const accepted = peers.filter((peer) => peer.refused === null);
      assert.ok(accepted.length <= 40 && refused.length >= 200, `${accepted.length} of 300 were let in`);
      const slow = clientFrame(0x1, Buffer.from(JSON.stringify(tight.hello())));
      for (const [index, peer] of accepted.entries()) if (index % 2 === 0) peer.socket.write(slow.subarray(0, 20));
      for (const peer of accepted) assert.equal(await fatalCode(peer), "hello-timeout");
      await tight.assertWell();
    });

    test("of bodies that never end keep nobody else out", async () => {
      const { token } = target;
      const headers = { "Content-Type": "application/json", "Content-Length": "1000" };
      const held = Array.from({ length: 300 }, () => {
        const socket = connect(target.port, "127.0.0.1");
        socket.on("error", () => {});
        socket.write(requestBytes("POST", "/sync/reconcile", { token, headers }));
        return socket;
      });
      try {
        const body = JSON.stringify({ device_id: "slow", mutations: [] });
        let code = "";
        for (let tries = 0; tries < 500 && code !== "overloaded"; tries++) {
          const answer = await request(target, "POST", "/sync/reconcile", { token, body });
          code = answer.status === 200 ? "" : codeOf(answer);
        }
        assert.equal(code, "overloaded", "the user's own requests");
        const bea = await tokenOf({ tenant: "acme", user: "bea" });
        const hers = { token: bea, body: body.replace("slow", "bea-http") };
        const answer = await request(target, "POST", "/sync/reconcile", hers);
        assert.equal(answer.status, 200, "another user's request");
      } finally {
        for (const socket of held) socket.destroy();
      }
      await target.assertWell();
    });

    test("of mutations beyond what the disk takes are answered with overload, and none is half done", async () => {
      const body = JSON.stringify({
        device_id: tight.newDevice(),
        mutations: Array.from({ length: 1000 }, (_, index) => ({
          temp_id: `m${index}`,
          collection: "notes",
          operation: "create",
          payload: { text: "x" },
        })),
      });
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => request(tight, "POST", "/sync/reconcile", { token: tight.token, body })),
      );
      for (const answer of answers) {
        if (answer.status === 200) assertAnswered(answer.body, body);
        else assert.match(codeOf(answer), /^(rate-limited|overloaded)$/);
      }
      await tight.assertWell();
    });
  });
}
