/** Live queries against what filtering, sorting and cutting everything again would give. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  collection,
  compileFilter,
  defineSchema,
  field,
  type Filter,
  type JsonValue,
  seededRandom,
} from "@tidelock/core";
import fc from "fast-check";
import { LiveQueries } from "./live-query.ts";
import { compareValues } from "./matching.ts";
import { type Direction, Query, type QueryDescription } from "./query.ts";
import type { EntityView } from "./replica-view.ts";
import { StandIn } from "./stand-in.ts";

const schema = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string(),
      done: field.boolean(),
      priority: field.number().optional(),
      tags: field.json().optional(),
    }),
  },
});
const tasks = schema.collections.get("tasks")!;
const FIELDS = tasks.fields.map(({ name }) => name);

/** The meaning of a query, in the fewest words. */
function naive(all: readonly EntityView[], { filter, order, limit, offset }: QueryDescription): EntityView[] {
  const matches = compileFilter(filter, FIELDS);
  const found = all.filter((view) =>
    matches(
      view.id,
      FIELDS.map((name) => view[name] ?? null),
    ),
  );
  found.sort((left, right) => {
    for (const { field: name, direction } of order) {
      const result = compareValues(left[name] ?? null, right[name] ?? null) * (direction === "asc" ? 1 : -1);
      if (result !== 0) return result;
    }
    return left.id < right.id ? -1 : 1;
  });
  return found.slice(offset, limit === null ? undefined : offset + limit);
}

const idOf = fc.integer({ min: 0, max: 30 }).map((number) => `t${number}`);
const fields = fc.record({
  title: fc.constantFrom("a", "b", "B", "ä", ""),
  done: fc.boolean(),
  priority: fc.constantFrom(null, -1, 0, 1, 2.5),
  tags: fc.constantFrom<JsonValue>(null, ["x"], ["y"], { a: 1 }, "text", 3, true),
});
const filter: fc.Arbitrary<Filter> = fc.constantFrom<Filter>(
  {},
  { done: false },
  { priority: { gte: 0 } },
  { or: [{ title: "a" }, { priority: null }] },
  { not: { title: { in: ["a", "b"] } }, done: true },
  { id: { lt: "t2" } },
  { or: [] },
);
const order = fc.array(
  fc.record({
    field: fc.constantFrom("title", "done", "priority", "tags", "id"),
    direction: fc.constantFrom<Direction>("asc", "desc"),
  }),
  { maxLength: 3 },
);
const description = fc.record({
  collection: fc.constant("tasks"),
  filter,
  order,
  limit: fc.option(fc.integer({ min: 0, max: 8 })),
  offset: fc.integer({ min: 0, max: 4 }),
});
/** Some entities change, then everybody hears. */
const turn = fc.array(fc.tuple(idOf, fc.option(fields, { freq: 4 })), { minLength: 1, maxLength: 12 });

