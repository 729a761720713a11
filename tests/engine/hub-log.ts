/** What a hub has written to its disk, as a test wants to read it. */
import {
  decodeEvent,
  type DomainEvent,
  type EntityId,
  type JsonObject,
  MARK,
  marksOf,
  type Review,
  REVIEWS,
} from "@tidelock/core";
import type { HubRig } from "./hub-rig.ts";
import { tenant } from "./names.ts";

/** Every event on the disk, oldest first. */
export function eventsOf({ disk }: HubRig): readonly DomainEvent[] {
  return disk.readEvents(tenant, 0, 100_000).map(({ offset, body }) => decodeEvent(offset, body));
}

/** An entity's columns by name, as the log has them last; `null` when it is deleted or never was. */
export function rowOf(rig: HubRig, collection: string, id: string): JsonObject | null {
  const row = eventsOf(rig).findLast((event) => event.collection === collection && event.entity === id)?.row ?? null;
  if (row === null) return null;
  const columns = rig.disk.openTenant(tenant).columns.get(collection) ?? [];
  return Object.fromEntries(columns.map((name, column) => [name, row[column] ?? null]));
}

/** All reviews there ever were, in the order in which they were opened. */
export function reviewsOf(rig: HubRig): readonly Review[] {
  const ids = new Set(eventsOf(rig).flatMap(({ collection, entity }) => (collection === REVIEWS ? [entity] : [])));
  return [...ids].map((id) => reviewOf(rig, id));
}

export function reviewOf(rig: HubRig, id: string): Review {
  const row = rowOf(rig, REVIEWS, id);
  if (row === null) throw new Error(`there is no review ${id}`);
  return { id, ...row } as unknown as Review;
}

/** The reviews that an entity waits for, by field. */
export function marksOn(rig: HubRig, collection: string, id: string): ReadonlyMap<string, EntityId> {
  return marksOf(rowOf(rig, collection, id)?.[MARK]);
}

/** The open review of a field; of the whole entity when none is named. */
export function openReview(rig: HubRig, entity: string, field: string | null): Review {
  const found = reviewsOf(rig).filter(
    (review) => review.status === "open" && review.entity === entity && review.field === field,
  );
  if (found.length !== 1 || found[0] === undefined)
    throw new Error(`${found.length} open reviews of ${entity} ${field}`);
  return found[0];
}

/** What the candidates of a review want, by device. */
export function wishes(review: Review): ReadonlyArray<readonly [string, unknown]> {
  return review.candidates.map(({ device, value }) => [device, value]);
}
