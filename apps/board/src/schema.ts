/**
 * The board's data, shared by the page and by the server: what there is, and what becomes of two people who write the same
 * thing without having seen each other's.
 *
 * Most fields take the later write. A priority is settled by rank, a due date by a person, labels and checklists by
 * keeping both sides' changes. A column takes the later write on purpose: a card that waited for a decision could not be
 * moved by anybody.
 */
import { authorRole, collection, defineSchema, type EntityOf, field, review, withMutators } from "@tidelock/core";

export const STATUSES = ["backlog", "todo", "doing", "review", "done"] as const;
export const PRIORITIES = ["low", "normal", "high", "urgent"] as const;
/** The later one's word goes first. */
export const ROLES = ["member", "lead"] as const;

const DAY_MS = 24 * 60 * 60 * 1000;

const tables = defineSchema({
  version: 2,
  collections: {
    /** Tasks get their ids on the device. */
    tasks: collection({
      title: field.string(),
      notes: field.string().default(""),
      status: field.enum(STATUSES).default("backlog"),
      /** Where the card stands among all others: a fraction in base 62, compared as text. */
      position: field.string().default("V"),
      labels: field.set(field.string()),
      assignee: field.string().optional(),
      /** What a lead says goes before what a member says, whoever was later. */
      priority: field
        .enum(PRIORITIES)
        .default("normal")
        .policy(authorRole<Priority>({ claim: "role", order: ROLES })),
      /** Two dates for one card mean that two people planned differently: one of the leads decides. */
      dueAt: field
        .timestamp()
        .optional()
        .policy(review({ dueAfterMs: 7 * DAY_MS, onExpiry: "keep" })),
      /** The checklist. */
      steps: field.list({ text: field.string(), done: field.boolean().default(false) }),
      /** How often passengers asked for it. Every time counts, also when it is counted in two places at once. */
      asked: field.counter(),
      createdBy: field.string().optional(),
      createdAt: field.timestamp().optional(),
    }),
    /** Comments get their ids from the server: one that is written offline lives under a temporary id until it is sent. */
    comments: collection(
      {
        task: field.reference("tasks"),
        author: field.string(),
        text: field.string(),
        writtenAt: field.timestamp(),
      },
      { ids: "server" },
    ),
    /** Who a user is. The id is the user's. */
    people: collection({ name: field.string(), role: field.enum(ROLES) }),
  },
});

export const schema = withMutators(tables, (mutator) => ({
  /**
   * Moves a card to Done. Nothing that is left to do may be on its checklist, and that is looked at where everybody's
   * changes come together: a device that was offline may not know of an item that was added meanwhile.
   */
  closeCard: mutator({
    args: { task: field.reference("tasks"), position: field.string() },
    run(tx, { task: id, position }, { refuse }) {
      const task = tx.tasks.get(id);
      if (task === undefined) return refuse("The card has been deleted");
      const left = openSteps(task).length;
      if (left > 0) refuse(`${left} of ${task.steps.length} checklist items ${left === 1 ? "is" : "are"} still open`);
      tx.tasks.update(id, { status: "done", position });
    },
  }),
  /** Writes down who the user is, as the token says. Only the server sees the token. */
  introduce: mutator({
    args: {},
    run(tx, _args, { user, claims: { name, role } }) {
      if (user === null || typeof name !== "string") return;
      const person = { name, role: ROLES.find((known) => known === role) ?? "member" };
      const known = tx.people.get(user);
      if (known === undefined) tx.people.create({ id: user, ...person });
      else if (known.name !== person.name || known.role !== person.role) tx.people.update(user, person);
    },
  }),
}));

export type Task = EntityOf<typeof schema, "tasks">;
export type TaskComment = EntityOf<typeof schema, "comments">;
export type PersonEntry = EntityOf<typeof schema, "people">;
export type Status = (typeof STATUSES)[number];
export type Priority = (typeof PRIORITIES)[number];
export type Role = (typeof ROLES)[number];
/** One item of a checklist. */
export interface Step {
  readonly id: string;
  readonly text: string;
  readonly done: boolean;
}

export function openSteps({ steps }: { readonly steps: readonly Step[] }): readonly Step[] {
  return steps.filter(({ done }) => !done);
}
