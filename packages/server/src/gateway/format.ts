/**
 * Formats: messages as the bytes that go to a socket. What stays true: one message object is encoded once per format,
 * however many sockets get it, because engines never change a message they have sent. A chunk of a snapshot, whose text
 * recurs in message after message, is kept by its text.
 */
import {
  cborCodec,
  type Codec,
  type Epoch,
  formatCheckpoint,
  jsonCodec,
  type ServerMessage,
  type SubscriptionRequest,
  SUBPROTOCOL_BINARY,
} from "@tidelock/core";
import type { OutboundMessage, PreparedMessage } from "../engine/effect.ts";
import { webSocketFrame } from "./frame.ts";

export interface Format {
  encode(message: OutboundMessage): Buffer;
}

/** Bytes of chunks kept per format. Fewer would encode a cold start's chunks again for each device. */
const MAX_CHUNK_BYTES = 128 * 1024 * 1024;

class CachingFormat implements Format {
  readonly #encode: (message: ServerMessage) => Buffer;
  readonly #encodeChunk: (json: string) => Buffer;
  readonly #encoded = new WeakMap<OutboundMessage, Buffer>();
  readonly #chunks = new Map<string, Buffer>();
  #chunkBytes = 0;
  #last: OutboundMessage | null = null;
  #lastBytes: Buffer = Buffer.alloc(0);

  constructor(encode: (message: ServerMessage) => Buffer, encodeChunk: (json: string) => Buffer) {
    this.#encode = encode;
    this.#encodeChunk = encodeChunk;
  }

  encode(message: OutboundMessage): Buffer {
    if (message === this.#last) return this.#lastBytes;
    let bytes = this.#encoded.get(message);
    if (bytes === undefined) {
      bytes = message.type === "prepared" ? this.#chunk(message) : this.#encode(message);
      this.#encoded.set(message, bytes);
    }
    this.#last = message;
    this.#lastBytes = bytes;
    return bytes;
  }

  #chunk({ json }: PreparedMessage): Buffer {
    const known = this.#chunks.get(json);
    if (known !== undefined) {
      this.#chunks.delete(json);
      this.#chunks.set(json, known);
      return known;
    }
    const bytes = this.#encodeChunk(json);
    this.#chunks.set(json, bytes);
    this.#chunkBytes += bytes.length;
    for (const [oldest, size] of this.#chunks) {
      if (this.#chunkBytes <= MAX_CHUNK_BYTES) break;
      this.#chunks.delete(oldest);
      this.#chunkBytes -= size.length;
    }
    return bytes;
  }
}

function webSocketFormat(codec: Codec): Format {
  const encodeChunk =
    codec.name === "json"
      ? webSocketFrame
      : (json: string): Buffer => {
          const message: ServerMessage = JSON.parse(json);
          return webSocketFrame(codec.encode(message));
        };
  return new CachingFormat((message) => webSocketFrame(codec.encode(message)), encodeChunk);
}

const jsonFrames = webSocketFormat(jsonCodec);
const binaryFrames = webSocketFormat(cborCodec);

/** The format of a WebSocket subprotocol; none means JSON. */
export function formatOf(subprotocol: string): Format {
  return subprotocol === SUBPROTOCOL_BINARY ? binaryFrames : jsonFrames;
}

const eventStreams = new Map<Epoch, Format>();
/** Logs whose format is kept; one costs next to nothing, so the bound only keeps the map from growing for ever. */
const MAX_EVENT_STREAMS = 10_000;

/**
 * Server-sent events (HTML, section 9.2) of one log, each with the checkpoint after it as its id: deltas that move the
 * whole session, and the end of a snapshot. A delta that completes a single subscription has none.
 */
function eventsWithId(epoch: Epoch): Format {
  const known = eventStreams.get(epoch);
  if (known !== undefined) return known;
  if (eventStreams.size >= MAX_EVENT_STREAMS) eventStreams.clear();
  const format = new CachingFormat(
    (message) => eventBytes(message.type, checkpointAfter(message, epoch), JSON.stringify(message)),
    (json) => eventBytes("rows", null, json),
  );
  eventStreams.set(epoch, format);
  return format;
}

const eventsWithoutId: Format = new CachingFormat(
  (message) => eventBytes(message.type, null, JSON.stringify(message)),
  (json) => eventBytes("rows", null, json),
);

/**
 * The events of one session. An id says "I hold everything up to here" when it comes back as `Last-Event-ID`, so there is
 * none while a subscription is still waiting for its snapshot.
 */
export class EventStreamFormat implements Format {
  readonly #withId: Format;
  readonly #subscriptions: readonly SubscriptionRequest[];
  /** Subscriptions that are not whole. */
  readonly #pending: Set<number>;

  constructor(epoch: Epoch, subscriptions: readonly SubscriptionRequest[]) {
    this.#withId = eventsWithId(epoch);
    this.#subscriptions = subscriptions;
    this.#pending = new Set(subscriptions.filter(({ key }) => key === null).map(({ id }) => id));
  }

  encode(message: OutboundMessage): Buffer {
    this.#note(message);
    return this.#pending.size === 0 ? this.#withId.encode(message) : eventsWithoutId.encode(message);
  }

  #note(message: OutboundMessage): void {
    if (message.type === "snapshot") this.#pending.add(message.subscription);
    else if (message.type === "snapshot-end") this.#pending.delete(message.subscription);
    else if (message.type === "resync") for (const { id } of this.#subscriptions) this.#pending.add(id);
    else if (message.type === "refusal" && message.about?.subscription !== undefined) {
      this.#pending.delete(message.about.subscription);
    }
  }
}

function checkpointAfter(message: ServerMessage, epoch: Epoch): string | null {
  if (message.type === "delta" && message.subscription === undefined) {
    return formatCheckpoint({ epoch, offset: message.to });
  }
  return message.type === "snapshot-end" ? formatCheckpoint({ epoch, offset: message.offset }) : null;
}

/** JSON text has no line breaks, so it is one `data` line. */
function eventBytes(type: string, id: string | null, json: string): Buffer {
  return Buffer.from(`event: ${type}\n${id === null ? "" : `id: ${id}\n`}data: ${json}\n\n`);
}
