/**
 * `GET /openapi.json`: OpenAPI 3.1, made from the same declarations that the router serves, so that it cannot be wrong
 * about which addresses, parameters, statuses and codes there are.
 */
import { type ErrorCode, ERRORS, type JsonObject, type JsonValue } from "@tidelock/core";
import { version } from "../observe/metrics.ts";
import { jsonResponse } from "./exchange.ts";
import type { Route } from "./router.ts";

const ERROR_BODY: JsonObject = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "fix", "retryable"],
      properties: {
        code: { type: "string", enum: Object.keys(ERRORS) },
        message: { type: "string", description: "What happened, as a sentence." },
        fix: { type: "string", description: "What the reader can do about it." },
        retryable: { type: "boolean", description: "Whether the same request may succeed later." },
        retry_after_ms: { type: "integer" },
        url: { type: "string" },
      },
    },
  },
};

export function openApiDocument(routes: readonly Route[]): JsonObject {
  const paths: { [path: string]: { [method: string]: JsonValue } } = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route);
  return {
    openapi: "3.1.0",
    info: {
      title: "Tidelock",
      version,
      description: "Sync over plain HTTP. The WebSocket protocol is in asyncapi.json; codes are in docs/ERRORS.md.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
      schemas: { Error: ERROR_BODY },
    },
  };
}

function operation(route: Route): JsonObject {
  const { response, requestBody } = route;
  return {
    summary: route.summary,
    security: route.authenticated ? [{ bearer: [] }] : [],
    parameters: route.parameters.map((parameter): JsonObject => ({ ...parameter })),
    ...(requestBody === null
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: requestBody } } } }),
    responses: {
      [route.successStatus]: {
        description: response.description,
        content: { [response.contentType]: { schema: response.schema } },
      },
      ...errorsByStatus(route.codes),
    },
  };
}

function errorsByStatus(codes: readonly ErrorCode[]): JsonObject {
  const byStatus = Map.groupBy(codes, (code) => String(ERRORS[code].http));
  const responses = [...byStatus].map(([status, alike]): [string, JsonObject] => [
    status,
    {
      description: alike.map((code) => `\`${code}\`: ${ERRORS[code].message}`).join("\n\n"),
      content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
    },
  ]);
  return Object.fromEntries(responses);
}

/** The address of a document about the others, which is itself among them. */
export function documentRoute(path: string, summary: string, make: () => JsonObject): Route {
  let made: JsonObject | null = null;
  return {
    method: "GET",
    path,
    summary,
    authenticated: false,
    parameters: [],
    requestBody: null,
    successStatus: 200,
    response: { contentType: "application/json", schema: { type: "object" }, description: "The document." },
    codes: [],
    handle: () => jsonResponse(200, (made ??= make())),
  };
}
