/** Changes, fields and values, as people say them. */
import type { FieldValues } from "@tidelock/core";
import type { OutboxEntry } from "@tidelock/client";
import { PRIORITIES, STATUSES, type Priority, type Status } from "../schema.ts";

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

const FIELD_NAMES: Readonly<Record<string, string>> = {
  title: "title",
  notes: "notes",
  status: "column",
  position: "place",
  labels: "labels",
  assignee: "assignee",
  priority: "priority",
  dueAt: "due date",
};

export function fieldName(field: string): string {
  return FIELD_NAMES[field] ?? field;
}

const DATE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export function dateText(millis: number): string {
  return DATE.format(millis);
}

/** A field's value within a sentence. */
export function valueText(field: string, value: unknown): string {
  if (value === null || value === "") return "nothing";
  if (field === "dueAt" && typeof value === "number") return dateText(value);
  if (field === "status" && isStatus(value)) return STATUS_NAMES[value];
  if (field === "priority" && isPriority(value)) return PRIORITY_NAMES[value];
  if (Array.isArray(value)) return value.length === 0 ? "nothing" : value.join(", ");
  const text = String(value);
  return `“${text.length > 60 ? `${text.slice(0, 57)}…` : text}”`;
}

function isStatus(value: unknown): value is Status {
  return STATUSES.some((status) => status === value);
}
function isPriority(value: unknown): value is Priority {
  return PRIORITIES.some((priority) => priority === value);
}

/** What a mutation does: `{ verb: "Moved to", object: "Doing" }`. */
export function changeText({
  operation,
  collection,
  fields,
}: Pick<OutboxEntry, "operation" | "collection" | "fields">): string {
  if (collection === "comments")
    return operation === "delete" ? "Removed a comment" : `Commented ${valueText("text", fields["text"])}`;
  switch (operation) {
    case "create":
      return "Added the card";
    case "delete":
      return "Deleted the card";
    case "update":
      return updateText(fields);
    case "call":
      return collection === "closeCard" ? "Moved to Done" : "Said who you are";
    case "decide":
      return "Decided what stands";
    case "void":
      return "Took a change back";
  }
}

function updateText(fields: FieldValues): string {
  const names = Object.keys(fields);
  if (names.includes("status")) return `Moved to ${valueText("status", fields["status"])}`;
  const [name = ""] = names;
  if (name === "position") return "Moved within the column";
  if (name === "title") return `Renamed to ${valueText("title", fields["title"])}`;
  if (name === "notes") return "Rewrote the notes";
  return `Set ${names.map((each) => `${fieldName(each)} to ${valueText(each, fields[each])}`).join(", ")}`;
}
