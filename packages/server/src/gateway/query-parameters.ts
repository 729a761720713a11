/**
 * What a reader asks of the decision log, of histories and of reviews: from an address to a query, or a coded error that
 * names the parameter. A parameter that does not exist is refused: passed over, a filter with a slip of the pen would
 * answer with everything.
 */
import { type EntityId, type Offset, parseEntityId, type TidelockError } from "@tidelock/core";
import type { DecisionPlace, Query } from "../engine/input.ts";
import { invalid } from "./body-parts.ts";
import type { PathParts } from "./router.ts";

const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;
const MAX_TEXT = 128;
const PLACE = /^([1-9][0-9]{0,15})\.(0|[1-9][0-9]{0,8})$/;
const WINNERS = ["current", "incoming", "merged", "review"] as const;
const STATUSES = ["open", "closed", "all"] as const;

export function conflictsQuery(asked: URLSearchParams): Query {
  const given = parametersOf(asked, ["collection", "entity", "field", "policy", "winner", "before", "limit"]);
  const before = given.get("before");
  return {
    kind: "conflicts",
    where: {
      collection: textOf(given, "collection"),
      entity: entityOf(given, "entity"),
      field: textOf(given, "field"),
      policy: textOf(given, "policy"),
      winner: wordOf(given, "winner", WINNERS),
      before: before === undefined ? undefined : placeOf(before, nextOf("before")),
    },
    limit: limitOf(given),
  };
}

export function conflictQuery(asked: URLSearchParams, parts: PathParts): Query {
  parametersOf(asked, []);
  const id = parts.get("id") ?? "";
  return { kind: "conflict", place: placeOf(id, invalid("a decision's id is like 42.0", "invalid-id")) };
}

export function historyQuery(asked: URLSearchParams, parts: PathParts): Query {
  const given = parametersOf(asked, ["before", "limit"]);
  const before = given.get("before");
  return {
    kind: "history",
    collection: textOf(parts, "collection") ?? "",
    entity: idOf(parts.get("entity"), "the entity"),
    before: before === undefined ? null : offsetOf(before),
    limit: limitOf(given),
  };
}

export function reviewsQuery(asked: URLSearchParams): Query {
  const given = parametersOf(asked, ["status", "collection", "entity", "assignee", "after", "limit"]);
  return {
    kind: "reviews",
    status: wordOf(given, "status", STATUSES) ?? "open",
    collection: textOf(given, "collection") ?? null,
    entity: entityOf(given, "entity") ?? null,
    // An empty one asks for those that nobody has.
    assignee: given.get("assignee") === "" ? "" : (textOf(given, "assignee") ?? null),
    after: entityOf(given, "after") ?? null,
    limit: limitOf(given),
  };
}

export function reviewQuery(asked: URLSearchParams, parts: PathParts): Query {
  parametersOf(asked, []);
  return { kind: "review", id: reviewIdOf(parts) };
}

export function reviewIdOf(parts: PathParts): EntityId {
  return idOf(parts.get("id"), "the review");
}

/** Each at most once, and none that is not `known`. */
function parametersOf(asked: URLSearchParams, known: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const [name, value] of asked) {
    if (!known.includes(name)) {
      const list = known.length === 0 ? "there are none" : `there are ${known.join(", ")}`;
      throw invalid(`there is no parameter ${JSON.stringify(name.slice(0, 40))}; ${list}`);
    }
    if (given.has(name)) throw invalid(`${name} is there more than once`);
    given.set(name, value);
  }
  return given;
}

type Given = ReadonlyMap<string, string>;

function textOf(given: Given, name: string): string | undefined {
  const text = given.get(name);
  if (text === undefined) return undefined;
  if (text === "" || text.length > MAX_TEXT) throw invalid(`${name} must be text of 1 to ${MAX_TEXT} characters`);
  return text;
}

function wordOf<Word extends string>(given: Given, name: string, words: readonly Word[]): Word | undefined {
  const text = given.get(name);
  if (text === undefined) return undefined;
  const word = words.find((each) => each === text);
  if (word === undefined) throw invalid(`${name} must be ${words.join(", ")}`);
  return word;
}

function entityOf(given: Given, name: string): EntityId | undefined {
  return given.has(name) ? idOf(given.get(name), name) : undefined;
}

function idOf(text: string | undefined, what: string): EntityId {
  const id = parseEntityId(text);
  if (id === null) throw invalid(`${what} must be an entity id`, "invalid-id");
  return id;
}

function limitOf(given: Given): number {
  const text = given.get("limit");
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw invalid(`limit must be a whole number from 1 to ${MAX_LIMIT}`);
  return limit;
}

function offsetOf(text: string): Offset {
  const offset = /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : 0;
  if (offset === 0 || !Number.isSafeInteger(offset)) throw nextOf("before");
  return offset;
}

function placeOf(text: string, otherwise: TidelockError): DecisionPlace {
  const match = PLACE.exec(text);
  const offset = Number(match?.[1]);
  if (!Number.isSafeInteger(offset)) throw otherwise;
  return { offset, index: Number(match?.[2]) };
}

function nextOf(name: string): TidelockError {
  return invalid(`${name} must be the next of an earlier answer`, "version-invalid");
}
