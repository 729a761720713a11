/** The store on an IndexedDB in memory, where faults can be injected. `tests/browser/indexeddb.test.ts` runs it in Chromium. */
import assert from "node:assert/strict";
import { after, afterEach, beforeEach, describe, mock, test } from "node:test";
import { type JsonValue, TidelockError } from "@tidelock/core";
import { type StoreDisk, storeContract } from "@tidelock/testkit/conformance";
import "fake-indexeddb/auto";
import { forceCloseDatabase, IDBFactory } from "fake-indexeddb";
import { indexedDbStore, type JournalBounds } from "./indexeddb.ts";
import { MemoryStoreState, type Store, type StoreBatch, type StoredReplica } from "./memory.ts";

let disks = 0;

function fakeDisk(journal: Partial<JournalBounds> = {}, name = `disk-${++disks}`): StoreDisk {
  return {
    store: () => indexedDbStore({ name, journal }),
    async crash() {
      const copy = `disk-${++disks}`;
      await copyDatabase(`tidelock/${name}`, `tidelock/${copy}`);
      return fakeDisk(journal, copy);
    },
    remove: async () => void (await done(indexedDB.deleteDatabase(`tidelock/${name}`))),
  };
}

/** Folding after every few commits meets in one test what takes days otherwise. */
const eager: JournalBounds = { records: 3, pending: 8, characters: 20_000, overdue: 1 };

describe("The IndexedDB store", () => {
  for (const { name, run } of storeContract(async () => fakeDisk())) test(name, run);
});

describe("The IndexedDB store, folding all the time", () => {
  for (const { name, run } of storeContract(async () => fakeDisk(eager), { bigBatch: 20_000, seed: 2 }))
    test(name, run);
});

describe("The journal of the IndexedDB store", () => {
  after(() => mock.timers.reset());

  test("is folded into buckets when nobody commits for a while, until one record is left", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const store = indexedDbStore({ name: "quiet", journal: { records: 100 } });
    await store.open();
    const model = new MemoryStoreState();
    const commit = (batch: StoreBatch): Promise<void> => {
      model.apply(batch);
      return store.commit(batch);
    };
    await commit(
      batchOf({ put: numbered(0, 6000), putMutations: numbered(0, 600).map(({ at }) => mutationOf(at + 1)) }),
    );
    const bucketsBefore = await keysOf("quiet", "buckets");
    for (let at = 1; at <= 100; at++) {
      await commit(batchOf({ put: [rowOf(at * 59, at)], removeMutations: [at] }));
    }
    assert.ok((await keysOf("quiet", "journal")).length > 100);
    // A step folds a few buckets; then it waits again whether somebody commits.
    for (let step = 0; step < 20; step++) {
      mock.timers.tick(1000);
      await store.commit(batchOf({ removeMutations: [] }));
    }
    mock.timers.tick(1000);
    await store.close();
    mock.timers.reset();
    assert.ok((await keysOf("quiet", "journal")).length < 30, "the journal is still long");
    assert.equal((await keysOf("quiet", "buckets")).length, bucketsBefore.length);
    assertSame(await readAll("quiet"), model.read());
  });

  test("folds in any order of crashes: after every transaction the disk holds what was committed", async () => {
    const disk = fakeDisk(eager);
    const store = disk.store();
    const model = new MemoryStoreState();
    await store.open();
    for (let at = 1; at <= 120; at++) {
      const batch = batchOf({
        put: at % 30 === 0 ? numbered(at, 900) : [rowOf((at * 37) % 1500, at), rowOf((at * 53) % 1500, at)],
        remove: [["tasks", rowOf((at * 91) % 1500, at).id]],
        clear: at === 75 ? ["tasks"] : [],
        putMutations: [mutationOf(at)],
        removeMutations: at % 2 === 0 ? [at - 1] : [],
      });
      model.apply(batch);
      await store.commit(batch);
      const copy = await disk.crash?.();
      assert.ok(copy);
      const crashed = copy.store();
      assertSame(await crashed.open(), model.read());
      await crashed.close();
      await copy.remove();
    }
    await store.close();
  });

  test("splits buckets that grow and drops those that are emptied", async () => {
    const store = indexedDbStore({ name: "sizes", journal: eager });
    await store.open();
    await store.commit(batchOf({ put: numbered(0, 5000) }));
    assert.equal((await keysOf("sizes", "buckets")).length, 10);
    await store.commit(batchOf({ remove: numbered(0, 5000).map(({ collection, id }) => [collection, id] as const) }));
    assert.equal((await keysOf("sizes", "buckets")).length, 0);
    // Large rows make a bucket of their own rather than a large bucket.
    const large = numbered(0, 20).map(({ collection, id, at }): Row => ({
      collection,
      id,
      at,
      values: ["x".repeat(200_000)],
    }));
    await store.commit(batchOf({ clear: ["tasks"], put: large }));
    assert.equal((await keysOf("sizes", "buckets")).length, 20);
    await store.close();
    assert.equal((await readAll("sizes")).rows.length, 20);
  });

  test("finds rows again after rows before all others have filled their first bucket", async () => {
    const store = indexedDbStore({ name: "before" });
    await store.open();
    const model = new MemoryStoreState();
    // The third of the buckets that this makes starts where the only one did.
    for (const batch of [batchOf({ put: numbered(5000, 500) }), batchOf({ put: numbered(0, 1000) })]) {
      model.apply(batch);
      await store.commit(batch);
    }
    await store.close();
    assert.equal((await keysOf("before", "buckets")).length, 3);
    assertSame(await readAll("before"), model.read());
  });

  test("keeps mutations that come and go out of the buckets", async () => {
    const store = indexedDbStore({ name: "outbox", journal: eager });
    await store.open();
    for (let counter = 1; counter <= 50; counter++) {
      await store.commit(batchOf({ putMutations: [mutationOf(counter)] }));
      await store.commit(batchOf({ removeMutations: [counter] }));
    }
    await store.close();
    assert.deepEqual(await keysOf("outbox", "buckets"), []);
  });
});

