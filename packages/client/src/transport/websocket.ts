/**
 * The WebSocket transport: one frame per message, in the codec that the subprotocol names. `hello` goes first, and carries
 * the token: never the address, which ends up in logs.
 *
 * A frame that is no message ends the connection: what follows it cannot be trusted, and a new connection starts from the
 * checkpoint.
 */
import { type Codec, jsonCodec, SUBPROTOCOL_BINARY, SUBPROTOCOL_JSON, type ClientMessage } from "@tidelock/core";
import type { Connection, Transport } from "./transport.ts";

/** The part of the platform's WebSocket that is used. */
export type Socket = Pick<WebSocket, "binaryType" | "addEventListener" | "send" | "close">;

export interface WebSocketOptions {
  /** `wss://host/sync` */
  readonly url: string;
  /** `jsonCodec` when not given. */
  readonly codec?: Codec;
  /** Opens a socket; the platform's `WebSocket` when not given. */
  readonly open?: (url: string, subprotocol: string) => Socket;
}

/** Bytes of a frame that this device takes: what a snapshot's largest chunk may need, with room to spare. */
const MAX_INCOMING_BYTES = 64 * 1024 * 1024;

/** What the close codes of RFC 6455, section 7.4.1, mean to people. */
const CLOSE_REASONS: ReadonlyMap<number, string> = new Map([
  [1000, "the server closed the connection"],
  [1001, "the server is going away"],
  [1002, "protocol error"],
  [1003, "the server does not take this kind of frame"],
  [1006, "the connection was lost or could not be made"],
  [1008, "the server refused the connection"],
  [1009, "a message was too large for the server"],
  [1011, "the server failed"],
  [1012, "the server restarts"],
  [1013, "the server is overloaded"],
]);

export function websocketTransport({ url, codec = jsonCodec, open = openSocket }: WebSocketOptions): Transport {
  const subprotocol = codec.name === "json" ? SUBPROTOCOL_JSON : SUBPROTOCOL_BINARY;
  return {
    name: "websocket",
    connect(hello, events) {
      const socket = open(url, subprotocol);
      let state: "opening" | "open" | "over" = "opening";
      const finish = (reason: string): void => {
        if (state === "over") return;
        state = "over";
        events.closed(reason);
      };
      const send = (message: ClientMessage): void => {
        try {
          if (state === "open") socket.send(codec.encode(message));
        } catch (error) {
          end(`could not send: ${String(error)}`);
        }
      };
      const end = (reason: string): void => {
        socket.close();
        finish(reason);
      };
      socket.binaryType = "arraybuffer";
      socket.addEventListener("open", () => {
        if (state !== "opening") return;
        state = "open";
        send(hello);
        events.opened();
      });
      socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
        if (state !== "open") return;
        if (typeof data !== "string" && !(data instanceof ArrayBuffer))
          return end("the server sent an unknown kind of frame");
        const parsed = codec.decodeServer(data, MAX_INCOMING_BYTES);
        if (parsed.ok) events.message(parsed.message);
        else end(`the server sent what is no message: ${parsed.message}`);
      });
      socket.addEventListener("close", ({ code, reason }) => finish(closeReason(code, reason)));
      const connection: Connection = { send, close: () => end("closed by this device") };
      return connection;
    },
  };
}

/** In words; a server says its own coded reason where it has one. */
export function closeReason(code: number, reason: string): string {
  const words = reason === "" ? (CLOSE_REASONS.get(code) ?? "the connection was closed") : reason;
  return `${words} (${code})`;
}

function openSocket(url: string, subprotocol: string): Socket {
  return new WebSocket(url, subprotocol);
}
