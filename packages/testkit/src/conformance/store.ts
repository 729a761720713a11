/**
 * What every client store must do (`store.ts` in `@tidelock/client`): the port's promises as cases that any test runner
 * can run, in Node or in a browser.
 *
 * Each case gets a disk of its own. What is committed through one store is compared with what a store opened later on the
 * same disk gives back; `MemoryStoreState` says what that should be. Where a disk can be copied while a store is still
 * writing, the cases about crashes run too.
 */
import {
  MemoryStoreState,
  type Store,
  type StoreBatch,
  type StoredFacts,
  type StoredMutation,
  type StoredReplica,
  type StoredRow,
} from "@tidelock/client/memory";
import {
  assert,
  canonicalJson,
  type JsonValue,
  parseDeviceId,
  parseEntityId,
  type EntityId,
  ZERO_STAMP,
} from "@tidelock/core";
import fc from "fast-check";

/** Somewhere to keep a replica, empty at first. */
export interface StoreDisk {
  /** A new store on what the disk holds. At most one is open at a time. */
  store(): Store;
  /** The disk as it would be found if the program ended now, without closing anything. */
  crash?(): Promise<StoreDisk>;
  /** Frees what the disk used. */
  remove(): Promise<void>;
}

export interface StoreCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

export interface StoreContractOptions {
  /** Seed of the random cases. */
  readonly seed?: number;
  /** How many random histories are tried. */
  readonly histories?: number;
  /** Rows of the big batch. */
  readonly bigBatch?: number;
}

/** The cases. Run each on its own; one fails by rejecting. */
export function storeContract(
  makeDisk: () => Promise<StoreDisk>,
  { seed = 1, histories = 40, bigBatch = 50_000 }: StoreContractOptions = {},
): StoreCase[] {
  const onDisk = (name: string, run: (disk: StoreDisk) => Promise<void>): StoreCase => ({
    name,
    run: async () => {
      const disk = await makeDisk();
      try {
        await run(disk);
      } finally {
        await disk.remove();
      }
    },
  });
  return [
    onDisk("a new store holds nothing", startsEmpty),
    onDisk("a store opened again gives back exactly what was committed", keepsEverything),
    onDisk("facts are replaced as a whole, and null keeps them", keepsFacts),
    onDisk("clear forgets the rows of its collections, before anything is put", clearsFirst),
    onDisk("rows are put, replaced and removed by collection and id", putsAndRemovesRows),
    onDisk("a removed row stays removed", forgetsRemovedRows),
    onDisk("mutations come back in counter order, replaced and removed by counter", keepsOutbox),
    onDisk("commits take effect in the order of the calls, also when nobody waits for them", keepsOrder),
    onDisk("values come back as they were: any text, any depth, any number", keepsValues),
    onDisk("an empty batch changes nothing", acceptsEmptyBatch),
    onDisk("close waits for the commits before it", closesAfterCommits),
    onDisk("a commit to a store that is not open is refused", refusesWhenClosed),
    onDisk(`${bigBatch} rows fit in one batch`, (disk) => acceptsBigBatch(disk, bigBatch)),
    onDisk("thousands of small commits leave what they say", (disk) => survivesManyCommits(disk, bigBatch / 25)),
    onDisk("what was resolved is there after a crash, and no batch is there by half", survivesCrash),
    {
      name: "random batches, reopened at random moments, agree with the model",
      run: () => agreesWithModel(makeDisk, seed, histories),
    },
  ];
}

async function startsEmpty(disk: StoreDisk): Promise<void> {
  const store = disk.store();
  expectReplica(await store.open(), { facts: null, rows: [], mutations: [] });
  await store.close();
  await expectOnDisk(disk, new MemoryStoreState());
}

async function keepsEverything(disk: StoreDisk): Promise<void> {
  await commitAndCompare(disk, [
    batch({
      facts: facts(1),
      put: [row("tasks", "a", 1), row("notes", "a", 2)],
      putMutations: [mutation(1), mutation(2)],
    }),
    batch({ facts: { ...facts(2), assigned: [[entity("tmp"), entity("final")]], lastSyncedAt: 1_772_366_400_000 } }),
    batch({ putMutations: [{ ...mutation(3), state: "decided", offset: 17, outcome: "merged" }] }),
  ]);
}

