import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { memoryStorage } from "../storage/memory.ts";
import { sqliteStorage } from "../storage/sqlite.ts";
import type { Storage } from "../storage/storage.ts";
import { ALL_TASKS, clientFrame, createTask, dial, dialRaw, hello, join, request, serve } from "./served.fixture.ts";

async function dataFile(t: TestContext): Promise<string> {
  const folder = await mkdtemp(joinPath(tmpdir(), "tidelock-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return joinPath(folder, "data.db");
}

describe("closing", () => {
  test("tells every session when to come back, and ends streams and sockets", async (t) => {
    const served = await serve(t);
    const peer = await join(t, served);
    const stream = await request(served, "/sync/events?device=d2");
    const closing = served.server.close();
    const { reason, retryAfterMs } = await peer.next("goaway");
    assert.equal(reason, "shutting-down");
    assert.ok(retryAfterMs > 0);
    assert.deepEqual(await peer.end(), { code: 1001, reason: "shutting-down" });
    assert.match(await stream.text(), /event: goaway/);
    await closing;
    await assert.rejects(fetch(`${served.url}/healthz`));
  });

  test("a peer that does not answer the farewell does not hold it up", async (t) => {
    const served = await serve(t);
    const socket = await dialRaw(served);
    const welcomed = new Promise((arrived) => socket.once("data", arrived));
    socket.write(clientFrame(JSON.stringify(hello())));
    await welcomed;
    const ended = new Promise((closed) => socket.on("close", closed));
    await served.server.close();
    await ended;
  });

  test("twice is once, and before listening is fine", async (t) => {
    const served = await serve(t);
    await Promise.all([served.server.close(), served.server.close()]);
    const { createServer } = await import("./create-server.ts");
    const { schema, authenticate } = await import("./served.fixture.ts");
    await createServer({ schema, authenticate, storage: memoryStorage(), logger: false }).close();
  });

  test("what was acknowledged is there after the next start; what was not is not half there", async (t) => {
    const path = await dataFile(t);
    const first = await serve(t, { storage: sqliteStorage({ path }) });
    const writer = await join(t, first, { device: "writer" });
    let sent = 0;
    for (; sent < 200; sent++) writer.send({ type: "push", mutations: [createTask(sent + 1, `t${sent}`, "x")] });
    await writer.next("push-result");
    await first.server.close();

    const second = await serve(t, { storage: sqliteStorage({ path }) });
    const peer = await dial(t, second);
    peer.send(hello({ device: "writer", subscriptions: ALL_TASKS }));
    const welcome = await peer.next("welcome");
    assert.ok(welcome.decided > 0);
    assert.equal(welcome.results.length, welcome.decided);
    const { rows } = await peer.next("rows");
    assert.equal(rows.length, welcome.decided);
    peer.send({ type: "push", mutations: [createTask(welcome.decided + 1, "again", "x")] });
    assert.equal((await peer.next("push-result")).results[0]?.[1], "applied");
  });

  test("the storage is closed last, and a file that is in use says so", async (t) => {
    const path = await dataFile(t);
    const first = await serve(t, { storage: sqliteStorage({ path }) });
    await assert.rejects(serve(t, { storage: sqliteStorage({ path }) }), { code: "data-in-use" });
    await first.server.close();
    await serve(t, { storage: sqliteStorage({ path }) });
  });
});

describe("trouble with the disk", () => {
  test("sessions are sent away, and come back to a server that works", async (t) => {
    const storage = memoryStorage();
    let failing = false;
    const flaky: Storage = {
      ...storage,
      append: (commits) => (failing ? Promise.reject(new Error("ENOSPC")) : storage.append(commits)),
    };
    const served = await serve(t, { storage: flaky });
    const peer = await join(t, served, { subscriptions: ALL_TASKS });
    const stranger = await join(t, served, { token: "umbrella/eve", device: "e1" });
    failing = true;
    peer.send({ type: "push", mutations: [createTask(1, "t1", "x")] });
    assert.deepEqual(await peer.end(), { code: 1013, reason: "storage-unavailable" });
    failing = false;
    stranger.send({ type: "ping", nonce: 1 });
    await stranger.next("pong");
    const again = await join(t, served, { subscriptions: ALL_TASKS });
    again.send({ type: "push", mutations: [createTask(1, "t1", "x")] });
    assert.equal((await again.next("push-result")).results[0]?.[1], "applied");
    assert.equal((await request(served, "/readyz")).status, 200);
  });
});