describe("The IndexedDB store in trouble", () => {
  const restores: (() => void)[] = [];
  beforeEach(() => void (globalThis.indexedDB = new IDBFactory()));
  afterEach(() => {
    for (const restore of restores.splice(0).toReversed()) restore();
  });

  /** Replaces a method until the end of the test. */
  function patch(target: object, name: string, make: (original: Method) => Method): void {
    const original = Reflect.get(target, name) as Method;
    Reflect.set(target, name, make(original));
    restores.push(() => void Reflect.set(target, name, original));
  }

  /** Makes the next transactions that write fail with the given error, when they call the method. */
  function failWrites(times: number, error: string | null, method: "add" | "delete" | "commit" = "add"): void {
    let left = times;
    const target = method === "commit" ? IDBTransaction.prototype : IDBObjectStore.prototype;
    patch(
      target,
      method,
      (original) =>
        function (this: object, ...parts) {
          const transaction = (this instanceof IDBObjectStore ? this.transaction : this) as FakeTransaction;
          const isDoomed = transaction.mode === "readwrite" && left-- > 0;
          if (isDoomed && method === "commit") return transaction._abort(error);
          const result = original.apply(this, parts);
          if (isDoomed) transaction._abort(error);
          return result;
        },
    );
  }

  test("says store-quota when there is no space, keeps what it had, and goes on when there is", async () => {
    const store = await storeWith("full", [rowOf(1, 1)]);
    failWrites(1, "QuotaExceededError");
    const doomed = [2, 3].map((at) => store.commit(batchOf({ put: [rowOf(at, at)], putMutations: [mutationOf(at)] })));
    for (const commit of doomed) await assert.rejects(commit, { code: "store-quota" });
    await store.commit(batchOf({ put: [rowOf(4, 4)] }));
    await store.close();
    const { rows, mutations } = await readAll("full");
    assert.deepEqual([rows.map(({ at }) => at), mutations], [[1, 4], []]);
  });

  test("leaves nothing of a large batch that does not fit", async () => {
    const store = await storeWith("large", numbered(0, 3000));
    failWrites(1, "QuotaExceededError", "commit");
    await assert.rejects(store.commit(batchOf({ clear: ["tasks"], put: numbered(5000, 3000) })), {
      code: "store-quota",
    });
    await store.commit(batchOf({ put: [rowOf(1, 99)] }));
    await store.close();
    const { rows } = await readAll("large");
    assert.equal(rows.length, 3000);
    assert.equal(rows.find(({ id }) => id === rowOf(1, 0).id)?.at, 99);
  });

  test("leaves nothing of a batch that cannot be written down", async () => {
    const store = await storeWith("bigint", [rowOf(1, 1)]);
    const impossible = { ...rowOf(3, 3), values: [3n] } as unknown as Row;
    await assert.rejects(store.commit(batchOf({ put: [rowOf(2, 2), impossible] })), TidelockError);
    await store.close();
    assert.equal((await readAll("bigint")).rows.length, 1);
  });

  test("opens a full disk for reading, and claims it with the first commit that fits", async () => {
    await (await storeWith("read-only", [rowOf(1, 1)])).close();
    failWrites(1, "QuotaExceededError");
    const store = indexedDbStore({ name: "read-only" });
    assert.equal((await store.open()).rows.length, 1);
    await store.commit(batchOf({ put: [rowOf(2, 2)] }));
    await store.close();
    assert.equal((await readAll("read-only")).rows.length, 2);
  });

  test("loses nothing when folding meets a full disk", async () => {
    const store = indexedDbStore({ name: "fold", journal: eager });
    await store.open();
    for (let at = 1; at <= 40; at++) {
      // Only folding deletes journal records.
      if (at === 20) failWrites(2, "QuotaExceededError", "delete");
      await store.commit(batchOf({ put: [rowOf(at, at)] }));
    }
    assert.ok((await keysOf("fold", "journal")).length < 10);
    await store.close();
    assert.equal((await readAll("fold")).rows.length, 40);
  });

  test("resolves on complete only: a transaction undone after its requests succeeded is tried once more, then refused", async () => {
    const store = await storeWith("undone", [rowOf(1, 1)]);
    failWrites(1, null, "commit");
    await store.commit(batchOf({ put: [rowOf(2, 2)] }));
    failWrites(2, null, "commit");
    await assert.rejects(store.commit(batchOf({ put: [rowOf(3, 3)] })), { code: "store-unavailable" });
    await store.close();
    assert.deepEqual(
      (await readAll("undone")).rows.map(({ at }) => at),
      [1, 2],
    );
  });

  test("does not write twice what was written when the connection ended before it was told", async () => {
    const store = await storeWith("told", []);
    let untold = 1;
    patch(
      IDBDatabase.prototype,
      "transaction",
      (original) =>
        function (this: object, ...parts) {
          const transaction = original.apply(this, parts) as IDBTransaction;
          if (transaction.mode !== "readwrite" || untold-- <= 0) return transaction;
          const listen = transaction.addEventListener.bind(transaction) as (type: string, listener: unknown) => void;
          // Whoever waits for the end is told of an abort when it completes.
          const mislead = (type: string, listener: unknown): void => {
            if (type === "abort") listen("complete", listener);
          };
          Reflect.set(transaction, "addEventListener", mislead);
          return transaction;
        },
    );
    await store.commit(batchOf({ put: numbered(0, 700) }));
    const recordsAfterOne = (await keysOf("told", "journal")).length;
    await store.commit(batchOf({ put: numbered(700, 700) }));
    assert.equal((await keysOf("told", "journal")).length, recordsAfterOne + 1);
    await store.close();
    assert.equal((await readAll("told")).rows.length, 1400);
  });

  test("opens the database again when the browser closed it", async () => {
    const connections = watchConnections();
    const store = await storeWith("closed", [rowOf(1, 1)]);
    forceCloseDatabase(connections.at(-1) as never);
    await store.commit(batchOf({ put: [rowOf(2, 2)] }));
    await store.close();
    assert.equal((await readAll("closed")).rows.length, 2);
  });

  test("writes nothing into a database that was emptied behind its back", async () => {
    const connections = watchConnections();
    const store = await storeWith("emptied", [rowOf(1, 1)]);
    forceCloseDatabase(connections.at(-1) as never);
    await done(indexedDB.deleteDatabase("tidelock/emptied"));
    for (const at of [2, 3]) {
      await assert.rejects(store.commit(batchOf({ put: [rowOf(at, at)] })), {
        code: "store-unavailable",
        message: /deleted/,
      });
    }
    assert.deepEqual((await store.open()).rows, []);
    await store.commit(batchOf({ put: [rowOf(4, 4)] }));
    await store.close();
  });

  test("lets go when another tab deletes or upgrades the database, and says so", async () => {
    const store = await storeWith("upgrade", [rowOf(1, 1)]);
    await done(indexedDB.deleteDatabase("tidelock/upgrade"));
    await assert.rejects(store.commit(batchOf({ put: [rowOf(2, 2)] })), {
      code: "store-unavailable",
      message: /another tab/,
    });
    await store.close();
    assert.deepEqual((await readAll("upgrade")).rows, []);
  });

  test("belongs to the store that opened it last: another one writes nothing from then on", async () => {
    const frozen = await storeWith("tabs", [rowOf(1, 1)]);
    const leader = indexedDbStore({ name: "tabs" });
    assert.equal((await leader.open()).rows.length, 1);
    for (const at of [2, 3]) {
      const late = frozen.commit(batchOf({ put: [rowOf(at, at)], putMutations: [mutationOf(at)] }));
      await assert.rejects(late, { code: "store-unavailable", message: /another tab/ });
    }
    await leader.commit(batchOf({ put: [rowOf(4, 4)] }));
    await frozen.close();
    await leader.close();
    const { rows, mutations } = await readAll("tabs");
    assert.deepEqual([rows.map(({ at }) => at), mutations], [[1, 4], []]);
  });

  test("says store-corrupt for what cannot be read", async () => {
    const damages: Record<string, (buckets: IDBObjectStore, journal: IDBObjectStore) => void> = {
      "a bucket that is cut": (buckets) => buckets.put('[["a",1,[', ["tasks", "a"]),
      "a bucket that is not text": (buckets) => buckets.put(7, ["tasks", "a"]),
      "a bucket of other things": (buckets) => buckets.put('[{"id":1}]', ["tasks", "a"]),
      "a bucket under another key": (buckets) => buckets.put("[]", 5),
      "a journal with a gap": (_, journal) => journal.delete(2),
      "a record that is cut": (_, journal) => journal.put({ writer: 1, facts: null, changes: "[[],[[" }, 2),
      "a record of another form": (_, journal) => journal.put("text", 2),
      "facts that are none": (_, journal) => journal.put({ writer: 1, facts: "7", changes: null }, 2),
    };
    for (const [name, damage] of Object.entries(damages)) {
      await (await storeWith(name, [rowOf(1, 1)])).close();
      await (await storeWith(name, numbered(0, 600))).close();
      await alter(name, damage);
      await assert.rejects(indexedDbStore({ name }).open(), { code: "store-corrupt" }, name);
    }
  });

  test("says store-unavailable where there is no IndexedDB, where it is forbidden, and where it is newer", async () => {
    const real = globalThis.indexedDB;
    restores.push(() => void (globalThis.indexedDB = real));
    globalThis.indexedDB = undefined as unknown as IDBFactory;
    await assert.rejects(indexedDbStore({ name: "none" }).open(), { code: "store-unavailable" });
    globalThis.indexedDB = {
      open: () => {
        throw new DOMException("denied", "SecurityError");
      },
    } as unknown as IDBFactory;
    await assert.rejects(indexedDbStore({ name: "private" }).open(), {
      code: "store-unavailable",
      message: /SecurityError/,
    });
    globalThis.indexedDB = real;
    ((await done(indexedDB.open("tidelock/newer", 9))) as IDBDatabase).close();
    await assert.rejects(indexedDbStore({ name: "newer" }).open(), { code: "store-unavailable", message: /newer/ });
  });

  test("can be opened again after it was refused", async () => {
    const store = indexedDbStore({ name: "again" });
    const real = globalThis.indexedDB;
    globalThis.indexedDB = undefined as unknown as IDBFactory;
    await assert.rejects(store.open(), { code: "store-unavailable" });
    globalThis.indexedDB = real;
    await store.open();
    await store.commit(batchOf({ put: [rowOf(1, 1)] }));
    await store.close();
  });

  test("is durable only where the browser has promised to keep it", async () => {
    const store = indexedDbStore({ name: "durability" });
    await store.open();
    assert.equal(store.durability, "best-effort");
    await store.close();
    const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
    restores.push(() => Object.defineProperty(globalThis, "navigator", before ?? {}));
    Object.defineProperty(globalThis, "navigator", {
      configurable: true,
      value: { storage: { persisted: async () => true } },
    });
    await store.open();
    assert.equal(store.durability, "durable");
    await store.close();
  });

  /** The connections that stores open from now on. */
  function watchConnections(): IDBDatabase[] {
    const connections: IDBDatabase[] = [];
    patch(
      IDBDatabase.prototype,
      "transaction",
      (original) =>
        function (this: object, ...parts) {
          connections.push(this as IDBDatabase);
          return original.apply(this, parts);
        },
    );
    return connections;
  }
});

