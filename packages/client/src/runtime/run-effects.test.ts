/** The runtime around a machine that a test plays, with a store, a transport and a clock of the test's. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Hello, parseDeviceId, TidelockError } from "@tidelock/core";
import type { ReplicaEffect } from "../engine/effect.ts";
import type { ReplicaInput } from "../engine/input.ts";
import type { StoreBatch } from "../engine/records.ts";
import type { Store } from "../store/store.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import { type Announcement, Runtime, type RuntimeOptions } from "./run-effects.ts";
import { settle, VirtualSystem } from "./virtual-system.ts";

const device = parseDeviceId("d1")!;
const batch: StoreBatch = { facts: null, clear: [], put: [], remove: [], putMutations: [], removeMutations: [] };
const hello = { type: "hello" } as Hello;

/** A machine that notes its inputs and answers each as the test has said. */
class PlayedMachine {
  readonly inputs: ReplicaInput[] = [];
  answer: (input: ReplicaInput) => readonly ReplicaEffect[] = () => [];
  #isBusy = false;

  handle(input: ReplicaInput): readonly ReplicaEffect[] {
    assert.ok(!this.#isBusy, "handle was entered twice");
    this.#isBusy = true;
    this.inputs.push(input);
    const effects = this.answer(input);
    this.#isBusy = false;
    return effects;
  }

  get types(): string[] {
    return this.inputs.map(({ type }) => type);
  }
}

class PlayedStore implements Store {
  readonly durability = "durable";
  readonly committed: StoreBatch[] = [];
  isClosed = false;
  hasFailed = false;
  #settle: Array<() => void> = [];

  async open(): Promise<{ facts: null; rows: []; mutations: [] }> {
    if (this.hasFailed) throw new TidelockError("store-corrupt");
    return { facts: null, rows: [], mutations: [] };
  }
  commit(content: StoreBatch): Promise<void> {
    this.committed.push(content);
    return new Promise((resolve, reject) => {
      this.#settle.push(() => (this.hasFailed ? reject(new TidelockError("store-quota")) : resolve()));
    });
  }
  async close(): Promise<void> {
    this.isClosed = true;
  }
  /** The disk is done with everything. */
  finish(): void {
    const settleAll = this.#settle;
    this.#settle = [];
    for (const settleOne of settleAll) settleOne();
  }
}

class PlayedTransport implements Transport {
  readonly events: TransportEvents[] = [];
  readonly sent: string[] = [];
  readonly name: "websocket" | "sse";
  closed = 0;
  onConnect: (events: TransportEvents) => void = () => {};

  constructor(name: "websocket" | "sse") {
    this.name = name;
  }

