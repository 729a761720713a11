/**
 * Legacy columns: what fields that a migration changed or renamed would have now. Devices of the version before find their
 * fields by column name and go on reading them. They follow from the fields that there are: nothing writes them, nothing
 * conflicts over them, and they have no last write.
 */
import {
  type CollectionSchema,
  type Columns,
  type EntityState,
  type FieldSchema,
  type FieldWrite,
  type JsonValue,
  type Lens,
  lower,
  sameJson,
} from "@tidelock/core";

/** An entity as an admission leaves it: of what it records, the part that columns matter for. */
interface Rows {
  readonly schema: CollectionSchema;
  readonly before: EntityState | null;
  readonly values: readonly JsonValue[] | null;
  readonly writes: readonly (FieldWrite | undefined)[];
  readonly changed: readonly string[];
  readonly was: readonly JsonValue[];
}

/** What an admission records, with the legacy columns as they follow from it. `failed` hears of what a lens did wrong. */
export function withLegacy<Recorded extends Rows>(
  recorded: Recorded,
  columns: Columns,
  failed: (problem: string) => void,
): Recorded {
  const { schema, before, values } = recorded;
  const lenses = schema.evolution?.lastStep?.lenses ?? [];
  if (lenses.length === 0 || values === null) return recorded;
  const isWhole = before === null || before.values === null;
  const derived = new Set(lenses.flatMap(({ from }) => from.map(({ name }) => name)));
  const next = [...values];
  const writes = [...recorded.writes];
  const pairs = recorded.changed.map((name, index) => [name, recorded.was[index] ?? null] as const);
  const changed = new Map(pairs.filter(([name]) => !derived.has(name)));
  for (const lens of lenses) {
    const follows = isWhole || lens.to.some(({ name }) => changed.has(name));
    const made = follows ? lowered(lens, next, columns, `${schema.name}: `, failed) : null;
    for (const field of lens.from) {
      const column = columns.indexOf(field.name);
      const old = before?.values?.[column] ?? null;
      // What cannot be made stays as it was; in a new entity there is nothing yet.
      next[column] = made === null ? (isWhole ? (field.default ?? null) : old) : (made.get(field.name) ?? null);
      writes[column] = undefined;
      if (!isWhole && !sameJson(old, next[column] ?? null)) changed.set(field.name, old);
    }
  }
  const kept = isWhole ? recorded.changed.filter((name) => !derived.has(name)) : [...changed.keys()];
  return { ...recorded, values: next, writes, changed: kept, was: isWhole ? recorded.was : [...changed.values()] };
}

function lowered(
  lens: Lens,
  values: readonly JsonValue[],
  columns: Columns,
  where: string,
  failed: (problem: string) => void,
): ReadonlyMap<string, JsonValue> | null {
  const valueOf = ({ name }: FieldSchema): readonly [string, JsonValue] => [
    name,
    values[columns.indexOf(name)] ?? null,
  ];
  const made = lower(lens, Object.fromEntries(lens.to.map(valueOf)));
  if ("values" in made) return new Map(Object.entries(made.values));
  failed(where + made.problem);
  return null;
}
