/**
 * P1 and P2. One publisher, many subscribers: deliveries per second at full speed, and latency and server CPU at a gentle
 * rate; beside a raw `ws` broadcast of 100-byte messages in the same run. The engine's deliveries are durable mutations:
 * decided, fsynced, then sent to every subscriber.
 */
import { once } from "node:events";
import { WebSocket } from "ws";
import { Countdown, percentile, withTimeout } from "../measure.ts";
import { type Running, start, withServer } from "../process.ts";
import { itemId } from "../schema.ts";
import { ThinDevice } from "../thin.ts";
import { seed } from "./durable.ts";

const IN_FLIGHT = 256;
const ENTITIES = 10_000;

export interface FanoutResult {
  readonly subscribers: number;
  /** Deliveries per second. */
  readonly rawEach: number;
  readonly rawTurn: number;
  readonly engine: number;
  /** Milliseconds at a gentle rate, and server CPU per delivery in microseconds. */
  readonly rawGentle: Gentle;
  readonly engineGentle: Gentle;
}

export interface Gentle {
  readonly p50: number;
  readonly p99: number;
  readonly cpu: number;
}

/** Something with a publisher and subscribers. */
interface Rig {
  readonly server: Running;
  publish(sentAt: number): void;
}

interface RigEvents {
  /** Messages that one subscriber got. */
  delivered(count: number, data: Buffer): void;
  /** The publisher's messages that were answered. */
  answered(count: number): void;
}

export async function fanout(subscribers: number, seconds: number): Promise<FanoutResult> {
  const messages = { each: 0.12e6 * seconds, turn: 4e6 * seconds, engine: 1.2e6 * seconds };
  const rawEach = await withRaw("each", subscribers, (rig, events) =>
    fullSpeed(rig, events, subscribers, messages.each),
  );
  const rawTurn = await withRaw("turn", subscribers, (rig, events) =>
    fullSpeed(rig, events, subscribers, messages.turn),
  );
  const engine = await withEngine(subscribers, (rig, events) => fullSpeed(rig, events, subscribers, messages.engine));
  const perSecond = subscribers >= 1000 ? 20 : 100;
  const rawGentle = await withRaw("each", subscribers, (rig, events) =>
    gentle(rig, events, subscribers, perSecond, seconds),
  );
  const engineGentle = await withEngine(subscribers, (rig, events) =>
    gentle(rig, events, subscribers, perSecond, seconds),
  );
  return { subscribers, rawEach, rawTurn, engine, rawGentle, engineGentle };
}

async function fullSpeed(rig: Rig, events: RigEvents, subscribers: number, deliveries: number): Promise<number> {
  const messages = Math.ceil(deliveries / subscribers);
  const all = new Countdown(messages * subscribers);
  let sent = 0;
  let answered = 0;
  const fill = (): void => {
    while (sent < messages && sent - answered < IN_FLIGHT) {
      sent += 1;
      rig.publish(0);
    }
  };
  events.delivered = (count) => all.done(count);
  events.answered = (count) => {
    answered += count;
    fill();
  };
  const began = performance.now();
  fill();
  await withTimeout(all.finished, 120, `fan-out to ${subscribers}, ${all.left} deliveries missing`);
  return (messages * subscribers) / ((performance.now() - began) / 1000);
}

async function gentle(
  rig: Rig,
  events: RigEvents,
  subscribers: number,
  perSecond: number,
  seconds: number,
): Promise<Gentle> {
  const times: number[] = [];
  const messages = perSecond * seconds;
  const all = new Countdown(messages * subscribers);
  events.answered = () => {};
  events.delivered = (count, data) => {
    const now = performance.now();
    const sentAt = stampIn(data);
    times.push(now - sentAt);
    all.done(count);
  };
  const before = await rig.server.usage();
  for (let index = 0; index < messages; index++) {
    rig.publish(performance.now());
    await new Promise((resolve) => setTimeout(resolve, 1000 / perSecond));
  }
  await withTimeout(all.finished, 60, "the last deliveries");
  const after = await rig.server.usage();
  const cpu = after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system;
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), cpu: cpu / (messages * subscribers) };
}

const MARK = Buffer.from("@");

/** The time between two marks in a message. */
function stampIn(data: Buffer): number {
  const from = data.indexOf(MARK) + 1;
  return Number(data.toString("latin1", from, data.indexOf(MARK, from)));
}

/** A message of about 100 bytes that carries its time. */
function message(sentAt: number): string {
  return `@${sentAt}@`.padEnd(100, ".");
}

async function withRaw<Result>(
  kind: "each" | "turn",
  subscribers: number,
  use: (rig: Rig, events: RigEvents) => Promise<Result>,
): Promise<Result> {
  const server = await start("limits/broadcast.ts", [kind]);
  const events: RigEvents = { delivered: () => {}, answered: () => {} };
  const open = async (path: string): Promise<WebSocket> => {
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/${path}`, {
      perMessageDeflate: false,
      skipUTF8Validation: true,
    });
    await once(socket, "open");
    return socket;
  };
  const sockets: WebSocket[] = [];
  for (let index = 0; index < subscribers; index++) {
    const socket = await open("subscribe");
    socket.on("message", (data: Buffer) => events.delivered(1, data));
    sockets.push(socket);
  }
  const publisher = await open("publish");
  publisher.on("message", () => events.answered(1));
  sockets.push(publisher);
  const rig: Rig = { server, publish: (sentAt) => publisher.send(Buffer.from(message(sentAt))) };
  try {
    return await use(rig, events);
  } finally {
    for (const socket of sockets) socket.terminate();
    await server.stop();
  }
}

function withEngine<Result>(
  subscribers: number,
  use: (rig: Rig, events: RigEvents) => Promise<Result>,
): Promise<Result> {
  return withServer(async (server) => {
    const from = await seed(server.url, ENTITIES);
    const events: RigEvents = { delivered: () => {}, answered: () => {} };
    const devices: ThinDevice[] = [];
    for (let index = 0; index < subscribers; index++) {
      devices.push(
        await ThinDevice.connect(server.url, {
          name: `subscriber-${index}`,
          subscribe: true,
          from,
          onDelta: (count, _, data) => events.delivered(count, data),
        }),
      );
    }
    const publisher = await ThinDevice.connect(server.url, {
      name: "publisher",
      subscribe: false,
      onResults: (count) => events.answered(count),
    });
    let next = 0;
    const publish = (sentAt: number): void => {
      publisher.push("update", [
        { id: itemId(next++ % ENTITIES), fields: { body: `@${sentAt}@${next}`.padEnd(36, ".") } },
      ]);
    };
    try {
      return await use({ server, publish }, events);
    } finally {
      for (const device of devices) device.close();
      publisher.close();
    }
  });
}
