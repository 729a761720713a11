/**
 * Entities of older versions: one that was stored before its collection had all of its columns, as it is in this version.
 * A field that came from another has that one's last write, so that whoever wrote the old one without having seen it
 * conflicts with it as before.
 */
import {
  type CollectionSchema,
  type Columns,
  completeRow,
  type EntityState,
  evolutionOf,
  type FieldSchema,
  type FieldWrite,
  type JsonValue,
  type Step,
} from "@tidelock/core";

/** What of an entity has a place in every column, or a name of one. */
interface Content {
  readonly values: readonly JsonValue[];
  readonly writes: readonly (FieldWrite | undefined)[];
  readonly memory: EntityState["memory"];
}

/**
 * The same entity when it is so already.
 * @param failed hears of values that could not be made: they have their field's default
 */
export function upcast(
  state: EntityState,
  columns: Columns,
  schema: CollectionSchema,
  failed?: (problem: string) => void,
): EntityState {
  const { buried, values } = state;
  const isShort = (part: readonly JsonValue[] | undefined): boolean =>
    (part?.length ?? columns.length) < columns.length;
  if (values !== null && isShort(values)) return { ...state, ...whole({ ...state, values }, columns, schema, failed) };
  if (buried !== null && isShort(buried.values)) return { ...state, buried: whole(buried, columns, schema, failed) };
  return state;
}

function whole<Part extends Content>(
  part: Part,
  columns: Columns,
  schema: CollectionSchema,
  failed?: (problem: string) => void,
): Part {
  const known = part.values.length;
  const values = completeRow(part.values, columns, schema, failed);
  if (schema.evolution === undefined) return { ...part, values };
  const writes = columns.map((_, column) => part.writes[column]);
  let memory = part.memory;
  for (const step of schema.evolution.steps) {
    for (const { from, to } of step.lenses) {
      const last = latestOf(from.map(({ name }) => writes[columns.indexOf(name)]));
      for (const { name } of to) if (columns.indexOf(name) >= known) writes[columns.indexOf(name)] = last;
    }
    memory = renamedMemory(memory, step);
  }
  for (const { name } of derivedFields(schema)) writes[columns.indexOf(name)] = undefined;
  return { ...part, values, writes, memory };
}

/** Fields that only devices of the version before have, and that follow from others. */
export function derivedFields(schema: CollectionSchema): readonly FieldSchema[] {
  return evolutionOf(schema).lastStep?.lenses.flatMap(({ from }) => from) ?? [];
}

function latestOf(writes: readonly (FieldWrite | undefined)[]): FieldWrite | undefined {
  return writes.reduce((latest, write) => {
    if (write === undefined) return latest;
    return latest === undefined || write.offset > latest.offset ? write : latest;
  }, undefined);
}

/** What the policy of a renamed field remembers goes by its new name. */
function renamedMemory(memory: EntityState["memory"], { lenses }: Step): EntityState["memory"] {
  if (memory.size === 0) return memory;
  const moved = new Map(memory);
  for (const { isRename, from, to } of lenses) {
    const [old, now] = [from[0]?.name ?? "", to[0]?.name ?? ""];
    const remembered = moved.get(old);
    if (remembered === undefined) continue;
    moved.delete(old);
    if (isRename && !moved.has(now)) moved.set(now, remembered);
  }
  return moved;
}
