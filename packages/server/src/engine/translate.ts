/**
 * Between versions: what devices of the version before say, in the words of this one, and what they are told, in theirs.
 *
 * What stays true: a mutation is translated before it is admitted, so that conflicts are found on the fields that there are
 * now; what cannot be translated is refused with its reason, which leaves it on its device. Devices of this version cannot
 * write what only follows from other fields.
 */
import {
  boundedMessage,
  type CollectionSchema,
  type Decision,
  type ErrorCode,
  evolutionOf,
  type FieldValues,
  FieldRaiser,
  introducedBy,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Lens,
  lower,
  lowerValues,
  type Mutation,
  type Operation,
  raise,
  type Raised,
  renames,
  type ResultDetail,
  type Schema,
  type Step,
} from "@tidelock/core";
import type { Pushed } from "./transaction.ts";
import { derivedFields } from "./upcast.ts";

/** What is known of an entity: values by name. */
export type Known = ReadonlyMap<string, JsonValue>;

/**
 * A mutation that says only a part of what its new fields follow from: it is translated when its entity is loaded. Until
 * then it names what it writes by the new names where fields were only renamed.
 */
export class Unfinished implements Pushed {
  readonly #pushed: Pushed;
  readonly #raise: (entity: Known | null) => Raised;
  #mutation: Mutation;
  #refused: ResultDetail | null;

  constructor(pushed: Pushed, raise: (entity: Known | null) => Raised) {
    this.#pushed = pushed;
    this.#raise = raise;
    this.#mutation = pushed.mutation;
    this.#refused = pushed.refused;
  }

  get mutation(): Mutation {
    return this.#mutation;
  }
  get seen(): Pushed["seen"] {
    return this.#pushed.seen;
  }
  get name(): string | null {
    return this.#pushed.name;
  }
  get assign(): boolean {
    return this.#pushed.assign;
  }
  get refused(): ResultDetail | null {
    return this.#refused;
  }

  /** Translates it, with the entity as it is when it is admitted; again when that has become another one. */
  finish(entity: Known | null): void {
    if (this.#pushed.refused !== null) return;
    const raised = this.#raise(entity);
    if ("code" in raised) this.#refused = refusalOf(raised.code, raised.message);
    else this.#mutation = { ...this.#pushed.mutation, fields: raised.fields };
  }
}

/** What is known of an entity after a mutation that has been translated. */
export function knownAfter(schema: CollectionSchema, entity: Known | null, { fields }: Mutation): Known {
  const { lastStep } = evolutionOf(schema);
  const known = new Map([...(entity ?? []), ...Object.entries(fields)]);
  const lowered = lastStep === null ? {} : lowerValues(lastStep, Object.fromEntries(known));
  return new Map([...known, ...Object.entries(lowered)]);
}

export class Translator {
  readonly #version: number;
  readonly #collections: ReadonlyMap<string, CollectionSchema>;
  /** Whether anything differs between the two versions. */
  readonly #isNeeded: boolean;

  constructor({ version, collections }: Schema) {
    this.#version = version;
    this.#collections = collections;
    this.#isNeeded = [...collections.values()].some((schema) => evolutionOf(schema).lastStep !== null);
  }

  /** @param version of the schema of its author */
  arrived(pushed: Pushed, version: number): Pushed {
    const { operation, collection, fields } = pushed.mutation;
    const schema = this.#isNeeded ? this.#collections.get(collection) : undefined;
    const step = schema?.evolution?.lastStep ?? null;
    if (schema === undefined || step === null || pushed.refused !== null || !isWrite(operation)) return pushed;
    const isOlder = version < this.#version;
    const foreign = (isOlder ? introducedBy(step) : derivedFields(schema)).find(({ name }) =>
      Object.hasOwn(fields, name),
    );
    if (foreign !== undefined) {
      return { ...pushed, refused: refusalOf("unknown-field", `${collection} has no field ${foreign.name}`) };
    }
    if (!isOlder) return pushed;
    const raiser = new FieldRaiser(collection, step);
    const renamed = { ...pushed, mutation: { ...pushed.mutation, fields: raiser.rename(fields) } };
    const raise = (entity: Known | null): Raised => raiser.raise(operation, fields, entity);
    if (raiser.needsEntity(operation, fields)) return new Unfinished(renamed, raise);
    const raised = raise(null);
    if ("code" in raised) return { ...pushed, refused: refusalOf(raised.code, raised.message) };
    return { ...pushed, mutation: { ...pushed.mutation, fields: raised.fields } };
  }

