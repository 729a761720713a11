/** `createClient`: a client from its options, with the platform's own clock, sockets and randomness unless told otherwise. */
import { type DeviceId, parseDeviceId, type Schema, seededRandom, TidelockError, uuidv7 } from "@tidelock/core";
import { Replica } from "../engine/index.ts";
import { platformSystem, type System } from "../runtime/system.ts";
import { memoryStore } from "../store/memory.ts";
import { serverAddress } from "../transport/address.ts";
import { sseOnDemand } from "../transport/sse-on-demand.ts";
import type { Transport } from "../transport/transport.ts";
import { websocketTransport } from "../transport/websocket.ts";
import type { Client, ClientOptions } from "./client.ts";
import { ClientCore } from "./client-core.ts";

const SDK = "tidelock-js/0.1.0";
const LINGER_MS = 10_000;

/**
 * Makes a client. It opens its store and connects by itself; reading and writing work at once, and what is written before
 * the store is open waits for it. Throws `TidelockError` with `config-invalid` or `schema-invalid`.
 */
export function createClient<Source extends Schema>(options: ClientOptions<Source>): Client<Source> {
  const system = options.system ?? platformSystem();
  const { schema } = options;
  const core = new ClientCore({
    schema,
    replica: new Replica({ schema, random: seededRandom(seedFrom(system)), sdk: `${SDK} ${system.platform}` }),
    store: options.store ?? memoryStore(),
    transports: transportsOf(options),
    auth: options.auth,
    system,
    newDevice: newDevice(system),
    lingerMs: options.lingerMs ?? LINGER_MS,
    autoConnect: options.autoConnect ?? true,
    httpAddress: () => serverAddress(options.url, typeof location === "undefined" ? undefined : location.href).http,
  });
  // The core has defined a member for every collection of the schema.
  return core as unknown as Client<Source>;
}

function transportsOf<Source extends Schema>({ url, transports, codec }: ClientOptions<Source>): readonly Transport[] {
  const page = typeof location === "undefined" ? undefined : location.href;
  return (transports ?? ["websocket", "sse"]).map((transport) => {
    if (typeof transport === "object") return transport;
    const address = serverAddress(url, page);
    if (transport === "sse") return sseOnDemand({ address });
    return websocketTransport({ url: address.websocket, ...(codec === undefined ? {} : { codec }) });
  });
}

function seedFrom(system: System): number {
  return system.randomBytes(4).reduce((seed, byte) => (seed << 8) | byte, 0);
}

function newDevice(system: System): DeviceId {
  const device = parseDeviceId(uuidv7(system.now(), system.randomBytes(10)));
  if (device === null) throw new TidelockError("internal", "a UUID must be a device id");
  return device;
}
