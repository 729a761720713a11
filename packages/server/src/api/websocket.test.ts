import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cborCodec, ERRORS, MAX_HELLO_BYTES, type ClientMessage } from "@tidelock/core";
import { ALL_TASKS, clientFrame, createTask, dial, dialRaw, hello, join, Peer, serve } from "./served.fixture.ts";

describe("a session over WebSocket", () => {
  test("two devices see each other's changes", async (t) => {
    const served = await serve(t);
    const ana = await join(t, served, { device: "d1", subscriptions: ALL_TASKS });
    const bob = await join(t, served, { device: "d2", token: "acme/bob", subscriptions: ALL_TASKS });
    await ana.next("snapshot-end");
    await bob.next("snapshot-end");
    ana.send({ type: "push", mutations: [createTask(1, "t1", "milk")] });
    const { results } = await ana.next("push-result");
    assert.deepEqual(results, [[1, "applied", 1]]);
    const { changes } = await bob.next("delta");
    assert.deepEqual(changes, [[0, "tasks", "t1", 1, ["milk", false]]]);
  });

  test("tenants do not see each other", async (t) => {
    const served = await serve(t);
    const ana = await join(t, served, { subscriptions: ALL_TASKS });
    const eve = await join(t, served, { token: "umbrella/eve", subscriptions: ALL_TASKS });
    await eve.next("snapshot-end");
    ana.send({ type: "push", mutations: [createTask(1, "t1", "secret")] });
    await ana.next("delta");
    eve.send({ type: "push", mutations: [createTask(1, "t9", "own")] });
    const { changes, from } = await eve.next("delta");
    assert.deepEqual([from, changes.length, changes[0]?.[2]], [0, 1, "t9"]);
  });

  test("without a subprotocol it speaks JSON, and with tidelock.cbor CBOR", async (t) => {
    const served = await serve(t);
    const plain = await dial(t, served, {}, []);
    assert.equal(plain.socket.protocol, "");
    plain.send(hello());
    await plain.next("welcome");

    const binary = new Peer(served.socketUrl, ["other", "tidelock.cbor", "tidelock.json"], {});
    t.after(() => binary.socket.terminate());
    binary.socket.removeAllListeners("message");
    const welcomed = new Promise<Buffer>((arrived) => binary.socket.on("message", (data) => arrived(data as Buffer)));
    await new Promise((open) => binary.socket.on("open", open));
    assert.equal(binary.socket.protocol, "tidelock.cbor");
    binary.socket.send(cborCodec.encode(hello({ device: "d2" }) as unknown as ClientMessage));
    const parsed = cborCodec.decodeServer(await welcomed, 1e6);
    assert.equal(parsed.ok && parsed.message.type, "welcome");
  });

  test("what is said in the same breath as the hello is heard after the welcome", async (t) => {
    const served = await serve(t);
    const peer = await dial(t, served);
    peer.send(hello({ subscriptions: ALL_TASKS }));
    peer.send({ type: "push", mutations: [createTask(1, "t1", "early")] });
    await peer.next("welcome");
    const { results } = await peer.next("push-result");
    assert.equal(results[0]?.[1], "applied");
  });

  test("what comes while the token is being verified waits, and none of it is lost", async (t) => {
    let verified: () => void = () => {};
    const held = new Promise<void>((resolve) => (verified = resolve));
    const served = await serve(t, {
      authenticate: async () => {
        await held;
        return { tenant: "acme", user: "ana" };
      },
    });
    const peer = await dial(t, served);
    peer.send(hello());
    for (let counter = 1; counter <= 100; counter++) {
      peer.send({ type: "push", mutations: [createTask(counter, `t${counter}`, "x".repeat(20_000))] });
    }
    verified();
    await peer.next("welcome");
    let decided = 0;
    while (decided < 100) decided += (await peer.next("push-result")).results.length;
  });

  test("a frame may be larger than a hello once the session is open", async (t) => {
    const served = await serve(t);
    const peer = await join(t, served);
    const mutations = Array.from({ length: 20 }, (_, index) => createTask(index + 1, `t${index}`, "x".repeat(10_000)));
    assert.ok(JSON.stringify(mutations).length > 2 * MAX_HELLO_BYTES);
    peer.send({ type: "push", mutations });
    let decided = 0;
    while (decided < 20) decided += (await peer.next("push-result")).results.length;
  });

  test("pings of the protocol are answered", async (t) => {
    const peer = await join(t, await serve(t));
    peer.send({ type: "ping", nonce: 7 });
    assert.equal((await peer.next("pong")).nonce, 7);
  });

  test("the newest session of a device takes over", async (t) => {
    const served = await serve(t);
    const first = await join(t, served);
    await join(t, served);
    assert.equal((await first.next("goaway")).reason, "session-replaced");
    assert.equal((await first.end()).reason, "session-replaced");
  });
});

