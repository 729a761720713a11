/** What every transport does with a hello before the engine sees it: a name for the session, and a look at its age. */
import { randomBytes } from "node:crypto";
import {
  assert,
  chooseVersion,
  type Hello,
  OLDEST_PROTOCOL_VERSION,
  parseSessionId,
  PROTOCOL_VERSION,
  type SessionId,
} from "@tidelock/core";
import type { GatewayContext } from "./context.ts";

/** A random name that nobody can guess. */
export function newSessionId(): SessionId {
  const session = parseSessionId(`s${randomBytes(15).toString("hex")}`);
  assert(session !== null, "hexadecimal digits are a name");
  return session;
}

/** Why an application is too old to be served; `null` when it is not. */
export function tooOldFor(hello: Hello, { upgrade }: GatewayContext): { message: string; url: string } | null {
  const ours: readonly [number, number] = [OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION];
  if (chooseVersion(hello.protocol, ours) === null) {
    return { message: upgrade?.message ?? `this server speaks protocol ${ours.join(" to ")}`, url: upgrade?.url ?? "" };
  }
  if (upgrade?.requiredSchema === undefined || hello.schema.version >= upgrade.requiredSchema) return null;
  return { message: upgrade.message, url: upgrade.url };
}
