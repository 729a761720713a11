/**
 * The relay of the server's outbox: publishes a tenant's committed events to the bus, after the commit and in offset
 * order. The log is the outbox: whatever the bus did not take is read from it again, so nothing is kept but a short tail
 * of events that are at hand anyway.
 *
 * What stays true: event n + 1 is published after the bus has taken n; after a crash it goes on from the last offset that
 * was saved (at least once); a bus that fails delays nothing but itself, and is tried again for ever, less and less often.
 */
import { decodeEvent, type DomainEvent, type Millis, type Offset, type TenantId } from "@tidelock/core";
import type { Bus } from "../bus/bus.ts";
import { errorFacts, type Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Storage } from "../storage/storage.ts";

/** Events given to the bus at once. */
const BATCH = 500;
/** Events kept at hand while the bus is busy; beyond that they are read from the log. */
const MAX_AT_HAND = 10_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 30_000;
/** Time that the bus has for the events under way when the relay stops. */
const LAST_ANSWER_MS = 2_000;

export interface RelayPorts {
  readonly tenant: TenantId;
  readonly storage: Storage;
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** The bus has taken everything up to here. */
  readonly published: (offset: Offset) => void;
}

export class Relay {
  readonly #ports: RelayPorts;
  #published: Offset;
  #head: Offset;
  /** The last event given to the bus, whether it has taken it or not. */
  #given: Offset;
  /** Events without gaps from `#given` to the head; empty when they have to be read. */
  #atHand: DomainEvent[] = [];
  #running = false;
  #stopped = false;
  #retryMs = 0;
  #retry: NodeJS.Timeout | null = null;
  #idle: Promise<void> = Promise.resolve();

  constructor(ports: RelayPorts, published: Offset, head: Offset) {
    this.#ports = ports;
    this.#published = published;
    this.#given = published;
    this.#head = head;
  }

  /** Committed events that the bus has not taken yet. */
  get backlog(): number {
    return this.#head - this.#published;
  }

  get published(): Offset {
    return this.#published;
  }

  /** Events that have just become durable, the next after the head. */
  committed(events: readonly DomainEvent[]): void {
    const [first] = events;
    if (first === undefined) return;
    if (this.#atHand.length + events.length > MAX_AT_HAND) this.#atHand = [];
    else if (this.#atHand.length > 0 || this.#given === first.offset - 1) this.#atHand.push(...events);
    this.#head = first.offset + events.length - 1;
    this.start();
  }

  /** Publishes what there is. */
  start(): void {
    if (this.#running || this.#stopped || this.#retry !== null || this.backlog === 0) return;
    this.#running = true;
    this.#idle = this.#run();
  }

  /** Resolves when nothing is under way any more; a bus that does not answer is waited for only so long. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, LAST_ANSWER_MS)));
    await Promise.race([this.#idle, late]);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    const { tenant, bus, log, metrics } = this.#ports;
    try {
      while (this.#published < this.#head && !this.#stopped) {
        const events = await this.#next();
        const last = events.at(-1);
        if (last === undefined) break;
        this.#given = last.offset;
        await bus.publish(events.map((event) => ({ tenant, event })));
        this.#published = last.offset;
        this.#retryMs = 0;
        metrics.events.add("published", events.length);
        this.#ports.published(last.offset);
      }
      this.#running = false;
    } catch (error) {
      this.#running = false;
      this.#given = this.#published;
      this.#atHand = [];
      log.warn({ tenant, backlog: this.backlog, ...errorFacts(error) }, "the bus did not take events; trying again");
      this.#later();
    }
  }

  async #next(): Promise<readonly DomainEvent[]> {
    if (this.#atHand[0]?.offset === this.#published + 1) return this.#atHand.splice(0, BATCH);
    this.#atHand = [];
    const { storage, tenant, log } = this.#ports;
    const stored = await storage.readEvents(tenant, this.#published, BATCH);
    const [first] = stored;
    if (first === undefined) {
      log.error({ tenant, after: this.#published }, "events to publish are missing from the log");
      this.#published = this.#head;
      this.#given = this.#head;
      return [];
    }
    if (first.offset > this.#published + 1) {
      log.warn(
        { tenant, from: this.#published + 1, to: first.offset - 1 },
        "events were trimmed before they were published",
      );
    }
    return stored.map((event) => decodeEvent(event.offset, event.body));
  }

  #later(): void {
    if (this.#stopped) return;
    this.#retryMs = Math.min(LAST_RETRY_MS, Math.max(FIRST_RETRY_MS, 2 * this.#retryMs));
    const waitMs: Millis = this.#retryMs * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.start();
    }, waitMs);
    this.#retry.unref();
  }
}
