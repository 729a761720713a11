/**
 * Decisions: what the server made of the device's mutations, and what that means here. Decided ones wait for the delta that
 * holds them [R5]; rejected ones are set aside with their reason and block nobody [R7]; assigned ids replace temporary ones
 * everywhere [R11]; and a device whose numbers the server cannot continue goes on under another id [R12].
 */
import {
  type Counter,
  type EntityId,
  type Offset,
  parseDeviceId,
  parseEntityId,
  type Random,
  type ResultDetail,
  type ResultRow,
  uuidv7,
} from "@tidelock/core";
import type { Connector } from "./connector.ts";
import type { Disk } from "./disk.ts";
import { decidedMutation, undecidedMutation } from "./outbox.ts";
import type { StoredMutation } from "./records.ts";
import type { ReplicaState } from "./replica-state.ts";

const PLACE_HOLDER = parseEntityId("void") as EntityId;

export class Decisions {
  readonly #state: ReplicaState;
  readonly #disk: Disk;
  readonly #connector: Connector;
  readonly #random: Random;

  constructor(state: ReplicaState, disk: Disk, connector: Connector, random: Random) {
    this.#state = state;
    this.#disk = disk;
    this.#connector = connector;
    this.#random = random;
  }

  result([counter, outcome, offset, detail]: ResultRow): void {
    const state = this.#state;
    const { link } = this.#connector;
    const mutation = state.outbox.get(counter);
    state.decided = Math.max(state.decided, counter);
    if (link.state === "welcomed") link.answered = Math.max(link.answered, counter);
    state.pending.touchFacts();
    if (mutation === undefined || mutation.state !== "queued") return;
    const first = outcome === "duplicate" ? (detail?.original ?? "applied") : outcome;
    if (first === "rejected") this.#reject(mutation, detail ?? {});
    else this.#accept(mutation, first === "duplicate" ? "applied" : first, offset, detail ?? null);
    const { collection, entity } = state.outbox.get(counter) ?? mutation;
    state.emit({ type: "decided", counter, collection, entity, outcome: first, detail: detail ?? {} });
  }

