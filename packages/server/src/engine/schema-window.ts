/**
 * Which versions of the schema are served: the server's own and the one before. An older application must be renewed; a
 * newer one waits until the server is.
 */
import type { ErrorCode, Hello, Millis } from "@tidelock/core";
import type { RequestRefusal } from "./effect.ts";
import type { HubContext, HubOptions } from "./ports.ts";

/** How long an application that is ahead of its server waits: about what a deployment takes. */
const AHEAD_RETRY_MS: Millis = 5_000;
/** Foreign schemas that are told of, and remembered. */
const MAX_FOREIGN = 16;

/** Why an application with another schema is not served. */
export interface WindowRefusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly more: { readonly retryAfterMs?: Millis; readonly url?: string };
}

export class SchemaWindow {
  readonly #options: Pick<HubOptions, "schema" | "upgrade">;
  readonly #emit: HubContext["emit"];
  /** Hashes of schemas of the server's version that are not the server's. */
  readonly #foreign = new Set<string>();

  constructor(options: Pick<HubOptions, "schema" | "upgrade">, { emit }: Pick<HubContext, "emit">) {
    this.#options = options;
    this.#emit = emit;
  }

  /** Why an application with this version of the schema is not served; `null` when it is. */
  refusal(theirs: number): WindowRefusal | null {
    const { schema, upgrade } = this.#options;
    const { version } = schema;
    if (theirs > version) {
      const message = `the application has schema version ${theirs}, this server version ${version}`;
      return { code: "schema-ahead", message, more: { retryAfterMs: AHEAD_RETRY_MS } };
    }
    if (theirs >= version - 1) return null;
    const message = upgrade?.message ?? `schema version ${theirs} is not served any more; the oldest is ${version - 1}`;
    return { code: "upgrade-required", message, more: upgrade === undefined ? {} : { url: upgrade.url } };
  }

  /** The same for a whole request. */
  answer(theirs: number): RequestRefusal | null {
    const refusal = this.refusal(theirs);
    return refusal === null ? null : { ok: false, code: refusal.code, message: refusal.message, ...refusal.more };
  }

  /** An application of the same version with another schema was not made from the same sources: that is told once. */
  note({ version, hash }: Hello["schema"]): void {
    const { schema } = this.#options;
    const isForeign = version === schema.version && hash !== schema.hash && hash !== "";
    if (!isForeign || this.#foreign.has(hash) || this.#foreign.size >= MAX_FOREIGN) return;
    this.#foreign.add(hash);
    const message = "an application has another schema of the same version";
    this.#emit({ type: "log", level: "warn", message, facts: { version, hash, expected: schema.hash } });
  }
}
