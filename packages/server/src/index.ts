/** The public face of the server. Storages and buses with drivers of their own are separate entries. */
export { type Authenticate, type AuthenticatedUser, jwtAuth, type JwtOptions } from "./api/auth.ts";
export { createServer, DEFAULT_HOST, DEFAULT_PORT, type TidelockServer } from "./api/create-server.ts";
export type { ListeningAddress } from "./api/listen.ts";
export type { ServerOptions } from "./api/options.ts";
export { type AuthConfig, defineConfig, type TidelockConfig, type WebhookConfig } from "./cli/config.ts";
export type { Bus, BusEvent } from "./bus/bus.ts";
export { memoryBus } from "./bus/memory.ts";
export type { CollectionRules, RuleContext, Rules, WriteRequest } from "./engine/rules.ts";
export type { UpgradePolicy } from "./gateway/context.ts";
export type { Origins } from "./gateway/origin.ts";
export { createLogger, type Logger, silentLogger } from "./observe/log.ts";
export type { Metrics } from "./observe/metrics.ts";
export type { Retention } from "./runtime/trimmer.ts";
export type { Webhook, WebhookEvent } from "./webhook/webhook.ts";
export { StaleHead, type Storage } from "./storage/storage.ts";
