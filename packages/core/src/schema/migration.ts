/**
 * Migrations: what became of a collection's fields from one version of the schema to the next, declared beside the fields
 * that there are now. From it a server serves applications of this version and of the one before, and a device takes along
 * what an older application has left in its store.
 *
 *     export const schema = defineSchema({
 *       version: 2,
 *       collections: {
 *         tasks: collection({ title: field.string(), priority: field.integer(), size: field.integer() }),
 *       },
 *       migrations: migrations({
 *         2: {
 *           tasks: {
 *             renamed: { title: "name" },
 *             removed: { color: field.string().default("") },
 *             changed: [
 *               lens({
 *                 from: { urgent: field.boolean().default(false) },
 *                 to: { priority: field.integer() },
 *                 up: ({ urgent }) => ({ priority: urgent ? 3 : 1 }),
 *                 down: ({ priority }) => ({ urgent: priority >= 3 }),
 *               }),
 *             ],
 *             added: { size: (task) => String(task["name"]).length },
 *           },
 *         },
 *       }),
 *     });
 *
 * New fields with a default, or optional ones, need no migration. A name has one meaning for ever, because columns do: what
 * changes its values gets another name, and a name that is gone does not come back. Collections keep their names.
 */
import { canonicalJson, type JsonObject, type JsonValue } from "../base/json.ts";
import { buildField, invalid, shapeOf } from "./build-field.ts";
import type { CollectionSchema } from "./collection-schema.ts";
import { type Addition, type Evolution, legacyOf, type Lens, type SchemaMigrations, type Step } from "./evolution.ts";
import { fillIn } from "./evolve.ts";
import { type Field, type Fields, type FieldSchema, isFieldName, isMerged } from "./field.ts";
import { upgradesOf } from "./upgrade.ts";

type ValueOf<Declared> = Declared extends Field<infer Value, boolean, infer _> ? Value : never;
/** The values of some fields, by name. */
export type ValuesOf<Shape extends Fields> = { readonly [Name in keyof Shape]: ValueOf<Shape[Name]> };

/** Fields whose values became those of other fields. */
export interface LensDeclaration {
  readonly from: Fields;
  readonly to: Fields;
  up(values: JsonObject): unknown;
  down(values: JsonObject): unknown;
}

/** What became of one collection's fields in one version. */
export interface CollectionMigration {
  /** By its new name, what a field was called before. Nothing else about it changed. */
  readonly renamed?: Readonly<Record<string, string>>;
  /** Fields that are gone, as they were. Applications of the version before still read and write them. */
  readonly removed?: Fields;
  readonly changed?: readonly LensDeclaration[];
  /** New fields without default: their value in an entity of the version before, all of whose fields are given. */
  readonly added?: Readonly<Record<string, (entity: JsonObject) => JsonValue>>;
}

/** The migrations of a schema, by the version that they lead to, then by collection. */
export type Migrations<Name extends PropertyKey = string> = {
  readonly [version: number]: { readonly [Each in Name]?: CollectionMigration };
};

/**
 * Fields `from` of the version before became fields `to`. Both ways are pure functions; each gets and answers all of its
 * fields. What `up` makes of old values, `down` should make into the same again, or an old application sees its own writes
 * change. Where one side knows more, nothing is lost: an old value that is written as it already is leaves the new ones.
 */
export function lens<const From extends Fields, const To extends Fields>(declaration: {
  readonly from: From;
  readonly to: To;
  up(values: ValuesOf<From>): ValuesOf<To>;
  down(values: ValuesOf<To>): ValuesOf<From>;
}): LensDeclaration {
  return declaration;
}

/** The migrations of a schema, checked when the schema is declared. */
export interface DeclaredMigrations<Name extends PropertyKey = string> {
  readonly "~names"?: Name;
  /** Throws `schema-invalid` when one leads to no version of the schema, or is of no collection of it. */
  readonly "check": (newest: number, collections: readonly string[]) => void;
  /** A collection's way to its fields; nothing when it always had them. Throws `schema-invalid` when it does not lead there. */
  readonly "evolutionOf": (collection: string, fields: readonly FieldSchema[], newest: number) => Evolution | undefined;
  readonly "of": (collections: ReadonlyMap<string, CollectionSchema>, newest: number) => SchemaMigrations;
}

/** Migrations for `defineSchema`, by the version that they lead to. A schema that has none is lighter without this code. */
export function migrations<const Name extends string = never>(declared: Migrations<Name>): DeclaredMigrations<Name> {
  const byCollection = new Map<string, Map<number, CollectionMigration>>();
  for (const [version, step] of Object.entries<Migrations[number]>(declared)) {
    for (const [name, migration] of Object.entries(step)) {
      if (migration === undefined) continue;
      const known = byCollection.get(name) ?? new Map<number, CollectionMigration>();
      byCollection.set(name, known.set(Number(version), migration));
    }
  }
  return {
    check(newest, collections) {
      for (const [text, step] of Object.entries<Migrations[number]>(declared)) {
        const version = Number(text);
        if (!Number.isSafeInteger(version) || version < 2 || version > newest) {
          throw invalid(`there is a migration to version ${text}; migrations lead to versions from 2 to ${newest}`);
        }
        for (const name of Object.keys(step)) {
          if (collections.includes(name)) continue;
          throw invalid(`version ${text} migrates ${name}, which is not declared; a collection keeps its name`);
        }
      }
    },
    evolutionOf(collection, fields, newest) {
      const steps = buildSteps(collection, fields, byCollection.get(collection) ?? new Map());
      if (steps.length === 0) return undefined;
      const lastStep = steps.find(({ version }) => version === newest) ?? null;
      const legacy = lastStep === null ? [] : legacyOf(lastStep);
      return { steps, lastStep, legacy, fillIn: (known, failed) => fillIn(known, steps, failed) };
    },
    of: (collections, newest) => upgradesOf(collections, newest),
  };
}

