/**
 * Reviews under a migration: an open review of a field that was renamed, or whose values became those of one other, goes on
 * under the new name with the values as they are now. One of a field that is gone, or that several others took the place
 * of, can be decided by nobody any more: it is closed, and keeps what its candidates said.
 */
import {
  type CollectionSchema,
  type Columns,
  type EntityState,
  evolutionOf,
  FieldRaiser,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Lens,
  MARK,
  type Millis,
  raise,
  sameJson,
  type Step,
} from "@tidelock/core";

/** What became of a field: its name now, and a value of it now. */
interface Fate {
  readonly name: string;
  readonly value: (value: JsonValue) => JsonValue;
}

interface CollectionFate {
  readonly schema: CollectionSchema;
  readonly steps: readonly Step[];
}

/** What became of collections since a version, by name. */
export type Fates = ReadonlyMap<string, CollectionFate>;

export function fatesOf(collections: readonly CollectionSchema[], since: number): Fates {
  return new Map(
    collections.map((schema) => [
      schema.name,
      { schema, steps: evolutionOf(schema).steps.filter(({ version }) => version > since) },
    ]),
  );
}

/** `null`: the field is gone, or is several now. */
function fateOf(field: string, steps: readonly Step[]): Fate | null {
  let fate: Fate = { name: field, value: (value) => value };
  for (const { lenses, removed } of steps) {
    const { name, value } = fate;
    if (removed.some((gone) => gone.name === name)) return null;
    const lens = lenses.find(({ from }) => from.some((old) => old.name === name));
    if (lens === undefined) continue;
    const [now] = lens.to;
    if (now === undefined || lens.from.length > 1 || lens.to.length > 1) return null;
    fate = { name: now.name, value: (old) => raised(lens, name, now.name, value(old)) };
  }
  return fate;
}

/** What cannot be raised stays as it was said: a person sees it, and may decide on another value. */
function raised(lens: Lens, old: string, now: string, value: JsonValue): JsonValue {
  const made = raise(lens, { [old]: value });
  return "values" in made ? (made.values[now] ?? null) : value;
}

/** An entity with its mark naming its fields as they are called now; the same one when nothing changes. */
export function migratedMark(state: EntityState, columns: Columns, fate: CollectionFate | undefined): EntityState {
  const column = columns.indexOf(MARK);
  const mark = state.values?.[column];
  if (fate === undefined || state.values === null || !isJsonObject(mark)) return state;
  const kept = Object.entries(mark).flatMap(([field, review]): Array<[string, JsonValue]> => {
    const now = fateOf(field, fate.steps);
    return now === null ? [] : [[now.name, review]];
  });
  const next = kept.length === 0 ? null : Object.fromEntries(kept);
  if (sameJson(next, mark)) return state;
  return { ...state, values: state.values.map((value, index) => (index === column ? next : value)) };
}

/** The values of a review as they are now; `null` when nothing changes. */
export function migratedReview(
  values: readonly JsonValue[],
  columns: Columns,
  fates: Fates,
  closing: { readonly user: string; readonly device: string; readonly now: Millis },
): readonly JsonValue[] | null {
  const review = new Map(columns.map((name, index) => [name, values[index] ?? null]));
  const fate = fates.get(String(review.get("collection")));
  if (fate === undefined) return null;
  review.set("row", migratedRow(review.get("row"), fate.schema));
  const field = review.get("field");
  if (review.get("status") === "open") {
    const now = typeof field === "string" ? fateOf(field, fate.steps) : wholeEntity(fate, review.get("row"));
    if (now === null) close(review, closing);
    else {
      if (typeof field === "string") review.set("field", now.name);
      // What has the new name already was raised before.
      if (now.name !== field) raiseCandidates(review, now);
    }
  }
  const next = columns.map((name) => review.get(name) ?? null);
  return sameJson(next, values) ? null : next;
}

function raiseCandidates(review: Map<string, JsonValue>, { value }: Fate): void {
  const base = review.get("base");
  if (Array.isArray(base)) review.set("base", base.map(value));
  const candidates = review.get("candidates");
  if (!Array.isArray(candidates)) return;
  review.set(
    "candidates",
    candidates.map((each: JsonValue) => (isJsonObject(each) ? { ...each, value: value(each["value"] ?? null) } : each)),
  );
}

/** Where a whole entity is at stake, candidates say which fields their authors wrote. */
function wholeEntity({ schema, steps }: CollectionFate, row: JsonValue | undefined): Fate {
  const known = isJsonObject(row) ? new Map(Object.entries(row)) : null;
  return {
    name: "",
    value: (value) => {
      if (!isJsonObject(value)) return value;
      let fields: JsonObject = value;
      for (const step of steps) {
        const made = new FieldRaiser(schema.name, step).raise("update", fields, known);
        if ("code" in made) return value;
        fields = made.fields;
      }
      return fields;
    },
  };
}

function close(
  review: Map<string, JsonValue>,
  { user, device, now }: { readonly user: string; readonly device: string; readonly now: Millis },
): void {
  review.set("status", "closed");
  review.set("closedAt", now);
  review.set("outcome", { kind: "deleted", candidate: null, value: null, user, device, time: now });
}

/** An entity's values by field, as it is now. */
function migratedRow(row: JsonValue | undefined, schema: CollectionSchema): JsonValue {
  if (!isJsonObject(row) || schema.fields.every(({ name }) => Object.hasOwn(row, name))) return row ?? null;
  const known = evolutionOf(schema).fillIn(new Map(Object.entries(row)));
  const fields = schema.fields.map(({ name, default: preset }): [string, JsonValue] => [
    name,
    known.get(name) ?? preset ?? null,
  ]);
  return { ...(row["id"] === undefined ? {} : { id: row["id"] }), ...Object.fromEntries(fields) };
}
