/**
 * What the server measures, as Prometheus metrics. What stays true: no label carries an id; every label's values are
 * words of the program (message types, error codes, stages), so the number of series is fixed by the code.
 */
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, Histogram, Registry } from "@prometheus-io/client";
import { Tally } from "./tally.ts";

export type Transport = "websocket" | "sse";
/** Per commit. `commit`: its oldest mutation received until durable. `fanout`: durable until written to the sockets. */
export type Stage = "commit" | "fanout";

/** What is asked when somebody reads the metrics. */
export interface Levels {
  /** Mutations waiting for the disk. */
  readonly commitQueue: number;
  /** Committed events that are not yet on the bus. */
  readonly serverOutbox: number;
  /** Tenants in memory. */
  readonly tenants: number;
  readonly snapshotCacheBytes: number;
}

const NONE: Levels = { commitQueue: 0, serverOutbox: 0, tenants: 0, snapshotCacheBytes: 0 };
/** How often the loop's delay is sampled; Node's figures include it. */
const LOOP_SAMPLE_MS = 10;
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export const version: string = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;

export class Metrics {
  readonly registry = new Registry();
  readonly hubInputs = new Tally();
  readonly hubEffects = new Tally();
  readonly messagesIn = new Tally();
  readonly messagesOut = new Tally();
  readonly refusals = new Tally();
  /** Requests of `POST /sync/reconcile` by outcome: `ok`, or the code. */
  readonly reconciles = new Tally();
  /** Reads of decisions, histories and reviews by outcome: `ok`, or the code. */
  readonly queries = new Tally();
  /** Messages to webhooks: `delivered`, `retried`, `dropped`. */
  readonly webhooks = new Tally();
  readonly sessions = new Tally();
  readonly sessionsClosed = new Tally();
  /** Mutations of pushes and reconciles. */
  readonly mutations = new Tally();
  readonly events = new Tally();
  /** Tenants that were stopped and loaded again, by reason. */
  readonly tenantFailures = new Tally();
  /** Asked when the metrics are read. */
  levels: () => Levels = () => NONE;

  readonly #commit: { observe(value: number): void };
  readonly #fanout: { observe(value: number): void };
  readonly #loopDelay = monitorEventLoopDelay({ resolution: LOOP_SAMPLE_MS });

  constructor() {
    const latency = new Histogram({
      name: "sync_latency_seconds",
      help: "Time that a change spends in one stage of its way.",
      labelNames: ["stage"],
      buckets: LATENCY_BUCKETS,
      registers: [this.registry],
    });
    this.#commit = latency.labels({ stage: "commit" });
    this.#fanout = latency.labels({ stage: "fanout" });
    this.#counter("sync_hub_inputs_total", "What happened to hubs.", "type", this.hubInputs);
    this.#counter("sync_hub_effects_total", "What hubs asked for.", "type", this.hubEffects);
    this.#counter("sync_messages_received_total", "Messages from devices.", "type", this.messagesIn);
    this.#counter(
      "sync_messages_sent_total",
      "Messages to devices; one to many counts for each.",
      "type",
      this.messagesOut,
    );
    this.#counter("sync_refusals_total", "Refusals by code, on every transport.", "code", this.refusals);
    this.#counter("sync_reconcile_requests_total", "Reconcile requests by outcome.", "outcome", this.reconciles);
    this.#counter(
      "sync_queries_total",
      "Reads of decisions, histories and reviews by outcome.",
      "outcome",
      this.queries,
    );
    this.#counter("sync_webhooks_total", "Messages to webhooks by outcome of an attempt.", "outcome", this.webhooks);
    this.#counter("sync_sessions_closed_total", "Sessions that ended, by reason.", "reason", this.sessionsClosed);
    this.#counter("sync_mutations_total", "Mutations received, by way.", "way", this.mutations);
    this.#counter("sync_events_total", "Events, committed and published.", "stage", this.events);
    this.#counter("sync_tenant_failures_total", "Tenants stopped and loaded again.", "reason", this.tenantFailures);
    this.#gauges();
    this.#process();
    this.#loopDelay.enable();
  }

  observe(stage: Stage, seconds: number): void {
    (stage === "commit" ? this.#commit : this.#fanout).observe(seconds);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The text of `GET /metrics`. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  close(): void {
    this.#loopDelay.disable();
    this.registry.clear();
  }

  #counter(name: string, help: string, label: string, tally: Tally): void {
    const counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect: () => {
        counter.reset();
        for (const [word, count] of tally.entries()) counter.inc({ [label]: word }, count);
      },
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({ name, help, registers: [this.registry], collect: () => gauge.set(read()) });
  }

  #gauges(): void {
    const backlog = new Gauge({
      name: "sync_backlog_ops",
      help: "Work that waits: for the disk, and for the bus.",
      labelNames: ["side"],
      registers: [this.registry],
      collect: () => {
        const { serverOutbox, commitQueue } = this.levels();
        backlog.set({ side: "server_outbox" }, serverOutbox);
        backlog.set({ side: "commit_queue" }, commitQueue);
      },
    });
    const sessions = new Gauge({
      name: "sync_sessions",
      help: "Open sessions by transport.",
      labelNames: ["transport"],
      registers: [this.registry],
      collect: () => {
        for (const [transport, count] of this.sessions.entries()) sessions.set({ transport }, count);
      },
    });
    this.#gauge("sync_tenants", "Tenants in memory.", () => this.levels().tenants);
    this.#gauge("sync_snapshot_cache_bytes", "Bytes of cached snapshots.", () => this.levels().snapshotCacheBytes);
  }

  #process(): void {
    const build = new Gauge({
      name: "tidelock_build_info",
      help: "1, with the version.",
      labelNames: ["version", "node"],
      registers: [this.registry],
    });
    build.set({ version, node: process.version }, 1);
    const delay = new Gauge({
      name: "sync_event_loop_delay_seconds",
      help: "How late the event loop was since the last reading.",
      labelNames: ["quantile"],
      registers: [this.registry],
      collect: () => {
        for (const quantile of [50, 99, 100]) {
          const seconds = this.#loopDelay.percentile(quantile) / 1e9 - LOOP_SAMPLE_MS / 1000;
          delay.set({ quantile: String(quantile / 100) }, Math.max(0, seconds));
        }
        this.#loopDelay.reset();
      },
    });
    this.#gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
    this.#gauge("process_heap_bytes", "JavaScript heap in use.", () => process.memoryUsage().heapUsed);
    this.#gauge("process_uptime_seconds", "Time since the process started.", () => process.uptime());
    const cpu = new Counter({
      name: "process_cpu_seconds_total",
      help: "Processor time, user and system.",
      registers: [this.registry],
      collect: () => {
        const { user, system } = process.cpuUsage();
        cpu.reset();
        cpu.inc((user + system) / 1e6);
      },
    });
  }
}
