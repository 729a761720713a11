/** Reading: lists by query, single entities by id. */
import { REVIEWS } from "@tidelock/core";
import { useMemo } from "react";
import type { CollectionClient, EntityResult, LiveQuery, QueryResult } from "../api/client.ts";
import type { Query } from "../api/query.ts";
import { useClient } from "./provider.ts";
import type { RegisteredClient } from "./register.ts";
import { useLive } from "./use-live.ts";

/** Nothing is asked while it is `null`, `undefined` or `false`. */
type Nothing = null | undefined | false;
type Queryable<Entity> = Query<Entity> | LiveQuery<Entity>;

const NOT_ASKED: QueryResult<never> = {
  data: [],
  total: 0,
  status: "loading",
  error: null,
  isLoading: false,
  isComplete: false,
};

/**
 * The results of a query; the component renders again when they change.
 *
 *     const { data, isLoading, isComplete } = useQuery((c) => c.tasks.where({ done: false }).orderBy("position"));
 *     const { data } = useQuery((c) => c.tasks.query({ where: { list }, orderBy: "position", limit: 50 }));
 *     const { data } = useQuery(listId !== null && ((c) => c.tasks.where({ list: listId })));
 *
 * The query may be written in place: what it says decides, not which object it is. While it is falsy, nothing is asked:
 * there is no data, and `isLoading` is false. Components with equal queries share one subscription.
 */
export function useQuery<Entity>(
  query: Queryable<Entity> | Nothing | ((client: RegisteredClient) => Queryable<Entity> | Nothing),
): QueryResult<Entity> {
  const client = useClient();
  const asked = typeof query === "function" ? query(client) : query;
  const wanted = !asked ? null : "query" in asked ? asked.query : asked;
  const live = useMemo(
    () => (wanted === null ? null : liveQuery(client, wanted)),
    // The key says everything that a query means.
    // oxlint-disable-next-line react/exhaustive-deps
    [client, wanted?.key],
  );
  return useLive<QueryResult<Entity>>(live, NOT_ASKED);
}

function liveQuery<Entity>(client: object, query: Query<Entity>): LiveQuery<Entity> {
  const { collection } = query.description;
  if (collection === REVIEWS) return reviewsOf<Entity>(client).live(query);
  const collections = client as Readonly<
    Record<string, Pick<CollectionClient<Entity, never, never>, "live"> | undefined>
  >;
  const found = collections[collection];
  if (found === undefined) throw new Error(`The client of this provider has no collection called ${collection}.`);
  return found.live(query);
}

/** Reviews are read like a collection, but belong to `conflicts`. */
function reviewsOf<Entity>(client: object): Pick<CollectionClient<Entity, never, never>, "live"> {
  const { conflicts } = client as { readonly conflicts: { readonly reviews: unknown } };
  return conflicts.reviews as Pick<CollectionClient<Entity, never, never>, "live">;
}

const NO_ENTITY: EntityResult<never> = {
  data: undefined,
  syncState: "synced",
  status: "loading",
  error: null,
  isLoading: false,
};

/** A collection as far as single entities are read. */
type EntitySource<Entity> = Pick<CollectionClient<Entity, never, never>, "entity">;

/**
 * One entity by its id, with how far its writes have come. It is asked for if no query has brought it.
 *
 *     const { data: task, syncState, status } = useEntity((c) => c.tasks, id);
 *
 * While the id is falsy, nothing is asked.
 */
export function useEntity<Entity>(
  collection: EntitySource<Entity> | ((client: RegisteredClient) => EntitySource<Entity>),
  id: string | Nothing,
): EntityResult<Entity> {
  const client = useClient();
  const source = typeof collection === "function" ? collection(client) : collection;
  const live = useMemo(() => (id ? source.entity(id) : null), [source, id]);
  return useLive<EntityResult<Entity>>(live, NO_ENTITY);
}
