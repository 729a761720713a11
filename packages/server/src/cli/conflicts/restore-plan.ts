/**
 * What brings a value back that lost: the mutation that writes it again, over all that was written since; or why that
 * cannot be, and what can be done instead. Pure.
 */
import { isJsonObject, type JsonObject, type JsonValue, sameJson } from "@tidelock/core";
import type { ConflictRecord, ContenderRecord, HistoryList } from "../../engine/inquiry-records.ts";
import { AdvisedError, UsageError } from "../failure.ts";
import { authorOf, shown, writing } from "./words.ts";

export type Side = "current" | "incoming";

export interface RestoreWrite {
  readonly operation: "update" | "delete";
  readonly payload: JsonObject;
  /** What it does, as a sentence without its end: `write "x" as the title of tasks t1`. */
  readonly does: string;
  /** What goes with it; `null` when that is not known. */
  readonly replaces: string | null;
}

export type RestorePlan = RestoreWrite | { readonly operation: "nothing"; readonly because: string };

/** @param wanted the side to bring back; `undefined`: the one that lost */
export function restorePlan(conflict: ConflictRecord, present: HistoryList, wanted: Side | undefined): RestorePlan {
  const { collection, entity_id: entity, field } = conflict;
  const review = present.reviews[field ?? "*"];
  if (review !== undefined) {
    throw new UsageError(
      `${placeOf(conflict)} waits for a person`,
      `Decide it with: tidelock reviews decide ${review}`,
    );
  }
  const side = conflict[wanted ?? loserOf(conflict)];
  if (field === null) return entityPlan(conflict, present, side);
  if (present.deleted) throw gone(conflict, { [field]: side.value });
  const now = present.fields?.[field] ?? null;
  const what = `write ${shown(side.value)} of ${authorOf(side)} as the ${field} of ${collection} ${entity}`;
  if (isChange(conflict)) {
    return { operation: "update", payload: { [field]: side.value }, does: what, replaces: null };
  }
  if (sameJson(now, side.value)) return already(`the ${field} of ${collection} ${entity} is ${shown(now)}`);
  return { operation: "update", payload: { [field]: side.value }, does: what, replaces: shown(now) };
}

function loserOf({ winner }: ConflictRecord): Side {
  if (winner === "current") return "incoming";
  if (winner === "incoming") return "current";
  const reason =
    winner === "merged"
      ? "the value was made of both: neither lost alone"
      : "the conflict went to review: neither lost";
  throw new UsageError(reason, "Say which one to write with --side current or --side incoming.");
}

/** An update against a delete. */
function entityPlan(
  { collection, entity_id: entity }: ConflictRecord,
  present: HistoryList,
  side: ContenderRecord,
): RestorePlan {
  if (side.value === null) {
    if (present.deleted) return already(`${collection} ${entity} is deleted`);
    return {
      operation: "delete",
      payload: {},
      does: `delete ${collection} ${entity}, as ${authorOf(side)} did`,
      replaces: null,
    };
  }
  const payload = isJsonObject(side.value) ? side.value : {};
  if (present.deleted) throw gone({ collection, entity_id: entity }, payload);
  const does = `write ${writing(null, payload)} of ${authorOf(side)} to ${collection} ${entity}`;
  return { operation: "update", payload, does, replaces: null };
}

function placeOf({ collection, entity_id, field }: ConflictRecord): string {
  return field === null ? `${collection} ${entity_id}` : `the ${field} of ${collection} ${entity_id}`;
}

/** Of fields that are merged the log has changes, not values. */
function isChange({ policy }: ConflictRecord): boolean {
  return policy === "set" || policy === "list" || policy === "counter";
}

function gone(
  { collection, entity_id }: Pick<ConflictRecord, "collection" | "entity_id">,
  values: JsonObject,
): AdvisedError {
  const texts = Object.entries(values).map(([name, value]: [string, JsonValue]) => `${name}=${shown(value)}`);
  return new AdvisedError(
    "entity-deleted",
    `${collection} ${entity_id} has been deleted, and a deleted entity does not come back`,
    `Create a new one with what was written: ${texts.join(" ")}`,
  );
}

function already(what: string): RestorePlan {
  return { operation: "nothing", because: `${what} already` };
}
