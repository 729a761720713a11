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

/** What the server said, a code of the catalogue; otherwise that there was no word, with the number of RFC 6455, 7.4.1. */
export function closeReason(code: number, reason: string): string {
  return reason === "" ? `the connection was lost or could not be made (${code})` : `${reason} (${code})`;
}

function openSocket(url: string, subprotocol: string): Socket {
  return new WebSocket(url, subprotocol);
}
