/** What `createServer` takes, and the check of what a compiler cannot see. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { DEFAULT_LIMITS, type RoomName, type Schema, type ServerLimits, TidelockError } from "@tidelock/core";
import type { Bus } from "../bus/bus.ts";
import type { RuleContext, Rules } from "../engine/rules.ts";
import type { UpgradePolicy } from "../gateway/context.ts";
import type { Origins } from "../gateway/origin.ts";
import type { Logger } from "../observe/log.ts";
import { MAX_RULE_TIMEOUT_MS } from "../runtime/time-limit.ts";
import type { Retention } from "../runtime/trimmer.ts";
import type { Storage } from "../storage/storage.ts";
import { type Webhook, webhookProblem } from "../webhook/webhook.ts";
import { type Authenticate, type JwtOptions, jwtAuth } from "./auth.ts";

export interface ServerOptions {
  readonly schema: Schema;
  /** `sqliteStorage({ path })` of `@tidelock/server/sqlite`, or `memoryStorage()` of `@tidelock/server/memory`. */
  readonly storage: Storage;
  /** Where committed events are published. Default: within the process. */
  readonly bus?: Bus;
  /** JSON Web Tokens. */
  readonly auth?: JwtOptions;
  /** Any other tokens: verifies one, or throws. Instead of `auth`. */
  readonly authenticate?: Authenticate;
  /** Who may read and write what. Default: every user of a tenant everything of it. */
  readonly rules?: Rules;
  /** Who may enter a presence room. Default: every user of the tenant. */
  readonly rooms?: (context: RuleContext, room: RoomName) => boolean;
  readonly limits?: Partial<ServerLimits>;
  /** Pages that may connect besides those of the server's own host: their origins, or `"*"` for all. */
  readonly origins?: Origins;
  /** How much of the log to keep for devices that were away. Default: everything. */
  readonly retention?: Retention;
  /** Any logger of pino's form; `false` for none. Default: JSON lines on standard output. */
  readonly logger?: Logger | false;
  /** Where to get a newer application, told to devices whose schema is older. */
  readonly upgrade?: UpgradePolicy;
  /** Answers what is none of the server's own addresses, and says whether it did. With `listen` only. */
  readonly static?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
  /** Whether the page on which people decide reviews is served, at `/inbox`. Default: yes. It shows nothing without a token. */
  readonly inbox?: boolean;
  /** Bytes of snapshots kept for the next device. Default 256 MiB. */
  readonly snapshotCacheBytes?: number;
  /**
   * Processor time that a conflict rule or a mutator may take, milliseconds: default 50, 0 for any. A rule that takes
   * longer sends the field to review, a mutator is refused. Read, write and review rules are trusted to end.
   */
  readonly ruleTimeoutMs?: number;
  /** Who is told when a review opens or closes. */
  readonly webhooks?: readonly Webhook[];
}

/** The defaults with the operator's changes. Throws `config-invalid`. */
export function limitsOf(given: Partial<ServerLimits> = {}): ServerLimits {
  const limits: Record<string, number> = { ...DEFAULT_LIMITS };
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) throw invalid(`limits has no entry ${JSON.stringify(name)}`);
    if (typeof value !== "number" || !(value > 0)) throw invalid(`limits.${name} must be a number above 0`);
    limits[name] = value;
  }
  return { ...DEFAULT_LIMITS, ...limits };
}

export function authenticatorOf({ auth, authenticate }: ServerOptions): Authenticate {
  if (auth !== undefined && authenticate !== undefined) throw invalid("there is auth or authenticate, not both");
  if (authenticate !== undefined) return authenticate;
  return jwtAuth(auth ?? {});
}

/** Throws `config-invalid` for what would fail later and elsewhere. */
export function checkOptions(options: ServerOptions): void {
  const { schema, rules = {}, origins = [], retention = {}, ruleTimeoutMs = 0, webhooks = [] } = options;
  for (const name of Object.keys(rules)) {
    const collection = schema.collections.get(name);
    if (collection === undefined) throw invalid(`rules names the collection ${name}, which the schema does not have`);
    if (collection.isSystem)
      throw invalid(
        `rules names ${name}: who may read an entity may read its reviews, and its collection says who decides`,
      );
  }
  if (origins !== "*") {
    for (const origin of origins) {
      if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
        throw invalid(
          `origins has ${JSON.stringify(origin)}; an origin is like https://app.example.com, without a path`,
        );
      }
    }
  }
  if (!(Number.isInteger(ruleTimeoutMs) && ruleTimeoutMs >= 0 && ruleTimeoutMs <= MAX_RULE_TIMEOUT_MS)) {
    throw invalid(`ruleTimeoutMs must be a whole number from 0 to ${MAX_RULE_TIMEOUT_MS}`);
  }
  for (const [index, webhook] of webhooks.entries()) {
    const problem = webhookProblem(webhook);
    if (problem !== null) throw invalid(`webhooks[${index}] ${problem}`);
  }
  for (const [name, value] of Object.entries(retention)) {
    if (typeof value !== "number" || !(value >= 0)) throw invalid(`retention.${name} must be a number from 0`);
  }
}

function invalid(reason: string): TidelockError {
  return new TidelockError("config-invalid", reason);
}
