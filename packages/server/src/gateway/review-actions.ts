/**
 * Deciding a review, and changing who is to decide it and until when, over plain HTTP. Both are mutations of the collection
 * of reviews and go the way of `POST /sync/reconcile`, with its idempotency; here they only have an address of their own,
 * and a refusal is the answer's own status.
 */
import { type EntityId, type JsonObject, type JsonValue, type Millis, REVIEWS, TidelockError } from "@tidelock/core";
import type { ReconcileBody, ReconcileMutation } from "../engine/input.ts";
import { deviceOf, invalid, nameOf, objectOf, textOf, timeOf, versionOf } from "./body-parts.ts";
import { type ApiRequest, type ApiResponse, errorResponse, jsonResponse, refusalOrBody } from "./exchange.ts";
import { reviewIdOf } from "./query-parameters.ts";
import { ACTION_RESPONSE, ANNOTATE_REQUEST, DECIDE_REQUEST, ID_PARAMETER } from "./query-schema.ts";
import { RECONCILE_CODES, type ReconcileGateway } from "./reconcile.ts";
import type { Route } from "./router.ts";

const MAX_CANDIDATE_LENGTH = 128;
const MAX_NOTE_LENGTH = 64 * 1024;
const POST = { method: "POST", authenticated: true, parameters: [ID_PARAMETER], successStatus: 200 } as const;

type Change = Pick<ReconcileMutation, "operation" | "payload" | "version">;

export class ReviewActions {
  readonly #reconciles: ReconcileGateway;

  constructor(reconciles: ReconcileGateway) {
    this.#reconciles = reconciles;
  }

  routes(path: string): readonly Route[] {
    const response = { contentType: "application/json", schema: ACTION_RESPONSE };
    const refusals = ["forbidden", "entity-not-found", "entity-deleted", "invalid-value"] as const;
    return [
      {
        ...POST,
        path: `${path}/reviews/{id}/decide`,
        summary: "Decide a review: for one of its candidates, or for another value. Idempotent by temp_id.",
        requestBody: DECIDE_REQUEST,
        response: { ...response, description: "It is decided." },
        codes: [...RECONCILE_CODES, ...refusals, "review-closed", "review-changed"],
        handle: (request, parts) => this.#handle(request, reviewIdOf(parts), decisionOf),
      },
      {
        ...POST,
        path: `${path}/reviews/{id}`,
        summary: "Change who is to decide a review, until when, or its note. Idempotent by temp_id.",
        requestBody: ANNOTATE_REQUEST,
        response: { ...response, description: "It is changed." },
        codes: [...RECONCILE_CODES, ...refusals],
        handle: (request, parts) => this.#handle(request, reviewIdOf(parts), notesOf),
      },
    ];
  }

  async #handle(
    request: ApiRequest,
    review: EntityId,
    changeOf: (body: JsonObject, now: Millis) => Change,
  ): Promise<ApiResponse> {
    const parse = (json: JsonValue, now: Millis): ReconcileBody => {
      const body = objectOf(json, "the body");
      const name = nameOf(body["temp_id"], "temp_id");
      const mutation = { name, collection: REVIEWS, entity: review, occurredAt: now, remaining: 0 };
      const mutations = [{ ...mutation, ...changeOf(body, now) }];
      return { device: deviceOf(body["device_id"]), checkpoint: null, mutations };
    };
    const answer = await this.#reconciles.carryOut(request, parse, "present");
    if (!answer.ok) return refusalOrBody(answer);
    const [refused] = answer.body.rejected;
    if (refused !== undefined) return errorResponse(refused.code, { detail: refused.message });
    const [applied] = answer.body.applied;
    if (applied === undefined) throw new TidelockError("internal");
    const { temp_id, version, outcome } = applied;
    return jsonResponse(200, { id: review, temp_id, version, outcome });
  }
}

function decisionOf(body: JsonObject): Change {
  const hasValue = Object.hasOwn(body, "value");
  if (hasValue === Object.hasOwn(body, "candidate")) throw invalid("there is either candidate or value");
  const version = versionOf(body["version"] ?? null, "version");
  if (version === null) throw invalid("version is missing: send that of the review as it was shown");
  const payload = hasValue
    ? { value: body["value"] ?? null }
    : { candidate: textOf(body["candidate"], "candidate", MAX_CANDIDATE_LENGTH) };
  return { operation: "decide", payload, version };
}

function notesOf(body: JsonObject, now: Millis): Change {
  const payload: { [field: string]: JsonValue } = {};
  for (const [member, field, maxLength] of [
    ["assignee", "assignee", 128],
    ["note", "note", MAX_NOTE_LENGTH],
    ["on_expiry", "onExpiry", 16],
  ] as const) {
    const value = body[member];
    if (value !== undefined) payload[field] = value === null ? null : textOf(value, member, maxLength);
  }
  const due = body["due"];
  if (due !== undefined) payload["due"] = due === null ? null : timeOf(due, "due", now);
  if (Object.keys(payload).length === 0) throw invalid("nothing changes: send assignee, note, due or on_expiry");
  return { operation: "update", payload, version: versionOf(body["version"] ?? null, "version") };
}
