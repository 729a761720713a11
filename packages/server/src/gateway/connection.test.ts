import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Ping, parseClientMessage, TidelockError } from "@tidelock/core";
import type { OutboundMessage } from "../engine/effect.ts";
import { Connection } from "./connection.ts";
import { newSessionId } from "./greeting.ts";
import {
  admitted,
  helloOf,
  principal,
  scriptedContext,
  ScriptedPort,
  SleepingPipe,
  tenant,
} from "./scripted.fixture.ts";
import type { Format } from "./format.ts";

const lines: Format = {
  encode: (message) => Buffer.from(`${message.type === "prepared" ? message.json : JSON.stringify(message)}\n`),
};
const ping: Ping = { type: "ping", nonce: 1 };
const message = (value: object): Parameters<Connection["receive"]>[0] => {
  const parsed = parseClientMessage(value);
  assert.ok(parsed.ok);
  return parsed.message;
};
const sized = (bytes: number): OutboundMessage => ({ type: "prepared", json: "x".repeat(bytes - 1) });

function open(limits: Parameters<typeof scriptedContext>[0] = {}) {
  const port = new ScriptedPort();
  const context = scriptedContext(limits, port);
  const pipe = new SleepingPipe();
  const connection = new Connection(context, "websocket", newSessionId(), pipe, lines);
  connection.open(admitted(context, port), helloOf());
  assert.deepEqual(port.heard(), ["session-opened"]);
  const types = (): string[] =>
    pipe.writes.splice(0).flatMap((bytes) =>
      String(bytes)
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).type),
    );
  return { port, context, pipe, connection, types };
}

describe("writes", () => {
  test("what is sent in one turn is one write, in order", () => {
    const { connection, context, pipe, types } = open();
    connection.send({ type: "pong", nonce: 1 });
    connection.send({ type: "auth", expires: null });
    assert.equal(pipe.writes.length, 0);
    context.turn.flush();
    assert.equal(pipe.writes.length, 1);
    assert.deepEqual(types(), ["pong", "auth"]);
  });

  test("connections that were sent the same share one buffer", () => {
    const { connection, context, pipe, port } = open();
    const other = new SleepingPipe();
    const second = new Connection(context, "websocket", newSessionId(), other, { encode: (m) => bytesOf(m) });
    const cache = new Map<OutboundMessage, Buffer>();
    const bytesOf = (sent: OutboundMessage): Buffer => {
      if (!cache.has(sent)) cache.set(sent, lines.encode(sent));
      return cache.get(sent) ?? Buffer.alloc(0);
    };
    const third = new Connection(context, "websocket", newSessionId(), pipe, { encode: (m) => bytesOf(m) });
    second.open(admitted(context, port), helloOf());
    third.open(admitted(context, port), helloOf());
    for (const sent of [
      { type: "pong", nonce: 1 },
      { type: "pong", nonce: 2 },
    ] as const) {
      second.send(sent);
      third.send(sent);
    }
    context.turn.flush();
    assert.equal(other.writes.length, 1);
    assert.equal(other.writes[0], pipe.writes[0]);
    connection.close("internal");
  });

  test("closing writes what was sent before, and nothing after", () => {
    const { connection, context, pipe, types, port } = open();
    connection.goAway("shutting-down", 100);
    assert.deepEqual(types(), ["goaway"]);
    assert.equal(pipe.ended, "shutting-down");
    connection.send({ type: "pong", nonce: 1 });
    context.turn.flush();
    assert.equal(pipe.writes.length, 0);
    assert.deepEqual(port.heard(), ["session-closed"]);
    connection.closed();
    connection.close("internal");
    assert.deepEqual(port.heard(), []);
  });
});

describe("a reader that does not read", () => {
  const limits = { maxSocketBacklogBytes: 1000 };

  test("is blocked once too much waits, and drained once it does not", () => {
    const { connection, context, pipe, port } = open(limits);
    pipe.asleep = true;
    connection.send(sized(900));
    context.turn.flush();
    assert.deepEqual(port.heard(), []);
    connection.send(sized(200));
    context.turn.flush();
    assert.deepEqual(port.heard(), ["session-blocked"]);
    connection.send(sized(10));
    context.turn.flush();
    assert.deepEqual(port.heard(), []);
    pipe.waiting = 0;
    connection.drained();
    assert.deepEqual(port.heard(), ["session-drained"]);
    connection.drained();
    assert.deepEqual(port.heard(), []);
  });

  test("is cut off when three times the limit comes on top", () => {
    const { connection, context, pipe, port } = open(limits);
    pipe.asleep = true;
    for (let index = 0; index < 10 && pipe.ended === null; index++) {
      connection.send(sized(1001));
      context.turn.flush();
    }
    assert.equal(pipe.ended, "destroyed");
    assert.ok(pipe.waiting <= 5 * 1001, `${pipe.waiting} bytes`);
    assert.deepEqual(port.heard(), ["session-blocked", "session-closed"]);
    assert.equal(context.metrics.sessionsClosed.get("slow-consumer"), 1);
  });

  test("one message larger than all limits still arrives", () => {
    const { connection, context, pipe, port } = open(limits);
    pipe.asleep = true;
    connection.send(sized(50_000));
    context.turn.flush();
    assert.equal(pipe.ended, null);
    assert.deepEqual(port.heard(), ["session-blocked"]);
  });

  test("when-drained is answered after the writes, not within the call", () => {
    const { connection, context, pipe, port } = open(limits);
    connection.send(sized(10));
    connection.whenDrained();
    assert.deepEqual(port.heard(), []);
    context.turn.flush();
    assert.equal(pipe.writes.length, 1);
    assert.deepEqual(port.heard(), ["session-drained"]);
  });

  test("when-drained waits for a socket that is full", () => {
    const { connection, context, pipe, port } = open(limits);
    pipe.asleep = true;
    connection.send(sized(10));
    connection.whenDrained();
    context.turn.flush();
    assert.deepEqual(port.heard(), []);
    pipe.waiting = 0;
    connection.drained();
    assert.deepEqual(port.heard(), ["session-drained"]);
  });
});

