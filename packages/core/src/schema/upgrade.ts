/**
 * What an older version of the application has left on its device, in the words of this version.
 *
 * What stays true: nothing is dropped. A mutation that cannot be translated is told with its reason and as it was written,
 * and with it the rest of its transaction; so is what it wrote to fields that no server takes any more.
 */
import type { JsonValue } from "../base/json.ts";
import type { Filter } from "../filter/filter.ts";
import type { EntityId } from "../ids.ts";
import type { FieldValues } from "../mutation/mutation.ts";
import { type CollectionSchema, valuesByName } from "./collection-schema.ts";
import type { Left, LeftMutation, LeftWrite, SchemaMigrations, Step, Upgraded } from "./evolution.ts";
import { FieldRaiser, raise, renameFilter, renames } from "./evolve.ts";
import { REVIEWS } from "./system.ts";

type Collections = ReadonlyMap<string, CollectionSchema>;

export function upgradesOf(collections: Collections, version: number): SchemaMigrations {
  return {
    // A filter by fields that became others stays as it is: what it found is still there.
    filter: (collection, filter, from) =>
      stepsOf(collections, collection, from).reduce<Filter>(
        (part, step) => renameFilter(part, renames(step, "up")),
        filter,
      ),
    mutations: (left, from) => {
      const upgrade = new Upgrade(collections, version, left, from);
      return withWholeTransactions(left.mutations.map((mutation) => upgrade.mutation(mutation)));
    },
  };
}

function stepsOf(collections: Collections, collection: string, from: number): readonly Step[] {
  return collections.get(collection)?.evolution?.steps.filter(({ version }) => version > from) ?? [];
}

function unchanged<Mutation extends LeftMutation>(mutation: Mutation): Upgraded<Mutation> {
  return { before: mutation, mutation, problem: null, rest: null };
}

/** A transaction stands or falls as a whole: where one of its mutations fails, none of them can be sent. */
function withWholeTransactions<Mutation extends LeftMutation>(
  upgraded: ReadonlyArray<Upgraded<Mutation>>,
): ReadonlyArray<Upgraded<Mutation>> {
  const fallen = new Map<Upgraded<Mutation>, string>();
  let run: Array<Upgraded<Mutation>> = [];
  for (const each of upgraded) {
    if (each.mutation.state !== "queued") continue;
    run.push(each);
    if (each.mutation.remaining > 0) continue;
    const problem = run.find((other) => other.problem !== null)?.problem ?? null;
    if (problem !== null) for (const other of run) fallen.set(other, other.problem ?? problem);
    run = [];
  }
  return upgraded.map((each) => {
    const problem = fallen.get(each);
    return problem === undefined ? each : { ...unchanged(each.before), problem };
  });
}

type Known = Map<string, JsonValue>;

/** A write in the words of this version. */
interface Raised {
  readonly fields: FieldValues;
  /** What it wrote to fields that no server takes any more. */
  readonly rest: FieldValues;
  /** What is known of its entity afterwards. */
  readonly known: Known;
}

class Upgrade<Mutation extends LeftMutation> {
  readonly #collections: Collections;
  readonly #version: number;
  readonly #left: Left<Mutation>;
  readonly #from: number;
  /** What is known of entities, by the names of all versions, as the mutations before the one in hand leave them. */
  readonly #known = new Map<string, Known | null>();
  #rows: ReadonlyMap<string, readonly JsonValue[]> | null = null;

  constructor(collections: Collections, version: number, left: Left<Mutation>, from: number) {
    this.#collections = collections;
    this.#version = version;
    this.#left = left;
    this.#from = from;
  }

