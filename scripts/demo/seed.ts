/**
 * Puts the sample tasks and their history into the demo tenant, the way any device would: `POST /sync/reconcile`. Each of
 * the team has a device; some of them wrote without signal, so there is a review to decide and a conflict to read about.
 *
 * Devices and names of mutations are always the same, so that the server recognizes them: a second seeding changes
 * nothing, whatever was edited, moved or deleted since, and one that was interrupted is completed.
 */
import { isErrorCode, seededRandom, TidelockError } from "@tidelock/core";
import type { TidelockServer } from "@tidelock/server";
import { positionBetween } from "../../apps/board/src/board/position.ts";
import {
  SAMPLE_HISTORY,
  SAMPLE_PEOPLE,
  SAMPLE_TASKS,
  type SampleChange,
  type SampleDecision,
  type SampleName,
} from "./sample-tasks.ts";
import type { DemoSessions } from "./session.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const DEVICE = "demo-samples";
/** The cards were planned over some weeks before anything else happened to them. */
const PLANNED_MS = 4 * DAY_MS;

/**
 * How many of the samples were new. Rejects when the server refuses one. What happened to them afterwards is left out where
 * it no longer can: somebody may have deleted a card before the seeding was completed.
 */
export async function seedSamples(server: TidelockServer, sessions: DemoSessions, now: number): Promise<number> {
  const { applied = [], rejected = [] } = await reconcile(server, sessions, DEVICE, [...sampleMutations(now)]);
  if (rejected[0] !== undefined) throw refusalError(rejected[0]);
  const planned = applied.at(-1)?.version ?? null;
  const ids = new Map(applied.map(({ temp_id, entity_id }) => [temp_id, entity_id]));
  const idOf = (card: string): string => ids.get(sampleName(card)) ?? sampleName(card);
  for (const name of Object.keys(SAMPLE_PEOPLE) as SampleName[]) {
    await reconcile(server, sessions, deviceOf(name), [{ temp_id: "introduce", operation: "introduce", payload: {} }]);
  }
  let seen = planned;
  for (const [index, event] of SAMPLE_HISTORY.entries()) {
    const device = deviceOf(event.who);
    const mutation =
      "fields" in event
        ? changeOf(event, idOf(event.card), event.isOffline === true ? planned : seen, now)
        : decisionOf(event, idOf(event.card), await reconcile(server, sessions, device, []));
    if (mutation === null) continue;
    const occurred_at = new Date(now - event.hoursAgo * HOUR_MS).toISOString();
    const answer = await reconcile(server, sessions, device, [
      { ...mutation, temp_id: `history-${index + 1}`, occurred_at },
    ]);
    seen = answer.applied?.[0]?.version ?? seen;
  }
  return applied.filter(({ outcome }) => outcome === "applied").length;
}

function deviceOf(name: SampleName): string {
  return `demo-${name.toLowerCase()}`;
}

/** Sends mutations as the person of a device, and asks for everything that the device may see. */
async function reconcile(
  server: TidelockServer,
  sessions: DemoSessions,
  device: string,
  mutations: readonly object[],
): Promise<Answer> {
  const user = device.replace("demo-", "");
  const name = Object.keys(SAMPLE_PEOPLE).find((known) => known.toLowerCase() === user) as SampleName | undefined;
  const role = name === undefined ? "member" : SAMPLE_PEOPLE[name];
  const token = await sessions.token({ name: name ?? "Skerry Line", user, role });
  let answer = await ask(server, token, { device_id: device, last_ack_version: null, mutations });
  const state = [...(answer.state ?? [])];
  const { applied = [], rejected = [] } = answer;
  while (answer.has_more === true) {
    answer = await ask(server, token, { device_id: device, last_ack_version: answer.checkpoint, mutations: [] });
    state.push(...(answer.state ?? []));
  }
  return { ...answer, applied, rejected, state };
}

