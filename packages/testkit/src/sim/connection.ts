/**
 * One connection of a device: two pipes, and the gateway at the server's end, which reads the token, watches for silence
 * and tells the hub when the socket fills up and drains. Messages cross it encoded and decoded, or frozen.
 */
import {
  cborCodec,
  type ClientMessage,
  type Codec,
  type ErrorCode,
  type Hello,
  jsonCodec,
  MAX_FRAME_BYTES,
  parseServerMessage,
  type Random,
  type ServerMessage,
  type SessionId,
} from "@tidelock/core";
import type { HubEffect, Principal } from "@tidelock/server/engine";
import { UNREADABLE } from "./domain.ts";
import { deepFreeze, type Environment } from "./environment.ts";
import { Pipe } from "./network.ts";
import type { ServerNode, Socket } from "./node.ts";
import type { Wire } from "./odds.ts";
import { between, chance } from "./random.ts";
import type { TokenOffice } from "./tokens.ts";
import { demand } from "./violation.ts";

type Outbound = Extract<HubEffect, { type: "send" }>["message"];

/** What the device's runtime hears of a connection. */
export interface Caller {
  connected(): void;
  message(message: ServerMessage): void;
  /** Over. Called once. */
  disconnected(reason: string): void;
}

export class Connection implements Socket {
  readonly session: SessionId;
  readonly device: string;
  readonly hello: Hello;
  readonly #environment: Environment;
  readonly #node: ServerNode;
  readonly #tokens: TokenOffice;
  readonly #random: Random;
  readonly #wire: Wire;
  /** `null`: nobody is at the device's end any more, or ever was. */
  #caller: Caller | null;
  readonly #up: Pipe<ClientMessage>;
  readonly #down: Pipe<ServerMessage>;
  #state: "connecting" | "open" | "closed" = "connecting";
  /** Whom the hub takes the session for. */
  principal: Principal | null = null;
  #blocked = false;
  /** Data sent since the hub was told that too much waits; `null` while it may send. */
  #sentWhileBlocked: number | null = null;
  #wantsDrained = false;
  #heardAt = 0;
  #isRepeating = false;
  readonly #turns: Array<() => void> = [];

