/**
 * The transport port: messages to and from one server.
 *
 * What every transport promises: messages arrive whole, in order and at most once per connection; after `closed` nothing
 * more arrives; `send` never throws. A transport neither retries nor decides: the engine does.
 */
import type { ClientMessage, Hello, ServerMessage } from "@tidelock/core";

export interface TransportEvents {
  /** The way up is open. The engine has given its `hello` to `connect`; the transport sends it first. */
  opened(): void;
  message(message: ServerMessage): void;
  /** Over, whether it ever opened or not. `reason` is for people. Called once. */
  closed(reason: string): void;
}

export interface Connection {
  send(message: ClientMessage): void;
  close(): void;
}

export interface Transport {
  readonly name: "websocket" | "sse";
  connect(hello: Hello, events: TransportEvents): Connection;
}
