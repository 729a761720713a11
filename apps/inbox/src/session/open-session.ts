/** Opening the inbox: asks the server for its schema with the token, then makes a client of it. */
import { type Client, createClient } from "@tidelock/client";
import { type ErrorCode, isErrorCode, type JsonValue, type Schema } from "@tidelock/core";
import { parseServerSchema, type ServerSchema } from "./server-schema.ts";
import { keepToken } from "./token.ts";

export interface InboxSession extends ServerSchema {
  readonly client: Client<Schema>;
  /** Goes on with another token of the same user, where the old one is no longer taken. Answers why not, if not. */
  readonly renew: (token: string) => Promise<string | null>;
}

/** Why the inbox did not open. */
export interface OpeningProblem {
  /** `null` when the server could not be reached at all. */
  readonly code: ErrorCode | null;
  readonly message: string;
  /** Whether another token may help. */
  readonly isAboutToken: boolean;
}

export type Opening =
  | { readonly kind: "opened"; readonly session: InboxSession }
  | { readonly kind: "failed"; readonly problem: OpeningProblem };

/** What the server's addresses `/sync/…` are below: the page says it, see `index.html`. */
function baseAddress(): string {
  const way = document.querySelector<HTMLMetaElement>('meta[name="tidelock-base"]')?.content ?? ".";
  return new URL(`${way}/`, location.href).href.replace(/\/$/, "");
}

/** Never rejects. */
export async function openSession(token: string): Promise<Opening> {
  const base = baseAddress();
  const server = await readSchema(base, token);
  return "schema" in server
    ? { kind: "opened", session: makeSession(base, token, server) }
    : { kind: "failed", problem: server };
}

async function readSchema(base: string, token: string): Promise<ServerSchema | OpeningProblem> {
  let response: Response;
  try {
    response = await fetch(`${base}/sync/schema`, { headers: { Authorization: `Bearer ${token}` } });
  } catch {
    return { code: null, message: "The server cannot be reached.", isAboutToken: false };
  }
  const answer = (await response.json().catch(() => null)) as JsonValue;
  if (!response.ok) return refused(response.status, answer);
  try {
    return parseServerSchema(answer);
  } catch (error) {
    return { code: null, message: error instanceof Error ? error.message : String(error), isAboutToken: false };
  }
}

function makeSession(base: string, token: string, server: ServerSchema): InboxSession {
  let current = token;
  const client = createClient({ url: base, schema: server.schema, auth: () => current });
  return {
    ...server,
    client,
    async renew(next) {
      const found = await readSchema(base, next);
      if (!("schema" in found)) return found.message;
      if (found.user !== server.user || found.tenant !== server.tenant)
        return `This is a token of ${found.user} in ${found.tenant}. Sign out first to go on as somebody else.`;
      current = next;
      keepToken(next);
      client.goOffline();
      client.goOnline();
      return null;
    },
  };
}

function refused(status: number, answer: JsonValue): OpeningProblem {
  const error = (answer as { error?: { code?: unknown; message?: unknown } } | null)?.error;
  const code = isErrorCode(error?.code) ? error.code : null;
  const message = typeof error?.message === "string" ? error.message : `The server answered with ${status}.`;
  return { code, message, isAboutToken: status === 401 };
}
