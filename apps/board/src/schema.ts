/**
 * The board's data, shared by the page and by the server. Tasks get their ids on the device; comments get theirs from the
 * server, so that a comment written offline lives under a temporary id until it has been sent.
 */
import { collection, defineSchema, type EntityOf, field } from "@tidelock/core";

export const STATUSES = ["backlog", "todo", "doing", "review", "done"] as const;
export const PRIORITIES = ["low", "normal", "high", "urgent"] as const;

export const schema = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string(),
      notes: field.string().default(""),
      status: field.enum(STATUSES).default("backlog"),
      /** Where the card stands among all others: a fraction in base 62, compared as text. */
      position: field.string().default("V"),
      labels: field.json<readonly string[]>().default([]),
      assignee: field.string().optional(),
      priority: field.enum(PRIORITIES).default("normal"),
      dueAt: field.timestamp().optional(),
      createdBy: field.string().optional(),
      createdAt: field.timestamp().optional(),
    }),
    comments: collection(
      {
        task: field.reference("tasks"),
        author: field.string(),
        text: field.string(),
        writtenAt: field.timestamp(),
      },
      { ids: "server" },
    ),
  },
});

export type Task = EntityOf<typeof schema, "tasks">;
export type TaskComment = EntityOf<typeof schema, "comments">;
export type Status = (typeof STATUSES)[number];
export type Priority = (typeof PRIORITIES)[number];
