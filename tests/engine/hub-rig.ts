/**
 * A hub with a disk in memory, driven by hand: what it asks of the disk is done at once, in order, or held until the test
 * lets it go, in any order; what it sends is kept for the test to look at, after it has been read as a device would.
 */
import {
  type ClientMessage,
  DEFAULT_LIMITS,
  type ErrorCode,
  type Hello,
  type MutationRow,
  parseEpoch,
  parseServerMessage,
  REVIEWS,
  type ResultRow,
  type Schema,
  seededRandom,
  type ServerLimits,
  type ServerMessage,
} from "@tidelock/core";
import {
  type EngineBounds,
  Hub,
  type HubEffect,
  type HubInput,
  type HubOptions,
  type Principal,
  type ReadRequest,
  type ReadResult,
  type ReconcileBody,
  type ReconcileMutation,
} from "@tidelock/server/engine";
import { MemoryStorageState } from "@tidelock/server/memory";
import { device, entity, session, stampAt, START, tenant, user } from "./names.ts";

type Answer = Extract<HubEffect, { type: "answer" }>["answer"];
type Asked = Extract<HubEffect, { type: "append" | "read" }>;

export interface RigOptions extends Pick<HubOptions, "rules" | "rooms" | "upgrade" | "limit"> {
  readonly schema: Schema;
  readonly limits?: Partial<ServerLimits>;
  readonly bounds?: Partial<EngineBounds>;
  readonly disk?: MemoryStorageState;
}

/** An empty disk; each has an epoch of its own: `epoch-1`, `epoch-2`, … */
export function emptyDisk(first: number = 1): MemoryStorageState {
  let epochs = first - 1;
  return new MemoryStorageState(() => {
    epochs += 1;
    const epoch = parseEpoch(`epoch-${epochs}`);
    if (epoch === null) throw new Error("an epoch's name is a name");
    return epoch;
  });
}

export class HubRig {
  readonly hub: Hub;
  readonly disk: MemoryStorageState;
  readonly #schema: Schema;
  now = START;
  /** Everything sent to each session, in order. */
  readonly sent = new Map<string, ServerMessage[]>();
  readonly closed = new Map<string, ErrorCode>();
  readonly answers = new Map<number, Answer>();
  readonly effects: HubEffect[] = [];
  readonly timers = new Set<string>();
  /** Which requests to the disk wait for `release`. */
  holds: (asked: Asked) => boolean = () => false;
  /** Whether sockets say at once that they have drained. */
  drains = true;
  readonly held: Asked[] = [];
  readonly #inputs: HubInput[] = [];
  #handling = false;
  #requests = 0;

  constructor({ disk = emptyDisk(), limits, ...options }: RigOptions) {
    this.disk = disk;
    this.#schema = options.schema;
    this.hub = new Hub({
      ...options,
      tenant,
      record: disk.openTenant(tenant),
      limits: { ...DEFAULT_LIMITS, ...limits },
      random: seededRandom(1),
    });
  }

  input(input: HubInput): void {
    this.#inputs.push(input);
    if (this.#handling) return;
    this.#handling = true;
    try {
      for (const next of this.#inputs) for (const effect of this.hub.handle(next, this.now)) this.#perform(effect);
    } finally {
      this.#inputs.length = 0;
      this.#handling = false;
    }
  }

  #perform(effect: HubEffect): void {
    this.effects.push(effect);
    switch (effect.type) {
      case "send":
        for (const id of effect.sessions) this.messages(id).push(decoded(effect.message));
        return;
      case "close":
        this.closed.set(effect.session, effect.code);
        return;
      case "when-drained":
        if (this.drains) this.#inputs.push({ type: "session-drained", session: effect.session });
        return;
      case "append":
      case "read":
        if (this.holds(effect)) this.held.push(effect);
        else this.#inputs.push(this.#done(effect));
        return;
      case "set-timer":
        this.timers.add(effect.timer);
        return;
      case "cancel-timer":
        this.timers.delete(effect.timer);
        return;
      case "answer":
        this.answers.set(effect.request, effect.answer);
        return;
      default:
        return;
    }
  }

  #done(asked: Asked): HubInput {
    if (asked.type === "read") {
      return { type: "read-done", read: asked.read, result: readFrom(this.disk, asked.request) };
    }
    this.disk.append([asked.commit]);
    return { type: "append-done", append: asked.append };
  }

  /** What the disk answers now to what was held; given back later, it is old news. */
  answerOf(asked: Asked): HubInput {
    this.held.splice(this.held.indexOf(asked), 1);
    return this.#done(asked);
  }

  /** Does what was held, the oldest first. */
  release(asked: Asked | undefined = this.held[0]): void {
    if (asked === undefined) throw new Error("nothing is held");
    this.input(this.answerOf(asked));
  }

  releaseAll(): void {
    this.holds = () => false;
    while (this.held.length > 0) this.release();
  }

  /** The disk fails at what was held. */
  fail(asked: Asked | undefined = this.held[0]): void {
    if (asked === undefined) throw new Error("nothing is held");
    this.held.splice(this.held.indexOf(asked), 1);
    this.input(
      asked.type === "read"
        ? { type: "read-failed", read: asked.read }
        : { type: "append-failed", append: asked.append, stale: false },
    );
  }

  fire(timer: "presence" | "sweep"): void {
    this.timers.delete(timer);
    this.input({ type: "timer", timer });
  }

  // ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────