describe("what is no message ends the session with a coded refusal", () => {
  const frames: ReadonlyArray<readonly [name: string, frame: string | Buffer, code: string]> = [
    ["no JSON", "hello?", "malformed-frame"],
    ["a lone bracket", "[", "malformed-frame"],
    ["a number", "7", "invalid-message"],
    ["null", "null", "invalid-message"],
    ["a list", "[]", "invalid-message"],
    ["no type", "{}", "invalid-message"],
    ["an unknown type", '{"type":"drop tables"}', "invalid-message"],
    ["__proto__ for a type", '{"type":"__proto__"}', "invalid-message"],
    ["a hello without members", '{"type":"hello"}', "invalid-message"],
    ["a nesting bomb", "[".repeat(50_000), "malformed-frame"],
    ["an object bomb", '{"a":'.repeat(10_000), "malformed-frame"],
    ["a binary frame", Buffer.from("{}"), "malformed-frame"],
    ["nothing", "", "malformed-frame"],
  ];
  for (const [name, frame, code] of frames) {
    test(`before the hello: ${name}`, async (t) => {
      const peer = await dial(t, await serve(t));
      peer.socket.send(frame);
      const refusal = await peer.next("refusal");
      assert.deepEqual([refusal.code, refusal.fatal], [code, true]);
      assert.equal((await peer.end()).reason, code);
    });

    test(`after the welcome: ${name}`, async (t) => {
      const peer = await join(t, await serve(t));
      peer.socket.send(frame);
      assert.equal((await peer.next("refusal")).code, code);
      assert.equal((await peer.end()).code, 1008);
    });
  }

  test("anything before the hello", async (t) => {
    const peer = await dial(t, await serve(t));
    peer.send({ type: "ping", nonce: 1 });
    assert.equal((await peer.next("refusal")).code, "hello-expected");
    await peer.end();
  });

  test("a second hello", async (t) => {
    const peer = await join(t, await serve(t));
    peer.send(hello());
    assert.equal((await peer.next("refusal")).code, "hello-expected");
    await peer.end();
  });

  test("other sessions do not notice", async (t) => {
    const served = await serve(t);
    const good = await join(t, served, { device: "good" });
    const bad = await join(t, served, { device: "bad" });
    bad.socket.send("}{");
    await bad.end();
    good.send({ type: "ping", nonce: 1 });
    await good.next("pong");
  });
});

describe("frames that break the WebSocket protocol", () => {
  const raw: ReadonlyArray<readonly [name: string, bytes: Buffer, closeCode: number]> = [
    ["unmasked", Buffer.from([0x81, 0x02, 0x7b, 0x7d]), 1002],
    ["reserved bits", Buffer.from([0xf1, 0x80, 0, 0, 0, 0]), 1002],
    ["an unknown opcode", Buffer.from([0x83, 0x80, 0, 0, 0, 0]), 1002],
    ["text that is not UTF-8", clientFrame(Buffer.from([0xff, 0xfe])), 1007],
    ["a hello that is too large", clientFrame("x".repeat(MAX_HELLO_BYTES + 1)), 1009],
    ["a length of exabytes", Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), 1009],
    ["a fragmented control frame", clientFrame("", 0x9, false), 1002],
    ["a continuation of nothing", clientFrame("x", 0x0), 1002],
  ];
  for (const [name, bytes, closeCode] of raw) {
    test(name, async (t) => {
      const served = await serve(t);
      const socket = await dialRaw(served);
      const answered = new Promise<Buffer>((arrived) => socket.once("data", arrived));
      socket.write(bytes);
      const frame = await answered;
      assert.deepEqual([frame[0], frame.readUInt16BE(2)], [0x88, closeCode]);
      await join(t, served);
    });
  }

  test("fragments add up to the limit before authentication", async (t) => {
    const socket = await dialRaw(await serve(t));
    const answered = new Promise<Buffer>((arrived) => socket.once("data", arrived));
    for (let index = 0; index < 9; index++)
      socket.write(clientFrame("x".repeat(8_000), index === 0 ? 0x1 : 0x0, false));
    assert.equal((await answered).readUInt16BE(2), 1009);
  });
});

