/**
 * A thread of the SQLite storage as seen from the main one: calls and their answers. What is called within one turn
 * travels in one message. The process may end while a thread idles, but not while it has something to answer.
 *
 * What stays true: every call is answered once; when the thread dies, what waits is rejected with `storage-unavailable`.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { TidelockError } from "@tidelock/core";
import { type Call, type Callable, errorOf, type Numbered, type Reply, type RequestTo } from "./sqlite-messages.ts";
import type { Role } from "./sqlite-worker.ts";

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onChunk: ((text: string) => void) | undefined;
}

export class SqliteThread<Operations extends Callable<Operations>> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #nextNumber = 1;
  #outgoing: Numbered<RequestTo<Operations>>[] = [];
  #death: string | null = null;

  /** `onEnd` is called when the thread has ended, for whatever reason. */
  constructor(role: Role, onEnd: () => void) {
    // Runs from source and from `dist`: the thread's file has the ending of this one. Conditions are inherited.
    const file = new URL(`./sqlite-worker${extname(import.meta.url)}`, import.meta.url);
    this.#worker = new Worker(file, { name: `tidelock ${role}`, workerData: role });
    this.#worker.unref();
    this.#worker.on("message", (replies: readonly Reply[]) => this.#receive(replies));
    this.#worker.on("error", (error) => this.#die(`a thread of the storage failed: ${error.message}`));
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        this.#die("the storage is closed");
        onEnd();
        resolve();
      });
    });
  }

  get isAlive(): boolean {
    return this.#death === null;
  }

  call<Name extends keyof Operations>(
    request: Call<Operations, Name>,
    onChunk?: (text: string) => void,
  ): Promise<ReturnType<Operations[Name]>> {
    return new Promise((resolve, reject) => {
      if (this.#death !== null) {
        reject(new TidelockError("storage-unavailable", this.#death));
        return;
      }
      const number = this.#nextNumber++;
      if (this.#waiting.size === 0) this.#worker.ref();
      this.#waiting.set(number, { resolve: resolve as (value: unknown) => void, reject, onChunk });
      if (this.#outgoing.push({ number, request }) === 1) queueMicrotask(() => this.#send());
    });
  }

  /** Resolves when the thread has ended, which it does after it has answered a `close`. */
  async ended(): Promise<void> {
    this.#worker.ref();
    await this.#exited;
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(): void {
    const message = this.#outgoing;
    this.#outgoing = [];
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker.postMessage(message);
  }

  #receive(replies: readonly Reply[]): void {
    for (const reply of replies) {
      const waiting = this.#waiting.get(reply.number);
      if (reply.type === "chunk") {
        waiting?.onChunk?.(reply.text);
        continue;
      }
      this.#waiting.delete(reply.number);
      if (reply.type === "done") waiting?.resolve(reply.value);
      else waiting?.reject(errorOf(reply.failure));
    }
    if (this.#waiting.size === 0) this.#worker.unref();
  }

  #die(reason: string): void {
    this.#death ??= reason;
    for (const waiting of this.#waiting.values()) waiting.reject(new TidelockError("storage-unavailable", this.#death));
    this.#waiting.clear();
  }
}
