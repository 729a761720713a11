/** A collection's way to the fields that it has, as the engines know it: what became of its fields, version by version. */
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Filter } from "../filter/filter.ts";
import type { EntityId } from "../ids.ts";
import type { FieldValues, Operation } from "../mutation/mutation.ts";
import type { FieldSchema } from "./field.ts";

/** A renaming, or a change of values. */
export interface Lens {
  readonly from: readonly FieldSchema[];
  readonly to: readonly FieldSchema[];
  readonly isRename: boolean;
  /** What it answers is checked by who calls it. */
  readonly up: (values: JsonObject) => unknown;
  readonly down: (values: JsonObject) => unknown;
}

/** A new field, and its value in an entity of the version before. */
export interface Addition {
  readonly field: FieldSchema;
  readonly up: (entity: JsonObject) => unknown;
}

/** A collection's way from one version to the next. */
export interface Step {
  /** The version that it leads to. */
  readonly version: number;
  readonly lenses: readonly Lens[];
  readonly removed: readonly FieldSchema[];
  readonly added: readonly Addition[];
  /** The fields of the version before; new ones that have a default are among them. */
  readonly before: readonly FieldSchema[];
}

export interface Evolution {
  /** Oldest first; only versions in which something became of a field. */
  readonly steps: readonly Step[];
  /** The step from the version before to this one; `null` when nothing became of its fields then. */
  readonly lastStep: Step | null;
  /** The fields that `lastStep` left behind: columns that the server keeps for applications of the version before. */
  readonly legacy: readonly FieldSchema[];
  /** Adds to some values of an entity, by name, those that follow from them in any version. `failed` hears what did not. */
  readonly fillIn: (known: Map<string, JsonValue>, failed?: (problem: string) => void) => Map<string, JsonValue>;
}

const UNCHANGED: Evolution = { steps: [], lastStep: null, legacy: [], fillIn: (known) => known };

/** The way of a collection; that of one that always had these fields is none. */
export function evolutionOf({ evolution }: { readonly evolution?: Evolution }): Evolution {
  return evolution ?? UNCHANGED;
}

/** Fields of the version before that this one no longer has. */
export function legacyOf({ lenses, removed }: Step): readonly FieldSchema[] {
  return [...lenses.flatMap(({ from }) => from), ...removed];
}

/** Fields that the version before did not have, as far as a step says. */
export function introducedBy({ lenses, added }: Step): readonly FieldSchema[] {
  return [...lenses.flatMap(({ to }) => to), ...added.map(({ field }) => field)];
}

// ── what an older application has left on its device ─────────────────────────────────────────────────────────────────

/** One write of one entity. */
export interface LeftWrite {
  readonly operation: Operation;
  readonly collection: string;
  readonly entity: EntityId;
  readonly fields: FieldValues;
}

/** A mutation of its outbox. */
export interface LeftMutation extends LeftWrite {
  readonly remaining: number;
  readonly state: "queued" | "decided" | "rejected";
  /** What a call or a decision shows there. */
  readonly effects?: readonly LeftWrite[];
  /** What a decided one shows in place of `fields`. */
  readonly shown?: FieldValues;
}

/** All that it holds; rows have their values in the order of `columns`. */
export interface Left<Mutation extends LeftMutation> {
  readonly columns: Readonly<Record<string, readonly string[]>>;
  readonly rows: Iterable<{
    readonly collection: string;
    readonly id: EntityId;
    readonly values: readonly JsonValue[];
  }>;
  /** In their order. */
  readonly mutations: readonly Mutation[];
}

/** What became of a mutation. */
export interface Upgraded<Mutation extends LeftMutation> {
  readonly before: Mutation;
  /** In the words of this version; as it was where there is a `problem`. */
  readonly mutation: Mutation;
  /** Why it, or another of its transaction, cannot be translated. */
  readonly problem: string | null;
  /** What it wrote to fields that no server takes any more. */
  readonly rest: FieldValues | null;
}

/** What a schema makes of what older versions of it have left. */
export interface SchemaMigrations {
  /** A filter with fields under the names that they have now. */
  readonly filter: (collection: string, filter: Filter, from: number) => Filter;
  readonly mutations: <Mutation extends LeftMutation>(
    left: Left<Mutation>,
    from: number,
  ) => ReadonlyArray<Upgraded<Mutation>>;
}
