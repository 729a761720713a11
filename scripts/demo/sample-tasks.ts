/** What the board shows at first: a team of four, two weeks before a ferry company's new app sails. */
import type { Priority, Role, Status } from "../../apps/board/src/schema.ts";

export interface SampleTask {
  readonly title: string;
  readonly status: Status;
  readonly notes?: string;
  readonly labels?: readonly string[];
  readonly assignee?: SampleName;
  readonly priority?: Priority;
  /** Days from the day of seeding. */
  readonly dueInDays?: number;
  /** The checklist; what begins with `x ` is done. */
  readonly steps?: readonly string[];
  readonly asked?: number;
  readonly comments?: ReadonlyArray<readonly [author: SampleName, text: string]>;
}

export type SampleName = "Mira" | "Jonas" | "Noor" | "Tomas";

/** Mira leads the release; the others build it. */
export const SAMPLE_PEOPLE: Readonly<Record<SampleName, Role>> = {
  Mira: "lead",
  Jonas: "member",
  Noor: "member",
  Tomas: "member",
};

export const SAMPLE_TASKS: readonly SampleTask[] = [
  {
    title: "Show the next departure on the lock screen",
    status: "backlog",
    notes: "People look at their phone while walking down the pier. One glance should be enough.",
    labels: ["app", "design"],
    priority: "low",
    asked: 9,
  },
  { title: "Let groups share one booking", status: "backlog", labels: ["app"], asked: 23 },
  {
    title: "Tide warnings for the northern piers",
    status: "backlog",
    notes: "Below 0.4 m the ramp at Holm is too steep for wheelchairs.",
    labels: ["accessibility"],
    priority: "high",
    asked: 14,
  },
  { title: "Try passkeys for crew accounts", status: "backlog", labels: ["security"] },
  {
    title: "Refund a ticket without calling support",
    status: "todo",
    notes: "Until two hours before departure. Later ones go to the harbour office, as today.",
    labels: ["payments", "sign-off"],
    assignee: "Mira",
    dueInDays: 9,
    asked: 31,
    steps: ["Ask legal about the two hours", "Receipt names the deadline", "Partial refunds for return tickets"],
    comments: [["Tomas", "Legal is fine with two hours, as long as the receipt says so."]],
  },
  { title: "Write the texts for delays", status: "todo", labels: ["design"], assignee: "Noor", dueInDays: 4 },
  {
    title: "Dark mode for the bridge tablet",
    status: "todo",
    notes: "No white screens at night. The captain has asked twice.",
    labels: ["app", "design"],
    assignee: "Jonas",
    asked: 2,
  },
  { title: "Load-test the first of July", status: "todo", labels: ["infrastructure"], assignee: "Tomas", dueInDays: 9 },
  {
    title: "Boarding works without signal",
    status: "todo",
    notes:
      "The car deck is a steel box: no signal for the whole boarding.\n\nTickets are checked on the device and the count of passengers catches up when the ramp opens. Nobody may be counted twice, and nobody may be lost.",
    labels: ["boarding"],
    assignee: "Mira",
    priority: "high",
    dueInDays: 2,
    steps: [
      "x Check tickets on the device",
      "x Catch up when the ramp opens",
      "Two scanners at one gate",
      "Dry run on the Sula with a full car deck",
      "Card for the crew: what the colours mean",
    ],
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
    steps: ["x Reproduce it with a spray bottle", "x Order matte film", "Scan 50 wet codes in a row"],
    comments: [["Noor", "A matte film helps. Ordered ten."]],
  },
  {
    title: "Seat map for the fast ferry",
    status: "doing",
    notes: "Window seats first. Rows 4 and 11 are emergency exits and cannot be booked by families.",
    labels: ["app", "design"],
    assignee: "Noor",
    dueInDays: 5,
    steps: ["x Draw the upper deck", "Draw the lower deck", "Exits cannot be booked"],
    comments: [
      ["Tomas", "Bookings for the summer open on the first. The map has to be in by then."],
      ["Noor", "The yard sends the deck plan on Thursday, not before."],
    ],
  },
  {
    title: "Move payments to the new provider",
    status: "doing",
    labels: ["payments"],
    assignee: "Tomas",
    steps: ["x Test cards", "x Refunds", "x Harbour office terminals", "Switch over at night"],
  },
  {
    title: "Larger type in the timetable",
    status: "review",
    notes: "Up to 200 %, without cutting off the pier's name.",
    labels: ["accessibility"],
    assignee: "Noor",
    steps: ["x 200 % on a phone", "x Screen readers", "x Printed timetable"],
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

/** What somebody of the team did to a sample, hours before the seeding. */
export type SampleEvent = SampleChange | SampleDecision;

interface Happened {
  readonly who: SampleName;
  readonly card: string;
  readonly hoursAgo: number;
}

export interface SampleChange extends Happened {
  /** Days from the day of seeding for `dueAt`. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Without signal: its author had not seen the events since the samples. */
  readonly isOffline?: boolean;
}

/** A lead decides the review of a card. */
export interface SampleDecision extends Happened {
  /** Whose value stands. */
  readonly decidesFor: SampleName;
}

const REFUND = "Refund a ticket without calling support";
const BOARDING = "Boarding works without signal";
const SEATS = "Seat map for the fast ferry";
const TABLET = "Dark mode for the bridge tablet";

/** In order. Those that are offline meet what the others wrote meanwhile. */
export const SAMPLE_HISTORY: readonly SampleEvent[] = [
  { who: "Mira", card: BOARDING, hoursAgo: 75, fields: { status: "doing" } },
  { who: "Jonas", card: BOARDING, hoursAgo: 51, fields: { labels: { add: ["scanner"] } } },
  { who: "Mira", card: BOARDING, hoursAgo: 27, fields: { priority: "urgent" } },
  { who: "Jonas", card: BOARDING, hoursAgo: 26, fields: { steps: { ops: [["edit", "3", { done: true }]] } } },

  { who: "Tomas", card: REFUND, hoursAgo: 98, fields: { steps: { ops: [["edit", "1", { done: true }]] } } },
  // Two dates, and a decision.
  { who: "Tomas", card: REFUND, hoursAgo: 76, fields: { dueAt: 6 } },
  { who: "Noor", card: REFUND, hoursAgo: 73, fields: { dueAt: 12 }, isOffline: true },
  { who: "Mira", card: REFUND, hoursAgo: 52, decidesFor: "Tomas" },
  // A lead's word goes first, although the other was later.
  { who: "Mira", card: REFUND, hoursAgo: 29, fields: { priority: "high" } },
  { who: "Jonas", card: REFUND, hoursAgo: 26, fields: { priority: "low" }, isOffline: true },

  // The later text stands; the other one can be brought back.
  {
    who: "Jonas",
    card: TABLET,
    hoursAgo: 22,
    fields: { notes: "No white screens at night. Dim to 5 %, and keep the radar's colours." },
  },
  {
    who: "Noor",
    card: TABLET,
    hoursAgo: 21,
    fields: { notes: "No white screens at night. Dark from sunset, or when the bridge lamp is off." },
    isOffline: true,
  },

  // Two dates, which nobody has decided yet.
  { who: "Tomas", card: SEATS, hoursAgo: 5, fields: { dueAt: 4 } },
  { who: "Noor", card: SEATS, hoursAgo: 3, fields: { dueAt: 10 }, isOffline: true },
];
