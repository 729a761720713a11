/**
 * The connector: the connection's life. Facts in, and one of six states; whoever waits, waits in a state with a timer that
 * is always armed again (promise G09).
 */
import {
  assert,
  type ClientMessage,
  type ErrorCode,
  type Hello,
  MAX_HELLO_BYTES,
  MAX_SUBSCRIPTIONS,
  type Millis,
  OLDEST_PROTOCOL_VERSION,
  PROTOCOL_VERSION,
  type Random,
  utf8Length,
  type Welcome,
} from "@tidelock/core";
import { backoff, type Link } from "./connection.ts";
import type { ReplicaState } from "./replica-state.ts";
import type { Phase } from "./status.ts";
import type { Subscription } from "./subscriptions.ts";

const DEFAULT_IDLE_MS: Millis = 12_000;
/** Bytes of a subscription in a hello without its filter and key, at most. */
const SUBSCRIPTION_OVERHEAD_BYTES = 160;
/** Bytes of a hello that subscriptions may take; the rest is for the token, which may have 16 KiB, and the names. */
const MAX_NAMED_BYTES = MAX_HELLO_BYTES - 20 * 1024;
/** Heartbeats without a word, two to `idleMs`, after which the other side is asked, and given up. */
const ASK_AFTER_BEATS = 2;
const GIVE_UP_AFTER_BEATS = 3;
/** A renewal that failed is tried again after this. */
const TOKEN_RETRY_MS: Millis = 5_000;
/** A token is renewed this long before it expires, or halfway when it lives shorter. */
const TOKEN_MARGIN_MS: Millis = 60_000;
/** Between two renewals, at least. */
const MIN_RENEWAL_MS: Millis = 1_000;

export class Connector {
  readonly #state: ReplicaState;
  readonly #random: Random;
  readonly #sdk: string;
  #link: Link = { state: "offline" };
  #wanted = false;
  #lastConnection = 0;
  #failures = 0;
  #authFailures = 0;
  /** Counted, not timed: a clock that is set forward or back says nothing about the other side. */
  #silentBeats = 0;
  /** How far the server's clock is ahead of this one: tokens expire by the server's. */
  #serverAheadMs: Millis = 0;
  /** The subscriptions that the hello of this connection named. */
  #named = new Set<number>();

  constructor(state: ReplicaState, random: Random, sdk: string) {
    this.#state = state;
    this.#random = random;
    this.#sdk = sdk;
  }

  get link(): Link {
    return this.#link;
  }

