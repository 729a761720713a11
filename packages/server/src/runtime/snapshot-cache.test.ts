import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Snapshot } from "../engine/records.ts";
import { acme, other } from "./hosted.fixture.ts";
import { SnapshotCache, type SnapshotRequest } from "./snapshot-cache.ts";

const request = (changes: Partial<SnapshotRequest> = {}): SnapshotRequest => ({
  kind: "snapshot",
  collection: "tasks",
  filter: {},
  columns: ["title"],
  defaults: [],
  ...changes,
});

/** A storage whose reads are counted and end when told. */
function reader(size: number = 100) {
  const state = {
    reads: 0,
    offset: 0,
    read: async (): Promise<Snapshot> => {
      state.reads += 1;
      return { offset: state.offset, count: 1, chunks: ["x".repeat(size)] };
    },
  };
  return state;
}

describe("the snapshot cache", () => {
  test("reads once for many, together and one after the other", async () => {
    const cache = new SnapshotCache(10_000);
    const source = reader();
    const get = (): Promise<Snapshot> => cache.get(acme, request(), { head: 0, floor: 0 }, source.read);
    const [first, second] = await Promise.all([get(), get()]);
    assert.equal(first, second);
    assert.equal(await get(), first);
    assert.equal(source.reads, 1);
  });

  test("tells tenants, collections, filters and columns apart", async () => {
    const cache = new SnapshotCache(10_000);
    const source = reader();
    const position = { head: 0, floor: 0 };
    for (const asked of [
      request(),
      request({ collection: "notes" }),
      request({ filter: { done: true } }),
      request({ columns: ["title", "done"] }),
    ]) {
      await cache.get(acme, asked, position, source.read);
      await cache.get(other, asked, position, source.read);
    }
    assert.equal(source.reads, 8);
  });

  test("serves an older moment while the log since then is short, and reads anew afterwards", async () => {
    const cache = new SnapshotCache(10_000);
    const source = reader();
    const get = (head: number, floor = 0): Promise<Snapshot> =>
      cache.get(acme, request(), { head, floor }, source.read);
    await get(0);
    assert.equal((await get(2000)).offset, 0);
    assert.equal(source.reads, 1);
    source.offset = 2001;
    assert.equal((await get(2001)).offset, 2001);
    assert.equal(source.reads, 2);
  });

  test("never serves what the log no longer reaches back to", async () => {
    const cache = new SnapshotCache(10_000);
    const source = reader();
    await cache.get(acme, request(), { head: 0, floor: 0 }, source.read);
    source.offset = 10;
    assert.equal((await cache.get(acme, request(), { head: 10, floor: 5 }, source.read)).offset, 10);
  });

  test("keeps to its bytes, the least recently used go first", async () => {
    const cache = new SnapshotCache(2_000);
    const source = reader(500);
    const get = (collection: string): Promise<Snapshot> =>
      cache.get(acme, request({ collection }), { head: 0, floor: 0 }, source.read);
    await get("a");
    await get("b");
    await get("a");
    await get("c");
    assert.ok(cache.bytes <= 2_000);
    assert.equal(source.reads, 3);
    await get("a");
    assert.equal(source.reads, 3);
    await get("b");
    assert.equal(source.reads, 4);
  });

  test("what is larger than the cache passes through", async () => {
    const cache = new SnapshotCache(1_000);
    const source = reader(5_000);
    await cache.get(acme, request(), { head: 0, floor: 0 }, source.read);
    assert.equal(cache.bytes, 0);
  });

  test("a read that fails is not kept", async () => {
    const cache = new SnapshotCache(10_000);
    const failing = (): Promise<Snapshot> => Promise.reject(new Error("disk"));
    await assert.rejects(cache.get(acme, request(), { head: 0, floor: 0 }, failing));
    const source = reader();
    await cache.get(acme, request(), { head: 0, floor: 0 }, source.read);
    assert.equal(source.reads, 1);
  });

  test("forgets a tenant", async () => {
    const cache = new SnapshotCache(10_000);
    const source = reader();
    await cache.get(acme, request(), { head: 0, floor: 0 }, source.read);
    cache.forgetTenant(acme);
    assert.equal(cache.bytes, 0);
  });
});
