/**
 * Checks that watch one device, after every input that its replica takes:
 * what is seen is what the log and the device's own writes say (`view`: covers skipped offsets, halves of transactions,
 * wrong entities, lost writes, flicker, rows that must not be seen); every difference was announced (`changed`); the
 * checkpoint never goes back (`checkpoint`) and never says more on the disk than the rows there (`disk`); the outbox holds
 * what is not decided, and the status says so (`status`); nothing is sent or acknowledged before it is on the disk.
 */
import type { EntityId } from "@tidelock/core";
import type { ReplicaEffect, ReplicaInput, StoreBatch, StoredReplica } from "@tidelock/client/engine";
import type { Device } from "./device.ts";
import type { Environment } from "./environment.ts";
import { Expectation, type Rights, splitKey } from "./expectation.ts";
import { Holdings } from "./holdings.ts";
import { isUnreadable, Ledger } from "./ledger.ts";
import { shownOf } from "./comparing.ts";
import { type Model, text, textOf } from "./model.ts";
import { EVERYTHING } from "./readings.ts";
import { demand } from "./violation.ts";

/** Every so many steps everything is compared, not only what changed. */
const FULL_EVERY = 24;
const DISK_EVERY = 6;
const FIRST_EPOCH = "epoch-1";

type ToldConflict = NonNullable<Extract<ReplicaEffect, { type: "decided" }>["detail"]["conflicts"]>[number];

/** What the checks of a device need to know of the rest of the world. */
export interface Surroundings {
  readonly environment: Environment;
  readonly model: Model;
  /** Under which rights rows are sent that carry this key. */
  readonly rightsOf: (key: string) => Rights | null;
}

export class DeviceChecks {
  readonly ledger: Ledger;
  readonly #around: Surroundings;
  readonly #device: Device;
  readonly #holdings: Holdings;
  readonly #lastSeen = new Map<string, string>();
  #checkpoint = { epoch: "", offset: 0 };
  /** The highest checkpoint that the disk ever had in this log. */
  #stored = { epoch: "", highest: 0 };
  /** Under which id the device made a batch, and who its user was. */
  readonly #batches = new WeakMap<StoreBatch, { readonly device: string; readonly user: string | null }>();
  /** The log that the ledger was last brought in step with. */
  #epoch = FIRST_EPOCH;
  #isBehind = false;
  /** What is shown is to be looked at as if for the first time. */
  #isFresh = false;
  /** Who the device's user is, as the last welcome said; and what the disk knows of that. */
  #user: string | null = null;
  #storedUser: string | null = null;
  #steps = 0;
  #tokens = 0;
  #storedBatches = 0;

  constructor(around: Surroundings, device: Device) {
    this.#around = around;
    this.#device = device;
    this.ledger = new Ledger(device.name, device.user);
    this.#holdings = new Holdings(around.rightsOf);
  }

