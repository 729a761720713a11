/**
 * Migrations at work: values of the version before as values of this one, and back. The same functions run on the server
 * and on the device, so that both make the same of the same values.
 *
 * What stays true: nothing here throws for what a function of the application does; who asks learns what is wrong with it.
 * The functions are trusted to end, like rules of rights: they are asked for too many rows for what a watchdog costs.
 */
import { type JsonObject, type JsonValue, sameJson } from "../base/json.ts";
import type { Filter } from "../filter/filter.ts";
import type { FieldValues, Operation } from "../mutation/mutation.ts";
import { holdsReferences } from "../mutation/references.ts";
import { type FieldSchema, fieldProblem, isMerged } from "./field.ts";
import type { CollectionSchema } from "./collection-schema.ts";
import { evolutionOf, introducedBy, type Lens, type Step } from "./evolution.ts";

/** What a function of the application made, or what is wrong with it. */
export type Made = { readonly values: JsonObject } | { readonly problem: string };

/** The new values of a lens. */
export function raise({ from, to, up, isRename }: Lens, old: JsonObject): Made {
  if (isRename) return { values: up(old) as JsonObject };
  return made(() => up(old), to, `up of ${namesOf(from)}`);
}

/** The old values of a lens. */
export function lower({ from, down, isRename }: Lens, values: JsonObject): Made {
  if (isRename) return { values: down(values) as JsonObject };
  return made(() => down(values), from, `down to ${namesOf(from)}`);
}

function made(run: () => unknown, fields: readonly FieldSchema[], what: string): Made {
  let answer: unknown;
  try {
    answer = run();
  } catch (error) {
    return { problem: `${what} threw: ${error instanceof Error ? error.message : "something that is no error"}` };
  }
  const values: Record<string, JsonValue> = {};
  for (const field of fields) {
    const value = memberOf(answer, field.name);
    const problem = value === undefined ? "is missing" : fieldProblem(field, value);
    if (problem !== null) return { problem: `${what} failed: ${field.name} ${problem}` };
    // `fieldProblem` has seen that it is JSON.
    values[field.name] = value as JsonValue;
  }
  return { values };
}

function memberOf(answer: unknown, name: string): unknown {
  if (typeof answer !== "object" || answer === null || !Object.hasOwn(answer, name)) return undefined;
  return (answer as Readonly<Record<string, unknown>>)[name];
}

function namesOf(fields: readonly FieldSchema[]): string {
  return fields.map(({ name }) => name).join(", ");
}

// ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Adds to some values of an entity, by name, those that follow from them in any version. */
export function fillIn(
  known: Map<string, JsonValue>,
  steps: readonly Step[],
  failed: (problem: string) => void = () => {},
): Map<string, JsonValue> {
  // What is known of a new side is newer than what its old side says, so the way back comes first.
  for (const step of steps.toReversed()) {
    for (const lens of step.lenses) {
      if (lens.to.every(({ name }) => known.has(name)))
        fill(known, lens.to, lens.from, (now) => lower(lens, now), failed);
    }
  }
  for (const step of steps) {
    for (const lens of step.lenses) {
      const isKnown = lens.from.every(({ name, default: preset }) => known.has(name) || preset !== undefined);
      if (isKnown) fill(known, lens.from, lens.to, (old) => raise(lens, old), failed);
    }
    for (const { field, up } of step.added) {
      if (known.has(field.name)) continue;
      const made = add(field, up, entityBefore(step, Object.fromEntries(known)));
      if ("problem" in made) failed(made.problem);
      else known.set(field.name, made.values[field.name] ?? null);
    }
  }
  return known;
}

/** Adds what is not known of the fields `wanted`, as `make` makes them of others. */
function fill(
  known: Map<string, JsonValue>,
  given: readonly FieldSchema[],
  wanted: readonly FieldSchema[],
  make: (values: JsonObject) => Made,
  failed: (problem: string) => void,
): void {
  if (wanted.every(({ name }) => known.has(name))) return;
  const values = given.map(({ name, default: preset }): [string, JsonValue] => [
    name,
    known.get(name) ?? preset ?? null,
  ]);
  const made = make(Object.fromEntries(values));
  if ("problem" in made) return failed(made.problem);
  for (const [name, value] of Object.entries(made.values)) if (!known.has(name)) known.set(name, value);
}

function add(field: FieldSchema, up: (entity: JsonObject) => unknown, entity: JsonObject): Made {
  return made(() => ({ [field.name]: up(entity) }), [field], `up of the new field ${field.name}`);
}

/** An entity as the version before knew it: every field, with its default where nothing is known. */
function entityBefore({ before }: Step, values: FieldValues): JsonObject {
  return Object.fromEntries(
    before.map(({ name, default: preset }) => [
      name,
      Object.hasOwn(values, name) ? (values[name] ?? null) : (preset ?? null),
    ]),
  );
}

// ── writes ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Fields of a mutation in the words of the next version, or why there are none. */
export type Raised =
  | { readonly fields: FieldValues }
  | { readonly code: "migration-failed" | "invalid-value"; readonly message: string };

/** What a mutation of an application of the version before a step writes, in the words of the version that it leads to. */
export class FieldRaiser {
  readonly #collection: string;
  readonly #step: Step;

  constructor(collection: string, step: Step) {
    this.#collection = collection;
    this.#step = step;
  }

