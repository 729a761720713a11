/** The server's HTTP interface as the commands use it: JSON both ways, refusals as coded errors, patience with its limits. */
import { setTimeout as wait } from "node:timers/promises";
import type { ErrorCode, JsonObject, TidelockError } from "@tidelock/core";
import type { Command } from "commander";
import { localServerUrl, parseServerUrl } from "../command-options.ts";
import { DEMO_TENANT } from "../demo-schema.ts";
import { AdvisedError } from "../failure.ts";
import { refusalOf, ServerRefusal, type TokenSource, tokenSource, unreachable } from "../server-access.ts";

/** A little longer than the server gives itself. */
const ANSWER_MS = 35_000;
/** How often a server that is busy is asked again. */
const MAX_TRIES = 5;

const DEFAULT_USER = "support";

/** The options of every command that asks a server. */
export interface ServerOptions {
  readonly url?: string;
  readonly token?: string;
  readonly tenant: string;
  readonly user: string;
  readonly json?: true;
}

export function withServerOptions(command: Command): Command {
  return command
    .option("--url <address>", "the server (default: http://localhost:4400)", parseServerUrl)
    .option("--token <token>", "the token to use")
    .option("--tenant <id>", "the tenant to sign a token for", DEMO_TENANT)
    .option("--user <id>", "the user to sign a token for", DEFAULT_USER)
    .option("--json", "print JSON");
}

/** The options as one would type them again. */
export function typedAgain({ url, tenant, user }: ServerOptions): string {
  const parts = [
    ...(url === undefined ? [] : ["--url", url]),
    ...(tenant === DEMO_TENANT ? [] : ["--tenant", tenant]),
    ...(user === DEFAULT_USER ? [] : ["--user", user]),
  ];
  return parts.map((word) => ` ${word}`).join("");
}

type Parameters = Readonly<Record<string, string | number | undefined>>;

export class ServerApi {
  readonly url: string;
  readonly #token: TokenSource;

  constructor({ url, token, tenant, user }: ServerOptions) {
    this.url = url ?? localServerUrl();
    this.#token = tokenSource(token, tenant, user);
  }

  get<Answer>(path: string, parameters: Parameters = {}): Promise<Answer> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value));
    return this.#ask(`${path}${query.size === 0 ? "" : `?${query}`}`, {});
  }

  post<Answer>(path: string, body: JsonObject): Promise<Answer> {
    const headers = { "content-type": "application/json" };
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  async #ask<Answer>(path: string, init: RequestInit): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      const response = await this.#fetch(path, init);
      if (response.ok) return (await response.json()) as Answer;
      const refusal = await refusalOf(response);
      if (!(refusal instanceof ServerRefusal) || !mayTryAgain(refusal) || tries >= MAX_TRIES) throw refusal;
      await wait(refusal.retryAfterMs ?? 1_000);
    }
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const authorization = `Bearer ${await this.#token()}`;
    try {
      return await fetch(`${this.url}/sync${path}`, {
        ...init,
        headers: { ...init.headers, authorization },
        signal: AbortSignal.timeout(ANSWER_MS),
      });
    } catch (error) {
      throw unreachable(this.url, error);
    }
  }
}

/** The same with a next step that fits the command, where the server's is for whoever writes requests. */
export async function advising<Answer>(
  request: Promise<Answer>,
  advice: Partial<Readonly<Record<ErrorCode, string>>>,
): Promise<Answer> {
  try {
    return await request;
  } catch (error) {
    const fix = error instanceof ServerRefusal ? advice[error.code] : undefined;
    if (!(error instanceof ServerRefusal) || fix === undefined) throw error;
    throw new AdvisedError(error.code, error.detail, fix);
  }
}

/** All of these requests may be sent twice: reads, and writes that have a name. */
function mayTryAgain({ code }: TidelockError): boolean {
  return code === "rate-limited" || code === "overloaded";
}

/** A part of a path. Ids need no escapes; what is none is for the server to refuse. */
export function part(text: string): string {
  return encodeURIComponent(text);
}
