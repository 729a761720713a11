/**
 * What a device must show: the log at the device's checkpoint, within what it holds whole, and over it the device's own
 * mutations that the log does not hold yet there, replayed in their order. Computed from the model and the ledger.
 */
import type { EntityId, Filter, Offset } from "@tidelock/core";
import type { Replica, StoredMutation } from "@tidelock/client/engine";
import type { Shown } from "./comparing.ts";
import type { Role } from "./domain.ts";
import type { Entry, Ledger } from "./ledger.ts";
import { type Item, shownList, shownSet } from "./merging.ts";
import { inScope, type Model, type Scope } from "./model.ts";
import { callEffects } from "./mutating.ts";
import { EVERYTHING, presets, reading, readings, renamed, REVIEWS, type Row } from "./readings.ts";
import { demand } from "./violation.ts";

/** A subscription that the replica keeps up, as the checks see it. */
export interface Held {
  readonly collection: string;
  readonly filter: Filter;
  /** Under which rights its rows were sent; `null` before the first snapshot. */
  rights: Rights | null;
  /** A snapshot under way will bring it under these rights. */
  staged: Rights | null;
  /** Given up, and not confirmed: until then its rows may stay, and may or may not be kept up to date. */
  ending: boolean;
}

/** Who a session speaks for. */
export interface Rights {
  readonly user: string;
  readonly role: Role;
}

/** An entity, or why nothing can be said of it: rows of a subscription that is not whole may be older. */
export type Expected = Shown | "unknown";

const NO_MARKS: ReadonlyMap<string, string> = new Map();

export class Expectation {
  readonly #model: Model;
  readonly #ledger: Ledger;
  readonly #replica: Replica;
  /** Who the device's user is, as far as the device knows. */
  readonly #user: string | null;
  readonly #offset: Offset;
  /** The subscriptions of each collection that are whole, as scopes; and whether some are not. */
  readonly #whole = new Map<string, Scope[]>();
  readonly #partial = new Set<string>();
  readonly #ending = new Set<string>();
  /** What the device's own mutations make of entities; `null` until somebody asks. */
  #written: Map<string, Row | null | "unknown"> | null = null;
  readonly #lingering = new Set<string>();

  constructor(model: Model, ledger: Ledger, replica: Replica, held: Iterable<Held>, user: string | null) {
    this.#model = model;
    this.#ledger = ledger;
    this.#replica = replica;
    this.#user = user;
    this.#offset = replica.checkpoint?.offset ?? 0;
    for (const name of EVERYTHING) this.#whole.set(name, []);
    for (const { collection, filter, rights, ending } of held) {
      if (ending) this.#ending.add(collection);
      else if (rights === null || !replica.isComplete(collection, filter)) this.#partial.add(collection);
      else this.#whole.get(collection)?.push({ collection, filter, ...rights });
    }
  }

  /** Whether everything that the replica keeps up is whole. While it is not, decided mutations may stay in the outbox. */
  get isWhole(): boolean {
    return this.#partial.size === 0;
  }