async function keepsFacts(disk: StoreDisk): Promise<void> {
  await commitAndCompare(disk, [
    batch({ facts: facts(7) }),
    batch({ put: [row("tasks", "a", 1)] }),
    batch({ facts: { ...facts(8), columns: { tasks: ["title", "done"] }, epoch: null } }),
    batch({ removeMutations: [1] }),
  ]);
}

async function clearsFirst(disk: StoreDisk): Promise<void> {
  const old = ["a", "b", "c"].map((id) => row("tasks", id, 1));
  await commitAndCompare(disk, [
    batch({ put: [...old, row("tasks-archive", "a", 1), row("notes", "a", 1)] }),
    batch({ clear: ["tasks", "unknown"], put: [row("tasks", "b", 2), row("tasks", "d", 2)] }),
    batch({ put: [row("tasks", "e", 3)] }),
    batch({ clear: ["notes"] }),
  ]);
}

async function putsAndRemovesRows(disk: StoreDisk): Promise<void> {
  await commitAndCompare(disk, [
    batch({ put: [row("tasks", "a", 1), row("tasks", "b", 1), row("notes", "a", 1)] }),
    batch({
      put: [row("tasks", "a", 2)],
      remove: [
        ["tasks", entity("b")],
        ["tasks", entity("never-there")],
      ],
    }),
    batch({ put: [row("tasks", "b", 3), row("tasks", "B", 3)] }),
    batch({
      put: [row("tasks", "c", 4), row("tasks", "c", 5)],
      remove: [
        ["notes", entity("a")],
        ["none", entity("a")],
      ],
    }),
  ]);
}

async function forgetsRemovedRows(disk: StoreDisk): Promise<void> {
  const ids = Array.from({ length: 40 }, (_, index) => `row-${index}`);
  const first = [batch({ put: ids.map((id) => row("tasks", id, 1)) })];
  await commitAndCompare(disk, first);
  const removals = [
    batch({ remove: ids.slice(0, 20).map((id): [string, EntityId] => ["tasks", entity(id)]) }),
    ...ids.slice(20, 39).map((id) => batch({ remove: [["tasks", entity(id)]] })),
    batch({ put: [row("tasks", "brief", 2)] }),
    batch({ remove: [["tasks", entity("brief")]] }),
  ];
  await commitAndCompare(disk, removals, { before: first });
}

async function keepsOutbox(disk: StoreDisk): Promise<void> {
  await commitAndCompare(disk, [
    batch({ putMutations: [mutation(10), mutation(2), mutation(9)] }),
    batch({ putMutations: [mutation(1), { ...mutation(9), state: "rejected", outcome: "rejected" }] }),
    batch({ putMutations: [mutation(100), mutation(3)], removeMutations: [2, 10, 77] }),
    batch({ putMutations: [mutation(2 ** 40)], removeMutations: [1] }),
  ]);
}

/** Every commit writes a row that its neighbour before it wrote too, so that any two that change places are seen. */
async function keepsOrder(disk: StoreDisk): Promise<void> {
  const writes = Array.from({ length: 200 }, (_, index) =>
    batch({
      facts: facts(index),
      clear: index % 50 === 49 ? ["notes"] : [],
      put: [
        row("tasks", `even-${index >> 1}`, index),
        row("tasks", `odd-${(index + 1) >> 1}`, index),
        row("notes", `n${index % 7}`, index),
      ],
      remove: index % 3 === 0 ? [["notes", entity(`n${(index + 3) % 7}`)]] : [],
      putMutations: [mutation(index + 1)],
      removeMutations: index % 4 === 0 ? [index] : [],
    }),
  );
  await commitAndCompare(disk, writes, { atOnce: true });
}

