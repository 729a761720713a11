/**
 * The stage of a transcript: a server's hub with its disk, some devices, and links between them on which messages wait
 * until they are delivered. Deterministic; everything that happens is noted in words, in the order in which it happens.
 */
import {
  type ClientMessage,
  DEFAULT_LIMITS,
  type JsonObject,
  type Millis,
  parseClientMessage,
  parseServerMessage,
  type Schema,
  seededRandom,
  type ServerMessage,
  type SessionId,
} from "@tidelock/core";
import {
  Hub,
  type HubEffect,
  type HubInput,
  type HubTimer,
  type Principal,
  type ReconcileBody,
  type Rules,
} from "@tidelock/server/engine";
import type { MemoryStorageState } from "@tidelock/server/memory";
import { deals } from "../deals.ts";
import { emptyDisk, readFrom } from "../hub-rig.ts";
import { START, tenant, user } from "../names.ts";
import { schema as tasks } from "../schema.ts";
import { Actor, type Link } from "./actor.ts";
import * as words from "./wording.ts";

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

type Asked = Extract<HubEffect, { type: "append" | "read" }>;

/** Guests see what is not done; nobody may write a title of `forbidden`. */
const rules: Rules = {
  tasks: {
    read: ({ claims }) => claims["role"] !== "guest" || { done: false },
    write: (_, { after }) => after?.["title"] !== "forbidden" || "such titles are not allowed",
  },
};

/** The applications that a story can be about; the first when it does not say. */
const APPLICATIONS: ReadonlyMap<string, Schema> = new Map<string, Schema>([
  ["tasks", tasks],
  ["deals", deals],
]);

export class Stage {
  readonly lines: string[] = [];
  readonly actors = new Map<string, Actor>();
  readonly roles = new Map<string, string>();
  /** Whose device a device is; its own name's when not said. */
  readonly users = new Map<string, string>();
  tokenLifeMs: Millis | null = null;
  #now: Millis = START;
  #disk: MemoryStorageState = emptyDisk();
  #backup: MemoryStorageState | null = null;
  #epochs = 1;
  #hub: Hub;
  readonly #timers = new Map<HubTimer, Millis>();
  readonly #links = new Map<SessionId, Link>();
  readonly #holds = new Set<Asked["type"]>();
  #held: Array<{ readonly asked: Asked; readonly answer: HubInput | null }> = [];
  readonly #inputs: HubInput[] = [];
  #isBusy = false;
  #requests = 0;
  readonly #ids = new Map<string, number>();
  #schema: Schema = tasks;

  constructor() {
    this.#hub = this.#makeHub();
  }