  /**
   * `pending`: the log at the checkpoint does not speak for it, as far as the device can know. `lingering`: it does, but
   * the device may go on showing it until everything is whole.
   */
  standing(entry: Entry): "pending" | "lingering" | "done" {
    if (entry.intent.operation === "void") return "done";
    if (entry.state === "rejected" || entry.state === "discarded" || entry.integrated) return "done";
    if (entry.state === "queued") return "pending";
    const receipt = this.#model.receipt(this.#ledger.device, entry.counter);
    // Without a result the device does not know where the log has it, and shows what the log says.
    if (!entry.pruned && (receipt === undefined || receipt.offset > this.#offset)) return "pending";
    entry.integrated = this.isWhole;
    return this.isWhole ? "done" : "lingering";
  }

  of(collection: string, id: string): Expected {
    const row = this.#rowOf(collection, id);
    if (row === "unknown") return row;
    return { row, marks: this.#confirmed(collection, id)?.marks ?? NO_MARKS };
  }

  #rowOf(collection: string, id: string): Row | null | "unknown" {
    const written = this.#replayed().get(`${collection}/${id}`);
    return written === undefined ? this.#base(collection, id) : written;
  }

  /** What the log at the checkpoint says, if the device holds it. */
  #confirmed(collection: string, id: string): Shown | null {
    const shown = this.#model.shownAt(collection, id, this.#offset);
    const { row } = shown;
    if (row === null) return null;
    return (this.#whole.get(collection) ?? []).some((scope) => inScope(scope, id, row)) ? shown : null;
  }

  #base(collection: string, id: string): Row | null | "unknown" {
    const confirmed = this.#confirmed(collection, id);
    if (confirmed !== null) return confirmed.row;
    const isOpen = this.#partial.has(collection) || this.#ending.has(collection);
    return isOpen || this.#lingering.has(`${collection}/${id}`) ? "unknown" : null;
  }

  // ── the device's own mutations ───────────────────────────────────────────────────────────────────────────────────

  #replayed(): ReadonlyMap<string, Row | null | "unknown"> {
    if (this.#written !== null) return this.#written;
    const written = new Map<string, Row | null | "unknown">();
    this.#written = written;
    const outbox = new Map(this.#replica.outbox.map((mutation) => [mutation.counter, mutation]));
    const pending: Entry[] = [];
    for (const entry of this.#ledger.entries.values()) {
      const standing = this.standing(entry);
      if (standing === "pending") pending.push(entry);
      if (standing === "lingering") for (const key of this.#keysOf(entry, outbox)) this.#lingering.add(key);
    }
    for (const entry of pending.sort((left, right) => left.counter - right.counter)) {
      for (const effect of this.#effectsOf(entry, outbox.get(entry.counter))) {
        const key = `${effect.collection}/${effect.entity}`;
        const before = this.#rowOf(effect.collection, effect.entity);
        if (before === "unknown" || effect.isUnsure) written.set(key, "unknown");
        else written.set(key, replay(before, effect));
      }
    }
    return written;
  }

  #known(id: string): string {
    return this.#ledger.assigned.get(id) ?? id;
  }

  #keysOf({ intent, made, counter }: Entry, outbox: ReadonlyMap<number, StoredMutation>): readonly string[] {
    const effects = outbox.get(counter)?.effects ?? made.effects;
    if (effects === undefined) return [`${intent.collection}/${this.#known(made.entity)}`];
    return effects.map(({ collection, entity }) => `${collection}/${this.#known(entity)}`);
  }

  *#effectsOf(entry: Entry, held: StoredMutation | undefined): Iterable<Effect> {
    const { intent, made, state, fates } = entry;
    const { operation, collection } = intent;
    if (operation === "call" && state === "queued") return yield* this.#call(entry, held);
    if (operation === "call" || operation === "decide") {
      for (const effect of (held ?? made).effects ?? []) {
        const entity = this.#known(effect.entity);
        yield { ...effect, entity, fields: this.#renamed(effect.collection, effect.fields), isUnsure: false };
      }
      return;
    }
    if (state === "decided" && fates.has(null)) return;
    const fields = Object.entries(this.#renamed(collection, made.fields)).flatMap(
      ([name, value]): Array<[string, unknown]> => {
        const fate = state === "decided" ? fates.get(name) : undefined;
        const isField = collection === REVIEWS || reading(collection, name) !== undefined;
        if (!isField || fate === "gone") return [];
        return [[name, fate === undefined ? value : fate.value]];
      },
    );
    yield {
      operation,
      collection,
      entity: this.#known(made.entity),
      fields: Object.fromEntries(fields),
      isUnsure: false,
    };
  }

  #renamed(collection: string, fields: Row): Row {
    return renamed(collection, fields, (id) => this.#known(id));
  }

  /** A call that is not decided runs again on what the device shows without it and what came after it. */
  *#call({ intent, made, counter }: Entry, held: StoredMutation | undefined): Iterable<Effect> {
    const which = `the call ${counter} of ${this.#ledger.device}`;
    let isUnsure = false;
    const effects = callEffects(intent.collection, this.#renamed(intent.collection, made.fields), {
      get: (collection, id) => {
        const row = this.#rowOf(collection, this.#known(id));
        if (row === "unknown") isUnsure = true;
        return row === "unknown" ? null : row;
      },
      ...{ user: this.#user, role: null, location: "device" },
    });
    const shown = held?.effects ?? [];
    if (isUnsure) {
      for (const effect of shown) yield { ...effect, entity: this.#known(effect.entity), isUnsure };
      return;
    }
    const writes = "refused" in effects ? [] : effects.writes;
    demand(shown.length === writes.length, "rebase", () => {
      return `${which} writes ${JSON.stringify(shown)} instead of ${JSON.stringify(effects)}`;
    });
    const ids = shown.filter(({ operation }) => operation === "create").map(({ entity }) => this.#known(entity));
    for (const [index, write] of writes.entries()) {
      const entity = typeof write.entity === "number" ? ids[write.entity] : write.entity;
      const named = write.operation === "create" ? shown[index]?.entity : entity;
      const fields = renamed(write.collection, write.fields, (id) =>
        id.startsWith("made ") ? (ids[Number(id.slice(5))] ?? id) : id,
      );
      yield { ...write, entity: this.#known(named ?? ""), fields, isUnsure };
    }
  }

  /** Every entity that must be seen, and what of it; those of which nothing can be said are left out. */
  all(): Map<string, Shown> {
    const rows = new Map<string, Shown>();
    const note = (collection: string, id: string): void => {
      const expected = this.of(collection, id);
      if (expected !== "unknown" && expected.row !== null) rows.set(`${collection}/${id}`, expected);
    };
    for (const collection of EVERYTHING) for (const { id } of this.#model.entities(collection)) note(collection, id);
    for (const key of this.#replayed().keys()) note(...splitKey(key));
    return rows;
  }

  /** What the replica shows of an entity, without its id. */
  seen(collection: string, id: string): Shown {
    const view = this.#replica.get(collection, id as EntityId);
    const marks = this.#replica.marks(collection, id as EntityId);
    if (view === null) return { row: null, marks };
    const { id: _id, ...row } = view;
    return { row, marks };
  }
}

interface Effect {
  readonly operation: string;
  readonly collection: string;
  readonly entity: string;
  readonly fields: Row;
  readonly isUnsure: boolean;
}

function replay(before: Row | null, { operation, collection, fields }: Effect): Row | null {
  if (operation === "delete") return null;
  if (operation !== "create" && before === null) return null;
  const row: Record<string, unknown> = { ...(before ?? emptyRow(collection)) };
  for (const [name, value] of Object.entries(fields)) row[name] = written(collection, name, row[name], value);
  return row;
}

function written(collection: string, name: string, old: unknown, change: unknown): unknown {
  switch (reading(collection, name)?.settling.by) {
    case "set":
      return shownSet(old as readonly string[], change);
    case "list":
      return shownList(old as readonly Item[], change);
    case "counter":
      // What is no addition adds nothing; it is about to be refused.
      return Number(old) + ((change as { readonly add?: number }).add ?? 0);
    default:
      return change;
  }
}

function emptyRow(collection: string): Row {
  const names = Object.keys(readings(collection));
  return { ...Object.fromEntries(names.map((name) => [name, null])), ...presets(collection) };
}

export function splitKey(key: string): readonly [string, string] {
  const slash = key.indexOf("/");
  return [key.slice(0, slash), key.slice(slash + 1)];
}
