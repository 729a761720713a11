/** The client as an application uses it, over a small server in memory and a clock that stands still. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type ChangeRow,
  type ClientMessage,
  collection,
  defineSchema,
  type EntityId,
  field,
  type Hello,
  type JsonValue,
  type MemberRow,
  type MutationRow,
  parseDeviceId,
  parseEntityId,
  parseEpoch,
  parseSessionId,
  parseUserId,
  type ResultRow,
  type ServerMessage,
  TidelockError,
} from "@tidelock/core";
import { settle, VirtualSystem } from "../runtime/virtual-system.ts";
import { memoryStore, MemoryStoreState } from "../store/memory.ts";
import type { Connection, Transport, TransportEvents } from "../transport/transport.ts";
import type { Client, ClientOptions, RejectedEntry, SyncStatus } from "./client.ts";
import { createClient } from "./create-client.ts";

const schema = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string(),
      done: field.boolean().default(false),
      priority: field.integer().default(0),
      list: field.reference("lists").optional(),
    }),
    lists: collection({ name: field.string() }, { ids: "server" }),
  },
});
type AppClient = Client<typeof schema>;

/** Just enough of a server for one device: applies what is pushed, in order, and sends it back. */
class SmallServer implements Transport {
  readonly name = "websocket";
  readonly hellos: Hello[] = [];
  readonly received: ClientMessage[] = [];
  /** Titles that are refused. */
  readonly refused = new Set<string>();
  isReachable = true;
  /** While set, pushes are taken but neither decided nor answered. */
  isSilent = false;
  #events: TransportEvents | null = null;
  #offset = 0;
  #decided = 0;
  readonly #rows = new Map<string, [string, EntityId, number, JsonValue[]]>();
  readonly #assigned = new Map<JsonValue, EntityId>();

