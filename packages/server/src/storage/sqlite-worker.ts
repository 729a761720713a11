/**
 * A thread of the SQLite storage: the writer, or the reader of snapshots, pages and decisions. It takes what has queued up at its
 * port, so that everything that arrived while the disk was busy becomes the next transaction; there is no timer. Results
 * are posted one message per transaction, the chunks of a snapshot one by one.
 */
import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { assert, type Epoch, parseEpoch } from "@tidelock/core";
import { lockDataFile, openToRead, openToWrite } from "./sqlite-format.ts";
import { failureOf, type Numbered, type ReaderRequest, type Reply, type WriterRequest } from "./sqlite-messages.ts";
import { SqliteReader } from "./sqlite-reader.ts";
import { SqliteWriter } from "./sqlite-writer.ts";

export type Role = "writer" | "reader";

/** Values of commits after which a transaction is closed: about a thousand mutations, which bounds the slowest answer. */
const MAX_TRANSACTION_VALUES = 15_000;

/** Requests in the order in which they came. */
class Inbox<Request extends readonly [string, ...unknown[]]> {
  readonly #port: MessagePort;
  #waiting: Numbered<Request>[] = [];

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** `work` is called when something has come, and calls `take` until nothing is left. */
  listen(work: () => void): void {
    this.#port.on("message", (message: readonly Numbered<Request>[]) => {
      for (const each of message) this.#waiting.push(each);
      work();
    });
  }

  /** What is to be done next, together: `weigh` says how much of `limit` each takes. Empty when nothing is left. */
  take(limit: number, weigh: (request: Request) => number): Numbered<Request>[] {
    for (let more = receiveMessageOnPort(this.#port); more !== undefined; more = receiveMessageOnPort(this.#port)) {
      const message: readonly Numbered<Request>[] = more.message;
      for (const each of message) this.#waiting.push(each);
    }
    let end = 0;
    for (let weight = 0; end < this.#waiting.length && weight < limit; end++) {
      const next = this.#waiting[end];
      if (next === undefined) break;
      weight += weigh(next.request);
      if (end > 0 && weight > limit) break;
    }
    return this.#waiting.splice(0, end);
  }
}

function weightOf(request: WriterRequest): number {
  if (request[0] === "append") return request[1].length;
  // Opening and closing are no part of a transaction.
  return request[0] === "open" || request[0] === "close" ? Number.POSITIVE_INFINITY : 1;
}

function serveWriter(port: MessagePort): void {
  const inbox = new Inbox<WriterRequest>(port);
  let lock: DatabaseSync | null = null;
  let database: DatabaseSync | null = null;
  let writer: SqliteWriter | null = null;
  const open = (path: string): void => {
    lock = lockDataFile(path);
    database = openToWrite(path);
    writer = new SqliteWriter(database, randomEpoch);
  };
  const close = (): void => {
    writer = null;
    database?.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    database?.close();
    lock?.close();
  };
  inbox.listen(() => {
    for (;;) {
      const batch = inbox.take(MAX_TRANSACTION_VALUES, weightOf);
      const [first] = batch;
      if (first === undefined) return;
      if (first.request[0] === "open") {
        const [, path] = first.request;
        port.postMessage([answer(first.number, () => open(path))]);
      } else if (first.request[0] === "close") {
        port.postMessage([answer(first.number, close)]);
        port.close();
        return;
      } else {
        assert(writer !== null, "the storage is open");
        port.postMessage(writer.perform(batch));
      }
    }
  });
}

function serveReader(port: MessagePort): void {
  const inbox = new Inbox<ReaderRequest>(port);
  let database: DatabaseSync | null = null;
  let reader: SqliteReader | null = null;
  const perform = (request: ReaderRequest, number: number): unknown => {
    switch (request[0]) {
      case "open":
        database = openToRead(request[1]);
        reader = new SqliteReader(database);
        return undefined;
      case "close":
        database?.close();
        return undefined;
      case "readPage":
        assert(reader !== null, "the storage is open");
        return reader.readPage(request[1], request[2], request[3], request[4]);
      case "readDecisions":
        assert(reader !== null, "the storage is open");
        return reader.readDecisions(request[1], request[2], request[3]);
      case "snapshot": {
        const give = (text: string): void => port.postMessage([{ number, type: "chunk", text } satisfies Reply]);
        assert(reader !== null, "the storage is open");
        return reader.snapshot(request[1], request[2], request[3], request[4], request[5], give);
      }
    }
  };
  inbox.listen(() => {
    for (let [next] = inbox.take(1, () => 1); next !== undefined; [next] = inbox.take(1, () => 1)) {
      const { number, request } = next;
      port.postMessage([answer(number, () => perform(request, number))]);
      if (request[0] === "close") port.close();
    }
  });
}

function answer(number: number, perform: () => unknown): Reply {
  try {
    return { number, type: "done", value: perform() };
  } catch (error) {
    return { number, type: "failed", failure: failureOf(error) };
  }
}

function randomEpoch(): Epoch {
  const epoch = parseEpoch(randomBytes(10).toString("hex"));
  assert(epoch !== null, "hexadecimal digits are a name");
  return epoch;
}

assert(parentPort !== null, "this file is the start of a thread");
const role: Role = workerData;
if (role === "writer") serveWriter(parentPort);
else serveReader(parentPort);