type Method = (this: object, ...parts: unknown[]) => unknown;
type FakeTransaction = IDBTransaction & { _abort(error: string | null): void };

async function storeWith(name: string, put: StoreBatch["put"]): Promise<Store> {
  const store = indexedDbStore({ name });
  await store.open();
  await store.commit(batchOf({ put }));
  return store;
}

async function readAll(name: string): Promise<StoredReplica> {
  const store = indexedDbStore({ name });
  const replica = await store.open();
  await store.close();
  return replica;
}

function assertSame(actual: StoredReplica, expected: StoredReplica): void {
  const sorted = ({ rows }: StoredReplica): string[] => rows.map((row) => JSON.stringify(row)).sort();
  assert.deepEqual(sorted(actual), sorted(expected));
  assert.deepEqual(actual.mutations, expected.mutations);
  assert.deepEqual(actual.facts, expected.facts);
}

function batchOf(parts: Partial<StoreBatch>): StoreBatch {
  return { facts: null, clear: [], put: [], remove: [], putMutations: [], removeMutations: [], ...parts };
}

type Row = StoreBatch["put"][number];

function rowOf(number: number, at: number): Row {
  const values: JsonValue[] = [`row ${number}`];
  return { collection: "tasks", id: `row-${String(number).padStart(6, "0")}` as Row["id"], at, values };
}

