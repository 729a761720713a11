/** What became of the elements of a set or a list of plain values, and of the items of a list that are known by id. */
import { isJsonObject, type JsonObject, type JsonValue, sameJson } from "@tidelock/core";

export interface ElementState<Element> {
  readonly element: Element;
  readonly state: "same" | "added" | "removed" | "changed";
}

/** Sets: in the order of what is there now, with what is gone behind it. Without a `before`, everything is the same. */
export function diffElements(
  before: readonly JsonValue[] | undefined,
  after: readonly JsonValue[],
): ReadonlyArray<ElementState<JsonValue>> {
  if (before === undefined) return after.map((element) => ({ element, state: "same" }));
  const holds = (list: readonly JsonValue[], wanted: JsonValue): boolean => list.some((each) => sameJson(each, wanted));
  return [
    ...after.map((element) => ({ element, state: holds(before, element) ? ("same" as const) : ("added" as const) })),
    ...before.filter((element) => !holds(after, element)).map((element) => ({ element, state: "removed" as const })),
  ];
}

/** Lists of items with an `id`; `null` when they are none. */
export function diffItems(
  before: readonly JsonValue[] | undefined,
  after: readonly JsonValue[],
): ReadonlyArray<ElementState<JsonObject>> | null {
  if (!areItems(after) || (before !== undefined && !areItems(before))) return null;
  if (before === undefined) return after.map((element) => ({ element, state: "same" }));
  const old = new Map(before.map((item) => [item["id"], item]));
  const kept = new Set(after.map((item) => item["id"]));
  return [
    ...after.map((element) => {
      const known = old.get(element["id"]);
      const state = known === undefined ? "added" : sameJson(known, element) ? "same" : "changed";
      return { element, state } as const;
    }),
    ...before.filter((item) => !kept.has(item["id"])).map((element) => ({ element, state: "removed" as const })),
  ];
}

function areItems(list: readonly JsonValue[]): list is readonly JsonObject[] {
  return list.length > 0 && list.every((item) => isJsonObject(item) && typeof item["id"] === "string");
}
