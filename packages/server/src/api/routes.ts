/** All addresses of the server, put together for its two places: on its own, and below a path of somebody else's. */
import { asyncApiDocument } from "../gateway/asyncapi.ts";
import type { GatewayContext } from "../gateway/context.ts";
import { inboxRoutes } from "../gateway/inbox.ts";
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
  readonly #hasInbox: boolean;
  readonly #sse: SseGateway;
  readonly #reconcile: ReconcileGateway;
  readonly #queries: QueryGateway;
  readonly #reviews: ReviewActions;

  /**
   * @param ready whether the storage is open
   * @param hasInbox whether the page for reviews is served
   */
  constructor(context: GatewayContext, sweep: Sweep, ready: () => boolean, hasInbox: boolean) {
    this.#context = context;
    this.#ready = ready;
    this.#hasInbox = hasInbox;
    this.#sse = new SseGateway(context, sweep);
    this.#reconcile = new ReconcileGateway(context);
    this.#queries = new QueryGateway(context);
    this.#reviews = new ReviewActions(this.#reconcile);
  }

  /** For a server of its own: the engine below `/sync`, operations and documents at the root. */
  own(): readonly Route[] {
    const { metrics } = this.#context;
    const routes = [...this.#engine(DEFAULT_PATH), ...this.#health(""), metricsRoute(metrics)];
    return [...this.#documented(routes, "", DEFAULT_PATH), ...this.#inbox("", "..")];
  }

  /** All of it below one path. Metrics stay inside: `server.metrics` has them. */
  below(path: string): readonly Route[] {
    const routes = this.#documented([...this.#engine(path), ...this.#health(path)], path, path);
    // The page's client adds `/sync` to where it finds the server.
    return path.endsWith(DEFAULT_PATH) ? [...routes, ...this.#inbox(path, "../..")] : routes;
  }

  /** The page is for people: documents about addresses say nothing of it. */
  #inbox(prefix: string, base: string): readonly Route[] {
    return this.#hasInbox ? inboxRoutes(prefix, base) : [];
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