  mutation(before: Mutation): Upgraded<Mutation> {
    const { operation, effects, state } = before;
    const mutation = effects === undefined ? before : { ...before, effects: this.#effects(effects) };
    if (operation === "decide") return this.#decision(before, mutation);
    const raised = this.#raised(before);
    if (raised === null) return { ...unchanged(before), mutation };
    if (typeof raised === "string") return { ...unchanged(before), problem: raised };
    if (state !== "rejected") this.#known.set(keyOf(before), raised.known);
    const { fields, rest } = raised;
    const shown = mutation.shown === undefined ? {} : { shown: this.#shown(before, mutation.shown) };
    const isLeft = Object.keys(rest).length > 0;
    return { before, mutation: { ...mutation, ...shown, fields }, problem: null, rest: isLeft ? rest : null };
  }

  /** A text says why it cannot be; `null`: nothing becomes of it. */
  #raised(write: LeftWrite): Raised | string | null {
    const { operation, collection } = write;
    const schema = this.#collections.get(collection);
    const steps = stepsOf(this.#collections, collection, this.#from);
    if ((operation !== "create" && operation !== "update") || schema === undefined || steps.length === 0) return null;
    const before = operation === "create" ? null : this.#knownOf(schema, write);
    const known = new Map(before);
    const rest: Record<string, JsonValue> = {};
    let { fields } = write;
    for (const step of steps) {
      const raised = new FieldRaiser(collection, step).raise(operation, fields, before === null ? null : known);
      if ("code" in raised) return raised.message;
      for (const [name, value] of Object.entries({ ...fields, ...raised.fields })) known.set(name, value);
      // A server still takes what the last step removed, from the version before; what is gone longer nobody takes.
      const gone = step.version < this.#version ? step.removed.map(({ name }) => name) : [];
      const kept = Object.entries(raised.fields).filter(([name]) => !gone.includes(name));
      for (const name of gone) if (Object.hasOwn(raised.fields, name)) rest[name] = raised.fields[name] ?? null;
      fields = Object.fromEntries(kept);
    }
    return { fields, rest, known };
  }

  /** What a call or a decision shows. Calls are run again anyway; what cannot be translated is not shown. */
  #effects(effects: readonly LeftWrite[]): LeftWrite[] {
    return effects.flatMap((effect) => {
      const raised = this.#raised(effect);
      if (raised === null) return [effect];
      return typeof raised === "string" ? [] : [{ ...effect, fields: raised.fields }];
    });
  }

  /** What a decided mutation shows until its delta comes. */
  #shown(write: LeftWrite, shown: FieldValues): FieldValues {
    const raised = this.#raised({ ...write, operation: "update", fields: shown });
    return raised === null || typeof raised === "string" ? {} : raised.fields;
  }

  /** A decision on a value of one's own is a value of the field that the review is about. */
  #decision(before: Mutation, mutation: Mutation): Upgraded<Mutation> {
    const { fields, entity } = before;
    const review = this.#row(this.#collections.get(REVIEWS), entity);
    if (!Object.hasOwn(fields, "value") || review === null) return { ...unchanged(before), mutation };
    let field = review.get("field");
    let value = fields["value"] ?? null;
    for (const { lenses } of stepsOf(this.#collections, String(review.get("collection")), this.#from)) {
      const lens = lenses.find(({ from }) => from.some(({ name }) => name === field));
      const [now] = lens?.to ?? [];
      if (lens === undefined || now === undefined) continue;
      const isOne = lens.from.length === 1 && lens.to.length === 1;
      const made = isOne
        ? raise(lens, { [String(field)]: value })
        : { problem: `${String(field)} is another field now` };
      if ("problem" in made) return { ...unchanged(before), problem: made.problem };
      value = made.values[now.name] ?? null;
      field = now.name;
    }
    return { ...unchanged(before), mutation: { ...mutation, fields: { ...fields, value } } };
  }

  #knownOf(schema: CollectionSchema, write: LeftWrite): Known | null {
    const key = keyOf(write);
    let known = this.#known.get(key);
    if (known === undefined) {
      known = this.#row(schema, write.entity);
      this.#known.set(key, known);
    }
    return known;
  }

  #row(schema: CollectionSchema | undefined, entity: EntityId): Known | null {
    if (schema === undefined) return null;
    this.#rows ??= new Map(
      [...this.#left.rows].map((row) => [keyOf({ collection: row.collection, entity: row.id }), row.values]),
    );
    const values = this.#rows.get(keyOf({ collection: schema.name, entity }));
    return values === undefined ? null : valuesByName(values, this.#left.columns[schema.name] ?? [], schema);
  }
}

function keyOf({ collection, entity }: Pick<LeftWrite, "collection" | "entity">): string {
  return `${collection}/${entity}`;
}
