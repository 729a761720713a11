/**
 * A thin device: the protocol over a socket with as little work as possible, so that a load generator on the same machine
 * does not measure itself. It understands `from` and `to` of a delta, not the rows.
 */
import { once } from "node:events";
import { WebSocket } from "ws";
import { type Epoch, makeStamp, type MutationRow, parseDeviceId, parseEntityId, parseEpoch } from "@tidelock/core";
import { schema } from "./schema.ts";
import { benchToken } from "./token.ts";

const DELTA = Buffer.from('{"type":"delta","from":');

/** A place in the log. */
export interface Place {
  readonly epoch: Epoch;
  readonly offset: number;
}

export interface ThinOptions {
  readonly name: string;
  readonly subscribe: boolean;
  /** Starts there, as a device does that holds everything before: no snapshot. */
  readonly from?: Place;
  /** Called with how many events a delta brought, and its end. */
  readonly onDelta?: (events: number, to: number, data: Buffer) => void;
  /** Called with how many results came. */
  readonly onResults?: (count: number, rejected: number) => void;
}

export class ThinDevice {
  readonly #socket: WebSocket;
  readonly #options: ThinOptions;
  #counter = 0;
  /** The offset up to which deltas have come. */
  to = 0;
  epoch: Epoch | null = null;

  private constructor(socket: WebSocket, options: ThinOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  static async connect(url: string, options: ThinOptions): Promise<ThinDevice> {
    const token = await benchToken(options.name);
    const socket = new WebSocket(`${url.replace("http", "ws")}/sync`, {
      perMessageDeflate: false,
      skipUTF8Validation: true,
    });
    const device = new ThinDevice(socket, options);
    await once(socket, "open");
    const ready = new Promise<void>((resolve) => {
      socket.on("message", (data: Buffer) => device.#receive(data, resolve));
    });
    socket.send(
      JSON.stringify({
        type: "hello",
        protocol: [1, 1],
        schema: { version: schema.version, hash: schema.hash },
        sdk: "bench",
        device: parseDeviceId(options.name),
        token,
        epoch: options.from?.epoch ?? null,
        checkpoint: options.from?.offset ?? 0,
        decided: 0,
        subscriptions: options.subscribe
          ? [{ id: 1, collection: "items", where: {}, key: options.from === undefined ? null : "*" }]
          : [],
      }),
    );
    await ready;
    return device;
  }

  #receive(data: Buffer, ready: () => void): void {
    if (data.indexOf(DELTA) === 0) {
      const comma = data.indexOf(0x2c, DELTA.length);
      const from = Number(data.toString("latin1", DELTA.length, comma));
      const to = Number.parseInt(data.toString("latin1", comma + 6, comma + 22), 10);
      this.to = to;
      this.#options.onDelta?.(to - from, to, data);
      return;
    }
    const message = JSON.parse(data.toString()) as { type: string; results?: unknown[][]; epoch?: string };
    if (message.type === "welcome") this.epoch = parseEpoch(message.epoch);
    if (message.type === "push-result") {
      const results = message.results ?? [];
      this.#options.onResults?.(results.length, results.filter((row) => row[1] === "rejected").length);
    } else if (
      message.type === (this.#options.subscribe && this.#options.from === undefined ? "snapshot-end" : "welcome")
    )
      ready();
    else if (message.type === "refusal") throw new Error(`refused: ${data.toString()}`);
    else if (message.type === "ping") this.#socket.send(JSON.stringify({ ...message, type: "pong" }));
  }

  /** Pushes one mutation per entity. `seen` is what the device has seen. */
  push(
    operation: "create" | "update",
    entities: readonly { readonly id: string; readonly fields: Record<string, string | number | boolean> }[],
  ): void {
    const rows = entities.map(({ id, fields }): MutationRow => {
      this.#counter += 1;
      const entity = parseEntityId(id);
      if (entity === null) throw new Error(id);
      return [
        this.#counter,
        operation,
        "items",
        entity,
        fields,
        this.to,
        makeStamp(Date.now(), this.#counter % 65_536),
        0,
      ];
    });
    this.#socket.send(JSON.stringify({ type: "push", mutations: rows }));
  }

  close(): void {
    this.#socket.terminate();
  }
}
