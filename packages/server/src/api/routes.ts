/** All addresses of the server, put together for its two places: on its own, and below a path of somebody else's. */
import { asyncApiDocument } from "../gateway/asyncapi.ts";
import type { GatewayContext } from "../gateway/context.ts";
import { documentRoute, openApiDocument } from "../gateway/openapi.ts";
import { healthRoutes, metricsRoute } from "../gateway/operations.ts";
import { QueryGateway } from "../gateway/queries.ts";
import { ReconcileGateway } from "../gateway/reconcile.ts";
import { ReviewActions } from "../gateway/review-actions.ts";
import type { Route } from "../gateway/router.ts";
import { schemaRoute } from "../gateway/schema.ts";
import { SseGateway } from "../gateway/sse.ts";
import type { Sweep } from "../gateway/sweep.ts";

export const DEFAULT_PATH = "/sync";

export class Routes {
  readonly #context: GatewayContext;
  readonly #ready: () => boolean;
  readonly #sse: SseGateway;
  readonly #reconcile: ReconcileGateway;
  readonly #queries: QueryGateway;
  readonly #reviews: ReviewActions;

  /** @param ready whether the storage is open */
  constructor(context: GatewayContext, sweep: Sweep, ready: () => boolean) {
    this.#context = context;
    this.#ready = ready;
    this.#sse = new SseGateway(context, sweep);
    this.#reconcile = new ReconcileGateway(context);
    this.#queries = new QueryGateway(context);
    this.#reviews = new ReviewActions(this.#reconcile);
  }

  /** For a server of its own: the engine below `/sync`, operations and documents at the root. */
  own(): readonly Route[] {
    const { metrics } = this.#context;
    return this.#documented(
      [...this.#engine(DEFAULT_PATH), ...this.#health(""), metricsRoute(metrics)],
      "",
      DEFAULT_PATH,
    );
  }

  /** All of it below one path. Metrics stay inside: `server.metrics` has them. */
  below(path: string): readonly Route[] {
    return this.#documented([...this.#engine(path), ...this.#health(path)], path, path);
  }

  #engine(path: string): readonly Route[] {
    return [
      this.#reconcile.route(`${path}/reconcile`),
      this.#sse.eventsRoute(`${path}/events`),
      this.#sse.presenceRoute(`${path}/presence`),
      schemaRoute(`${path}/schema`, this.#context),
      ...this.#queries.routes(path),
      ...this.#reviews.routes(path),
    ];
  }

  #health(prefix: string): readonly Route[] {
    return healthRoutes(prefix, this.#context, this.#ready);
  }

  #documented(routes: readonly Route[], prefix: string, socketPath: string): readonly Route[] {
    const all: Route[] = [
      ...routes,
      documentRoute(`${prefix}/openapi.json`, "This document.", () => openApiDocument(all)),
      documentRoute(`${prefix}/asyncapi.json`, "The WebSocket protocol as AsyncAPI 3.", () =>
        asyncApiDocument(socketPath),
      ),
    ];
    return all;
  }
}
