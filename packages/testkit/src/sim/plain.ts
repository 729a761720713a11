/**
 * A plain HTTP client: it knows nothing of sessions, only `POST /sync/reconcile`. It keeps what it was told, names its
 * mutations, and sends a request again when no answer came, sometimes while the first one is still on its way. Requests
 * and answers may be lost.
 */
import { type EntityId, type JsonValue, parseDeviceId, parseEntityId, type Random, type UserId } from "@tidelock/core";
import {
  parseReconcilePosition,
  type ReconcileAnswer,
  type ReconcileBody,
  type ReconcileMutation,
  type Receipt,
  type ReconcileResponse,
} from "@tidelock/server/engine";
import { BEGINNING } from "./clock.ts";
import { deepFreeze, type Environment } from "./environment.ts";
import type { Rights } from "./expectation.ts";
import type { ServerNode } from "./node.ts";
import { between, chance } from "./random.ts";
import { hasServerIds } from "./readings.ts";
import type { Authored } from "./sitting.ts";
import { principalOf, type TokenOffice } from "./tokens.ts";
import { demand } from "./violation.ts";

/** What a mutation of a plain client has come to. */
export interface PlainMutation extends ReconcileMutation {
  outcome: "waiting" | "applied" | "rejected";
  /** How often it was sent. */
  sent: number;
  /** As whom its author was taken when the server read it. */
  readonly roles: Set<string>;
}

/** An entity as the client holds it. */
export interface PlainRow {
  readonly version: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const MAX_MUTATIONS = 5;
const MUTATORS: ReadonlySet<string> = new Set(["addValue", "openCase", "gather", "stumble"]);

export class PlainClient {
  readonly name: string;
  readonly user: UserId;
  /** Everything it ever wanted to write, by name, in order. */
  readonly mutations = new Map<string, PlainMutation>();
  readonly rows = new Map<string, PlainRow>();
  readonly #environment: Environment;
  readonly #node: ServerNode;
  readonly #tokens: TokenOffice;
  readonly #random: Random;
  readonly #nextRequest: (client: PlainClient) => number;
  /** Requests under way and the mutations in each. */
  readonly #open = new Map<number, ReconcileBody>();
  /** The role that the token of a request named when the server read it. */
  readonly #roles = new Map<number, string>();
  #checkpoint: string | null = null;
  #lastName = 0;
  /** Rows of a first download or a resync under way. */
  #hasMore = true;
  #role: string | null = null;

  constructor(
    environment: Environment,
    parts: {
      readonly name: string;
      readonly user: UserId;
      readonly node: ServerNode;
      readonly tokens: TokenOffice;
      readonly nextRequest: (client: PlainClient) => number;
    },
  ) {
    this.#environment = environment;
    this.name = parts.name;
    this.user = parts.user;
    this.#node = parts.node;
    this.#tokens = parts.tokens;
    this.#nextRequest = parts.nextRequest;
    this.#random = environment.stream(`plain ${parts.name}`);
  }

  /** What it wrote, for the model of a log of this epoch; `null` when it never did. */
  authored({ name, counter }: Receipt, epoch: string): Authored | null {
    const mutation = name === null ? undefined : this.mutations.get(name);
    if (mutation === undefined || mutation.sent === 0) return null;
    // A version of another log says nothing about this one.
    const isKnown = mutation.version?.startsWith(`${epoch}.`) === true;
    const [head = "", ...dots] = (isKnown ? (mutation.version ?? "") : "").split("~");
    const { operation } = mutation;
    const isAssigned = operation === "create" && (mutation.entity === null || hasServerIds(mutation.collection));
    // Any word but the engine's own names a mutator; one that nobody knows names nothing.
    const isOwn = ["create", "update", "delete", "decide"].includes(operation);
    const isCall = MUTATORS.has(operation);
    return {
      device: this.name,
      counter,
      user: this.user,
      roles: [...mutation.roles],
      operation: (isOwn ? operation : isCall ? "call" : "unknown") as Authored["operation"],
      collection: isCall ? operation : mutation.collection,
      entity: isCall ? operation : (mutation.entity ?? mutation.name),
      fields: mutation.operation === "delete" ? {} : mutation.payload,
      floor: Number(head.split(".").at(-1)),
      dots: new Map(
        dots.map((dot): [string, number] => [
          dot.slice(0, dot.lastIndexOf(":")),
          Number(dot.slice(dot.lastIndexOf(":") + 1)),
        ]),
      ),
      stamp: null,
      occurredAt: mutation.occurredAt,
      remaining: mutation.remaining,
      temporary: isAssigned ? mutation.name : null,
      formerly: [],
      isExpiry: false,
    };
  }

