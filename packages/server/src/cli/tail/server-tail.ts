/**
 * Follows a tenant on a running server over server-sent events, until it is stopped.
 *
 * What stays true: after a break it goes on from the last checkpoint that the server sent, so that no change is missed
 * between two connections; the first connection that fails ends it, later ones are tried again, ever more slowly.
 */
import {
  type ChangeRow,
  type Checkpoint,
  ERRORS,
  type ErrorCode,
  formatCheckpoint,
  type JsonValue,
  parseCheckpoint,
  type ServerMessage,
  TidelockError,
  type Welcome,
  SYSTEM_PREFIX,
} from "@tidelock/core";
import { AdvisedError, describeFailure } from "../failure.ts";
import { ServerRefusal, type TokenSource } from "../server-access.ts";
import { type Change, EventPrinter } from "./event-lines.ts";
import { pause } from "./pause.ts";
import { readEventStream } from "./event-stream.ts";

export interface ServerTailOptions {
  readonly url: string;
  readonly token: TokenSource;
  /** Whether the source makes a new token when the last one has expired. */
  readonly renewsToken: boolean;
  readonly device: string;
  /** Empty: all that the user may read. */
  readonly collections: readonly string[];
  /** A checkpoint to go on from; `state` starts with what there is, `null` with the last `last` events. */
  readonly from: string | "state" | null;
  readonly last: number;
  readonly asJson: boolean;
  readonly signal: AbortSignal;
}

const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 5000;

export class ServerTail {
  readonly #options: ServerTailOptions;
  readonly #printer: EventPrinter;
  #checkpoint: string | null;
  #columns: Welcome["columns"] = {};
  #connectedOnce = false;
  #waitMs = FIRST_WAIT_MS;
  /** Rows of the snapshot that is coming in. */
  #rows = 0;

  constructor(options: ServerTailOptions) {
    this.#options = options;
    this.#printer = new EventPrinter(options.asJson);
    this.#checkpoint = options.from === "state" ? null : options.from;
  }

  /** The last checkpoint: where another one can go on. */
  get checkpoint(): string | null {
    return this.#checkpoint;
  }

