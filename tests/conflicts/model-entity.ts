/** What the reference model knows: entities with their fields, reviews, and what becomes of a mutation. */
import type { JsonObject, JsonValue } from "@tidelock/core";
import { type Author, type Deed, type Ruling, saw, type Side, type Standing, type Writers } from "./model-field.ts";
import type { ListDeed, SetDeed } from "./model-merge.ts";
import { COLLECTIONS } from "./model-words.ts";

/** A mutation as it reached the server. */
export interface Said {
  readonly device: string;
  readonly user: string;
  readonly role: string | null;
  readonly counter: number;
  readonly operation: string;
  readonly collection: string;
  readonly entity: string;
  readonly fields: JsonObject;
  /** As the device made it. */
  readonly stamp: bigint;
  /** Turns up to this one had been seen. */
  readonly horizon: number;
}

/** What only the engine knows. */
export interface Learned {
  /** The ids of the entities that this turn created, in order; none when it was refused. */
  readonly created: readonly string[];
  readonly review: (collection: string, entity: string, field: string | null) => string;
}

export interface Verdict {
  readonly outcome: "applied" | "merged" | "in-review" | "rejected";
  readonly code: string | null;
  /** What the events say; the author of a decision is told nothing of them. */
  readonly rulings: readonly Ruling[];
}

/** One field of one entity. */
export interface Cell {
  readonly value: JsonValue;
  readonly writers: Writers;
  readonly standing?: Standing;
  readonly deeds?: readonly SetDeed[];
  readonly steps?: readonly ListDeed[];
}

export interface Entity {
  readonly collection: string;
  readonly id: string;
  readonly isThere: boolean;
  readonly cells: ReadonlyMap<string, Cell>;
  readonly deletion: { readonly by: Deed; readonly stamp: bigint } | null;
  /** The reviews that it waits for, by field; `*`: the entity itself. */
  readonly waits: ReadonlyMap<string, string>;
  /** Everybody who wrote to it, whether their values stand or not. */
  readonly updates: readonly Update[];
  /** The turn that made it. */
  readonly since: number;
}

export interface Update extends Deed {
  /** Whether a value of it lost, waits, was there already, or was replaced by somebody who had not seen it. */
  readonly isQuiet: boolean;
}

export interface Candidate extends Side {
  /** Whose it is; of those who put it forward it is known what they had seen. */
  readonly by: Deed & Partial<Author>;
}

export interface Review {
  readonly id: string;
  readonly collection: string;
  readonly entity: string;
  readonly field: string | null;
  readonly policy: string;
  readonly version: number;
  readonly base: JsonValue | undefined;
  readonly candidates: readonly Candidate[];
  /** What people may change: assignee, note, due, onExpiry. */
  readonly notes: ReadonlyMap<string, Standing>;
  readonly since: number;
  /** The turn that closed it; 0 while it is open. */
  readonly closed: number;
  readonly outcome: {
    readonly kind: "pick" | "edit" | "expired" | "deleted";
    readonly candidate: string | null;
    readonly value: JsonValue;
    readonly user: string;
    readonly device: string;
  } | null;
}

/**
 * What the engine is known to do otherwise, so that the histories find what is not known. Each has a test that is to be done.
 * `F8d`: what a call met counts as seen by the later mutations of its device.
 */
export const OPEN_FINDINGS: ReadonlySet<"F8d"> = new Set(["F8d"]);

/** The last write of a field. */
export function sideOf({ writers, value }: Cell): Side {
  const { device, counter, stamp } = writers.at(-1) as Deed;
  return { device, counter, stamp, value };
}

/** What of an entity somebody had not seen: the values, and the last who wrote to it. */
export function unseenBy(author: Author, { cells, collection, updates }: Entity): Side | null {
  const values: Array<readonly [string, JsonValue]> = [];
  let last: Deed | null = null;
  for (const [name, { value, writers }] of cells) {
    const writer = writers.findLast((each) => !saw(author, each));
    if (writer === undefined) continue;
    values.push([name, value]);
    if (last === null || writer.event > last.event) last = writer;
  }
  // Where deletes win anyway, what did not stand is in its own record. Elsewhere a write counts though it lost.
  const counting = COLLECTIONS[collection]?.onDelete === "delete-wins" ? [] : updates;
  const update = counting.findLast((each) => !saw(author, each));
  if (
    update !== undefined &&
    (last === null || update.event > last.event || (update.event === last.event && update.isQuiet))
  )
    last = update;
  if (last === null) return null;
  const { device, counter, stamp } = last;
  return { device, counter, stamp, value: Object.fromEntries(values) };
}
