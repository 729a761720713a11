/**
 * Mutators: what a user intends, by name, where a difference of fields cannot carry it (`closeTask(id)`). The function runs
 * on the device at once, and on the server with the user's rights when the mutation arrives; what the server makes of it
 * stands. It must be a pure function of what it reads through `tx`, its arguments and its context.
 *
 *     export const schema = withMutators(tables, (mutator) => ({
 *       closeTask: mutator({
 *         args: { task: field.reference("tasks") },
 *         run(tx, { task }, { refuse }) {
 *           if (tx.tasks.get(task)?.blocked) refuse("the task is blocked");
 *           tx.tasks.update(task, { status: "closed" });
 *         },
 *       }),
 *     }));
 */
import { copiedJson, type JsonObject, type JsonValue } from "../base/json.ts";
import { fingerprint } from "../base/hash.ts";
import { TidelockError } from "../errors.ts";
import { type Counter, type DeviceId, type EntityId, isName, parseEntityId, uuidv7 } from "../ids.ts";
import { MAX_TRANSACTION_MUTATIONS } from "../limits.ts";
import { type FieldSchema, fieldProblem, isFieldName } from "../schema/field.ts";
import type { AnyField, CollectionName, CreateOf, EntityOf, Fields, Schema, UpdateOf } from "../schema/schema.ts";
import type { CollectionSchema } from "../schema/collection-schema.ts";
import type { MutatorContext, MutatorSchema } from "../schema/mutator-schema.ts";
import { type Stamp, stampMillis } from "../time/hlc.ts";
import { applyMutation, changeProblem, completeChange, type EntityValues } from "./apply.ts";
import { type FieldValues, OPERATIONS } from "./mutation.ts";

/** What a mutator reads and writes. Reads see what it has written. */
export type MutatorTransaction<Source extends Schema = Schema> = {
  readonly [Name in CollectionName<Source>]: {
    get(id: string): EntityOf<Source, Name> | undefined;
    /** Answers the id of the new entity. */
    create(values: CreateOf<Source, Name>): string;
    update(id: string, changes: UpdateOf<Source, Name>): void;
    delete(id: string): void;
  };
};

type ArgOf<Declared> = Declared extends AnyField ? Declared["~value"] : never;
type GivenArgs<Args extends Fields> = {
  [Name in keyof Args]: Args[Name]["~given"] extends true ? Name : never;
}[keyof Args];
/** The arguments of a mutator, from the fields that declare them. */
export type ArgsOf<Args extends Fields> = { readonly [Name in GivenArgs<Args>]: ArgOf<Args[Name]> } & {
  readonly [Name in keyof Args]?: ArgOf<Args[Name]>;
};

/** A declared mutator, with the types of its arguments. */
export interface Mutator<Args extends Fields = Fields> extends MutatorSchema {
  readonly "~args"?: Args;
}

/** Declares a mutator over a schema. */
export type DeclareMutator<Source extends Schema> = <const Args extends Fields>(declaration: {
  readonly args: Args;
  run(transaction: MutatorTransaction<Source>, args: ArgsOf<Args>, context: MutatorContext): void;
}) => Mutator<Args>;

export type Mutators = Readonly<Record<string, Mutator<Fields>>>;

/** A schema with mutators. */
export type SchemaWith<Source, Declared extends Mutators> = Source & { readonly "~mutators"?: Declared };
/** The mutators of a schema. */
export type MutatorsOf<Source> = Source extends { readonly "~mutators"?: infer Declared }
  ? NonNullable<Declared>
  : Readonly<Record<never, never>>;

