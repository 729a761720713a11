/**
 * Puts the sample tasks into the demo tenant, the way any device would: `POST /sync/reconcile`. The device and the names
 * of its mutations are always the same, so that the server recognizes them: a second seeding changes nothing, whatever
 * was edited, moved or deleted since, and one that was interrupted is completed.
 */
import { isErrorCode, seededRandom, TidelockError } from "@tidelock/core";
import type { TidelockServer } from "@tidelock/server";
import { positionBetween } from "../../apps/board/src/board/position.ts";
import { SAMPLE_TASKS } from "./sample-tasks.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const DEVICE = "demo-samples";

/** How many of the samples were new. Rejects when the server refuses one. */
export async function seedSamples(server: TidelockServer, token: string, now: number): Promise<number> {
  const response = await server.fetch(
    new Request("http://localhost/sync/reconcile", {
      method: "POST",
      headers: { "authorization": `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ device_id: DEVICE, last_ack_version: null, mutations: [...sampleMutations(now)] }),
    }),
  );
  const answer = (await response.json()) as Answer;
  const refusal = answer.error ?? answer.rejected?.[0];
  if (refusal !== undefined) throw refusalError(refusal);
  return answer.applied?.filter(({ outcome }) => outcome === "applied").length ?? 0;
}

/** The parts of an answer that matter here. */
interface Answer {
  readonly applied?: ReadonlyArray<{ readonly outcome: string }>;
  readonly rejected?: readonly Refusal[];
  readonly error?: Refusal;
}
interface Refusal {
  readonly code: string;
  readonly message: string;
}

function refusalError({ code, message }: Refusal): Error {
  return isErrorCode(code) ? new TidelockError(code, message) : new Error(`${code}: ${message}`);
}

function* sampleMutations(now: number): Generator<object> {
  const random = seededRandom(1);
  let position: string | null = null;
  for (const [index, { comments = [], dueInDays, ...task }] of SAMPLE_TASKS.entries()) {
    position = positionBetween(position, null, () => random.next());
    const name = `sample-${index + 1}`;
    const dueAt = dueInDays === undefined ? null : endOfDay(now + dueInDays * DAY_MS);
    const createdAt = now - (SAMPLE_TASKS.length - index) * DAY_MS;
    yield create(name, "tasks", { ...task, position, dueAt, createdAt, createdBy: task.assignee ?? "Mira" });
    for (const [order, [author, text]] of comments.entries()) {
      const writtenAt = now - (comments.length - order) * 47 * 60_000;
      yield create(`${name}-comment-${order + 1}`, "comments", { task: name, author, text, writtenAt });
    }
  }
}

function create(name: string, collection: string, payload: object): object {
  return { temp_id: name, entity_id: null, collection, operation: "create", payload };
}

function endOfDay(millis: number): number {
  return new Date(millis).setHours(18, 0, 0, 0);
}