  constructor(
    environment: Environment,
    node: ServerNode,
    tokens: TokenOffice,
    parts: { session: SessionId; device: string; hello: Hello; caller: Caller | null; wire: Wire },
  ) {
    this.#environment = environment;
    this.#node = node;
    this.#tokens = tokens;
    this.session = parts.session;
    this.device = parts.device;
    this.hello = parts.hello;
    this.#caller = parts.caller;
    this.#wire = parts.wire;
    this.#random = environment.stream(`connection ${parts.session}`);
    const { queue, odds } = environment;
    this.#up = new Pipe<ClientMessage>(
      queue,
      this.#random,
      odds.network,
      (message) => this.#arriveUp(message),
      () => this.#endUp(),
    );
    this.#down = new Pipe<ServerMessage>(
      queue,
      this.#random,
      odds.network,
      (message) => this.#arriveDown(message),
      () => this.#endDown(),
    );
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Begins. `reachable`: whether the way to the server is there. */
  dial(reachable: boolean): void {
    const { queue, odds } = this.#environment;
    const trip = (): number => between(this.#random, odds.network[0], odds.network[1]);
    if (!reachable) {
      queue.after(between(this.#random, 10, 5000), () => this.#hangUp("unreachable"));
      return;
    }
    queue.after(trip() + trip(), () => {
      if (this.#caller === null) return;
      if (!this.#node.isUp) return this.#hangUp("refused");
      this.#up.send(this.#encode(this.hello));
      this.#caller.connected();
    });
  }

  /** Reaches the server with nobody at the other end, and is given up after a while. */
  haunt(): void {
    const { queue, odds } = this.#environment;
    this.#up.send(this.#encode(this.hello));
    queue.after(between(this.#random, odds.network[1], odds.network[1] + 8000), () => this.#up.end());
  }

  // ── the device's end ─────────────────────────────────────────────────────────────────────────────────────────────

  sendUp(message: ClientMessage): void {
    const { mutant } = this.#environment;
    const bent = mutant.up === undefined ? [message] : mutant.up(message, this.session);
    for (const each of bent) this.#up.send(this.#encode(each));
    if (message.type !== "push" || !this.#isRepeating) return;
    this.#isRepeating = false;
    this.#environment.counts.add("repeated pushes");
    this.#up.send(this.#encode(message));
  }

  /** The device closes. What it has sent still arrives; what is on its way down is not read. */
  closeDown(): void {
    this.#up.end();
    this.#hangUp("closed");
  }

  /** The device's process has died, or lost its network for good: the server may or may not be told. */
  abandon(): void {
    this.#caller = null;
    if (chance(this.#random, 0.5)) this.#up.end();
    else this.#up.silence();
  }

  #hangUp(reason: string): void {
    const caller = this.#caller;
    this.#caller = null;
    caller?.disconnected(reason);
  }

  #arriveDown(message: ServerMessage): void {
    this.#settle();
    if (this.#caller === null) return;
    const { mutant } = this.#environment;
    const bent = mutant.down === undefined ? [message] : mutant.down(message, this.session);
    for (const each of bent) this.#caller?.message(each);
  }

  #endDown(): void {
    this.#hangUp("ended");
  }

  // ── the server's end ─────────────────────────────────────────────────────────────────────────────────────────────

  #arriveUp(message: ClientMessage): void {
    this.#heardAt = this.#environment.queue.now;
    if (this.#state === "closed") return;
    if (this.#state === "connecting") {
      demand(message.type === "hello", "wire", () => `${this.session} begins with ${message.type}`);
      return this.#open(message);
    }
    if (message.type === "auth") {
      const principal = this.#tokens.read(message.token, this.#node.now);
      if (principal === null) return this.#refuse();
      return this.authenticate(principal);
    }
    if (message.type === "push" && JSON.stringify(message.mutations).includes(`"${UNREADABLE}"`)) {
      return this.#end("invalid-message", "mutations[0].fields cannot be read");
    }
    this.#node.input({ type: "message", session: this.session, message });
  }

  #open(hello: Hello): void {
    if (!this.#node.isUp) return this.drop();
    const principal = this.#tokens.read(hello.token, this.#node.now);
    this.#state = "open";
    this.#node.attach(this);
    if (principal === null) return this.#refuse();
    this.#watch();
    this.principal = principal;
    this.#node.input({ type: "session-opened", session: this.session, principal, hello });
  }

  /** A new token was verified, or an operator has changed what the user may do. */
  authenticate(principal: Principal): void {
    if (this.#state !== "open") return;
    this.principal = principal;
    this.#node.input({ type: "authenticated", session: this.session, principal });
  }

  #refuse(): void {
    this.#end("token-expired", "the token has expired");
  }

  /** The gateway ends the session, and says why. */
  #end(code: ErrorCode, message: string): void {
    this.#node.input({ type: "session-closed", session: this.session });
    this.send({ type: "refusal", code, message, fatal: true });
    this.close();
  }

  /** Pings a session that is silent, and ends it when it stays so. */
  #watch(): void {
    const { queue, odds } = this.#environment;
    const { idleMs } = odds.limits;
    const silence = queue.now - this.#heardAt;
    const next = silence < idleMs ? idleMs : 2 * idleMs;
    queue.at(this.#heardAt + next, () => {
      if (this.#state !== "open") return;
      const isSilent = queue.now - this.#heardAt >= next;
      if (isSilent && next === 2 * idleMs) {
        this.#environment.counts.add("idle sessions");
        this.#down.reset(queue.now);
        return this.#gone();
      }
      if (isSilent) this.send({ type: "ping", nonce: Math.floor(queue.now) });
      this.#watch();
    });
  }

  send(message: Outbound): void {
    if (this.#state !== "open") return;
    const { odds } = this.#environment;
    const isData = message.type === "delta" || message.type === "prepared" || message.type === "snapshot";
    if (isData && this.#sentWhileBlocked !== null) {
      this.#sentWhileBlocked += 1;
      // What was being read when the socket filled up may still come, and no more.
      const most = odds.bounds.chunksPerWindow + 2;
      demand(
        this.#sentWhileBlocked <= most,
        "backpressure",
        () => `${this.session} is blocked, and is sent more and more`,
      );
    }
    this.#down.send(this.#prepare(message));
    if (this.#down.waiting <= odds.socketMessages || this.#blocked) return;
    this.#blocked = true;
    this.#environment.counts.add("blocked sessions");
    // Reported on the next turn: a runtime sees the backlog after it has written.
    this.#soon(() => {
      this.#sentWhileBlocked ??= 0;
      this.#node.input({ type: "session-blocked", session: this.session });
    });
  }

  whenDrained(): void {
    this.#wantsDrained = true;
    this.#soon(() => this.#settle());
  }

  /** Reports that the socket has drained, when it has. */
  #settle(): void {
    if (this.#state !== "open" || (!this.#blocked && !this.#wantsDrained)) return;
    if (this.#down.waiting > this.#environment.odds.socketMessages / 2) return;
    this.#blocked = false;
    this.#wantsDrained = false;
    this.#soon(() => {
      this.#sentWhileBlocked = null;
      this.#node.input({ type: "session-drained", session: this.session });
    });
  }

  /** On a turn of its own, after those that were asked for before. */
  #soon(run: () => void): void {
    this.#turns.push(run);
    this.#environment.queue.after(0, () => {
      const next = this.#turns.shift();
      if (this.#state === "open" && this.#node.knows(this.session)) next?.();
    });
  }

  close(): void {
    this.#down.end();
    // Sockets report their end even when it was this side's wish.
    this.#gone();
  }

  drop(): void {
    this.#state = "closed";
    if (chance(this.#random, 0.5)) this.#down.end();
    else this.#down.reset(this.#environment.queue.now + between(this.#random, 0, 500));
  }

  #endUp(): void {
    this.#down.end();
    this.#gone();
  }

  #gone(): void {
    if (this.#state !== "open") {
      this.#state = "closed";
      return;
    }
    this.#state = "closed";
    const { session } = this;
    this.#environment.queue.after(0, () => {
      if (!this.#node.knows(session)) return;
      this.#node.detach(session);
      this.#node.input({ type: "session-closed", session });
    });
  }

  // ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────

  /** The next push is sent twice, as a careless client would. */
  repeatPush(): void {
    this.#isRepeating = true;
  }

  /** The connection breaks: both ends are told, each in its own time; what was on its way is lost. */
  reset(): void {
    const { now } = this.#environment.queue;
    this.#up.reset(now + between(this.#random, 0, 3000));
    this.#down.reset(now + between(this.#random, 0, 3000));
  }

  /** Whatever is sent one way, or both, vanishes; nobody is told. */
  silence(direction: "up" | "down" | "both"): void {
    if (direction !== "down") this.#up.silence();
    if (direction !== "up") this.#down.silence();
  }

  /** Packets are lost and sent again until `time`. */
  stall(time: number, direction: "up" | "down" | "both"): void {
    if (direction !== "down") this.#up.hold(time);
    if (direction !== "up") this.#down.hold(time);
  }

  // ── the wire ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #encode(message: ClientMessage): ClientMessage {
    const codec = this.#codec();
    if (codec === null) return deepFreeze(message);
    const parsed = codec.decodeClient(codec.encode(message), MAX_FRAME_BYTES);
    demand(
      parsed.ok,
      "wire",
      () => `${message.type} does not survive its encoding: ${parsed.ok ? "" : parsed.message}`,
    );
    return parsed.message;
  }

  #prepare(message: Outbound): ServerMessage {
    if (message.type === "prepared") {
      const parsed = parseServerMessage(JSON.parse(message.json));
      demand(parsed.ok, "wire", () => `a prepared message is none: ${parsed.ok ? "" : parsed.message}`);
      return this.#prepare(parsed.message);
    }
    const codec = this.#codec();
    if (codec === null) return deepFreeze(message);
    const parsed = codec.decodeServer(codec.encode(message), MAX_FRAME_BYTES);
    demand(
      parsed.ok,
      "wire",
      () => `${message.type} does not survive its encoding: ${parsed.ok ? "" : parsed.message}`,
    );
    return parsed.message;
  }

  #codec(): Codec | null {
    if (this.#wire === "frozen") return null;
    return this.#wire === "json" ? jsonCodec : cborCodec;
  }
}
