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
            await storage.append([Object.assign({}, commit, { head, events, receipts: [] })]);
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
