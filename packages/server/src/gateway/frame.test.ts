import assert from "node:assert/strict";
import { test } from "node:test";
import * as library from "ws";
import { webSocketFrame } from "./frame.ts";

/** What a WebSocket library reads from bytes. */
function received(bytes: Buffer): Promise<readonly [string, boolean]> {
  // Not in the library's types.
  const { Receiver } = library as unknown as { Receiver: new (options: object) => NodeJS.WritableStream };
  const receiver = new Receiver({ isServer: false });
  return new Promise((resolve, reject) => {
    receiver.on("message", (data: Buffer, isBinary: boolean) => resolve([String(data), isBinary]));
    receiver.on("error", reject);
    receiver.write(bytes);
  });
}

for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]) {
  test(`${length} characters are one text frame`, async () => {
    const text = "x".repeat(length);
    assert.deepEqual(await received(webSocketFrame(text)), [text, false]);
  });
  test(`${length} bytes are one binary frame`, async () => {
    const text = "y".repeat(length);
    assert.deepEqual(await received(webSocketFrame(new TextEncoder().encode(text))), [text, true]);
  });
}

test("the length counts bytes, not characters", async () => {
  const text = "ä€😀".repeat(40);
  assert.deepEqual(await received(webSocketFrame(text)), [text, false]);
});
