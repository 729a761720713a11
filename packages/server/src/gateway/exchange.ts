/**
 * One HTTP exchange, whoever carries it: Node's server or a web-standard `fetch` handler. Routes see only this; so both
 * answer alike.
 */
import { boundedMessage, type ErrorCode, ERRORS, type Millis, TidelockError } from "@tidelock/core";
import type { RequestRefusal } from "../engine/effect.ts";
import type { Pipe } from "./pipe.ts";

/** When to try again, where nothing better is known. */
const DEFAULT_RETRY_MS = 1_000;

export interface ApiRequest {
  readonly method: string;
  /** The path as it was sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** A header by its lower-case name. */
  header(name: string): string | null;
  /** The whole body. Rejects with `frame-too-large` as soon as there is more than `maxBytes`. */
  body(maxBytes: number): Promise<Uint8Array>;
}

/** What happens to a stream from outside. */
export interface StreamEvents {
  drained(): void;
  closed(): void;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Text, bytes, or a stream: called with the way out once the head has been sent. */
  readonly body: string | Uint8Array | ((pipe: Pipe) => StreamEvents);
  /** Called instead of `body` when nobody is there any more to read the stream. */
  readonly abandoned?: () => void;
}

export function jsonResponse(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): ApiResponse {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store", ...headers },
    body: JSON.stringify(body),
  };
}

export interface ErrorMore {
  /** What the catalogue cannot know. */
  readonly detail?: string;
  readonly retryAfterMs?: Millis | undefined;
  /** Where to get what is needed. */
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The body of every error, with the catalogue's status. */
export function errorResponse(code: ErrorCode, more: ErrorMore = {}): ApiResponse {
  const { http, message, fix, retryable } = ERRORS[code];
  const { detail = "", url, headers = {} } = more;
  const waitMs = more.retryAfterMs ?? (http === 429 || http === 503 ? DEFAULT_RETRY_MS : null);
  const error = {
    code,
    message: detail === "" ? message : boundedMessage(detail),
    fix,
    retryable,
    ...(waitMs === null ? {} : { retry_after_ms: waitMs }),
    ...(url === undefined ? {} : { url }),
  };
  return jsonResponse(
    http,
    { error },
    {
      ...(waitMs === null ? {} : { "retry-after": String(Math.max(1, Math.ceil(waitMs / 1000))) }),
      ...(http === 401 ? { "www-authenticate": "Bearer" } : {}),
      ...headers,
    },
  );
}

/** The answer to something thrown: coded when it was expected, `internal` and nothing else when it was not. */
export function responseTo(error: unknown): ApiResponse {
  return error instanceof TidelockError
    ? errorResponse(error.code, { detail: error.detail })
    : errorResponse("internal");
}

/** What an engine answered to a whole request: the body, or the refusal. */
export function refusalOrBody(answer: { readonly ok: true; readonly body: object } | RequestRefusal): ApiResponse {
  if (answer.ok) return jsonResponse(200, answer.body);
  const detail = answer.message === ERRORS[answer.code].message ? "" : answer.message;
  const { code, retryAfterMs, url } = answer;
  return errorResponse(code, { detail, retryAfterMs, ...(url === undefined ? {} : { url }) });
}

export const TOKEN_IN_ADDRESS =
  "a token in the address ends up in logs; send it in `hello` or as `Authorization: Bearer …`";

/** Whether an address has a token in it. */
export function namesToken(query: URLSearchParams): boolean {
  return query.has("token") || query.has("access_token") || query.has("authorization");
}

/** The token of `Authorization: Bearer …`. Throws `token-missing`; one in the address is refused with the reason. */
export function bearerToken(request: ApiRequest): string {
  if (namesToken(request.query)) throw new TidelockError("token-missing", TOKEN_IN_ADDRESS);
  const match = /^Bearer +([^\s]{1,16384})$/i.exec(request.header("authorization") ?? "");
  if (match?.[1] === undefined) throw new TidelockError("token-missing");
  return match[1];
}
