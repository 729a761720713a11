/**
 * One device of a transcript: its replica, its disk, its link to the server. Messages wait in the link until they are
 * delivered; batches reach the disk at once, unless it is held.
 */
import {
  type ClientMessage,
  type JsonObject,
  type JsonValue,
  type Millis,
  type MutatorEffect,
  type Review,
  REVIEWS,
  type Schema,
  seededRandom,
  type ServerMessage,
  type SessionId,
} from "@tidelock/core";
import {
  type Intent,
  Replica,
  type ReplicaEffect,
  type ReplicaInput,
  type ReplicaTimer,
} from "@tidelock/client/engine";
import { MemoryStoreState } from "@tidelock/client/memory";
import { device, entity, session } from "../names.ts";
import * as words from "./wording.ts";

/** Timers that fire in any story, and say nothing of it. */
const REGULAR = new Set<ReplicaTimer>(["heartbeat", "ack"]);

type Persist = Extract<ReplicaEffect, { type: "persist" }>;

export interface Link {
  readonly number: number;
  readonly session: SessionId;
  readonly up: ClientMessage[];
  readonly down: Array<ServerMessage | "close">;
}

export interface Stage {
  readonly schema: Schema;
  readonly now: () => Millis;
  readonly note: (who: string, what: string) => void;
  /** A link is cut: the server hears of it. */
  readonly hungUp: (link: Link) => void;
}

export class Actor {
  readonly name: string;
  readonly timers = new Map<ReplicaTimer, Millis>();
  link: Link | null = null;
  hasTokens = true;
  readonly #stage: Stage;
  readonly #disk = new MemoryStoreState();
  #replica: Replica;
  #lives = 0;
  #writes = 0;
  #links = 0;
  #isHeld = false;
  #writing: Persist[] = [];
  #phase = "";
  readonly #inputs: ReplicaInput[] = [];
  #isBusy = false;

  constructor(name: string, stage: Stage) {
    this.name = name;
    this.#stage = stage;
    this.#replica = this.start();
  }