  /** Whether something belongs to the connection that lives. */
  isCurrent(connection: number): boolean {
    return (
      (this.#link.state === "connecting" || this.#link.state === "welcomed") && this.#link.connection === connection
    );
  }

  /** The application wants to be connected. */
  goOnline(): void {
    this.#wanted = true;
    if (this.#link.state === "offline" || this.#link.state === "upgrade-required") this.#connect();
  }

  goOffline(): void {
    this.#wanted = false;
    this.#drop();
    this.#link = { state: "offline" };
    this.#failures = 0;
    this.#authFailures = 0;
  }

  /** Time to try again, or a hint that it may be. */
  tryNow(): void {
    if (this.#link.state === "waiting" && this.#wanted) this.#connect();
  }

  /** Something was heard from the other side. */
  heard(): void {
    this.#silentBeats = 0;
  }

  /** The server welcomed the device: mutations up to `decided` need not be sent. */
  welcomed({ session, decided, limits, expires, time }: Welcome): void {
    if (this.#link.state !== "connecting") return;
    const { connection } = this.#link;
    this.#failures = 0;
    this.#authFailures = 0;
    const { idleMs } = limits;
    this.#link = { state: "welcomed", connection, session, sent: decided, answered: decided, acknowledged: 0, idleMs };
    this.#serverAheadMs = time - this.#state.now;
    this.planTokenRenewal(expires);
    this.#state.cancelTimer("heartbeat");
    this.#state.setTimer("heartbeat", this.#state.now + idleMs / 2);
    this.#sayWhatChanged();
  }

  /** What was subscribed to, and no longer, since the hello. */
  #sayWhatChanged(): void {
    const gone = new Set(this.#named);
    for (const { id, collection, filter } of this.#state.subscriptions.all) {
      if (!gone.delete(id)) this.send({ type: "subscribe", id, collection, where: filter, key: null });
    }
    for (const id of gone) this.send({ type: "unsubscribe", id });
  }

  /** This version of the application may not connect. */
  upgradeRequired(): void {
    this.#drop();
    this.#link = { state: "upgrade-required" };
  }

  /** The token was not accepted. */
  authFailed(): void {
    this.#authFailures += 1;
  }

  #connect(): void {
    this.#state.cancelTimer("reconnect");
    this.#link = { state: "getting-token" };
    this.#state.emit({ type: "get-token" });
  }

  /** A token was fetched: to connect with, or to go on with. */
  token(token: string): void {
    if (this.#link.state === "welcomed") this.send({ type: "auth", token });
    if (this.#link.state !== "getting-token") return;
    this.#lastConnection += 1;
    this.#link = { state: "connecting", connection: this.#lastConnection };
    this.#silentBeats = 0;
    this.#state.emit({ type: "connect", connection: this.#lastConnection, hello: this.#hello(token) });
    this.#state.setTimer("heartbeat", this.#state.now + DEFAULT_IDLE_MS / 2);
  }

  #hello(token: string): Hello {
    assert(this.#state.device !== null, "hello without a device");
    const named = this.#namedInHello();
    this.#named = new Set(named.map(({ id }) => id));
    return {
      type: "hello",
      protocol: [OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION],
      schema: { version: this.#state.schema.version, hash: this.#state.schema.hash },
      sdk: this.#sdk,
      device: this.#state.device,
      token,
      epoch: this.#state.epoch,
      checkpoint: this.#state.checkpoint,
      decided: this.#state.decided,
      subscriptions: named.map(({ id, collection, filter, key }) => ({
        id,
        collection,
        where: filter,
        key,
      })),
    };
  }

  /** The subscriptions used last, as many as a hello may name. The others are asked for after the welcome. */
  #namedInHello(): readonly Subscription[] {
    const named: Subscription[] = [];
    let bytes = 0;
    for (const subscription of [...this.#state.subscriptions.all].reverse()) {
      bytes += utf8Length(subscription.text) + (subscription.key?.length ?? 0) + SUBSCRIPTION_OVERHEAD_BYTES;
      if (named.length === MAX_SUBSCRIPTIONS || bytes > MAX_NAMED_BYTES) break;
      named.push(subscription);
    }
    return named.reverse();
  }

  tokenFailed(reason: string, code?: ErrorCode): void {
    if (this.#link.state === "welcomed") this.#state.setTimer("token", this.#state.now + TOKEN_RETRY_MS);
    if (this.#link.state !== "getting-token") return;
    if (code === undefined) {
      // Nobody refused anything: whoever issues tokens could not be reached.
      this.#state.lastError = { code: "server-unreachable", message: reason };
    } else {
      this.#authFailures += 1;
      this.#state.noteTrouble(code, reason);
    }
    this.#retryLater();
  }

  #retryLater(atLeastMs: Millis = 0): void {
    const at = this.#state.now + atLeastMs + backoff(this.#failures, this.#random);
    this.#failures += 1;
    this.#link = { state: "waiting", at };
    this.#state.cancelTimer("reconnect");
    this.#state.setTimer("reconnect", at);
  }

  /** The connection is over, whether it ever opened or not. */
  disconnected(reason: string): void {
    this.#lost();
    if (this.#state.lastError === null || this.#link.state === "welcomed")
      this.#state.lastError = { code: "server-unreachable", message: reason };
    this.#retryLater();
  }

  /** Ends the connection from this side and tries again. */
  reconnect(atLeastMs: Millis = 0): void {
    this.#drop();
    this.#retryLater(atLeastMs);
  }

  /** Closes the connection, if there is one. */
  #drop(): void {
    if (this.#link.state === "connecting" || this.#link.state === "welcomed") {
      this.#state.emit({ type: "disconnect", connection: this.#link.connection });
    }
    this.#lost();
  }

  /** What was true of the connection no longer is. */
  #lost(): void {
    for (const timer of ["heartbeat", "presence", "ack", "token", "reconnect"] as const) this.#state.cancelTimer(timer);
    this.#state.subscriptions.dropStaged();
    for (const collection of this.#state.subscriptions.endAll()) this.#state.evict(collection);
    for (const room of this.#state.rooms.disconnected()) this.#state.emit({ type: "presence-changed", room });
    if (this.#link.state !== "welcomed") return;
    for (const mutation of this.#state.outbox.all()) {
      if (mutation.counter > this.#link.sent) break;
      this.#state.touchWritten(mutation);
    }
  }

  /** Says something, if the server has welcomed the device. */
  send(message: ClientMessage): void {
    if (this.#link.state !== "welcomed") return;
    this.#state.emit({ type: "send", connection: this.#link.connection, message });
  }

  /** A new token is fetched well before this one expires. */
  planTokenRenewal(expires: Millis | null): void {
    this.#state.cancelTimer("token");
    if (expires === null) return;
    const left = expires - (this.#state.now + this.#serverAheadMs);
    const delay = Math.max(MIN_RENEWAL_MS, Math.floor(left / 2), left - TOKEN_MARGIN_MS);
    this.#state.setTimer("token", this.#state.now + delay);
  }

  heartbeat(): void {
    if (this.#link.state !== "connecting" && this.#link.state !== "welcomed") return;
    const idleMs = this.#link.state === "welcomed" ? this.#link.idleMs : DEFAULT_IDLE_MS;
    this.#silentBeats += 1;
    if (this.#silentBeats >= GIVE_UP_AFTER_BEATS) {
      const message = `nothing was heard for ${(this.#silentBeats - 1) * (idleMs / 2)} ms`;
      this.#state.lastError = { code: "server-unreachable", message };
      return this.reconnect();
    }
    // A device that slept looks like silence: ask before giving up.
    if (this.#silentBeats >= ASK_AFTER_BEATS) this.send({ type: "ping", nonce: this.#lastConnection });
    this.#state.setTimer("heartbeat", this.#state.now + idleMs / 2);
  }

  get phase(): Exclude<Phase, "loading"> {
    switch (this.#link.state) {
      case "offline":
        return "offline";
      case "welcomed":
        return "connected";
      case "upgrade-required":
        return "upgrade-required";
      default:
        return this.#authFailures > 0 ? "needs-auth" : "connecting";
    }
  }
}
