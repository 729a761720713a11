/** Cases of the storage contract: decisions, and the events that they came from. */
import assert from "node:assert/strict";
import type { Commit, DecisionQuery, Storage, StoredDecision } from "@tidelock/server/memory";
import { QUERY_MEMBERS, StorageModel } from "./storage-model.ts";
import {
  commit,
  D,
  decision,
  entity,
  events,
  full,
  receipt,
  row,
  type StorageDisk,
  T,
  tenant,
  U,
} from "./storage-samples.ts";

export async function appendsDecisions(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  await storage.openTenant(U);
  const first = [full(0, 1), { ...full(0, 1), tenant: U }];
  await storage.append(first);
  model.append(first);
  // Each of these fails at another place: before anything is written, at the second tenant, in the middle of the writing.
  const failing: readonly (readonly Commit[])[] = [
    [full(0, 3)],
    [full(2, 3), { ...full(1, 3), tenant: U }],
    [full(2, 3), full(2, 5)],
    [full(2, 3), commit(T, 4, { events: events(4, 1), decisions: [decision(5)], receipts: [receipt(D, 1, 5)] })],
  ];
  const last = { ...full(2, 3), tenant: U };
  const calls = failing.map((commits, index) => assert.rejects(storage.append(commits), `append ${index}`));
  calls.push(storage.append([last]));
  await Promise.all(calls);
  model.append([last]);
  await model.expectIn(storage);
}

export async function refusesStrangeDecisions(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  await storage.append([full(0, 1)]);
  model.append([full(0, 1)]);
  const broken = [
    [decision(0)],
    [decision(2)],
    [decision(5)],
    [decision(3), decision(5)],
    [decision(3), decision(3)],
    [decision(3, 1), decision(3, 0)],
    [decision(4), decision(3)],
  ];
  for (const decisions of broken) {
    const what = JSON.stringify(decisions.map(({ offset, index }) => [offset, index]));
    const bad = commit(T, 2, { events: events(2, 2), entities: [row("tasks", "b", 3)], decisions });
    await assert.rejects(storage.append([bad]), what);
    const later = decisions.map((each) => ({ ...each, offset: each.offset + 2 }));
    const badLater = commit(T, 4, { events: events(4, 2), decisions: later });
    await assert.rejects(storage.append([full(2, 3), badLater]), `${what} after a good commit`);
    await assert.rejects(storage.append([commit(T, 2, { decisions })]), `${what} without events`);
  }
  await model.expectIn(storage);
}

export async function pagesDecisions(storage: Storage): Promise<void> {
  await storage.openTenant(T);
  // The event at offset n has n % 4 decisions.
  const decisionsAt = (offset: number): StoredDecision[] =>
    Array.from({ length: offset % 4 }, (_, index) => decision(offset, index));
  const all: StoredDecision[] = [];
  for (let head = 0; head < 40; head += 8) {
    const log = events(head, 8);
    const decisions = log.flatMap(({ offset }) => decisionsAt(offset));
    await storage.append([commit(T, head, { events: log, decisions })]);
    all.unshift(...decisions.reverse());
  }
  assert.equal(all.length, 60);
  for (const limit of [1, 2, 7, 60, 1000]) {
    const seen: StoredDecision[] = [];
    let before: DecisionQuery["before"];
    for (let isLast = false; !isLast;) {
      const page = await storage.readDecisions(T, { before }, limit);
      assert.equal(page.length, Math.min(limit, all.length - seen.length));
      seen.push(...page);
      before = page.at(-1);
      isLast = page.length < limit;
    }
    assert.deepEqual(seen, all, `pages of ${limit}`);
  }
  const newest = async (offset: number, index: number): Promise<unknown> => {
    const [found] = await storage.readDecisions(T, { before: { offset, index } }, 1);
    return found === undefined ? null : [found.offset, found.index];
  };
  assert.deepEqual(await newest(7, 3), [7, 2]);
  assert.deepEqual(await newest(7, 1), [7, 0]);
  assert.deepEqual(await newest(7, 0), [6, 1]);
  assert.deepEqual(await newest(8, 0), [7, 2], "before a decision that does not exist");
  assert.deepEqual(await newest(1, 0), null);
  assert.deepEqual(await newest(0, 0), null);
  assert.deepEqual(await newest(Number.MAX_SAFE_INTEGER, 0), [39, 2]);
  assert.deepEqual(await storage.readDecisions(T, {}, 0), []);
}