  open(id: string, changes: Partial<Hello> = {}, principal: Partial<Principal> = {}): void {
    const hello: Hello = {
      type: "hello",
      protocol: [1, 1],
      schema: { version: this.#schema.version, hash: this.#schema.hash },
      sdk: "test",
      device: device(id),
      token: "",
      epoch: null,
      checkpoint: 0,
      decided: 0,
      subscriptions: [],
      ...changes,
    };
    this.input({
      type: "session-opened",
      session: session(id),
      principal: { user: user("ana"), claims: {}, expires: null, ...principal },
      hello,
    });
  }

  say(id: string, message: ClientMessage): void {
    this.input({ type: "message", session: session(id), message });
  }

  subscribe(id: string, number: number, collection: string, where: Hello["subscriptions"][number]["where"] = {}): void {
    this.say(id, { type: "subscribe", id: number, collection, where, key: null });
  }

  push(id: string, ...mutations: readonly MutationRow[]): void {
    this.say(id, { type: "push", mutations });
  }

  reconcile(body: Partial<ReconcileBody>, principal: Partial<Principal> = {}): number {
    this.#requests += 1;
    this.input({
      type: "reconcile",
      request: this.#requests,
      principal: { user: user("ana"), claims: {}, expires: null, ...principal },
      body: { device: device("plain"), checkpoint: null, mutations: [], ...body },
    });
    return this.#requests;
  }

  // ── what came of it ──────────────────────────────────────────────────────────────────────────────────────────────

  messages(id: string): ServerMessage[] {
    let list = this.sent.get(id);
    if (list === undefined) {
      list = [];
      this.sent.set(id, list);
    }
    return list;
  }

  /** All messages of one type to a session. */
  of<Type extends ServerMessage["type"]>(id: string, type: Type): Array<Extract<ServerMessage, { type: Type }>> {
    return this.messages(id).filter(
      (message): message is Extract<ServerMessage, { type: Type }> => message.type === type,
    );
  }

  results(id: string): ResultRow[] {
    return this.of(id, "push-result").flatMap((message) => message.results);
  }

  types(id: string): string[] {
    return this.messages(id).map((message) => message.type);
  }
}

/** What a device makes of a message; one that it could not read would end its connection, again and again. */
function decoded(message: Extract<HubEffect, { type: "send" }>["message"]): ServerMessage {
  const parsed = parseServerMessage(JSON.parse(message.type === "prepared" ? message.json : JSON.stringify(message)));
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.message;
}

export function readFrom(disk: MemoryStorageState, request: ReadRequest): ReadResult {
  switch (request.kind) {
    case "entities":
      return { kind: "entities", entities: disk.readEntities(tenant, request.keys) };
    case "events":
      return { kind: "events", events: disk.readEvents(tenant, request.after, request.limit) };
    case "device":
      return { kind: "device", record: disk.readDevice(tenant, request.device), receipts: [] };
    case "receipts-by-name":
      return { kind: "receipts-by-name", receipts: disk.findReceipts(tenant, request.device, request.names) };
    case "receipts":
      return {
        kind: "receipts",
        receipts: disk.readReceipts(tenant, request.device, request.after, request.limit),
      };
    case "snapshot": {
      const { collection, filter, columns, defaults } = request;
      return { kind: "snapshot", snapshot: disk.snapshot(tenant, collection, filter, columns, defaults) };
    }
    case "page":
      return { kind: "page", ...disk.readPage(tenant, request.collection, request.after, request.limit) };
    case "decisions":
      return { kind: "decisions", decisions: disk.readDecisions(tenant, request.where, request.limit) };
    case "events-at":
      return { kind: "events-at", events: disk.readEventsAt(tenant, request.offsets) };
  }
}

// ── mutations ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Circumstances {
  readonly collection?: string;
  readonly seen?: number;
  /** Milliseconds after the beginning. */
  readonly at?: number;
  readonly remaining?: number;
}

function row(
  operation: MutationRow[1],
  counter: number,
  id: string,
  fields: MutationRow[4],
  { collection = "tasks", seen = 0, at = counter, remaining = 0 }: Circumstances,
): MutationRow {
  return [counter, operation, collection, entity(id), fields, seen, stampAt(at), remaining];
}

export function create(counter: number, id: string, fields: MutationRow[4], more: Circumstances = {}): MutationRow {
  return row("create", counter, id, fields, more);
}
export function update(counter: number, id: string, fields: MutationRow[4], more: Circumstances = {}): MutationRow {
  return row("update", counter, id, fields, more);
}
export function remove(counter: number, id: string, more: Circumstances = {}): MutationRow {
  return row("delete", counter, id, {}, more);
}

/** A decision of a review: `{ candidate }` or `{ value }`. */
export function decide(counter: number, review: string, fields: MutationRow[4], more: Circumstances = {}): MutationRow {
  return row("decide", counter, review, fields, { collection: REVIEWS, ...more });
}
/** A call of a mutator. */
export function call(counter: number, name: string, args: MutationRow[4], more: Circumstances = {}): MutationRow {
  return row("call", counter, name, args, { ...more, collection: name });
}

/** A mutation of a plain HTTP client. */
export function plain(name: string, changes: Partial<ReconcileMutation> = {}): ReconcileMutation {
  const alone = { remaining: 0 };
  return {
    ...alone,
    name,
    operation: "create",
    collection: "tasks",
    entity: null,
    payload: {},
    version: null,
    occurredAt: START,
    ...changes,
  };
}
