/**
 * What waits to be sent to one webhook: each message until the receiver has taken it, with growing pauses, and at most so
 * often. What stays true: memory is bounded; a message that fails delays no other; nothing here is awaited by those who
 * write.
 */
import type { Millis } from "@tidelock/core";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { version } from "../observe/metrics.ts";
import type { WebhookMessage } from "./review-message.ts";
import { signatureOf } from "./signature.ts";
import type { Webhook } from "./webhook.ts";

/** How patient a queue is. Only tests change it. */
export interface Patience {
  /** Messages that wait, the ones under way included. */
  readonly maxWaiting: number;
  /** Characters of those. */
  readonly maxCharacters: number;
  /** Messages under way at once. */
  readonly concurrency: number;
  readonly maxAttempts: number;
  readonly firstPauseMs: Millis;
  readonly lastPauseMs: Millis;
  /** Time for one attempt, answer included. */
  readonly timeoutMs: Millis;
  /** Time for those under way when the server closes. */
  readonly closingMs: Millis;
}

/** All attempts of one message take about half an hour. */
export const PATIENCE: Patience = {
  maxWaiting: 10_000,
  maxCharacters: 64 * 1024 * 1024,
  concurrency: 4,
  maxAttempts: 13,
  firstPauseMs: 1_000,
  lastPauseMs: 5 * 60_000,
  timeoutMs: 10_000,
  closingMs: 2_000,
};

/** The receiver wants no more of this message. */
const GONE = 410;

interface Delivery {
  readonly message: WebhookMessage;
  attempts: number;
}

export interface QueuePorts {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly now: () => Millis;
}

export class WebhookQueue {
  readonly #webhook: Webhook;
  readonly #ports: QueuePorts;
  readonly #patience: Patience;
  /** Addresses of webhooks may hold secrets: the log gets this much of them. */
  readonly #receiver: string;
  readonly #ready: Delivery[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #waiting = 0;
  #characters = 0;
  #isClosed = false;

  constructor(webhook: Webhook, ports: QueuePorts, patience: Patience = PATIENCE) {
    this.#webhook = webhook;
    this.#ports = ports;
    this.#patience = patience;
    this.#receiver = new URL(webhook.url).origin;
  }

  /** Messages that the receiver has not taken yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Takes a message, unless too much waits already. */
  add(message: WebhookMessage): void {
    const { maxWaiting, maxCharacters } = this.#patience;
    if (this.#isClosed) return;
    if (this.#waiting >= maxWaiting || this.#characters + message.body.length > maxCharacters) {
      return this.#drop(message, 0, "too much waits for the receiver");
    }
    this.#waiting += 1;
    this.#characters += message.body.length;
    this.#ready.push({ message, attempts: 0 });
    this.#pump();
  }

  /** Ends: what is under way gets a moment, the rest is dropped. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const late = setTimeout(() => this.#abort.abort(), this.#patience.closingMs);
    await Promise.allSettled(this.#underWay);
    clearTimeout(late);
    if (this.#waiting === 0) return;
    this.#ports.metrics.webhooks.add("dropped", this.#waiting);
    this.#ports.log.warn(
      { receiver: this.#receiver, waiting: this.#waiting },
      "webhook messages were not delivered before the server closed",
    );
  }

  #pump(): void {
    while (!this.#isClosed && this.#underWay.size < this.#patience.concurrency) {
      const delivery = this.#ready.shift();
      if (delivery === undefined) return;
      const attempt = this.#attempt(delivery).finally(() => {
        this.#underWay.delete(attempt);
        this.#pump();
      });
      this.#underWay.add(attempt);
    }
  }

  /** Never rejects. */
  async #attempt(delivery: Delivery): Promise<void> {
    delivery.attempts += 1;
    const outcome = await this.#send(delivery.message);
    if (outcome.ok) {
      this.#ports.metrics.webhooks.add("delivered");
      return this.#done(delivery.message);
    }
    if (outcome.isFinal || delivery.attempts >= this.#patience.maxAttempts) {
      this.#done(delivery.message);
      return this.#drop(delivery.message, delivery.attempts, outcome.reason);
    }
    if (this.#isClosed) return;
    this.#ports.metrics.webhooks.add("retried");
    this.#later(delivery, outcome.pauseMs);
  }

  #later(delivery: Delivery, askedMs: Millis): void {
    const { firstPauseMs, lastPauseMs } = this.#patience;
    const grown = Math.min(lastPauseMs, firstPauseMs * 2 ** (delivery.attempts - 1));
    const pauseMs = Math.max(grown * (0.5 + Math.random() / 2), Math.min(askedMs, lastPauseMs));
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#ready.push(delivery);
      this.#pump();
    }, pauseMs);
    // A message that waits does not keep the process.
    timer.unref();
    this.#timers.add(timer);
  }

  async #send({ id, body }: WebhookMessage): Promise<Outcome> {
    const timestamp = Math.floor(this.#ports.now() / 1000);
    try {
      const response = await fetch(this.#webhook.url, {
        method: "POST",
        headers: {
          "content-type": "application/cloudevents+json; charset=utf-8",
          "user-agent": `Tidelock/${version}`,
          "webhook-id": id,
          "webhook-timestamp": String(timestamp),
          "webhook-signature": signatureOf(this.#webhook.secret, id, timestamp, body),
        },
        body,
        // What is signed for one receiver goes to no other.
        redirect: "manual",
        signal: AbortSignal.any([AbortSignal.timeout(this.#patience.timeoutMs), this.#abort.signal]),
      });
      await response.body?.cancel();
      if (response.ok) return { ok: true };
      const seconds = Number(response.headers.get("retry-after"));
      return {
        ok: false,
        isFinal: response.status === GONE,
        reason: `it answered ${response.status}`,
        pauseMs: seconds > 0 ? seconds * 1000 : 0,
      };
    } catch (error) {
      return { ok: false, isFinal: false, reason: wordsOf(error), pauseMs: 0 };
    }
  }

  #done({ body }: WebhookMessage): void {
    this.#waiting -= 1;
    this.#characters -= body.length;
  }

  #drop({ id, event }: WebhookMessage, attempts: number, reason: string): void {
    this.#ports.metrics.webhooks.add("dropped");
    this.#ports.log.error({ receiver: this.#receiver, id, event, attempts, reason }, "a webhook message was given up");
  }
}

type Outcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly isFinal: boolean; readonly reason: string; readonly pauseMs: Millis };

/** What went wrong, without the address. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return "it could not be reached";
  if (error.name === "TimeoutError") return "it took too long";
  const { cause } = error;
  const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
  return `it could not be reached${code}`;
}