/** Every combination of some values, no two in a row alike in any of them for long. */
function everyKind(): StoredDecision[] {
  const kinds: Partial<StoredDecision>[] = [];
  for (const collection of ["tasks", "notes"])
    for (const id of ["a", "b"])
      for (const field of ["title", "done", null])
        for (const policy of ["lww", "resolve/max"])
          for (const winner of ["current", "incoming", "review"])
            kinds.push({ collection, entity: entity(id), field, policy, winner });
  return kinds.map((_, index) => decision(Math.floor(index / 2) + 1, index % 2, kinds[(index * 31) % kinds.length]));
}

export async function findsDecisions(storage: Storage): Promise<void> {
  const model = new StorageModel();
  await storage.openTenant(T);
  const decisions = everyKind();
  const all = commit(T, 0, { events: events(0, decisions.length / 2), decisions });
  await storage.append([all]);
  model.append([all]);
  const strange = { collection: "nowhere", entity: entity("c"), field: "", policy: "LWW", winner: "cur%" };
  const samples = decisions.slice(20, 24).map(({ field, ...sample }) => ({ ...sample, field: field ?? "title" }));
  for (let chosen = 0; chosen < 2 ** QUERY_MEMBERS.length; chosen++) {
    const members = QUERY_MEMBERS.filter((_, index) => (chosen & (1 << index)) !== 0);
    for (const sample of samples) {
      const query = Object.fromEntries(members.map((member) => [member, sample[member]]));
      for (const before of [undefined, { offset: 17, index: 1 }]) {
        for (const limit of [3, 1000]) {
          const expected = model
            .tenant(T)
            .decisions({ ...query, before })
            .slice(0, limit);
          const found = await storage.readDecisions(T, { ...query, before }, limit);
          assert.deepEqual(found, expected, JSON.stringify({ ...query, before, limit }));
        }
      }
      for (const member of members) {
        assert.deepEqual(await storage.readDecisions(T, { ...query, [member]: strange[member] }, 1000), []);
      }
    }
  }
  const undefinedMembers = { collection: undefined, entity: undefined, field: undefined, policy: undefined };
  const found = await storage.readDecisions(T, { ...undefinedMembers, winner: "review", before: undefined }, 1000);
  assert.equal(found.length, decisions.length / 3, "what is undefined is not asked for");
}

export async function keepsDecisions(disk: StorageDisk): Promise<void> {
  const model = new StorageModel();
  const commits = [full(0, 1), full(2, 3), full(4, 5)];
  const first = disk.storage();
  await first.open();
  await first.openTenant(T);
  await first.append(commits);
  model.append(commits);
  await first.trim(T, 4);
  model.trim(T, 4);
  await model.expectIn(first);
  await first.close();
  const again = disk.storage();
  await again.open();
  await model.expectIn(again);
  assert.deepEqual(await again.readEventsAt(T, [1, 2, 3, 4]), []);
  const old = await again.readDecisions(T, { entity: entity("a"), before: { offset: 3, index: 0 } }, 10);
  assert.deepEqual(old, [...(commits[0]?.decisions ?? [])].reverse());
  await again.trim(T, 6);
  model.trim(T, 6);
  await again.append([full(6, 7)]);
  model.append([full(6, 7)]);
  await model.expectIn(again);
  await again.close();
}