async function keepsValues(disk: StoreDisk): Promise<void> {
  const texts = [
    "",
    "\0",
    "\u0001\u001f\"\\'`",
    "\u2028\u2029",
    "日本語 🏳️‍🌈 e\u0301",
    "'); DROP TABLE rows; --",
    "x".repeat(70_000),
  ];
  const numbers = [0, -1, 0.1, 1e300, 5e-324, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  const nested: JsonValue = {
    "": [[], {}, [null, { "a b": [true, false] }]],
    "constructor": 1,
    "$ref": "x",
    "ключ": texts,
  };
  const values: JsonValue[] = [null, true, ...texts, ...numbers, nested];
  await commitAndCompare(disk, [
    batch({
      facts: { ...facts(1), stamp: texts.join(), columns: { "a": texts, "": [] } },
      put: [
        { ...row("tasks", "a", Number.MAX_SAFE_INTEGER), values },
        { ...row("tasks", "empty", 0), values: [] },
      ],
      putMutations: [{ ...mutation(1), fields: { nested, text: texts.join() } }],
    }),
    batch({ put: values.map((value, index) => row("tasks", `one-${index}`, index, [value])) }),
  ]);
}

async function acceptsEmptyBatch(disk: StoreDisk): Promise<void> {
  await commitAndCompare(disk, [
    batch({}),
    batch({ facts: facts(1), put: [row("tasks", "a", 1)] }),
    batch({}),
    batch({}),
  ]);
}

async function closesAfterCommits(disk: StoreDisk): Promise<void> {
  const store = disk.store();
  await store.open();
  let resolved = 0;
  const commits = [1, 2, 3].map((value) =>
    store.commit(batch({ put: [row("tasks", `row-${value}`, value)] })).then(() => resolved++),
  );
  await store.close();
  await Promise.all(commits);
  assert(resolved === 3, "a commit before close did not resolve");
  await store.close();
  await expectOnDisk(disk, modelOf([batch({ put: [1, 2, 3].map((value) => row("tasks", `row-${value}`, value)) })]));
}

async function refusesWhenClosed(disk: StoreDisk): Promise<void> {
  const store = disk.store();
  const early = await codeOf(store.commit(batch({ facts: facts(1) })));
  assert(early === "store-unavailable", `a commit before open gave ${early}`);
  await store.open();
  await store.close();
  const late = await codeOf(store.commit(batch({ facts: facts(1) })));
  assert(late === "store-unavailable", `a commit after close gave ${late}`);
  await expectOnDisk(disk, new MemoryStoreState());
}

async function acceptsBigBatch(disk: StoreDisk, size: number): Promise<void> {
  const rows = Array.from({ length: size }, (_, index) => row("tasks", scattered(index), index));
  const some = rows.filter((_, index) => index % 3 === 0);
  await commitAndCompare(disk, [
    batch({ put: [row("tasks", "old", 1)], putMutations: [mutation(1)] }),
    batch({ facts: facts(1), clear: ["tasks"], put: rows, putMutations: [mutation(2)], removeMutations: [1] }),
    batch({ put: some.map((each) => ({ ...each, at: each.at + 1 })) }),
    batch({ remove: some.slice(0, 100).map(({ collection, id }): [string, EntityId] => [collection, id]) }),
    batch({
      put: rows.slice(10, 20),
      remove: rows.slice(0, size / 2).map(({ collection, id }): [string, EntityId] => [collection, id]),
    }),
  ]);
}

async function survivesManyCommits(disk: StoreDisk, count: number): Promise<void> {
  const spread = 37;
  const batches = Array.from({ length: count }, (_, index) =>
    batch({
      facts: facts(index),
      put: [row("tasks", scattered((index * spread) % (count / 2)), index)],
      remove: index % 5 === 0 ? [["tasks", entity(scattered((index * 11) % count))]] : [],
      putMutations: [mutation(index + 1)],
      removeMutations: index >= 3 ? [index - 2] : [],
    }),
  );
  const model = new MemoryStoreState();
  // In bursts, so that some commits are alone and some come together.
  const store = disk.store();
  await store.open();
  for (let start = 0; start < batches.length; start += 7) {
    const burst = batches.slice(start, start + 7);
    const commits = burst.map((each) => store.commit(each));
    for (const each of burst) model.apply(each);
    await Promise.all(commits);
  }
  await store.close();
  await expectOnDisk(disk, model);
}

/** Every batch writes the same number in four places, so that a batch that is there by half is seen. */
async function survivesCrash(disk: StoreDisk): Promise<void> {
  if (disk.crash === undefined) return;
  const numbered = (number: number): StoreBatch =>
    batch({
      facts: facts(number),
      put: [row("tasks", "last", number), row("notes", `n${number}`, number)],
      remove: [["notes", entity(`n${number - 1}`)]],
      putMutations: [mutation(number)],
      removeMutations: [number - 1],
    });
  const store = disk.store();
  await store.open();
  let resolved = 0;
  const underWay: Promise<void>[] = [];
  for (let number = 1; number <= 60; number++) {
    const commit = store.commit(numbered(number)).then(() => void (resolved = Math.max(resolved, number)));
    underWay.push(commit);
    if (number % 9 === 0) await underWay[number - 5];
    if (number % 13 !== 0) continue;
    const known = resolved;
    const found = await disk.crash();
    const replica = await readAll(found);
    await found.remove();
    const reached = replica.facts?.counter ?? 0;
    assert(reached >= known, `commit ${known} had resolved, but after a crash only ${reached} is there`);
    expectReplica(replica, modelOf(Array.from({ length: reached }, (_, index) => numbered(index + 1))).read());
  }
  await Promise.all(underWay);
  await store.close();
}

async function agreesWithModel(makeDisk: () => Promise<StoreDisk>, seed: number, histories: number): Promise<void> {
  const seen = { reopened: 0, cleared: 0, removed: 0 };
  const property = fc.asyncProperty(fc.array(step(), { maxLength: 30 }), async (steps) => {
    const disk = await makeDisk();
    try {
      await followSteps(disk, steps, seen);
    } finally {
      await disk.remove();
    }
  });
  await fc.assert(property, { seed, numRuns: histories });
  const enough = seen.reopened >= histories / 2 && seen.cleared >= histories / 4 && seen.removed >= histories;
  assert(enough, `the random histories did too little: ${canonicalJson(seen)}`);
}

interface Step {
  readonly batch: StoreBatch;
  readonly wait: boolean;
  readonly reopen: boolean;
}

async function followSteps(
  disk: StoreDisk,
  steps: readonly Step[],
  seen: { reopened: number; cleared: number; removed: number },
): Promise<void> {
  const model = new MemoryStoreState();
  let store = disk.store();
  expectReplica(await store.open(), model.read());
  let underWay: Promise<void>[] = [];
  for (const { batch, wait, reopen } of steps) {
    const { rows, mutations } = model.read();
    model.apply(batch);
    seen.cleared += Number(batch.clear.some((name) => rows.some(({ collection }) => collection === name)));
    seen.removed += Number(
      batch.remove.some(([name, id]) => rows.some((row) => row.collection === name && row.id === id)),
    );
    seen.removed += Number(batch.removeMutations.some((counter) => mutations.some((each) => each.counter === counter)));
    underWay.push(store.commit(batch));
    if (!wait && !reopen) continue;
    await Promise.all(underWay);
    underWay = [];
    if (!reopen) continue;
    seen.reopened++;
    await store.close();
    store = disk.store();
    expectReplica(await store.open(), model.read());
  }
  await Promise.all(underWay);
  await store.close();
  await expectOnDisk(disk, model);
}

/** Few names, so that batches meet each other's rows; sizes around those at which stores change their ways. */
function step(): fc.Arbitrary<Step> {
  const collection = fc.constantFrom("tasks", "notes", "labels");
  const id = fc.oneof(
    { weight: 4, arbitrary: fc.nat(12).map((value) => entity(`row-${value}`)) },
    { weight: 1, arbitrary: fc.nat(2000).map((value) => entity(scattered(value))) },
  );
  const values = fc.array(
    fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue),
    { maxLength: 3 },
  );
  const oneRow = fc.record({ collection, id, at: fc.nat(), values });
  const manyRows = fc
    .record({ collection, start: fc.nat(1000), count: fc.integer({ min: 300, max: 1200 }), at: fc.nat() })
    .map(({ collection, start, count, at }) =>
      Array.from({ length: count }, (_, index) => row(collection, scattered(start + index), at)),
    );
  const counter = fc.integer({ min: 1, max: 20 });
  const batches = fc.record({
    facts: fc.option(fc.nat().map(facts)),
    clear: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.uniqueArray(collection, { maxLength: 2 }) },
    ),
    put: fc.oneof({ weight: 9, arbitrary: fc.array(oneRow, { maxLength: 6 }) }, { weight: 1, arbitrary: manyRows }),
    remove: fc.array(fc.tuple(collection, id), { maxLength: 4 }),
    putMutations: fc.array(counter.map(mutation), { maxLength: 4 }),
    removeMutations: fc.array(counter, { maxLength: 3 }),
  });
  return fc.record({
    batch: batches,
    wait: fc.boolean(),
    reopen: fc.integer({ min: 0, max: 5 }).map((value) => value === 0),
  });
}

