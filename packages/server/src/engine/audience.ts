/**
 * Audiences: what a set of sessions may see, and what a run of events means to them. Sessions whose subscriptions admit
 * the same rows share one audience, and so one delta and one frame.
 *
 * What stays true: whether an entity was and is in view is told from the events alone, so the answer is the same live,
 * from the tail, and from the log years later. An entity that was never in view is never named.
 */
import {
  type ChangeRow,
  type CollectionSchema,
  type Columns,
  completeRow,
  compileFilter,
  type DomainEvent,
  type EntityId,
  type Filter,
  filterKey,
  fingerprint,
  isEverything,
  type JsonValue,
  type Matcher,
  type Offset,
} from "@tidelock/core";

/** One subscription's view: a collection, and the filter that is both wanted and allowed. */
export interface View {
  readonly collection: string;
  /** What was asked for; `filter` is that within what the read rule allows. */
  readonly wanted: Filter;
  readonly filter: Filter;
  /** The collection and the canonical text of the filter: equal names, equal views. */
  readonly name: string;
  /** What the device calls the view: opaque, and not to be relied on for what somebody may see. */
  readonly key: string;
  readonly matches: Matcher;
}

/** @param columns where rows hold their values; a row stored before the last of them existed has their defaults */
export function makeView(schema: CollectionSchema, wanted: Filter, filter: Filter, columns: Columns): View {
  const name = `${schema.name} ${filterKey(filter)}`;
  const view = { collection: schema.name, wanted, filter, name, key: `${schema.name}:${fingerprint(name)}` };
  if (isEverything(filter)) return { ...view, matches: matchAll };
  const matches = compileFilter(filter, columns);
  return { ...view, matches: (id, values) => matches(id, completeRow(values, columns, schema)) };
}

const matchAll: Matcher = () => true;

/** What some sessions see: the union of their views, by collection. */
export class Audience {
  readonly key: string;
  readonly #views = new Map<string, Matcher[]>();

  constructor(key: string, views: Iterable<View>) {
    this.key = key;
    for (const view of views) {
      const matchers = this.#views.get(view.collection) ?? [];
      if (view.matches === matchAll) matchers.unshift(matchAll);
      else matchers.push(view.matches);
      this.#views.set(view.collection, matchers);
    }
  }

  /** The key of a set of views, whatever their order. */
  static keyOf(views: Iterable<View>): string {
    return [...new Set([...views].map((view) => view.name))].sort().join("\n");
  }

  /** Whether the audience sees anything of a collection. */
  sees(collection: string): boolean {
    return this.#views.has(collection);
  }

  #inView(collection: string, id: EntityId, row: readonly JsonValue[] | null): boolean {
    if (row === null) return false;
    const matchers = this.#views.get(collection);
    if (matchers === undefined) return false;
    for (const matches of matchers) if (matches(id, row)) return true;
    return false;
  }

  /**
   * What takes somebody who has seen everything before the first event to after the last: one change per entity.
   * `events` are consecutive and hold whole transactions. Entities in view whose values have not changed are left out,
   * unless they are to be named.
   */
  changes(
    events: readonly DomainEvent[],
    columnsOf: (collection: string) => Columns,
    unchanged: "leave-out" | "name" = "leave-out",
  ): ChangeRow[] {
    const touched = new Map<string, Touched>();
    for (const event of events) {
      if (!this.#views.has(event.collection)) continue;
      const columns = columnsOf(event.collection);
      const key = `${event.collection}/${event.entity}`;
      let entry = touched.get(key);
      if (entry === undefined) {
        entry = {
          last: event,
          before: this.#inView(event.collection, event.entity, rowBefore(event, columns)),
          changed: new Set(),
        };
        touched.set(key, entry);
      }
      entry.last = event;
      for (const name of event.changed) entry.changed.add(name);
    }
    const rows: ChangeRow[] = [];
    for (const { last, before, changed } of touched.values()) {
      const change = this.#change(last, before, changed, columnsOf(last.collection));
      if (change === null) continue;
      const isEmpty = change[0] === 1 && change[4].length === 0;
      if (!isEmpty || unchanged === "name") rows.push(change);
    }
    return rows;
  }

  #change(last: DomainEvent, before: boolean, changed: ReadonlySet<string>, columns: Columns): ChangeRow | null {
    const { collection, entity, offset, row } = last;
    const after = this.#inView(collection, entity, row);
    if (!after) return before ? [row === null ? 2 : 3, collection, entity, offset] : null;
    if (row === null) return null;
    if (!before) return [0, collection, entity, offset, row];
    const patch: JsonValue[] = [];
    for (const name of changed) {
      const position = columns.indexOf(name);
      patch.push(position, row[position] ?? null);
    }
    return [1, collection, entity, offset, patch];
  }
}

interface Touched {
  last: DomainEvent;
  readonly before: boolean;
  readonly changed: Set<string>;
}

/** The row as it was before an event; `null` when there was none. */
function rowBefore(event: DomainEvent, columns: Columns): readonly JsonValue[] | null {
  if (event.kind === "created") return null;
  if (event.kind === "deleted") return event.was;
  if (event.changed.length === 0) return event.row;
  const row = event.row === null ? [] : [...event.row];
  for (const [index, name] of event.changed.entries()) {
    const position = columns.indexOf(name);
    if (position >= 0) row[position] = event.was[index] ?? null;
  }
  return row;
}

/** The offset that a delta ends at when `events` were read after `from`. */
export function endOf(events: readonly DomainEvent[], from: Offset): Offset {
  return events.at(-1)?.offset ?? from;
}
