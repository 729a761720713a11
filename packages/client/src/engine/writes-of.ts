/**
 * What a mutation writes here: its own entity, or, for a call or a decision, the entities of its effects. A mutation that
 * lost against a delete, or waits for a person with the whole entity, writes nothing any more.
 */
import type { EntityId, FieldValues, MutatorEffect } from "@tidelock/core";
import type { StoredMutation } from "./records.ts";

/** One write of one entity. */
export interface EntityWrite {
  readonly operation: string;
  readonly fields: FieldValues;
}

type Written = Pick<StoredMutation, "operation" | "collection" | "entity" | "effects">;

/** Every entity that a mutation writes, or wrote before it lost: once each. */
export function entitiesOf(mutation: Written): ReadonlyArray<readonly [collection: string, id: EntityId]> {
  const { effects, collection, entity } = mutation;
  if (effects === undefined) return isPlain(mutation) ? [[collection, entity]] : [];
  const found = new Map(effects.map((effect) => [`${effect.collection}/${effect.entity}`, effect]));
  return [...found.values()].map((effect: MutatorEffect) => [effect.collection, effect.entity] as const);
}

/** What a mutation writes to one entity, in order. */
export function writesOn(mutation: StoredMutation, collection: string, id: EntityId): readonly EntityWrite[] {
  if (mutation.state === "decided" && isLost(mutation)) return [];
  const { effects } = mutation;
  if (effects === undefined) return isPlain(mutation) ? [shownWrite(mutation)] : [];
  return effects.filter((effect) => effect.collection === collection && effect.entity === id);
}

function shownWrite({ operation, fields, shown }: StoredMutation): EntityWrite {
  return { operation, fields: shown ?? fields };
}

function isPlain({ operation }: Written): boolean {
  return operation === "create" || operation === "update" || operation === "delete";
}

/** Whether all of it lost, or waits for a person. */
function isLost({ detail, effects }: StoredMutation): boolean {
  if (effects !== undefined) return false;
  return (detail?.conflicts ?? []).some(({ field, winner }) => field === null && winner !== "incoming");
}
