/**
 * One connection, on whatever transport: waits for its hello, is authenticated, becomes a session of its tenant's hub,
 * and ends. It gathers what is sent to it for one write per turn, meters what arrives, and tells the hub when its socket
 * is full and when it has drained.
 *
 * What stays true: before `open` nothing reaches a hub; after `closing` nothing does either, except one `session-closed`;
 * places taken in `Admission` are given back once; a peer that does not read costs at most one turn's messages and
 * four times `maxSocketBacklogBytes`, then its socket. It does not know bytes: a `Format` makes them, a `Pipe` takes them.
 */
import {
  type ClientMessage,
  type ErrorCode,
  ERRORS,
  type Hello,
  type Millis,
  type Ping,
  type Refusal,
  type SessionId,
  TidelockError,
} from "@tidelock/core";
import type { OutboundMessage } from "../engine/effect.ts";
import type { Principal } from "../engine/input.ts";
import { errorFacts } from "../observe/log.ts";
import type { Transport } from "../observe/metrics.ts";
import type { GatewayContext } from "./context.ts";
import type { Format } from "./format.ts";
import { type Identity, within } from "./identity.ts";
import { Meter } from "./meter.ts";
import type { Pipe } from "./pipe.ts";
import type { SessionSink, TenantPort } from "./tenant-port.ts";
import type { Batch, Flushable } from "./turn.ts";

/**
 * How much may come on top, in units of `maxSocketBacklogBytes`, once a session is blocked: answers go on while deltas
 * pause. (What blocked it may have been larger in one piece, and must still arrive.)
 */
const GROWTH_FACTOR = 3;
/**
 * Streams without a way back get a sign of life at least this often, and twice in `idleMs`: proxies cut silent ones after
 * 30 seconds or more, and devices take them for dead after `idleMs`.
 */
const HEARTBEAT_MS = 15_000;
/** When those should come back who were turned away at the door because the server closes. */
const DISMISSED_RETRY_MS = 1_000;
const HEARTBEAT = Buffer.from(":\n\n");

/** An authenticated peer with its tenant loaded and its place taken: all that an open session needs. */
export interface Admitted extends Identity {
  readonly port: TenantPort;
  /** Gives the place back. */
  readonly leave: () => void;
}

/** Verifies a token, loads the tenant and takes a place. Rejects with a `TidelockError`. */
export async function admit(context: GatewayContext, token: string): Promise<Admitted> {
  const identity = await within(context.verify(token), context.limits.helloTimeoutMs, "hello-timeout");
  const { tenant, principal } = identity;
  const leave = context.admission.open(tenant, principal.user);
  try {
    return { tenant, principal, leave, port: await context.tenants.load(tenant) };
  } catch (error) {
    leave();
    throw error;
  }
}

export class Connection implements SessionSink, Flushable {
  readonly session: SessionId;
  readonly transport: Transport;
  readonly #context: GatewayContext;
  readonly #pipe: Pipe;
  readonly #since: Millis;
  readonly #format: Format;
  #state: "waiting" | "entering" | "open" | "closing" | "closed" = "waiting";
  #admitted: Admitted | null = null;
  #principal: Principal | null = null;
  #meter: Meter | null = null;
  #refreshing = false;
  #batch: Batch | null = null;
  #gathering = false;
  /** Bytes that waited when the session was blocked; `null` while it is not. */
  #blockedAt: number | null = null;
  #awaitsDrain = false;
  #heardAt: Millis;
  #pinged = false;

  constructor(context: GatewayContext, transport: Transport, session: SessionId, pipe: Pipe, format: Format) {
    this.#context = context;
    this.transport = transport;
    this.session = session;
    this.#pipe = pipe;
    this.#format = format;
    this.#since = context.now();
    this.#heardAt = this.#since;
  }

  get state(): "waiting" | "entering" | "open" | "closing" | "closed" {
    return this.#state;
  }

  get principal(): Principal | null {
    return this.#principal;
  }

  get port(): TenantPort | null {
    return this.#admitted?.port ?? null;
  }

  // ── on the way in ──────────────────────────────────────────────────────────────────────────────────────────────

