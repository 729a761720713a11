/** Talking to a server over HTTP: who to be, and its refusals as the coded errors that they are. */
import { type ErrorCode, isErrorCode, type TidelockError } from "@tidelock/core";
import { findDevSecret, readSecret } from "./dev-secret.ts";
import { signDevToken } from "./dev-token.ts";
import { AdvisedError, words } from "./failure.ts";

const TOKEN_SECONDS = 3600;

/** A refusal of the server, with what it says about the next attempt. */
export class ServerRefusal extends AdvisedError {
  readonly retryAfterMs: number | null;

  constructor(code: ErrorCode, message: string, fix: string, retryAfterMs: number | null) {
    super(code, message, fix);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Gives a token whenever one is needed. */
export type TokenSource = () => Promise<string>;

/** The token that was given, of the option or of TIDELOCK_TOKEN; else one signed with the nearest `.tidelock/dev-secret`. */
export function tokenSource(given: string | undefined, tenant: string, user: string): TokenSource {
  const known = given ?? process.env["TIDELOCK_TOKEN"];
  if (known !== undefined && known !== "") return async () => known;
  const path = findDevSecret();
  if (path === null) {
    const detail = "there is no token, and no .tidelock/dev-secret here or above to sign one with";
    throw new AdvisedError(
      "token-missing",
      detail,
      "Give one with --token or TIDELOCK_TOKEN, or run `tidelock dev` in this folder.",
    );
  }
  const secret = readSecret(path);
  return async () => (await signDevToken({ secret, tenant, user, expiresSeconds: TOKEN_SECONDS })).token;
}

/** The error in the body of a refused request. */
export async function refusalOf(response: Response): Promise<TidelockError> {
  const body = (await response.json().catch(() => null)) as { readonly error?: unknown } | null;
  const error = body?.error;
  if (typeof error !== "object" || error === null || !("code" in error) || !isErrorCode(error.code)) {
    const detail = `${new URL(response.url).origin} answered ${response.status}, but not as Tidelock does`;
    return new AdvisedError("server-unreachable", detail, "Check the address: another program may listen there.");
  }
  const {
    code,
    message,
    fix,
    retry_after_ms: retryAfterMs,
  } = error as Readonly<Record<string, unknown>> & { code: ErrorCode };
  return new ServerRefusal(code, String(message), String(fix), typeof retryAfterMs === "number" ? retryAfterMs : null);
}

/** Why no connection came about, in words. */
export function unreachable(url: string, error: unknown): TidelockError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
  const reason =
    {
      ECONNREFUSED: "nothing listens there",
      ENOTFOUND: "there is no such host",
      ETIMEDOUT: "it did not answer in time",
    }[code] ?? (error instanceof Error && error.name === "TimeoutError" ? "it did not answer in time" : words(cause));
  return new AdvisedError(
    "server-unreachable",
    `${url} cannot be reached: ${reason}`,
    "Check the address, and that the server is running: `tidelock dev` starts one.",
  );
}