  connect(_hello: Hello, events: TransportEvents): { send(message: { type: string }): void; close(): void } {
    this.events.push(events);
    this.onConnect(events);
    return {
      send: ({ type }) => void this.sent.push(type),
      close: () => void (this.closed += 1),
    };
  }
}

interface Played {
  readonly runtime: Runtime;
  readonly machine: PlayedMachine;
  readonly store: PlayedStore;
  readonly system: VirtualSystem;
  readonly transport: PlayedTransport;
  readonly turns: Array<readonly Announcement[]>;
}

function play(options: Partial<RuntimeOptions> = {}): Played {
  const machine = new PlayedMachine();
  const store = new PlayedStore();
  const system = new VirtualSystem(1);
  const transport = new PlayedTransport("websocket");
  const turns: Array<readonly Announcement[]> = [];
  const announce = (announcements: readonly Announcement[]): void => void turns.push(announcements);
  const runtime = new Runtime({
    machine,
    store,
    transports: [transport],
    auth: "token",
    system,
    device,
    announce,
    ...options,
  });
  return { runtime, machine, store, system, transport, turns };
}

/** Plays a runtime that has been started, and forgets what that took. */
async function start(options: Partial<RuntimeOptions> = {}): Promise<Played> {
  const played = play(options);
  await played.runtime.start();
  played.machine.inputs.length = 0;
  return played;
}

describe("the runtime", () => {
  it("tells `loaded` first, then what had been waiting, in order", async () => {
    const { runtime, machine } = play();
    runtime.dispatch({ type: "go-online" });
    runtime.dispatch({ type: "mutate", write: 1, intents: [] });
    assert.deepEqual(machine.types, []);
    await runtime.start();
    assert.deepEqual(machine.types, ["loaded", "go-online", "mutate"]);
  });

  it("handles inputs that come while it handles one afterwards, in one turn", async () => {
    const { runtime, machine, transport, turns } = await start();
    // A transport that fails at once, from within the machine's own turn.
    transport.onConnect = (events) => {
      events.opened();
      events.closed("at once");
    };
    machine.answer = ({ type }) =>
      type === "go-online"
        ? [{ type: "status-changed" }, { type: "connect", connection: 1, hello }]
        : type === "disconnected"
          ? [{ type: "subscriptions-changed" }]
          : [];
    runtime.dispatch({ type: "go-online" });
    assert.deepEqual(machine.types, ["go-online", "connected", "disconnected"]);
    assert.deepEqual(turns, [[{ type: "status-changed" }, { type: "subscriptions-changed" }]]);
  });

  it("gives batches to the store in order, and answers those that were made together in one turn", async () => {
    const { runtime, machine, store, turns } = await start();
    machine.answer = (input) => {
      if (input.type === "mutate") return [{ type: "persist", batch: input.write, content: batch }];
      return input.type === "persisted" ? [{ type: "write-saved", write: input.batch }] : [];
    };
    for (const write of [1, 2, 3]) runtime.dispatch({ type: "mutate", write, intents: [] });
    assert.equal(store.committed.length, 3);
    await settle();
    assert.deepEqual(machine.types, ["mutate", "mutate", "mutate"]);
    store.finish();
    await settle();
    assert.deepEqual(
      machine.inputs.slice(3),
      [1, 2, 3].map((number) => ({ type: "persisted", batch: number })),
    );
    assert.equal(turns.length, 1);
  });

  it("tells the machine what the store refused", async () => {
    const { runtime, machine, store } = await start();
    machine.answer = (input) => (input.type === "mutate" ? [{ type: "persist", batch: 1, content: batch }] : []);
    runtime.dispatch({ type: "mutate", write: 1, intents: [] });
    store.hasFailed = true;
    store.finish();
    await settle();
    assert.deepEqual(machine.inputs.at(-1), { type: "persist-failed", batch: 1, code: "store-quota" });
  });

  it("hears nothing more of a connection that is over", async () => {
    const { runtime, machine, transport } = await start();
    machine.answer = ({ type }) => {
      if (type === "go-online") return [{ type: "connect", connection: 1, hello }];
      return type === "go-offline" ? [{ type: "disconnect", connection: 1 }] : [];
    };
    runtime.dispatch({ type: "go-online" });
    const [events] = transport.events;
    events?.opened();
    events?.message({ type: "pong", nonce: 1 });
    runtime.dispatch({ type: "go-offline" });
    assert.equal(transport.closed, 1);
    events?.message({ type: "pong", nonce: 2 });
    events?.closed("late");
    assert.deepEqual(machine.types, ["go-online", "connected", "message", "go-offline", "disconnected"]);
  });

  it("sends on the connection that is named, and on no other", async () => {
    const { runtime, machine, transport } = await start();
    machine.answer = ({ type }) =>
      type === "go-online"
        ? [
            { type: "connect", connection: 2, hello },
            { type: "send", connection: 1, message: { type: "ping", nonce: 1 } },
            { type: "send", connection: 2, message: { type: "ack", offset: 1 } },
          ]
        : [];
    runtime.dispatch({ type: "go-online" });
    assert.deepEqual(transport.sent, ["ack"]);
  });

  it("says that a connection failed when the transport throws, or when there is none", async () => {
    for (const transports of [
      [],
      [
        {
          name: "sse" as const,
          connect: (): never => {
            throw new Error("not here");
          },
        },
      ],
    ]) {
      const { runtime, machine } = await start({ transports });
      machine.answer = ({ type }) => (type === "go-online" ? [{ type: "connect", connection: 1, hello }] : []);
      runtime.dispatch({ type: "go-online" });
      assert.deepEqual(machine.types, ["go-online", "disconnected"]);
    }
  });

  it("sets, replaces and cancels timers by name, however far away they are", async () => {
    const { runtime, machine, system } = await start();
    const setTo = (inMs: number): void => {
      machine.answer = ({ type }) =>
        type === "go-online" ? [{ type: "set-timer", timer: "reconnect", at: system.now() + inMs }] : [];
      runtime.dispatch({ type: "go-online" });
    };
    setTo(100);
    setTo(200);
    await system.advance(150);
    assert.deepEqual(machine.types, ["go-online", "go-online"]);
    await system.advance(50);
    assert.deepEqual(machine.inputs.at(-1), { type: "timer", timer: "reconnect" });
    const months = 90 * 24 * 3_600_000;
    setTo(months);
    await system.advance(months - 1);
    assert.equal(machine.inputs.at(-1)?.type, "go-online");
    await system.advance(1);
    assert.equal(machine.inputs.at(-1)?.type, "timer");
    setTo(100);
    machine.answer = () => [{ type: "cancel-timer", timer: "reconnect" }];
    runtime.dispatch({ type: "go-offline" });
    await system.advance(1000);
    assert.equal(machine.inputs.at(-1)?.type, "go-offline");
  });

  it("gets a token from wherever it comes, once per request, and says when there is none", async () => {
    const ask = async (auth: RuntimeOptions["auth"], waitMs = 0): Promise<ReplicaInput | undefined> => {
      const { runtime, machine, system } = await start({ auth });
      machine.answer = ({ type }) => (type === "go-online" ? [{ type: "get-token" }] : []);
      runtime.dispatch({ type: "go-online" });
      assert.deepEqual(machine.types, ["go-online"], "never within the machine's turn");
      await system.advance(waitMs);
      assert.equal(machine.inputs.length, 2);
      return machine.inputs[1];
    };
    assert.deepEqual(await ask("fixed"), { type: "token", token: "fixed" });
    assert.deepEqual(await ask(() => "made"), { type: "token", token: "made" });
    assert.deepEqual(await ask(async () => "fetched"), { type: "token", token: "fetched" });
    assert.deepEqual(await ask(() => Promise.reject(new Error("signed out"))), {
      type: "token-failed",
      reason: "signed out",
    });
    assert.deepEqual(await ask(() => ""), { type: "token-failed", reason: "auth gave no token" });
    assert.equal((await ask(() => new Promise(() => {}), 30_000))?.type, "token-failed");
  });

  it("passes hints of the network on", async () => {
    const { machine, system } = await start();
    system.hint();
    assert.deepEqual(machine.types, ["network-hint"]);
  });

  it("stops when the machine is broken, says so, and lets the store be", async () => {
    const { runtime, machine, system, turns, transport } = await start();
    machine.answer = ({ type }) => {
      if (type === "network-hint") throw new Error("an invariant is broken");
      return [{ type: "connect", connection: 1, hello }];
    };
    runtime.dispatch({ type: "go-online" });
    runtime.dispatch({ type: "network-hint" });
    assert.equal(runtime.isStopped, true);
    assert.equal(transport.closed, 1);
    assert.deepEqual(turns.at(-1)?.[0], {
      type: "trouble",
      code: "internal",
      message: "Error: an invariant is broken",
    });
    assert.match(String(system.errors[0]), /invariant/);
    runtime.dispatch({ type: "go-online" });
    assert.equal(machine.inputs.length, 2);
    await runtime.close();
  });

  it("closes after everything is saved and told", async () => {
    const { runtime, machine, store, system } = play();
    machine.answer = (input) => {
      if (input.type === "mutate") return [{ type: "persist", batch: 1, content: batch }];
      return input.type === "persisted" && input.batch === 1 ? [{ type: "persist", batch: 2, content: batch }] : [];
    };
    const started = runtime.start();
    runtime.dispatch({ type: "mutate", write: 1, intents: [] });
    const closed = runtime.close();
    await started;
    await settle();
    assert.equal(store.isClosed, false);
    store.finish();
    await settle();
    assert.equal(store.isClosed, false, "the second batch is under way");
    store.finish();
    await closed;
    assert.equal(store.isClosed, true);
    assert.deepEqual(machine.types, ["loaded", "mutate", "go-offline", "persisted", "persisted"]);
    assert.equal(system.timerCount, 0);
    system.hint();
    assert.equal(machine.inputs.length, 5);
  });

  it("is stopped by a store that cannot be opened", async () => {
    const store = new PlayedStore();
    store.hasFailed = true;
    const { runtime, machine } = play({ store });
    await assert.rejects(runtime.start(), { code: "store-corrupt" });
    assert.equal(runtime.isStopped, true);
    assert.deepEqual(machine.types, []);
  });

  it("goes another way when the first leads nowhere", async () => {
    const websocket = new PlayedTransport("websocket");
    const sse = new PlayedTransport("sse");
    const { runtime, machine } = await start({ transports: [websocket, sse] });
    let connection = 0;
    machine.answer = ({ type }) =>
      type === "go-online" ? [{ type: "connect", connection: (connection += 1), hello }] : [];
    // Opened, but a proxy swallows everything.
    runtime.dispatch({ type: "go-online" });
    websocket.events[0]?.opened();
    websocket.events[0]?.closed("gone");
    runtime.dispatch({ type: "go-online" });
    websocket.events[1]?.closed("gone");
    runtime.dispatch({ type: "go-online" });
    assert.equal(runtime.transportName, "sse");
    assert.equal(sse.events.length, 1);
  });
});
