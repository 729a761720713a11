/** Names for people: of collections, fields, entities, devices. Whatever a schema calls them, they come out readable. */
import type { CollectionSchema, JsonObject, JsonValue } from "@tidelock/core";

/** `dueAt` → “Due at”, `price_cents` → “Price cents”, `skills.2fa` → “Skills 2fa”. */
export function readable(name: string): string {
  const words = name
    .replaceAll(/([\p{Ll}\d])(\p{Lu})/gu, "$1 $2")
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
    .split(/[\s_.-]+/)
    .filter((word) => word !== "")
    .map((word) => (/^\p{Lu}{2,}$/u.test(word) ? word : word.toLowerCase()));
  const text = words.join(" ");
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** What fields that name their entity are usually called, the most telling first. */
const TITLES = [
  "title",
  "name",
  "label",
  "subject",
  "headline",
  "summary",
  "displayName",
  "fullName",
  "number",
  "code",
];
const MAX_TITLE_LENGTH = 200;

/** What an entity is called: its title or name, else its first text, else the end of its id. */
export function entityTitle(collection: CollectionSchema | undefined, row: JsonObject): string {
  const texts = collection?.fields.filter(({ type }) => type === "string").map(({ name }) => name) ?? [];
  for (const name of [...TITLES, ...texts]) {
    const text = textOf(row[name]);
    if (text !== null) return text;
  }
  return shortId(String(row["id"] ?? ""));
}

function textOf(value: JsonValue | undefined): string | null {
  if (typeof value !== "string") return null;
  const text = value.trim().replaceAll(/\s+/g, " ");
  return text === "" ? null : cut(text, MAX_TITLE_LENGTH);
}

const LONG_ID = 16;
const ID_END = 6;

/** The end of a long id, where ids that were made at the same time differ. */
export function shortId(id: string): string {
  return id.length <= LONG_ID ? id : `…${id.slice(-ID_END)}`;
}

/** The beginning of a text, with whole characters, and a sign when there is more. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const characters = [...text.slice(0, length + 1)];
  return `${characters.slice(0, -1).join("").trimEnd()}…`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[]): string {
  return LIST.format(words);
}

const LIST = new Intl.ListFormat("en");

/** A sentence that a machine made: with a capital letter and a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  return `${trimmed.slice(0, 1).toUpperCase()}${trimmed.slice(1)}${/[.!?…]$/.test(trimmed) ? "" : "."}`;
}