export async function separatesDecisions(storage: Storage): Promise<void> {
  const tenants = [T, U, tenant("acme2"), tenant("a")];
  const of = (name: string, offset: number): StoredDecision => decision(offset, 0, { body: `{"of":"${name}"}` });
  for (const each of tenants) {
    await storage.openTenant(each);
    const decisions = [of(each, 1), of(each, 3)];
    const log = events(0, 1, 1, 1).map((event) => ({ ...event, body: `{"of":"${each}"}` }));
    await storage.append([commit(each, 0, { events: log, decisions })]);
  }
  const queries: DecisionQuery[] = [
    {},
    { collection: "tasks" },
    { entity: entity("a") },
    { policy: "lww" },
    { winner: "current" },
    { field: "title" },
  ];
  const beyond = [2 ** 40 + 1, 2 ** 41 + 1, 2 ** 42 + 3, Number.MAX_SAFE_INTEGER];
  for (const each of tenants) {
    for (const query of queries) {
      for (const offset of [4, ...beyond]) {
        const found = await storage.readDecisions(each, { ...query, before: { offset, index: 0 } }, 1000);
        assert.deepEqual(found, [of(each, 3), of(each, 1)], JSON.stringify({ ...query, offset }));
      }
      assert.deepEqual(await storage.readDecisions(each, { ...query, before: { offset: 1, index: 0 } }, 1000), []);
    }
    const read = await storage.readEventsAt(each, [2, 4, ...beyond]);
    assert.deepEqual(read, [{ offset: 2, remaining: 0, body: `{"of":"${each}"}` }]);
  }
  await storage.append([
    commit(U, 3, { events: events(3, 1), decisions: [decision(4, 0, { collection: "notes", policy: "review" })] }),
  ]);
  assert.deepEqual(await storage.readDecisions(T, { collection: "notes" }, 10), []);
  assert.deepEqual(await storage.readDecisions(T, { policy: "review" }, 10), []);
  assert.deepEqual(await storage.readDecisions(tenant("nobody"), {}, 10), []);
  assert.deepEqual(await storage.readEventsAt(tenant("nobody"), [1]), []);
}

export async function readsEventsAt(storage: Storage): Promise<void> {
  await storage.openTenant(T);
  const log = events(0, 1, 3, 1, 4, ...Array.from({ length: 1191 }, () => 1));
  assert.equal(log.length, 1200);
  const read = async (...offsets: readonly number[]): Promise<void> => {
    const found = [...(await storage.readEventsAt(T, offsets))].sort((left, right) => left.offset - right.offset);
    const { floor, head } = await storage.openTenant(T);
    const expected = log.filter(({ offset }) => offset > floor && offset <= head && offsets.includes(offset));
    assert.deepEqual(found, expected, `offsets ${offsets.slice(0, 10).join()}`);
  };
  await read(1, 2);
  await storage.append([commit(T, 0, { events: log.slice(0, 9) })]);
  await read();
  await read(0);
  await read(9, 1, 3);
  await read(3, 3, 10, 1, 3, 0, 999_999);
  const appended = storage.append([commit(T, 9, { events: log.slice(9) })]);
  await appended;
  await read(1200, 1201, 10);
  const thousand = Array.from({ length: 1000 }, (_, index) => (index * 7) % 1300);
  await read(...thousand);
  await storage.trim(T, 7);
  await read(1, 4, 5, 6, 7, 8, 9);
  await read(...thousand);
  await storage.trim(T, 1200);
  await read(...thousand);
}

/** Stores each text as every text of a decision, and asks for it by each. */
export async function expectHostileDecisions(storage: Storage, head: number, texts: readonly string[]): Promise<void> {
  const log = events(head, texts.length);
  const decisions = texts.map((text, index) =>
    decision(head + index + 1, 0, { field: text, policy: text, winner: text, body: text }),
  );
  await storage.append([commit(T, head, { events: log, decisions })]);
  for (const expected of decisions) {
    const { field, policy, winner } = expected;
    assert.ok(field !== null);
    for (const query of [{ field }, { policy }, { winner }, { field, policy, winner, collection: "tasks" }]) {
      assert.deepEqual(await storage.readDecisions(T, query, 1000), [expected]);
    }
    assert.deepEqual(await storage.readDecisions(T, { collection: field }, 1000), []);
  }
}
