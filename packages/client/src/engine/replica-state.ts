/**
 * What the parts of a replica share: its facts, its view and outbox, and the turn under way. A part changes facts here and
 * asks for effects; it does not know the other parts.
 */
import {
  assert,
  type ChangeRow,
  compileFilter,
  completeRow,
  type Counter,
  type DeviceId,
  type EntityId,
  type Epoch,
  type ErrorCode,
  HybridClock,
  type Millis,
  type Offset,
  type Schema,
  type UserId,
} from "@tidelock/core";
import type { ReplicaEffect } from "./effect.ts";
import { Identities } from "./identities.ts";
import type { ReplicaTimer } from "./input.ts";
import { Outbox } from "./outbox.ts";
import { PendingBatch } from "./pending-batch.ts";
import type { StoredFacts, StoredMutation } from "./records.ts";
import { Rooms } from "./rooms.ts";
import { Subscriptions } from "./subscriptions.ts";
import { type ConfirmedRow, View } from "./view.ts";
import { entitiesOf } from "./writes-of.ts";

/** Values of a row, in column order. */
export type Values = Extract<ChangeRow, readonly [0, ...unknown[]]>[4];

export interface LastError {
  readonly code: ErrorCode;
  readonly message: string;
}

export class ReplicaState {
  readonly schema: Schema;
  readonly view: View;
  readonly outbox: Outbox;
  readonly subscriptions: Subscriptions = new Subscriptions();
  readonly rooms: Rooms = new Rooms();
  readonly identities: Identities = new Identities();
  clock: HybridClock = new HybridClock();
  device: DeviceId | null = null;
  epoch: Epoch | null = null;
  checkpoint: Offset = 0;
  /** Highest counter given to a mutation. */
  counter: Counter = 0;
  /** Highest counter whose decision is known. */
  decided: Counter = 0;
  columns: Readonly<Record<string, readonly string[]>> = {};
  /** What calls were run on may have changed. */
  groundMoved = false;
  /** Who this is, as the server last said. */
  user: UserId | null = null;
  lastSyncedAt: Millis | null = null;
  lastError: LastError | null = null;
  /** What the store does not have yet. */
  pending: PendingBatch = new PendingBatch();
  now: Millis = 0;
  #effects: ReplicaEffect[] = [];
  #changed = new Map<string, Set<EntityId>>();
  readonly #timers = new Set<ReplicaTimer>();

  constructor(schema: Schema) {
    this.schema = schema;
    this.view = new View(schema);
    this.outbox = new Outbox(schema);
  }

  emit(effect: ReplicaEffect): void {
    this.#effects.push(effect);
  }

