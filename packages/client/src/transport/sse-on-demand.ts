/**
 * The SSE transport, loaded when it is needed for the first time: most networks let WebSockets through, and their users
 * should not download the way around. What cannot be loaded is a connection that could not be made.
 */
import type { SseOptions } from "./sse.ts";
import type { Connection, Transport } from "./transport.ts";

export function sseOnDemand(options: SseOptions): Transport {
  return {
    name: "sse",
    connect(hello, events) {
      let connection: Connection | null = null;
      let isOver = false;
      const closed = (reason: string): void => {
        if (isOver) return;
        isOver = true;
        events.closed(reason);
      };
      const passedOn = { opened: () => events.opened(), message: events.message.bind(events), closed };
      const connect = async (): Promise<void> => {
        const { sseTransport } = await import("./sse.ts");
        if (!isOver) connection = sseTransport(options).connect(hello, passedOn);
      };
      connect().catch((error: unknown) => closed(`the SSE transport could not be loaded: ${String(error)}`));
      return {
        send: (message) => connection?.send(message),
        close() {
          connection?.close();
          closed("closed by this device");
        },
      };
    },
  };
}
