/**
 * Authentication: tokens to identities. Either JSON Web Tokens, verified with `jose`, or a function of the operator's.
 *
 * What stays true: algorithms are fixed by the configuration, never chosen by the token; a shared secret accepts HS256 only
 * and a key set accepts asymmetric ones only, so that a public key can never pass for a secret; `none` is never accepted.
 * What an authenticator returns is checked before anybody uses it.
 */
import {
  isErrorCode,
  type JsonObject,
  jsonProblem,
  MAX_VALUE_DEPTH,
  type Millis,
  parseTenantId,
  parseUserId,
  TidelockError,
} from "@tidelock/core";
import { createLocalJWKSet, createRemoteJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import type { Identity, Verify } from "../gateway/identity.ts";
import { type Logger, silentLogger } from "../observe/log.ts";

/** Who a token speaks for. */
export interface AuthenticatedUser {
  /** A tenant id: 1 to 64 characters of `A-Z a-z 0-9 _ . -`. */
  readonly tenant: string;
  readonly user: string;
  /** For rules. */
  readonly claims?: JsonObject;
  /** When the token expires, milliseconds since 1970; `null` or left out when it does not. */
  readonly expires?: Millis | null;
}

/**
 * Verifies a token. Throw (anything) when it is not valid; a `TidelockError` with `token-expired` when that is the reason.
 */
export type Authenticate = (token: string) => AuthenticatedUser | Promise<AuthenticatedUser>;

export interface JwtOptions {
  /** Shared secret for HS256, at least 32 bytes. */
  readonly secret?: string;
  /** Public keys: the address of a key set, or the key set itself. */
  readonly jwks?: string | URL | { readonly keys: readonly object[] };
  /** What `iss` must be. */
  readonly issuer?: string;
  /** What `aud` must contain. */
  readonly audience?: string;
  /** The claim that names the tenant. Default `tenant`. */
  readonly tenantClaim?: string;
  /** The claim that names the user. Default `sub`. */
  readonly userClaim?: string;
}

const MIN_SECRET_BYTES = 32;
/** Clocks of issuers and servers differ a little; more would keep expired tokens alive. */
const CLOCK_TOLERANCE_SECONDS = 5;
const ASYMMETRIC = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** Verifies JSON Web Tokens. Throws `secret-missing` or `config-invalid` at once when the options cannot work. */
export function jwtAuth(options: JwtOptions): Authenticate {
  const verify = verifierOf(options);
  const tenantClaim = options.tenantClaim ?? "tenant";
  const userClaim = options.userClaim ?? "sub";
  return async (token) => {
    const claims = await verify(token);
    return {
      tenant: textClaim(claims, tenantClaim),
      user: textClaim(claims, userClaim),
      claims: JSON.parse(JSON.stringify(claims)),
      expires: claims.exp === undefined ? null : claims.exp * 1000,
    };
  };
}

function verifierOf({ secret, jwks, issuer, audience }: JwtOptions): (token: string) => Promise<JWTPayload> {
  if (secret !== undefined && jwks !== undefined) {
    throw new TidelockError("config-invalid", "auth takes secret or jwks, not both");
  }
  const expected = {
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };
  if (secret !== undefined) {
    const key = new TextEncoder().encode(secret);
    if (key.length < MIN_SECRET_BYTES) {
      throw new TidelockError(
        "config-invalid",
        `auth.secret must have at least ${MIN_SECRET_BYTES} bytes, not ${key.length}`,
      );
    }
    return async (token) => (await jwtVerify(token, key, { ...expected, algorithms: ["HS256"] })).payload;
  }
  if (jwks === undefined) throw new TidelockError("secret-missing");
  const keys = keySetOf(jwks);
  return async (token) => {
    try {
      return (await jwtVerify(token, keys, { ...expected, algorithms: ASYMMETRIC })).payload;
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      throw new TidelockError("internal", "the key set of the tokens cannot be reached", { cause: error });
    }
  };
}

function keySetOf(
  jwks: NonNullable<JwtOptions["jwks"]>,
): ReturnType<typeof createRemoteJWKSet> | ReturnType<typeof createLocalJWKSet> {
  if (typeof jwks === "object" && !(jwks instanceof URL)) {
    try {
      return createLocalJWKSet(jwks as JSONWebKeySet);
    } catch (error) {
      throw new TidelockError("config-invalid", "auth.jwks is not a key set", { cause: error });
    }
  }
  if (!URL.canParse(String(jwks)))
    throw new TidelockError("config-invalid", "auth.jwks must be an address or a key set");
  return createRemoteJWKSet(new URL(jwks));
}

function textClaim(claims: JWTPayload, name: string): string {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (typeof value === "string") return value;
  throw new TidelockError("token-invalid", `the token has no claim ${JSON.stringify(name)} that is text`);
}

/** Makes of an authenticator what gateways use: checked identities, and coded refusals. */
export function verifierFrom(authenticate: Authenticate, log: Logger = silentLogger): Verify {
  return async (token) => {
    if (token === "") throw new TidelockError("token-missing");
    try {
      return checked(await authenticate(token));
    } catch (error) {
      const refusal = refusalOf(error);
      // A bad token is everyday; an authenticator that cannot work is the operator's business.
      const level = error instanceof errors.JOSEError || refusal.code !== "internal" ? "debug" : "warn";
      log[level]({ code: refusal.code, reason: reasonOf(error, token) }, "a token was not accepted");
      throw refusal;
    }
  };
}

/** What went wrong, for the log, without the token should somebody's message quote it. */
function reasonOf(error: unknown, token: string): string {
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return reason.replaceAll(token, "[removed]");
}

function checked(user: AuthenticatedUser): Identity {
  const tenant = parseTenantId(user.tenant);
  const id = parseUserId(user.user);
  if (tenant === null) throw new TidelockError("token-invalid", "the token's tenant is not a name");
  if (id === null) throw new TidelockError("token-invalid", "the token's user is not a user id");
  const claims = user.claims ?? {};
  if (jsonProblem(claims, MAX_VALUE_DEPTH) !== null)
    throw new TidelockError("token-invalid", "the claims are not JSON");
  const expires = wholeMillis(user.expires ?? null);
  if (expires !== null && !(expires > Date.now())) throw new TidelockError("token-expired");
  return { tenant, principal: { user: id, claims, expires } };
}

/** An `exp` may have a fraction (RFC 7519, section 2) or lie beyond all time; devices are told whole milliseconds. */
function wholeMillis(expires: Millis | null): Millis | null {
  return expires === null ? null : Math.min(Number.MAX_SAFE_INTEGER, Math.floor(expires));
}

/** Says why in the catalogue's words; nothing of the token, and nothing of the operator's errors, goes out. */
function refusalOf(error: unknown): TidelockError {
  if (error instanceof TidelockError && isErrorCode(error.code)) return error;
  if (error instanceof errors.JWTExpired) return new TidelockError("token-expired", "", { cause: error });
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new TidelockError("token-invalid", `the claim ${JSON.stringify(error.claim)} is not what it must be`, {
      cause: error,
    });
  }
  return new TidelockError("token-invalid", "", { cause: error });
}

/** Whether a key set could not be asked, which says nothing of the token. */
function isUnreachable(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout) return true;
  // What `jose` makes of an answer that is no key set, and what `fetch` throws.
  return error instanceof TypeError || (error instanceof errors.JOSEError && error.code === "ERR_JOSE_GENERIC");
}
