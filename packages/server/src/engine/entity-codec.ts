/**
 * The stored form of an entity. `row` is the JSON text of the values in column order; `meta` is
 *
 *     [ createdBy, floor, dots, writes, places ]
 *
 * dots: `[device, counter, offset]`, oldest first; writes: `[device, counter, offset, stamp]`, each last write once;
 * places: for each column the position in `writes`, -1 for never; left out when every column's is 0.
 */
import type { EntityState, FieldWrite, JsonValue } from "@tidelock/core";
import type { StoredEntity } from "./records.ts";

/** The JSON text of an entity's values; `null` for a tombstone. */
export function encodeRow(values: readonly JsonValue[] | null): string | null {
  return values === null ? null : JSON.stringify(values);
}

export function encodeEntity(state: EntityState, row: string | null): StoredEntity {
  const writes: FieldWrite[] = [];
  const places: number[] = [];
  for (const write of state.writes) {
    if (write === undefined) {
      places.push(-1);
      continue;
    }
    let place = writes.findIndex((known) => known.offset === write.offset && known.stamp === write.stamp);
    if (place < 0) place = writes.push(write) - 1;
    places.push(place);
  }
  const meta: unknown[] = [
    state.createdBy,
    state.vector.floor,
    state.vector.dots.map((dot) => [dot.device, dot.counter, dot.offset]),
    writes.map((write) => [write.device, write.counter, write.offset, write.stamp]),
  ];
  if (places.some((place) => place !== 0)) meta.push(places);
  return { collection: state.collection, id: state.id, at: state.at, row, meta: JSON.stringify(meta) };
}

/** @param columnCount how many columns the collection has, for entities whose columns were all written at once */
export function decodeEntity(stored: StoredEntity, columnCount: number): EntityState {
  const [createdBy, floor, dots, packed, places] = JSON.parse(stored.meta);
  const writes: FieldWrite[] = packed.map(([device, counter, offset, stamp]: unknown[]) => ({
    device,
    counter,
    offset,
    stamp,
  }));
  const values: JsonValue[] | null = stored.row === null ? null : JSON.parse(stored.row);
  const count = values === null ? 1 : columnCount;
  return {
    collection: stored.collection,
    id: stored.id,
    at: stored.at,
    values,
    writes: Array.from({ length: count }, (_, column) => writes[places === undefined ? 0 : (places[column] ?? -1)]),
    vector: {
      floor,
      dots: dots.map(([device, counter, offset]: unknown[]) => ({ device, counter, offset })),
    },
    createdBy,
  };
}