  /** The turn's effects; what changed in the view comes as one. */
  takeEffects(): ReplicaEffect[] {
    if (this.#changed.size > 0) {
      this.emit({ type: "changed", entities: this.#changed });
      this.#changed = new Map();
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** The view of an entity, or its sync state, may have changed. */
  touch(collection: string, id: EntityId): void {
    const ids = this.#changed.get(collection);
    if (ids === undefined) this.#changed.set(collection, new Set([id]));
    else ids.add(id);
  }

  touchAll(): void {
    for (const { collection, id } of this.view.allRows()) this.touch(collection, id);
  }

  /** Arms a timer, unless it is armed. */
  setTimer(timer: ReplicaTimer, at: Millis): void {
    if (this.#timers.has(timer)) return;
    this.#timers.add(timer);
    this.emit({ type: "set-timer", timer, at });
  }

  cancelTimer(timer: ReplicaTimer): void {
    if (this.#timers.delete(timer)) this.emit({ type: "cancel-timer", timer });
  }

  timerFired(timer: ReplicaTimer): void {
    this.#timers.delete(timer);
  }

  noteTrouble(code: ErrorCode, message: string): void {
    this.lastError = { code, message };
    this.emit({ type: "trouble", code, message });
  }

  facts(): StoredFacts {
    assert(this.device !== null, "facts without a device");
    return {
      device: this.device,
      schemaVersion: this.schema.version,
      epoch: this.epoch,
      checkpoint: this.checkpoint,
      counter: this.counter,
      decided: this.decided,
      stamp: this.clock.last,
      columns: this.columns,
      subscriptions: this.subscriptions.stored(),
      assigned: this.identities.stored(),
      lastSyncedAt: this.lastSyncedAt,
      user: this.user,
    };
  }

  /** A mutation enters the outbox and the view, and will be stored. */
  take(mutation: StoredMutation): void {
    this.outbox.add(mutation);
    this.view.addMutation(mutation);
    this.pending.putMutation(mutation);
    this.touchWritten(mutation);
  }

  /** A mutation has become something else: decided, with fewer fields, with other ids. Its place is the same. */
  change(mutation: StoredMutation): void {
    const before = this.outbox.get(mutation.counter);
    if (before !== undefined) {
      this.view.removeMutation(before);
      this.touchWritten(before);
    }
    this.outbox.replace(mutation);
    this.groundMoved = true;
    if (mutation.state !== "rejected") this.view.addMutation(mutation);
    this.pending.putMutation(mutation);
    this.touchWritten(mutation);
  }

  /** A refused mutation that has no place among the device's numbers is kept under one below 0. */
  keepRefused(mutation: StoredMutation): void {
    const counter = Math.min(0, ...this.outbox.rejected.map((known) => known.counter)) - 1;
    const kept: StoredMutation = { ...mutation, counter };
    this.outbox.add(kept);
    this.pending.putMutation(kept);
    this.touchWritten(kept);
  }

  /** A refused mutation is done with. */
  forgetRefused(mutation: StoredMutation): void {
    this.outbox.remove(mutation.counter);
    this.pending.removeMutation(mutation.counter);
    this.touchWritten(mutation);
  }

  /** A mutation leaves the outbox, the view and the store. */
  forget(mutation: StoredMutation): void {
    this.groundMoved = true;
    this.outbox.remove(mutation.counter);
    this.view.removeMutation(mutation);
    this.pending.removeMutation(mutation.counter);
    this.touchWritten(mutation);
  }

  /** The view of what a mutation writes, or its sync state, may have changed. */
  touchWritten(mutation: StoredMutation): void {
    for (const [collection, id] of entitiesOf(mutation)) this.touch(collection, id);
  }

  /** The decided mutations that the confirmed state now holds are done. While a snapshot is to come, it may not hold them yet. */
  forgetIntegrated(): void {
    const isWhole = [...this.subscriptions.all].every(({ key }) => key !== null);
    for (const mutation of this.outbox.integrated(this.checkpoint)) {
      if (isWhole || this.#isHeld(mutation)) this.forget(mutation);
    }
  }

  /** Whether every entity that a mutation writes is in a subscription that is whole, so that its row holds the mutation. */
  #isHeld(mutation: StoredMutation): boolean {
    const entities = entitiesOf(mutation);
    return (
      entities.length > 0 &&
      entities.every(([collection, id]) => {
        const row = this.view.row(collection, id);
        if (row === undefined) return false;
        const columns = this.view.columns(collection);
        const values = this.whole(collection, row.values);
        for (const { key, filter, collection: of } of this.subscriptions.all) {
          if (of === collection && key !== null && compileFilter(filter, columns)(id, values)) return true;
        }
        return false;
      })
    );
  }

  /** Rows of a first snapshot come into view, in a collection that has none. */
  adoptRows(collection: string, rows: Map<EntityId, ConfirmedRow>): void {
    this.groundMoved = true;
    this.view.adoptRows(collection, rows);
    this.pending.replaceRows(collection, rows);
    const ids = new Set(rows.keys());
    for (const id of this.#changed.get(collection) ?? []) ids.add(id);
    this.#changed.set(collection, ids);
  }

  putRow(collection: string, id: EntityId, at: Offset, values: Values): void {
    if (!this.view.has(collection)) return;
    // A row that came after its subscription was given up.
    if (!this.wants(collection, id, values)) {
      if (this.view.row(collection, id) !== undefined) this.removeRow(collection, id);
      return;
    }
    this.groundMoved = true;
    this.view.setRow(collection, id, { at, values });
    this.pending.putRow({ collection, id, at, values });
    this.touch(collection, id);
  }

  /** Rows that no subscription wants any more leave. */
  evict(collection: string): void {
    for (const [id, row] of [...this.view.rows(collection)]) {
      if (!this.wants(collection, id, row.values)) this.removeRow(collection, id);
    }
  }

  /** Whether any subscription wants a row. */
  wants(collection: string, id: EntityId, values: Values): boolean {
    return this.subscriptions.wants(collection, id, this.whole(collection, values), this.view.columns(collection));
  }

  /** The values of a row in all columns: one from before the last of them existed has what follows from the others. */
  whole(collection: string, values: Values): Values {
    const schema = this.schema.collections.get(collection);
    return schema === undefined ? values : completeRow(values, this.view.columns(collection), schema);
  }

  /**
   * The values of a row after a patch: column position and value in turn. What a row lacks follows from what it has, so it
   * is added only when the patch reaches there, and after what the row had was patched.
   */
  patched(collection: string, values: Values, patch: Values): Values {
    const next = [...values];
    const beyond: Array<readonly [number, Values[number]]> = [];
    for (let index = 0; index + 1 < patch.length; index += 2) {
      const position = patch[index];
      if (typeof position !== "number") continue;
      if (position < values.length) next[position] = patch[index + 1] ?? null;
      else beyond.push([position, patch[index + 1] ?? null]);
    }
    const schema = this.schema.collections.get(collection);
    if (beyond.length === 0 || schema === undefined) return next;
    const whole = [...completeRow(next, this.view.storedColumns(collection), schema)];
    for (const [position, value] of beyond) whole[position] = value;
    return whole;
  }

  removeRow(collection: string, id: EntityId): void {
    this.groundMoved = true;
    this.view.removeRow(collection, id);
    this.pending.removeRow(collection, id);
    this.touch(collection, id);
  }
}
