/**
 * The runtime: carries out what a replica asks for, and tells it what came of it. The only place of the client that waits.
 *
 * What stays true:
 * - `handle` is never entered twice: what happens while it runs waits in line.
 * - `loaded` is the first input; everything before it waits, so that early writes are not lost.
 * - Batches reach the store in the order of their effects, and their answers come back in that order.
 * - What the application must know is announced once per turn, after all its inputs are handled.
 * - A connection that is over says nothing more.
 * It does not know what a mutation, a filter or a listener is.
 */
import { type DeviceId, isErrorCode, type Hello, type Millis, TidelockError } from "@tidelock/core";
import type { ReplicaEffect } from "../engine/effect.ts";
import type { ReplicaInput, ReplicaTimer } from "../engine/input.ts";
import type { StoreBatch } from "../engine/records.ts";
import type { Store } from "../store/store.ts";
import type { Connection, Transport } from "../transport/transport.ts";
import { MAX_TIMER_MS, type System } from "./system.ts";
import { TransportChoice } from "./transport-choice.ts";

/** A synchronous machine: the replica, or a stand-in of a test. */
export interface Machine {
  handle(input: ReplicaInput, now: Millis): readonly ReplicaEffect[];
}

/** What concerns the application rather than the machine. */
export type Announcement = Exclude<
  ReplicaEffect,
  { type: "persist" | "get-token" | "connect" | "disconnect" | "send" | "set-timer" | "cancel-timer" }
>;

export type TokenSource = string | (() => string | Promise<string>);

export interface RuntimeOptions {
  readonly machine: Machine;
  readonly store: Store;
  /** Best first. */
  readonly transports: readonly Transport[];
  readonly auth: TokenSource;
  readonly system: System;
  /** The device's id when the store turns out to be new. */
  readonly device: DeviceId;
  /** Called after every turn in which there is something to announce. Must not throw. */
  readonly announce: (announcements: readonly Announcement[]) => void;
}

/** How long a token may take before the attempt counts as failed; without it a hanging `auth` would stop everything. */
const TOKEN_TIMEOUT_MS = 30_000;

interface LiveConnection {
  readonly number: number;
  connection: Connection | null;
  /** Whether the server has said anything on it: until then, the way may be a dead end. */
  hasHeard: boolean;
}