describe("before authentication", () => {
  test("a socket that says nothing is closed at its deadline", async (t) => {
    const served = await serve(t, { limits: { helloTimeoutMs: 50 } });
    const peer = await dial(t, served);
    assert.equal((await peer.next("refusal")).code, "hello-timeout");
    assert.equal((await peer.end()).reason, "hello-timeout");
  });

  test("the deadline is absolute: bytes of an unfinished frame do not move it", async (t) => {
    const served = await serve(t, { limits: { helloTimeoutMs: 60 } });
    const socket = await dialRaw(served);
    const timer = setInterval(() => socket.write(Buffer.from([0x01, 0x80, 0, 0, 0, 0])), 5);
    t.after(() => clearInterval(timer));
    await new Promise((closed) => socket.on("data", closed));
  });

  test("a token that takes too long to verify counts as none", async (t) => {
    const never = (): Promise<never> => new Promise(() => {});
    const served = await serve(t, { limits: { helloTimeoutMs: 50 }, authenticate: never });
    const peer = await dial(t, served);
    peer.send(hello());
    assert.equal((await peer.next("refusal")).code, "hello-timeout");
  });

  test("only so many sockets may wait", async (t) => {
    const served = await serve(t, { limits: { maxUnauthenticated: 2 } });
    const first = await dial(t, served);
    await dial(t, served);
    const refused = await dial(t, served);
    assert.deepEqual(await refused.end(), { code: ERRORS["too-many-connections"].http, reason: "refused" });
    first.send(hello());
    await first.next("welcome");
    await join(t, served, { device: "d2" });
  });

  test("a socket that goes away gives its place back", async (t) => {
    const served = await serve(t, { limits: { maxUnauthenticated: 1 } });
    const first = await dial(t, served);
    first.socket.terminate();
    let peer = await dial(t, served);
    while (peer.ended !== null) peer = await dial(t, served);
    peer.send(hello());
    await peer.next("welcome");
  });

  test("a hello of another protocol or an old schema is told to upgrade", async (t) => {
    const served = await serve(t, {
      upgrade: { requiredSchema: 2, message: "please update", url: "https://x.example/" },
    });
    const future = await dial(t, served);
    future.send(hello({ protocol: [9, 12] }));
    const refusal = await future.next("refusal");
    assert.deepEqual([refusal.code, refusal.url, refusal.fatal], ["upgrade-required", "https://x.example/", true]);
    const old = await dial(t, served);
    old.send(hello({ schema: { version: 1, hash: "old" } }));
    assert.equal((await old.next("refusal")).message, "please update");
  });
});

describe("origins", () => {
  const connectFrom = async (
    t: Parameters<typeof serve>[0],
    origin: string,
    origins?: "*" | string[],
  ): Promise<Peer> => {
    const served = await serve(t, origins === undefined ? {} : { origins });
    return dial(t, served, { origin });
  };

  test("a foreign page is refused before anything else", async (t) => {
    const peer = await connectFrom(t, "https://evil.example");
    assert.equal((await peer.end()).code, 403);
  });
  test("a page that the operator named may connect", async (t) => {
    const peer = await connectFrom(t, "https://app.example", ["https://app.example"]);
    peer.send(hello());
    await peer.next("welcome");
  });
  test("with * every page may", async (t) => {
    const peer = await connectFrom(t, "https://any.example", "*");
    peer.send(hello());
    await peer.next("welcome");
  });
  test("a page of this machine may, to a server of this machine", async (t) => {
    const peer = await connectFrom(t, "http://localhost:5173");
    peer.send(hello());
    await peer.next("welcome");
  });
});

describe("limits of sessions", () => {
  test("per user, tenant and server", async (t) => {
    const limits = { maxSessionsPerUser: 1, maxSessionsPerTenant: 2, maxSessions: 3 };
    const served = await serve(t, { limits });
    const refusedFor = async (token: string, device: string): Promise<string> => {
      const peer = await dial(t, served);
      peer.send(hello({ token, device }));
      const { code, message } = await peer.next("refusal");
      assert.equal(code, "too-many-connections");
      return message;
    };
    await join(t, served, { token: "acme/ana", device: "a" });
    assert.match(await refusedFor("acme/ana", "a2"), /^the user/);
    await join(t, served, { token: "acme/bob", device: "b" });
    assert.match(await refusedFor("acme/cleo", "c"), /^the tenant/);
    const other = await join(t, served, { token: "umbrella/eve", device: "e" });
    assert.match(await refusedFor("initech/joe", "j"), /^the server/);
    other.socket.close();
    await other.end();
    await join(t, served, { token: "initech/joe", device: "j" });
  });

  test("mutations beyond the rate are refused with a time to wait, and the session lives", async (t) => {
    const served = await serve(t, { limits: { mutationsPerSecond: 1, mutationBurst: 2 } });
    const peer = await join(t, served);
    peer.send({ type: "push", mutations: [createTask(1, "t1", "a"), createTask(2, "t2", "b")] });
    peer.send({ type: "push", mutations: [createTask(3, "t3", "c")] });
    const refusal = await peer.next("refusal");
    assert.deepEqual([refusal.code, refusal.fatal, refusal.about], ["rate-limited", false, { counter: 3 }]);
    assert.ok((refusal.retryAfterMs ?? 0) > 0);
    peer.send({ type: "ping", nonce: 1 });
    await peer.next("pong");
  });

  test("whoever goes on regardless is closed", async (t) => {
    const served = await serve(t, { limits: { messagesPerSecond: 1 } });
    const peer = await join(t, served);
    for (let index = 0; index < 200; index++) peer.send({ type: "ping", nonce: index });
    const { code, reason } = await peer.end();
    assert.deepEqual([code, reason], [1013, "rate-limited"]);
  });
});
