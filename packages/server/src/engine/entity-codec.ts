/**
 * The stored form of an entity. `row` is the JSON text of the values in column order; `meta` is
 *
 *     [ createdBy, floor, dots, writes, places, memory, buried ]
 *
 * dots: `[device, counter, offset]`, oldest first; writes: `[device, counter, offset, stamp, user]`, each last write once,
 * the user left out when it is `createdBy`; places: for each column the position in `writes`, -1 for never, or `null` when
 * every column's is 0; memory: what policies remember, by field, or `null`; buried: `[values, writes, places, memory]` of a
 * deleted entity, or `null`. What is empty is left out at the end.
 */
import type { Buried, EntityState, FieldWrite, JsonObject, JsonValue, UserId } from "@tidelock/core";
import type { StoredEntity } from "./records.ts";

/** The JSON text of an entity's values; `null` for a tombstone. */
export function encodeRow(values: readonly JsonValue[] | null): string | null {
  return values === null ? null : JSON.stringify(values);
}

export function encodeEntity(state: EntityState, row: string | null): StoredEntity {
  const { vector, createdBy, buried } = state;
  const dots = vector.dots.map((dot) => [dot.device, dot.counter, dot.offset]);
  const meta: unknown[] = [
    createdBy,
    vector.floor,
    dots,
    ...packWrites(state.writes, createdBy),
    packMemory(state.memory),
    buried === null ? null : [buried.values, ...packWrites(buried.writes, createdBy), packMemory(buried.memory)],
  ];
  while (meta.at(-1) === null) meta.pop();
  return { collection: state.collection, id: state.id, at: state.at, row, meta: JSON.stringify(meta) };
}

function packWrites(all: readonly (FieldWrite | undefined)[], createdBy: UserId): [unknown[], number[] | null] {
  const writes: FieldWrite[] = [];
  const places: number[] = [];
  for (const write of all) {
    if (write === undefined) {
      places.push(-1);
      continue;
    }
    let place = writes.findIndex((known) => known.offset === write.offset && known.stamp === write.stamp);
    if (place < 0) place = writes.push(write) - 1;
    places.push(place);
  }
  const packed = writes.map(({ device, counter, offset, stamp, user }) =>
    user === createdBy ? [device, counter, offset, stamp] : [device, counter, offset, stamp, user],
  );
  return [packed, places.some((place) => place !== 0) ? places : null];
}

function packMemory(memory: ReadonlyMap<string, JsonValue>): JsonObject | null {
  return memory.size === 0 ? null : Object.fromEntries(memory);
}

/** @param columnCount how many columns the collection has, for entities whose columns were all written at once */
export function decodeEntity(stored: StoredEntity, columnCount: number): EntityState {
  const [createdBy, floor, dots, writes, places, memory, buried] = JSON.parse(stored.meta);
  const values: JsonValue[] | null = stored.row === null ? null : JSON.parse(stored.row);
  return {
    collection: stored.collection,
    id: stored.id,
    at: stored.at,
    values,
    writes: unpackWrites(writes, places, values === null ? 1 : columnCount, createdBy),
    vector: {
      floor,
      dots: dots.map(([device, counter, offset]: unknown[]) => ({ device, counter, offset })),
    },
    createdBy,
    memory: unpackMemory(memory),
    buried: unpackBuried(buried ?? null, columnCount, createdBy),
  };
}

type PackedWrites = ReadonlyArray<readonly [...unknown[]]>;

function unpackWrites(
  packed: PackedWrites,
  places: readonly number[] | null | undefined,
  count: number,
  createdBy: UserId,
): Array<FieldWrite | undefined> {
  const writes = packed.map(
    ([device, counter, offset, stamp, user]) =>
      ({ device, counter, offset, stamp, user: user ?? createdBy }) as FieldWrite,
  );
  return Array.from(
    { length: count },
    (_, column) => writes[places === undefined || places === null ? 0 : (places[column] ?? -1)],
  );
}

const NOTHING: ReadonlyMap<string, JsonValue> = new Map();

function unpackMemory(memory: JsonObject | null | undefined): ReadonlyMap<string, JsonValue> {
  return memory === undefined || memory === null ? NOTHING : new Map(Object.entries(memory));
}

type PackedBuried = readonly [readonly JsonValue[], PackedWrites, readonly number[] | null, JsonObject | null];

function unpackBuried(buried: PackedBuried | null, columnCount: number, createdBy: UserId): Buried | null {
  if (buried === null) return null;
  const [values, writes, places, memory] = buried;
  return { values, writes: unpackWrites(writes, places, columnCount, createdBy), memory: unpackMemory(memory) };
}