  /** The mutation is set aside with its reason; those behind it go on. */
  #reject(mutation: StoredMutation, detail: ResultDetail): void {
    // It only kept the place of one that is set aside already.
    if (mutation.operation === "void") return this.#state.forget(mutation);
    this.#state.change({ ...mutation, state: "rejected", outcome: "rejected", detail });
  }

  /**
   * The server will not even read these mutations: they are set aside with its reason, and what is sent in their places
   * says nothing, so that the numbers behind them follow.
   */
  quarantine(mutations: readonly StoredMutation[], detail: ResultDetail): void {
    const { outbox, pending } = this.#state;
    // What is sent in their places is not on the disk yet. [R1]
    this.#disk.changedFrom(Math.min(...mutations.map(({ counter }) => counter)));
    for (const mutation of mutations) {
      const kept = Math.min(0, ...outbox.rejected.map(({ counter }) => counter)) - 1;
      const { counter, seen, stamp, remaining, createdAt } = mutation;
      const name = PLACE_HOLDER;
      this.#state.change({
        ...{ counter, operation: "void", collection: name, entity: name, fields: {}, seen, stamp, remaining },
        ...{ state: "queued", offset: 0, outcome: null, detail: null, createdAt },
      });
      const aside: StoredMutation = { ...mutation, counter: kept, state: "rejected", outcome: "rejected", detail };
      outbox.add(aside);
      pending.putMutation(aside);
      this.#state.touchWritten(mutation);
      const { collection, entity } = mutation;
      this.#state.emit({ type: "decided", counter, collection, entity, outcome: "rejected", detail, kept });
    }
  }

  #accept(
    mutation: StoredMutation,
    outcome: "applied" | "merged" | "in-review",
    offset: Offset,
    detail: ResultDetail | null,
  ): void {
    const assigned = detail?.entity;
    if (mutation.operation === "create" && assigned !== undefined) this.#assign(mutation.entity, assigned);
    const current = this.#state.outbox.get(mutation.counter) ?? mutation;
    this.#state.change(decidedMutation(current, outcome, offset, detail));
    if (offset <= this.#state.checkpoint) this.#state.forgetIntegrated();
  }

  /** The server has given an entity its id: everything here that names the temporary one names the new one. */
  #assign(temporary: EntityId, entity: EntityId): void {
    if (temporary === entity) return;
    this.#state.identities.note(temporary, entity);
    this.#rename(temporary, entity);
    this.#state.emit({ type: "assigned", temporary, entity });
  }

  /**
   * The log in which the server gave the id of this create is gone: the entity goes by its temporary id again, everywhere,
   * until the server has given it another one.
   */
  #unassign({ operation, entity }: StoredMutation): void {
    const temporary = this.#state.identities.first(entity);
    if (operation !== "create" || temporary === entity) return;
    this.#state.identities.forget(temporary);
    this.#rename(entity, temporary);
  }

  /** Everything in the outbox that names an entity by one id names it by another. */
  #rename(from: EntityId, to: EntityId): void {
    const state = this.#state;
    for (const { after } of state.outbox.rewritten(from, to)) state.change(after);
  }

  /**
   * Whether the server's record of this device's mutations cannot be continued: it has more than this device ever made
   * (a copied or restored store), or lacks some that are no longer held here (a restored server).
   */
  isStranger(decided: Counter): boolean {
    if (decided > this.#state.counter) return true;
    let next = decided + 1;
    for (const { counter } of this.#state.outbox.all()) {
      if (counter <= decided) continue;
      if (counter !== next) return true;
      next += 1;
    }
    return next <= this.#state.counter;
  }

  /**
   * Goes on as another device: what was not decided is numbered anew and offered again. What this log has decided is in
   * it; only what another log had is offered again as well.
   */
  becomeNewDevice(sameLog: boolean): void {
    const state = this.#state;
    const bytes = Uint8Array.from({ length: 10 }, () => this.#random.below(256));
    state.device = parseDeviceId(uuidv7(state.now, bytes));
    if (!sameLog) {
      for (const mutation of [...state.outbox.all()]) if (mutation.state === "decided") this.#unassign(mutation);
    }
    const all = [...state.outbox.all()];
    for (const mutation of all) state.forget(mutation);
    this.#moveRejected();
    state.counter = 0;
    state.decided = 0;
    const counters = new Map<Counter, Counter>();
    for (const mutation of all) {
      if (mutation.state === "decided" && sameLog) continue;
      state.counter += 1;
      counters.set(mutation.counter, state.counter);
      state.take({ ...undecidedMutation(mutation), counter: state.counter });
    }
    this.#disk.renumbered(counters);
    state.pending.touchFacts();
    this.#connector.reconnect();
  }

  /** The new device counts from 1 again: what was rejected before makes way for it, to numbers below 0. */
  #moveRejected(): void {
    const { outbox, pending } = this.#state;
    let lowest = Math.min(0, ...outbox.rejected.map(({ counter }) => counter));
    for (const mutation of outbox.rejected) {
      if (mutation.counter <= 0) continue;
      lowest -= 1;
      const moved: StoredMutation = { ...mutation, counter: lowest };
      outbox.remove(mutation.counter);
      pending.removeMutation(mutation.counter);
      outbox.add(moved);
      pending.putMutation(moved);
    }
  }

  /** What the server's count of decided mutations says about those that are held here. */
  settle(decided: Counter): void {
    // A restored server may know less than this device heard from it before: from here on it is told again.
    this.#state.decided = Math.min(this.#state.decided, decided);
    for (const mutation of [...this.#state.outbox.all()]) {
      if (mutation.state === "decided" && mutation.counter > decided) {
        // The log that held it is gone: it is offered again.
        this.#unassign(mutation);
        const current = this.#state.outbox.get(mutation.counter) ?? mutation;
        this.#state.change(undecidedMutation(current));
      } else if (mutation.state === "queued" && mutation.counter <= decided) {
        // Decided so long ago that its result is no longer kept: it is in the log, or was refused.
        this.result([mutation.counter, "duplicate", 0, { code: "result-pruned" }]);
      }
    }
  }
}