  /** From a hello to an open session, or a refusal. Resolves when it is decided. */
  async enter(hello: Hello): Promise<void> {
    this.#state = "entering";
    try {
      const admitted = await admit(this.#context, hello.token);
      // The peer may have gone, or the deadline passed, meanwhile.
      if (this.#state === "entering") this.open(admitted, hello);
      else admitted.leave();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Becomes a session. */
  open(admitted: Admitted, hello: Hello): void {
    this.#state = "open";
    this.#admitted = admitted;
    this.#principal = admitted.principal;
    this.#context.metrics.sessions.add(this.transport);
    admitted.port.attach(this.session, this);
    admitted.port.input({
      type: "session-opened",
      session: this.session,
      principal: admitted.principal,
      hello: { ...hello, token: "" },
    });
  }

  // ── what the device says ───────────────────────────────────────────────────────────────────────────────────────

  /** A message of an open session. */
  receive(message: ClientMessage): void {
    if (this.#state !== "open" || this.#admitted === null) return;
    const now = this.#context.now();
    this.heard(now);
    this.#context.metrics.messagesIn.add(message.type);
    if (message.type === "hello") return this.refuse("hello-expected", "hello was already said", true);
    this.#meter ??= new Meter(this.#context.limits, now);
    const waitMs = this.#meter.take(message, now);
    if (waitMs > 0) return this.#slowDown(message, waitMs, now);
    if (message.type === "auth") return void this.#refresh(message.token);
    if (message.type === "pong") return;
    if (message.type === "push") this.#context.metrics.mutations.add("push", message.mutations.length);
    this.#admitted.port.input({ type: "message", session: this.session, message });
  }

  heard(now: Millis): void {
    this.#heardAt = now;
    this.#pinged = false;
  }

  #slowDown(message: ClientMessage, retryAfterMs: Millis, now: Millis): void {
    const counter = message.type === "push" ? message.mutations[0]?.[0] : undefined;
    const persists = this.#meter?.refusedTooOften(now) ?? false;
    this.refuse("rate-limited", `${message.type} came too soon`, persists, {
      retryAfterMs,
      ...(counter === undefined ? {} : { about: { counter } }),
    });
  }

  /** A new token for the same user. A token that does not verify costs nothing: the old one still holds. */
  async #refresh(token: string): Promise<void> {
    if (this.#refreshing) return this.refuse("rate-limited", "another token is being verified", false);
    this.#refreshing = true;
    try {
      const { limits, verify } = this.#context;
      const { tenant, principal } = await within(verify(token), limits.helloTimeoutMs, "token-invalid");
      if (this.#state !== "open" || this.#admitted === null) return;
      if (tenant !== this.#admitted.tenant || principal.user !== this.#principal?.user) {
        return this.refuse("forbidden", "the token names another user or tenant than the session's", true);
      }
      this.#principal = principal;
      this.#admitted.port.input({ type: "authenticated", session: this.session, principal });
    } catch (error) {
      const code = error instanceof TidelockError ? error.code : "token-invalid";
      this.refuse(code, ERRORS[code].message, false);
    } finally {
      this.#refreshing = false;
    }
  }

  // ── what the device is told ────────────────────────────────────────────────────────────────────────────────────

  send(message: OutboundMessage): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    this.#gather(this.#format.encode(message));
  }

  refuse(
    code: ErrorCode,
    message: string,
    fatal: boolean,
    more: Partial<Pick<Refusal, "retryAfterMs" | "about" | "url">> = {},
  ): void {
    this.#context.metrics.refusals.add(code);
    this.send({ type: "refusal", code, message, fatal, ...more });
    if (fatal) this.close(code);
  }

  /** Ends with what went wrong on the way in. What is not an expected refusal is logged, and named `internal`. */
  fail(error: unknown): void {
    if (error instanceof TidelockError) {
      return this.refuse(error.code, error.detail === "" ? ERRORS[error.code].message : error.detail, true);
    }
    this.#context.log.error(errorFacts(error), "a connection failed");
    this.refuse("internal", ERRORS.internal.message, true);
  }

  /** Ends now, without waiting for the peer. */
  cut(code: ErrorCode): void {
    if (this.#state !== "closing" && this.#state !== "closed") this.#leave("closing", code);
    this.#pipe.destroy();
  }

  dismiss(): void {
    if (this.#state === "waiting" || this.#state === "entering") this.goAway("shutting-down", DISMISSED_RETRY_MS);
  }

  goAway(reason: ErrorCode, retryAfterMs: Millis): void {
    this.send({ type: "goaway", reason, retryAfterMs });
    this.close(reason);
  }

  close(code: ErrorCode): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    const bytes = this.#takeBatch();
    this.#leave("closing", code);
    if (bytes !== null) this.#pipe.write(bytes);
    this.#pipe.end(code);
  }

  whenDrained(): void {
    this.#awaitsDrain = true;
    this.#joinTurn();
  }

  // ── what the socket tells ──────────────────────────────────────────────────────────────────────────────────────

  flush(): void {
    this.#gathering = false;
    if (this.#state === "closing" || this.#state === "closed") return;
    const bytes = this.#takeBatch();
    const takesMore = bytes === null ? !this.#pipe.full : this.#pipe.write(bytes);
    if (!takesMore) this.#checkBacklog();
    else if (this.#awaitsDrain) this.drained();
  }

  /** What waited in the socket has gone out. */
  drained(): void {
    if (this.#state !== "open" || !(this.#blockedAt !== null || this.#awaitsDrain)) return;
    this.#blockedAt = null;
    this.#awaitsDrain = false;
    this.#admitted?.port.input({ type: "session-drained", session: this.session });
  }

  /** The socket is gone. */
  closed(): void {
    if (this.#state !== "closed") this.#leave("closed", "left");
  }

  #checkBacklog(): void {
    const { maxSocketBacklogBytes } = this.#context.limits;
    const backlog = this.#pipe.backlogBytes;
    if (this.#blockedAt === null) {
      if (backlog <= maxSocketBacklogBytes) return;
      this.#blockedAt = backlog;
      this.#admitted?.port.input({ type: "session-blocked", session: this.session });
    } else if (backlog > this.#blockedAt + GROWTH_FACTOR * maxSocketBacklogBytes) {
      // Nothing that is said now would arrive.
      this.cut("slow-consumer");
    }
  }

  // ── what time brings ───────────────────────────────────────────────────────────────────────────────────────────

  /** Called every now and then. `ping` is shared by all connections that need one. */
  sweep(now: Millis, ping: Ping): void {
    const { helloTimeoutMs, idleMs } = this.#context.limits;
    if (this.#state === "waiting" || this.#state === "entering") {
      if (now - this.#since >= helloTimeoutMs) this.refuse("hello-timeout", ERRORS["hello-timeout"].message, true);
    } else if (this.#state === "open") {
      const expires = this.#principal?.expires ?? null;
      if (expires !== null && expires <= now) return this.goAway("token-expired", 0);
      const quietMs = now - this.#heardAt;
      if (this.transport === "sse") return quietMs < Math.min(HEARTBEAT_MS, idleMs / 2) ? undefined : this.#beat(now);
      if (quietMs >= 2 * idleMs) return this.goAway("session-idle", 0);
      if (quietMs < idleMs || this.#pinged) return;
      this.#pinged = true;
      this.send(ping);
    }
  }

  /** A comment, so that proxies and readers know that the stream lives. It says nothing about the reader. */
  #beat(now: Millis): void {
    this.#heardAt = now;
    this.#gather(HEARTBEAT);
  }

  // ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #gather(bytes: Buffer): void {
    this.#batch = (this.#batch ?? this.#context.turn.start).with(bytes);
    this.#joinTurn();
  }

  #joinTurn(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#context.turn.add(this);
  }

  #takeBatch(): Buffer | null {
    const batch = this.#batch;
    this.#batch = null;
    return batch === null ? null : batch.bytes();
  }

  #leave(state: "closing" | "closed", reason: ErrorCode | "left"): void {
    const wasOpen = this.#state === "open";
    this.#state = state;
    this.#batch = null;
    if (!wasOpen || this.#admitted === null) return;
    this.#context.metrics.sessions.add(this.transport, -1);
    this.#context.metrics.sessionsClosed.add(reason);
    this.#admitted.leave();
    this.#admitted.port.input({ type: "session-closed", session: this.session });
  }
}
