/**
 * The bus within one process: the default. What stays true: per tenant, a subscriber gets the events in the order of
 * `publish`, outside the publisher's stack; a subscriber that falls behind by more than `capacity` events loses the
 * oldest, sees the gap by offset and reads the log. A subscriber that throws causes a process warning and harms nobody else.
 */
import type { TenantId } from "@tidelock/core";
import type { Bus, BusEvent } from "./bus.ts";

/** Events that wait for one subscriber before the oldest are lost. More would only delay the reading of the log. */
const CAPACITY = 10_000;

export function memoryBus(options: { readonly capacity?: number } = {}): Bus {
  return new MemoryBus(options.capacity ?? CAPACITY);
}

class MemoryBus implements Bus {
  readonly #capacity: number;
  readonly #subscribers = new Map<TenantId, Set<Subscriber>>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {
    for (const subscribers of this.#subscribers.values()) for (const subscriber of subscribers) subscriber.stop();
    this.#subscribers.clear();
  }

  async publish(events: readonly BusEvent[]): Promise<void> {
    if (this.#subscribers.size === 0) return;
    for (const event of events) {
      for (const subscriber of this.#subscribers.get(event.tenant) ?? []) subscriber.take(event);
    }
  }

  subscribe(tenant: TenantId, handler: (event: BusEvent) => void): () => void {
    const subscriber = new Subscriber(handler, this.#capacity);
    const subscribers = this.#subscribers.get(tenant) ?? new Set();
    this.#subscribers.set(tenant, subscribers.add(subscriber));
    return () => {
      subscriber.stop();
      subscribers.delete(subscriber);
      if (subscribers.size === 0 && this.#subscribers.get(tenant) === subscribers) this.#subscribers.delete(tenant);
    };
  }
}

class Subscriber {
  readonly #handler: (event: BusEvent) => void;
  readonly #capacity: number;
  #waiting: BusEvent[] = [];
  #scheduled = false;
  #stopped = false;

  constructor(handler: (event: BusEvent) => void, capacity: number) {
    this.#handler = handler;
    this.#capacity = capacity;
  }

  take(event: BusEvent): void {
    this.#waiting.push(event);
    // Trimmed at twice the capacity, so that losing costs no more than keeping.
    if (this.#waiting.length > 2 * this.#capacity) this.#waiting = this.#waiting.slice(-this.#capacity);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#deliver());
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }

  #deliver(): void {
    this.#scheduled = false;
    const events = this.#waiting.slice(-this.#capacity);
    this.#waiting = [];
    for (const event of events) {
      if (this.#stopped) return;
      try {
        this.#handler(event);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
  }
}
