/**
 * G19: memory per connection and per reader that does not read, measured on a real server process. Prints the figures; the
 * bounds asserted are those of the design, with room for the noise of a garbage collector.
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { WebSocket } from "ws";
import { makeStamp } from "@tidelock/core";
import { tokenOf } from "./crash/campaign.ts";
import { schema } from "./crash/schema.ts";

const MEBIBYTE = 1024 * 1024;

interface Rig {
  readonly url: string;
  /** Resident bytes of the server, after a collection. */
  resident(): Promise<number>;
}

async function withServer(use: (rig: Rig) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tidelock-idle-"));
  const child = fork(join(import.meta.dirname, "idle/server.ts"), [join(folder, "idle.db")], {
    execArgv: ["--conditions=@tidelock/source", "--expose-gc"],
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  assert(child.stdout !== null);
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  child.stdout.resume();
  try {
    await use({
      url: line.slice("listening ".length),
      async resident() {
        child.send("memory");
        const [bytes] = (await once(child, "message")) as [number];
        return bytes;
      },
    });
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Says hello and waits until its subscription is whole. */
async function connect(url: string, name: string, token: string, isSubscribed: boolean): Promise<WebSocket> {
  const socket = new WebSocket(url.replace("http", "ws") + "/sync", { perMessageDeflate: false });
  await once(socket, "open");
  const last = isSubscribed ? '{"type":"snapshot-end"' : '{"type":"welcome"';
  const ready = new Promise<void>((resolve) => {
    socket.on("message", (data: Buffer) => {
      const text = data.toString("utf8", 0, 64);
      if (text.startsWith(last)) resolve();
      else if (text.startsWith('{"type":"ping"')) socket.send(data.toString().replace("ping", "pong"));
    });
  });
  socket.send(
    JSON.stringify({
      type: "hello",
      protocol: [1, 1],
      schema: { version: schema.version, hash: schema.hash },
      sdk: "idle",
      device: name,
      token,
      epoch: null,
      checkpoint: 0,
      decided: 0,
      subscriptions: isSubscribed ? [{ id: 1, collection: "notes", where: {}, key: null }] : [],
    }),
  );
  await ready;
  return socket;
}

test("[G19] 10,000 idle subscribed connections cost at most 35 KiB each", async () => {
  await withServer(async ({ url, resident }) => {
    const token = await tokenOf("ana");
    const warm = await Promise.all(Array.from({ length: 100 }, (_, index) => connect(url, `w${index}`, token, true)));
    const before = await resident();
    const sockets: WebSocket[] = [];
    for (let batch = 0; batch < 100; batch++) {
      const opened = Array.from({ length: 100 }, (_, index) => connect(url, `i${batch * 100 + index}`, token, true));
      sockets.push(...(await Promise.all(opened)));
    }
    const each = ((await resident()) - before) / sockets.length / 1024;
    console.log(`${sockets.length} idle connections, ${each.toFixed(1)} KiB each`);
    assert.ok(each <= 35, `${each.toFixed(1)} KiB per connection`);
    for (const socket of [...sockets, ...warm]) socket.terminate();
  });
});

test("[G19] readers that never read cost a bounded amount, whatever is written", async () => {
  await withServer(async ({ url, resident }) => {
    const token = await tokenOf("ana");
    const readers = await Promise.all(Array.from({ length: 50 }, (_, index) => connect(url, `r${index}`, token, true)));
    for (const reader of readers) reader.pause();
    const writer = await connect(url, "writer", token, false);
    let answered = 0;
    let wake: () => void = () => {};
    writer.on("message", (data: Buffer) => {
      if (!data.toString("utf8", 0, 24).startsWith('{"type":"push-result"')) return;
      answered += (JSON.parse(data.toString()) as { results: unknown[] }).results.length;
      wake();
    });
    const before = await resident();
    const written = 40_000;
    for (let counter = 1; counter <= written; counter += 100) {
      const mutations = Array.from({ length: 100 }, (_, index) => [
        counter + index,
        "create",
        "notes",
        `n${counter + index}`,
        { text: "x".repeat(1000) },
        0,
        makeStamp(Date.now(), 0),
        0,
      ]);
      writer.send(JSON.stringify({ type: "push", mutations }));
      await new Promise<void>((resolve) => {
        wake = () => {
          if (answered >= counter + 99) resolve();
        };
        wake();
      });
    }
    const grown = ((await resident()) - before) / MEBIBYTE;
    console.log(`${readers.length} readers that do not read, ${written} events of 1 kB: ${grown.toFixed(0)} MiB more`);
    // 1 MiB may wait in each socket before it counts as full, and three times that on top; the tail holds 16 to 32 MiB.
    assert.ok(grown <= readers.length * 4 + 160, `${grown.toFixed(0)} MiB`);
    for (const socket of [...readers, writer]) socket.terminate();
  });
});
