/**
 * The view: what an application sees. Confirmed rows, as the server sent them, and over them the outbox, replayed: the
 * optimistic state. Nothing is ever merged into the confirmed rows by the device itself, so taking a mutation back is
 * leaving it out.
 *
 * What stays true: a view keeps its identity while nothing in it changes; a mutation that is in the confirmed row already
 * is not replayed on it again.
 */
import {
  assert,
  type CollectionSchema,
  type Counter,
  type EntityId,
  type JsonObject,
  type JsonValue,
  type Offset,
  type Schema,
} from "@tidelock/core";
import type { StoredMutation, StoredRow } from "./records.ts";

/** An entity as an application reads it: its id and its fields. */
export type EntityView = Readonly<{ id: EntityId }> & JsonObject;

export interface ConfirmedRow {
  readonly at: Offset;
  readonly values: readonly JsonValue[];
}

interface CollectionState {
  readonly schema: CollectionSchema;
  columns: readonly string[];
  /** For each field of the schema, its position in a row; -1 when the server has no such column. */
  positions: readonly number[];
  rows: Map<EntityId, ConfirmedRow>;
  /** Mutations of each entity, in counter order. */
  readonly overlay: Map<EntityId, StoredMutation[]>;
  readonly views: Map<EntityId, EntityView | null>;
}

export class View {
  readonly #collections = new Map<string, CollectionState>();

  constructor(schema: Schema) {
    for (const collection of schema.collections.values()) {
      const columns = collection.fields.map((field) => field.name);
      this.#collections.set(collection.name, {
        schema: collection,
        columns,
        positions: columns.map((_, index) => index),
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
      if (state === undefined || state.columns.join() === list.join()) continue;
      state.columns = list;
      state.positions = state.schema.fields.map((field) => list.indexOf(field.name));
      state.views.clear();
      changed = true;
    }
    return changed;
  }

  columns(collection: string): readonly string[] {
    return this.#collections.get(collection)?.columns ?? [];
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

  /** Replays a mutation on its entity, after those that are there. */
  addMutation(mutation: StoredMutation): void {
    const state = this.#collections.get(mutation.collection);
    if (state === undefined) return;
    const list = state.overlay.get(mutation.entity);
    if (list === undefined) state.overlay.set(mutation.entity, [mutation]);
    else list.push(mutation);
    state.views.delete(mutation.entity);
  }

  /** Replaces a mutation by what it has become: decided, or with fewer fields. The entity stays the same. */
  replaceMutation(mutation: StoredMutation): void {
    const state = this.#collections.get(mutation.collection);
    const list = state?.overlay.get(mutation.entity);
    const index = list?.findIndex((known) => known.counter === mutation.counter) ?? -1;
    if (state === undefined || list === undefined || index < 0) return;
    list[index] = mutation;
    state.views.delete(mutation.entity);
  }

  removeMutation(collection: string, entity: EntityId, counter: Counter): void {
    const state = this.#collections.get(collection);
    const list = state?.overlay.get(entity);
    if (state === undefined || list === undefined) return;
    const rest = list.filter((mutation) => mutation.counter !== counter);
    if (rest.length === 0) state.overlay.delete(entity);
    else state.overlay.set(entity, rest);
    state.views.delete(entity);
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

function replay({ schema, positions, rows, overlay }: CollectionState, id: EntityId): EntityView | null {
  const row = rows.get(id);
  let view: Record<string, JsonValue> | null = null;
  if (row !== undefined) {
    view = { id };
    const { fields } = schema;
    for (let index = 0; index < fields.length; index++) {
      const field = fields[index];
      if (field === undefined) continue;
      const value = row.values[positions[index] ?? -1];
      view[field.name] = value === undefined ? (field.default ?? null) : value;
    }
  }
  for (const mutation of overlay.get(id) ?? []) {
    const known = mutation.state === "decided" && row !== undefined && mutation.offset <= row.at;
    if (!known) view = replayOne(schema, id, view, mutation);
  }
  return view as EntityView | null;
}

function replayOne(
  schema: CollectionSchema,
  id: EntityId,
  view: Record<string, JsonValue> | null,
  mutation: StoredMutation,
): Record<string, JsonValue> | null {
  if (mutation.operation === "delete") return null;
  if (mutation.operation === "update" && view === null) return null;
  const next: Record<string, JsonValue> = view ?? { id };
  for (const field of schema.fields) {
    if (Object.hasOwn(mutation.fields, field.name)) next[field.name] = mutation.fields[field.name] ?? null;
    else if (view === null) next[field.name] = field.default ?? null;
  }
  return next;
}
