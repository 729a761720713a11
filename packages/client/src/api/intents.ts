/**
 * From what an application asks for to intents that a replica accepts: every name and value is checked here, so that a
 * write that cannot stand is refused at once, where the mistake is, and never waits in an outbox for the server to refuse it.
 * It knows the schema and makes ids; it does not know entities that already exist.
 */
import {
  argsProblem,
  changeProblem,
  type CollectionSchema,
  completeChange,
  type DeviceId,
  type EntityId,
  exceedsBytes,
  type FieldValues,
  isTemporaryId,
  initialChanges,
  type JsonObject,
  type JsonValue,
  MAX_MUTATION_BYTES,
  parseEntityId,
  type Schema,
  temporaryId,
  TidelockError,
  uuidv7,
} from "@tidelock/core";
import type { Intent } from "../engine/input.ts";
import type { System } from "../runtime/system.ts";

export type GivenValues = Readonly<Record<string, unknown>>;

/** Makes ids that no other device and no other run of this device makes. */
export class IdSource {
  readonly #system: System;
  readonly #device: () => DeviceId;
  #prefix = 0;
  #count = 0;

  constructor(system: System, device: () => DeviceId) {
    this.#system = system;
    this.#device = device;
  }

  next(schema: CollectionSchema): EntityId {
    if (schema.ids === "server") return temporaryId(this.#device(), this.#number());
    const id = parseEntityId(uuidv7(this.#system.now(), this.#system.randomBytes(10)));
    if (id === null) throw new TidelockError("internal", "a UUID must be an entity id");
    return id;
  }

  /** 32 random bits chosen by this run, then 21 bits that count: 53 bits, at most 11 characters in base 36. */
  #number(): number {
    if (this.#count === 0) {
      this.#prefix = this.#system.randomBytes(4).reduce((number, byte) => number * 256 + byte, 0);
    }
    this.#count = (this.#count + 1) % 2 ** 21;
    return this.#prefix * 2 ** 21 + this.#count;
  }
}

/** Throws `TidelockError` with `invalid-id`, `unknown-field`, `invalid-value` or `mutation-too-large`. */
export function createIntent(schema: CollectionSchema, values: GivenValues, ids: IdSource): Intent {
  const { id: given, ...rest } = values;
  const entity = given === undefined ? ids.next(schema) : givenId(schema, given);
  const fields = checkedFields(schema, initialChanges(schema, rest as JsonObject));
  for (const { name, default: preset } of schema.fields) {
    if (preset === undefined && !Object.hasOwn(fields, name)) {
      throw new TidelockError("invalid-value", `${schema.name}.${name} must be given`);
    }
  }
  return { operation: "create", collection: schema.name, entity, fields };
}

/** Throws like `createIntent`. */
export function updateIntent(schema: CollectionSchema, id: string, values: GivenValues): Intent {
  return {
    operation: "update",
    collection: schema.name,
    entity: knownId(schema, id),
    fields: checkedFields(schema, values),
  };
}

/** Throws `TidelockError` with `invalid-id`. */
export function deleteIntent(schema: CollectionSchema, id: string): Intent {
  return { operation: "delete", collection: schema.name, entity: knownId(schema, id), fields: {} };
}

/** A call of a mutator. Throws `TidelockError` with `unknown-mutator` or `invalid-value`. */
export function callIntent(schema: Schema, name: string, args: GivenValues): Intent {
  const mutator = schema.mutators.get(name);
  const entity = parseEntityId(name);
  if (mutator === undefined || entity === null)
    throw new TidelockError("unknown-mutator", `there is no mutator ${JSON.stringify(name)}`);
  const given = Object.entries(args).filter(([, value]) => value !== undefined);
  // Checked to be JSON next; copied, so that the caller may go on changing what is theirs.
  const fields = structuredClone(Object.fromEntries(given)) as FieldValues;
  const problem = argsProblem(mutator, fields);
  if (problem !== null) throw new TidelockError("invalid-value", problem);
  return { operation: "call", collection: name, entity, fields };
}

/** The id of an entity that is read or changed. */
export function knownId(schema: CollectionSchema, id: unknown): EntityId {
  const parsed = parseEntityId(id);
  if (parsed === null)
    throw new TidelockError("invalid-id", `${JSON.stringify(id)} cannot be the id of one of ${schema.name}`);
  return parsed;
}

function givenId(schema: CollectionSchema, given: unknown): EntityId {
  if (schema.ids === "server") {
    throw new TidelockError("invalid-id", `the server assigns the ids of ${schema.name}: leave the id out`);
  }
  const id = knownId(schema, given);
  if (isTemporaryId(id)) throw new TidelockError("invalid-id", `${id} has the form of a temporary id`);
  return id;
}

/** The values that are given, checked; those that are `undefined` are not there. */
export function checkedFields(schema: CollectionSchema, values: GivenValues): FieldValues {
  const fields: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const field = schema.byName.get(name);
    if (field === undefined) {
      throw new TidelockError("unknown-field", `${schema.name} has no field called ${JSON.stringify(name)}`);
    }
    const problem = changeProblem(field, value);
    if (problem !== null) throw new TidelockError("invalid-value", `${schema.name}.${name} ${problem}`);
    // Checked to be JSON; copied, so that the caller may go on changing what is theirs.
    fields[name] =
      typeof value === "object" && value !== null
        ? completeChange(field, structuredClone(value as JsonValue))
        : (value as JsonValue);
  }
  if (exceedsBytes(JSON.stringify(fields), MAX_MUTATION_BYTES)) {
    throw new TidelockError(
      "mutation-too-large",
      `the values for ${schema.name} have more than ${MAX_MUTATION_BYTES} bytes`,
    );
  }
  return fields;
}
