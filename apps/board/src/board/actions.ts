/** Everything that can be done to the board, as writes of the client; each is shown at once and followed to its end. */
import type { CreateOf, JsonValue, UpdateOf } from "@tidelock/core";
import type { Person } from "../session/person.ts";
import type { BoardClient } from "../session/open-client.ts";
import type { schema, Status, Task, TaskComment } from "../schema.ts";
import type { Notices } from "../sync/notices.ts";
import { followWrite, type OutcomeContext } from "../sync/outcome.ts";

type TaskValues = CreateOf<typeof schema, "tasks">;
type TaskChange = UpdateOf<typeof schema, "tasks">;

export interface BoardActions {
  /** Returns the new card's id. */
  addTask(values: Pick<TaskValues, "title" | "status" | "position">): string;
  change(id: string, values: TaskChange): void;
  move(id: string, status: Status, position: string): void;
  /** Deletes a card with its comments, and offers to undo that. */
  remove(task: Task, comments: readonly TaskComment[]): void;
  comment(task: string, text: string): void;
  removeComment(id: string): void;
}

export function boardActions(client: BoardClient, notices: Notices, person: () => Person): BoardActions {
  const outcome: OutcomeContext = {
    notices,
    titleOf: (id) => client.tasks.get(id)?.title ?? "a card",
    write: (id, field, value) => change(id, { [field]: value } as Record<string, JsonValue> as TaskChange),
    restore: (id) => {
      const task = client.tasks.get(id);
      return task === undefined ? null : () => void client.tasks.create(withoutId(task));
    },
  };
  const change = (id: string, values: TaskChange): void => followWrite(outcome, client.tasks.update(id, values));
  return {
    addTask(values) {
      const write = client.tasks.create({ ...values, createdBy: person().name, createdAt: Date.now() });
      followWrite(outcome, write);
      return write.id;
    },
    change,
    move(id, status, position) {
      const task = client.tasks.get(id);
      if (task === undefined) return;
      change(id, task.status === status ? { position } : { status, position });
    },
    remove(task, comments) {
      client.transaction((transaction) => {
        for (const { id } of comments) transaction.comments.delete(id);
        transaction.tasks.delete(task.id);
      });
      notices.add({
        title: `Deleted “${task.title}”`,
        actions: [{ label: "Undo", run: () => putBack(client, task, comments) }],
      });
    },
    comment(task, text) {
      client.comments.create({ task, text, author: person().name, writtenAt: Date.now() });
    },
    removeComment(id) {
      client.comments.delete(id);
    },
  };
}

/** Deleted stays deleted: what comes back is another card with the same content. */
function putBack(client: BoardClient, task: Task, comments: readonly TaskComment[]): void {
  client.transaction((transaction) => {
    const id = transaction.tasks.create(withoutId(task));
    for (const { author, text, writtenAt } of comments)
      transaction.comments.create({ task: id, author, text, writtenAt });
  });
}

function withoutId({ id: _id, ...values }: Task): TaskValues {
  return values;
}
