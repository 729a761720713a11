/**
 * Random histories for storages: appends of one or several tenants, some of them stale, some overlapping; watermarks,
 * trims, reopenings and queries; compared with `StorageModel`. They say how much of everything happened, so that a run that tried
 * nothing does not pass.
 */
import assert from "node:assert/strict";
import { type TenantId } from "@tidelock/core";
import { type Commit, StaleHead, type Storage, type StoredDecision, type StoredEntity } from "@tidelock/server/memory";
import fc from "fast-check";
import { QUERY_MEMBERS, StorageModel } from "./storage-model.ts";
import {
  commit,
  decision,
  device,
  entity,
  events,
  receipt,
  record,
  type StorageDisk,
  tenant,
} from "./storage-samples.ts";

const TENANTS = [tenant("t1"), tenant("t2"), tenant("t3")];
const DEVICES = [device("d1"), device("d2")];
const COLLECTIONS = ["tasks", "notes"];

const text = fc.string({ unit: "binary", maxLength: 40 });
const index = (length: number): fc.Arbitrary<number> => fc.nat({ max: length - 1 });

const decisionKind = fc.record({
  collection: fc.constantFrom(...COLLECTIONS),
  entity: fc.constantFrom(entity("e0"), entity("e1")),
  field: fc.constantFrom("a", "b", null),
  policy: fc.constantFrom("lww", "resolve/max"),
  winner: fc.constantFrom("current", "incoming", "review"),
});

const write = fc.record({
  tenant: index(TENANTS.length),
  sizes: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
  entities: fc.uniqueArray(fc.record({ collection: index(2), id: index(12), isDeleted: fc.boolean(), value: text }), {
    maxLength: 5,
    selector: ({ collection, id }) => collection * 12 + id,
  }),
  device: index(DEVICES.length),
  receipts: fc.array(fc.option(text), { maxLength: 3 }),
  decisions: fc.array(fc.record({ at: fc.nat({ max: 11 }), kind: decisionKind, body: text }), { maxLength: 4 }),
  columns: fc.nat({ max: 3 }),
  staleBy: fc.constantFrom(0, 0, 0, 0, 0, 0, -1, 1, -3),
});
type Write = typeof write extends fc.Arbitrary<infer Value> ? Value : never;

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("append" as const),
      writes: fc.array(write, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("wait" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("trim" as const),
      tenant: index(3),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("acknowledge" as const),
      tenant: index(3),
      device: index(2),
      offset: fc.nat({ max: 20 }),
      now: fc.nat(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("publish" as const), tenant: index(3), offset: fc.nat({ max: 20 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("ask" as const),
      tenant: index(3),
      kind: decisionKind,
      members: fc.subarray([...QUERY_MEMBERS], { maxLength: 2 }),
      before: fc.option(fc.record({ offset: fc.nat({ max: 20 }), index: fc.nat({ max: 2 }) }), { nil: undefined }),
      limit: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("reopen" as const) }) },
);

/** How much was tried. */
interface Tally {
  appended: number;
  stale: number;
  overlapping: number;
  trimmed: number;
  reopened: number;
  decided: number;
  found: number;
}

/** Rejects with the shortest history that it finds in which a storage and the model disagree. */
export async function agreesWithModel(
  makeDisk: () => Promise<StorageDisk>,
  {
    seed,
    histories,
    isShrinking,
  }: { readonly seed: number; readonly histories: number; readonly isShrinking: boolean },
): Promise<void> {
  const tally: Tally = { appended: 0, stale: 0, overlapping: 0, trimmed: 0, reopened: 0, decided: 0, found: 0 };
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: "max" }), async (steps) => {
    const disk = await makeDisk();
    const history = new History(disk, tally);
    try {
      await history.start();
      for (const each of steps) await history.take(each);
      await history.end();
    } finally {
      await history.storage.close();
      await disk.remove();
    }
  });
  await fc.assert(property, { seed, numRuns: histories, endOnFailure: !isShrinking });
  for (const [what, count] of Object.entries(tally)) {
    assert.ok(count >= histories / 4, `the histories had too little in them: ${what} ${count}`);
  }
}

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

class History {
  readonly #disk: StorageDisk;
  readonly #tally: Tally;
  readonly #model = new StorageModel();
  readonly #counters = new Map<string, number>();
  #calls: Promise<void>[] = [];
  storage: Storage;

  constructor(disk: StorageDisk, tally: Tally) {
    this.#disk = disk;
    this.#tally = tally;
    this.storage = disk.storage();
  }

  async start(): Promise<void> {
    await this.storage.open();
    for (const each of TENANTS) {
      await this.storage.openTenant(each);
      this.#model.tenant(each);
    }
  }

