/** Webhooks as an operator declares them, and the check of what a compiler cannot see. */

/** A review opened: somebody has to decide. A review closed: it was decided, or is not needed any more. */
export const WEBHOOK_EVENTS = ["review.opened", "review.closed"] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

export interface Webhook {
  /** Where to send: http or https, without user and password. */
  readonly url: string;
  /**
   * What messages are signed with: at least 24 bytes of text, or `whsec_` and as many bytes in base64. See
   * https://www.standardwebhooks.com.
   */
  readonly secret: string;
  /** Default: all. */
  readonly events?: readonly WebhookEvent[];
}

export const MIN_SECRET_BYTES = 24;
const PREFIX = "whsec_";

/** The bytes that a secret stands for. */
export function secretBytes(secret: string): Buffer {
  return secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), "base64") : Buffer.from(secret, "utf8");
}

/** Why a webhook cannot be used, as words that follow its name; `null` when it can. The secret is never said. */
export function webhookProblem({ url, secret, events = WEBHOOK_EVENTS }: Webhook): string | null {
  const address = typeof url === "string" ? URL.parse(url) : null;
  if (address === null || !/^https?:$/.test(address.protocol)) return "needs a url with http or https";
  if (address.username !== "" || address.password !== "") return "must not have a user or password in its url";
  if (typeof secret !== "string" || secretBytes(secret).length < MIN_SECRET_BYTES) {
    return `needs a secret of at least ${MIN_SECRET_BYTES} bytes`;
  }
  const known: readonly unknown[] = WEBHOOK_EVENTS;
  if (!Array.isArray(events) || events.length === 0 || !events.every((event) => known.includes(event))) {
    return `takes as events a list of ${WEBHOOK_EVENTS.join(", ")}`;
  }
  return null;
}
