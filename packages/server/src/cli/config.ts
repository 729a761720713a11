/**
 * The configuration of `tidelock serve`: a file `tidelock.config.ts` (or .js, .mjs, .json) beside the application.
 *
 *     import { defineConfig } from "@tidelock/server";
 *     import { schema } from "./tidelock.schema.ts";
 *
 *     export default defineConfig({ schema, auth: { secretEnv: "TIDELOCK_SECRET" } });
 *
 * What the entries accept is said once more, for those that no compiler warns, in `config-entries.ts`.
 */
import type { Schema } from "@tidelock/core";
import type { JwtOptions } from "../api/auth.ts";
import type { ServerOptions } from "../api/options.ts";
import type { Webhook } from "../webhook/webhook.ts";

/** Entries of `createServer` that mean the same here. */
type SharedEntries = Pick<
  ServerOptions,
  | "authenticate"
  | "rules"
  | "rooms"
  | "limits"
  | "origins"
  | "retention"
  | "upgrade"
  | "snapshotCacheBytes"
  | "inbox"
  | "ruleTimeoutMs"
>;

export interface AuthConfig extends JwtOptions {
  /** The environment variable that holds the shared secret. */
  readonly secretEnv?: string;
  /** The file whose first line is the shared secret. */
  readonly secretFile?: string;
}

export interface WebhookConfig extends Omit<Webhook, "secret"> {
  readonly secret?: string;
  /** The environment variable that holds the secret, instead of `secret`. */
  readonly secretEnv?: string;
}

export interface TidelockConfig extends SharedEntries {
  /** The schema, or the file that exports it as `schema` or as its default. Files are relative to the configuration. */
  readonly schema: Schema | string;
  /** An SQLite file, or `"memory"` for data that is gone with the process. Default: `{ sqlite: ".tidelock/data.db" }`. */
  readonly storage?: "memory" | { readonly sqlite: string };
  /** How tokens are verified. Default: with the secret in the environment variable `TIDELOCK_SECRET`. */
  readonly auth?: AuthConfig;
  /** Who is told when a review opens or closes. */
  readonly webhooks?: readonly WebhookConfig[];
  /** Default 4400. `--port` and the environment variable `PORT` go before it. */
  readonly port?: number;
  /** Default `127.0.0.1`: this machine only. `0.0.0.0` for every network that it is in. */
  readonly host?: string;
}

/** Says nothing and does nothing; it gives an editor the types of the entries. */
export function defineConfig(config: TidelockConfig): TidelockConfig {
  return config;
}
