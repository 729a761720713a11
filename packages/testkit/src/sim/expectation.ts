/**
 * What a device must show: the log at the device's checkpoint, within what it holds whole, and over it the device's own
 * mutations that the log does not hold yet there. Computed from the model and the ledger, entity by entity.
 */
import type { EntityId, Filter, Offset } from "@tidelock/core";
import type { Replica } from "@tidelock/client/engine";
import { COLLECTIONS, DEFAULTS, REFERENCES, REQUIRED, type Role, type Row } from "./domain.ts";
import type { Entry, Ledger } from "./ledger.ts";
import { inScope, type Model, type Scope } from "./model.ts";

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
export type Expected = { readonly row: Row | null } | "unknown";

export class Expectation {
  readonly #model: Model;
  readonly #ledger: Ledger;
  readonly #replica: Replica;
  readonly #offset: Offset;
  /** The subscriptions of each collection that are whole, as scopes; and whether some are not. */
  readonly #whole = new Map<string, Scope[]>();
  readonly #partial = new Set<string>();
  readonly #ending = new Set<string>();
  #pending: Map<string, Entry[]> | null = null;
  readonly #lingering = new Set<string>();

  constructor(model: Model, ledger: Ledger, replica: Replica, held: Iterable<Held>) {
    this.#model = model;
    this.#ledger = ledger;
    this.#replica = replica;
    this.#offset = replica.checkpoint?.offset ?? 0;
    for (const name of COLLECTIONS) this.#whole.set(name, []);
    for (const { collection, filter, rights, ending } of held) {
      if (ending) this.#ending.add(collection);
      else if (rights === null || !replica.isComplete(collection, filter)) this.#partial.add(collection);
      else this.#whole.get(collection)?.push({ collection, filter, ...rights });
    }
  }

  /** Mutations by the entity that they are about, in order, as the device knows its name. */
  get pending(): ReadonlyMap<string, readonly Entry[]> {
    if (this.#pending !== null) return this.#pending;
    const pending = new Map<string, Entry[]>();
    for (const entry of this.#ledger.entries.values()) {
      const standing = this.standing(entry);
      if (standing === "done") continue;
      const key = `${entry.intent.collection}/${this.#known(entry.made.entity)}`;
      if (standing === "lingering") {
        this.#lingering.add(key);
        continue;
      }
      const list = pending.get(key);
      if (list === undefined) pending.set(key, [entry]);
      else list.push(entry);
    }
    this.#pending = pending;
    return pending;
  }

  #known(id: string): string {
    return this.#ledger.assigned.get(id) ?? id;
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
    if (entry.state === "rejected" || entry.state === "discarded" || entry.integrated) return "done";
    if (entry.state === "queued") return "pending";
    const receipt = this.#model.receipt(this.#ledger.device, entry.counter);
    // Without a result the device does not know where the log has it, and shows what the log says.
    if (!entry.pruned && (receipt === undefined || receipt.offset > this.#offset)) return "pending";
    entry.integrated = this.isWhole;
    return this.isWhole ? "done" : "lingering";
  }

  of(collection: string, id: string): Expected {
    const scopes = this.#whole.get(collection) ?? [];
    const row = this.#model.rowAt(collection, id, this.#offset);
    const isHeld = row !== null && scopes.some((scope) => inScope(scope, id, row));
    const pending = this.pending.get(`${collection}/${id}`) ?? [];
    const isOpen = this.#partial.has(collection) || this.#ending.has(collection);
    if (!isHeld && (isOpen || this.#lingering.has(`${collection}/${id}`))) return "unknown";
    return { row: this.#replay(isHeld ? row : null, collection, pending) };
  }

  #replay(base: Row | null, collection: string, entries: readonly Entry[]): Row | null {
    let row = base;
    for (const { intent, made, state, lost } of entries) {
      if (intent.operation === "delete") row = null;
      else if (intent.operation === "create" || row !== null) {
        row = {
          ...(row ?? emptyRow(collection)),
          ...this.#visible(collection, made.fields, state === "decided" ? lost : NONE),
        };
      }
    }
    return row;
  }

  /** The fields that the collection has and that have not lost, with references under the names that the device knows. */
  #visible(collection: string, fields: Readonly<Record<string, unknown>>, lost: ReadonlySet<string | null>): Row {
    const references = REFERENCES[collection] ?? [];
    const shown = Object.entries(fields).filter(([name]) => {
      return (
        (Object.hasOwn(DEFAULTS[collection] ?? {}, name) || REQUIRED[collection]?.includes(name) === true) &&
        !lost.has(name) &&
        !lost.has(null)
      );
    });
    return Object.fromEntries(
      shown.map(([name, value]) => [
        name,
        references.includes(name) && typeof value === "string" ? this.#known(value) : value,
      ]),
    );
  }

  /** Every entity that must be seen, and what of it; those of which nothing can be said are left out. */
  all(): Map<string, Row> {
    const rows = new Map<string, Row>();
    for (const collection of COLLECTIONS) {
      for (const { id } of this.#model.entities(collection)) {
        const expected = this.of(collection, id);
        if (expected !== "unknown" && expected.row !== null) rows.set(`${collection}/${id}`, expected.row);
      }
    }
    for (const key of this.pending.keys()) {
      const [collection = "", id = ""] = splitKey(key);
      const expected = this.of(collection, id);
      if (expected !== "unknown" && expected.row !== null) rows.set(key, expected.row);
    }
    return rows;
  }

  /** What the replica shows of an entity, without its id. */
  seen(collection: string, id: string): Row | null {
    const view = this.#replica.get(collection, id as EntityId);
    if (view === null) return null;
    const { id: _id, ...row } = view;
    return row;
  }
}

const NONE: ReadonlySet<string | null> = new Set();

function emptyRow(collection: string): Row {
  return { ...Object.fromEntries((REQUIRED[collection] ?? []).map((name) => [name, null])), ...DEFAULTS[collection] };
}

export function splitKey(key: string): readonly [string, string] {
  const slash = key.indexOf("/");
  return [key.slice(0, slash), key.slice(slash + 1)];
}