/** Adds mutators to a schema. Throws `schema-invalid` for names that cannot be used. */
export function withMutators<Source extends Schema, const Declared extends Mutators>(
  schema: Source,
  declare: (mutator: DeclareMutator<Source>) => Declared,
): SchemaWith<Source, Declared> {
  const declared = declare(declareMutator as unknown as DeclareMutator<Source>);
  const mutators = new Map<string, Mutator>();
  for (const [name, mutator] of Object.entries(declared)) {
    if (!isName(name) || name in Object.prototype || OPERATIONS.some((operation) => operation === name))
      throw new TidelockError("schema-invalid", `a mutator cannot be called ${JSON.stringify(name)}`);
    for (const argument of mutator.args) {
      if (!isFieldName(argument.name))
        throw new TidelockError("schema-invalid", `${name} cannot have an argument called ${argument.name}`);
      const target = argument.collection ?? argument.element?.collection ?? null;
      if (target !== null && !schema.collections.has(target))
        throw new TidelockError(
          "schema-invalid",
          `${name}.${argument.name} refers to ${target}, which is not declared`,
        );
    }
    mutators.set(name, { ...mutator, name });
  }
  return { ...schema, mutators };
}

function declareMutator(declaration: { readonly args: Fields; readonly run: Mutator["run"] }): Mutator {
  const args = Object.entries(declaration.args).map(([name, { definition }]): FieldSchema => ({ name, ...definition }));
  return { name: "", args, run: (transaction, given, context) => declaration.run(transaction, given, context) };
}

/** Why arguments do not fit a mutator; `null` when they do. */
export function argsProblem(mutator: Mutator, args: FieldValues): string | null {
  for (const name of Object.keys(args)) {
    if (!mutator.args.some((known) => known.name === name)) return `${mutator.name} takes no ${JSON.stringify(name)}`;
  }
  for (const field of mutator.args) {
    if (!Object.hasOwn(args, field.name)) {
      if (field.default === undefined) return `${mutator.name} needs ${field.name}`;
      continue;
    }
    const problem = fieldProblem(field, args[field.name]);
    if (problem !== null) return `${field.name} ${problem}`;
  }
  return null;
}

/** One write of a mutator. */
export interface MutatorEffect {
  readonly operation: "create" | "update" | "delete";
  readonly collection: string;
  readonly entity: EntityId;
  readonly fields: FieldValues;
}

/** What a mutator runs in. */
export interface MutatorEnvironment {
  readonly collections: ReadonlyMap<string, CollectionSchema>;
  /** The entity as it is where the mutator runs; `null` when there is none. What it throws ends the mutator. */
  readonly get: (collection: string, id: EntityId) => JsonObject | null;
  readonly device: DeviceId;
  readonly counter: Counter;
  /** As the device made it. */
  readonly stamp: Stamp;
  readonly user: string | null;
  readonly claims: JsonObject;
  readonly location: "device" | "server";
}

/** Thrown by `refuse`. */
export class MutatorRefusal extends Error {
  override readonly name = "MutatorRefusal";
}

/**
 * Runs a mutator and answers what it writes, in order. Throws what the mutator throws; `MutatorRefusal` when it refuses;
 * `TidelockError` for a write that cannot be.
 */
export function runMutator(mutator: Mutator, args: FieldValues, environment: MutatorEnvironment): MutatorEffect[] {
  const effects: MutatorEffect[] = [];
  let isOver = false;
  // What ends a mutator ends it also when it catches that.
  let end: { readonly error: unknown } | null = null;
  const ended = (error: unknown): never => {
    end ??= { error };
    throw error;
  };
  const write = (effect: MutatorEffect): void => {
    if (isOver) throw new TidelockError("transaction-broken", "a mutator ends when its function returns");
    if (effects.length >= MAX_TRANSACTION_MUTATIONS)
      ended(new TidelockError("transaction-broken", `a mutator writes at most ${MAX_TRANSACTION_MUTATIONS} times`));
    effects.push(effect);
  };
  const get = (collection: string, id: EntityId): JsonObject | null => {
    try {
      return environment.get(collection, id);
    } catch (error) {
      return ended(error);
    }
  };
  const sides = [...environment.collections.values()]
    .filter(({ isSystem }) => !isSystem)
    .map((schema) => [schema.name, sideOf(schema, { ...environment, get }, effects, write)] as const);
  const { user, claims, location, stamp } = environment;
  const given = Object.fromEntries(
    mutator.args.map(({ name, default: preset }): [string, JsonValue] => [
      name,
      copiedJson((Object.hasOwn(args, name) ? args[name] : preset) ?? null),
    ]),
  );
  const run = (): unknown =>
    mutator.run(Object.fromEntries(sides), given, {
      user,
      claims: copiedJson(claims) as JsonObject,
      time: stampMillis(stamp),
      location,
      refuse: (reason) => ended(new MutatorRefusal(String(reason))),
    });
  let returned: unknown;
  try {
    returned = run();
  } catch (error) {
    end ??= { error };
  }
  isOver = true;
  if (returned instanceof Promise) {
    returned.catch(() => {});
    throw new TidelockError("transaction-broken", "a mutator must not wait: it returned a promise");
  }
  const stopped = end as { readonly error: unknown } | null;
  if (stopped !== null) throw stopped.error;
  return effects;
}

