/** Authentication of HTTP requests: who is asking, within the cap on those that have not said yet. */
import { TidelockError } from "@tidelock/core";
import type { GatewayContext } from "./context.ts";
import { type ApiRequest, bearerToken } from "./exchange.ts";
import { type Identity, within } from "./identity.ts";

/** Does `use` with the request's token, which nobody has verified yet. */
export async function whileUnauthenticated<Value>(
  context: GatewayContext,
  request: ApiRequest,
  use: (token: string) => Promise<Value>,
): Promise<Value> {
  if (!context.accepting()) throw new TidelockError("shutting-down");
  const token = bearerToken(request);
  const leave = context.admission.enter();
  if (leave === null) throw new TidelockError("too-many-connections");
  try {
    return await use(token);
  } finally {
    leave();
  }
}

/** Rejects with `token-missing`, `token-invalid` or `token-expired`. */
export function authenticate(context: GatewayContext, request: ApiRequest): Promise<Identity> {
  const verify = (token: string): Promise<Identity> =>
    within(context.verify(token), context.limits.helloTimeoutMs, "token-invalid");
  return whileUnauthenticated(context, request, verify);
}
