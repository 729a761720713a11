/** What runs in the browser for `indexeddb.test.ts`: functions that the test calls by name. */
import { indexedDbStore } from "@tidelock/client/indexeddb";
import type { StoreBatch } from "@tidelock/client/memory";
import { storeContract } from "@tidelock/testkit/conformance";

let disks = 0;

const cases = storeContract(
  async () => {
    const name = `contract-${performance.timeOrigin}-${++disks}`;
    return {
      store: () => indexedDbStore({ name }),
      remove: async () => {
        await new Promise((resolve, reject) => {
          const request = indexedDB.deleteDatabase(`tidelock/${name}`);
          request.addEventListener("success", resolve);
          request.addEventListener("error", reject);
        });
      },
    };
  },
  { histories: 25 },
);

const page = {
  /** Runs the contract; what failed, by name. */
  async runContract(): Promise<{ ran: string[]; failed: Record<string, string> }> {
    const failed: Record<string, string> = {};
    for (const { name, run } of cases) await run().catch((error: unknown) => (failed[name] = String(error)));
    return { ran: cases.map(({ name }) => name), failed };
  },

  /** Writes a snapshot of so many rows; milliseconds. */
  async writeSnapshot(count: number): Promise<number> {
    const store = indexedDbStore({ name: "measured" });
    await store.open();
    const put = Array.from({ length: count }, (_, index) => taskRow(index, index));
    const start = performance.now();
    await store.commit(batchOf({ facts: factsOf(1), clear: ["tasks"], put }));
    const spent = performance.now() - start;
    await store.close();
    return spent;
  },

  /** Opens the store of a page that has done nothing else; milliseconds. */
  async measureOpen(): Promise<{ rows: number; spent: number }> {
    const store = indexedDbStore({ name: "measured" });
    const start = performance.now();
    const { rows } = await store.open();
    const spent = performance.now() - start;
    await store.close();
    return { rows: rows.length, spent };
  },

  /** Milliseconds of commits that each put a row, a mutation and the facts, one awaited before the next. */
  async measureCommits(count: number, durability: "relaxed" | "strict"): Promise<number[]> {
    const store = indexedDbStore({ name: "measured", durability });
    await store.open();
    const spent: number[] = [];
    for (let number = 1; number <= count; number++) {
      const row = taskRow((number * 7919) % 100_000, number);
      const start = performance.now();
      await store.commit(batchOf({ facts: factsOf(number), put: [row], putMutations: [mutationOf(number)] }));
      spent.push(performance.now() - start);
    }
    await store.close();
    return spent;
  },

  /** Milliseconds until so many mutations, each a commit of its own that nobody waits for, are saved. */
  async measureBurst(count: number): Promise<number> {
    const store = indexedDbStore({ name: "burst" });
    await store.open();
    const start = performance.now();
    const commits = Array.from({ length: count }, (_, index) =>
      store.commit(batchOf({ facts: factsOf(index + 1), putMutations: [mutationOf(index + 1)] })),
    );
    await Promise.all(commits);
    const spent = performance.now() - start;
    await store.close();
    return spent;
  },

  /** Commits until the browser is killed, and reports the number of each commit that has resolved. */
  async writeForever(name: string, durability: "relaxed" | "strict"): Promise<void> {
    // Bounds as small as they can be make most transactions fold buckets, too.
    const store = indexedDbStore({ name, durability, journal: { records: 5, pending: 50, overdue: 1 } });
    await store.open();
    for (let number = 1; ; number++) {
      const committed = store.commit(numberedBatch(number)).then(() => console.log(`resolved ${number}`));
      if (number % 3 === 0) await committed;
    }
  },

  /** What a store finds: the number of the last commit, or what shows that one is there by half. */
  async findNumber(name: string): Promise<number | string> {
    const store = indexedDbStore({ name });
    const { facts, rows, mutations } = await store.open();
    await store.close();
    const number = facts?.counter ?? 0;
    const expected = new Map<string, number>();
    for (let each = 1; each <= number; each++) for (const { id, at } of numberedBatch(each).put) expected.set(id, at);
    const wrong = rows.filter(({ id, at }) => expected.get(id) !== at);
    if (wrong.length > 0)
      return `${wrong.length} rows are not of commit ${number}, such as ${JSON.stringify(wrong[0])}`;
    if (rows.length !== expected.size) return `${rows.length} rows instead of ${expected.size} at commit ${number}`;
    const counters = mutations.map(({ counter }) => counter).join();
    return number === 0 || counters === String(number) ? number : `mutations ${counters} at commit ${number}`;
  },
};

export type IndexedDbPage = typeof page;
Object.assign(globalThis, { page });

/** Rows spread over many buckets; now and then a large batch. */
function numberedBatch(number: number): StoreBatch {
  const count = number % 10 === 0 ? 3000 : 3;
  const put = Array.from({ length: count }, (_, index) => taskRow((number * 619 + index * 37) % 5000, number));
  return batchOf({ facts: factsOf(number), put, putMutations: [mutationOf(number)], removeMutations: [number - 1] });
}

function batchOf(parts: Partial<StoreBatch>): StoreBatch {
  return { facts: null, clear: [], put: [], remove: [], putMutations: [], removeMutations: [], ...parts };
}

type Row = StoreBatch["put"][number];

/** About 150 bytes of JSON. */
function taskRow(number: number, at: number): Row {
  const id = `0195e3a4-${(number & 0xffff).toString(16).padStart(4, "0")}-7000-8000-${String(number).padStart(12, "0")}`;
  const values = [
    `Task ${number}: call the customer back`,
    number % 3 === 0,
    "in-progress",
    number % 5,
    "2026-03-01T12:00:00Z",
    at,
  ];
  return { collection: "tasks", id: id as Row["id"], at, values };
}

function mutationOf(counter: number): StoreBatch["putMutations"][number] {
  const fields = { title: `Task ${counter}: call the customer back`, done: counter % 2 === 0 };
  const made = { counter, operation: "update", collection: "tasks", entity: taskRow(counter, 0).id, fields, seen: 17 };
  const state = {
    stamp: "0195e3a41234-0001",
    remaining: 0,
    state: "queued",
    offset: 0,
    outcome: null,
    detail: null,
    createdAt: 0,
  };
  return { ...made, ...state } as unknown as StoreBatch["putMutations"][number];
}

function factsOf(counter: number): NonNullable<StoreBatch["facts"]> {
  const columns = { tasks: ["title", "done", "status", "priority", "due", "order"] };
  const subscriptions = [{ collection: "tasks", filter: "{}", key: "k1" }];
  const rest = { epoch: null, checkpoint: counter, counter, decided: 0, stamp: "", columns, subscriptions };
  return { device: "device-1", ...rest, assigned: [], lastSyncedAt: null } as unknown as NonNullable<
    StoreBatch["facts"]
  >;
}