/**
 * The steps of a collection, oldest first. Goes back from the fields that there are now, so that each step is checked
 * against the fields that it led to. Throws `schema-invalid` with what is wrong and in which version.
 */
function buildSteps(
  collection: string,
  current: readonly FieldSchema[],
  declared: ReadonlyMap<number, CollectionMigration>,
): readonly Step[] {
  const everNamed = new Set(current.map(({ name }) => name));
  let after = current;
  const steps: Step[] = [];
  for (const [version, migration] of [...declared].sort(([left], [right]) => right - left)) {
    const step = new StepBuilder(collection, version, after).build(migration);
    for (const { name } of legacyOf(step)) {
      if (everNamed.has(name)) {
        throw invalid(
          `${collection}.${name} was another field before version ${version}; a name has one meaning for ever`,
        );
      }
      everNamed.add(name);
    }
    if (legacyOf(step).length + step.added.length > 0) steps.unshift(step);
    after = step.before;
  }
  return steps;
}

/** One step, checked. Each new field comes from one place, each old one goes to one. */
class StepBuilder {
  readonly #collection: string;
  readonly #version: number;
  readonly #after: ReadonlyMap<string, FieldSchema>;
  /** New fields that are spoken for. */
  readonly #taken = new Set<string>();

  constructor(collection: string, version: number, after: readonly FieldSchema[]) {
    this.#collection = collection;
    this.#version = version;
    this.#after = new Map(after.map((field) => [field.name, field]));
  }

  build({ renamed = {}, removed = {}, changed = [], added = {}, ...rest }: CollectionMigration): Step {
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined) this.#fail(`knows renamed, removed, changed and added, not ${JSON.stringify(unknown)}`);
    const lenses = [
      ...Object.entries(renamed).map(([name, old]) => this.#rename(name, old)),
      ...changed.map((declared) => this.#lens(declared)),
    ];
    const gone = Object.entries(removed).map(([name, declared]) => this.#removal(name, declared));
    const additions = Object.entries(added).map(([name, up]) => this.#addition(name, up));
    const kept = [...this.#after.values()].filter(({ name }) => !this.#taken.has(name));
    const before = [...kept, ...lenses.flatMap(({ from }) => from), ...gone];
    return { version: this.#version, lenses, removed: gone, added: additions, before };
  }

  #rename(name: string, old: string): Lens {
    const field = this.#take(name);
    if (typeof old !== "string" || !isFieldName(old)) this.#fail(`says that ${name} was called ${JSON.stringify(old)}`);
    return {
      from: [{ ...field, name: old }],
      to: [field],
      isRename: true,
      up: (values) => ({ [name]: values[old] ?? null }),
      down: (values) => ({ [old]: values[name] ?? null }),
    };
  }

  #lens(declared: LensDeclaration): Lens {
    const from = Object.entries(declared.from).map(([name, field]) => buildField(this.#collection, name, field));
    const to = Object.entries(declared.to).map(([name, field]) => this.#same(name, field));
    const names = from.map(({ name }) => name).join(", ");
    if (from.length === 0 || to.length === 0) {
      this.#fail("has a lens without old or without new fields; a new field with nothing to come from is `added`");
    }
    for (const way of ["up", "down"] as const) {
      if (typeof declared[way] !== "function") this.#fail(`has a lens of ${names} that has no \`${way}\``);
    }
    const merged = [...from, ...to].find(isMerged);
    if (merged !== undefined) {
      this.#fail(`changes ${merged.name}, a ${merged.type}: what is merged by intent can be renamed or removed only`);
    }
    return {
      from,
      to,
      isRename: false,
      up: (values) => declared.up(values),
      down: (values) => declared.down(values),
    };
  }

  #removal(name: string, declared: Fields[string]): FieldSchema {
    const field = buildField(this.#collection, name, declared);
    if (field.default === undefined) {
      this.#fail(`removes ${name}, which has no default: older applications would find no value in newer entities`);
    }
    // Nobody reviews what is gone.
    return isMerged(field) ? field : { ...field, policy: { kind: "lww" } };
  }

  #addition(name: string, up: unknown): Addition {
    const field = this.#take(name);
    if (typeof up !== "function") {
      this.#fail(`adds ${name} without saying which value it has in older entities: give it a function, or a default`);
    }
    if (isMerged(field)) this.#fail(`adds ${name}, a ${field.type}, which has a value without that`);
    return { field, up: up as Addition["up"] };
  }

  /** A field as it is in this version, and that it was declared so. */
  #same(name: string, declared: Fields[string]): FieldSchema {
    const field = this.#take(name);
    const stated = buildField(this.#collection, name, declared);
    if (canonicalJson(shapeOf(stated)) !== canonicalJson(shapeOf(field))) {
      this.#fail(`has a lens to ${name} as another field than the one that version ${this.#version} has`);
    }
    return field;
  }

  #take(name: string): FieldSchema {
    const field = this.#after.get(name);
    if (field === undefined) this.#fail(`speaks of ${name}, which version ${this.#version} does not have`);
    if (this.#taken.has(name)) this.#fail(`says twice where ${name} comes from`);
    this.#taken.add(name);
    return field;
  }

  #fail(problem: string): never {
    throw invalid(`the migration of ${this.#collection} to version ${this.#version} ${problem}`);
  }
}
