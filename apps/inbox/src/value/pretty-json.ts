/** JSON for eyes: what fits on a line is on one, everything else has a line for each member. */
import { isJsonObject, type JsonValue } from "@tidelock/core";

const LINE = 40;

export function prettyJson(value: JsonValue, indent: string = ""): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const parts = isJsonObject(value)
    ? Object.entries(value).map(([name, member]): [string, JsonValue] => [`${JSON.stringify(name)}: `, member])
    : (value as readonly JsonValue[]).map((element): [string, JsonValue] => ["", element]);
  const [open, close] = isJsonObject(value) ? ["{", "}"] : ["[", "]"];
  if (parts.length === 0) return open + close;
  const within = `${indent}  `;
  const lines = parts.map(([name, member]) => name + prettyJson(member, within));
  // Objects in objects are read by their names, which stand below each other.
  const isFlat = lines.every((line) => !line.includes("\n")) && !parts.some(([, member]) => isJsonObject(member));
  const line = lines.join(", ");
  if (isFlat && line.length <= LINE && (!isJsonObject(value) || indent !== "")) {
    return isJsonObject(value) ? `${open} ${line} ${close}` : open + line + close;
  }
  return `${open}\n${lines.map((each) => within + each).join(",\n")}\n${indent}${close}`;
}
