/** The store contract is proved by stores with one bug each: every bug must fail a case that names it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryStoreState, memoryStore, type Store, type StoreBatch } from "@tidelock/client/memory";
import { type StoreDisk, storeContract } from "./store.ts";

/** Replaces some of a store's doors. */
type Bug = (store: Store) => Partial<Store>;

/** A store that keeps its promises, except where `bug` says otherwise. */
function brokenDisk(bug: Bug, state = new MemoryStoreState()): StoreDisk {
  return {
    store() {
      const store = memoryStore(state);
      return { ...store, ...bug(store) };
    },
    crash: async () => brokenDisk(bug, state.clone()),
    remove: async () => {},
  };
}

async function failingCases(makeDisk: () => StoreDisk): Promise<string[]> {
  const failing: string[] = [];
  for (const { name, run } of storeContract(async () => makeDisk(), { bigBatch: 500, histories: 20 })) {
    await run().catch(() => failing.push(name));
  }
  return failing;
}

/** A bug in what a batch does. */
const change =
  (edit: (batch: StoreBatch) => StoreBatch) =>
  (store: Store): Partial<Store> => ({ commit: (batch) => store.commit(edit(batch)) });

const blankFacts = { device: "device-1" } as unknown as NonNullable<StoreBatch["facts"]>;
const empty: StoreBatch = { facts: null, clear: [], put: [], remove: [], putMutations: [], removeMutations: [] };

/** Of the commits that are under way together, the second takes effect first. */
function reorder(store: Store): Partial<Store> {
  let waiting: (() => Promise<void>)[] = [];
  const run = async (): Promise<void> => {
    const [first, second, ...rest] = waiting;
    waiting = [];
    for (const commit of [second, first, ...rest]) await commit?.();
  };
  return {
    commit: (batch) =>
      new Promise((resolve, reject) => {
        waiting.push(() => store.commit(batch).then(resolve, reject));
        if (waiting.length === 1) queueMicrotask(() => void run());
      }),
    close: async () => {
      await run();
      await store.close();
    },
  };
}

/** Rows first, the rest a moment later. */
function halves(store: Store): Partial<Store> {
  return {
    commit: async (batch) => {
      await store.commit({ ...empty, clear: batch.clear, put: batch.put, remove: batch.remove });
      await new Promise((resolve) => setImmediate(resolve));
      await store.commit({ ...batch, clear: [], put: [], remove: [] });
    },
  };
}

/** Says that a commit is done before it is. */
function hurried(store: Store): Partial<Store> {
  let underWay: Promise<unknown> = Promise.resolve();
  return {
    commit: async (batch) => {
      const write = (): Promise<void> =>
        new Promise((resolve) => setImmediate(resolve)).then(() => store.commit(batch));
      underWay = underWay.then(write).catch(() => {});
    },
    close: async () => {
      await underWay;
      await store.close();
    },
  };
}

const bugs: Record<string, { bug: Bug; caughtBy: RegExp }> = {
  "loses a remove": {
    bug: change((batch) => ({ ...batch, remove: batch.remove.slice(1) })),
    caughtBy: /removed row stays removed/,
  },
  "loses the last row of a big batch": {
    bug: change((batch) => (batch.put.length > 300 ? { ...batch, put: batch.put.slice(0, -1) } : batch)),
    caughtBy: /rows fit in one batch/,
  },
  "loses a mutation that is replaced and removed": {
    bug: change((batch) => ({ ...batch, removeMutations: batch.putMutations.length > 0 ? [] : batch.removeMutations })),
    caughtBy: /counter order/,
  },
  "applies half a batch": { bug: halves, caughtBy: /no batch is there by half/ },
  "resolves before the batch is there": { bug: hurried, caughtBy: /there after a crash/ },
  "reorders two commits": { bug: reorder, caughtBy: /order of the calls/ },
  "forgets the facts when a batch has none": {
    bug: change((batch) => ({ ...batch, facts: batch.facts ?? blankFacts })),
    caughtBy: /null keeps them/,
  },
  "clears after putting": {
    bug: (store) => ({
      commit: async (batch) => {
        const isCleared = new Set(batch.clear);
        await store.commit({ ...batch, put: batch.put.filter(({ collection }) => !isCleared.has(collection)) });
      },
    }),
    caughtBy: /before anything is put/,
  },
  "clears collections whose names begin alike": {
    bug: change((batch) => ({ ...batch, clear: batch.clear.flatMap((name) => [name, `${name}-archive`]) })),
    caughtBy: /clear forgets the rows of its collections/,
  },
  "mistakes rows of one id in two collections": {
    bug: change((batch) => ({
      ...batch,
      remove: [...batch.remove, ...batch.remove.map(([, id]) => ["tasks", id] as const)],
    })),
    caughtBy: /by collection and id/,
  },
  "cuts text at a zero": {
    bug: change((batch) => ({ ...batch, put: batch.put.map((row) => ({ ...row, values: row.values.map(cutText) })) })),
    caughtBy: /values come back as they were/,
  },
  "closes without waiting": {
    bug: (store) => ({
      commit: async (batch) => {
        await new Promise((resolve) => setImmediate(resolve));
        await store.commit(batch);
      },
    }),
    caughtBy: /close waits/,
  },
};

function cutText(value: StoreBatch["put"][number]["values"][number]): typeof value {
  return typeof value === "string" ? (value.split("\0")[0] ?? "") : value;
}

describe("The store contract", () => {
  test("holds for a store without bugs", async () => {
    assert.deepEqual(await failingCases(() => brokenDisk(() => ({}))), []);
  });

  for (const [name, { bug, caughtBy }] of Object.entries(bugs)) {
    test(`catches a store that ${name}`, async () => {
      const failing = await failingCases(() => brokenDisk(bug));
      assert.ok(
        failing.some((each) => caughtBy.test(each)),
        `${caughtBy} did not fail, only: ${failing.join("; ")}`,
      );
    });
  }
});