  /**
   * Renamed fields under their new names; nothing else. For what must be known of a mutation before its entity is: its
   * references.
   */
  rename(fields: FieldValues): FieldValues {
    const names = this.#newNames();
    if (!Object.keys(fields).some((name) => names.has(name))) return fields;
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [names.get(name) ?? name, value]));
  }

  /** Whether what is left to do needs to know the entity: fields of a lens are written. */
  needsEntity(operation: Operation, fields: FieldValues): boolean {
    return operation === "update" && this.#step.lenses.some((lens) => !lens.isRename && isWritten(lens, fields));
  }

  /**
   * The fields in the words of the next version. `entity` is what is known of the entity that an update changes, by the
   * names of both versions; an old field that is not written is taken from it.
   */
  raise(operation: Operation, fields: FieldValues, entity: ReadonlyMap<string, JsonValue> | null): Raised {
    if (operation !== "create" && operation !== "update") return { fields };
    const values = new Map(Object.entries(this.rename(fields)));
    for (const lens of this.#step.lenses) {
      if (lens.isRename || !(operation === "create" || isWritten(lens, fields))) continue;
      const made = this.#throughLens(lens, operation === "create" ? null : entity, operation, fields);
      if ("code" in made) return made;
      for (const { name } of lens.from) values.delete(name);
      for (const [name, value] of Object.entries(made.fields)) values.set(name, value);
    }
    if (operation === "create") {
      for (const { field, up } of this.#step.added) {
        if (values.has(field.name)) continue;
        const made = add(field, up, entityBefore(this.#step, fields));
        if ("problem" in made) return this.#failed(made.problem);
        values.set(field.name, made.values[field.name] ?? null);
      }
    }
    return { fields: Object.fromEntries(values) };
  }

  #throughLens(
    lens: Lens,
    entity: ReadonlyMap<string, JsonValue> | null,
    operation: Operation,
    fields: FieldValues,
  ): Raised {
    const old: Record<string, JsonValue> = {};
    for (const field of lens.from) {
      const { name } = field;
      const value = Object.hasOwn(fields, name) ? fields[name] : (entity?.get(name) ?? field.default);
      if (value === undefined && operation === "create")
        return { code: "invalid-value", message: `${this.#collection}.${name} must be given` };
      const problem = Object.hasOwn(fields, name) ? fieldProblem(field, value) : null;
      if (problem !== null) return { code: "invalid-value", message: `${this.#collection}.${name} ${problem}` };
      old[name] = value ?? null;
    }
    // Who writes what the new values say already leaves them as they are: they may say more.
    const current = entity === null ? null : valuesOf(lens.to, entity);
    const lowered = current === null ? null : lower(lens, current);
    if (current !== null && lowered !== null && "values" in lowered && sameJson(lowered.values, old))
      return { fields: current };
    const made = raise(lens, old);
    return "problem" in made ? this.#failed(made.problem) : { fields: made.values };
  }

  #newNames(): ReadonlyMap<string, string> {
    return renames(this.#step, "up");
  }

  #failed(problem: string): Raised {
    return {
      code: "migration-failed",
      message: `${this.#collection} from version ${this.#step.version - 1} to ${this.#step.version}: ${problem}`,
    };
  }
}

function isWritten({ from }: Lens, fields: FieldValues): boolean {
  return from.some(({ name }) => Object.hasOwn(fields, name));
}

/** The values of some fields; `null` unless all are known. */
function valuesOf(fields: readonly FieldSchema[], known: ReadonlyMap<string, JsonValue>): JsonObject | null {
  if (fields.some(({ name }) => !known.has(name))) return null;
  return Object.fromEntries(fields.map(({ name }) => [name, known.get(name) ?? null]));
}

/** The names that a step changed and nothing else about their fields: old to new, or new to old. */
export function renames({ lenses }: Step, way: "up" | "down"): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { isRename, from, to } of lenses) {
    const [old, now] = [from[0]?.name, to[0]?.name];
    if (!isRename || old === undefined || now === undefined) continue;
    names.set(way === "up" ? old : now, way === "up" ? now : old);
  }
  return names;
}

/** A filter with other names for fields. */
export function renameFilter(filter: Filter, names: ReadonlyMap<string, string>): Filter {
  const renamed = Object.entries(filter).map(([name, condition]): [string, Filter[string]] => {
    if (name === "and" || name === "or") {
      const parts = Array.isArray(condition) ? (condition as readonly Filter[]) : [];
      return [name, parts.map((part) => renameFilter(part, names))];
    }
    if (name === "not") return [name, renameFilter(condition as Filter, names)];
    return [names.get(name) ?? name, condition];
  });
  return Object.fromEntries(renamed);
}

// ── one version back ─────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Collections as a server has them, which also serves the version before: fields that are gone can be filtered by, and
 * those that were removed can still be written.
 */
export function servedCollections(
  collections: ReadonlyMap<string, CollectionSchema>,
): ReadonlyMap<string, CollectionSchema> {
  return new Map(
    [...collections].map(([name, schema]) => {
      const { legacy, lastStep } = evolutionOf(schema);
      if (legacy.length === 0) return [name, schema];
      const byName = new Map([...schema.byName, ...legacy.map((field) => [field.name, field] as const)]);
      const removed = lastStep?.removed ?? [];
      const references = [...schema.references, ...removed.filter(holdsReferences)];
      return [name, { ...schema, byName, references, hasMerged: schema.hasMerged || removed.some(isMerged) }];
    }),
  );
}

/** Values by field in the words of the version before: an entity, or those of its fields that somebody wrote. */
export function lowerValues(step: Step, values: JsonObject): JsonObject {
  const lowered = new Map(Object.entries(values));
  for (const { name } of introducedBy(step)) lowered.delete(name);
  for (const lens of step.lenses) {
    const known = valuesOf(lens.to, new Map(Object.entries(values)));
    const made = known === null ? null : lower(lens, known);
    if (made !== null && "values" in made) {
      for (const [name, value] of Object.entries(made.values)) lowered.set(name, value);
    }
  }
  return Object.fromEntries(lowered);
}
