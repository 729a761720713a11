/** The storage contract is proved by storages with one bug each: every bug must fail the cases that name it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assert as invariant, type Epoch, parseEpoch } from "@tidelock/core";
import { memoryStorage, MemoryStorageState, StaleHead, type Storage } from "@tidelock/server/memory";
import { type StorageDisk, storageContract } from "./storage.ts";

/** Replaces some of a storage's doors. */
type Bug = (storage: Storage, state: MemoryStorageState) => Partial<Storage>;

let epochs = 0;
function nextEpoch(): Epoch {
  epochs += 1;
  const epoch = parseEpoch(`epoch-${epochs}-of-a-test`);
  invariant(epoch !== null, "a name");
  return epoch;
}

function brokenDisk(bug: Bug): StorageDisk {
  const state = new MemoryStorageState(nextEpoch);
  return {
    storage() {
      const storage = memoryStorage(state);
      return { ...storage, ...bug(storage, state) };
    },
    remove: async () => {},
  };
}

async function failingCases(bug: Bug): Promise<string[]> {
  const failing: string[] = [];
  for (const { name, run } of storageContract(async () => brokenDisk(bug), { histories: 20, isShrinking: false })) {
    await run().catch(() => failing.push(name));
  }
  return failing;
}

type Commits = Parameters<Storage["append"]>[0];

/** A bug in what is written. */
const change =
  (edit: (commits: Commits) => Commits): Bug =>
  (storage) => ({ append: (commits) => storage.append(edit(commits)) });