describe("time", () => {
  test("silence is met with a ping, more silence with a farewell", () => {
    const { connection, context, types, pipe } = open({ idleMs: 100 });
    context.clock += 99;
    connection.sweep(context.clock, ping);
    context.clock += 1;
    connection.sweep(context.clock, ping);
    connection.sweep(context.clock, ping);
    context.turn.flush();
    assert.deepEqual(types(), ["ping"]);
    connection.receive(message({ type: "pong", nonce: 1 }));
    context.clock += 150;
    connection.sweep(context.clock, ping);
    assert.equal(pipe.ended, null);
    context.clock += 50;
    connection.sweep(context.clock, ping);
    assert.deepEqual([pipe.ended, ...types()], ["session-idle", "ping", "goaway"]);
  });

  test("an event stream gets heartbeats, and nobody expects it to answer", () => {
    const context = scriptedContext({ idleMs: 60_000 });
    const pipe = new SleepingPipe();
    const connection = new Connection(context, "sse", newSessionId(), pipe, lines);
    connection.open(admitted(context, new ScriptedPort()), helloOf());
    for (let second = 0; second < 60; second++) {
      context.clock += 1000;
      connection.sweep(context.clock, ping);
      context.turn.flush();
    }
    assert.deepEqual(pipe.writes.map(String), [":\n\n", ":\n\n", ":\n\n", ":\n\n"]);
    assert.equal(pipe.ended, null);
  });

  test("an expired token ends the session", () => {
    const context = scriptedContext();
    const port = new ScriptedPort();
    const pipe = new SleepingPipe();
    const connection = new Connection(context, "websocket", newSessionId(), pipe, lines);
    connection.open(
      { ...admitted(context, port), principal: { ...principal, expires: context.clock + 10 } },
      helloOf(),
    );
    connection.sweep(context.clock + 9, ping);
    assert.equal(pipe.ended, null);
    connection.sweep(context.clock + 10, ping);
    assert.equal(pipe.ended, "token-expired");
  });
});

describe("on the way in", () => {
  const enter = async (
    changes: Partial<ReturnType<typeof scriptedContext>>,
  ): Promise<readonly [string | null, number]> => {
    const context = { ...scriptedContext(), ...changes };
    const pipe = new SleepingPipe();
    const connection = new Connection(context, "websocket", newSessionId(), pipe, lines);
    await connection.enter(helloOf());
    return [pipe.ended, context.admission.sessions];
  };

  test("a tenant that cannot be loaded refuses, and the place is given back", async () => {
    const load = (): Promise<never> => Promise.reject(new TidelockError("storage-unavailable"));
    assert.deepEqual(await enter({ tenants: { load } }), ["storage-unavailable", 0]);
  });

  test("an error that nobody expected says only that", async () => {
    const load = (): Promise<never> => Promise.reject(new Error("ENOENT /secret/path"));
    assert.deepEqual(await enter({ tenants: { load } }), ["internal", 0]);
  });

  test("a peer that left while its token was verified opens nothing", async () => {
    const port = new ScriptedPort();
    const context = scriptedContext({}, port);
    const connection = new Connection(context, "websocket", newSessionId(), new SleepingPipe(), lines);
    const entering = connection.enter(helloOf());
    connection.closed();
    await entering;
    assert.deepEqual(port.heard(), []);
    assert.equal(context.admission.sessions, 0);
  });

  test("the hub never sees the token", async () => {
    const port = new ScriptedPort();
    const context = scriptedContext({}, port);
    const connection = new Connection(context, "websocket", newSessionId(), new SleepingPipe(), lines);
    await connection.enter(helloOf({ token: "secret-token" }));
    assert.equal(port.inputs.length, 1);
    assert.doesNotMatch(JSON.stringify(port.inputs), /secret-token/);
    assert.equal(connection.port?.tenant, tenant);
  });
});
