/**
 * The decision log, histories and reviews over plain HTTP: reads for support, for tools, and for people who decide. Metered
 * per user, bounded in number; what may be seen is the hub's business.
 */
import { type Millis, TidelockError } from "@tidelock/core";
import type { QueryAnswer } from "../engine/effect.ts";
import type { Query } from "../engine/input.ts";
import { authenticate } from "./bearer.ts";
import type { GatewayContext } from "./context.ts";
import { type ApiRequest, refusalOrBody } from "./exchange.ts";
import { type Identity, userKey, within } from "./identity.ts";
import { conflictQuery, conflictsQuery, historyQuery, reviewQuery, reviewsQuery } from "./query-parameters.ts";
import {
  CONFLICT,
  CONFLICT_LIST,
  CONFLICTS_PARAMETERS,
  HISTORY_LIST,
  HISTORY_PARAMETERS,
  ID_PARAMETER,
  REVIEW,
  REVIEW_LIST,
  REVIEWS_PARAMETERS,
} from "./query-schema.ts";
import type { PathParts, Route } from "./router.ts";
import { UnderWay } from "./under-way.ts";
import { UserMeters } from "./user-meters.ts";

/** Queries under way at once. Each may hold an answer of some megabytes. */
const MAX_UNDER_WAY = 64;
/** Those of one user. */
const MAX_UNDER_WAY_PER_USER = 8;
/** Queries per second of one user, and in a burst: each may look at some thousands of records. */
const QUERIES_PER_SECOND = 20;
const QUERY_BURST = 200;
const ANSWER_MS: Millis = 30_000;

const READ = { method: "GET", authenticated: true, requestBody: null, successStatus: 200 } as const;
const CODES: Route["codes"] = [
  "invalid-message",
  "version-invalid",
  "token-missing",
  "token-invalid",
  "token-expired",
  "rule-failed",
  "origin-forbidden",
  "invalid-id",
  "rate-limited",
  "internal",
  "overloaded",
  "too-many-connections",
  "storage-unavailable",
  "shutting-down",
];

type Parse = (asked: URLSearchParams, parts: PathParts) => Query;

export class QueryGateway {
  readonly #context: GatewayContext;
  readonly #underWay = new UnderWay(MAX_UNDER_WAY, MAX_UNDER_WAY_PER_USER);
  readonly #meters = new UserMeters(QUERIES_PER_SECOND, QUERY_BURST);

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  routes(path: string): readonly Route[] {
    return [
      {
        ...READ,
        path: `${path}/conflicts`,
        summary: "The decision log: how concurrent writes were settled, newest first.",
        parameters: CONFLICTS_PARAMETERS,
        response: { ...CONFLICT_LIST, description: "Decisions of entities that the user may read." },
        codes: [...CODES, "unknown-collection"],
        handle: this.#handling(conflictsQuery),
      },
      {
        ...READ,
        path: `${path}/conflicts/{id}`,
        summary: "One decision.",
        parameters: [ID_PARAMETER],
        response: { ...CONFLICT, description: "The decision." },
        codes: [...CODES, "not-found"],
        handle: this.#handling(conflictQuery),
      },
      {
        ...READ,
        path: `${path}/history/{collection}/{entity}`,
        summary: "What happened to one entity, newest first.",
        parameters: HISTORY_PARAMETERS,
        response: { ...HISTORY_LIST, description: "The entity's events." },
        codes: [...CODES, "unknown-collection", "entity-not-found"],
        handle: this.#handling(historyQuery),
      },
      {
        ...READ,
        path: `${path}/reviews`,
        summary: "The review queue: values that wait, or waited, for a person.",
        parameters: REVIEWS_PARAMETERS,
        response: { ...REVIEW_LIST, description: "Reviews of entities that the user may read." },
        codes: [...CODES, "unknown-collection"],
        handle: this.#handling(reviewsQuery),
      },
      {
        ...READ,
        path: `${path}/reviews/{id}`,
        summary: "One review, with the version to send back when deciding it.",
        parameters: [ID_PARAMETER],
        response: { ...REVIEW, description: "The review." },
        codes: [...CODES, "entity-not-found"],
        handle: this.#handling(reviewQuery),
      },
    ];
  }

  #handling(parse: Parse): Route["handle"] {
    return async (request, parts) => {
      const { queries } = this.#context.metrics;
      try {
        const answer = await this.#answer(request, parts, parse);
        queries.add(answer.ok ? "ok" : answer.code);
        return refusalOrBody(answer);
      } catch (error) {
        queries.add(error instanceof TidelockError ? error.code : "internal");
        throw error;
      }
    };
  }

  async #answer(request: ApiRequest, parts: PathParts, parse: Parse): Promise<QueryAnswer> {
    const identity = await authenticate(this.#context, request);
    const query = parse(request.query, parts);
    const { now } = this.#context;
    const waitMs = this.#meters.take(userKey(identity), 1, now());
    if (waitMs > 0) return { ok: false, code: "rate-limited", message: "", retryAfterMs: waitMs };
    return this.#underWay.with(userKey(identity), () => this.#ask(identity, query));
  }

  async #ask({ tenant, principal }: Identity, query: Query): Promise<QueryAnswer> {
    const port = await this.#context.tenants.load(tenant);
    return within(port.query(principal, query), ANSWER_MS, "storage-unavailable");
  }
}
