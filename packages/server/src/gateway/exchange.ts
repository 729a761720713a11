/**
 * One HTTP exchange, whoever carries it: Node's server or a web-standard `fetch` handler. Routes see only this; so both
 * answer alike.
 */
import { type ErrorCode, ERRORS, type Millis, TidelockError } from "@tidelock/core";
import type { Pipe } from "./pipe.ts";

export interface ApiRequest {
  readonly method: string;
  /** Decoded path, without the query. */
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
  /** Text, or a stream: called with the way out once the head has been sent. */
  readonly body: string | ((pipe: Pipe) => StreamEvents);
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

/** The body of every error, with the catalogue's status. `detail` says more than the catalogue can. */
export function errorResponse(
  code: ErrorCode,
  detail: string = "",
  retryAfterMs: Millis | null = null,
  headers: Readonly<Record<string, string>> = {},
): ApiResponse {
  const { http, message, fix, retryable } = ERRORS[code];
  const waitMs = retryAfterMs ?? (http === 429 || http === 503 ? 1000 : null);
  return jsonResponse(
    http,
    {
      error: {
        code,
        message: detail === "" ? message : detail,
        fix,
        retryable,
        ...(waitMs === null ? {} : { retry_after_ms: waitMs }),
      },
    },
    {
      ...(waitMs === null ? {} : { "retry-after": String(Math.max(1, Math.ceil(waitMs / 1000))) }),
      ...(http === 401 ? { "www-authenticate": "Bearer" } : {}),
      ...headers,
    },
  );
}

/** The answer to something thrown: coded when it was expected, `internal` and nothing else when it was not. */
export function responseTo(error: unknown): ApiResponse {
  return error instanceof TidelockError ? errorResponse(error.code, error.detail) : errorResponse("internal");
}

/** The token of `Authorization: Bearer …`. Throws `token-missing`; one in the address is refused with the reason. */
export function bearerToken(request: ApiRequest): string {
  for (const name of ["token", "access_token", "authorization"]) {
    if (request.query.has(name)) {
      throw new TidelockError(
        "token-missing",
        "a token in the address ends up in logs; send `Authorization: Bearer …`",
      );
    }
  }
  const match = /^Bearer +([^\s]{1,16384})$/i.exec(request.header("authorization") ?? "");
  if (match?.[1] === undefined) throw new TidelockError("token-missing");
  return match[1];
}
