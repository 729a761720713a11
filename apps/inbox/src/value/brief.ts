/** A value in a few words, for lists, buttons and notices: plain text, whatever it is. */
import { type FieldSchema, isJsonObject, type JsonValue } from "@tidelock/core";
import { cut, readable, shortId } from "./names.ts";
import { momentText } from "./times.ts";

const DEFAULT_LENGTH = 60;
const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 20 });

/** @param field `undefined` when the schema does not know it (any more) */
export function briefValue(field: FieldSchema | undefined, value: JsonValue, length: number = DEFAULT_LENGTH): string {
  if (value === null) return "nothing";
  switch (typeof value) {
    case "boolean":
      return value ? "yes" : "no";
    case "number":
      return field?.type === "timestamp" ? momentText(value) : numberText(value);
    case "string":
      return briefText(field, value, length);
    default:
      return cut(Array.isArray(value) ? briefList(value) : JSON.stringify(value), length);
  }
}

export function numberText(value: number): string {
  return NUMBER.format(value);
}

function briefText(field: FieldSchema | undefined, value: string, length: number): string {
  if (field?.type === "enum") return value;
  if (field?.type === "reference") return shortId(value);
  const text = value.trim().replaceAll(/\s+/g, " ");
  return text === "" ? "empty text" : cut(text, length);
}

function briefList(values: readonly JsonValue[]): string {
  if (values.length === 0) return "empty list";
  if (values.every((value) => typeof value === "string" || typeof value === "number")) return values.join(", ");
  return `${values.length} ${values.length === 1 ? "item" : "items"}`;
}

/** What a whole-entity candidate wrote, in a few words: “deletes it”, “changes Price and Note”. */
export function briefChange(value: JsonValue): string {
  if (value === null) return "deletes it";
  const names = isJsonObject(value) ? Object.keys(value).map(readable) : [];
  if (names.length === 0) return "changes it";
  return cut(`changes ${names.join(", ")}`, DEFAULT_LENGTH);
}
