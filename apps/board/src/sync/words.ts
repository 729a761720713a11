/** Fields, values and changes, as people say them. */
import type { FieldValues } from "@tidelock/core";
import type { OutboxEntry } from "@tidelock/client";
import { PRIORITIES, type Priority, type Role, STATUSES, type Status, type Step } from "../schema.ts";
import type { BoardClient } from "../session/open-client.ts";

export const STATUS_NAMES: Readonly<Record<Status, string>> = {
  backlog: "Backlog",
  todo: "To do",
  doing: "Doing",
  review: "Review",
  done: "Done",
};

export const PRIORITY_NAMES: Readonly<Record<Priority, string>> = {
  low: "Low",
  normal: "Normal",
  high: "High",
  urgent: "Urgent",
};

export const ROLE_NAMES: Readonly<Record<Role, string>> = { member: "Member", lead: "Lead" };

const FIELD_NAMES: Readonly<Record<string, string>> = {
  title: "title",
  notes: "notes",
  status: "column",
  position: "place",
  labels: "labels",
  assignee: "assignee",
  priority: "priority",
  dueAt: "due date",
  steps: "checklist",
  asked: "count",
};

export function fieldName(field: string): string {
  return FIELD_NAMES[field] ?? field;
}

const DATE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

export function dateText(millis: number): string {
  return DATE.format(millis);
}

/** With the day of the week, for a date that is to be chosen. */
export function dayText(millis: number): string {
  return DAY.format(millis);
}

const LONGEST_QUOTE = 60;

export function quoted(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, " ");
  return `“${line.length > LONGEST_QUOTE ? `${line.slice(0, LONGEST_QUOTE - 1).trimEnd()}…` : line}”`;
}

export function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** A field's value within a sentence. */
export function valueText(field: string, value: unknown): string {
  if (value === null || value === undefined || value === "") return field === "dueAt" ? "no date" : "nothing";
  if (field === "dueAt" && typeof value === "number") return dateText(value);
  if (field === "status" && isStatus(value)) return quoted(STATUS_NAMES[value]);
  if (field === "priority" && isPriority(value)) return quoted(PRIORITY_NAMES[value]);
  if (field === "assignee") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "nothing" : value.map(String).join(", ");
  return quoted(typeof value === "object" ? JSON.stringify(value) : String(value));
}

function isStatus(value: unknown): value is Status {
  return STATUSES.some((status) => status === value);
}
function isPriority(value: unknown): value is Priority {
  return PRIORITIES.some((priority) => priority === value);
}

type Entry = Pick<OutboxEntry, "operation" | "collection" | "id" | "fields">;

/** The card that a change is about, by its id. */
export function taskOf(client: BoardClient, { operation, collection, id, fields }: Entry): string | null {
  if (operation === "decide") return client.conflicts.reviews.get(id)?.entity ?? null;
  if (operation !== "call" && collection === "tasks") return id;
  const task = fields["task"] ?? (collection === "comments" ? client.comments.get(id)?.task : undefined);
  return typeof task === "string" ? task : null;
}

/** What a mutation does, such as “Moved it to Doing”. */
export function changeText(client: BoardClient, entry: Entry): string {
  const { operation, collection, id, fields } = entry;
  switch (operation) {
    case "create":
      return collection === "comments" ? `Commented ${valueText("text", fields["text"])}` : "Added the card";
    case "update": {
      if (collection !== "tasks") return "Changed a comment";
      const phrases = writtenPhrases(fields, client.tasks.get(id)?.steps ?? []);
      return capitalized(phrases.join(", ")) || "Changed the card";
    }
    case "delete":
      return collection === "comments" ? "Removed a comment" : "Deleted the card";
    case "call":
      return collection === "closeCard" ? "Moved it to Done" : "Said who you are";
    case "decide": {
      const review = client.conflicts.reviews.get(id);
      const field = review?.field ?? "dueAt";
      const picked = review?.candidates.find((candidate) => candidate.id === fields["candidate"]);
      return `Decided the ${fieldName(field)}: ${valueText(field, picked?.value ?? fields["value"])}`;
    }
    case "void":
      return "Took a change back";
  }
}

/**
 * What was written to a card, one phrase for each field, such as “moved it to Doing”.
 *
 * @param fields values, and changes where changes are merged
 * @param steps the checklist, to call its items by their texts
 */
export function writtenPhrases(fields: FieldValues, steps: readonly Step[]): string[] {
  // A card that goes to another column gets a place there.
  const names = Object.keys(fields).filter((name) => name !== "position" || !Object.hasOwn(fields, "status"));
  return names.flatMap((name) => phrasesOf(name, fields[name] ?? null, steps));
}

function phrasesOf(name: string, value: unknown, steps: readonly Step[]): string[] {
  switch (name) {
    case "title":
      return [`renamed it to ${valueText(name, value)}`];
    case "notes":
      return [value === "" ? "removed the notes" : "rewrote the notes"];
    case "status":
      return [`moved it to ${isStatus(value) ? STATUS_NAMES[value] : String(value)}`];
    case "position":
      return ["moved it within the column"];
    case "assignee":
      return [value === null ? "took the assignee off" : `assigned it to ${String(value)}`];
    case "dueAt":
      return [value === null ? "took the due date off" : `set the due date to ${valueText(name, value)}`];
    case "labels":
      return labelPhrases(value);
    case "steps":
      return stepPhrases(value, steps);
    case "asked":
      return [askedPhrase(value)];
    default:
      return [`set the ${fieldName(name)} to ${valueText(name, value)}`];
  }
}

function labelPhrases(value: unknown): string[] {
  if (Array.isArray(value)) return [`set the labels to ${valueText("labels", value)}`];
  const { add = [], remove = [] } = (value ?? {}) as { add?: readonly string[]; remove?: readonly string[] };
  return [
    ...add.map((label) => `added the label ${quoted(label)}`),
    ...remove.map((label) => `removed the label ${quoted(label)}`),
  ];
}

function askedPhrase(value: unknown): string {
  const { add = 0 } = (value ?? {}) as { add?: number };
  const often = Math.abs(add) === 1 ? "once" : `${Math.abs(add)} times`;
  return add < 0 ? `counted it ${often} less` : `counted that it was asked for ${often} more`;
}

type Operation = readonly [kind: string, id: string, ...rest: readonly unknown[]];

function stepPhrases(value: unknown, steps: readonly Step[]): string[] {
  if (Array.isArray(value)) return ["rewrote the checklist"];
  const { ops = [] } = (value ?? {}) as { ops?: readonly Operation[] };
  const texts = new Map(steps.map(({ id, text }) => [id, text]));
  return ops.map((operation) => stepPhrase(operation, texts));
}

function stepPhrase([kind, id, ...rest]: Operation, texts: ReadonlyMap<string, string>): string {
  const properties = (rest.at(-1) ?? {}) as Partial<Step>;
  const text = texts.get(id) ?? (kind === "insert" ? properties.text : undefined);
  const item = text === undefined ? "an item" : quoted(text);
  switch (kind) {
    case "insert":
      return `added ${item} to the checklist`;
    case "move":
      return `moved ${item} in the checklist`;
    case "remove":
      return `removed ${item} from the checklist`;
    default:
      if (properties.done !== undefined) return properties.done ? `ticked ${item}` : `opened ${item} again`;
      return `reworded ${properties.text === undefined ? item : quoted(properties.text)}`;
  }
}