function numbered(first: number, count: number): Row[] {
  return Array.from({ length: count }, (_, index) => rowOf(first + index, index));
}

function mutationOf(counter: number): StoreBatch["putMutations"][number] {
  return { counter, collection: "tasks" } as unknown as StoreBatch["putMutations"][number];
}

function done<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("failed")));
  });
}

async function keysOf(name: string, store: "buckets" | "journal"): Promise<IDBValidKey[]> {
  const database = await done(indexedDB.open(`tidelock/${name}`));
  const keys = await done(database.transaction(store).objectStore(store).getAllKeys());
  database.close();
  return keys;
}

async function alter(name: string, change: (buckets: IDBObjectStore, journal: IDBObjectStore) => void): Promise<void> {
  const database = await done(indexedDB.open(`tidelock/${name}`));
  const transaction = database.transaction(["buckets", "journal"], "readwrite");
  change(transaction.objectStore("buckets"), transaction.objectStore("journal"));
  await new Promise((resolve) => transaction.addEventListener("complete", resolve));
  database.close();
}

/** What another program would find now: whole transactions only. */
async function copyDatabase(from: string, to: string): Promise<void> {
  const source = await done(indexedDB.open(from, 1));
  const names = ["buckets", "journal"] as const;
  const reading = source.transaction(names);
  const contents = await Promise.all(
    names.map(async (name) => {
      const store = reading.objectStore(name);
      return { name, keys: await done(store.getAllKeys()), values: (await done(store.getAll())) as unknown[] };
    }),
  );
  source.close();
  const opening = indexedDB.open(to, 1);
  opening.addEventListener("upgradeneeded", () => {
    for (const { name, keys, values } of contents) {
      const store = opening.result.createObjectStore(name);
      for (const [position, key] of keys.entries()) store.add(values[position], key);
    }
  });
  (await done(opening)).close();
}
