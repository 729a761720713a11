/**
 * The view: what an application sees. Confirmed rows, as the server sent them, and over them the outbox, replayed: the
 * optimistic state. Nothing is ever merged into the confirmed rows by the device itself, so taking a mutation back is
 * leaving it out.
 *
 * What stays true: a view keeps its identity while nothing in it changes; a mutation that is in the confirmed row already
 * is not replayed on it again.
 */
import {
  applyMutation,
  assert,
  type CollectionSchema,
  columnNames,
  completeRow,
  type Counter,
  type EntityId,
  type EntityValues,
  type JsonObject,
  type JsonValue,
  MARK,
  marksOf,
  type Offset,
  type Schema,
} from "@tidelock/core";
import type { StoredMutation, StoredRow } from "./records.ts";
import { entitiesOf, writesOn } from "./writes-of.ts";

/** An entity as an application reads it: its id and its fields. */
export type EntityView = Readonly<{ id: EntityId }> & JsonObject;

export interface ConfirmedRow {
  readonly at: Offset;
  readonly values: readonly JsonValue[];
}

interface CollectionState {
  readonly schema: CollectionSchema;
  /** The server's columns: rows hold their values in this order. */
  stored: readonly string[];
  /** Those, and behind them fields that the server has not named: the application is newer than what it last heard. */
  columns: readonly string[];
  /** For each field of the schema, its position in a row. */
  positions: readonly number[];
  rows: Map<EntityId, ConfirmedRow>;
  /** Position of the mark in a row; -1 when there is none. */
  mark: number;
  /** Mutations that write each entity, in counter order. */
  readonly overlay: Map<EntityId, StoredMutation[]>;
  readonly views: Map<EntityId, EntityView | null>;
}

export class View {
  readonly #collections = new Map<string, CollectionState>();

