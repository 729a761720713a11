/**
 * Integration: what the server sends becomes the confirmed state.
 *
 * What stays true: a delta is applied only where it joins the checkpoint [R4]; a change that a row already holds is not
 * applied again; nobody sees half of a snapshot.
 */
import {
  type ChangeRow,
  compileFilter,
  type Delta,
  type EntityId,
  type Resync,
  type Rows,
  type SnapshotEnd,
  type SnapshotStart,
} from "@tidelock/core";
import type { ReplicaState } from "./replica-state.ts";
import type { Subscription } from "./subscriptions.ts";
import type { ConfirmedRow } from "./view.ts";

export class Integration {
  readonly #state: ReplicaState;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  /** The server cannot go on from the checkpoint: everything is asked for anew; the outbox stays. */
  resync({ epoch, reason }: Resync): void {
    this.#state.subscriptions.reset();
    this.#state.checkpoint = 0;
    this.#state.epoch = epoch;
    if (reason !== "checkpoint-expired") {
      for (const { collection, id, values } of [...this.#state.view.allRows()]) {
        this.#state.view.setRow(collection, id, { at: 0, values });
        this.#state.pending.putRow({ collection, id, at: 0, values });
      }
      for (const mutation of [...this.#state.outbox.all()]) {
        // Offsets of another log say nothing about this one.
        this.#state.change({ ...mutation, seen: 0, offset: 0 });
      }
    }
    this.#state.pending.touchFacts();
    this.#state.emit({ type: "subscriptions-changed" });
  }

  /** Answers whether the delta joined, or was known already; one that does not join is not applied. */
  delta(delta: Delta): boolean {
    if (delta.subscription !== undefined) {
      this.#stageDelta(delta, delta.subscription);
      return true;
    }
    if (delta.to <= this.#state.checkpoint && delta.to !== delta.from) return true;
    if (delta.from !== this.#state.checkpoint) return false;
    for (const change of delta.changes) this.#apply(change);
    this.#state.checkpoint = delta.to;
    this.#state.pending.touchFacts();
    this.#state.forgetIntegrated();
    return true;
  }

  #apply(change: ChangeRow): void {
    const [, collection, id, at] = change;
    const row = this.#state.view.row(collection, id);
    if (row !== undefined && row.at >= at) return;
    if (change[0] === 0) this.#state.putRow(collection, id, at, change[4]);
    else if (change[0] === 1) {
      if (row !== undefined)
        this.#state.putRow(collection, id, at, this.#state.patched(collection, row.values, change[4]));
    } else {
      if (row !== undefined) this.#state.removeRow(collection, id);
      for (const mutation of this.#state.view.mutations(collection, id)) {
        if (mutation.state === "decided" && mutation.offset <= at) this.#state.forget(mutation);
      }
    }
  }

  /** A delta that completes a snapshot under way. */
  #stageDelta(delta: Delta, id: number): void {
    const staged = this.#state.subscriptions.byId(id)?.staged;
    if (staged === undefined || staged === null) return;
    for (const change of delta.changes) {
      const [, collection, entity, at] = change;
      const row = staged.rows.get(entity);
      if (row !== undefined && row.at >= at) continue;
      if (change[0] === 0) staged.rows.set(entity, { at, values: change[4] });
      else if (change[0] === 1) {
        if (row !== undefined) {
          staged.rows.set(entity, { at, values: this.#state.patched(collection, row.values, change[4]) });
        }
      } else staged.rows.delete(entity);
    }
  }

  /** Of the subscriptions that `hello` named, all but those in `whole` start over: what is held of them is out of date. */
  startOver(whole: readonly number[]): void {
    const goesOn = new Set(whole);
    let changed = false;
    for (const subscription of this.#state.subscriptions.all) {
      if (subscription.key === null || goesOn.has(subscription.id)) continue;
      subscription.key = null;
      changed = true;
    }
    if (changed) this.#state.emit({ type: "subscriptions-changed" });
  }

  snapshotStart({ subscription: id, key }: SnapshotStart): void {
    const subscription = this.#state.subscriptions.byId(id);
    if (subscription !== undefined) subscription.staged = { key, rows: new Map() };
  }

  rows(message: Rows): void {
    for (const subscription of this.#state.subscriptions.all) {
      if (subscription.collection !== message.collection || subscription.staged === null) continue;
      for (const [id, at, values] of message.rows) subscription.staged.rows.set(id, { at, values });
    }
  }

  /** The snapshot is whole: its rows come into view at once, and what it lacks leaves. */
  snapshotEnd({ subscription: id, offset }: SnapshotEnd): void {
    const subscription = this.#state.subscriptions.byId(id);
    const staged = subscription?.staged;
    if (subscription === undefined || staged === undefined || staged === null) return;
    const { collection } = subscription;
    subscription.staged = null;
    subscription.key = staged.key;
    if (this.#state.view.rows(collection).size === 0 && this.#state.view.has(collection)) {
      this.#state.adoptRows(collection, staged.rows);
    } else this.#bring(subscription, staged.rows);
    this.#state.checkpoint = Math.max(this.#state.checkpoint, offset);
    this.#state.forgetIntegrated();
    this.#state.pending.touchFacts();
    this.#state.emit({ type: "subscriptions-changed" });
  }

  #bring(subscription: Subscription, rows: ReadonlyMap<EntityId, ConfirmedRow>): void {
    const { collection } = subscription;
    for (const [entity, row] of rows) {
      const known = this.#state.view.row(collection, entity);
      if (known === undefined || known.at < row.at) this.#state.putRow(collection, entity, row.at, row.values);
    }
    this.#sweep(subscription, rows);
  }

  /** Removes rows that the subscription would have brought if they still were in view. */
  #sweep(subscription: Subscription, brought: ReadonlyMap<EntityId, unknown>): void {
    const { collection } = subscription;
    const columns = this.#state.view.columns(collection);
    const own = compileFilter(subscription.filter, columns);
    for (const [id, row] of [...this.#state.view.rows(collection)]) {
      if (brought.has(id)) continue;
      const values = this.#state.whole(collection, row.values);
      if (own(id, values) || !this.#state.wants(collection, id, values)) this.#state.removeRow(collection, id);
    }
  }
}
