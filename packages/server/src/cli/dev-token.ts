/** Tokens for development, signed with a shared secret as the server verifies them: HS256, `tenant` and `sub`. */
import { type JsonObject, parseTenantId, parseUserId } from "@tidelock/core";
import { SignJWT } from "jose";
import { UsageError } from "./failure.ts";

export interface DevTokenOptions {
  readonly secret: string;
  readonly tenant: string;
  readonly user: string;
  readonly expiresSeconds: number;
  readonly claims?: JsonObject;
}

export interface DevToken {
  readonly token: string;
  readonly expires: Date;
}

export async function signDevToken(options: DevTokenOptions): Promise<DevToken> {
  const { secret, tenant, user, expiresSeconds, claims = {} } = options;
  if (parseTenantId(tenant) === null) {
    throw new UsageError(`${JSON.stringify(tenant)} is not a tenant id`, "Use 1 to 64 characters of A-Z a-z 0-9 _ . -");
  }
  if (parseUserId(user) === null) {
    throw new UsageError(
      `${JSON.stringify(user)} is not a user id`,
      "Use 1 to 128 visible characters without quotes, backslashes and angle brackets.",
    );
  }
  const now = Math.floor(Date.now() / 1000);
  const expires = now + expiresSeconds;
  const token = await new SignJWT({ ...claims, tenant })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(user)
    .setIssuedAt(now)
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(secret));
  return { token, expires: new Date(expires * 1000) };
}