describe("a live query", () => {
  it("always shows what computing everything again would show, and tells of every difference and of nothing else", () => {
    let changesTold = 0;
    let changesHidden = 0;
    fc.assert(
      fc.property(
        fc.array(description, { minLength: 1, maxLength: 3 }),
        turn,
        fc.array(turn),
        (descriptions, first, turns) => {
          const standIn = new StandIn();
          for (const [id, values] of first) standIn.set("tasks", id, values);
          const queries = new LiveQueries(standIn.context);
          const watched = descriptions.map((wanted) => {
            const live = queries.of(new Query<EntityView>(tasks, wanted));
            const seen = { live, wanted, told: 0 };
            live.subscribe((result) => {
              seen.told += 1;
              assert.equal(result, live.value);
            });
            return seen;
          });
          for (const changes of turns) {
            const before = watched.map(({ live }) => ({ data: live.data, total: live.total, status: live.status }));
            for (const [id, values] of changes) standIn.set("tasks", id, values);
            const toldBefore = watched.map(({ told }) => told);
            standIn.flush();
            for (const [index, { live, wanted, told }] of watched.entries()) {
              const expected = naive(standIn.all("tasks"), wanted);
              assert.deepEqual(live.data, expected);
              assert.equal(live.total, naive(standIn.all("tasks"), { ...wanted, limit: null, offset: 0 }).length);
              const last = before[index]!;
              const isSameData =
                last.data.length === expected.length && expected.every((view, at) => view === last.data[at]);
              const isSame = isSameData && last.total === live.total && last.status === live.status;
              if (isSameData && wanted.limit !== null)
                assert.equal(live.data, last.data, "an unchanged window keeps its list");
              assert.equal(told - toldBefore[index]!, isSame ? 0 : 1);
              if (isSame) changesHidden += 1;
              else changesTold += 1;
            }
          }
        },
      ),
      { numRuns: 400, seed: 7 },
    );
    assert.ok(changesTold > 500 && changesHidden > 500, `${changesTold} told, ${changesHidden} hidden`);
  });

  it("stays right over many thousands of entities, changed one by one and in bulk", () => {
    const random = seededRandom(11);
    const standIn = new StandIn();
    const change = (): void => {
      const id = `t${random.below(6000)}`;
      const isGone = random.below(3) === 0;
      const values = {
        title: `${random.below(40)}`,
        done: random.below(2) === 0,
        priority: random.below(100),
        tags: null,
      };
      standIn.set("tasks", id, isGone ? null : values);
    };
    for (let number = 0; number < 9000; number++) change();
    const wanted: QueryDescription = {
      collection: "tasks",
      filter: { done: false },
      order: [
        { field: "priority", direction: "desc" },
        { field: "title", direction: "asc" },
      ],
      limit: null,
      offset: 0,
    };
    const live = new LiveQueries(standIn.context).of(new Query<EntityView>(tasks, wanted));
    live.subscribe(() => {});
    const kept: Array<{ readonly data: readonly EntityView[]; readonly copy: readonly EntityView[] }> = [];
    for (let round = 0; round < 120; round++) {
      const count = round % 3 === 0 ? 1 + random.below(4000) : 1 + random.below(30);
      for (let number = 0; number < count; number++) change();
      standIn.flush();
      assert.deepEqual(live.data, naive(standIn.all("tasks"), wanted));
      kept.push({ data: live.data, copy: [...live.data] });
    }
    // Everything goes, piece by piece, and what was handed out is still what it was.
    for (const { id } of standIn.all("tasks")) {
      standIn.set("tasks", id, null);
      if (random.below(40) === 0) standIn.flush();
    }
    standIn.flush();
    assert.equal(live.total, 0);
    for (const { data, copy } of kept) assert.deepEqual(data, copy);
  });

  it("is one for equal queries, whatever the order in which they were written", () => {
    const standIn = new StandIn();
    const queries = new LiveQueries(standIn.context);
    const query = new Query<{ title: string; done: boolean }>(tasks);
    const one = queries.of(query.where({ title: "a", done: true }).orderBy("title"));
    one.subscribe(() => {});
    assert.equal(queries.of(query.where({ done: true, title: "a" }).orderBy("title")), one);
    assert.notEqual(queries.of(query.where({ done: true, title: "a" }).orderBy("title", "desc")), one);
  });

  it("costs nothing once nobody has read it for a while, and is right when it is read again", async () => {
    const standIn = new StandIn();
    standIn.set("tasks", "t1", { title: "a", done: false, priority: null, tags: null });
    const queries = new LiveQueries(standIn.context);
    const live = queries.of(new Query<EntityView>(tasks));
    const stop = live.subscribe(() => {});
    assert.equal(live.total, 1);
    stop();
    await standIn.system.advance(1000);
    assert.deepEqual(standIn.wire, ["subscribe", "unsubscribe"]);
    standIn.set("tasks", "t2", { title: "b", done: false, priority: null, tags: null });
    assert.equal(live.total, 2);
    await standIn.system.advance(1000);
    assert.equal(standIn.system.timerCount, 0);
  });

  it("keeps its value while nothing has changed, and says whether it is whole", () => {
    const standIn = new StandIn();
    const live = new LiveQueries(standIn.context).of(new Query<EntityView>(tasks));
    const loading = live.value;
    assert.equal(loading.status, "loading");
    assert.equal(loading.isLoading, true);
    assert.equal(live.value, loading);
    const told: boolean[] = [];
    live.subscribe(({ isComplete }) => told.push(isComplete));
    standIn.complete();
    assert.deepEqual(told, [true]);
    assert.equal(live.status, "ready");
    assert.deepEqual({ ...live.value }.data, []);
  });
});

describe("a query", () => {
  const query = new Query<{ id: string; title: string; done: boolean; priority: number | null }>(tasks);

  it("refuses what cannot be asked", () => {
    const loose = query as unknown as Query<Record<string, string>>;
    assert.throws(() => loose.where({ colour: "red" }), { code: "invalid-filter" });
    assert.throws(() => loose.orderBy("colour"), { code: "unknown-field" });
    assert.throws(() => query.limit(-1), { code: "invalid-filter" });
    assert.throws(() => query.offset(0.5), { code: "invalid-filter" });
  });

  it("leaves conditions out that are undefined", () => {
    const maybe: { title?: string } = {};
    assert.equal(query.where({ done: true, ...maybe }).key, query.where({ done: true }).key);
    const loose = query as unknown as { where(filter: object): Query<unknown> };
    assert.equal(loose.where({ title: undefined }).key, query.key);
    assert.equal(loose.where({ or: [{ title: undefined }] }).key, loose.where({ or: [{}] }).key);
    assert.equal(loose.where({ priority: { gte: undefined } }).key, loose.where({ priority: {} }).key);
  });

  it("says the same as one object or step by step", () => {
    const steps = query.where({ done: false }).orderBy("priority", "desc").orderBy("title").limit(5).offset(2);
    const object = query.refine({
      where: { done: false },
      orderBy: [{ field: "priority", direction: "desc" }, "title"],
      limit: 5,
      offset: 2,
    });
    assert.equal(object.key, steps.key);
    assert.equal(
      query.where({ done: false }).where({ priority: { gt: 1 } }).key,
      query.where({ and: [{ done: false }, { priority: { gt: 1 } }] }).key,
    );
  });
});