async function ask(server: TidelockServer, token: string, body: object): Promise<Answer> {
  const response = await server.fetch(
    new Request("http://localhost/sync/reconcile", {
      method: "POST",
      headers: { "authorization": `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
  const answer = (await response.json()) as Answer;
  if (answer.error !== undefined) throw refusalError(answer.error);
  return answer;
}

/** The parts of an answer that matter here. */
interface Answer {
  readonly applied?: ReadonlyArray<{
    readonly temp_id: string;
    readonly entity_id: string;
    readonly outcome: string;
    readonly version: string;
  }>;
  readonly rejected?: readonly Refusal[];
  readonly error?: Refusal;
  readonly state?: ReadonlyArray<{
    readonly collection: string;
    readonly entity_id: string;
    readonly fields: Readonly<Record<string, unknown>> | null;
  }>;
  readonly checkpoint?: string;
  readonly has_more?: boolean;
}
interface Refusal {
  readonly code: string;
  readonly message: string;
}

function refusalError({ code, message }: Refusal): Error {
  return isErrorCode(code) ? new TidelockError(code, message) : new Error(`${code}: ${message}`);
}

function sampleName(title: string): string {
  return `sample-${SAMPLE_TASKS.findIndex((sample) => sample.title === title) + 1}`;
}

function* sampleMutations(now: number): Generator<object> {
  const random = seededRandom(1);
  let position: string | null = null;
  for (const [index, { comments = [], dueInDays, steps = [], asked = 0, ...task }] of SAMPLE_TASKS.entries()) {
    position = positionBetween(position, null, () => random.next());
    const name = sampleName(task.title);
    const dueAt = dueInDays === undefined ? null : endOfDay(now, dueInDays);
    const createdAt = now - PLANNED_MS - (SAMPLE_TASKS.length - index) * DAY_MS;
    const merged = { steps: steps.map(stepOf), asked };
    const createdBy = task.assignee ?? "Mira";
    yield create(name, "tasks", createdAt, { ...task, ...merged, position, dueAt, createdAt, createdBy });
    for (const [order, [author, text]] of comments.entries()) {
      const writtenAt = now - (comments.length - order) * 47 * 60_000;
      const id = `${name}-comment-${order + 1}`;
      yield create(id, "comments", writtenAt, { task: name, author, text, writtenAt });
    }
  }
}

function stepOf(text: string, index: number): object {
  const done = text.startsWith("x ");
  return { id: String(index + 1), text: done ? text.slice(2) : text, done };
}

function create(name: string, collection: SampleCollection, time: number, payload: object): object {
  return {
    temp_id: name,
    entity_id: null,
    collection,
    operation: "create",
    payload,
    occurred_at: new Date(time).toISOString(),
  };
}

type SampleCollection = "tasks" | "comments";

function changeOf({ fields }: SampleChange, card: string, seen: string | null, now: number): object {
  const { dueAt } = fields;
  const payload = typeof dueAt === "number" ? { dueAt: endOfDay(now, dueAt) } : fields;
  return { operation: "update", collection: "tasks", entity_id: card, payload, version: seen };
}

/** `null` when it was decided before: this is not the first seeding. */
function decisionOf({ decidesFor }: SampleDecision, card: string, { state = [], checkpoint }: Answer): object | null {
  const review = state.find(({ fields }) => fields?.["entity"] === card && fields["status"] === "open");
  const candidates = (review?.fields?.["candidates"] ?? []) as ReadonlyArray<{ id: string; user: string }>;
  const chosen = candidates.find(({ user }) => user === decidesFor.toLowerCase());
  if (review === undefined || chosen === undefined) return null;
  const { collection, entity_id } = review;
  return { operation: "decide", collection, entity_id, payload: { candidate: chosen.id }, version: checkpoint };
}

function endOfDay(now: number, days: number): number {
  return new Date(now + days * DAY_MS).setHours(18, 0, 0, 0);
}
