/**
 * Queries: which entities of a collection somebody wants to read, in which order, and which window of them. Plain,
 * immutable data with a canonical key, so that equal queries are one live query and one subscription.
 *
 *     client.tasks.where({ done: false, priority: { gte: 2 } }).orderBy("position").limit(50)
 *
 * `where` is what travels: it decides which entities the device holds. Order and window are applied on the device.
 * What a query does not know: the data, the client's state, who reads it.
 */
import {
  bothFilters,
  type CollectionSchema,
  type Filter,
  filterKey,
  filterProblem,
  isEverything,
  type Scalar,
  TidelockError,
} from "@tidelock/core";

export type Direction = "asc" | "desc";

/** Conditions on one field. `null` equals only `null` and is neither less nor greater than anything. */
export interface ConditionsOn<Value> {
  readonly eq?: Value;
  readonly ne?: Value;
  readonly in?: readonly Value[];
  readonly gt?: Extract<Value, string | number>;
  readonly gte?: Extract<Value, string | number>;
  readonly lt?: Extract<Value, string | number>;
  readonly lte?: Extract<Value, string | number>;
}

/** A filter over the fields of an entity: all conditions must hold. `{}` is everything. */
export type Where<Entity> = {
  readonly [Key in keyof Entity]?: [Entity[Key]] extends [Scalar]
    ? Entity[Key] | ConditionsOn<Entity[Key]>
    : Entity[Key] extends ReadonlyArray<infer Element extends string | number>
      ? { readonly contains: Element }
      : Scalar | ConditionsOn<Scalar>;
} & {
  readonly and?: ReadonlyArray<Where<Entity>>;
  readonly or?: ReadonlyArray<Where<Entity>>;
  readonly not?: Where<Entity>;
};

/** One criterion of an order. */
export interface Order {
  readonly field: string;
  readonly direction: Direction;
}

/** A query as one object: `client.tasks.query({ where: { done: false }, orderBy: "position", limit: 50 })`. */
export interface QueryOptions<Entity> {
  readonly where?: Where<Entity>;
  /** A field, a field with its direction, or several of these; the first counts most. */
  readonly orderBy?: OrderBy<Entity> | ReadonlyArray<OrderBy<Entity>>;
  /** At most this many entities, from `offset` on. */
  readonly limit?: number;
  readonly offset?: number;
}
export type OrderBy<Entity> = FieldOf<Entity> | { readonly field: FieldOf<Entity>; readonly direction?: Direction };
export type FieldOf<Entity> = keyof Entity & string;

/** What a query says, for those who execute it. */
export interface QueryDescription {
  readonly collection: string;
  readonly filter: Filter;
  readonly order: readonly Order[];
  /** `null`: no limit. */
  readonly limit: number | null;
  readonly offset: number;
}

/** An immutable query; each method returns another one. `Entity` is the type of its results. */
export class Query<Entity> {
  declare readonly "~entity": Entity;
  readonly "description": QueryDescription;
  readonly #schema: CollectionSchema;
  #key: string | undefined;

  /** Applications get queries from a collection: `client.tasks.all()`, `client.tasks.where(…)`. */
  "constructor"(schema: CollectionSchema, description?: QueryDescription) {
    this.#schema = schema;
    this.description = description ?? { collection: schema.name, filter: {}, order: [], limit: null, offset: 0 };
  }

  /** One text per meaning: queries with the same key have the same results. */
  get "key"(): string {
    const { collection, filter, order, limit, offset } = this.description;
    const sorted = order.map(({ field, direction }) => `${direction === "asc" ? "+" : "-"}${field}`).join("");
    this.#key ??= `${collection}?${filterKey(filter)}&${sorted}&${offset}&${limit ?? ""}`;
    return this.#key;
  }

  /** Only entities that also match this. Throws `TidelockError` with `invalid-filter`. */
  "where"(filter: Where<Entity>): Query<Entity> {
    const given = withoutUndefined(filter as Filter);
    const problem = filterProblem(given, new Set(this.#schema.byName.keys()));
    if (problem !== null) throw new TidelockError("invalid-filter", problem);
    return this.#with({
      filter: isEverything(given) ? this.description.filter : bothFilters(this.description.filter, given),
    });
  }

  /**
   * Sorted by this field, after the fields named before. `null` comes first, then `false`, `true`, numbers, text by UTF-16
   * code unit; `desc` reverses that. Entities that are equal so far are in order of their id, always ascending.
   */
  "orderBy"(field: FieldOf<Entity>, direction: Direction = "asc"): Query<Entity> {
    if (field !== "id" && !this.#schema.byName.has(field)) {
      throw new TidelockError("unknown-field", `${this.#schema.name} has no field called ${JSON.stringify(field)}`);
    }
    return this.#with({ order: [...this.description.order, { field, direction }] });
  }

  /** At most `count` entities. */
  "limit"(count: number): Query<Entity> {
    return this.#with({ limit: wholeNumber("limit", count) });
  }

  /** Without the first `count` entities. */
  "offset"(count: number): Query<Entity> {
    return this.#with({ offset: wholeNumber("offset", count) });
  }

  /** The query that an object describes, on top of this one. */
  "refine"({ where, orderBy, limit, offset }: QueryOptions<Entity>): Query<Entity> {
    let query: Query<Entity> = where === undefined ? this : this.where(where);
    const orders = orderBy === undefined ? [] : isList(orderBy) ? orderBy : [orderBy];
    for (const order of orders) {
      query = typeof order === "string" ? query.orderBy(order) : query.orderBy(order.field, order.direction);
    }
    if (limit !== undefined) query = query.limit(limit);
    return offset === undefined ? query : query.offset(offset);
  }

  #with(change: Partial<QueryDescription>): Query<Entity> {
    return new Query(this.#schema, { ...this.description, ...change });
  }
}

function isList<Item>(value: Item | readonly Item[]): value is readonly Item[] {
  return Array.isArray(value);
}

function wholeNumber(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new TidelockError("invalid-filter", `${name} is a whole number from 0, not ${value}`);
}

/** A condition that is `undefined` is not there: `where({ assignee: maybe })` must not come to mean `null`. */
function withoutUndefined(filter: Filter): Filter {
  return partWithoutUndefined(filter) as Filter;
}

function partWithoutUndefined(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(partWithoutUndefined);
  if (typeof part !== "object" || part === null) return part;
  const given = Object.entries(part).filter(([, condition]) => condition !== undefined);
  return Object.fromEntries(given.map(([name, condition]) => [name, partWithoutUndefined(condition)]));
}
