/**
 * The server: puts storage, bus, tenants and gateways together, and is the only place that knows them all.
 *
 * What stays true: nothing listens before the storage is open; `close` first stops taking, then lets what was accepted
 * reach the disk, then closes the storage, within bounded time; closing twice is closing once.
 */
import { randomInt } from "node:crypto";
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { REVIEWS, seededRandom, type ServerLimits, type TenantId } from "@tidelock/core";
import type { Bus } from "../bus/bus.ts";
import { memoryBus } from "../bus/memory.ts";
import { columnsFor } from "../engine/columns.ts";
import { Hub } from "../engine/hub.ts";
import { Admission } from "../gateway/admission.ts";
import type { GatewayContext } from "../gateway/context.ts";
import { fetchRequest, fetchResponse } from "../gateway/fetch.ts";
import { nodeRequest, nodeRespond } from "../gateway/node-http.ts";
import { errorResponse } from "../gateway/exchange.ts";
import { Router } from "../gateway/router.ts";
import { Sweep } from "../gateway/sweep.ts";
import { Turn } from "../gateway/turn.ts";
import { WebSocketGateway } from "../gateway/websocket.ts";
import { createLogger, errorFacts, type Logger, silentLogger } from "../observe/log.ts";
import { Metrics } from "../observe/metrics.ts";
import { resumeOutboxes } from "../runtime/outbox-resume.ts";
import { SnapshotCache } from "../runtime/snapshot-cache.ts";
import { Tenants } from "../runtime/tenants.ts";
import { DEFAULT_RULE_TIMEOUT_MS, timeLimit } from "../runtime/time-limit.ts";
import { Trimmer } from "../runtime/trimmer.ts";
import type { Storage } from "../storage/storage.ts";
import { type TenantFacts, webhookBus } from "../webhook/webhook-bus.ts";
import { attachTo } from "./attach.ts";
import { verifierFrom } from "./auth.ts";
import { shutDown } from "./shut-down.ts";
import { type ListeningAddress, listenOn } from "./listen.ts";
import { authenticatorOf, checkOptions, limitsOf, type ServerOptions } from "./options.ts";
import { DEFAULT_PATH, Routes } from "./routes.ts";

export const DEFAULT_PORT = 4400;
export const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_SNAPSHOT_CACHE_BYTES = 256 * 1024 * 1024;
/** Time that a request's head may take; a slow one would hold a socket for nothing. */
const HEADERS_TIMEOUT_MS = 15_000;
/** Sockets beyond those of sessions, for plain requests; more than that are closed unread. */
const SPARE_CONNECTIONS = 2_000;

export interface TidelockServer {
  /** Opens the storage and listens. Port 0 picks a free one. Rejects with a coded error that says what to do. */
  listen(port?: number, host?: string): Promise<ListeningAddress>;
  /**
   * Serves below `path` (default `/sync`) of a server that the application has; all else there stays the application's.
   * Resolves when the storage is open; requests that come earlier wait.
   */
  attach(server: Server, options?: { readonly path?: string }): Promise<void>;
  /** Everything but WebSockets, as a web-standard handler. */
  fetch(request: Request): Promise<Response>;
  /** Sends everybody away, lets accepted work reach the disk, and closes the storage. */
  close(): Promise<void>;
  readonly metrics: Metrics;
}

/** Makes a server. Throws `config-invalid` or `secret-missing` when the options cannot work; opens nothing yet. */
export function createServer(options: ServerOptions): TidelockServer {
  return new AssembledServer(options);
}

class AssembledServer implements TidelockServer {
  readonly metrics = new Metrics();
  readonly #options: ServerOptions;
  readonly #limits: ServerLimits;
  readonly #log: Logger;
  readonly #storage: Storage;
  readonly #bus: Bus;
  readonly #tenants: Tenants;
  readonly #trimmer: Trimmer;
  readonly #sweep: Sweep;
  readonly #context: GatewayContext;
  readonly #webSockets: WebSocketGateway;
  readonly #routes: Routes;
  readonly #router: Router;
  readonly #detach: Array<() => void> = [];
  #server: Server | null = null;
  #opening: Promise<void> | null = null;
  #open = false;
  #closing: Promise<void> | null = null;

