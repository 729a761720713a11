/** What the board shows at first: a team of four, two weeks before a ferry company's new app sails. */
import type { Priority, Status } from "../../apps/board/src/schema.ts";

export interface SampleTask {
  readonly title: string;
  readonly status: Status;
  readonly notes?: string;
  readonly labels?: readonly string[];
  readonly assignee?: string;
  readonly priority?: Priority;
  /** Days from the day of seeding. */
  readonly dueInDays?: number;
  readonly comments?: ReadonlyArray<readonly [author: string, text: string]>;
}

export const SAMPLE_TASKS: readonly SampleTask[] = [
  {
    title: "Show the next departure on the lock screen",
    status: "backlog",
    notes: "People look at their phone while walking down the pier. One glance should be enough.",
    labels: ["app", "design"],
    priority: "low",
  },
  { title: "Let groups share one booking", status: "backlog", labels: ["app"] },
  {
    title: "Tide warnings for the northern piers",
    status: "backlog",
    notes: "Below 0.4 m the ramp at Holm is too steep for wheelchairs.",
    labels: ["accessibility"],
    priority: "high",
  },
  { title: "Try passkeys for crew accounts", status: "backlog", labels: ["security"] },
  {
    title: "Refund a ticket without calling support",
    status: "todo",
    notes: "Until two hours before departure. Later ones go to the harbour office, as today.",
    labels: ["payments", "sign-off"],
    assignee: "Mira",
    priority: "high",
    dueInDays: 6,
    comments: [["Tomas", "Legal is fine with two hours, as long as the receipt says so."]],
  },
  { title: "Write the texts for delays", status: "todo", labels: ["design"], assignee: "Noor", dueInDays: 4 },
  {
    title: "Dark mode for the bridge tablet",
    status: "todo",
    notes: "No white screens at night. The captain has asked twice.",
    labels: ["app", "design"],
    assignee: "Jonas",
  },
  { title: "Load-test the first of July", status: "todo", labels: ["infrastructure"], assignee: "Tomas", dueInDays: 9 },
  {
    title: "Boarding works without signal",
    status: "doing",
    notes:
      "The car deck is a steel box: no signal for the whole boarding.\n\nTickets are checked on the device and the count of passengers catches up when the ramp opens. Nobody may be counted twice, and nobody may be lost.",
    labels: ["boarding"],
    assignee: "Mira",
    priority: "urgent",
    dueInDays: 2,
    comments: [
      ["Jonas", "Tried it on the Sula this morning: 214 scans offline, all of them arrived at the pier."],
      ["Mira", "And two scanners at one gate?"],
      ["Jonas", "That too. One passenger, two scanners, counted once."],
    ],
  },
  {
    title: "Scanner misreads wet QR codes",
    status: "doing",
    notes: "Rain on the glass. Happens with the new cases, not with the old ones.",
    labels: ["boarding", "bug"],
    assignee: "Jonas",
    priority: "high",
    dueInDays: -1,
    comments: [["Noor", "A matte film helps. Ordered ten."]],
  },
  { title: "Seat map for the fast ferry", status: "doing", labels: ["app", "design"], assignee: "Noor", dueInDays: 5 },
  { title: "Move payments to the new provider", status: "doing", labels: ["payments"], assignee: "Tomas" },
  {
    title: "Larger type in the timetable",
    status: "review",
    notes: "Up to 200 %, without cutting off the pier's name.",
    labels: ["accessibility"],
    assignee: "Noor",
    comments: [["Mira", "Looks right with VoiceOver as well."]],
  },
  {
    title: "Rate limit for the price search",
    status: "review",
    labels: ["infrastructure", "sign-off"],
    assignee: "Tomas",
    priority: "high",
    dueInDays: 1,
  },
  { title: "Announce gate changes on the watch", status: "review", labels: ["app"], assignee: "Jonas" },
  { title: "Bicycles count as half a car", status: "done", labels: ["boarding"], assignee: "Mira" },
  { title: "Buy tickets in four languages", status: "done", labels: ["app"], assignee: "Noor" },
  { title: "Nightly backup to the second harbour", status: "done", labels: ["infrastructure"], assignee: "Tomas" },
  { title: "Timetable opens in under a second", status: "done", labels: ["app"], assignee: "Jonas", priority: "high" },
  { title: "Remove the old ticket printer", status: "done", labels: ["boarding"] },
];
