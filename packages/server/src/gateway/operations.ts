/** Routes for operators and machines: is it up, may it get traffic, how is it doing. They carry no ids and need no token. */
import type { Metrics } from "../observe/metrics.ts";
import type { GatewayContext } from "./context.ts";
import { errorResponse, jsonResponse } from "./exchange.ts";
import type { Route } from "./router.ts";

const PLAIN = { method: "GET", authenticated: false, parameters: [], requestBody: null, successStatus: 200 } as const;
const STATUS = {
  contentType: "application/json",
  schema: { type: "object", properties: { status: { const: "ok" } }, required: ["status"] },
} as const;

/** @param ready whether the storage is open */
export function healthRoutes(prefix: string, context: GatewayContext, ready: () => boolean): readonly Route[] {
  return [
    {
      ...PLAIN,
      path: `${prefix}/healthz`,
      summary: "Whether the process is up.",
      response: { ...STATUS, description: "It is." },
      codes: [],
      handle: () => jsonResponse(200, { status: "ok" }),
    },
    {
      ...PLAIN,
      path: `${prefix}/readyz`,
      summary: "Whether the server takes traffic: its storage is open and it is not closing.",
      response: { ...STATUS, description: "It does." },
      codes: ["storage-unavailable", "shutting-down"],
      handle: () => {
        if (!context.accepting()) return errorResponse("shutting-down");
        return ready() ? jsonResponse(200, { status: "ok" }) : errorResponse("storage-unavailable");
      },
    },
  ];
}

export function metricsRoute(metrics: Metrics): Route {
  return {
    ...PLAIN,
    path: "/metrics",
    summary: "Metrics in the Prometheus text format, without ids.",
    response: { contentType: "text/plain", schema: { type: "string" }, description: "The metrics." },
    codes: [],
    handle: async () => ({
      status: 200,
      headers: { "content-type": metrics.contentType, "cache-control": "no-store" },
      body: await metrics.text(),
    }),
  };
}
