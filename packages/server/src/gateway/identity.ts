/** Who a token speaks for. Tenant and user come from here only, never from a message. */
import type { Millis, TenantId } from "@tidelock/core";
import { type ErrorCode, TidelockError } from "@tidelock/core";
import type { Principal } from "../engine/input.ts";

export interface Identity {
  readonly tenant: TenantId;
  readonly principal: Principal;
}

/** Names a user among those of all tenants. */
export function userKey({ tenant, principal }: Identity): string {
  return `${tenant} ${principal.user}`;
}

/** Verifies a token. Rejects with a `TidelockError`: `token-missing`, `token-invalid`, `token-expired`. */
export type Verify = (token: string) => Promise<Identity>;

/** Rejects with `code` when the promise takes too long, so that nobody waits for a key server for ever. */
export async function within<Value>(promise: Promise<Value>, limitMs: Millis, code: ErrorCode): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TidelockError(code)), limitMs);
    timer.unref();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