  /** The program starts, with what its disk holds. */
  start(): Replica {
    this.#lives += 1;
    this.#replica = new Replica({ schema: this.#stage.schema, random: seededRandom(this.#lives), sdk: "transcript" });
    this.input({ type: "loaded", stored: this.#disk.read(), device: device(this.name) });
    return this.#replica;
  }

  /** The program dies: what was not on the disk is gone. */
  crash(): void {
    this.cut();
    this.#writing = [];
    this.#isHeld = false;
    this.timers.clear();
    this.#phase = "";
  }

  /** The device falls off the net, and the server does not notice; then its program dies. */
  vanish(): void {
    this.link = null;
    this.crash();
  }

  /** The connection is gone, with what was on its way. */
  cut(): void {
    const { link } = this;
    this.link = null;
    if (link !== null) this.#stage.hungUp(link);
  }

  lose(): void {
    const { link } = this;
    this.cut();
    if (link !== null) this.input({ type: "disconnected", connection: link.number, reason: "lost" });
  }

  fire(timer: ReplicaTimer): void {
    this.timers.delete(timer);
    if (!REGULAR.has(timer)) this.#note(`timer ${timer}`);
    this.input({ type: "timer", timer });
  }

  write(intents: readonly Intent[]): void {
    this.#writes += 1;
    this.input({ type: "mutate", write: this.#writes, intents });
  }

  input(input: ReplicaInput): void {
    this.#inputs.push(input);
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (const next of this.#inputs) {
      for (const effect of this.#replica.handle(next, this.#stage.now())) this.#perform(effect);
    }
    this.#inputs.length = 0;
    this.#isBusy = false;
  }

  #note(what: string): void {
    this.#stage.note(this.name, what);
  }

  #perform(effect: ReplicaEffect): void {
    switch (effect.type) {
      case "persist":
        this.#writing.push(effect);
        if (this.#isHeld) return;
        return this.#store();
      case "get-token":
        this.#inputs.push(
          this.hasTokens ? { type: "token", token: "token" } : { type: "token-failed", reason: "no token" },
        );
        return;
      case "connect": {
        this.#links += 1;
        const id = session(`${this.name}-${this.#links}`);
        this.link = { number: effect.connection, session: id, up: [effect.hello], down: [] };
        return this.#note("connects");
      }
      case "disconnect":
        this.#note("hangs up");
        return this.cut();
      case "send":
        this.link?.up.push(effect.message);
        return;
      case "set-timer":
        this.timers.set(effect.timer, effect.at);
        return;
      case "cancel-timer":
        this.timers.delete(effect.timer);
        return;
      default:
        return this.#tell(effect);
    }
  }

  /** What the application is told. */
  #tell(effect: Exclude<ReplicaEffect, { type: "persist" | "send" }>): void {
    switch (effect.type) {
      case "changed":
        for (const [collection, ids] of effect.entities) for (const id of ids) this.#sees(collection, id);
        return;
      case "status-changed": {
        const { phase, lastError } = this.#replica.status;
        const text = `is ${phase}${lastError === null ? "" : ` (${lastError.code})`}`;
        if (text !== this.#phase) this.#note(text);
        this.#phase = text;
        return;
      }
      case "presence-changed": {
        const members = this.#replica
          .presence(effect.room)
          .map(({ session: id, state }) => `${id} ${words.value(state)}`);
        return this.#note(`sees in ${effect.room}: ${members.join(", ") || "nobody"}`);
      }
      case "write-saved":
        return this.#note(`write ${effect.write} is saved`);
      case "write-failed":
        return this.#note(`write ${effect.write} failed: ${effect.code}${words.because(effect)}`);
      case "decided":
        return this.#note(`#${effect.counter} is ${effect.outcome}${words.detail(effect.detail)}`);
      case "assigned":
        return this.#note(`${effect.temporary} is now ${effect.entity}`);
      case "upgrade":
        return this.#note(`upgrade ${effect.required ? "required" : "available"}: ${effect.message} ${effect.url}`);
      case "trouble":
        return this.#note(`trouble: ${effect.code}`);
      case "subscription-refused":
        return this.#note(`subscription of ${effect.collection} refused: ${effect.code}`);
      default:
        return;
    }
  }

  /** Decides a review as an application would: with what the decision will do, as far as it can tell. */
  decide(id: string, choice: { readonly candidate: string } | { readonly value: JsonValue }): void {
    const review = this.#replica.get(REVIEWS, entity(id)) as unknown as Review | null;
    if (review === null) throw new Error(`${this.name} has no review ${id}`);
    const { collection, field } = review;
    const picked = review.candidates.find((each) => "candidate" in choice && each.id === choice.candidate);
    const value = "value" in choice ? choice.value : (picked?.value ?? null);
    const target = { collection, entity: entity(review.entity) };
    const effects: MutatorEffect[] = [
      { operation: "update", collection: REVIEWS, entity: entity(id), fields: { status: "closed" } },
    ];
    if (field !== null) effects.push({ operation: "update", ...target, fields: { [field]: value } });
    else if (value === null) effects.push({ operation: "delete", ...target, fields: {} });
    this.write([{ operation: "decide", collection: REVIEWS, entity: entity(id), fields: { ...choice }, effects }]);
  }

  call(name: string, fields: JsonObject): void {
    this.write([{ operation: "call", collection: name, entity: entity(name), fields }]);
  }

  #sees(collection: string, id: Parameters<Replica["get"]>[1]): void {
    const view = this.#replica.get(collection, id);
    const state = this.#replica.syncState(collection, id);
    if (view === null) return this.#note(`sees no ${collection}/${id}${state === "rejected" ? ", rejected" : ""}`);
    const { id: _, ...fields } = view;
    this.#note(`sees ${collection}/${id} ${words.fields(collection, fields)}, ${state}`);
  }

  // ── the disk ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #store(): void {
    const [persist] = this.#writing.splice(0, 1);
    if (persist === undefined) return;
    this.#disk.apply(persist.content);
    this.#note(words.batch(persist.content));
    this.input({ type: "persisted", batch: persist.batch });
  }

  disk(what: "hold" | "release" | "fail"): void {
    this.#isHeld = what === "hold";
    if (what === "hold") return;
    const [persist] = this.#writing;
    if (what === "release") return this.#store();
    if (persist === undefined) return;
    this.#writing.shift();
    this.#note("cannot store");
    this.input({ type: "persist-failed", batch: persist.batch, code: "store-quota" });
  }

  /** Everything of a collection, as it is seen, and the outbox. */
  show(): void {
    for (const name of this.#stage.schema.collections.keys())
      for (const id of this.#replica.ids(name)) this.#sees(name, id);
    const { outbox, rejected, checkpoint, device: id } = this.#replica;
    const queue = [...outbox, ...rejected].map(({ counter, state }) => `#${counter} ${state}`).join(", ");
    this.#note(`${id} holds ${checkpoint?.epoch ?? "nothing"}.${checkpoint?.offset ?? 0}, outbox: ${queue || "empty"}`);
  }

  subscription(
    input: "subscribe" | "unsubscribe",
    collection: string,
    where: Parameters<typeof words.filter>[0],
  ): void {
    this.input({ type: input, collection, filter: where });
  }

  intent(operation: Intent["operation"], collection: string, id: string, fields: Intent["fields"]): Intent {
    return { operation, collection, entity: entity(id), fields };
  }
}