  #makeHub(): Hub {
    return new Hub({
      tenant,
      record: this.#disk.openTenant(tenant),
      schema: this.#schema,
      rules,
      limits: DEFAULT_LIMITS,
      random: seededRandom(7),
      bounds: { eventsPerRead: 50 },
    });
  }

  /** The story is about another application than tasks. Said before anything else. */
  application(name: string): void {
    const schema = APPLICATIONS.get(name);
    if (schema === undefined || this.actors.size > 0) throw new Error(`no story of ${name} begins here`);
    this.#schema = schema;
    this.#hub = this.#makeHub();
  }

  /** Notes what happens. Ids that were made up on the way are numbered, so that a reader can tell them apart. */
  note(who: string, what: string): void {
    const text = what.replaceAll(UUID, (id) => {
      const number = this.#ids.get(id) ?? this.#ids.size + 1;
      this.#ids.set(id, number);
      return `id-${number}`;
    });
    this.lines.push(`${who.padEnd(5)} ${text}`);
  }

  actor(name: string): Actor {
    const known = this.actors.get(name);
    if (known !== undefined) return known;
    const actor = new Actor(name, {
      schema: this.#schema,
      now: () => this.#now,
      note: (who, what) => this.note(who, what),
      hungUp: (link) => this.#hungUp(link),
    });
    this.actors.set(name, actor);
    return actor;
  }

  #principal(name: string): Principal {
    const claims: JsonObject = this.roles.has(name) ? { role: this.roles.get(name) ?? "" } : {};
    const expires = this.tokenLifeMs === null ? null : this.#now + this.tokenLifeMs;
    return { user: user(this.users.get(name) ?? name), claims, expires };
  }

  // ── the server ───────────────────────────────────────────────────────────────────────────────────────────────────

  hub(input: HubInput): void {
    this.#inputs.push(input);
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (const next of this.#inputs) for (const effect of this.#hub.handle(next, this.#now)) this.#perform(effect);
    this.#inputs.length = 0;
    this.#isBusy = false;
  }

  #perform(effect: HubEffect): void {
    switch (effect.type) {
      case "send": {
        const { message } = effect;
        const parsed =
          message.type === "prepared" ? parseServerMessage(JSON.parse(message.json)) : { ok: true as const, message };
        if (parsed.ok) for (const id of effect.sessions) this.#links.get(id)?.down.push(parsed.message);
        return;
      }
      case "close":
        this.#links.get(effect.session)?.down.push("close");
        this.#links.delete(effect.session);
        return;
      case "when-drained":
        this.#inputs.push({ type: "session-drained", session: effect.session });
        return;
      case "append":
      case "read": {
        const isHeld = this.#holds.has(effect.type);
        // A read sees the disk as it is now, however late its answer comes; an append that is held has not happened.
        const answer = isHeld && effect.type === "append" ? null : this.#answer(effect, isHeld);
        if (isHeld) this.#held.push({ asked: effect, answer });
        else if (answer !== null) this.#inputs.push(answer);
        return;
      }
      case "set-timer":
        this.#timers.set(effect.timer, effect.at);
        return;
      case "cancel-timer":
        this.#timers.delete(effect.timer);
        return;
      case "answer":
        return this.#noteAnswer(effect.answer);
      case "log":
        return this.note("hub", `logs that ${effect.message}: ${words.problem(effect.facts)}`);
      default:
        return;
    }
  }

  #answer(asked: Asked, isHeld: boolean): HubInput {
    const later = isHeld ? ", and does not hear of it yet" : "";
    if (asked.type === "read") {
      this.note("hub", `${words.read(asked.request)}${later}`);
      return { type: "read-done", read: asked.read, result: readFrom(this.#disk, asked.request) };
    }
    this.note("hub", words.commit(asked.commit));
    this.#disk.append([asked.commit]);
    return { type: "append-done", append: asked.append };
  }

  #noteAnswer(answer: Extract<HubEffect, { type: "answer" }>["answer"]): void {
    if (!answer.ok) return this.note("hub", `answers ${answer.code}`);
    const { applied, conflicts, rejected, state, checkpoint, has_more: more } = answer.body;
    this.note("hub", `answers: checkpoint ${checkpoint}${more ? ", and there is more" : ""}`);
    for (const each of applied)
      this.note("hub", `  ${each.temp_id} ${each.outcome}: ${each.entity_id} at ${each.version}`);
    for (const each of conflicts)
      this.note(
        "hub",
        `  ${each.temp_id} ${each.field ?? "entity"}: ${each.resolution}; it is ${words.value(each.server_value)}`,
      );
    for (const each of rejected) this.note("hub", `  ${each.temp_id} rejected: ${each.code} (${each.message})`);
    for (const each of state)
      this.note(
        "hub",
        `  ${each.collection}/${each.entity_id} ${each.deleted ? "gone" : words.fields(each.collection, each.fields ?? {})}`,
      );
  }

  hold(what: Asked["type"]): void {
    this.#holds.add(what);
  }

  release(): void {
    this.#holds.clear();
    const held = this.#held;
    this.#held = [];
    for (const { asked, answer } of held) this.hub(answer ?? this.#answer(asked, false));
  }

  failHeld(): void {
    this.#holds.clear();
    const held = this.#held;
    this.#held = [];
    for (const { asked } of held) {
      this.note("hub", `cannot ${asked.type}`);
      this.hub(
        asked.type === "read"
          ? { type: "read-failed", read: asked.read }
          : { type: "append-failed", append: asked.append, stale: false },
      );
    }
  }

  backup(): void {
    this.#backup = this.#disk.clone();
  }

  /** The server's process ends and another begins, on the same disk, on its backup, or on an empty one. */
  restart(disk: "same" | "backup" | "empty"): void {
    if (disk === "backup" && this.#backup !== null) this.#disk = this.#backup.clone();
    if (disk === "empty") this.#disk = emptyDisk((this.#epochs += 1));
    this.#links.clear();
    this.#timers.clear();
    this.#held = [];
    this.#hub = this.#makeHub();
    for (const actor of this.actors.values()) actor.lose();
  }

  trim(through: number): void {
    this.#disk.trim(tenant, through);
    this.hub({ type: "trimmed", floor: this.#disk.openTenant(tenant).floor });
  }

  reconcile(principal: string, body: ReconcileBody): void {
    this.#requests += 1;
    this.hub({ type: "reconcile", request: this.#requests, principal: this.#principal(principal), body });
  }

  authenticate(name: string): void {
    const link = this.actors.get(name)?.link;
    if (link === null || link === undefined) return;
    this.hub({ type: "authenticated", session: link.session, principal: this.#principal(name) });
  }

  socket(name: string, what: "session-blocked" | "session-drained"): void {
    const link = this.actors.get(name)?.link;
    if (link !== null && link !== undefined) this.hub({ type: what, session: link.session });
  }

  // ── links ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #hungUp({ session }: Link): void {
    if (this.#links.delete(session)) this.hub({ type: "session-closed", session });
  }

  /** Delivers all that waits, and what comes of it, until nothing does. */
  deliver(names: readonly string[], directions: readonly ("up" | "down")[]): void {
    let moved = true;
    while (moved) {
      moved = false;
      for (const name of names) {
        const actor = this.actor(name);
        if (directions.includes("up")) moved = this.#deliverUp(actor) || moved;
        if (directions.includes("down")) moved = this.#deliverDown(actor) || moved;
      }
    }
  }

  #deliverUp(actor: Actor): boolean {
    const { link } = actor;
    const message = link?.up.shift();
    if (link === null || message === undefined) return false;
    for (const line of words.fromDevice(message)) this.note(actor.name, `→ ${line}`);
    if (!this.#isReadable(message, link)) return true;
    if (message.type === "hello") {
      this.#links.set(link.session, link);
      actor.input({ type: "connected", connection: link.number });
      this.hub({
        type: "session-opened",
        session: link.session,
        principal: this.#principal(actor.name),
        hello: message,
      });
    } else if (message.type === "auth") this.authenticate(actor.name);
    else this.hub({ type: "message", session: link.session, message });
    return true;
  }

  /** What a gateway cannot read ends the connection. */
  #isReadable(message: ClientMessage, link: Link): boolean {
    const parsed = parseClientMessage(JSON.parse(JSON.stringify(message)));
    if (parsed.ok) return true;
    const { code, message: text } = parsed;
    link.down.push({ type: "refusal", code, message: text, fatal: true }, "close");
    this.#hungUp(link);
    return false;
  }

  #deliverDown(actor: Actor): boolean {
    const { link } = actor;
    const message = link?.down.shift();
    if (link === null || message === undefined) return false;
    if (message === "close") actor.lose();
    else this.say(actor, message);
    return true;
  }

  /** The device hears something. */
  say(actor: Actor, message: ServerMessage): void {
    const columns = this.#disk.openTenant(tenant).columns;
    const columnsOf = (name: string): readonly string[] => columns.get(name) ?? [];
    for (const line of words.fromServer(message, columnsOf)) this.note(actor.name, `← ${line}`);
    if (actor.link !== null) actor.input({ type: "message", connection: actor.link.number, message });
  }

  // ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Time passes; whoever waited for a moment in it has its turn. */
  wait(millis: Millis, afterEach: () => void): void {
    const end = this.#now + millis;
    for (;;) {
      const due: Array<{ at: Millis; fire: () => void }> = [];
      for (const [timer, at] of this.#timers) due.push({ at, fire: () => this.#fire(timer) });
      for (const actor of this.actors.values()) {
        for (const [timer, at] of actor.timers) due.push({ at, fire: () => actor.fire(timer) });
      }
      const [next] = due.filter(({ at }) => at <= end).sort((left, right) => left.at - right.at);
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      next.fire();
      afterEach();
    }
    this.#now = end;
  }

  #fire(timer: HubTimer): void {
    this.#timers.delete(timer);
    this.hub({ type: "timer", timer });
  }
}
