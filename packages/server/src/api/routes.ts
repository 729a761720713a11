/** All addresses of the server, put together for its two places: on its own, and below a path of somebody else's. */
import type { GatewayContext } from "../gateway/context.ts";
import { operationRoutes } from "../gateway/operations.ts";
import type { Route } from "../gateway/router.ts";
import type { Sweep } from "../gateway/sweep.ts";

export const DEFAULT_PATH = "/sync";

/** Everything, for a server of its own: the engine below `/sync`, operations at the root. */
export function ownRoutes(context: GatewayContext, _sweep: Sweep, ready: () => boolean): readonly Route[] {
  return [...operationRoutes(context, ready)];
}

/** Only what belongs below `path`. Metrics stay inside: `server.metrics` has them. */
export function attachedRoutes(
  context: GatewayContext,
  _sweep: Sweep,
  ready: () => boolean,
  path: string,
): readonly Route[] {
  return operationRoutes(context, ready)
    .filter((route) => route.path !== "/metrics")
    .map((route) => ({ ...route, path: `${path}${route.path}` }));
}