  constructor(options: ServerOptions) {
    checkOptions(options);
    this.#log = options.logger === false ? silentLogger : (options.logger ?? createLogger());
    const verify = verifierFrom(authenticatorOf(options), this.#log);
    this.#options = options;
    this.#limits = limitsOf(options.limits);
    this.#storage = options.storage;
    this.#bus = this.#makeBus();
    const turn = new Turn();
    const now = Date.now;
    const admission = new Admission(this.#limits);
    this.#tenants = this.#makeTenants(turn, admission);
    this.#trimmer = new Trimmer(this.#storage, this.#tenants, options.retention ?? {}, this.#log, now);
    this.#sweep = new Sweep(this.#limits, now);
    this.#context = {
      schema: options.schema,
      tenants: {
        load: async (tenant) => {
          await this.#start();
          return this.#tenants.load(tenant);
        },
      },
      verify,
      limits: this.#limits,
      origins: options.origins ?? [],
      upgrade: options.upgrade ?? null,
      metrics: this.metrics,
      log: this.#log,
      admission,
      turn,
      now,
      accepting: () => this.#closing === null,
    };
    this.#webSockets = new WebSocketGateway(this.#context, this.#sweep);
    this.#routes = new Routes(this.#context, this.#sweep, () => this.#open, options.inbox ?? true);
    this.#router = new Router(this.#context, this.#routes.own());
    this.metrics.levels = () => this.#tenants.levels();
  }

  #makeBus(): Bus {
    const { bus = memoryBus(), webhooks = [], schema } = this.#options;
    const factsOf = async (tenant: TenantId): Promise<TenantFacts> => {
      const record = await this.#storage.openTenant(tenant);
      return { epoch: record.epoch, columns: columnsFor(schema, record).columns.get(REVIEWS) ?? [] };
    };
    return webhookBus(bus, webhooks, { log: this.#log, metrics: this.metrics, now: Date.now, factsOf });
  }

  #makeTenants(turn: Turn, admission: Admission): Tenants {
    const { schema, rules, rooms, upgrade, snapshotCacheBytes, ruleTimeoutMs } = this.#options;
    const limits = this.#limits;
    const limit = timeLimit(ruleTimeoutMs ?? DEFAULT_RULE_TIMEOUT_MS);
    return new Tenants({
      storage: this.#storage,
      bus: this.#bus,
      snapshots: new SnapshotCache(snapshotCacheBytes ?? DEFAULT_SNAPSHOT_CACHE_BYTES),
      turn,
      metrics: this.metrics,
      log: this.#log,
      now: Date.now,
      makeHub: (tenant, record) =>
        new Hub({
          tenant,
          record,
          schema,
          limits,
          limit,
          random: seededRandom(randomInt(2 ** 32)),
          ...(rules === undefined ? {} : { rules }),
          ...(rooms === undefined ? {} : { rooms }),
          ...(upgrade === undefined ? {} : { upgrade }),
        }),
      // A session costs about a millisecond to open: the more there are, the longer they are spread over.
      retryAfterMs: () => 100 + Math.round(Math.random() * Math.min(30_000, 500 + admission.sessions)),
    });
  }

  async listen(port: number = DEFAULT_PORT, host: string = DEFAULT_HOST): Promise<ListeningAddress> {
    await this.#start();
    const server = createHttpServer({ headersTimeout: HEADERS_TIMEOUT_MS });
    server.maxConnections = this.#limits.maxSessions + this.#limits.maxUnauthenticated + SPARE_CONNECTIONS;
    server.on("request", (request, response) => void this.#respond(this.#router, request, response, true));
    server.on("upgrade", (request, socket, head) => this.#upgrade(DEFAULT_PATH, request, socket, head));
    const address = await listenOn(server, port, host);
    this.#server = server;
    this.#log.info({ url: address.url }, "listening");
    return address;
  }

  async attach(server: Server, options: { readonly path?: string } = {}): Promise<void> {
    const path = (options.path ?? DEFAULT_PATH).replace(/\/+$/, "");
    const router = new Router(this.#context, this.#routes.below(path));
    const detach = attachTo(server, {
      takes: (asked) => asked === path || asked.startsWith(`${path}/`),
      request: (request, response) => void this.#respond(router, request, response, false),
      upgrade: (request, socket, head) => this.#upgrade(path, request, socket, head),
    });
    this.#detach.push(detach);
    await this.#start();
  }

  async fetch(request: Request): Promise<Response> {
    const asked = fetchRequest(request);
    return fetchResponse(asked, await this.#router.answer(asked));
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  #start(): Promise<void> {
    this.#opening ??= this.#openAll();
    return this.#opening;
  }

  async #openAll(): Promise<void> {
    try {
      await this.#storage.open();
      await this.#bus.open();
    } catch (error) {
      // The next attempt starts over.
      this.#opening = null;
      await this.#storage.close().catch(() => undefined);
      throw error;
    }
    this.#open = true;
    void resumeOutboxes(this.#storage, this.#tenants, this.#log);
  }

  async #respond(router: Router, request: IncomingMessage, response: ServerResponse, mayDefer: boolean): Promise<void> {
    const asked = nodeRequest(request);
    if (asked === null) return nodeRespond(request, response, errorResponse("not-found"));
    if (mayDefer && this.#options.static !== undefined && !router.has(asked.path)) {
      try {
        if (await this.#options.static(request, response)) return;
      } catch (error) {
        this.#log.error({ path: asked.path, ...errorFacts(error) }, "the static handler failed");
        return nodeRespond(request, response, errorResponse("internal"));
      }
    }
    const answer = await router.answer(asked);
    try {
      nodeRespond(request, response, answer);
    } catch (error) {
      this.#log.error({ path: asked.path, ...errorFacts(error) }, "an answer could not be given");
      response.destroy();
    }
  }

  #upgrade(path: string, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const asked = (request.url ?? "/").split(/[?#]/, 1)[0];
    if (asked === path || asked === `${path}/`) return this.#webSockets.upgrade(request, socket, head);
    this.#webSockets.refuse(socket, "not-found");
  }

  async #shutDown(): Promise<void> {
    for (const detach of this.#detach) detach();
    // What is being opened is opened first, so that it can be closed.
    await this.#opening?.catch(() => undefined);
    await shutDown({
      server: this.#server,
      tenants: this.#tenants,
      trimmer: this.#trimmer,
      sweep: this.#sweep,
      bus: this.#bus,
      storage: this.#storage,
      isOpen: this.#open,
      log: this.#log,
    });
    this.#open = false;
    this.metrics.close();
  }
}