function sideOf(
  schema: CollectionSchema,
  environment: MutatorEnvironment,
  effects: readonly MutatorEffect[],
  write: (effect: MutatorEffect) => void,
): object {
  const collection = schema.name;
  const known = (id: string): EntityId => {
    const parsed = parseEntityId(id);
    if (parsed === null) throw new TidelockError("invalid-id", `${JSON.stringify(id)} cannot be an id`);
    return parsed;
  };
  const fields = (values: JsonObject): FieldValues => {
    const given = Object.entries(values).filter(([, value]) => value !== undefined);
    for (const [name, value] of given) {
      const field = schema.byName.get(name);
      if (field === undefined) throw new TidelockError("unknown-field", `${collection} has no field ${name}`);
      const problem = changeProblem(field, value);
      if (problem !== null) throw new TidelockError("invalid-value", `${collection}.${name} ${problem}`);
    }
    return Object.fromEntries(
      given.map(([name, value]) => {
        const field = schema.byName.get(name);
        return [name, field === undefined ? value : completeChange(field, value)];
      }),
    );
  };
  const get = (id: EntityId): EntityValues | null => {
    const stored = environment.get(collection, id);
    let entity: EntityValues | null = stored === null ? null : { ...stored };
    for (const effect of effects) {
      if (effect.collection === collection && effect.entity === id) entity = applyMutation(schema, id, entity, effect);
    }
    return entity;
  };
  return {
    get: (id: string) => {
      const entity = get(known(id));
      // Nothing that a mutator does to what it reads reaches anybody.
      return entity === null ? undefined : copiedJson(entity);
    },
    create: (values: JsonObject) => {
      const { id: wanted, ...rest } = values;
      const entity =
        typeof wanted === "string" && schema.ids === "client" ? known(wanted) : derivedId(environment, effects.length);
      write({ operation: "create", collection, entity, fields: fields(initialChanges(schema, rest)) });
      return entity;
    },
    update: (id: string, changes: JsonObject) =>
      write({ operation: "update", collection, entity: known(id), fields: fields(changes) }),
    delete: (id: string) => write({ operation: "delete", collection, entity: known(id), fields: {} }),
  };
}

/** The values of a create as changes: a counter starts with what is added to nothing. */
export function initialChanges(schema: CollectionSchema, values: JsonObject): JsonObject {
  const counters = Object.entries(values).filter(
    ([name, value]) => typeof value === "number" && schema.byName.get(name)?.type === "counter",
  );
  if (counters.length === 0) return values;
  return {
    ...values,
    ...Object.fromEntries(counters.map(([name, value]): [string, JsonValue] => [name, { add: value }])),
  };
}

/** The id of an entity that a mutator creates: the same on the device and on the server. */
function derivedId({ device, counter, stamp }: MutatorEnvironment, index: number): EntityId {
  const bytes = new Uint8Array(10);
  const name = `${device} ${counter} ${index}`;
  const words = [fingerprint(name), fingerprint(`${name} `)].map((text) => Number.parseInt(text, 36));
  for (const [place] of bytes.entries()) {
    const word = words[place < 5 ? 0 : 1] ?? 0;
    bytes[place] = Math.floor(word / 256 ** (place % 5)) % 256;
  }
  const id = parseEntityId(uuidv7(stampMillis(stamp), bytes));
  if (id === null) throw new TidelockError("internal", "a UUID must be an entity id");
  return id;
}
