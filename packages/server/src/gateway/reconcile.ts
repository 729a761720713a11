/**
 * `POST /sync/reconcile`: the whole protocol as one request, for any client that can make one. Metered per user, bounded
 * in number; what it means is the engine's business.
 */
import { ERRORS, type Millis, TidelockError, type UserId } from "@tidelock/core";
import type { ReconcileAnswer } from "../engine/effect.ts";
import { authenticate } from "./bearer.ts";
import type { GatewayContext } from "./context.ts";
import { type ApiRequest, type ApiResponse, errorResponse, jsonResponse } from "./exchange.ts";
import { type Identity, within } from "./identity.ts";
import { readJson } from "./json-body.ts";
import { parseReconcileBody, RECONCILE_REQUEST, RECONCILE_RESPONSE } from "./reconcile-body.ts";
import type { Route } from "./router.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Requests under way at once. Each may hold a body of `maxBodyBytes`. */
const MAX_UNDER_WAY = 256;
/** Those of one user, so that nobody who sends bodies slowly keeps all others out. */
const MAX_UNDER_WAY_PER_USER = 64;
/** Time for a body to come in. Long enough for the largest over a slow line. */
const BODY_MS = 60_000;
/** Time for an answer. Longer than any healthy disk, shorter than most proxies. */
const ANSWER_MS = 30_000;
/** Users whose meter is remembered; forgetting one gives it a full bucket. */
const MAX_METERS = 10_000;

export class ReconcileGateway {
  readonly #context: GatewayContext;
  readonly #meters = new Map<string, TokenBucket>();
  readonly #underWayByUser = new Map<string, number>();
  #underWay = 0;

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  route(path: string): Route {
    return {
      method: "POST",
      path,
      summary:
        "Send mutations, and get what became of them and the state that the device lacks. Idempotent by temp_id.",
      authenticated: true,
      parameters: [],
      requestBody: RECONCILE_REQUEST,
      successStatus: 200,
      response: { contentType: "application/json", schema: RECONCILE_RESPONSE, description: "What became of it all." },
      codes: [
        "malformed-frame",
        "invalid-message",
        "device-invalid",
        "token-missing",
        "token-invalid",
        "token-expired",
        "device-taken",
        "rule-failed",
        "origin-forbidden",
        "epoch-changed",
        "checkpoint-expired",
        "version-invalid",
        "frame-too-large",
        "unsupported-media-type",
        "invalid-id",
        "rate-limited",
        "internal",
        "overloaded",
        "too-many-connections",
        "storage-unavailable",
        "shutting-down",
      ],
      handle: (request) => this.#handle(request),
    };
  }

  async #handle(request: ApiRequest): Promise<ApiResponse> {
    const { reconciles } = this.#context.metrics;
    try {
      const answer = await this.#answer(request);
      reconciles.add(answer.ok ? "ok" : answer.code);
      return responseOf(answer);
    } catch (error) {
      reconciles.add(error instanceof TidelockError ? error.code : "internal");
      throw error;
    }
  }

  async #answer(request: ApiRequest): Promise<ReconcileAnswer> {
    const identity = await authenticate(this.#context, request);
    const user = `${identity.tenant} ${identity.principal.user}`;
    const ofUser = this.#underWayByUser.get(user) ?? 0;
    if (this.#underWay >= MAX_UNDER_WAY || ofUser >= MAX_UNDER_WAY_PER_USER) throw new TidelockError("overloaded");
    this.#underWay += 1;
    this.#underWayByUser.set(user, ofUser + 1);
    try {
      return await this.#reconcile(request, identity);
    } finally {
      this.#underWay -= 1;
      const left = (this.#underWayByUser.get(user) ?? 0) - 1;
      if (left > 0) this.#underWayByUser.set(user, left);
      else this.#underWayByUser.delete(user);
    }
  }

  async #reconcile(request: ApiRequest, { tenant, principal }: Identity): Promise<ReconcileAnswer> {
    const { limits, now, tenants, metrics } = this.#context;
    const json = await within(readJson(request, limits.maxBodyBytes), BODY_MS, "malformed-frame");
    const body = parseReconcileBody(json, now());
    const waitMs = this.#meter(`${tenant} ${principal.user}`, body.mutations.length, now());
    if (waitMs > 0) return { ok: false, code: "rate-limited", message: "", retryAfterMs: waitMs };
    metrics.mutations.add("reconcile", body.mutations.length);
    const port = await tenants.load(tenant);
    return within(port.reconcile(principal, body), ANSWER_MS, "storage-unavailable");
  }

  /** The rates of a session hold for all requests of a user together. */
  #meter(user: `${string} ${UserId}`, mutations: number, now: Millis): Millis {
    const { mutationsPerSecond, mutationBurst } = this.#context.limits;
    const meter = this.#meters.get(user) ?? new TokenBucket(mutationsPerSecond, mutationBurst, now);
    this.#meters.delete(user);
    this.#meters.set(user, meter);
    if (this.#meters.size > MAX_METERS) {
      const [oldest] = this.#meters.keys();
      if (oldest !== undefined) this.#meters.delete(oldest);
    }
    // A request costs as much as a mutation, so that empty ones are not free.
    return meter.take(mutations + 1, now);
  }
}

function responseOf(answer: ReconcileAnswer): ApiResponse {
  if (answer.ok) return jsonResponse(200, answer.body);
  const detail = answer.message === ERRORS[answer.code].message ? "" : answer.message;
  return errorResponse(answer.code, { detail, retryAfterMs: answer.retryAfterMs });
}
