/** One collection's side of a client: reads from the replica, writes as checked intents. */
import { type CollectionSchema, type EntityId, TidelockError } from "@tidelock/core";
import type { Intent } from "../engine/input.ts";
import type { CollectionClient, LiveEntity, LiveQuery, SyncState, TransactionCollection, Write } from "./client.ts";
import { createIntent, deleteIntent, type GivenValues, type IdSource, knownId, updateIntent } from "./intents.ts";
import { FollowedEntity } from "./live-entity.ts";
import type { LiveQueries } from "./live-query.ts";
import { type Direction, Query, type QueryOptions, type Where } from "./query.ts";
import type { ReadContext } from "./read-context.ts";
import type { EntityView } from "./replica-view.ts";

export interface CollectionOptions {
  readonly schema: CollectionSchema;
  readonly context: ReadContext;
  readonly queries: LiveQueries;
  readonly ids: IdSource;
  /** Throws `client-closed` when the client is. */
  readonly write: (intent: Intent) => Write;
}

/** Reading a collection by id, and checking what is to be written to it. */
class Checked {
  readonly schema: CollectionSchema;
  readonly context: ReadContext;
  readonly #ids: IdSource;

  constructor({ schema, context, ids }: Pick<CollectionOptions, "schema" | "context" | "ids">) {
    this.schema = schema;
    this.context = context;
    this.#ids = ids;
  }

  get(id: string): EntityView | undefined {
    if (!this.context.isOpen()) return undefined;
    return this.context.replica.get(this.schema.name, this.resolve(id)) ?? undefined;
  }

  create(values: GivenValues): Intent {
    const intent = createIntent(this.schema, values, this.#ids);
    if (values["id"] !== undefined && this.get(intent.entity) !== undefined) {
      throw new TidelockError("entity-exists", `${this.schema.name} already has ${intent.entity}`);
    }
    return intent;
  }

  update(id: string, values: GivenValues): Intent {
    return updateIntent(this.schema, this.resolve(id), values);
  }

  delete(id: string): Intent {
    return deleteIntent(this.schema, this.resolve(id));
  }

  resolve(id: string): EntityId {
    return this.context.replica.resolveId(knownId(this.schema, id));
  }
}

export class EntityCollection implements CollectionClient<EntityView, GivenValues, GivenValues> {
  readonly #options: CollectionOptions;
  readonly #checked: Checked;
  readonly #everything: Query<EntityView>;

  constructor(options: CollectionOptions) {
    this.#options = options;
    this.#checked = new Checked(options);
    this.#everything = new Query(options.schema);
  }

  create(values: GivenValues): Write {
    return this.#options.write(this.#checked.create(values));
  }
  update(id: string, values: GivenValues): Write {
    return this.#options.write(this.#checked.update(id, values));
  }
  delete(id: string): Write {
    return this.#options.write(this.#checked.delete(id));
  }

  get(id: string): EntityView | undefined {
    return this.#checked.get(id);
  }
  entity(id: string): LiveEntity<EntityView> {
    const { schema, context } = this.#options;
    return new FollowedEntity(context, schema.name, knownId(schema, id));
  }
  syncState(id: string): SyncState {
    const { schema, context } = this.#options;
    return context.syncState(schema.name, this.#checked.resolve(id));
  }
  keyOf(id: string): string {
    return this.#options.context.replica.keyOf(knownId(this.#options.schema, id));
  }

  query(options: QueryOptions<EntityView> = {}): LiveQuery<EntityView> {
    return this.live(this.#everything.refine(options));
  }
  live(query: Query<EntityView>): LiveQuery<EntityView> {
    if (query.description.collection !== this.#options.schema.name) {
      throw new TidelockError("invalid-filter", `this query is for ${query.description.collection}`);
    }
    return this.#options.queries.of(query);
  }
  all(): Query<EntityView> {
    return this.#everything;
  }
  where(filter: Where<EntityView>): Query<EntityView> {
    return this.#everything.where(filter);
  }
  orderBy(field: string, direction?: Direction): Query<EntityView> {
    return this.#everything.orderBy(field, direction);
  }
}

/** A collection within a transaction: intents are gathered, nothing is written yet. */
export class TransactionSide implements TransactionCollection<EntityView, GivenValues, GivenValues> {
  readonly #checked: Checked;
  readonly #gather: (intent: Intent) => void;

  constructor(options: Pick<CollectionOptions, "schema" | "context" | "ids">, gather: (intent: Intent) => void) {
    this.#checked = new Checked(options);
    this.#gather = gather;
  }

  create(values: GivenValues): string {
    const intent = this.#checked.create(values);
    this.#gather(intent);
    return intent.entity;
  }
  update(id: string, values: GivenValues): void {
    const intent = this.#checked.update(id, values);
    if (Object.keys(intent.fields).length > 0) this.#gather(intent);
  }
  delete(id: string): void {
    this.#gather(this.#checked.delete(id));
  }
  get(id: string): EntityView | undefined {
    return this.#checked.get(id);
  }
}
