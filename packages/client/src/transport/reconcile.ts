/**
 * `POST /sync/reconcile` as the way up of a device that has only HTTP: a push becomes a request, its answer a push-result.
 *
 * A mutation keeps its identity: `temp_id` is its counter, and its `version` names the author's own last mutation, from
 * which the server knows the counter. So a push that is sent again, here or over a WebSocket, has one effect.
 */
import {
  type Checkpoint,
  type Counter,
  type Decision,
  DECISION,
  type Epoch,
  type ErrorCode,
  formatCheckpoint,
  formatVersion,
  type Hello,
  isErrorWord,
  type MutationRow,
  parseEntityId,
  parseVersion,
  type PushResult,
  type ResultDetail,
  type ResultRow,
  stampMillis,
} from "@tidelock/core";

/** The body of a request for a push of a device, as its hello names it. `acknowledged`: what the device has on its disk. */
export function reconcileBody(
  { device, schema }: Pick<Hello, "device" | "schema">,
  epoch: Epoch,
  acknowledged: Checkpoint | null,
  mutations: readonly MutationRow[],
): object {
  return {
    device_id: device,
    schema_version: schema.version,
    last_ack_version: acknowledged === null ? null : formatCheckpoint(acknowledged),
    mutations: mutations.map(([counter, operation, collection, entity, fields, seen, stamp, remaining]) => ({
      temp_id: String(counter),
      // A call names its mutator where the socket names a collection.
      ...(operation === "call" ? { operation: collection } : { entity_id: entity, collection, operation }),
      payload: fields,
      version: formatVersion(epoch, { floor: seen, dots: new Map([[device, counter - 1]]) }),
      occurred_at: new Date(stampMillis(stamp)).toISOString(),
      ...(remaining > 0 ? { remaining } : {}),
    })),
  };
}

/**
 * The results in an answer, in the order of the mutations. A mutation that the answer does not name has no result: it
 * stays in the outbox. `null` when the answer has not the form that the protocol gives it.
 */
export function pushResultOf(answer: unknown, mutations: readonly MutationRow[]): PushResult | null {
  const applied = listOf(answer, "applied");
  const rejected = listOf(answer, "rejected");
  if (applied === null || rejected === null) return null;
  const byCounter = new Map<Counter, ResultRow>();
  const conflicts = conflictsOf(answer);
  const entities = new Map(mutations.map(([counter, , , entity]) => [counter, entity]));
  for (const item of applied) {
    const counter = Number(item["temp_id"]);
    const version = parseVersion(item["version"]);
    const outcome = item["outcome"];
    const entity = parseEntityId(item["entity_id"]);
    if (version === null || !isTaken(outcome)) return null;
    const isAssigned = entity !== null && entity !== entities.get(counter);
    const met = conflicts.get(String(item["temp_id"]));
    const detail: ResultDetail = {
      ...(isAssigned ? { entity } : {}),
      ...(met === undefined ? {} : { conflicts: met }),
    };
    byCounter.set(counter, [counter, outcome, version.vector.floor, detail]);
  }
  for (const item of rejected) {
    const counter = Number(item["temp_id"]);
    const code: ErrorCode = isErrorWord(item["code"]) ? item["code"] : "internal";
    byCounter.set(counter, [counter, "rejected", 0, { code, message: String(item["message"] ?? "") }]);
  }
  const results: ResultRow[] = [];
  for (const [counter] of mutations) {
    const row = byCounter.get(counter);
    // What is behind a gap is not known to be decided.
    if (row === undefined) break;
    results.push(row);
  }
  return { type: "push-result", results };
}

/** The decision records in an answer, by `temp_id`. */
function conflictsOf(answer: unknown): ReadonlyMap<string, readonly Decision[]> {
  const found = new Map<string, Decision[]>();
  for (const item of listOf(answer, "conflicts") ?? []) {
    if (DECISION.problem(item["decision"], "decision") !== null) continue;
    const name = String(item["temp_id"]);
    // Its shape has just been checked.
    found.set(name, [...(found.get(name) ?? []), item["decision"] as Decision]);
  }
  return found;
}

function isTaken(outcome: unknown): outcome is "applied" | "merged" | "duplicate" | "in-review" {
  return outcome === "applied" || outcome === "merged" || outcome === "duplicate" || outcome === "in-review";
}

function listOf(answer: unknown, name: string): ReadonlyArray<Readonly<Record<string, unknown>>> | null {
  if (typeof answer !== "object" || answer === null || !Object.hasOwn(answer, name)) return null;
  const list: unknown = (answer as Readonly<Record<string, unknown>>)[name];
  if (!Array.isArray(list)) return null;
  return list.every((item) => typeof item === "object" && item !== null) ? list : null;
}
