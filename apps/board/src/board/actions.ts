/** Everything that can be done to the board, as writes of the client; each is shown at once and followed to its end. */
import type { Restorable, ReviewDecision, Write } from "@tidelock/client";
import { change, type CreateOf, type JsonValue, TidelockError, type UpdateOf } from "@tidelock/core";
import type { schema, Status, Step, Task, TaskComment } from "../schema.ts";
import type { BoardClient } from "../session/open-client.ts";
import type { Person } from "../session/person.ts";
import type { Notices } from "../sync/notices.ts";
import { quoted, STATUS_NAMES } from "../sync/words.ts";
import { openCard, openedCard } from "./route.ts";

type TaskValues = CreateOf<typeof schema, "tasks">;
type TaskChange = UpdateOf<typeof schema, "tasks">;

export interface BoardActions {
  /** Returns the new card's id. */
  addTask(values: Pick<TaskValues, "title" | "status" | "position">): string;
  change(id: string, values: TaskChange): void;
  /** Writes a value that a field had once. */
  putValueBack(id: string, field: string, value: JsonValue): void;
  /** To Done only when nothing on the checklist is open. */
  move(id: string, status: Status, position: string): void;
  /** Deletes a card with its comments, and offers to undo that. */
  remove(task: Task, comments: readonly TaskComment[]): void;
  comment(task: string, text: string): void;
  removeComment(id: string): void;
  readonly steps: StepActions;
  /** Decides a review, or says why that cannot be. */
  decide(review: string, decision: ReviewDecision): void;
  /** Writes the value of a conflict that did not stand, again. */
  restore(conflict: Restorable & { readonly key: string }): void;
  /** Brings a card back that was deleted elsewhere while it was changed here; `null` when it is not known any more. */
  bringBack(id: string): (() => void) | null;
}

/** What can be done to a card's checklist. */
export interface StepActions {
  /** Puts items behind `after`, or at the start. */
  add(task: string, texts: readonly string[], after: string | null): void;
  tick(task: string, step: string, done: boolean): void;
  reword(task: string, step: string, text: string): void;
  move(task: string, step: string, after: string | null): void;
  /** Offers to undo it. @param after the item that it stands behind */
  remove(task: string, step: Step, after: string | null): void;
}

export function boardActions(client: BoardClient, notices: Notices, person: () => Person): BoardActions {
  /** Cards as they were when they were changed last, for those that turn out to be deleted. */
  const changed = new Map<string, Task>();
  const tellUnsaved = (write: Pick<Write, "saved">): void => {
    write.saved.catch((error: unknown) => notices.add(unsavedNotice(error)));
  };
  const update = (id: string, values: TaskChange): void => {
    const task = client.tasks.get(id);
    if (task !== undefined) changed.set(id, task);
    tellUnsaved(client.tasks.update(id, values));
  };
  const close = (task: Task, position: string): void => {
    const { id, title, status } = task;
    client.mutate.closeCard({ task: id, position }).saved.catch((error: unknown) => {
      if (!(error instanceof TidelockError) || error.code !== "mutator-refused")
        return notices.add(unsavedNotice(error));
      notices.add({
        tone: "problem",
        title: `${quoted(title)} stays in ${STATUS_NAMES[status]}`,
        text: `${error.detail}.`,
        actions: openedCard() === id ? [] : [{ label: "Open the card", run: () => openCard(id) }],
      });
    });
  };
  return {
    addTask(values) {
      const write = client.tasks.create({ ...values, createdBy: person().name, createdAt: Date.now() });
      tellUnsaved(write);
      return write.id;
    },
    change: update,
    putValueBack: (id, field, value) => update(id, { [field]: value } as Record<string, JsonValue> as TaskChange),
    move(id, status, position) {
      const task = client.tasks.get(id);
      if (task === undefined) return;
      if (task.status === status) update(id, { position });
      else if (status === "done") close(task, position);
      else update(id, { status, position });
    },
    remove(task, comments) {
      client.transaction((transaction) => {
        for (const { id } of comments) transaction.comments.delete(id);
        transaction.tasks.delete(task.id);
      });
      notices.add({
        title: `Deleted ${quoted(task.title)}`,
        actions: [{ label: "Undo", run: () => putBack(client, task, comments) }],
      });
    },
    comment(task, text) {
      client.comments.create({ task, text, author: person().name, writtenAt: Date.now() });
    },
    removeComment(id) {
      client.comments.delete(id);
    },
    steps: stepActions(update, notices),
    decide(review, decision) {
      try {
        tellUnsaved(client.conflicts.decide(review, decision));
      } catch (error) {
        notices.add({ tone: "problem", title: "This cannot be decided", text: messageOf(error) });
      }
    },
    restore(conflict) {
      client.conflicts.dismiss(conflict.key);
      try {
        tellUnsaved(client.conflicts.restore(conflict));
      } catch (error) {
        notices.add({ tone: "problem", title: "This cannot be brought back", text: messageOf(error) });
      }
    },
    bringBack(id) {
      const task = changed.get(id);
      return task === undefined ? null : () => void client.tasks.create(withoutId(task));
    },
  };
}

function stepActions(update: BoardActions["change"], notices: Notices): StepActions {
  return {
    add(task, texts, after) {
      let previous = after;
      const items = texts.map((text) => {
        const id = crypto.randomUUID();
        const insertion = change.insertItem({ id, text, done: false }, previous);
        previous = id;
        return insertion;
      });
      update(task, { steps: change.all(...items) });
    },
    tick: (task, step, done) => update(task, { steps: change.editItem(step, { done }) }),
    reword: (task, step, text) => update(task, { steps: change.editItem(step, { text }) }),
    move: (task, step, after) => update(task, { steps: change.moveItem(step, after) }),
    remove(task, step, after) {
      update(task, { steps: change.removeItem(step.id) });
      notices.add({
        title: `Removed ${quoted(step.text)}`,
        actions: [{ label: "Undo", run: () => update(task, { steps: change.insertItem({ ...step }, after) }) }],
      });
    },
  };
}

function unsavedNotice(error: unknown): Parameters<Notices["add"]>[0] {
  return { tone: "problem", title: "This change could not be saved on this device", text: messageOf(error) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
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
