/**
 * `POST /sync/reconcile`: the whole protocol as one request, for any client that can make one. Metered per user, bounded
 * in number; what it means is the engine's business.
 */
import { formatCheckpoint, type JsonValue, type Millis, TidelockError } from "@tidelock/core";
import type { ReconcileAnswer } from "../engine/effect.ts";
import type { ReconcileBody } from "../engine/input.ts";
import { authenticate } from "./bearer.ts";
import type { GatewayContext } from "./context.ts";
import { type ApiRequest, type ApiResponse, refusalOrBody } from "./exchange.ts";
import { type Identity, userKey, within } from "./identity.ts";
import { readJson } from "./json-body.ts";
import { parseReconcileBody, RECONCILE_REQUEST, RECONCILE_RESPONSE } from "./reconcile-body.ts";
import type { Route } from "./router.ts";
import type { TenantPort } from "./tenant-port.ts";
import { UnderWay } from "./under-way.ts";
import { UserMeters } from "./user-meters.ts";

/** Requests under way at once. Each may hold a body of `maxBodyBytes`. */
const MAX_UNDER_WAY = 256;
/** Those of one user, so that nobody who sends bodies slowly keeps all others out. */
const MAX_UNDER_WAY_PER_USER = 64;
/** Time for a body to come in. Long enough for the largest over a slow line. */
const BODY_MS = 60_000;
/** Time for an answer. Longer than any healthy disk, shorter than most proxies. */
const ANSWER_MS = 30_000;

/** The codes of a request as a whole. */
export const RECONCILE_CODES: Route["codes"] = [
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
  "upgrade-required",
  "schema-ahead",
  "frame-too-large",
  "unsupported-media-type",
  "invalid-id",
  "rate-limited",
  "internal",
  "overloaded",
  "too-many-connections",
  "storage-unavailable",
  "shutting-down",
];

export class ReconcileGateway {
  readonly #context: GatewayContext;
  readonly #underWay = new UnderWay(MAX_UNDER_WAY, MAX_UNDER_WAY_PER_USER);
  /** The rates of a session hold for all requests of a user together. */
  readonly #meters: UserMeters;

  constructor(context: GatewayContext) {
    this.#context = context;
    const { mutationsPerSecond, mutationBurst } = context.limits;
    this.#meters = new UserMeters(mutationsPerSecond, mutationBurst);
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
      codes: RECONCILE_CODES,
      handle: (request) => this.#handle(request),
    };
  }

  async #handle(request: ApiRequest): Promise<ApiResponse> {
    return refusalOrBody(await this.carryOut(request, parseReconcileBody));
  }

  /**
   * Carries out what `parse` makes of a request's body. `present` is for those who hold no state: they want none but what
   * changes with their request, and a mutation of theirs without a version was made with all that there is in view.
   */
  async carryOut(
    request: ApiRequest,
    parse: (json: JsonValue, now: Millis) => ReconcileBody,
    author: "stated" | "present" = "stated",
  ): Promise<ReconcileAnswer> {
    const { reconciles } = this.#context.metrics;
    try {
      const identity = await authenticate(this.#context, request);
      const answer = await this.#underWay.with(userKey(identity), async () => {
        const { limits, now } = this.#context;
        const json = await within(readJson(request, limits.maxBodyBytes), BODY_MS, "malformed-frame");
        return this.#reconcile(identity, parse(json, now()), author);
      });
      reconciles.add(answer.ok ? "ok" : answer.code);
      return answer;
    } catch (error) {
      reconciles.add(error instanceof TidelockError ? error.code : "internal");
      throw error;
    }
  }

  async #reconcile(
    { tenant, principal }: Identity,
    body: ReconcileBody,
    author: "stated" | "present",
  ): Promise<ReconcileAnswer> {
    const { now, tenants, metrics } = this.#context;
    // A request costs as much as a mutation, so that empty ones are not free.
    const waitMs = this.#meters.take(userKey({ tenant, principal }), body.mutations.length + 1, now());
    if (waitMs > 0) return { ok: false, code: "rate-limited", message: "", retryAfterMs: waitMs };
    metrics.mutations.add("reconcile", body.mutations.length);
    const port = await tenants.load(tenant);
    const asked = author === "present" ? atHead(body, port) : body;
    return within(port.reconcile(principal, asked), ANSWER_MS, "storage-unavailable");
  }
}

function atHead(body: ReconcileBody, { epoch, head }: TenantPort): ReconcileBody {
  const seen = formatCheckpoint({ epoch, offset: head });
  return {
    ...body,
    checkpoint: { epoch, offset: head, page: null },
    mutations: body.mutations.map((mutation) => ({ ...mutation, version: mutation.version ?? seen })),
  };
}