const bugs: readonly { readonly name: string; readonly bug: Bug; readonly caughtBy: readonly RegExp[] }[] = [
  {
    name: "an offset is skipped",
    bug: (storage) => ({
      readEvents: async (tenant, after, limit) =>
        (await storage.readEvents(tenant, after, limit)).filter(({ offset }) => offset !== 3),
    }),
    caughtBy: [/read by every door/, /whole transactions/, /random histories/],
  },
  {
    name: "an entity is lost when its commit has two",
    bug: change((commits) =>
      commits.map((commit) => Object.assign({}, commit, { entities: commit.entities.slice(-1) })),
    ),
    caughtBy: [/read by every door/, /tombstone/, /random histories/],
  },
  {
    name: "the head is not fenced: a stale commit is written at the head",
    bug: (storage) => ({
      async append(commits) {
        await storage.append(commits).catch(async (error: unknown) => {
          if (!(error instanceof StaleHead)) throw error;
          for (const commit of commits) {
            const { head } = await storage.openTenant(commit.tenant);
            const events = commit.events.map((event, index) => Object.assign({}, event, { offset: head + index + 1 }));
            await storage.append([Object.assign({}, commit, { head, events, receipts: [], decisions: [] })]);
          }
        });
      },
    }),
    caughtBy: [/stale, and nothing/, /together or not at all/, /a stale one fails alone/, /random histories/],
  },
  {
    name: "tenants are appended one by one",
    bug: (storage) => ({
      async append(commits) {
        for (const commit of commits) await storage.append([commit]);
      },
    }),
    caughtBy: [/together or not at all/, /random histories/],
  },
  {
    name: "a large transaction is cut at the limit",
    bug: (storage) => ({
      readEvents: async (tenant, after, limit) => (await storage.readEvents(tenant, after, limit)).slice(0, limit),
    }),
    caughtBy: [/whole transactions/],
  },
  {
    name: "rows are parsed and written anew",
    bug: change((commits) =>
      commits.map((commit) => {
        const entities = commit.entities.map((entity) =>
          Object.assign({}, entity, { row: entity.row === null ? null : JSON.stringify(JSON.parse(entity.row)) }),
        );
        return Object.assign({}, commit, { entities });
      }),
    ),
    caughtBy: [/byte for byte/],
  },
  {
    name: "a snapshot names an older moment than its rows",
    bug: (storage) => ({
      async snapshot(...parameters) {
        const snapshot = await storage.snapshot(...parameters);
        return { ...snapshot, offset: Math.max(0, snapshot.offset - 1) };
      },
    }),
    caughtBy: [/of one moment/, /random histories/],
  },
  {
    name: "pages repeat the entity that they start after",
    bug: (storage) => ({
      readPage: (tenant, collection, after, limit) =>
        storage.readPage(tenant, collection, after === null ? null : (after.slice(0, -1) as typeof after), limit),
    }),
    caughtBy: [/pages follow/],
  },
  {
    name: "trim forgets one event too many",
    bug: (storage) => ({ trim: (tenant, through) => storage.trim(tenant, through + 1) }),
    caughtBy: [/trim forgets/, /random histories/],
  },
  {
    name: "trim forgets decisions with their events",
    bug: (storage) => ({
      async readDecisions(tenant, query, limit) {
        const { floor } = await storage.openTenant(tenant);
        return (await storage.readDecisions(tenant, query, limit)).filter(({ offset }) => offset > floor);
      },
    }),
    caughtBy: [/trim forgets/, /outlive their events/],
  },
  {
    name: "decisions are written apart from the commit that has them",
    bug: (storage, state) => {
      let written: Commits[number]["decisions"] = [];
      return {
        async append(commits) {
          written = [...commits.flatMap(({ decisions }) => decisions), ...written];
          await storage.append(commits);
        },
        readDecisions: async (tenant, query, limit) =>
          written.length > 0 && Object.keys(query).length === 0 ? written : state.readDecisions(tenant, query, limit),
      };
    },
    caughtBy: [/with their events or not at all/, /stale, and nothing/, /random histories/],
  },
  {
    name: "pages of decisions repeat the one that they start before",
    bug: (storage) => ({
      readDecisions: (tenant, { before, ...query }, limit) =>
        storage.readDecisions(
          tenant,
          before === undefined ? query : { ...query, before: { offset: before.offset, index: before.index + 1 } },
          limit,
        ),
    }),
    caughtBy: [/page by page/, /random histories/],
  },
  {
    name: "a query by collection overlooks the winner",
    bug: (storage) => ({
      readDecisions: (tenant, { winner, ...query }, limit) =>
        storage.readDecisions(tenant, query.collection === undefined ? { ...query, winner } : query, limit),
    }),
    caughtBy: [/all that it names/],
  },
  {
    name: "every tenant sees the decisions of one",
    bug: (storage) => {
      let first: Commits[number]["tenant"] | null = null;
      return {
        openTenant(tenant) {
          first ??= tenant;
          return storage.openTenant(tenant);
        },
        readDecisions: (tenant, query, limit) => storage.readDecisions(first ?? tenant, query, limit),
      };
    },
    caughtBy: [/no tenant finds/, /random histories/],
  },
  {
    name: "trimmed events are still read by their offsets",
    bug: (storage) => {
      const kept: Array<readonly [string, Commits[number]["events"][number]]> = [];
      return {
        async append(commits) {
          await storage.append(commits);
          for (const { tenant, events } of commits) for (const event of events) kept.push([tenant, event]);
        },
        readEventsAt: async (tenant, offsets) =>
          kept.filter(([of, { offset }]) => of === tenant && offsets.includes(offset)).map(([, event]) => event),
      };
    },
    caughtBy: [/by their offsets/, /outlive their events/, /random histories/],
  },
  {
    name: "receipts are forgotten when the data is opened again",
    bug: (storage) => {
      let isReopened = false;
      return {
        open: async () => {
          isReopened = (await storage.tenants()).length > 0;
        },
        readReceipts: async (...parameters) => (isReopened ? [] : storage.readReceipts(...parameters)),
      };
    },
    caughtBy: [/closed and opened again/, /random histories/],
  },
];

describe("the storage contract catches", () => {
  for (const { name, bug, caughtBy } of bugs) {
    test(name, async () => {
      const failing = await failingCases(bug);
      for (const expected of caughtBy) {
        assert.ok(
          failing.some((failed) => expected.test(failed)),
          `${expected} did not fail; these did: ${failing.join("; ")}`,
        );
      }
    });
  }
});

test("the storage contract passes where nothing is broken", async () => {
  assert.deepEqual(await failingCases(() => ({})), []);
});