  /** Field values of a mutation under the names that its fields have now. */
  renamed(collection: string, fields: FieldValues, version: number): FieldValues {
    const step = this.#stepFor(collection, version);
    return step === null ? fields : new FieldRaiser(collection, step).rename(fields);
  }

  /** The fields that an application of a version knows of a collection. */
  fieldNames(collection: string, version: number): readonly string[] {
    const known = this.#stepFor(collection, version)?.before ?? this.#collections.get(collection)?.fields ?? [];
    return known.map(({ name }) => name);
  }

  /**
   * The detail of a result in the words of a version: this one's, also where it was recorded before; or those of the one
   * before. Without a collection, names that can mean one field only are translated.
   */
  detail(detail: ResultDetail, collection: string | null, version: number): ResultDetail {
    const { conflicts } = detail;
    if (conflicts === undefined || !this.#isNeeded) return detail;
    const words = version < this.#version ? loweredDecision : raisedDecision;
    const translated = conflicts.map((decision) => {
      const step = collection === null ? this.#onlyStep(decision.field) : this.#stepOf(collection);
      return step === null ? decision : words(decision, step);
    });
    return { ...detail, conflicts: translated };
  }

  #stepFor(collection: string, version: number): Step | null {
    return version < this.#version ? this.#stepOf(collection) : null;
  }

  #stepOf(collection: string): Step | null {
    return this.#collections.get(collection)?.evolution?.lastStep ?? null;
  }

  /** The step of the only collection that has, or had, a field of this name. */
  #onlyStep(field: string | null): Step | null {
    if (field === null) return null;
    const having = [...this.#collections.values()].filter(
      (schema) => schema.byName.has(field) || evolutionOf(schema).legacy.some(({ name }) => name === field),
    );
    return having.length === 1 ? (having[0]?.evolution?.lastStep ?? null) : null;
  }
}

function isWrite(operation: Operation): boolean {
  return operation === "create" || operation === "update";
}

function refusalOf(code: ErrorCode, message: string): ResultDetail {
  return { code, message: boundedMessage(message) };
}

// ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────────────

type OfValue = (value: JsonValue) => JsonValue;

/** A decision with another field, and every value in it as that field's. */
function reworded(decision: Decision, field: string | null, of: OfValue): Decision {
  const { base, current, incoming } = decision;
  return {
    ...decision,
    field,
    value: of(decision.value),
    ...(base === undefined ? {} : { base: of(base) }),
    current: { ...current, value: of(current.value) },
    incoming: { ...incoming, value: of(incoming.value) },
  };
}

function loweredDecision(decision: Decision, step: Step): Decision {
  const { field } = decision;
  if (field === null)
    return reworded(
      decision,
      null,
      ofObjects((values) => lowerValues(step, values)),
    );
  const lens = step.lenses.find(({ to }) => to.some(({ name }) => name === field));
  const [old] = lens?.from ?? [];
  return lens === undefined || old === undefined ? decision : reworded(decision, old.name, through(lens, "down"));
}

function raisedDecision(decision: Decision, step: Step): Decision {
  const { field } = decision;
  if (field === null) {
    const names = renames(step, "up");
    return reworded(
      decision,
      null,
      ofObjects((values) => withNames(values, names)),
    );
  }
  const lens = step.lenses.find(({ from }) => from.some(({ name }) => name === field));
  const [now] = lens?.to ?? [];
  return lens === undefined || now === undefined ? decision : reworded(decision, now.name, through(lens, "up"));
}

/** One value through a lens. Where several fields are needed for that, nothing can be said: `null`. */
function through(lens: Lens, way: "up" | "down"): OfValue {
  const { isRename, from, to } = lens;
  const [old, now] = [from[0]?.name ?? "", to[0]?.name ?? ""];
  return (value) => {
    if (isRename || value === null) return value;
    if (from.length > 1 || to.length > 1) return null;
    const made = way === "up" ? raise(lens, { [old]: value }) : lower(lens, { [now]: value });
    return "values" in made ? (made.values[way === "up" ? now : old] ?? null) : null;
  };
}

function ofObjects(change: (values: JsonObject) => JsonObject): OfValue {
  return (value) => (isJsonObject(value) ? change(value) : value);
}

function withNames(values: JsonObject, names: ReadonlyMap<string, string>): JsonObject {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [names.get(name) ?? name, value]));
}
