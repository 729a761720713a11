/**
 * A bus that tells webhooks what it has published. What stays true: whoever publishes never waits for a webhook and hears
 * nothing of its failures; an event that the inner bus did not take is not told.
 *
 * What a webhook can rely on: a message is sent at least once while the process lives, and maybe again, with the same id,
 * when the process starts anew before the log knows what was published. What waits in memory is gone with the process:
 * the reviews in the log are the truth.
 */
import type { Columns, Epoch, TenantId } from "@tidelock/core";
import type { Bus, BusEvent } from "../bus/bus.ts";
import { errorFacts } from "../observe/log.ts";
import { newsIn, reviewMessage } from "./review-message.ts";
import type { Webhook, WebhookEvent } from "./webhook.ts";
import { PATIENCE, type Patience, type QueuePorts, WebhookQueue } from "./webhook-queue.ts";
import { WEBHOOK_EVENTS } from "./webhook.ts";

/** What of a tenant is needed to read its events. */
export interface TenantFacts {
  readonly epoch: Epoch;
  /** Of the collection of reviews. */
  readonly columns: Columns;
}

export interface WebhookPorts extends QueuePorts {
  readonly factsOf: (tenant: TenantId) => Promise<TenantFacts>;
}

export function webhookBus(
  inner: Bus,
  webhooks: readonly Webhook[],
  ports: WebhookPorts,
  patience: Patience = PATIENCE,
): Bus {
  return webhooks.length === 0 ? inner : new WebhookBus(inner, webhooks, ports, patience);
}

class WebhookBus implements Bus {
  readonly #inner: Bus;
  readonly #ports: WebhookPorts;
  readonly #patience: Patience;
  readonly #queues: ReadonlyArray<readonly [events: readonly WebhookEvent[], queue: WebhookQueue]>;
  readonly #facts = new Map<TenantId, Promise<TenantFacts>>();
  /** Events whose message is being made. */
  readonly #making = new Set<Promise<void>>();

  constructor(inner: Bus, webhooks: readonly Webhook[], ports: WebhookPorts, patience: Patience) {
    this.#inner = inner;
    this.#ports = ports;
    this.#patience = patience;
    this.#queues = webhooks.map((webhook) => [
      webhook.events ?? WEBHOOK_EVENTS,
      new WebhookQueue(webhook, ports, patience),
    ]);
  }

  open(): Promise<void> {
    return this.#inner.open();
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#making);
    await Promise.allSettled([this.#inner.close(), ...this.#queues.map(([, queue]) => queue.close())]);
  }

  async publish(events: readonly BusEvent[]): Promise<void> {
    await this.#inner.publish(events);
    for (const event of events) this.#take(event);
  }

  subscribe(tenant: TenantId, handler: (event: BusEvent) => void): () => void {
    return this.#inner.subscribe(tenant, handler);
  }

  #take(event: BusEvent): void {
    const news = newsIn(event.event);
    if (news === null || !this.#queues.some(([events]) => events.includes(news))) return;
    if (this.#making.size >= this.#patience.maxWaiting) return this.#lost(event, "too much waits for the storage");
    const making = this.#make(event, news).finally(() => this.#making.delete(making));
    this.#making.add(making);
  }

  /** Never rejects. */
  async #make({ tenant, event }: BusEvent, news: WebhookEvent): Promise<void> {
    try {
      const { epoch, columns } = await this.#factsOf(tenant);
      const message = reviewMessage(tenant, epoch, columns, event, news);
      for (const [events, queue] of this.#queues) if (events.includes(news)) queue.add(message);
    } catch (error) {
      this.#lost({ tenant, event }, errorFacts(error).error);
    }
  }

  /** Asked once for a tenant; its columns only change with the schema, and its epoch when the server is restored. */
  #factsOf(tenant: TenantId): Promise<TenantFacts> {
    let facts = this.#facts.get(tenant);
    if (facts === undefined) {
      facts = this.#ports.factsOf(tenant);
      this.#facts.set(tenant, facts);
      facts.catch(() => this.#facts.delete(tenant));
    }
    return facts;
  }

  #lost({ tenant, event }: BusEvent, reason: string): void {
    this.#ports.metrics.webhooks.add("dropped");
    this.#ports.log.error({ tenant, offset: event.offset, reason }, "a webhook message could not be made");
  }
}