/** Commits the batches, one after the other or all at once, and compares what the disk then holds with the model. */
async function commitAndCompare(
  disk: StoreDisk,
  batches: readonly StoreBatch[],
  { before = [], atOnce = false }: { readonly before?: readonly StoreBatch[]; readonly atOnce?: boolean } = {},
): Promise<void> {
  const store = disk.store();
  expectReplica(await store.open(), modelOf(before).read());
  const underWay: Promise<void>[] = [];
  for (const each of batches) {
    const commit = store.commit(each);
    underWay.push(commit);
    if (!atOnce) await commit;
  }
  await Promise.all(underWay);
  await store.close();
  await expectOnDisk(disk, modelOf([...before, ...batches]));
}

function modelOf(batches: readonly StoreBatch[]): MemoryStoreState {
  const model = new MemoryStoreState();
  for (const each of batches) model.apply(each);
  return model;
}

async function expectOnDisk(disk: StoreDisk, model: MemoryStoreState): Promise<void> {
  expectReplica(await readAll(disk), model.read());
}

async function readAll(disk: StoreDisk): Promise<StoredReplica> {
  const store = disk.store();
  const replica = await store.open();
  await store.close();
  return replica;
}

/** Rows have no order; mutations do. */
function expectReplica(actual: StoredReplica, expected: StoredReplica): void {
  expectSame("facts", [text(actual.facts)], [text(expected.facts)]);
  expectSame("mutations", actual.mutations.map(text), expected.mutations.map(text));
  expectSame("rows", actual.rows.map(text).sort(), expected.rows.map(text).sort());
}

