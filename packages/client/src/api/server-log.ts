/**
 * Reading the server's decision log and the history of entities, over HTTP: what a device does not hold. Every answer is
 * checked for the members that are read; a refusal becomes a `TidelockError` with the server's code.
 */
import { isErrorWord, isJsonObject, type JsonObject, type JsonValue, knownCode, TidelockError } from "@tidelock/core";
import type { TokenSource } from "../runtime/run-effects.ts";
import type { DecisionFilter, HistoryEntry, HistoryPage, LoggedContender, LoggedDecision, Page } from "./conflicts.ts";

export interface ServerLogOptions {
  /** `https://host/base/sync` */
  readonly base: () => string;
  readonly auth: TokenSource;
  readonly fetch: typeof fetch;
}

export class ServerLog {
  readonly #options: ServerLogOptions;

  constructor(options: ServerLogOptions) {
    this.#options = options;
  }

  async decisions(filter: DecisionFilter): Promise<Page<LoggedDecision>> {
    const { collection, id, field, policy, winner, limit, before } = filter;
    const answer = await this.#get("/conflicts", { collection, entity: id, field, policy, winner, limit, before });
    return { items: listOf(answer, "conflicts").map(decisionOf), next: textOrNull(answer["next"]) };
  }

  async history(collection: string, id: string, before: string | undefined, limit: number): Promise<HistoryPage> {
    const path = `/history/${encodeURIComponent(collection)}/${encodeURIComponent(id)}`;
    const answer = await this.#get(path, { before, limit });
    return {
      items: listOf(answer, "events").map(historyEntryOf),
      next: typeof answer["next"] === "number" ? String(answer["next"]) : null,
      isComplete: answer["complete"] === true,
    };
  }

  async #get(path: string, query: Readonly<Record<string, string | number | undefined>>): Promise<JsonObject> {
    const { base, auth } = this.#options;
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    );
    const search = new URLSearchParams(given).toString();
    const token = typeof auth === "function" ? await auth() : auth;
    let response: Response;
    try {
      response = await this.#options.fetch(`${base()}${path}${search === "" ? "" : `?${search}`}`, {
        headers: { Authorization: `Bearer ${token}` },
      });
    } catch (error) {
      throw new TidelockError("server-unreachable", "the server's log cannot be read without a connection", {
        cause: error,
      });
    }
    const body: unknown = await response.json().catch(() => null);
    const answer = isJsonObject(body as JsonValue) ? (body as JsonObject) : {};
    if (response.ok) return answer;
    const code = answer["code"];
    throw new TidelockError(isErrorWord(code) ? knownCode(code) : "internal", String(answer["message"] ?? ""));
  }
}

function listOf(answer: JsonObject, name: string): readonly JsonObject[] {
  const list = answer[name];
  return Array.isArray(list) ? list.filter((item) => isJsonObject(item)) : [];
}

function textOrNull(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function timeOf(value: JsonValue | undefined): number {
  return typeof value === "string" ? Date.parse(value) : Number.NaN;
}

function decisionOf(item: JsonObject): LoggedDecision {
  const decision = {
    field: textOrNull(item["field"]),
    policy: String(item["policy"]),
    policyVersion: Number(item["policy_version"]),
    winner: item["winner"] as LoggedDecision["decision"]["winner"],
    value: item["value"] ?? null,
    reason: String(item["reason"]),
    current: contenderOf(objectOf(item["current"])),
    incoming: contenderOf(objectOf(item["incoming"])),
  };
  return {
    key: String(item["id"]),
    collection: String(item["collection"]),
    id: String(item["entity_id"]),
    time: timeOf(item["time"]),
    decision: item["base"] === undefined ? decision : { ...decision, base: item["base"] },
  };
}

function contenderOf(side: JsonObject): LoggedContender {
  return {
    device: String(side["device"]),
    user: textOrNull(side["user"]),
    offset: Number(side["offset"]),
    version: textOrNull(side["version"]),
    time: timeOf(side["time"]),
    value: side["value"] ?? null,
  };
}

function historyEntryOf(item: JsonObject): HistoryEntry {
  const { call, changes } = item;
  return {
    offset: Number(item["offset"]),
    kind: item["kind"] as HistoryEntry["kind"],
    time: timeOf(item["time"]),
    occurredAt: timeOf(item["occurred_at"]),
    user: String(item["user"]),
    device: String(item["device"]),
    changed: Object.entries(objectOf(item["changed"])).map(([field, change]) => ({
      field,
      was: objectOf(change)["was"] ?? null,
      now: objectOf(change)["now"] ?? null,
    })),
    changes: isJsonObject(changes) ? changes : null,
    call: isJsonObject(call) ? { name: String(call["name"]), args: call["args"] ?? null } : null,
    decisions: listOf(item, "decisions").map(decisionOf),
  };
}