  connect(hello: Hello, events: TransportEvents): Connection {
    this.hellos.push(hello);
    const send = (message: ClientMessage): void => this.#receive(message);
    if (!this.isReachable) queueMicrotask(() => events.closed("nobody is there"));
    else {
      this.#events = events;
      queueMicrotask(() => this.#welcome(hello));
    }
    return { send, close: () => this.#close() };
  }

  get isConnected(): boolean {
    return this.#events !== null;
  }

  tell(message: ServerMessage): void {
    this.#events?.message(message);
  }

  breakConnection(): void {
    const events = this.#events;
    this.#events = null;
    events?.closed("the line broke");
  }

  /** A change by somebody else. */
  change(collectionName: string, id: string, values: JsonValue[] | null): void {
    this.#offset += 1;
    this.#delta([this.#apply(collectionName, parseEntityId(id)!, values)]);
  }

  #welcome(hello: Hello): void {
    this.#events?.opened();
    this.tell({
      type: "welcome",
      protocol: 1,
      session: parseSessionId("s1")!,
      user: parseUserId("ana")!,
      epoch: parseEpoch("e1")!,
      head: this.#offset,
      time: 1_700_000_000_000,
      columns: { tasks: ["title", "done", "priority", "list"], lists: ["name"] },
      decided: this.#decided,
      whole: [],
      results: [],
      expires: null,
      limits: { frameBytes: 1_000_000, pushMutations: 1000, idleMs: 25_000 },
      upgrade: null,
    });
    for (const { id, collection: name } of hello.subscriptions) this.#snapshot(id, name);
  }

  #snapshot(subscription: number, name: string): void {
    const rows = [...this.#rows.values()]
      .filter(([of]) => of === name)
      .map(([, id, at, row]) => [id, at, row] as const);
    this.tell({ type: "snapshot", subscription, collection: name, offset: this.#offset, key: "k" });
    this.tell({ type: "rows", collection: name, offset: this.#offset, rows });
    this.tell({ type: "snapshot-end", subscription, offset: this.#offset });
  }

  #receive(message: ClientMessage): void {
    this.received.push(message);
    if (message.type === "subscribe") this.#snapshot(message.id, message.collection);
    if (message.type === "push" && !this.isSilent) this.#push(message.mutations);
    if (message.type === "ping") this.tell({ type: "pong", nonce: message.nonce });
    if (message.type === "presence" && message.action !== "leave") {
      const member: MemberRow = [
        parseSessionId("s1")!,
        parseDeviceId("d1")!,
        parseUserId("ana")!,
        message.clock,
        message.state,
      ];
      this.tell({ type: "presence", room: message.room, whole: false, members: [member] });
    }
  }

  #push(mutations: readonly MutationRow[]): void {
    const from = this.#offset;
    const changes: ChangeRow[] = [];
    const results = mutations.map(([counter, operation, name, entity, fields]): ResultRow => {
      this.#decided = counter;
      const isRefused = mutations.some(([, , , , values]) => this.refused.has(String(values["title"])));
      if (isRefused) return [counter, "rejected", 0, { code: "forbidden", message: "not this one" }];
      this.#offset += 1;
      const isAssigned = name === "lists" && operation === "create";
      const id = isAssigned ? parseEntityId(`list-${this.#offset}`)! : entity;
      if (isAssigned) this.#assigned.set(entity, id);
      const valueOf = (column: string): JsonValue | undefined =>
        this.#assigned.get(fields[column] ?? null) ?? fields[column];
      const columns = name === "tasks" ? ["title", "done", "priority", "list"] : ["name"];
      const before = this.#rows.get(`${name}/${id}`)?.[3] ?? (name === "tasks" ? ["", false, 0, null] : [""]);
      const row =
        operation === "delete" ? null : columns.map((column, index) => valueOf(column) ?? before[index] ?? null);
      changes.push(this.#apply(name, id, row));
      return [counter, "applied", this.#offset, isAssigned ? { entity: id } : {}];
    });
    this.tell({ type: "push-result", results });
    if (changes.length > 0) this.#delta(changes, from);
  }

  #apply(name: string, id: EntityId, row: JsonValue[] | null): ChangeRow {
    if (row === null) this.#rows.delete(`${name}/${id}`);
    else this.#rows.set(`${name}/${id}`, [name, id, this.#offset, row]);
    return row === null ? [2, name, id, this.#offset] : [0, name, id, this.#offset, row];
  }

  #delta(changes: ChangeRow[], from: number = this.#offset - 1): void {
    this.tell({ type: "delta", from, to: this.#offset, time: 1_700_000_000_000, changes });
  }

  #close(): void {
    this.#events = null;
  }
}

interface Bench {
  readonly server: SmallServer;
  readonly system: VirtualSystem;
  readonly client: AppClient;
}

function start(options: Partial<ClientOptions<typeof schema>> = {}, server: SmallServer = new SmallServer()): Bench {
  const system = new VirtualSystem(1);
  const client = createClient({
    url: "http://localhost",
    schema,
    auth: "token",
    system,
    transports: [server],
    ...options,
  });
  return { server, system, client };
}

/** Subscribes to everything: entities that no query wants leave the device once they are synced. */
function keepAll(client: AppClient): void {
  client.tasks.query().subscribe(() => {});
  client.lists.query().subscribe(() => {});
}

describe("a write", () => {
  it("is visible at once, saved on the disk, then decided by the server", async () => {
    const { client, system } = start();
    await client.opened;
    const write = client.tasks.create({ title: "Water the plants" });
    assert.equal(client.tasks.get(write.id)?.title, "Water the plants");
    assert.equal(write.state, "accepted");
    await write.saved;
    await system.advance(2000);
    assert.deepEqual(await write.synced, { outcome: "applied", id: write.id, conflicts: [] });
    assert.equal(write.state, "synced");
    assert.equal(client.tasks.syncState(write.id), "synced");
    await client.close();
  });

  it("made before the store is open is kept", async () => {
    const { client, system } = start();
    keepAll(client);
    const write = client.tasks.create({ title: "Early" });
    assert.equal(client.status.value.state, "loading");
    await system.advance(2000);
    assert.equal((await write.synced).outcome, "applied");
    assert.equal(client.tasks.get(write.id)?.title, "Early");
    await client.close();
  });

  it("is kept although the client is closed before its store was open", async () => {
    const state = new MemoryStoreState();
    const { client } = start({ store: memoryStore(state), autoConnect: false });
    const write = client.tasks.create({ title: "Early" });
    await client.close();
    await write.saved;
    assert.equal(state.read().mutations.length, 1);
    await assert.rejects(write.synced, { code: "client-closed" });
  });

  it("that the server refuses rejects with its code, waits for the user, and can be tried again", async () => {
    const { client, server, system } = start();
    server.refused.add("Bad");
    const seen: RejectedEntry[] = [];
    client.on("rejected", (entry) => seen.push(entry));
    const write = client.tasks.create({ title: "Bad" });
    await system.advance(2000);
    await assert.rejects(write.synced, { code: "forbidden" });
    assert.equal(write.state, "rejected");
    assert.equal(client.status.value.state, "rejected");
    assert.deepEqual(client.rejected.value, seen);
    assert.equal(seen[0]?.code, "forbidden");
    server.refused.clear();
    const again = client.rejected.retry(seen[0]!.counter);
    await system.advance(2000);
    assert.equal((await again.synced).outcome, "applied");
    assert.equal(client.rejected.value.length, 0);
    assert.equal(client.status.value.state, "synced");
    await client.close();
  });

  it("that the store refuses is taken back, and both promises say so", async () => {
    const store = memoryStore();
    let isFull = false;
    const { client, system } = start({
      autoConnect: false,
      store: {
        ...store,
        commit: (batch) => (isFull ? Promise.reject(new TidelockError("store-quota")) : store.commit(batch)),
      },
    });
    await client.opened;
    await system.advance(10);
    isFull = true;
    const troubles: string[] = [];
    client.on("trouble", ({ code }) => troubles.push(code));
    const write = client.tasks.create({ title: "Too much" });
    await assert.rejects(write.saved, { code: "store-quota" });
    await assert.rejects(write.synced, { code: "store-quota" });
    assert.equal(write.state, "failed");
    assert.equal(client.tasks.get(write.id), undefined);
    assert.deepEqual(troubles, ["store-quota"]);
    await client.close();
  });

  it("is refused at once when it cannot stand", async () => {
    const { client } = start();
    await client.opened;
    const loose = client.tasks as unknown as { create(values: object): void; update(id: string, values: object): void };
    const codeOf = (run: () => void): string => {
      try {
        run();
        return "accepted";
      } catch (error) {
        return error instanceof TidelockError ? error.code : String(error);
      }
    };
    assert.equal(
      codeOf(() => loose.create({ title: 5 })),
      "invalid-value",
    );
    assert.equal(
      codeOf(() => loose.create({})),
      "invalid-value",
    );
    assert.equal(
      codeOf(() => loose.create({ title: "a", colour: "red" })),
      "unknown-field",
    );
    assert.equal(
      codeOf(() => loose.create({ title: "a", id: "no spaces" })),
      "invalid-id",
    );
    assert.equal(
      codeOf(() => loose.update("x", { done: null })),
      "invalid-value",
    );
    assert.equal(
      codeOf(() => loose.create({ title: "x".repeat(300_000) })),
      "mutation-too-large",
    );
    const { id } = client.tasks.create({ id: "mine", title: "a" });
    assert.equal(id, "mine");
    assert.equal(
      codeOf(() => loose.create({ id: "mine", title: "b" })),
      "entity-exists",
    );
    assert.equal(client.outbox.value.length, 1);
    await client.close();
    assert.equal(
      codeOf(() => loose.create({ title: "late" })),
      "client-closed",
    );
  });

  it("that changes nothing is done at once", async () => {
    const { client } = start({ autoConnect: false });
    await client.opened;
    const write = client.tasks.update("x", {});
    await write.saved;
    assert.equal((await write.synced).outcome, "applied");
    assert.equal(client.outbox.value.length, 0);
    await client.close();
  });

  it("to an entity whose id the server assigns follows the id", async () => {
    const { client, server, system } = start();
    keepAll(client);
    server.isReachable = false;
    await client.opened;
    const list = client.lists.create({ name: "Home" });
    const temporary = list.id;
    const task = client.tasks.create({ title: "Sweep", list: temporary });
    assert.match(temporary, /^tmp:/);
    server.isReachable = true;
    const assigned: string[] = [];
    client.on("assigned", (detail) => assigned.push(detail.temporary, detail.id));
    await system.advance(60_000);
    assert.equal((await list.synced).id, list.id);
    assert.match(list.id, /^list-/);
    assert.deepEqual(assigned, [temporary, list.id]);
    assert.equal(client.tasks.get(task.id)?.list, list.id);
    assert.equal(client.lists.get(temporary)?.id, list.id);
    assert.equal(client.lists.keyOf(list.id), temporary);
    await client.close();
  });

  it("waits in the outbox while there is no connection, and is never called synced before", async () => {
    const { client, server, system } = start();
    server.isReachable = false;
    await client.opened;
    const states: SyncStatus["state"][] = [];
    client.status.subscribe(({ state }) => states.push(state));
    client.tasks.create({ title: "a" });
    assert.equal(client.status.value.state, "pending");
    await system.advance(5000);
    assert.equal(client.status.value.pendingCount, 1);
    server.isReachable = true;
    server.isSilent = true;
    await system.advance(60_000);
    assert.equal(client.connection.value.phase, "connected");
    assert.equal(client.status.value.state, "syncing");
    assert.ok(!states.includes("synced"));
    server.isSilent = false;
    server.breakConnection();
    await system.advance(60_000);
    assert.equal(client.status.value.state, "synced");
    assert.equal(client.status.value.pendingCount, 0);
    await client.close();
  });
});

describe("the outbox", () => {
  it("is told once for many writes, and empties", async () => {
    const { client, system } = start({ autoConnect: false });
    await client.opened;
    const told: number[] = [];
    client.outbox.subscribe((entries) => told.push(entries.length));
    for (let number = 0; number < 100; number++) client.tasks.create({ title: `${number}` });
    assert.equal(client.outbox.value.length, 100);
    const [first] = client.outbox.value;
    await settle();
    assert.equal(told[0], 100);
    assert.equal(client.outbox.value[0], first, "an entry stays the same object");
    client.goOnline();
    await system.advance(2000);
    assert.equal(told.at(-1), 0);
    assert.equal(client.outbox.value.length, 0);
    assert.ok(told.length < 8, `told ${told.length} times`);
    await client.close();
  });
});

describe("a transaction", () => {
  it("is one write with one result per step", async () => {
    const { client, system } = start();
    keepAll(client);
    await client.opened;
    const write = client.transaction((transaction) => {
      const id = transaction.tasks.create({ title: "a" });
      transaction.tasks.update(id, { done: true });
    });
    assert.deepEqual(
      client.outbox.value.map(({ operation }) => operation),
      ["create", "update"],
    );
    await system.advance(2000);
    assert.equal((await write.synced).length, 2);
    assert.equal(client.tasks.get(write.ids[0]!)?.done, true);
    await client.close();
  });

  it("that throws writes nothing", async () => {
    const { client } = start({ autoConnect: false });
    await client.opened;
    const failing = (): unknown =>
      client.transaction((transaction) => {
        transaction.tasks.create({ title: "a" });
        throw new Error("stop");
      });
    assert.throws(failing, /stop/);
    assert.equal(client.outbox.value.length, 0);
    assert.throws(() => client.transaction(async () => {}), { code: "transaction-broken" });
    await client.close();
  });

  it("is rejected as a whole, with the reason of the step that caused it", async () => {
    const { client, server, system } = start();
    server.refused.add("Bad");
    const write = client.transaction((transaction) => {
      transaction.tasks.create({ title: "Good" });
      transaction.tasks.create({ title: "Bad" });
    });
    await system.advance(2000);
    await assert.rejects(write.synced, { code: "forbidden" });
    assert.equal(client.rejected.value.length, 2);
    await client.close();
  });
});

describe("a live query", () => {
  it("shows local and remote changes, once per turn, and is complete when the server has sent everything", async () => {
    const { client, server, system } = start();
    server.change("tasks", "t1", ["Remote", false, 1, null]);
    const query = client.tasks.query({ where: { done: false }, orderBy: { field: "priority", direction: "desc" } });
    assert.equal(query.status, "loading");
    const shown: string[][] = [];
    query.subscribe(({ data }) => shown.push(data.map(({ title }) => title)));
    await system.advance(2000);
    assert.equal(query.isComplete, true);
    assert.deepEqual(shown.at(-1), ["Remote"]);
    shown.length = 0;
    client.transaction((transaction) => {
      transaction.tasks.create({ title: "a", priority: 3 });
      transaction.tasks.create({ title: "b", priority: 0 });
    });
    assert.deepEqual(shown, [["a", "Remote", "b"]]);
    const before = query.data;
    await system.advance(2000);
    assert.deepEqual(
      query.data.map(({ title }) => title),
      ["a", "Remote", "b"],
    );
    client.tasks.update("t1", { done: true });
    assert.equal(query.data.length, 2);
    assert.equal(before.length, 3);
    await client.close();
  });

  it("waits for completeness, and stops waiting when the client closes", async () => {
    const { client, server, system } = start();
    server.change("tasks", "t1", ["Remote", false, 1, null]);
    const waiting = client.tasks.query().whenComplete();
    await system.advance(2000);
    assert.equal((await waiting).length, 1);
    server.isReachable = false;
    server.breakConnection();
    const inVain = client.lists.query().whenComplete();
    await client.close();
    await assert.rejects(inVain, { code: "client-closed" });
  });

  it("shares one subscription per filter, and gives it up some seconds after the last reader", async () => {
    const { client, server, system } = start({ lingerMs: 5000 });
    await system.advance(2000);
    const stops = [
      client.tasks.query({ where: { done: false }, orderBy: "title" }).subscribe(() => {}),
      client.tasks.query({ where: { done: false }, orderBy: "priority", limit: 3 }).subscribe(() => {}),
    ];
    const count = (type: string): number => server.received.filter((message) => message.type === type).length;
    assert.equal(count("subscribe"), 1);
    for (const stop of stops) stop();
    await system.advance(3000);
    const stop = client.tasks.query({ where: { done: false }, orderBy: "title" }).subscribe(() => {});
    await system.advance(60_000);
    assert.equal(count("subscribe"), 1);
    assert.equal(count("unsubscribe"), 0);
    stop();
    await system.advance(6000);
    assert.equal(count("unsubscribe"), 1);
    await client.close();
  });

  it("keeps what it has while the device is offline", async () => {
    const { client, server, system } = start({ lingerMs: 1000 });
    server.change("tasks", "t1", ["Remote", false, 1, null]);
    const stop = client.tasks.query().subscribe(() => {});
    await system.advance(2000);
    client.goOffline();
    stop();
    await system.advance(60_000);
    assert.equal(client.tasks.query().data.length, 1);
    await client.close();
  });

  it("survives a listener that throws", async () => {
    const { client, system } = start({ autoConnect: false });
    await client.opened;
    const query = client.tasks.query();
    let calls = 0;
    query.subscribe(() => {
      throw new Error("mine");
    });
    query.subscribe(() => (calls += 1));
    client.tasks.create({ title: "a" });
    assert.equal(calls, 1);
    assert.match(String(system.errors[0]), /mine/);
    await client.close();
  });

  it("lets a listener write: the change is seen at once, and told after the others", async () => {
    const { client } = start({ autoConnect: false });
    await client.opened;
    const query = client.tasks.query({ orderBy: "title" });
    const heard: number[] = [];
    query.subscribe(({ data }) => {
      if (data.length !== 1) return;
      client.tasks.create({ title: "b" });
      assert.equal(query.data.length, 2);
    });
    query.subscribe(({ data }) => heard.push(data.length));
    client.tasks.create({ title: "a" });
    assert.deepEqual(heard, [1, 2]);
    await client.close();
  });
});

describe("a live entity", () => {
  it("asks for an entity that is not on the device, and follows it", async () => {
    const { client, server, system } = start();
    server.change("tasks", "t1", ["Remote", false, 1, null]);
    const task = client.tasks.entity("t1");
    assert.equal(task.value.status, "loading");
    const titles: Array<string | undefined> = [];
    task.subscribe(({ data }) => titles.push(data?.title));
    await system.advance(2000);
    assert.equal(task.value.status, "ready");
    client.tasks.update("t1", { title: "Mine" });
    assert.equal(task.value.syncState, "pending");
    await system.advance(2000);
    assert.deepEqual(titles.at(-1), "Mine");
    assert.equal(task.value.syncState, "synced");
    server.change("tasks", "t1", null);
    assert.equal(task.value.status, "missing");
    await client.close();
  });

  it("follows a temporary id to the final one", async () => {
    const { client, system } = start();
    await system.advance(2000);
    const { id } = client.lists.create({ name: "Home" });
    const list = client.lists.entity(id);
    const ids: Array<string | undefined> = [];
    list.subscribe(({ data }) => ids.push(data?.id));
    await system.advance(2000);
    assert.match(ids.at(-1) ?? "", /^list-/);
    client.lists.update(list.id, { name: "House" });
    assert.equal(list.value.data?.name, "House");
    await client.close();
  });
});

describe("the connection", () => {
  it("is told, and comes back after it broke", async () => {
    const { client, server, system } = start();
    const phases: string[] = [];
    client.connection.subscribe(({ phase }) => phases.push(phase));
    await system.advance(2000);
    server.breakConnection();
    assert.equal(client.connection.value.isConnected, false);
    await system.advance(60_000);
    assert.equal(client.connection.value.isConnected, true);
    assert.ok(phases.includes("connecting"));
    client.goOffline();
    assert.equal(client.connection.value.phase, "offline");
    assert.equal(server.isConnected, false);
    client.goOnline();
    await system.advance(2000);
    assert.equal(client.connection.value.phase, "connected");
    await client.close();
    assert.equal(client.connection.value.phase, "stopped");
    assert.equal(system.timerCount, 0);
  });

  it("asks for a token each time, and says when there is none", async () => {
    let asked = 0;
    const { client, system, server } = start({
      auth: () => {
        asked += 1;
        if (asked === 1) throw new TidelockError("token-missing", "signed out");
        if (asked === 2) throw new TypeError("fetch failed");
        return Promise.resolve(`token-${asked}`);
      },
    });
    await system.advance(0);
    assert.equal(client.connection.value.phase, "needs-auth");
    await system.advance(60_000);
    assert.equal(server.hellos[0]?.token, "token-3");
    await client.close();
  });

  it("does not say that somebody must sign in when a token could not be fetched", async () => {
    const { client, system } = start({ auth: () => Promise.reject(new TypeError("fetch failed")) });
    await system.advance(0);
    assert.equal(client.connection.value.phase, "connecting");
    assert.equal(client.connection.value.lastError?.code, "server-unreachable");
    await client.close();
  });

  it("gives up a token that never comes and asks again", async () => {
    let asked = 0;
    const { client, system } = start({ auth: () => ((asked += 1) === 1 ? new Promise<string>(() => {}) : "token") });
    await system.advance(120_000);
    assert.equal(client.connection.value.phase, "connected");
    await client.close();
  });
});

describe("a store that cannot be opened", () => {
  it("is told by `opened`, as trouble, and by the writes that waited", async () => {
    const store = { ...memoryStore(), open: () => Promise.reject(new TidelockError("store-corrupt")) };
    const { client } = start({ store });
    const troubles: string[] = [];
    client.on("trouble", ({ code }) => troubles.push(code));
    const write = client.tasks.create({ title: "a" });
    await assert.rejects(client.opened, { code: "store-corrupt" });
    await assert.rejects(write.saved, { code: "store-corrupt" });
    assert.deepEqual(troubles, ["store-corrupt"]);
    assert.equal(client.connection.value.phase, "stopped");
  });
});

describe("presence", () => {
  it("is one per room and client, and shared by its handles", async () => {
    const { client, server, system } = start();
    await system.advance(2000);
    const first = client.presence.join("board", { x: 1 });
    const second = client.presence.join("board", { x: 2 });
    const seen: number[] = [];
    first.subscribe((members) => seen.push(members.length));
    await system.advance(1000);
    assert.equal(first.members.length, 1);
    assert.deepEqual(first.members[0]?.state, { x: 2 });
    assert.equal(first.members[0]?.isSelf, true);
    assert.equal(first.others.length, 0);
    second.leave();
    second.leave();
    const left = (): number =>
      server.received.filter((message) => message.type === "presence" && message.action === "leave").length;
    await system.advance(1000);
    assert.equal(left(), 0);
    first.leave();
    await system.advance(1000);
    assert.equal(left(), 1);
    assert.throws(() => client.presence.join("board", { text: "x".repeat(5000) }), { code: "presence-too-large" });
    assert.throws(() => client.presence.join("no room", {}), { code: "invalid-value" });
    await client.close();
  });
});

describe("a device", () => {
  it("has the same id, data and outbox after a restart", async () => {
    const state = new MemoryStoreState();
    const first = start({ store: memoryStore(state) });
    first.server.change("tasks", "t1", ["Remote", false, 1, null]);
    first.client.tasks.query().subscribe(() => {});
    await first.system.advance(2000);
    const { device } = first.client;
    first.client.goOffline();
    first.client.tasks.create({ title: "Offline" });
    await first.client.close();
    const second = start({ store: memoryStore(state), autoConnect: false });
    await second.client.opened;
    assert.equal(second.client.device, device);
    assert.deepEqual(
      second.client.tasks.query({ orderBy: "title" }).data.map(({ title }) => title),
      ["Offline", "Remote"],
    );
    assert.equal(second.client.outbox.value.length, 1);
    assert.equal(second.client.status.value.state, "pending");
    await second.client.close();
    await settle();
  });
});