function expectSame(what: string, actual: readonly string[], expected: readonly string[]): void {
  const length = Math.max(actual.length, expected.length);
  for (let index = 0; index < length; index++) {
    const [found, wanted] = [actual[index], expected[index]];
    if (found === wanted) continue;
    const counts = `${actual.length} instead of ${expected.length}`;
    const brief = (value: string | undefined): string => value?.slice(0, 300) ?? "nothing";
    throw new Error(`${what} differ (${counts}), first: ${brief(found)} instead of ${brief(wanted)}`);
  }
}

function text(value: StoredFacts | StoredRow | StoredMutation | null): string {
  return canonicalJson(JSON.parse(JSON.stringify(value)) as JsonValue);
}

async function codeOf(refused: Promise<unknown>): Promise<string> {
  try {
    await refused;
    return "no error";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

function batch(parts: Partial<StoreBatch>): StoreBatch {
  return { facts: null, clear: [], put: [], remove: [], putMutations: [], removeMutations: [], ...parts };
}

function facts(counter: number): StoredFacts {
  const device = parseDeviceId("device-1");
  assert(device !== null, "a device id");
  const subscriptions = [{ collection: "tasks", filter: "{}", key: counter % 2 === 0 ? null : "key" }];
  const rest = { decided: 0, stamp: "", columns: {}, subscriptions, assigned: [], lastSyncedAt: null };
  return { device, epoch: null, checkpoint: counter, counter, ...rest };
}

function row(
  collection: string,
  id: string,
  at: number,
  values: readonly JsonValue[] = [`value ${at}`, null],
): StoredRow {
  return { collection, id: entity(id), at, values };
}

function mutation(counter: number): StoredMutation {
  return {
    counter,
    operation: "update",
    collection: "tasks",
    entity: entity("a"),
    fields: { title: `title ${counter}` },
    seen: 0,
    stamp: ZERO_STAMP,
    remaining: 0,
    state: "queued",
    offset: 0,
    outcome: null,
    detail: null,
    createdAt: counter,
  };
}

function entity(id: string): EntityId {
  const parsed = parseEntityId(id);
  assert(parsed !== null, `${id} is an entity id`);
  return parsed;
}

/** An id whose place in the order of ids has nothing to do with the number. Different for different numbers. */
function scattered(number: number): string {
  return `${(Math.imul(number + 1, 0x9e3779b1) >>> 0).toString(36).padStart(7, "0")}-${number}`;
}
