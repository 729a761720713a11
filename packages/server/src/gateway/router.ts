/**
 * Routes: paths and methods, each declared with what OpenAPI says of it. A path is exact, or has parts in braces that
 * stand for any text without slashes. The router does what is the same for all: the origin rule and CORS, unknown
 * addresses and methods, and errors, of which nothing internal goes out.
 */
import { type ErrorCode, type JsonObject, TidelockError } from "@tidelock/core";
import { errorFacts } from "../observe/log.ts";
import type { GatewayContext } from "./context.ts";
import { type ApiRequest, type ApiResponse, errorResponse, responseTo } from "./exchange.ts";
import { originAllowed } from "./origin.ts";

export interface RouteParameter {
  readonly name: string;
  readonly in: "query" | "header" | "path";
  readonly description: string;
  readonly required?: boolean;
  readonly schema: JsonObject;
}

/** What an address has in the places of its braces, decoded. */
export type PathParts = ReadonlyMap<string, string>;

export interface Route {
  readonly method: "GET" | "POST";
  /** As in `/sync/reviews/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** Whether it takes `Authorization: Bearer …`. */
  readonly authenticated: boolean;
  readonly parameters: readonly RouteParameter[];
  readonly requestBody: JsonObject | null;
  /** The status when all is well, and the answer. */
  readonly successStatus: 200 | 202;
  readonly response: { readonly contentType: string; readonly schema: JsonObject; readonly description: string };
  /** The codes that it may answer with besides. */
  readonly codes: readonly ErrorCode[];
  readonly handle: (request: ApiRequest, parts: PathParts) => ApiResponse | Promise<ApiResponse>;
}

type Methods = Map<string, Route>;

interface Place {
  readonly methods: Methods;
  readonly parts: PathParts;
}

const NO_PARTS: PathParts = new Map();

const ALLOWED_HEADERS = "authorization, content-type, last-event-id, tidelock-device, tidelock-session";
const EXPOSED_HEADERS = "retry-after";
const PREFLIGHT_SECONDS = "7200";

export class Router {
  readonly #context: GatewayContext;
  readonly #exact = new Map<string, Methods>();
  /** Paths with braces, by their pattern. */
  readonly #patterns = new Map<string, Methods>();

  constructor(context: GatewayContext, routes: readonly Route[]) {
    this.#context = context;
    for (const route of routes) {
      const routes = route.path.includes("{") ? this.#patterns : this.#exact;
      const methods = routes.get(route.path) ?? new Map<string, Route>();
      methods.set(route.method, route);
      routes.set(route.path, methods);
    }
  }

  has(path: string): boolean {
    return this.#placeOf(path) !== null;
  }

  #placeOf(path: string): Place | null {
    const methods = this.#exact.get(path);
    if (methods !== undefined) return { methods, parts: NO_PARTS };
    for (const [pattern, found] of this.#patterns) {
      const parts = partsOf(pattern, path);
      if (parts !== null) return { methods: found, parts };
    }
    return null;
  }

  /** Always resolves. */
  async answer(request: ApiRequest): Promise<ApiResponse> {
    const origin = request.header("origin");
    if (!originAllowed(this.#context.origins, origin, request.header("host"))) {
      return this.#counted("origin-forbidden");
    }
    const answer = await this.#answer(request);
    return origin === null ? answer : { ...answer, headers: { ...answer.headers, ...corsHeaders(origin) } };
  }

  async #answer(request: ApiRequest): Promise<ApiResponse> {
    const place = this.#placeOf(request.path);
    if (place === null) return this.#counted("not-found");
    const { methods, parts } = place;
    const allow = [...methods.keys(), ...(headAllowed(methods.get("GET")) ? ["HEAD"] : []), "OPTIONS"].join(", ");
    if (request.method === "OPTIONS") return preflight(allow);
    const isHead = request.method === "HEAD" && headAllowed(methods.get("GET"));
    const route = methods.get(isHead ? "GET" : request.method);
    if (route === undefined) return this.#counted("method-not-allowed", { allow });
    try {
      return await route.handle(request, parts);
    } catch (error) {
      if (error instanceof TidelockError) this.#context.metrics.refusals.add(error.code);
      else this.#context.log.error({ path: route.path, ...errorFacts(error) }, "a request failed");
      return responseTo(error);
    }
  }

  #counted(code: ErrorCode, headers: Readonly<Record<string, string>> = {}): ApiResponse {
    this.#context.metrics.refusals.add(code);
    return errorResponse(code, { headers });
  }
}

/** What `path` has where `pattern` has braces; `null` when it does not fit. */
function partsOf(pattern: string, path: string): PathParts | null {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  const parts = new Map<string, string>();
  for (const [index, word] of wanted.entries()) {
    const text = given[index] ?? "";
    if (!word.startsWith("{")) {
      if (word !== text) return null;
      continue;
    }
    const decoded = decodedPart(text);
    if (decoded === null) return null;
    parts.set(word.slice(1, -1), decoded);
  }
  return parts;
}

function decodedPart(text: string): string | null {
  if (text === "") return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** What is behind a token may be a stream, which has no head of its own. */
function headAllowed(route: Route | undefined): boolean {
  return route !== undefined && !route.authenticated;
}

function corsHeaders(origin: string): Record<string, string> {
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": EXPOSED_HEADERS,
    "vary": "Origin",
  };
}

function preflight(allow: string): ApiResponse {
  return {
    status: 204,
    headers: {
      "allow": allow,
      "access-control-allow-methods": allow,
      "access-control-allow-headers": ALLOWED_HEADERS,
      "access-control-max-age": PREFLIGHT_SECONDS,
    },
    body: "",
  };
}
