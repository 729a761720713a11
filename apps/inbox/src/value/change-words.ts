/** A change that was written to a field whose writes are merged by intent, in words: “adds urgent; removes later”. */
import { type FieldSchema, isJsonObject, type JsonValue } from "@tidelock/core";
import { listed } from "./names.ts";

const SHOWN = 8;

/** `null` when the value is no change but what the field shall have. */
export function changeWords({ type }: Pick<FieldSchema, "type">, value: JsonValue): string | null {
  if (!isJsonObject(value)) return null;
  switch (type) {
    case "counter": {
      const { add } = value;
      if (typeof add !== "number") return null;
      return add < 0 ? `subtracts ${-add}` : `adds ${add}`;
    }
    case "set":
      return [part("adds", value["add"]), part("removes", value["remove"])].filter((text) => text !== "").join("; ");
    case "list": {
      const { ops } = value;
      return Array.isArray(ops) ? stepWords(ops) : null;
    }
    default:
      return null;
  }
}

function part(verb: string, elements: JsonValue | undefined): string {
  if (!Array.isArray(elements) || elements.length === 0) return "";
  const more = elements.length - SHOWN;
  const words = elements.slice(0, SHOWN).map(String);
  return `${verb} ${listed(more > 0 ? [...words, `${more} more`] : words)}`;
}

const VERBS: ReadonlyArray<readonly [step: string, verb: string]> = [
  ["insert", "adds"],
  ["edit", "edits"],
  ["move", "moves"],
  ["remove", "removes"],
];

function stepWords(steps: readonly JsonValue[]): string {
  const parts = VERBS.flatMap(([step, verb]) => {
    const count = steps.filter((each) => Array.isArray(each) && each[0] === step).length;
    return count === 0 ? [] : [`${verb} ${count} ${count === 1 ? "item" : "items"}`];
  });
  return parts.length === 0 ? "changes nothing" : listed(parts);
}