  /** Whether everything is sent and everything is here. */
  get isSettled(): boolean {
    return this.#open.size === 0 && !this.#hasMore && this.waiting.length === 0;
  }

  get waiting(): readonly PlainMutation[] {
    return [...this.mutations.values()].filter((mutation) => mutation.outcome === "waiting");
  }

  /** What it may see of the whole. */
  get rights(): Rights {
    return { user: this.user, role: this.#tokens.roleOf(this.user) };
  }

  /**
   * Notes a mutation; the next request takes it along. Answers with its name.
   * @param remaining how many mutations of the same transaction will follow
   */
  add(
    operation: string,
    collection: string,
    entity: string | null,
    payload: Readonly<Record<string, JsonValue>>,
    remaining: number = 0,
  ): string {
    this.#lastName += 1;
    const name = `${this.name}-m${this.#lastName}`;
    const known = entity === null ? undefined : this.rows.get(`${collection}/${entity}`);
    const id: EntityId | null = entity === null ? null : parseEntityId(entity);
    this.mutations.set(name, {
      name,
      operation,
      collection,
      entity: id,
      payload,
      version: chance(this.#random, 0.3) ? this.#plainCheckpoint() : (known?.version ?? this.#plainCheckpoint()),
      remaining,
      occurredAt: BEGINNING + Math.floor(this.#environment.queue.now),
      outcome: "waiting",
      sent: 0,
      roles: new Set(),
    });
    return name;
  }

  #plainCheckpoint(): string | null {
    return this.#checkpoint !== null && !this.#checkpoint.includes("!") ? this.#checkpoint : null;
  }

  /** Makes a request. When faults are allowed it may be lost on its way, or come twice. */
  request(): void {
    if (this.#open.size >= 2 && this.#environment.faulty()) return;
    const mutations = this.#nextMutations();
    const device = parseDeviceId(this.name);
    demand(device !== null, "simulator", () => `${this.name} is no device`);
    const checkpoint = this.#checkpoint === null ? null : parseReconcilePosition(this.#checkpoint);
    demand(
      this.#checkpoint === null || checkpoint !== null,
      "wire",
      () => `the checkpoint ${this.#checkpoint} cannot be read`,
    );
    const body: ReconcileBody = deepFreeze({
      device,
      checkpoint,
      mutations: mutations.map(({ outcome: _outcome, sent: _sent, roles: _roles, ...mutation }) => mutation),
    });
    const copies = this.#environment.faulty() && chance(this.#random, 0.15) ? 2 : 1;
    for (const mutation of mutations) mutation.sent += copies;
    for (let copy = 0; copy < copies; copy++) this.#send(body);
  }

  /** Some of what waits, as whole transactions. */
  #nextMutations(): readonly PlainMutation[] {
    const { waiting } = this;
    let end = Math.min(MAX_MUTATIONS, waiting.length);
    while ((waiting[end - 1]?.remaining ?? 0) > 0) end += 1;
    return waiting.slice(0, end);
  }

  /** Asks whether there is anything new, unless an answer is still to come. */
  poll(): void {
    if (this.#open.size === 0) this.request();
  }

  #send(body: ReconcileBody): void {
    const { queue, faulty } = this.#environment;
    const request = this.#nextRequest(this);
    this.#open.set(request, body);
    const isLost = faulty() && chance(this.#random, 0.1);
    queue.after(this.#trip(), () => {
      if (isLost || !this.#node.isUp) return;
      const role = this.#tokens.roleOf(this.user);
      this.#roles.set(request, role);
      for (const { name } of body.mutations) this.mutations.get(name)?.roles.add(role);
      const principal = principalOf(this.user, role, null);
      this.#node.input({ type: "reconcile", request, principal, body });
    });
    // Nothing heard for so long: the request counts as lost.
    queue.after(8_000, () => void this.#open.delete(request));
  }

  /** The hub has answered; the answer is on its way, or lost. */
  answered(request: number, answer: ReconcileAnswer): void {
    const { queue, faulty } = this.#environment;
    if (faulty() && chance(this.#random, 0.15)) {
      this.#environment.counts.add("lost answers");
      return;
    }
    const role = this.#roles.get(request) ?? "";
    queue.after(this.#trip(), () => this.#receive(request, deepFreeze(answer), role));
  }

  #receive(request: number, answer: ReconcileAnswer, role: string): void {
    const body = this.#open.get(request);
    this.#open.delete(request);
    if (body === undefined) return;
    this.#environment.note(this.name, "< answer", () => answer);
    if (!answer.ok) {
      const isVoid =
        answer.code === "checkpoint-expired" || answer.code === "epoch-changed" || answer.code === "version-invalid";
      if (isVoid) this.#startOver();
      return;
    }
    const { body: response } = answer;
    this.#settle(body, response);
    // Another answer has moved on meanwhile: this one's state is older than what is here.
    if (!isSamePosition(body.checkpoint, this.#checkpoint)) return;
    this.#integrate(response, role);
  }

  /** One way; fast once the faults are over, because a first download in small pages is many trips. */
  #trip(): number {
    const [low, high] = this.#environment.odds.network;
    return this.#environment.faulty() ? between(this.#random, low, high) : Math.min(low, 5);
  }

  /** The server was restored from a backup: answers that are on their way are of a log that is gone. */
  forgetRequests(): void {
    this.#open.clear();
  }

  #startOver(): void {
    this.#environment.counts.add("plain resyncs");
    this.#checkpoint = null;
    this.#hasMore = true;
    this.rows.clear();
  }

  /** What became of the mutations: every one of the request must be in the answer. */
  #settle(body: ReconcileBody, response: ReconcileResponse): void {
    for (const { name } of body.mutations) {
      const applied = response.applied.find((result) => result.temp_id === name);
      const rejected = response.rejected.find((result) => result.temp_id === name);
      demand((applied === undefined) !== (rejected === undefined), "plain", () => `${name} was not answered once`);
      const mutation = this.mutations.get(name);
      demand(mutation !== undefined, "plain", () => `${name} is unknown`);
      const outcome = applied === undefined ? "rejected" : "applied";
      const isFirst = mutation.outcome === "waiting";
      demand(
        isFirst || mutation.outcome === outcome,
        "plain",
        () => `${name} was ${mutation.outcome}, and is now ${outcome}`,
      );
      mutation.outcome = outcome;
      if (applied?.outcome === "duplicate") {
        this.#environment.counts.add("plain duplicates");
        demand(mutation.sent > 1, "plain", () => `${name} is called a duplicate, and was sent once`);
      }
    }
  }

  #integrate(response: ReconcileResponse, role: string): void {
    // Other rights mean another view; a client like this starts over when it learns of it.
    if (this.#role !== null && this.#role !== role) {
      this.#role = role;
      return this.#startOver();
    }
    this.#role = role;
    for (const entity of response.state) {
      const key = `${entity.collection}/${entity.entity_id}`;
      if (entity.fields === null) this.rows.delete(key);
      else this.rows.set(key, { version: entity.version, fields: entity.fields });
    }
    this.#checkpoint = response.checkpoint;
    this.#hasMore = response.has_more;
    if (this.#hasMore && !this.#environment.faulty()) this.poll();
  }
}

function isSamePosition(sent: ReconcileBody["checkpoint"], text: string | null): boolean {
  const now = text === null ? null : parseReconcilePosition(text);
  return JSON.stringify(sent) === JSON.stringify(now);
}