  expectation(): Expectation | null {
    const { replica } = this.#device;
    return replica === null
      ? null
      : new Expectation(this.#around.model, this.ledger, replica, this.#holdings.all, this.#user);
  }

  // ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────────

  stepped(input: ReplicaInput, effects: readonly ReplicaEffect[]): void {
    const { replica } = this.#device;
    if (replica === null) return;
    this.#steps += 1;
    const failed = new Set(effects.flatMap((effect) => (effect.type === "write-failed" ? [effect.write] : [])));
    if (input.type === "mutate" && !failed.has(input.write))
      this.ledger.wrote(input.write, input.intents, replica.outbox);
    else this.ledger.failed(failed);
    if (input.type === "discard") this.#discarded(input.counter);
    if (input.type === "message" && input.message.type === "welcome" && this.#holdings.isHeard(input))
      this.#user = input.message.user;
    this.#adopt();
    if (failed.size > 0) this.#around.environment.counts.add("failed writes", failed.size);
    this.#holdings.note(input, effects);
    for (const effect of effects) this.#heard(effect);
    this.#checkPace(effects);
    const made = { device: this.ledger.device, user: this.#user };
    for (const effect of effects) if (effect.type === "persist") this.#batches.set(effect.content, made);
    if (this.#isBehind) return this.ledger.noteIntegrated(replica.outbox);
    this.#checkCheckpoint(input);
    this.#checkView(input, effects);
    this.#checkStatus();
  }

  /**
   * After the server's log was replaced by a backup, a device is behind until it has learned of it: what it shows then is
   * of a log that is gone. When it learns, it goes on from what it holds, perhaps as another device.
   */
  #adopt(): void {
    const { replica } = this.#device;
    const { model } = this.#around;
    if (replica === null) return;
    this.#isBehind = replica.checkpoint !== null && replica.checkpoint.epoch !== model.epoch;
    if (this.#isBehind) this.#epoch = FIRST_EPOCH;
    const isRenamed = replica.device !== null && replica.device !== this.ledger.device;
    if (!isRenamed && (this.#isBehind || this.#epoch === model.epoch)) return;
    if (!this.#isBehind) this.#epoch = model.epoch;
    if (isRenamed) this.#around.environment.counts.add("devices renamed");
    const old = this.ledger.device;
    this.ledger.adopt(replica.device ?? old, [...replica.outbox, ...replica.rejected], (entry) => {
      if (entry.integrated) return true;
      const receipt = model.receipt(old, entry.counter);
      return receipt !== undefined && receipt.outcome !== "rejected";
    });
    this.#isFresh = true;
    this.#checkpoint = { epoch: "", offset: 0 };
  }

  /** Whoever waits does not ask again and again without a pause. */
  #checkPace(effects: readonly ReplicaEffect[]): void {
    this.#tokens += effects.filter(({ type }) => type === "get-token").length;
    const most = 30 + this.#around.environment.queue.now / 400;
    demand(this.#tokens <= most, "storm", () => `${this.#device.name} has asked for a token ${this.#tokens} times`);
  }

  #heard(effect: ReplicaEffect): void {
    if (effect.type === "decided" && effect.kept !== undefined) this.#checkUnreadable(effect.counter);
    this.ledger.heard(effect, this.#device.replica?.outbox ?? []);
    if (effect.type !== "decided" || effect.kept !== undefined || this.#isBehind) return;
    const receipt = this.#around.model.receipt(this.ledger.device, effect.counter);
    const which = `${this.#device.name}#${effect.counter}`;
    demand(receipt !== undefined, "ack", () => `${which} was called ${effect.outcome}, and is not in the log`);
    if (effect.detail.code === "result-pruned") {
      const isGone = receipt.outcome !== "rejected" && receipt.offset <= this.#around.model.purged;
      demand(
        isGone,
        "ack",
        () => `${which} was called pruned; the log has it as ${receipt.outcome} at ${receipt.offset}`,
      );
      this.#around.environment.counts.add("pruned results");
      return;
    }
    this.#checkAssigned(effect.counter, effect.outcome);
    demand(
      receipt.outcome === effect.outcome,
      "ack",
      () => `${which} was called ${effect.outcome}; the log has ${receipt.outcome}`,
    );
    this.#around.environment.counts.add(effect.outcome);
    this.#checkConflicts(effect.counter, effect.detail.conflicts ?? []);
  }

  /** Only what cannot be read is set aside unread, with the rest of its transaction. */
  #checkUnreadable(counter: number): void {
    this.#around.environment.counts.add("set aside unread");
    const write = this.ledger.entries.get(counter)?.write;
    const parts = [...this.ledger.entries.values()].filter((entry) => entry.write === write);
    demand(
      parts.some(({ made }) => isUnreadable(made)),
      "unread",
      () => `${this.#device.name}#${counter} was set aside, and could be read`,
    );
  }

  /** The author of a mutation is told of every conflict that the log records for it. */
  #checkConflicts(counter: number, told: readonly ToldConflict[]): void {
    const entry = this.ledger.entries.get(counter);
    // A call is not told: its author need not be one who may read what its mutator reads.
    if (entry === undefined || entry.intent.operation === "decide" || entry.intent.operation === "call") return;
    const events = this.#around.model.eventsOf(this.ledger.device, counter);
    const named = (conflict: ToldConflict): string => `${conflict.field ?? "*"}:${conflict.policy}:${conflict.winner}`;
    const expected = events.flatMap(({ decisions }) => decisions.map(named)).sort();
    demand(told.map(named).sort().join() === expected.join(), "told", () => {
      return `${this.#device.name}#${counter} was told of ${told.map(named).join()}; the log has ${expected.join()}`;
    });
  }

  /** Whoever hears that a create with a temporary id was taken knows the id that the server gave. */
  #checkAssigned(counter: number, outcome: string): void {
    const entry = this.ledger.entries.get(counter);
    if (entry === undefined || outcome === "rejected" || entry.intent.operation !== "create") return;
    const { entity } = entry.intent;
    const final = this.#around.model.finalId(this.ledger.device, entity);
    const known = this.ledger.assigned.get(entity) ?? entity;
    demand(known === final, "assigned", () => `${this.#device.name} knows ${entity} as ${known}; the log has ${final}`);
  }

  sending(message: Extract<ReplicaEffect, { type: "send" }>["message"]): void {
    if (message.type === "push") {
      for (const [counter, operation, collection, , , seen, stamp] of message.mutations) {
        const entry = this.ledger.entries.get(counter);
        const which = `${this.#device.name}#${counter}`;
        demand(entry !== undefined && entry.onDisk, "saved", () => `${which} was sent before it was on the disk`);
        const { made, intent } = entry;
        const isSame =
          operation === intent.operation &&
          collection === intent.collection &&
          stamp === made.stamp &&
          seen === made.seen;
        demand(
          isSame,
          "outbox",
          () => `${which} was sent as ${operation} ${collection} ${seen} ${stamp}, made as ${JSON.stringify(made)}`,
        );
      }
    }
    if (message.type === "ack") {
      const { highest } = this.#stored;
      demand(message.offset <= highest, "checkpoint", () => {
        return `${this.#device.name} acknowledged ${message.offset}; its disk has had ${highest}`;
      });
    }
    if (message.type === "subscribe") this.#holdings.said(message.id, message.collection, message.where);
  }

  stored(batch: StoreBatch): void {
    // A batch from before the device was renamed may still be on its way.
    const made = this.#batches.get(batch);
    if (made?.device === this.ledger.device) this.ledger.stored(batch);
    if (batch.facts !== null) this.#storedUser = made?.user ?? null;
    this.#storedBatches += 1;
    const { facts } = batch;
    if (facts !== null) {
      // A resync voids what is held; what was durable before it still was.
      const before = facts.epoch === this.#stored.epoch ? this.#stored.highest : 0;
      this.#stored = { epoch: facts.epoch ?? "", highest: Math.max(before, facts.checkpoint) };
    }
    if (this.#storedBatches % DISK_EVERY !== 0) return;
    const stored = this.#device.disk.read();
    this.checkDisk(stored);
    if (this.expectation()?.isWhole === true) this.ledger.prune(stored, (counter) => this.#offsetOf(counter));
  }

  died(): void {
    this.#user = this.#storedUser;
    this.ledger.died();
    this.#holdings.died();
    this.#lastSeen.clear();
  }

  #offsetOf(counter: number): number | null {
    return this.#around.model.receipt(this.ledger.device, counter)?.offset ?? null;
  }

  loaded(stored: StoredReplica): void {
    const { facts } = stored;
    const isOther =
      facts !== null && (facts.device !== this.ledger.device || (facts.epoch ?? "") !== this.#around.model.epoch);
    if (isOther && this.#around.model.epoch !== FIRST_EPOCH) {
      this.ledger.adopt(facts.device, stored.mutations, ({ integrated }) => integrated, facts.counter);
      this.#isBehind = true;
      this.#epoch = FIRST_EPOCH;
    } else this.ledger.loaded(stored, (counter) => this.#offsetOf(counter));
    this.#holdings.loaded(stored.facts);
    const checkpoint = stored.facts?.checkpoint ?? 0;
    const epoch = stored.facts?.epoch ?? "";
    this.#checkpoint = { epoch, offset: checkpoint };
    const highest = epoch === this.#stored.epoch ? this.#stored.highest : 0;
    this.#stored = { epoch, highest: Math.max(highest, checkpoint) };
    this.checkDisk(stored);
  }

  // ── checks ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #checkCheckpoint(input: ReplicaInput): void {
    const { model } = this.#around;
    const next = this.#device.replica?.checkpoint ?? null;
    const before = this.#checkpoint;
    if (next === null) return;
    const isResync = input.type === "message" && (input.message.type === "resync" || input.message.type === "welcome");
    const isForward = next.epoch !== before.epoch || next.offset >= before.offset || isResync;
    demand(isForward, "checkpoint", () => `${this.#device.name} went back from ${before.offset} to ${next.offset}`);
    demand(
      next.offset <= model.head,
      "checkpoint",
      () => `${this.#device.name} is at ${next.offset}, the log at ${model.head}`,
    );
    demand(
      model.isWhole(next.offset),
      "atomic",
      () => `${this.#device.name} stands within the transaction at ${next.offset}`,
    );
  }

  #checkView(input: ReplicaInput, effects: readonly ReplicaEffect[]): void {
    const expectation = this.expectation();
    const { replica } = this.#device;
    if (expectation === null || replica === null) return;
    const announced = new Set<string>();
    for (const effect of effects) {
      if (effect.type !== "changed") continue;
      for (const [collection, ids] of effect.entities) for (const id of ids) announced.add(`${collection}/${id}`);
    }
    const offset = replica.checkpoint?.offset ?? 0;
    const isFresh = this.#isFresh || input.type === "loaded";
    this.#isFresh = false;
    const isFull =
      isFresh || this.#steps % FULL_EVERY === 0 || effects.some(({ type }) => type === "subscriptions-changed");
    const from = offset < this.#checkpoint.offset ? offset : this.#checkpoint.offset;
    const keys = new Set([...announced, ...this.#around.model.touched(from, offset)]);
    this.#checkpoint = { epoch: replica.checkpoint?.epoch ?? "", offset };
    if (isFull) {
      for (const key of this.#lastSeen.keys()) keys.add(key);
      for (const key of expectation.all().keys()) keys.add(key);
      for (const collection of EVERYTHING) for (const id of replica.ids(collection)) keys.add(`${collection}/${id}`);
    }
    for (const key of keys) this.#checkEntity(key, expectation, isFresh || announced.has(key));
    if (isFull) this.#checkIds();
  }

  #checkEntity(key: string, expectation: Expectation, isAnnounced: boolean): void {
    const [collection, id] = splitKey(key);
    // A temporary name that has been replaced leads to the same entity; it is compared under its final one.
    if (this.ledger.assigned.has(id)) {
      this.#lastSeen.delete(key);
      return;
    }
    const seen = expectation.seen(collection, id);
    const expected = expectation.of(collection, id);
    if (expected !== "unknown") {
      demand(textOf(seen) === textOf(expected), "view", () => {
        return `${this.#who()} shows ${key} as ${textOf(seen)} instead of ${textOf(expected)}`;
      });
      this.#checkSyncState(collection, id, seen.marks);
    }
    const now = textOf(seen);
    const before = this.#lastSeen.get(key) ?? text(null);
    demand(
      isAnnounced || now === before,
      "changed",
      () => `${this.#who()}: ${key} changed from ${before} to ${now} without a word`,
    );
    if (now === text(null)) this.#lastSeen.delete(key);
    else this.#lastSeen.set(key, now);
  }

  /** An entity whose row is marked is in review, unless something of this device's own about it is still open. */
  #checkSyncState(collection: string, id: string, marks: ReadonlyMap<string, string>): void {
    const state = this.#device.replica?.syncState(collection, id as EntityId);
    const isSettled = state === "synced" || state === "in-review";
    demand(!isSettled || (state === "in-review") === marks.size > 0, "sync-state", () => {
      return `${this.#who()} calls ${collection}/${id} ${state}, which waits for ${marks.size} reviews`;
    });
    if (state === "in-review") this.#around.environment.counts.add("seen in review");
  }

  /** The list of ids agrees with what can be read. */
  #checkIds(): void {
    const { replica } = this.#device;
    if (replica === null) return;
    for (const collection of EVERYTHING) {
      const ids = [...replica.ids(collection)];
      demand(new Set(ids).size === ids.length, "view", () => `${this.#who()} lists an entity of ${collection} twice`);
      for (const id of ids) {
        const view = replica.get(collection, id);
        demand(
          view !== null && view.id === id,
          "view",
          () => `${this.#who()} lists ${collection}/${id}, and has ${view?.id ?? "nothing"}`,
        );
      }
      const shown = new Set<string>(ids);
      for (const key of this.#lastSeen.keys()) {
        const [name, id] = splitKey(key);
        const isShown = name !== collection || shown.has(id) || replica.get(collection, id as EntityId) === null;
        demand(isShown, "view", () => `${this.#who()} shows ${key} and does not list it`);
      }
    }
  }

  #checkStatus(): void {
    const { replica } = this.#device;
    if (replica === null) return;
    const queued = [...this.ledger.entries.values()].filter(({ state }) => state === "queued").length;
    const rejected = [...this.ledger.entries.values()].filter(({ state }) => state === "rejected").length;
    const { pendingCount, rejectedCount } = replica.status;
    demand(
      pendingCount === queued,
      "status",
      () => `${this.#who()} says that ${pendingCount} are pending; it is ${queued}`,
    );
    demand(
      rejectedCount === rejected,
      "status",
      () => `${this.#who()} says that ${rejectedCount} were rejected; it is ${rejected}`,
    );
    const { outbox } = replica;
    const open = outbox.filter(({ state }) => state === "queued").length;
    demand(
      open === queued,
      "outbox",
      () => `the outbox of ${this.#who()} holds ${open} undecided mutations; it is ${queued}`,
    );
  }

  #discarded(counter: number): void {
    const entry = this.ledger.entries.get(counter);
    if (entry?.state === "rejected") entry.state = "discarded";
  }

  /** What the disk holds whole is what the log had at the stored checkpoint. */
  checkDisk({ facts, rows }: StoredReplica): void {
    if (facts === null || facts.epoch !== this.#around.model.epoch) return;
    const { model, rightsOf } = this.#around;
    const held = new Map(rows.map((row) => [`${row.collection}/${row.id}`, row]));
    for (const { collection, filter, key } of facts.subscriptions) {
      const rights = key === null ? null : rightsOf(key);
      if (rights === null) continue;
      const columns = facts.columns[collection] ?? [];
      for (const [id, shown] of model.view({ collection, filter: JSON.parse(filter), ...rights }, facts.checkpoint)) {
        const values = shownOf(columns, held.get(`${collection}/${id}`)?.values ?? null);
        demand(textOf(values) === textOf(shown), "disk", () => {
          return `the disk of ${this.#device.name} says ${facts.checkpoint} and has ${collection}/${id} as ${textOf(values)} instead of ${textOf(shown)}`;
        });
      }
    }
  }

  #who(): string {
    return `${this.#device.name} at ${this.#device.replica?.checkpoint?.offset ?? 0}`;
  }

  /** Whether everything of the device's is decided, and it shows what it is entitled to. `null` when so. */
  unsettled(rights: Rights | null): string | null {
    const { replica, wanted, name } = this.#device;
    const { model } = this.#around;
    if (replica === null) return `${name} is down`;
    if (rights === null) return `${name} has no session`;
    const [oldest] = replica.outbox;
    if (oldest !== undefined) {
      const place = replica.checkpoint?.offset ?? 0;
      const about = `the oldest is ${oldest.counter}, ${oldest.state} at ${oldest.offset}`;
      return `${name} at ${place}, ${replica.status.phase}, has ${replica.outbox.length} mutations in its outbox; ${about}`;
    }
    for (const { collection, filter } of wanted.values()) {
      if (!replica.isComplete(collection, filter))
        return `${name} has not got all of ${collection} ${JSON.stringify(filter)}`;
    }
    for (const collection of EVERYTHING) {
      const rows = new Map<string, string>();
      for (const { filter } of [...this.#holdings.held].filter((held) => held.collection === collection)) {
        for (const [id, shown] of model.view({ collection, filter, ...rights }, model.head))
          rows.set(id, textOf(shown));
      }
      const ids = [...replica.ids(collection)];
      for (const id of ids) if (!rows.has(id)) return `${name} shows ${collection}/${id}, which it should not`;
      for (const [id, row] of rows) {
        const { id: _id, ...seen } = replica.get(collection, id as EntityId) ?? { id: null };
        const shown = { row: _id === null ? null : seen, marks: replica.marks(collection, id as EntityId) };
        if (textOf(shown) !== row) return `${name} shows ${collection}/${id} as ${textOf(shown)} instead of ${row}`;
      }
    }
    return null;
  }
}
