/**
 * A value while a person edits it: what the inputs hold, and what that means. A value that cannot be sent is told why, in
 * the words of the schema.
 */
import { type FieldSchema, fieldProblem, type JsonValue } from "@tidelock/core";
import { prettyJson } from "./pretty-json.ts";
import { inputMoment, parseInputMoment } from "./times.ts";

export interface EditorInput {
  readonly text: string;
  /** The field shall have no value. */
  readonly isNothing: boolean;
}

export type Parsed =
  | { readonly kind: "value"; readonly value: JsonValue }
  | { readonly kind: "problem"; readonly problem: string };

/** Fields whose writes are merged by intent are never decided as a whole; types that this page does not know neither. */
export function isEditable({ type }: FieldSchema): boolean {
  return !["set", "list", "counter"].includes(type) && startsFrom(type) !== null;
}

/** What an input of each type starts from when there is no value; `null` for types that are not known here. */
function startsFrom(type: string): string | null {
  switch (type) {
    case "string":
    case "number":
    case "integer":
    case "timestamp":
    case "reference":
    case "enum":
      return "";
    case "boolean":
      return "false";
    case "json":
      return "null";
    default:
      return null;
  }
}

export function inputOf(field: FieldSchema, value: JsonValue): EditorInput {
  if (value === null && field.type !== "json") return { text: startsFrom(field.type) ?? "", isNothing: true };
  return { text: textOf(field, value), isNothing: false };
}

function textOf(field: FieldSchema, value: JsonValue): string {
  if (field.type === "json") return prettyJson(value);
  if (field.type === "timestamp" && typeof value === "number") return inputMoment(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function parseInput(field: FieldSchema, input: EditorInput): Parsed {
  if (input.isNothing) return checked(field, null);
  const text = input.text.trim();
  switch (field.type) {
    case "string":
      return checked(field, input.text);
    case "number":
    case "integer":
      return text === ""
        ? problem("Write a number.")
        : checked(field, Number(text.replace(/^(-?\d+),(\d+)$/, "$1.$2")));
    case "timestamp": {
      const millis = parseInputMoment(text);
      return millis === null ? problem("Choose a date and a time.") : checked(field, millis);
    }
    case "boolean":
      return checked(field, text === "true");
    case "enum":
      return text === "" ? problem("Choose one.") : checked(field, input.text);
    case "json":
      return parseJson(field, input.text);
    default:
      return checked(field, text);
  }
}

function parseJson(field: FieldSchema, text: string): Parsed {
  try {
    return checked(field, JSON.parse(text) as JsonValue);
  } catch (error) {
    return problem(`This is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function checked(field: FieldSchema, value: JsonValue): Parsed {
  const found = fieldProblem(field, value);
  return found === null ? { kind: "value", value } : problem(`It ${found}.`);
}

function problem(text: string): Parsed {
  return { kind: "problem", problem: text };
}