  async follow(): Promise<void> {
    const { signal, from } = this.#options;
    while (!signal.aborted) {
      try {
        if (this.#checkpoint === null && from === null) this.#checkpoint = await this.#recentCheckpoint();
        await this.#session();
        await this.#pause(new TidelockError("server-unreachable", "the server closed the stream"));
      } catch (error) {
        if (signal.aborted) return;
        if (!this.#mayRetry(error)) throw error;
        await this.#pause(error);
      }
    }
  }

  /** Asks where the log ends, with a session that subscribes to nothing. */
  async #recentCheckpoint(): Promise<string> {
    for await (const { message } of this.#messages("[]", null)) {
      if (message.type !== "welcome") continue;
      const checkpoint: Checkpoint = { epoch: message.epoch, offset: Math.max(0, message.head - this.#options.last) };
      return formatCheckpoint(checkpoint);
    }
    throw new TidelockError("server-unreachable", "the server closed the stream before it said anything");
  }

  async #session(): Promise<void> {
    const { collections } = this.#options;
    const subscribe =
      collections.length === 0 ? null : JSON.stringify(collections.map((collection) => ({ collection })));
    for await (const { message, id } of this.#messages(subscribe, this.#checkpoint)) {
      this.#take(message, id);
      if (id !== null) this.#checkpoint = id;
    }
  }

  async *#messages(
    subscribe: string | null,
    checkpoint: string | null,
  ): AsyncGenerator<{ readonly message: ServerMessage; readonly id: string | null }> {
    const { url, device, token, signal } = this.#options;
    const query = new URLSearchParams({ device, ...(subscribe === null ? {} : { subscribe }) });
    const headers = {
      authorization: `Bearer ${await token()}`,
      ...(checkpoint === null ? {} : { "last-event-id": checkpoint }),
    };
    for await (const { data, id } of readEventStream(`${url}/sync/events?${query}`, headers, signal)) {
      yield { message: JSON.parse(data), id };
    }
  }

  #take(message: ServerMessage, id: string | null): void {
    switch (message.type) {
      case "welcome":
        return this.#welcome(message);
      case "resync":
        return this.#printer.remark("resync", `the server starts over: ${ERRORS[message.reason].message}`, {
          reason: message.reason,
        });
      case "snapshot":
        this.#rows = 0;
        return;
      case "rows":
        this.#rows += message.rows.length;
        for (const [entity, offset, values] of message.rows) {
          const { collection } = message;
          const fields = this.#fieldsOf(collection, values);
          this.#printer.change(
            { time: Date.now(), offset, collection, entity, kind: "put", fields },
            { snapshot: true },
          );
        }
        return;
      case "snapshot-end":
        return this.#printer.remark(
          "snapshot",
          `${this.#rows === 1 ? "1 entity" : `${this.#rows} entities`} as of offset ${message.offset}`,
          {
            count: this.#rows,
            offset: message.offset,
            ...(id === null ? {} : { checkpoint: id }),
          },
        );
      case "delta":
        for (const row of message.changes) {
          this.#printer.change(this.#changeOf(row, message.time), id === null ? {} : { checkpoint: id });
        }
        return;
      case "goaway":
        throw new ServerRefusal(message.reason, "", ERRORS[message.reason].fix, message.retryAfterMs);
      case "refusal":
        throw new ServerRefusal(message.code, message.message, ERRORS[message.code].fix, message.retryAfterMs ?? null);
    }
  }

  #welcome({ user, columns, head, epoch }: Welcome): void {
    const { url, collections, asJson } = this.#options;
    this.#columns = columns;
    this.#printer.expectCollections(
      collections.length > 0 ? collections : Object.keys(columns).filter((name) => !name.startsWith(SYSTEM_PREFIX)),
    );
    const again = this.#connectedOnce;
    this.#connectedOnce = true;
    this.#waitMs = FIRST_WAIT_MS;
    const checkpoint = parseCheckpoint(this.#checkpoint)?.offset;
    const where = checkpoint === undefined ? "from the beginning" : `from offset ${checkpoint} of ${head}`;
    const text = again ? `connected again, ${where}` : `following ${url} as ${user}, ${where}`;
    this.#printer.remark(
      "connected",
      text,
      asJson ? { url, user, epoch, head, checkpoint: this.#checkpoint, resumed: again } : {},
    );
  }

  #changeOf(row: ChangeRow, time: number): Change {
    const [kind, collection, entity, offset, values] = row;
    const change = { time, offset, collection, entity };
    if (kind === 0) return { ...change, kind: "put", fields: this.#fieldsOf(collection, values ?? []) };
    if (kind === 1) return { ...change, kind: "updated", fields: this.#patchOf(collection, values ?? []) };
    return { ...change, kind: kind === 2 ? "deleted" : "withdrawn", fields: {} };
  }

  #fieldsOf(collection: string, values: readonly JsonValue[]): Record<string, JsonValue> {
    const names = this.#columns[collection] ?? [];
    return Object.fromEntries(values.map((value, index) => [names[index] ?? `column ${index}`, value]));
  }

  /** Positions and values in turn. */
  #patchOf(collection: string, patch: readonly JsonValue[]): Record<string, JsonValue> {
    const names = this.#columns[collection] ?? [];
    const fields: Record<string, JsonValue> = {};
    for (let index = 0; index + 1 < patch.length; index += 2) {
      fields[names[Number(patch[index])] ?? `column ${String(patch[index])}`] = patch[index + 1] ?? null;
    }
    return fields;
  }

  #mayRetry(error: unknown): boolean {
    if (!(error instanceof TidelockError)) return false;
    const renewed: readonly ErrorCode[] = this.#options.renewsToken ? ["token-expired"] : [];
    return renewed.includes(error.code) || (this.#connectedOnce && error.retryable);
  }

  async #pause(error: unknown): Promise<void> {
    const asked = error instanceof ServerRefusal ? error.retryAfterMs : null;
    const waitMs = Math.round(asked ?? this.#waitMs * (0.5 + Math.random() / 2));
    const { code, message } = describeFailure(error);
    this.#printer.remark("disconnected", `disconnected: ${message}; trying again`, {
      code,
      message,
      retry_after_ms: waitMs,
    });
    this.#waitMs = Math.min(MAX_WAIT_MS, this.#waitMs * 2);
    await pause(waitMs, this.#options.signal);
  }
}

/** Throws a usage error's content when a text is no checkpoint. */
export function checkedCheckpoint(text: string): string {
  if (parseCheckpoint(text) !== null) return text;
  throw new AdvisedError(
    "version-invalid",
    `${JSON.stringify(text)} is not a checkpoint`,
    "Use one that tail printed, like n3x….42.",
  );
}
