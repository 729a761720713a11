/** A value in a few words, for lists, buttons and notices: plain text, whatever it is. */
import { type FieldSchema, isJsonObject, type JsonValue, sameJson } from "@tidelock/core";
import { cut, readable, shortId } from "./names.ts";
import { isMoment, momentParts, momentText } from "./times.ts";

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
  if (field?.type === "enum") return readable(value);
  if (field?.type === "reference") return shortId(value);
  const text = value.trim().replaceAll(/\s+/g, " ");
  return text === "" ? "empty text" : cut(text, length);
}

function briefList(values: readonly JsonValue[]): string {
  if (values.length === 0) return "empty list";
  if (values.every((value) => typeof value === "string" || typeof value === "number")) return values.join(", ");
  return `${values.length} ${values.length === 1 ? "item" : "items"}`;
}

/**
 * Several values of one field in a few words each, so that they can be told apart: texts that begin alike begin where they
 * differ, moments of one day are times, and of objects only the members that differ are named.
 */
export function briefValues(
  field: FieldSchema | undefined,
  values: readonly JsonValue[],
  length: number = DEFAULT_LENGTH,
): readonly string[] {
  const told = field?.type === "timestamp" ? toldMoments(values) : (toldTexts(values) ?? toldObjects(values));
  return values.map((value, index) => {
    const words = told?.[index];
    return words === undefined ? briefValue(field, value, length) : cut(words, length);
  });
}

const SAME_START = 18;
const LEAD = 8;

/** `null` when they need no help, or are no texts. */
function toldTexts(values: readonly JsonValue[]): readonly string[] | null {
  if (values.length < 2 || !values.every((value) => typeof value === "string")) return null;
  const texts = values.map((value) => value.trim().replaceAll(/\s+/g, " "));
  const [first = "", ...others] = texts;
  let same = 0;
  while (same < first.length && others.every((text) => text[same] === first[same])) same += 1;
  const blank = same < SAME_START ? -1 : first.lastIndexOf(" ", same - LEAD);
  return blank < 0 ? null : texts.map((text) => `…${text.slice(blank + 1)}`);
}

/** Times where all are of one day; else days, with times only where one of them is not midnight. */
function toldMoments(values: readonly JsonValue[]): ReadonlyArray<string | undefined> {
  const moments = values.filter((value) => typeof value === "number").filter(isMoment);
  if (moments.length < 2) return [];
  const parts = moments.map(momentParts);
  const isOneDay = parts.every(([day]) => day === parts[0]?.[0]);
  const isMidnight = parts.every(([, time]) => time === "00:00");
  const year = `, ${new Date(moments[0] ?? 0).getFullYear()}`;
  const isOneYear = parts.every(([day]) => day.endsWith(year));
  return values.map((value) => {
    if (typeof value !== "number" || !isMoment(value)) return undefined;
    const [day, time] = momentParts(value);
    const shortDay = isOneYear ? day.slice(0, -year.length) : day;
    return isOneDay ? time : isMidnight ? shortDay : `${shortDay}, ${time}`;
  });
}

function toldObjects(values: readonly JsonValue[]): readonly string[] | null {
  if (values.length < 2 || !values.every(isJsonObject)) return null;
  const names = [...new Set(values.flatMap((value) => Object.keys(value)))];
  const different = names.filter((name) =>
    values.some((value) => !sameJson(value[name] ?? null, values[0]?.[name] ?? null)),
  );
  return values.map((value) =>
    different
      .map((name) => `${readable(name).toLowerCase()} ${briefValue(undefined, value[name] ?? null, 20)}`)
      .join(", "),
  );
}

/** What a whole-entity candidate wrote, in a few words: “deletes it”, “changes Price and Note”. */
export function briefChange(value: JsonValue): string {
  if (value === null) return "deletes it";
  const names = isJsonObject(value) ? Object.keys(value).map(readable) : [];
  if (names.length === 0) return "changes it";
  return cut(`changes ${names.join(", ")}`, DEFAULT_LENGTH);
}
