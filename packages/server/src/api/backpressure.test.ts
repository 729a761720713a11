import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test, type TestContext } from "node:test";
import type { ServerMessage } from "@tidelock/core";
import {
  ALL_TASKS,
  clientFrame,
  createTask,
  dialRaw,
  hello,
  join,
  request,
  serve,
  type Served,
} from "./served.fixture.ts";

/** What a bare socket has received: its frames' messages, and how many bytes they were. */
class RawReader {
  readonly messages: ServerMessage[] = [];
  bytes = 0;
  ended = false;
  #rest = Buffer.alloc(0);
  #wake: () => void = () => {};
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (data) => this.#take(data));
    socket.on("close", () => {
      this.ended = true;
      this.#wake();
    });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.ended) await new Promise<void>((wake) => (this.#wake = wake));
  }

  #take(data: Buffer): void {
    this.bytes += data.length;
    this.#rest = Buffer.concat([this.#rest, data]);
    for (;;) {
      const short = (this.#rest[1] ?? 0) & 0x7f;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (this.#rest.length < head) break;
      const length =
        short < 126 ? short : short === 126 ? this.#rest.readUInt16BE(2) : Number(this.#rest.readBigUInt64BE(2));
      if (this.#rest.length < head + length) break;
      const payload = this.#rest.subarray(head, head + length);
      if (((this.#rest[0] ?? 0) & 0x0f) === 0x1) this.messages.push(JSON.parse(String(payload)));
      this.#rest = this.#rest.subarray(head + length);
    }
    this.#wake();
  }
}

async function sleeper(served: Served): Promise<RawReader> {
  const socket = await dialRaw(served);
  const reader = new RawReader(socket);
  socket.write(clientFrame(JSON.stringify(hello({ device: "sleeper", subscriptions: ALL_TASKS }))));
  await reader.until(() => reader.messages.some(({ type }) => type === "snapshot-end"));
  socket.pause();
  return reader;
}

const UPDATES = 600;
const BYTES = 100_000;

/** Writes one task over and over; resolves when all of it is decided and a healthy reader has seen the last. */
async function writeMuch(t: TestContext, served: Served): Promise<void> {
  const writer = await join(t, served, { device: "writer", subscriptions: ALL_TASKS });
  await writer.next("snapshot-end");
  writer.send({ type: "push", mutations: [createTask(1, "t1", "start")] });
  await writer.next("push-result");
  for (let counter = 2; counter <= UPDATES; counter++) {
    const title = `${counter} ${"x".repeat(BYTES)}`;
    const stamp = counter.toString(16).padStart(16, "0");
    writer.send({ type: "push", mutations: [[counter, "update", "tasks", "t1", { title }, 0, stamp, 0]] });
    await writer.next("push-result");
  }
}

describe("a reader that does not read", () => {
  test("costs neither memory nor the others' time, and has everything once it reads again", async (t) => {
    const served = await serve(t, { limits: { idleMs: 600_000, maxSocketBacklogBytes: 200_000 } });
    const reader = await sleeper(served);
    await writeMuch(t, served);
    const metrics = await (await request(served, "/metrics", { token: null })).text();
    assert.match(metrics, /sync_hub_inputs_total\{type="session-blocked"\} 1/);

    reader.socket.resume();
    await reader.until(() => JSON.stringify(reader.messages.at(-1) ?? null).includes(`"${UPDATES} x`));
    assert.ok(!reader.ended);
    // What the system's buffers took came as it was; the rest came as one value.
    assert.ok(reader.bytes < (UPDATES * BYTES) / 2, `${reader.bytes} bytes`);
    const deltas = reader.messages.filter((message) => message.type === "delta");
    for (const [index, delta] of deltas.entries()) if (index > 0) assert.equal(delta.from, deltas[index - 1]?.to);
    assert.equal(deltas.at(-1)?.to, UPDATES);
  });

  test("an event stream that is not read is no different", async (t) => {
    const served = await serve(t, { limits: { maxSocketBacklogBytes: 200_000 } });
    const response = await request(served, "/sync/events?device=sleeper");
    assert.ok(response.body);
    const parts = response.body[Symbol.asyncIterator]();
    await parts.next();
    await writeMuch(t, served);
    const metrics = await (await request(served, "/metrics", { token: null })).text();
    assert.match(metrics, /sync_hub_inputs_total\{type="session-blocked"\} 1/);
    let tail = "";
    let bytes = 0;
    while (!tail.includes(`"${UPDATES} x`)) {
      const { value, done } = await parts.next();
      assert.ok(done !== true);
      bytes += value.length;
      tail = tail.slice(-200) + Buffer.from(value).toString();
    }
    assert.ok(bytes < (UPDATES * BYTES) / 2, `${bytes} bytes`);
    await parts.return?.();
  });
});