  async take(step: Step): Promise<void> {
    if (step.type === "append") {
      this.#append(step.writes);
      return;
    }
    await this.#settle();
    switch (step.type) {
      case "wait":
        return this.#model.expectIn(this.storage);
      case "trim": {
        const id = this.#tenant(step.tenant);
        const through = Math.floor(step.share * this.#model.tenant(id).head);
        this.#model.trim(id, through);
        this.#tally.trimmed += 1;
        return this.storage.trim(id, through);
      }
      case "acknowledge": {
        const acknowledged = new Map([[DEVICES[step.device] ?? device("d1"), step.offset]]);
        this.#model.saveAcknowledged(this.#tenant(step.tenant), acknowledged, step.now);
        return this.storage.saveAcknowledged(this.#tenant(step.tenant), acknowledged, step.now);
      }
      case "publish":
        this.#model.savePublished(this.#tenant(step.tenant), step.offset);
        return this.storage.savePublished(this.#tenant(step.tenant), step.offset);
      case "ask": {
        const id = this.#tenant(step.tenant);
        const members = Object.fromEntries(step.members.map((member) => [member, step.kind[member] ?? undefined]));
        const expected = this.#model.tenant(id).decisions({ ...members, before: step.before });
        const found = await this.storage.readDecisions(id, { ...members, before: step.before }, step.limit);
        if (found.length > 0) this.#tally.found += 1;
        return assert.deepEqual(found, expected.slice(0, step.limit), "decisions that were asked for");
      }
      case "reopen":
        return this.#reopen();
    }
  }

  async end(): Promise<void> {
    await this.#settle();
    await this.#model.expectIn(this.storage);
  }

  async #reopen(): Promise<void> {
    this.#tally.reopened += 1;
    await this.storage.close();
    this.storage = this.#disk.storage();
    await this.storage.open();
    await this.#model.expectIn(this.storage);
  }

  /** Called, not awaited: what follows overlaps. */
  #append(writes: readonly Write[]): void {
    const heads = new Map<TenantId, number>();
    const commits = writes.map((each) => {
      const id = this.#tenant(each.tenant);
      const head = heads.get(id) ?? this.#model.tenant(id).head;
      const made = this.#commit(id, head + each.staleBy, each);
      heads.set(id, head + made.events.length);
      return made;
    });
    const call = this.storage.append(commits);
    if (this.#calls.length > 0) this.#tally.overlapping += 1;
    if (writes.some(({ staleBy }) => staleBy !== 0)) {
      this.#tally.stale += 1;
      this.#calls.push(assert.rejects(call, StaleHead));
    } else {
      this.#tally.appended += 1;
      if (commits.some((each) => each.decisions.length > 0)) this.#tally.decided += 1;
      this.#model.append(commits);
      this.#calls.push(call);
    }
  }

  #commit(id: TenantId, head: number, parts: Write): Commit {
    const { sizes, entities, device: deviceIndex, receipts, decisions, columns } = parts;
    const made = events(head, ...sizes);
    const of = DEVICES[deviceIndex] ?? device("d1");
    const last = head + made.length;
    const rows = entities.map(({ collection, id, isDeleted, value }): StoredEntity => ({
      collection: COLLECTIONS[collection] ?? "tasks",
      id: entity(`e${id}`),
      at: last,
      row: isDeleted ? null : JSON.stringify([value, head]),
      meta: value,
    }));
    const counters = receipts.map((name) => ({ counter: this.#nextCounter(id, of), name }));
    return commit(id, head, {
      events: made,
      entities: made.length === 0 ? [] : rows,
      receipts: counters.map(({ counter, name }) =>
        receipt(of, counter, made.length > 0 ? last : 0, name === null ? null : `${counter} ${name}`),
      ),
      decisions: made.flatMap(({ offset }, index) =>
        decisions
          .filter(({ at }) => at % made.length === index)
          .map(({ kind, body }, position): StoredDecision => decision(offset, position, { ...kind, body })),
      ),
      devices: counters.length === 0 ? [] : [record(of, counters.at(-1)?.counter ?? 0, 0)],
      columns: columns === 0 ? [] : [["tasks", ["a", "b", "c"].slice(0, columns)]],
    });
  }

  #nextCounter(id: TenantId, of: string): number {
    const key = `${id} ${of}`;
    const next = (this.#counters.get(key) ?? 0) + 1;
    this.#counters.set(key, next);
    return next;
  }

  #tenant(at: number): TenantId {
    return TENANTS[at] ?? tenant("t1");
  }

  async #settle(): Promise<void> {
    const calls = this.#calls;
    this.#calls = [];
    await Promise.all(calls);
  }
}