export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #choice: TransportChoice;
  readonly #timers = new Map<ReplicaTimer, () => void>();
  readonly #commits = new Set<Promise<void>>();
  #state: "created" | "running" | "stopped" = "created";
  #started: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #inputs: ReplicaInput[] = [];
  /** Batches of this turn that the store has not been given yet. */
  readonly #gathered: Array<Extract<ReplicaEffect, { type: "persist" }>> = [];
  #isHandling = false;
  #connection: LiveConnection | null = null;
  #transportName: string | null = null;
  #committed: ReplicaInput[] = [];
  #stopHints: () => void = () => {};
  #cancelTokenTimeout: () => void = () => {};
  #tokenRequest = 0;
  /** Whether the machine has taken what the store holds; a code says why it does not. */
  #loaded: boolean | TidelockError = false;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#choice = new TransportChoice(options.transports);
  }

  /** The transport in use or being tried. */
  get transportName(): string | null {
    return this.#transportName;
  }

  get isStopped(): boolean {
    return this.#state === "stopped";
  }

  /** Opens the store and starts the machine. Rejects with the error of either; the runtime is stopped then. */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    const { store, system, device } = this.#options;
    try {
      const stored = await store.open();
      this.#state = "running";
      this.#inputs.unshift({ type: "loaded", stored, device });
    } catch (error) {
      this.#stop();
      throw error;
    }
    this.#stopHints = system.onNetworkHint(() => this.dispatch({ type: "network-hint" }));
    this.#drain();
    if (this.#loaded instanceof TidelockError) throw this.#loaded;
    this.#loaded = true;
  }

  /** Tells the machine something: at once, or in line when it is busy or not started. After `close`, nothing happens. */
  dispatch(input: ReplicaInput): void {
    if (this.#state === "stopped") return;
    this.#inputs.push(input);
    if (this.#state === "running" && !this.#isHandling) this.#drain();
  }

  /** Waits until what was dispatched is saved, then stops the machine and closes the store. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.dispatch({ type: "go-offline" });
    await this.#started?.catch(() => {});
    while (this.#gathered.length > 0 || this.#commits.size > 0 || this.#committed.length > 0)
      await Promise.allSettled(this.#commits);
    this.#stop();
    await this.#options.store.close();
  }

  #stop(): void {
    this.#state = "stopped";
    this.#inputs = [];
    this.#stopHints();
    this.#cancelTokenTimeout();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#closeConnection();
  }

  #drain(): void {
    const announcements: Announcement[] = [];
    this.#isHandling = true;
    try {
      for (let index = 0; index < this.#inputs.length; index++) {
        const input = this.#inputs[index];
        if (input === undefined) continue;
        for (const effect of this.#options.machine.handle(input, this.#options.system.now())) {
          this.#perform(effect, announcements);
        }
      }
    } catch (error) {
      // The machine's state can no longer be trusted. What the store holds is whole: a new client starts from there.
      this.#stop();
      if (this.#loaded === false && error instanceof TidelockError) this.#loaded = error;
      else {
        announcements.push({ type: "trouble", code: "internal", message: String(error) }, { type: "status-changed" });
        this.#options.system.reportError(error);
      }
    } finally {
      this.#inputs = [];
      this.#isHandling = false;
    }
    if (announcements.length > 0) this.#options.announce(announcements);
    this.#persistGathered();
  }

  /** Batches go to the store when everybody has been told of the turn: a screen need not wait for a disk. In order. */
  #persistGathered(): void {
    for (let next = this.#gathered.shift(); next !== undefined; next = this.#gathered.shift()) {
      this.#persist(next.batch, next.content);
    }
  }

  #perform(effect: ReplicaEffect, announcements: Announcement[]): void {
    switch (effect.type) {
      case "persist":
        this.#gathered.push(effect);
        return undefined;
      case "get-token":
        return this.#getToken();
      case "connect":
        return this.#connect(effect.connection, effect.hello);
      case "disconnect":
        return this.#disconnect(effect.connection);
      case "send":
        if (this.#connection?.number === effect.connection) this.#connection.connection?.send(effect.message);
        return undefined;
      case "set-timer":
        return this.#setTimer(effect.timer, effect.at);
      case "cancel-timer":
        this.#timers.get(effect.timer)?.();
        this.#timers.delete(effect.timer);
        return undefined;
      default:
        announcements.push(effect);
        return undefined;
    }
  }

  #persist(batch: number, content: StoreBatch): void {
    const commit = this.#options.store.commit(content).then(
      () => this.#answerCommit({ type: "persisted", batch }),
      (error: unknown) => this.#answerCommit({ type: "persist-failed", batch, code: storeCode(error) }),
    );
    this.#commits.add(commit);
    void commit.then(() => this.#commits.delete(commit));
  }

  /** Commits that a store made together are answered in one turn. */
  #answerCommit(input: ReplicaInput): void {
    this.#committed.push(input);
    if (this.#committed.length > 1) return;
    queueMicrotask(() => {
      const answers = this.#committed;
      this.#committed = [];
      if (this.#state !== "running") return;
      this.#inputs.push(...answers);
      if (!this.#isHandling) this.#drain();
    });
  }

  #getToken(): void {
    const { auth, system } = this.#options;
    const request = ++this.#tokenRequest;
    const answer = (input: ReplicaInput): void => {
      if (request !== this.#tokenRequest) return;
      this.#tokenRequest += 1;
      this.#cancelTokenTimeout();
      this.dispatch(input);
    };
    this.#cancelTokenTimeout();
    this.#cancelTokenTimeout = system.setTimer(() => {
      answer({ type: "token-failed", reason: `no token came within ${TOKEN_TIMEOUT_MS} ms` });
    }, TOKEN_TIMEOUT_MS);
    askForToken(auth).then(
      (token) => answer({ type: "token", token }),
      (error: unknown) => {
        const code = error instanceof TidelockError && error.code.startsWith("token-") ? { code: error.code } : {};
        answer({ type: "token-failed", reason: reasonOf(error), ...code });
      },
    );
  }

  #connect(number: number, hello: Hello): void {
    this.#closeConnection();
    const { system } = this.#options;
    const transport = this.#choice.next(system.now());
    if (transport === undefined) {
      return this.dispatch({ type: "disconnected", connection: number, reason: "there is no transport" });
    }
    const live: LiveConnection = { number, connection: null, hasHeard: false };
    this.#connection = live;
    this.#transportName = transport.name;
    const closed = (reason: string): void => {
      if (this.#connection !== live) return;
      this.#connection = null;
      if (!live.hasHeard) this.#choice.failed(system.now());
      this.dispatch({ type: "disconnected", connection: number, reason });
    };
    try {
      live.connection = transport.connect(hello, {
        opened: () => {
          if (this.#connection === live) this.dispatch({ type: "connected", connection: number });
        },
        message: (message) => {
          if (this.#connection !== live) return;
          if (!live.hasHeard) this.#choice.worked();
          live.hasHeard = true;
          this.dispatch({ type: "message", connection: number, message });
        },
        closed,
      });
    } catch (error) {
      closed(reasonOf(error));
    }
  }

  #disconnect(number: number): void {
    if (this.#connection?.number !== number) return;
    if (!this.#connection.hasHeard) this.#choice.failed(this.#options.system.now());
    this.#closeConnection();
    this.dispatch({ type: "disconnected", connection: number, reason: "closed by this device" });
  }

  #closeConnection(): void {
    const live = this.#connection;
    this.#connection = null;
    live?.connection?.close();
  }

  #setTimer(timer: ReplicaTimer, at: Millis): void {
    const { system } = this.#options;
    this.#timers.get(timer)?.();
    const delayMs = Math.max(0, at - system.now());
    const fire = (): void => {
      if (delayMs > MAX_TIMER_MS) return this.#setTimer(timer, at);
      this.#timers.delete(timer);
      this.dispatch({ type: "timer", timer });
    };
    this.#timers.set(timer, system.setTimer(fire, Math.min(delayMs, MAX_TIMER_MS)));
  }
}

/** The application's function runs in a turn of its own, never inside the machine's. */
async function askForToken(auth: TokenSource): Promise<string> {
  await Promise.resolve();
  const token: unknown = typeof auth === "string" ? auth : await auth();
  if (typeof token !== "string" || token === "") throw new TypeError("auth gave no token");
  return token;
}

function storeCode(error: unknown): string {
  return error instanceof TidelockError && isErrorCode(error.code) ? error.code : "store-unavailable";
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
