/**
 * Signatures of webhooks as in Standard Webhooks 1.0 (https://www.standardwebhooks.com): `v1,` and the base64 of
 * HMAC-SHA256 over `id.timestamp.body`. The timestamp is signed too, so that a receiver can refuse what is old.
 */
import { createHmac } from "node:crypto";
import { secretBytes } from "./webhook.ts";

/** @param timestamp seconds since 1970 */
export function signatureOf(secret: string, id: string, timestamp: number, body: string): string {
  const digest = createHmac("sha256", secretBytes(secret)).update(`${id}.${timestamp}.${body}`).digest("base64");
  return `v1,${digest}`;
}
