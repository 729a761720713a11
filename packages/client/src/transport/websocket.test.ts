/** The WebSocket transport over a socket that a test plays. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cborCodec, type Codec, type Hello, jsonCodec, parseDeviceId, type ServerMessage } from "@tidelock/core";
import type { Connection } from "./transport.ts";
import { closeReason, type Socket, websocketTransport } from "./websocket.ts";

const hello: Hello = {
  type: "hello",
  protocol: [1, 1],
  schema: { version: 1, hash: "h" },
  sdk: "test",
  device: parseDeviceId("d1")!,
  token: "secret",
  epoch: null,
  checkpoint: 0,
  decided: 0,
  subscriptions: [],
};

class PlayedSocket extends EventTarget {
  binaryType = "blob";
  readonly sent: Array<string | Uint8Array<ArrayBuffer>> = [];
  isClosed = false;
  isBroken = false;

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.isBroken) throw new Error("broken");
    this.sent.push(data);
  }
  close(): void {
    this.isClosed = true;
  }
  open(): void {
    this.dispatchEvent(new Event("open"));
  }
  receive(data: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
  end(code: number, reason: string): void {
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
  }
}

interface Played {
  readonly socket: PlayedSocket;
  readonly connection: Connection;
  readonly happened: string[];
  readonly messages: ServerMessage[];
  readonly opened: string[];
}

function play(codec?: Codec): Played {
  const socket = new PlayedSocket();
  const happened: string[] = [];
  const messages: ServerMessage[] = [];
  const opened: string[] = [];
  const transport = websocketTransport({
    url: "ws://localhost/sync",
    ...(codec === undefined ? {} : { codec }),
    open(url, subprotocol) {
      opened.push(url, subprotocol);
      return socket as unknown as Socket;
    },
  });
  const connection = transport.connect(hello, {
    opened: () => happened.push("opened"),
    message: (message) => messages.push(message),
    closed: (reason) => happened.push(`closed: ${reason}`),
  });
  return { socket, connection, happened, messages, opened };
}

describe("the WebSocket transport", () => {
  it("says hello first, then lets others speak", () => {
    const { socket, connection, happened, opened } = play();
    connection.send({ type: "ping", nonce: 1 });
    assert.deepEqual(socket.sent, []);
    socket.open();
    assert.deepEqual(happened, ["opened"]);
    connection.send({ type: "ping", nonce: 2 });
    assert.deepEqual(
      socket.sent.map((text) => JSON.parse(String(text)) as unknown),
      [hello, { type: "ping", nonce: 2 }],
    );
    assert.deepEqual(opened, ["ws://localhost/sync", "tidelock.json"]);
  });

  it("speaks another codec when told to", () => {
    const { socket, messages, opened } = play(cborCodec);
    socket.open();
    assert.equal(opened[1], "tidelock.cbor");
    assert.equal(socket.binaryType, "arraybuffer");
    assert.deepEqual(cborCodec.decodeClient(socket.sent[0]!, 1000), { ok: true, message: hello });
    const frame = cborCodec.encode({ type: "pong", nonce: 3 });
    socket.receive(Uint8Array.from(frame as Uint8Array).buffer);
    assert.deepEqual(messages, [{ type: "pong", nonce: 3 }]);
  });

  it("ends the connection at what is no message", () => {
    for (const frame of ["{", '{"type":"unknown"}', new Blob(["x"])]) {
      const { socket, happened, messages } = play();
      socket.open();
      socket.receive(frame);
      assert.equal(socket.isClosed, true);
      assert.match(happened[1] ?? "", /^closed: the server sent/);
      socket.receive(String(jsonCodec.encode({ type: "pong", nonce: 1 })));
      assert.deepEqual(messages, [], "after the end nothing arrives");
    }
  });

  it("tells once why it is over", () => {
    const { socket, connection, happened } = play();
    socket.end(1006, "");
    connection.close();
    socket.end(1000, "");
    assert.deepEqual(happened, ["closed: the connection was lost or could not be made (1006)"]);
    assert.equal(closeReason(1013, "slow-consumer"), "slow-consumer (1013)");
  });

  it("is over at once when this side closes, and never throws", () => {
    const { socket, connection, happened } = play();
    socket.open();
    connection.close();
    connection.send({ type: "ping", nonce: 1 });
    assert.deepEqual(happened, ["opened", "closed: closed by this device"]);
    const other = play();
    other.socket.open();
    other.socket.isBroken = true;
    other.connection.send({ type: "ping", nonce: 1 });
    assert.match(other.happened[1] ?? "", /could not send/);
  });
});