  constructor(schema: Schema) {
    for (const collection of schema.collections.values()) {
      const columns = columnNames(collection);
      this.#collections.set(collection.name, {
        schema: collection,
        stored: columns,
        columns,
        positions: collection.fields.map((_, index) => index),
        mark: columns.indexOf(MARK),
        rows: new Map(),
        overlay: new Map(),
        views: new Map(),
      });
    }
  }

  /** The order in which the server's rows hold their values. Answers whether an order changed. */
  setColumns(columns: Readonly<Record<string, readonly string[]>>): boolean {
    let changed = false;
    for (const [name, list] of Object.entries(columns)) {
      const state = this.#collections.get(name);
      if (state === undefined || state.stored.join() === list.join()) continue;
      const names = state.schema.fields.map((field) => field.name);
      state.stored = list;
      state.columns = [...list, ...names.filter((field) => !list.includes(field))];
      state.positions = names.map((field) => state.columns.indexOf(field));
      state.mark = list.indexOf(MARK);
      state.views.clear();
      changed = true;
    }
    return changed;
  }

  /** Where a whole row holds its values. */
  columns(collection: string): readonly string[] {
    return this.#collections.get(collection)?.columns ?? [];
  }

  /** The part of the columns that the server has: rows are stored with these. */
  storedColumns(collection: string): readonly string[] {
    return this.#collections.get(collection)?.stored ?? [];
  }

  has(collection: string): boolean {
    return this.#collections.has(collection);
  }

  row(collection: string, id: EntityId): ConfirmedRow | undefined {
    return this.#collections.get(collection)?.rows.get(id);
  }

  rows(collection: string): ReadonlyMap<EntityId, ConfirmedRow> {
    return this.#collections.get(collection)?.rows ?? new Map();
  }

  *allRows(): Iterable<StoredRow> {
    for (const [collection, { rows }] of this.#collections) {
      for (const [id, row] of rows) yield { collection, id, ...row };
    }
  }

  setRow(collection: string, id: EntityId, row: ConfirmedRow): void {
    const state = this.#collections.get(collection);
    if (state === undefined) return;
    state.rows.set(id, row);
    state.views.delete(id);
  }

  /** The rows of a collection that has none; the map becomes the view's own. */
  adoptRows(collection: string, rows: Map<EntityId, ConfirmedRow>): void {
    const state = this.#collections.get(collection);
    if (state === undefined) return;
    assert(state.rows.size === 0, "rows are adopted by an empty collection");
    state.rows = rows;
    state.views.clear();
  }

  removeRow(collection: string, id: EntityId): void {
    const state = this.#collections.get(collection);
    state?.rows.delete(id);
    state?.views.delete(id);
  }

  /** Replays a mutation on what it writes, in its place among the others. */
  addMutation(mutation: StoredMutation): void {
    for (const [collection, entity] of entitiesOf(mutation)) {
      const state = this.#collections.get(collection);
      if (state === undefined) continue;
      const list = state.overlay.get(entity);
      if (list === undefined) state.overlay.set(entity, [mutation]);
      else {
        let place = list.length;
        while (place > 0 && (list[place - 1]?.counter ?? 0) > mutation.counter) place -= 1;
        list.splice(place, 0, mutation);
      }
      state.views.delete(entity);
    }
  }

  /** @param mutation as it was added */
  removeMutation(mutation: StoredMutation): void {
    for (const [collection, entity] of entitiesOf(mutation)) {
      const state = this.#collections.get(collection);
      const list = state?.overlay.get(entity);
      if (state === undefined || list === undefined) continue;
      const rest = list.filter((other) => other.counter !== mutation.counter);
      if (rest.length === 0) state.overlay.delete(entity);
      else state.overlay.set(entity, rest);
      state.views.delete(entity);
    }
  }

  mutations(collection: string, entity: EntityId): readonly StoredMutation[] {
    return this.#collections.get(collection)?.overlay.get(entity) ?? [];
  }

  /** The entity as it is seen; `null` when there is none. The same object while it is the same. */
  get(collection: string, id: EntityId): EntityView | null {
    const state = this.#collections.get(collection);
    if (state === undefined) return null;
    const known = state.views.get(id);
    if (known !== undefined) return known;
    const view = replay(state, id);
    if (view !== null || state.rows.has(id) || state.overlay.has(id)) state.views.set(id, view);
    return view;
  }

  /** The entity as it was before a mutation: what a call that is run again may see. */
  before(collection: string, id: EntityId, counter: Counter): EntityValues | null {
    const state = this.#collections.get(collection);
    return state === undefined ? null : replay(state, id, counter);
  }

  /** The reviews that the entity waits for, by field, as the server last said. */
  marks(collection: string, id: EntityId): ReadonlyMap<string, EntityId> {
    const state = this.#collections.get(collection);
    const values = state?.rows.get(id)?.values;
    return marksOf(state === undefined || state.mark < 0 ? null : values?.[state.mark]);
  }

  /** The ids of all entities that are seen. */
  *ids(collection: string): Iterable<EntityId> {
    const state = this.#collections.get(collection);
    if (state === undefined) return;
    for (const id of state.rows.keys()) {
      if (!state.overlay.has(id) || this.get(collection, id) !== null) yield id;
    }
    for (const id of state.overlay.keys()) {
      if (!state.rows.has(id) && this.get(collection, id) !== null) yield id;
    }
  }
}

function replay(
  { schema, columns, positions, rows, overlay }: CollectionState,
  id: EntityId,
  before: Counter = Number.POSITIVE_INFINITY,
): EntityView | null {
  const row = rows.get(id);
  let view: EntityValues | null = null;
  if (row !== undefined) {
    view = { id };
    const values = schema.evolution === undefined ? row.values : completeRow(row.values, columns, schema);
    for (const [index, field] of schema.fields.entries()) {
      view[field.name] = values[positions[index] ?? -1] ?? field.default ?? null;
    }
  }
  for (const mutation of overlay.get(id) ?? []) {
    if (mutation.counter >= before) break;
    // What the confirmed row holds already is not replayed on it again.
    if (mutation.state === "decided" && row !== undefined && mutation.offset <= row.at) continue;
    for (const write of writesOn(mutation, schema.name, id)) view = applyMutation(schema, id, view, write);
  }
  return view as EntityView | null;
}
